//! The store against real files.

use guestissuer_proto::response::{IssuerKind, MintFailure};
use guestissuer_proto::{Failure, FailureCode, Subject, UnixTime};
use proptest::prelude::*;
use rusqlite::Connection;

use super::guests::{self, Filter, Registration};
use super::issuers::{self, NewIssuer};
use super::mints::{self, Meanwhile, NewToken};
use super::{Store, StoreError, schema};
use crate::domain::credential::Lifetime;
use crate::domain::guest::{GuestId, GuestKey, IssuerId, Sealed};

mod moved;

fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.pragma_update(None, "foreign_keys", true).unwrap();
    schema::migrate(&mut connection).unwrap();
    connection
}

fn add_issuer(rows: &Connection, name: &str) -> IssuerId {
    let new = NewIssuer {
        name: name.parse().unwrap(),
        kind: IssuerKind::GuestIssuer,
        public_id: "id".to_owned(),
        api_base: "https://webexapis.com/v1".to_owned(),
        sealed: Sealed(vec![1]),
        created_at: UnixTime(1),
    };
    issuers::add(rows, &new).unwrap().unwrap()
}

fn add_guest(rows: &Connection, issuer: IssuerId, subject: &str) -> GuestId {
    let key = GuestKey { issuer, subject: subject.parse().unwrap() };
    guests::register(rows, &key, &"Ann".parse().unwrap(), UnixTime(10)).unwrap();
    guests::find(rows, &key).unwrap().unwrap().id
}

fn token(guest: GuestId, issued_at: i64, expires_at: i64, refresh_at: i64) -> NewToken {
    NewToken {
        guest,
        issuer: IssuerId(1),
        name: "Ann".parse().unwrap(),
        sealed: Sealed(vec![7]),
        lifetime: Lifetime {
            issued_at: UnixTime(issued_at),
            expires_at: UnixTime(expires_at),
            refresh_at: UnixTime(refresh_at),
        },
        tracking_id: Some("ROUTER_1".to_owned()),
        person_id: None,
        email: None,
    }
}

fn failure(at: i64) -> MintFailure {
    let failure = Failure::new(FailureCode::Unavailable, "no answer");
    MintFailure { at: UnixTime(at), failure, tracking_id: None }
}

fn due(rows: &Connection, issuer: IssuerId, now: i64) -> Vec<String> {
    let due = guests::due(rows, issuer, UnixTime(now), 100).unwrap();
    due.into_iter().map(|guest| guest.key.subject.as_str().to_owned()).collect()
}

#[tokio::test]
async fn one_failed_write_does_not_undo_those_it_shares_a_transaction_with() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), UnixTime(0)).unwrap().store;
    let good = |key: &'static str| store.write(move |rows| issuers::set_meta(rows, key, b"1"));
    let bad = store.write(|rows| {
        issuers::set_meta(rows, "half", b"1")?;
        Ok(rows.execute_batch("INSERT INTO nowhere VALUES (1)")?)
    });
    // All are asked for before the first is awaited, so that they gather in one group.
    let (first, failed, second) = tokio::join!(good("first"), bad, good("second"));
    assert!(first.is_ok() && second.is_ok());
    assert!(matches!(failed, Err(StoreError::Database(_))));
    let found = store
        .read(|rows| {
            ["first", "half", "second"]
                .into_iter()
                .map(|key| issuers::meta(rows, key))
                .collect::<Result<Vec<_>, _>>()
        })
        .await
        .unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
    store.close();
}

#[tokio::test]
async fn what_was_answered_is_there_after_the_store_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::open(dir.path(), UnixTime(0)).unwrap();
    assert!(opened.set_aside.is_none());
    opened.store.write(|rows| issuers::set_meta(rows, "key", b"value")).await.unwrap();
    opened.store.close();
    // Closed in order, everything is in the one file.
    assert!(!dir.path().join("guestissuer.db-wal").exists());
    let again = Store::open(dir.path(), UnixTime(0)).unwrap().store;
    let value = again.read(|rows| issuers::meta(rows, "key")).await.unwrap();
    assert_eq!(value.as_deref(), Some(b"value".as_slice()));
}

#[test]
fn migrations_are_applied_once_and_a_newer_schema_is_refused() {
    let mut rows = database();
    add_issuer(&rows, "acme");
    schema::migrate(&mut rows).unwrap();
    assert_eq!(issuers::all(&rows).unwrap().len(), 1);
    rows.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(schema::migrate(&mut rows), Err(StoreError::Newer { found: 99, .. })));
}

