//! `gi issuer migrate`: the guests of one issuer become those of another.
//!
//! The daemon moves guest by guest, and finishes what it has begun. So whatever ends this command, it is continued by
//! typing it again.

mod moving;
mod plan;
mod report;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use guestissuer_client::EndMigration;
use guestissuer_client::proto::migration::{MigrationEnd, MigrationPlan, PlanMigration};
use guestissuer_client::proto::{Failure, FailureCode, Subject};
use serde_json::{Value, json};

use crate::cli::{Format, IssuerMigrate};
use crate::commands::crew;
use crate::output::{Output, guests, json as shapes, print, quoted};
use crate::session::Session;
use moving::Moved;

/// So many guests are named that fail with the same words.
const NAMED: usize = 3;

pub(super) fn migrate(
    migrate: IssuerMigrate,
    session: &mut Session<'_>,
    output: &Output,
) -> Result<(), Failure> {
    let migration = migrate.migration();
    if migrate.report {
        return report::report(&migration, session, output);
    }
    let asked = PlanMigration { migration, pattern: migrate.only, asks_for_ids: !migrate.skip_ids };
    let plan = session.ask(&asked)?.value;
    if migrate.dry_run {
        return plan::show(&plan, &asked, output);
    }
    plan::announce(&plan, &asked, output);
    let mut moved = moving::move_all(&asked, session, output);
    session.start_anew();
    // An issuer of which no guest was ever moved keeps its place.
    let is_begun = moved.count() > 0 || plan.moved > 0;
    if moved.is_whole() && !is_begun {
        return succeed(&moved, None, &plan, &asked, output);
    }
    if moved.is_whole() {
        match session.ask(&EndMigration(asked.migration.clone())) {
            Ok(answered) => return succeed(&moved, Some(answered.value), &plan, &asked, output),
            Err(failure) => moved.ended_by = Some(failure),
        }
    }
    Err(fail(&moved, &asked, session, output))
}

/// Says how it went, and what is to be done next.
fn succeed(
    moved: &Moved,
    end: Option<MigrationEnd>,
    plan: &MigrationPlan,
    asked: &PlanMigration,
    output: &Output,
) -> Result<(), Failure> {
    let (from, to) = (&asked.migration.from, &asked.migration.to);
    output.message(&match (moved.count(), &asked.pattern) {
        (0, Some(pattern)) => format!("no guest of {from} to move matches {pattern:?}"),
        (0, None) => format!("no guests to move from {from} to {to}"),
        (count, _) => format!("moved {} from {from} to {to}", guests_of(count)),
    });
    if let Some(ids) = ids_in_words(moved) {
        output.message(&format!("person ids: {ids}; see: gi issuer migrate {from} {to} --report"));
    }
    if end.is_some_and(|end| end.became_default) {
        output.message(&format!("{to} serves where no issuer is named, as {from} did"));
    }
    let left = end.map_or(plan.others, |end| end.left);
    match left {
        0 if end.is_none() => {}
        0 => output.message(&format!(
            "what names {from} goes to {to}; once nothing names {from} any more: gi issuer remove {from}"
        )),
        1 => output.message(&format!("1 guest is left at {from}")),
        left => output.message(&format!("{left} guests are left at {from}")),
    }
    if output.format == Format::Json {
        print(&shapes::line(&described(moved, Some(left), end, asked)))?;
    }
    Ok(())
}

/// Says what went wrong. The guests that were moved stay moved, and the others stay where they are and work on.
fn fail(moved: &Moved, asked: &PlanMigration, session: &mut Session<'_>, output: &Output) -> Failure {
    complain(&moved.failed, output);
    if output.format == Format::Json {
        output.fails_with("report", described(moved, left(asked, session), None, asked));
    }
    let counts = counts(moved, asked);
    let go_on = go_on(asked);
    if let Some(end) = &moved.ended_by {
        if moved.total == 0 {
            return end.clone();
        }
        return Failure { hint: end.hint.clone().or(Some(go_on)), ..crew::stopped(&counts, end) };
    }
    let first = moved.failed.first().map(|(_, failure)| failure);
    let code = first.map_or(FailureCode::Internal, |failure| failure.code);
    // Where a person must act, the daemon has said how.
    let remedy = first.filter(|_| code == FailureCode::IssuerRejected).and_then(|first| first.hint.clone());
    let retry_after_ms = moved.failed.iter().filter_map(|(_, failure)| failure.retry_after_ms).max();
    Failure { retry_after_ms, ..Failure::new(code, counts).with_hint(remedy.unwrap_or(go_on)) }
}

/// What is wrong with the issuer fails many guests with the same words, which are said once.
fn complain(failed: &[(Subject, Failure)], output: &Output) {
    let mut by_message = BTreeMap::<_, Vec<_>>::new();
    for (subject, failure) in failed {
        by_message.entry(failure.message.as_str()).or_default().push(subject.as_str());
    }
    for (message, subjects) in by_message {
        let (named, others) = subjects.split_at(subjects.len().min(NAMED));
        let others = match others.len() {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        output.complaint(&format!("{}{others}: {message}", named.join(", ")));
    }
}

fn counts(moved: &Moved, asked: &PlanMigration) -> String {
    let (from, to) = (&asked.migration.from, &asked.migration.to);
    let (count, total) = (moved.count(), moved.total);
    let guests = if total == 1 { "guest" } else { "guests" };
    let failed = match moved.failed.len() {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    format!("moved {count} of {total} {guests} from {from} to {to}{failed}")
}

/// How many guests the old issuer has, if there still is a daemon to say so.
fn left(asked: &PlanMigration, session: &mut Session<'_>) -> Option<u64> {
    session.only_look(true);
    session.start_anew();
    let ask = PlanMigration { pattern: None, asks_for_ids: false, ..asked.clone() };
    session.ask(&ask).ok().map(|answered| answered.value.guests)
}

fn go_on(asked: &PlanMigration) -> String {
    let mut hint = format!("go on with: gi issuer migrate {} {}", asked.migration.from, asked.migration.to);
    // Writing to a string cannot fail.
    if let Some(pattern) = &asked.pattern {
        let _ = write!(hint, " --only {}", quoted(pattern));
    }
    if !asked.asks_for_ids {
        hint.push_str(" --skip-ids");
    }
    hint
}

/// Such as `2 are the same, 1 has changed`; nothing if nobody was moved.
fn ids_in_words(moved: &Moved) -> Option<String> {
    let table = [
        (moved.ids.same, "is the same", "are the same"),
        (moved.ids.changed, "has changed", "have changed"),
        (moved.ids.unknown, "is not known", "are not known"),
    ];
    let words: Vec<_> = table
        .into_iter()
        .filter(|(count, _, _)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn described(moved: &Moved, left: Option<u64>, end: Option<MigrationEnd>, asked: &PlanMigration) -> Value {
    json!({
        "from": asked.migration.from.as_str(),
        "to": asked.migration.to.as_str(),
        "total": moved.total,
        "moved": moved.count(),
        "failed": moved.failed.iter().map(|(subject, failure)| json!({
            "subject": subject.as_str(),
            "code": failure.code.as_str(),
            "message": failure.message,
        })).collect::<Vec<_>>(),
        "person_ids": {
            "same": moved.ids.same,
            "changed": moved.ids.changed,
            "unknown": moved.ids.unknown,
        },
        "left": left,
        "is_complete": end.is_some_and(|end| end.left == 0),
        "became_default": end.is_some_and(|end| end.became_default),
    })
}

fn guests_of(count: usize) -> String {
    guests(u64::try_from(count).unwrap_or(u64::MAX))
}
