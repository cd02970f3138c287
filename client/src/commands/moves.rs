//! Guests that were moved from one issuer to another, as the daemon has written them down.

use guestissuer_client::Answered;
use guestissuer_client::proto::migration::{Identity, ListMoved, MovedGuest};
use guestissuer_client::proto::request::MAX_PAGE;
use guestissuer_client::proto::response::GuestSummary;
use guestissuer_client::proto::{Failure, IssuerName, Subject, UnixTime};
use serde_json::{Value, json};

use crate::output::time;
use crate::session::Session;

/// Moves, the first of them first, page by page.
pub(super) struct Pages {
    ask: ListMoved,
    is_over: bool,
}

impl Pages {
    /// From one issuer to another.
    pub(super) fn between(from: &IssuerName, to: &IssuerName) -> Self {
        Self::new(Some(from.clone()), to.clone(), None)
    }

    fn new(from: Option<IssuerName>, to: IssuerName, subject: Option<Subject>) -> Self {
        let ask = ListMoved { from, to: Some(to), subject, after: None, limit: MAX_PAGE };
        Self { ask, is_over: false }
    }

    /// The next page and the daemon's time, if there is one.
    pub(super) fn read(
        &mut self,
        session: &mut Session<'_>,
    ) -> Result<Option<(Vec<MovedGuest>, UnixTime)>, Failure> {
        if self.is_over {
            return Ok(None);
        }
        // The time is for an answer, and not for as long as somebody reads.
        session.start_anew();
        let Answered { value: page, now, .. } = session.ask(&self.ask)?;
        self.ask.after = page.next;
        self.is_over = page.next.is_none();
        Ok(Some((page.guests, now)))
    }
}

/// How a guest came to its issuer, if it was moved. That the daemon cannot tell is no reason to tell nothing else.
pub(super) fn last_of(guest: &GuestSummary, session: &mut Session<'_>) -> Option<MovedGuest> {
    let mut pages = Pages::new(None, guest.issuer.clone(), Some(guest.subject.clone()));
    let mut last = None;
    while let Ok(Some((moved, _))) = pages.read(session) {
        last = moved.into_iter().next_back().or(last);
    }
    last
}

/// The JSON of a guest, with how it came to its issuer.
pub(super) fn with_move(mut guest: Value, moved: Option<&MovedGuest>) -> Value {
    let value = moved.map(|moved| {
        json!({
            "from": moved.migration.from.as_str(),
            "at": time::rfc3339(moved.at),
            "person_id_before": moved.before.person_id,
            "email_before": moved.before.email,
        })
    });
    if let Value::Object(object) = &mut guest {
        object.insert("moved_from".to_owned(), value.unwrap_or(Value::Null));
    }
    guest
}

/// What became of a guest's person id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PersonId {
    /// It is what it was.
    Same,
    /// It is another one.
    Changed,
    /// One of the two is not known.
    Unknown,
}

impl PersonId {
    pub(super) fn of(guest: &MovedGuest) -> Self {
        Self::compared(&guest.before, guest.after.person_id.as_deref())
    }

    /// What it was before, and what it is.
    pub(super) fn compared(before: &Identity, after: Option<&str>) -> Self {
        match (before.person_id.as_deref(), after) {
            (Some(before), Some(after)) if before == after => Self::Same,
            (Some(_), Some(_)) => Self::Changed,
            (None, _) | (_, None) => Self::Unknown,
        }
    }

    /// Whether it is the same, where that can be said.
    pub(super) const fn is_same(self) -> Option<bool> {
        match self {
            Self::Same => Some(true),
            Self::Changed => Some(false),
            Self::Unknown => None,
        }
    }
}