#[test]
fn the_first_issuer_is_the_default_and_names_are_taken_once() {
    let rows = database();
    let first = add_issuer(&rows, "b");
    let second = add_issuer(&rows, "a");
    let defaults = |rows: &Connection| {
        let all = issuers::all(rows).unwrap();
        all.into_iter().map(|issuer| (issuer.name.as_str().to_owned(), issuer.is_default)).collect::<Vec<_>>()
    };
    assert_eq!(defaults(&rows), [("a".to_owned(), false), ("b".to_owned(), true)]);
    issuers::set_default(&rows, second).unwrap();
    assert_eq!(defaults(&rows), [("a".to_owned(), true), ("b".to_owned(), false)]);
    let id = first;
    add_guest(&rows, id, "1");
    issuers::remove(&rows, id, true).unwrap();
    assert_eq!(guests::count(&rows, UnixTime(0)).unwrap().total, 0);
    // A number is never used again, because sealed values are bound to it.
    assert!(add_issuer(&rows, "b").0 > second.0);
}

#[test]
fn a_mint_plans_its_refresh_and_a_failure_the_next_attempt() {
    let rows = database();
    let issuer = add_issuer(&rows, "acme");
    let guest = add_guest(&rows, issuer, "1");
    assert_eq!(mints::record_mint(&rows, &token(guest, 100, 1_000, 700)).unwrap(), Meanwhile::Same);
    assert_eq!(due(&rows, issuer, 699), Vec::<String>::new());
    assert_eq!(due(&rows, issuer, 700), ["1"]);
    mints::record_failure(&rows, guest, IssuerId(1), &failure(700), UnixTime(750)).unwrap();
    assert_eq!(guests::next_due(&rows, issuer, UnixTime(749)).unwrap(), Some(UnixTime(750)));
    let found = guests::due(&rows, issuer, UnixTime(750), 1).unwrap().remove(0);
    assert_eq!((found.failures, found.last_error), (1, Some(failure(700))));
    assert_eq!(guests::last_failure(&rows).unwrap(), Some(failure(700)));
    mints::record_mint(&rows, &token(guest, 760, 1_700, 1_400)).unwrap();
    assert_eq!(guests::last_failure(&rows).unwrap(), None);
    let history = mints::history(&rows, guest).unwrap();
    let times: Vec<_> = history.iter().map(|record| (record.at.0, record.failure.is_some())).collect();
    assert_eq!(times, [(760, false), (700, true), (100, false)]);
}

#[test]
fn only_the_last_mints_are_remembered() {
    let rows = database();
    let issuer = add_issuer(&rows, "acme");
    let guest = add_guest(&rows, issuer, "1");
    for at in 0..50 {
        mints::record_mint(&rows, &token(guest, at, at + 10, at + 5)).unwrap();
    }
    let times: Vec<_> = mints::history(&rows, guest).unwrap().iter().map(|record| record.at.0).collect();
    assert_eq!(times, (40..50).rev().collect::<Vec<_>>());
}

#[test]
fn a_mint_of_a_guest_that_was_renamed_is_due_again_and_of_one_that_was_removed_is_dropped() {
    let rows = database();
    let issuer = add_issuer(&rows, "acme");
    let guest = add_guest(&rows, issuer, "1");
    let key = GuestKey { issuer, subject: "1".parse().unwrap() };
    guests::register(&rows, &key, &"Bob".parse().unwrap(), UnixTime(50)).unwrap();
    assert_eq!(mints::record_mint(&rows, &token(guest, 100, 1_000, 700)).unwrap(), Meanwhile::Renamed);
    assert_eq!(due(&rows, issuer, 100), ["1"]);
    assert!(guests::remove(&rows, &key).unwrap() && !guests::remove(&rows, &key).unwrap());
    assert_eq!(mints::record_mint(&rows, &token(guest, 100, 1_000, 700)).unwrap(), Meanwhile::Removed);
    assert!(guests::find(&rows, &key).unwrap().is_none());
}

#[test]
fn idle_guests_are_retired_unless_pinned_and_come_back_when_used() {
    let rows = database();
    let issuer = add_issuer(&rows, "acme");
    let idle = add_guest(&rows, issuer, "idle");
    let pinned = add_guest(&rows, issuer, "pinned");
    for guest in [idle, pinned] {
        mints::record_mint(&rows, &token(guest, 100, 1_000, 700)).unwrap();
    }
    guests::set_pinned(&rows, pinned, true, UnixTime(100)).unwrap();
    assert!(guests::any_pinned(&rows).unwrap());
    assert!(guests::has_idle(&rows, issuer, UnixTime(700), UnixTime(600)).unwrap());
    assert_eq!(guests::retire_idle(&rows, issuer, UnixTime(700), UnixTime(600)).unwrap(), 1);
    assert_eq!(due(&rows, issuer, 700), ["pinned"]);
    guests::touch(&rows, &[(idle, UnixTime(650))]).unwrap();
    assert_eq!(due(&rows, issuer, 700), ["idle", "pinned"]);
    assert!(!guests::has_idle(&rows, issuer, UnixTime(700), UnixTime(650)).unwrap());
}

