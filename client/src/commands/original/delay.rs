//! For how long a guest JWT is valid: `--delay`, `EXPIRES`, or an hour and a half.

use std::time::Duration;

use guestissuer_client::proto::{Failure, FailureCode, Span};

use crate::environment::Environment;

/// What the original takes where nobody says.
const DEFAULT: Duration = Duration::from_secs(5_400);

/// The life that was asked for, in whole seconds, at least one.
pub(super) fn chosen(option: Option<&str>, environment: &Environment) -> Result<Duration, Failure> {
    let (source, text) = match (option, environment.expires.as_deref()) {
        (Some(text), _) => ("--delay", text),
        (None, Some(text)) => ("EXPIRES", text),
        (None, None) => return Ok(DEFAULT),
    };
    parse(text).ok_or_else(|| {
        let most = Span::MAX.as_duration().as_secs();
        Failure::new(
            FailureCode::Usage,
            format!("the value {text:?} of {source} is not a whole number of seconds from 1 to {most}"),
        )
        .with_hint("give seconds, such as 5400, or a time such as 90s, 5m, 6h")
    })
}

fn parse(text: &str) -> Option<Duration> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let life = if is_number {
        Duration::from_secs(text.parse().ok()?)
    } else {
        text.parse::<Span>().ok()?.as_duration()
    };
    let is_whole = life.subsec_nanos() == 0;
    (is_whole && !life.is_zero() && life <= Span::MAX.as_duration()).then_some(life)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_seconds_or_spans() {
        let table = [
            ("1", 1),
            ("5400", 5_400),
            ("0090", 90),
            ("90s", 90),
            ("90m", 5_400),
            ("6h", 21_600),
            ("2000ms", 2),
        ];
        for (text, seconds) in table {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_the_original_silently_replaced_is_refused() {
        for text in [
            "",
            "0",
            "0s",
            "-5",
            "-5s",
            "+5",
            "abc",
            "5.5",
            "1e3",
            " 5",
            "5 ",
            "0x10",
            "500ms",
            "1500ms",
            "∞",
            "3153600001",
            "99999999999999999999",
            "36501d",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
