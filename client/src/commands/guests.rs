//! Commands that change guests: add, rename, pin, unpin, remove.

use guestissuer_client::proto::request::{AddGuest, GuestRef, RenameGuest, SetPinned};
use guestissuer_client::proto::response::{GuestDetail, TokenState};
use guestissuer_client::proto::{Failure, FailureCode};
use guestissuer_client::{Answered, RemoveGuest};

use super::bulk;
use super::token::warn_of_subject;
use crate::cli::{Add, Format, Guest, Remove, Rename};
use crate::output::{Output, json, print, time};
use crate::session::Session;

pub(super) fn add(add: Add, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    if let Some(place) = add.from {
        let terms = bulk::Terms { issuer: add.issuer.issuer, pin: add.pin };
        return bulk::add(&place, &terms, session, output);
    }
    let (Some(subject), Some(name)) = (add.guest, add.name) else {
        return Err(Failure::new(FailureCode::Usage, "a guest and a name are missing"));
    };
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