#[test]
fn a_rename_makes_the_refresh_due_and_the_same_name_changes_nothing() {
    let rows = database();
    let issuer = add_issuer(&rows, "acme");
    let guest = add_guest(&rows, issuer, "1");
    mints::record_mint(&rows, &token(guest, 100, 1_000, 700)).unwrap();
    let key = GuestKey { issuer, subject: "1".parse().unwrap() };
    let register = |name: &str| guests::register(&rows, &key, &name.parse().unwrap(), UnixTime(200)).unwrap();
    assert_eq!(register("Ann"), Registration::Same);
    assert_eq!(due(&rows, issuer, 200), Vec::<String>::new());
    assert_eq!(register("Bob"), Registration::Renamed);
    assert_eq!(due(&rows, issuer, 200), ["1"]);
}

#[test]
fn new_credentials_forgive_old_failures() {
    let rows = database();
    let issuer = add_issuer(&rows, "acme");
    let guest = add_guest(&rows, issuer, "1");
    mints::record_failure(&rows, guest, IssuerId(1), &failure(100), UnixTime(900)).unwrap();
    issuers::record_failure(&rows, issuer, &failure(100), Some(UnixTime(500))).unwrap();
    issuers::record_failure(&rows, issuer, &failure(110), Some(UnixTime(400))).unwrap();
    issuers::record_failure(&rows, issuer, &failure(120), None).unwrap();
    let stored = issuers::all(&rows).unwrap().remove(0);
    assert_eq!((stored.paused_until, stored.last_error), (Some(UnixTime(500)), Some(failure(120))));
    issuers::update(&rows, issuer, "new", "https://webexapis.com/v1", &Sealed(vec![2]), UnixTime(130))
        .unwrap();
    assert_eq!(due(&rows, issuer, 130), ["1"]);
    // What Webex asked for still holds.
    let stored = issuers::all(&rows).unwrap().remove(0);
    assert_eq!((stored.paused_until, stored.last_error), (Some(UnixTime(500)), None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The schedule is what a sorted list would be.
    #[test]
    fn what_is_due_comes_in_order_and_nothing_else_comes(
        times in proptest::collection::vec(0_i64..100, 1..40), now in 0_i64..100, limit in 1_usize..50,
    ) {
        let rows = database();
        let issuer = add_issuer(&rows, "acme");
        for (n, at) in times.iter().enumerate() {
            let guest = add_guest(&rows, issuer, &n.to_string());
            mints::record_failure(&rows, guest, IssuerId(1), &failure(0), UnixTime(*at)).unwrap();
        }
        let mut expected: Vec<_> = times.iter().copied().filter(|at| *at <= now).collect();
        expected.sort_unstable();
        expected.truncate(limit);
        let found = guests::due(&rows, issuer, UnixTime(now), limit).unwrap();
        let found: Vec<_> = found.into_iter().map(|guest| guest.next_attempt_at.unwrap().0).collect();
        prop_assert_eq!(found, expected);
        let later = times.iter().copied().filter(|at| *at > now).min();
        prop_assert_eq!(guests::next_due(&rows, issuer, UnixTime(now)).unwrap(), later.map(UnixTime));
    }

    /// Pages of any size are together the whole list, in order, without gaps or repetitions.
    #[test]
    fn pages_are_the_whole_list(
        mut subjects in proptest::collection::hash_set("[a-z0-9é]{1,4}", 1..40), size in 1_usize..12,
    ) {
        let rows = database();
        let issuer = add_issuer(&rows, "acme");
        for subject in &subjects {
            add_guest(&rows, issuer, subject);
        }
        let filter = Filter { pattern: None, expires_before: None, failing: false };
        let mut found = Vec::new();
        let mut after: Option<Subject> = None;
        loop {
            let page = guests::page(&rows, issuer, after.as_ref(), &filter, size).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.key.subject.clone());
            found.extend(page.iter().map(|guest| guest.key.subject.as_str().to_owned()));
        }
        let mut expected: Vec<_> = subjects.drain().collect();
        expected.sort_unstable();
        prop_assert_eq!(found, expected);
    }

    /// The counts add up, whatever the times are.
    #[test]
    fn every_guest_is_in_one_state(
        tokens in proptest::collection::vec(proptest::option::of((0_i64..100, 0_i64..100)), 0..30), now in 0_i64..100,
    ) {
        let rows = database();
        let issuer = add_issuer(&rows, "acme");
        for (n, times) in tokens.iter().enumerate() {
            let guest = add_guest(&rows, issuer, &n.to_string());
            if let Some((refresh_at, more)) = times {
                mints::record_mint(&rows, &token(guest, 0, refresh_at + more, *refresh_at)).unwrap();
            }
        }
        let counts = guests::count(&rows, UnixTime(now)).unwrap();
        prop_assert_eq!(counts.total, counts.fresh + counts.due + counts.expired + counts.none);
        prop_assert_eq!(counts.none, tokens.iter().filter(|times| times.is_none()).count() as u64);
    }
}
