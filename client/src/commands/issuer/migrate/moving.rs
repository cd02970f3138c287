//! Moving all guests of an issuer, and those that it gets meanwhile.

use std::collections::HashSet;

use guestissuer_client::proto::migration::{MigrateGuest, Migration, MovedGuest, PlanMigration};
use guestissuer_client::proto::request::{ListGuests, MAX_PAGE};
use guestissuer_client::proto::{Failure, FailureCode, IssuerName, Subject};

use crate::commands::crew::{self, Tally, Task};
use crate::commands::moves::PersonId;
use crate::output::Output;
use crate::session::Session;

/// How far it got.
#[derive(Default)]
pub(super) struct Moved {
    /// How many guests there were to move. One that was forgotten meanwhile is not counted.
    pub(super) total: usize,
    pub(super) ids: Ids,
    pub(super) failed: Vec<(Subject, Failure)>,
    /// What ended it all, if it did not come to its end.
    pub(super) ended_by: Option<Failure>,
}

/// Of how many guests that were moved the person id is the same, and so on.
#[derive(Default)]
pub(super) struct Ids {
    pub(super) same: usize,
    pub(super) changed: usize,
    pub(super) unknown: usize,
}

impl Moved {
    /// How many guests were moved.
    pub(super) fn count(&self) -> usize {
        self.ids.same + self.ids.changed + self.ids.unknown
    }

    /// Whether nothing went wrong.
    pub(super) fn is_whole(&self) -> bool {
        self.failed.is_empty() && self.ended_by.is_none()
    }

    /// Counts what became of these guests.
    fn count_in(&mut self, subjects: &[Subject], tally: Tally<Became>) {
        self.total += subjects.len();
        for became in tally.done {
            match became {
                Became::Moved(PersonId::Same) => self.ids.same += 1,
                Became::Moved(PersonId::Changed) => self.ids.changed += 1,
                Became::Moved(PersonId::Unknown) => self.ids.unknown += 1,
                Became::Forgotten => self.total -= 1,
            }
        }
        let failed = tally.failed.into_iter();
        self.failed.extend(failed.filter_map(|(at, failure)| Some((subjects.get(at)?.clone(), failure))));
        self.ended_by = tally.ended_by;
    }
}

/// Moves guests until there is none left that was not tried, or no point in going on.
pub(super) fn move_all(asked: &PlanMigration, session: &mut Session<'_>, output: &Output) -> Moved {
    let moving = Moving { migration: asked.migration.clone(), asks_for_ids: asked.asks_for_ids };
    let mut moved = Moved::default();
    let mut tried = HashSet::new();
    while moved.ended_by.is_none() {
        let subjects = match untried(asked, &tried, session) {
            Ok(subjects) => subjects,
            Err(failure) => {
                moved.ended_by = Some(failure);
                break;
            }
        };
        if subjects.is_empty() {
            break;
        }
        moved.count_in(&subjects, crew::run(&moving, &subjects, session, output));
        tried.extend(subjects);
    }
    moved
}

/// The guests that are still to be moved, except those that were tried.
fn untried(
    asked: &PlanMigration,
    tried: &HashSet<Subject>,
    session: &mut Session<'_>,
) -> Result<Vec<Subject>, Failure> {
    let from = &asked.migration.from;
    let mut ask = ListGuests {
        pattern: asked.pattern.clone(),
        issuer: Some(from.clone()),
        expiring_within_ms: None,
        failing: false,
        after: None,
        limit: MAX_PAGE,
    };
    let mut subjects = Vec::new();
    loop {
        session.start_anew();
        let page = session.ask(&ask)?.value;
        // An issuer whose place another one has taken may stand for that one.
        let guests = page.guests.into_iter().filter(|guest| guest.issuer == *from);
        subjects.extend(guests.map(|guest| guest.subject).filter(|subject| !tried.contains(subject)));
        if page.next.is_none() {
            return Ok(subjects);
        }
        ask.after = page.next;
    }
}

/// Moving guests.
struct Moving {
    migration: Migration,
    asks_for_ids: bool,
}

/// How a guest ended that did not fail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Became {
    /// It is the new issuer's.
    Moved(PersonId),
    /// Somebody has removed it meanwhile.
    Forgotten,
}

impl Task for Moving {
    type Item = Subject;
    type Ask = MigrateGuest;
    type Done = Became;

    fn ask(&self, subject: &Subject) -> MigrateGuest {
        let (migration, subject) = (self.migration.clone(), subject.clone());
        MigrateGuest { migration, subject, asks_for_ids: self.asks_for_ids }
    }

    fn done(&self, guest: MovedGuest) -> Became {
        Became::Moved(PersonId::of(&guest))
    }

    fn excused(&self, failure: &Failure) -> Option<Became> {
        (failure.code == FailureCode::UnknownGuest).then_some(Became::Forgotten)
    }

    fn is_proof(&self, became: &Became) -> bool {
        *became != Became::Forgotten
    }

    fn issuers(&self) -> Vec<Option<IssuerName>> {
        vec![Some(self.migration.from.clone()), Some(self.migration.to.clone())]
    }
}
