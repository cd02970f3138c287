//! Commands about guests: list, show, add, rename, pin, unpin, remove.

use guestissuer_client::proto::request::{AddGuest, GuestRef, ListGuests, MAX_PAGE, RenameGuest, SetPinned};
use guestissuer_client::proto::response::{GuestDetail, GuestSummary, MintRecord, TokenState};
use guestissuer_client::proto::{Failure, UnixTime};
use guestissuer_client::{Answered, RemoveGuest, ShowGuest};

use super::token::warn_of_subject;
use crate::cli::{Add, Format, Guest, List, Remove, Rename};
use crate::output::table::{Cell, Table};
use crate::output::{Flow, Output, Paint, facts, json, print, time};
use crate::session::Session;

const HEADINGS: [&str; 7] = ["GUEST", "NAME", "ISSUER", "TOKEN", "EXPIRES", "REFRESH", "LAST USED"];

/// The columns that are cut where the terminal is narrow: name, then guest, then issuer.
const ELASTIC: [usize; 3] = [1, 0, 2];

/// The columns that are left out where the terminal is narrower still.
const OPTIONAL: [usize; 3] = [6, 5, 2];

/// The first page of a list is short, so that the first lines are there at once.
const FIRST_PAGE: u16 = 100;

pub(super) fn list(list: List, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let mut ask = ListGuests {
        pattern: list.pattern,
        issuer: list.issuer,
        expiring_within_ms: list
            .expiring
            .map(|span| u64::try_from(span.as_duration().as_millis()).unwrap_or(u64::MAX)),
        failing: list.failing,
        after: None,
        limit: FIRST_PAGE,
    };
    if output.format == Format::Json {
        return list_as_json(ask, session);
    }
    let mut table = Table::new(&HEADINGS, &ELASTIC, &OPTIONAL);
    let mut is_first = true;
    loop {
        let Answered { value: page, now, .. } = session.ask(&ask)?;
        if page.guests.is_empty() && is_first {
            output.message("no guests");
            return Ok(());
        }
        let text = table.rows(page.guests.iter().map(|guest| row(guest, now)).collect(), output);
        if print(&text)? == Flow::Enough || page.next.is_none() {
            return Ok(());
        }
        is_first = false;
        ask.after = page.next;
        ask.limit = MAX_PAGE;
    }
}

/// An array is printed whole or not at all: half of one is of no use to a program.
fn list_as_json(mut ask: ListGuests, session: &mut Session<'_>) -> Result<(), Failure> {
    let mut text = "[".to_owned();
    ask.limit = MAX_PAGE;
    loop {
        let Answered { value: page, now, .. } = session.ask(&ask)?;
        for guest in &page.guests {
            if text.len() > 1 {
                text.push_str(",\n");
            }
            text.push_str(&json::guest(guest, now).to_string());
        }
        if page.next.is_none() {
            text.push_str("]\n");
            print(&text)?;
            return Ok(());
        }
        ask.after = page.next;
    }
}

pub(super) fn show(guest: Guest, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let Answered { value: detail, now, .. } = session.ask(&ShowGuest(guest.into_ref()))?;
    let text = match output.format {
        Format::Json => json::line(&json::guest_detail(&detail, now)),
        Format::Text | Format::Env | Format::Header | Format::Curl => described(&detail, now, output),
    };
    print(&text)?;
    Ok(())
}

pub(super) fn add(add: Add, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let (Some(subject), Some(name)) = (add.guest, add.name) else { return Err(super::not_built_yet()) };
    warn_of_subject(&subject, output);
    let guest = GuestRef { subject, issuer: add.issuer.issuer };
    let ask = AddGuest { guest, name, pinned: add.pin };
    let answered = session.ask(&ask)?;
    let (guest, now) = (&answered.value.summary, answered.now);
    let left = guest.expires_at.map(|at| time::span(time::seconds_until(at, now))).unwrap_or_default();
    output.message(&format!("added {} ({}), token valid for {left}", guest.subject, guest.display_name));
    changed(&answered, output)
}

pub(super) fn rename(rename: Rename, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let answered = session.ask(&RenameGuest { guest: rename.guest.into_ref(), name: rename.name })?;
    let guest = &answered.value.summary;
    output.message(&format!(
        "{} is called {}; Webex learns of a new name with the next token, which is minted now",
        guest.subject, guest.display_name
    ));
    changed(&answered, output)
}

pub(super) fn pin(
    guest: Guest,
    pinned: bool,
    session: &mut Session<'_>,
    output: &Output,
) -> Result<(), Failure> {
    let answered = session.ask(&SetPinned { guest: guest.into_ref(), pinned })?;
    let guest = &answered.value.summary;
    output.message(&if pinned {
        format!("pinned {}: its token is kept fresh even when nobody asks", guest.subject)
    } else {
        format!("unpinned {}: its token is left to expire when nobody asks", guest.subject)
    });
    changed(&answered, output)
}

