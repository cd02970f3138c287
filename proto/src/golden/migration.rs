//! The messages about moving guests, in the order of their vectors.

use crate::migration::{
    Identity, ListMoved, MigrateGuest, Migration, MigrationEnd, MigrationPlan, MigrationState, MovedGuest,
    MovedPage, PlanMigration,
};
use crate::request::{MAX_PAGE, Request};
use crate::response::{IssuerKind, Response};
use crate::time::UnixTime;

fn migration() -> Migration {
    Migration { from: "acme".parse().unwrap(), to: "app".parse().unwrap() }
}

fn moved(after: Identity) -> MovedGuest {
    MovedGuest {
        number: 7,
        subject: "123".parse().unwrap(),
        display_name: "Ann".parse().unwrap(),
        migration: migration(),
        at: UnixTime(1_795_000_000_000),
        before: Identity { person_id: Some("Y2lz1".to_owned()), email: Some("123@5a4d".to_owned()) },
        after,
    }
}

pub(super) fn requests() -> Vec<(&'static str, Request)> {
    let plan = |pattern| {
        Request::MigrationPlan(PlanMigration { migration: migration(), pattern, asks_for_ids: true })
    };
    vec![
        ("migration_plan", plan(None)),
        ("migration_plan_pattern", plan(Some("1*".to_owned()))),
        (
            "migrate_guest",
            Request::MigrateGuest(MigrateGuest {
                migration: migration(),
                subject: "123".parse().unwrap(),
                asks_for_ids: false,
            }),
        ),
        ("migration_end", Request::MigrationEnd(migration())),
        (
            "moved_list",
            Request::MovedList(ListMoved {
                from: Some("acme".parse().unwrap()),
                to: Some("app".parse().unwrap()),
                subject: Some("123".parse().unwrap()),
                after: Some(6),
                limit: MAX_PAGE,
            }),
        ),
        ("moved_list_all", Request::MovedList(ListMoved { limit: 1, ..ListMoved::default() })),
        ("migrations", Request::Migrations),
    ]
}

pub(super) fn responses() -> Vec<(&'static str, Response)> {
    let known = Identity { person_id: Some("Y2lz2".to_owned()), email: None };
    vec![
        (
            "migration_plan",
            Response::MigrationPlan(MigrationPlan {
                from_kind: IssuerKind::GuestIssuer,
                to_kind: IssuerKind::ServiceApp,
                from_is_default: true,
                guests: 1_204,
                others: 3,
                moved: 2,
                in_both: 1,
                mints: 1_203,
                ids_known: 200,
                ids_asked: 1_004,
                mints_for_ids: 30,
                requests_per_second: 10,
                at_least_ms: 120_300,
            }),
        ),
        ("moved", Response::Moved(Box::new(moved(known)))),
        ("migration_end", Response::MigrationEnd(MigrationEnd { left: 0, became_default: true })),
        (
            "moved_guests",
            Response::MovedGuests(MovedPage { guests: vec![moved(Identity::default())], next: Some(7) }),
        ),
        (
            "migrations",
            Response::Migrations(vec![MigrationState {
                migration: migration(),
                moved: 1_204,
                left: 0,
                last_at: Some(UnixTime(1_795_000_000_000)),
                is_complete: true,
            }]),
        ),
    ]
}
