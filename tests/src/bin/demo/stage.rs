//! What the viewer sees: explanations, commands as they are typed, and what they really printed.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use guestissuer_tests::{Gi, Outcome};
use serde_json::Value;

/// How much of a token is shown: its beginning, by which tokens are known, and its end, by which they differ.
const SHOWN: (usize, usize) = (24, 16);

/// From this length on an unbroken word is a token, which has thousands of characters; an issuer's id has about 90.
const TOKEN: usize = 200;

const BOLD: &str = "1";
const GREEN: &str = "32";
const FAINT: &str = "2";

/// Where the demo plays.
pub(crate) struct Stage {
    colored: bool,
}

/// A command that has run.
pub(crate) struct Run {
    pub(crate) outcome: Outcome,
    /// From its start to its end.
    pub(crate) took: Duration,
}

impl Stage {
    pub(crate) fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the demo is its own main")]
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colored: io::stdout().is_terminal() && !no_color }
    }

    /// Says what comes next.
    pub(crate) fn explain(&self, lines: &[&str]) {
        println!();
        for line in lines {
            println!("{}", self.paint(BOLD, line));
        }
    }

    /// Says something by the way.
    pub(crate) fn remark(&self, text: &str) {
        println!("{}", self.paint(FAINT, text));
    }

    /// Says that a promise was kept, or ends the demo.
    #[track_caller]
    pub(crate) fn promise(&self, is_kept: bool, text: &str) {
        assert!(is_kept, "this does not hold: {text}");
        println!("{}", self.paint(GREEN, &format!("ok: {text}")));
    }

    /// Shows a command as it is typed.
    pub(crate) fn type_in(&self, command: &str) {
        println!("{} {command}", self.paint(GREEN, "$"));
    }

    /// Shows a `gi` command as it is typed, with `rest` for what the shell does, runs it and shows what it prints.
    pub(crate) fn gi(&self, arguments: &[&str], rest: &str, gi: Gi) -> Run {
        let words: Vec<_> = arguments.iter().map(|word| quoted(word)).collect();
        self.type_in(&format!("gi {}{rest}", words.join(" ")));
        let start = Instant::now();
        let outcome = gi.args(arguments).run();
        let took = start.elapsed();
        for text in [&outcome.stderr, &outcome.stdout] {
            print!("{}", with_short_tokens(text));
        }
        Run { outcome, took }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colored { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

impl Run {
    /// This run, which must have been a success.
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.outcome.code, 0, "the command should succeed: {}", self.outcome);
        self
    }

    /// What it printed as JSON; it must have been a success.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.outcome.code, 0, "the command should succeed: {}", self.outcome);
        serde_json::from_str(&self.outcome.stdout).expect("JSON")
    }

    /// From its start to its end, for people.
    pub(crate) fn time(&self) -> String {
        format!("{} ms", self.took.as_millis())
    }
}

/// How a word is typed so that a shell leaves it alone.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{word}'") }
}

/// The text with every token cut in its middle.
fn with_short_tokens(text: &str) -> String {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let mut shown = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(|c| !is_inside(c)).unwrap_or(rest.len()));
        if word.len() < TOKEN {
            shown.push_str(word);
        } else {
            shown.push_str(&word[..SHOWN.0]);
            shown.push('…');
            shown.push_str(&word[word.len() - SHOWN.1..]);
        }
        let (between, next) = after.split_at(after.find(is_inside).unwrap_or(after.len()));
        shown.push_str(between);
        rest = next;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tokens_are_cut() {
        let token = "eyJ.".repeat(500);
        let text = format!("{{\"a\":\"{token}\"}} Stève /tmp/a-b.c\n");
        let shown = format!("{}…{}", "eyJ.".repeat(6), "eyJ.".repeat(4));
        let expected = format!("{{\"a\":\"{shown}\"}} Stève /tmp/a-b.c\n");
        assert_eq!(with_short_tokens(&text), expected);
    }

    #[test]
    fn words_that_a_shell_would_change_are_quoted() {
        assert_eq!(["--name", "Stève", "a b"].map(quoted), ["--name", "'Stève'", "'a b'"]);
    }
}
