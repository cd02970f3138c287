//! `gi show`, and how a guest's token stands in words.

use guestissuer_client::proto::migration::MovedGuest;
use guestissuer_client::proto::response::{GuestDetail, GuestSummary, MintRecord, TokenState};
use guestissuer_client::proto::{Failure, UnixTime};
use guestissuer_client::{Answered, ShowGuest};

use super::moves::{self, PersonId};
use crate::cli::{Format, Guest};
use crate::output::{Output, Paint, facts, json, print, time};
use crate::session::Session;

/// How many pieces the bar of a token's life has.
const BAR: u64 = 8;

pub(super) fn show(guest: Guest, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let Answered { value: detail, now, .. } = session.ask(&ShowGuest(guest.into_ref()))?;
    let moved = moves::last_of(&detail.summary, session);
    let moved = moved.as_ref();
    let text = match output.format {
        Format::Json => json::line(&moves::with_move(json::guest_detail(&detail, now), moved)),
        Format::Text | Format::Env | Format::Header | Format::Curl => described(&detail, moved, now, output),
    };
    print(&text)?;
    Ok(())
}

/// What is left of a token's life, in milliseconds.
pub(super) struct Life {
    left: u64,
    whole: u64,
}

/// How much of a guest's token is left, if it has one.
pub(super) fn life(guest: &GuestDetail, now: UnixTime) -> Option<Life> {
    let (issued_at, expires_at) = (guest.issued_at?, guest.summary.expires_at?);
    let span = |until: UnixTime, from: UnixTime| u64::try_from(until.0.saturating_sub(from.0)).unwrap_or(0);
    let whole = span(expires_at, issued_at).max(1);
    // A clock that was set back does not make it live longer.
    Some(Life { left: span(expires_at, now).min(whole), whole })
}

impl Life {
    /// The last piece goes when the token does.
    pub(super) fn bar(&self) -> String {
        let full = self.left.saturating_mul(BAR).div_ceil(self.whole).min(BAR);
        (0..BAR).map(|piece| if piece < full { '▰' } else { '▱' }).collect()
    }

    fn in_words(&self) -> String {
        let seconds = |millis: u64| time::span(i64::try_from(millis / 1000).unwrap_or(i64::MAX));
        match self.left {
            0 => format!("over, after {}", seconds(self.whole)),
            left => format!("{} of {}", seconds(left), seconds(self.whole)),
        }
    }
}

/// How a guest's token stands, the same in a word, and its color.
pub(super) fn state(guest: &GuestSummary) -> (String, &'static str, Paint) {
    let mut text = guest.token_state.as_str().to_owned();
    let mut short = guest.token_state.as_str();
    let mut paint = match guest.token_state {
        TokenState::Fresh => Paint::Good,
        TokenState::Due => Paint::Notable,
        TokenState::Expired => Paint::Bad,
        TokenState::None => Paint::Faint,
    };
    if guest.last_error.is_some() {
        text.push_str(", failing");
        short = "failing";
        paint = Paint::Bad;
    }
    if guest.pinned {
        text.push_str(", pinned");
    }
    (text, short, paint)
}

fn described(detail: &GuestDetail, moved: Option<&MovedGuest>, now: UnixTime, output: &Output) -> String {
    let guest = &detail.summary;
    let when = |at: Option<UnixTime>, otherwise: &str| match at {
        Some(at) if output.is_narrow() => time::relative(at, now),
        Some(at) => format!("{} ({})", time::relative(at, now), time::rfc3339(at)),
        None => otherwise.to_owned(),
    };
    let (state, _, paint) = state(guest);
    let mut lines = vec![
        ("guest", guest.subject.to_string()),
        ("name", guest.display_name.to_string()),
        ("issuer", guest.issuer.to_string()),
        ("token", output.paint(paint, &state)),
    ];
    if let (Some(life), Some(_)) = (life(detail, now), output.width) {
        lines.push(("life", format!("{} {}", output.paint(paint, &life.bar()), life.in_words())));
    }
    lines.extend([
        ("minted", when(detail.issued_at, "never")),
        ("expires", when(guest.expires_at, "-")),
        ("refresh", when(guest.refresh_at, "not planned")),
        ("last used", when(guest.last_used_at, "never")),
        ("registered", when(Some(detail.created_at), "-")),
        ("person id", guest.person_id.clone().unwrap_or_else(|| "not known".to_owned())),
        ("e-mail", guest.email.clone().unwrap_or_else(|| "not known".to_owned())),
    ]);
    if let Some(moved) = moved {
        lines.push(("moved from", format!("{}, {}", moved.migration.from, time::relative(moved.at, now))));
        let before = match PersonId::compared(&moved.before, guest.person_id.as_deref()) {
            PersonId::Same => Some("the same".to_owned()),
            PersonId::Changed | PersonId::Unknown => moved.before.person_id.clone(),
        };
        lines.extend(before.map(|id| ("person id before", id)));
    }
    if let Some(error) = &guest.last_error {
        let message = without_id(&error.failure.message, error.tracking_id.as_deref());
        let message = output.paint(Paint::Bad, message);
        lines.push(("last error", format!("{message} ({})", time::relative(error.at, now))));
        if let Some(hint) = &error.failure.hint {
            lines.push(("hint", hint.clone()));
        }
        if let Some(id) = &error.tracking_id {
            lines.push(("tracking id", id.clone()));
        }
    }
    for (at, record) in detail.history.iter().enumerate() {
        lines.push((if at == 0 { "history" } else { "" }, described_mint(record, now, output)));
    }
    facts(&lines)
}

fn described_mint(record: &MintRecord, now: UnixTime, output: &Output) -> String {
    let outcome = match (&record.failure, record.expires_at) {
        (Some(failure), _) if output.width.is_some() => {
            format!("failed: {}", without_id(&failure.message, record.tracking_id.as_deref()))
        }
        (Some(failure), _) => format!("failed: {}", failure.message),
        (None, Some(expires_at)) => {
            format!("minted, valid for {}", time::span(time::seconds_until(expires_at, record.at)))
        }
        (None, None) => "minted".to_owned(),
    };
    let when = time::relative(record.at, now);
    if output.is_narrow() {
        return format!("{when}: {outcome}");
    }
    format!("{}  {when} ({outcome})", time::rfc3339(record.at))
}

/// A message without the tracking id at its end, for where the id has a line of its own or no room.
fn without_id<'a>(message: &'a str, id: Option<&str>) -> &'a str {
    id.and_then(|id| message.strip_suffix(&format!(" (tracking id {id})"))).unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_piece_of_the_bar_goes_when_the_token_does() {
        let table = [(8, "▰▰▰▰▰▰▰▰"), (7, "▰▰▰▰▰▰▰▱"), (1, "▰▱▱▱▱▱▱▱"), (0, "▱▱▱▱▱▱▱▱")];
        for (left, bar) in table {
            assert_eq!(Life { left, whole: 8 }.bar(), bar);
        }
        assert_eq!(Life { left: 1, whole: 6 * 3_600_000 }.bar(), "▰▱▱▱▱▱▱▱");
    }
}