/// Removes all that can be removed, and fails with the first that cannot.
pub(super) fn remove(remove: Remove, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let mut removed = Vec::new();
    let mut failed = None;
    for subject in remove.guests {
        let issuer = remove.issuer.issuer.clone();
        match session.ask(&RemoveGuest(GuestRef { subject, issuer })) {
            Ok(answered) => removed.push(answered),
            Err(failure) => {
                if let Some(earlier) = failed.replace(failure) {
                    output.warning(&earlier.message);
                }
            }
        }
    }
    for answered in &removed {
        let guest = &answered.value.summary;
        let is_live = matches!(guest.token_state, TokenState::Fresh | TokenState::Due);
        let until = guest.expires_at.filter(|_| is_live).map(time::rfc3339);
        output.message(&match until {
            Some(until) => format!(
                "forgot {}; Webex has no way to revoke its token, which stays valid until {until}",
                guest.subject
            ),
            None => format!("forgot {}", guest.subject),
        });
    }
    if let Some(failure) = failed {
        return Err(failure);
    }
    if output.format == Format::Json {
        let guests = removed.iter().map(|answered| json::guest_detail(&answered.value, answered.now));
        print(&json::line(&guests.collect()))?;
    }
    Ok(())
}

/// After a change there is nothing to print but JSON, if that was asked for.
fn changed(answered: &Answered<GuestDetail>, output: &Output) -> Result<(), Failure> {
    if output.format == Format::Json {
        print(&json::line(&json::guest_detail(&answered.value, answered.now)))?;
    }
    Ok(())
}

fn row(guest: &GuestSummary, now: UnixTime) -> Vec<Cell> {
    let (state, paint) = state(guest);
    let until = |at: Option<UnixTime>| at.map_or("-".to_owned(), |at| time::relative(at, now));
    vec![
        Cell::new(guest.subject.as_str()),
        Cell::new(guest.display_name.as_str()),
        Cell::new(guest.issuer.as_str()),
        Cell::painted(state, paint),
        Cell::new(until(guest.expires_at)),
        Cell::new(until(guest.refresh_at)),
        Cell::new(until(guest.last_used_at)),
    ]
}

fn state(guest: &GuestSummary) -> (String, Paint) {
    let (mut text, mut paint) = match guest.token_state {
        TokenState::Fresh => ("fresh".to_owned(), Paint::Good),
        TokenState::Due => ("due".to_owned(), Paint::Notable),
        TokenState::Expired => ("expired".to_owned(), Paint::Bad),
        TokenState::None => ("none".to_owned(), Paint::Faint),
    };
    if guest.last_error.is_some() {
        text.push_str(", failing");
        paint = Paint::Bad;
    }
    if guest.pinned {
        text.push_str(", pinned");
    }
    (text, paint)
}

fn described(detail: &GuestDetail, now: UnixTime, output: &Output) -> String {
    let guest = &detail.summary;
    let when = |at: Option<UnixTime>, otherwise: &str| {
        at.map_or(otherwise.to_owned(), |at| format!("{} ({})", time::relative(at, now), time::rfc3339(at)))
    };
    let (state, paint) = state(guest);
    let mut lines = vec![
        ("guest", guest.subject.to_string()),
        ("name", guest.display_name.to_string()),
        ("issuer", guest.issuer.to_string()),
        ("token", output.paint(paint, &state)),
        ("minted", when(detail.issued_at, "never")),
        ("expires", when(guest.expires_at, "-")),
        ("refresh", when(guest.refresh_at, "not planned")),
        ("last used", when(guest.last_used_at, "never")),
        ("registered", when(Some(detail.created_at), "-")),
        ("person id", guest.person_id.clone().unwrap_or_else(|| "not known".to_owned())),
        ("e-mail", guest.email.clone().unwrap_or_else(|| "not known".to_owned())),
    ];
    if let Some(error) = &guest.last_error {
        lines.push(("last error", format!("{} ({})", error.failure.message, time::relative(error.at, now))));
        if let Some(id) = &error.tracking_id {
            lines.push(("tracking id", id.clone()));
        }
    }
    for (at, record) in detail.history.iter().enumerate() {
        lines.push((if at == 0 { "history" } else { "" }, described_mint(record, now)));
    }
    facts(&lines)
}

fn described_mint(record: &MintRecord, now: UnixTime) -> String {
    let outcome = match (&record.failure, record.expires_at) {
        (Some(failure), _) => format!("failed: {}", failure.message),
        (None, Some(expires_at)) => {
            format!("minted, valid for {}", time::span(time::seconds_until(expires_at, record.at)))
        }
        (None, None) => "minted".to_owned(),
    };
    format!("{}  {} ({outcome})", time::rfc3339(record.at), time::relative(record.at, now))
}
