//! To where the guests of issuers were moved, in words and for programs.

use guestissuer_client::Migrations;
use guestissuer_client::proto::migration::MigrationState;
use guestissuer_client::proto::{IssuerName, UnixTime};
use serde_json::{Value, json};

use crate::output::time;
use crate::session::Session;

/// How far each migration has come. That the daemon cannot tell is no reason to tell nothing else.
pub(in super::super) fn all(session: &mut Session<'_>) -> Vec<MigrationState> {
    session.ask(&Migrations).map(|answered| answered.value).unwrap_or_default()
}

/// The issuer that has taken this one's place.
pub(in super::super) fn successor<'a>(
    moves: &'a [MigrationState],
    name: &IssuerName,
) -> Option<&'a IssuerName> {
    of(moves, name).find(|state| state.is_complete).map(|state| &state.migration.to)
}

/// The lines of `gi issuer show`.
pub(super) fn facts(
    moves: &[MigrationState],
    name: &IssuerName,
    now: UnixTime,
) -> Vec<(&'static str, String)> {
    let names = std::iter::once("moved").chain(std::iter::repeat(""));
    names.zip(of(moves, name).map(|state| described(state, now))).collect()
}

/// The JSON of an issuer, with where its guests were moved to.
pub(in super::super) fn with_moves(mut issuer: Value, moves: &[MigrationState], name: &IssuerName) -> Value {
    let moved_to: Vec<_> = of(moves, name).map(value).collect();
    if let Value::Object(object) = &mut issuer {
        let moved_to = if moved_to.is_empty() { Value::Null } else { Value::Array(moved_to) };
        object.insert("moved_to".to_owned(), moved_to);
    }
    issuer
}

fn of<'a>(moves: &'a [MigrationState], name: &IssuerName) -> impl Iterator<Item = &'a MigrationState> {
    moves.iter().filter(move |state| state.migration.from == *name)
}

fn value(state: &MigrationState) -> Value {
    json!({
        "to": state.migration.to.as_str(),
        "moved": state.moved,
        "left": state.left,
        "last_at": state.last_at.map(time::rfc3339),
        "is_complete": state.is_complete,
    })
}

/// Such as `1204 guests to app, 3m ago; 17 are left`.
fn described(state: &MigrationState, now: UnixTime) -> String {
    let all = if state.is_complete { "all " } else { "" };
    let guests = match state.moved {
        0 => "no guests".to_owned(),
        1 => "1 guest".to_owned(),
        many => format!("{all}{many} guests"),
    };
    let when = state.last_at.map(|at| format!(", {}", time::relative(at, now))).unwrap_or_default();
    let left = match state.left {
        _ if state.is_complete => String::new(),
        0 => "; none is left".to_owned(),
        1 => "; 1 is left".to_owned(),
        left => format!("; {left} are left"),
    };
    format!("{guests} to {}{when}{left}", state.migration.to)
}

#[cfg(test)]
mod tests {
    use guestissuer_client::proto::migration::Migration;

    use super::*;

    #[test]
    fn how_far_it_has_come_is_said_in_one_line() {
        let name = |name: &str| name.parse::<IssuerName>().unwrap();
        let migration = Migration { from: name("acme"), to: name("app") };
        let told = |moved, left, is_complete| {
            let last_at = (moved > 0).then_some(UnixTime(0));
            let state = MigrationState { migration: migration.clone(), moved, left, last_at, is_complete };
            described(&state, UnixTime(180_000))
        };
        assert_eq!(told(1204, 17, false), "1204 guests to app, 3m 0s ago; 17 are left");
        assert_eq!(told(1, 1, false), "1 guest to app, 3m 0s ago; 1 is left");
        assert_eq!(told(2, 0, false), "2 guests to app, 3m 0s ago; none is left");
        assert_eq!(told(1204, 0, true), "all 1204 guests to app, 3m 0s ago");
        assert_eq!(told(0, 0, true), "no guests to app");
    }
}
