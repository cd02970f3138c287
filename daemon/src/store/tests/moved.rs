//! Guests that move from one issuer to another.

use guestissuer_proto::UnixTime;
use guestissuer_proto::migration::ListMoved;
use rusqlite::Connection;

use super::{add_guest, add_issuer, database, due, failure, token};
use crate::domain::guest::{GuestId, GuestKey, IssuerId};
use crate::store::guests;
use crate::store::issuers;
use crate::store::mints::{self, Meanwhile, NewToken};
use crate::store::moved::{self, Carried, Departed, Route};

const MOVED: Carried = Carried::Moved { successor_ended: false };

/// Two issuers, acme and app, and guest 1 of acme.
fn two() -> (Connection, Route, GuestId) {
    let rows = database();
    let (from, to) = (add_issuer(&rows, "acme"), add_issuer(&rows, "app"));
    let route = Route { from, from_name: "acme".parse().unwrap(), to, to_name: "app".parse().unwrap() };
    let guest = add_guest(&rows, from, "1");
    (rows, route, guest)
}

fn back(route: &Route) -> Route {
    let Route { from, from_name, to, to_name } = route.clone();
    Route { from: to, from_name: to_name, to: from, to_name: from_name }
}

fn key(issuer: IssuerId) -> GuestKey {
    GuestKey { issuer, subject: "1".parse().unwrap() }
}

fn minted(route: &Route, guest: GuestId, at: i64) -> NewToken {
    let person_id = Some("after".to_owned());
    NewToken { issuer: route.from, person_id, ..token(guest, at, at + 900, at + 600) }
}

#[test]
fn a_guest_takes_its_history_and_pin_along_and_is_told_apart_from_who_it_was() {
    let (rows, route, guest) = two();
    mints::record_mint(&rows, &token(guest, 100, 1_000, 700)).unwrap();
    mints::record_person(&rows, guest, route.from, "before", Some("1@acme")).unwrap();
    guests::set_pinned(&rows, guest, true, UnixTime(100)).unwrap();
    assert_eq!(moved::carry(&rows, &route, &minted(&route, guest, 200)).unwrap(), MOVED);
    assert!(guests::find(&rows, &key(route.from)).unwrap().is_none());
    let there = guests::find(&rows, &key(route.to)).unwrap().unwrap();
    assert_eq!((there.id, there.pinned, there.person_id.as_deref()), (guest, true, Some("after")));
    assert_eq!(there.email, None, "the address it had was that of who it was");
    assert_eq!(mints::history(&rows, guest).unwrap().len(), 2);
    assert_eq!(due(&rows, route.to, 800), ["1"]);
    let record = moved::find(&rows, &key(route.from)).unwrap().unwrap();
    assert_eq!(record.before.person_id.as_deref(), Some("before"));
    assert_eq!(record.before.email.as_deref(), Some("1@acme"));
    assert_eq!(record.after.person_id.as_deref(), Some("after"));
    assert_eq!(moved::elsewhere(&rows, &key(route.from)).unwrap(), Some(route.to));
    assert_eq!(moved::elsewhere(&rows, &key(route.to)).unwrap(), None);
}

#[test]
fn what_the_old_issuer_still_answers_is_not_stored_for_a_guest_that_was_moved() {
    let (rows, route, guest) = two();
    moved::carry(&rows, &route, &minted(&route, guest, 200)).unwrap();
    let late = token(guest, 210, 5_000, 4_000);
    assert_eq!(mints::record_mint(&rows, &late).unwrap(), Meanwhile::Removed);
    mints::record_failure(&rows, guest, route.from, &failure(210), UnixTime(211)).unwrap();
    mints::record_person(&rows, guest, route.from, "late", None).unwrap();
    let there = guests::find(&rows, &key(route.to)).unwrap().unwrap();
    assert_eq!(there.lifetime.unwrap().issued_at, UnixTime(200));
    assert!(there.last_error.is_none() && there.person_id.as_deref() == Some("after"));
    assert_eq!(moved::carry(&rows, &route, &minted(&route, guest, 220)).unwrap(), Carried::Taken);
    guests::remove(&rows, &key(route.to)).unwrap();
    assert_eq!(moved::carry(&rows, &route, &minted(&route, guest, 220)).unwrap(), Carried::Gone);
}

#[test]
fn two_guests_of_one_subject_become_one_with_what_both_had() {
    let (rows, route, old) = two();
    mints::record_mint(&rows, &token(old, 100, 1_000, 700)).unwrap();
    mints::record_person(&rows, old, route.from, "before", None).unwrap();
    guests::set_pinned(&rows, old, true, UnixTime(100)).unwrap();
    let new = add_guest(&rows, route.to, "1");
    let native = NewToken { issuer: route.to, ..token(new, 300, 2_000, 1_500) };
    mints::record_mint(&rows, &native).unwrap();
    guests::touch(&rows, &[(old, UnixTime(400))]).unwrap();
    assert_eq!(moved::carry(&rows, &route, &minted(&route, old, 500)).unwrap(), Carried::Taken);
    assert_eq!(moved::merge(&rows, &route, old, new, UnixTime(500)).unwrap(), MOVED);
    let again = moved::merge(&rows, &route, old, new, UnixTime(500)).unwrap();
    assert_eq!(again, Carried::Gone, "once is enough");
    let there = guests::find(&rows, &key(route.to)).unwrap().unwrap();
    assert_eq!((there.id, there.pinned, there.last_used_at), (new, true, UnixTime(400)));
    assert_eq!(there.lifetime.unwrap().issued_at, UnixTime(300), "its token is the new issuer's");
    assert_eq!(mints::history(&rows, new).unwrap().len(), 2);
    let record = moved::find(&rows, &key(route.from)).unwrap().unwrap();
    assert_eq!((record.before.person_id.as_deref(), record.after.person_id), (Some("before"), None));
    mints::record_person(&rows, new, route.to, "learned later", None).unwrap();
    let record = moved::find(&rows, &key(route.from)).unwrap().unwrap();
    assert_eq!(record.after.person_id.as_deref(), Some("learned later"));
}

#[test]
fn a_guest_that_came_back_is_found_where_it_is_and_the_way_there_is_forgotten_with_it() {
    let (rows, route, guest) = two();
    issuers::succeed(&rows, route.from, route.to).unwrap();
    let back = back(&route);
    moved::carry(&rows, &route, &minted(&route, guest, 200)).unwrap();
    let returned = moved::carry(&rows, &back, &minted(&back, guest, 300)).unwrap();
    assert_eq!(returned, Carried::Moved { successor_ended: true });
    assert_eq!(moved::elsewhere(&rows, &key(route.from)).unwrap(), None, "nobody has taken its place now");
    assert_eq!(moved::elsewhere(&rows, &key(route.to)).unwrap(), Some(route.from));
    moved::carry(&rows, &route, &minted(&route, guest, 400)).unwrap();
    let all = moved::page(&rows, &ListMoved::default(), 10).unwrap();
    let way = |from: &str, to: &str| (from.parse().unwrap(), to.parse().unwrap());
    let ways: Vec<_> = all.into_iter().map(|moved| (moved.migration.from, moved.migration.to)).collect();
    assert_eq!(ways, [way("app", "acme"), way("acme", "app")], "as it left each of them last");
    guests::remove(&rows, &key(route.to)).unwrap();
    assert!(moved::page(&rows, &ListMoved::default(), 10).unwrap().is_empty());
    assert_eq!(moved::elsewhere(&rows, &key(route.from)).unwrap(), None);
}

#[test]
fn the_report_outlives_the_issuer_that_was_left() {
    let (rows, route, guest) = two();
    moved::carry(&rows, &route, &minted(&route, guest, 200)).unwrap();
    assert!(issuers::succeed(&rows, route.from, route.to).unwrap(), "the first issuer was the default");
    let departed = moved::departed(&rows, route.from).unwrap();
    assert_eq!(departed, [Departed { to: route.to_name.clone(), guests: 1, last_at: UnixTime(200) }]);
    assert!(!issuers::remove(&rows, route.to, false).unwrap(), "it has a guest");
    assert!(issuers::remove(&rows, route.from, false).unwrap());
    let ask = ListMoved { from: Some("acme".parse().unwrap()), ..ListMoved::default() };
    assert_eq!(moved::page(&rows, &ask, 10).unwrap().len(), 1);
    let ask = ListMoved { from: Some("other".parse().unwrap()), ..ListMoved::default() };
    assert!(moved::page(&rows, &ask, 10).unwrap().is_empty());
}

#[test]
fn nothing_is_moved_to_an_issuer_that_is_gone() {
    let (rows, route, guest) = two();
    issuers::remove(&rows, route.to, true).unwrap();
    assert_eq!(moved::carry(&rows, &route, &minted(&route, guest, 200)).unwrap(), Carried::NoTarget);
    assert!(guests::find(&rows, &key(route.from)).unwrap().is_some());
}

#[test]
fn a_guest_is_looked_for_elsewhere_only_if_it_is_not_here() {
    let (rows, route, guest) = two();
    let back = back(&route);
    moved::carry(&rows, &route, &minted(&route, guest, 200)).unwrap();
    moved::carry(&rows, &back, &minted(&back, guest, 300)).unwrap();
    // Another guest of the same subject is app's now.
    add_guest(&rows, route.to, "1");
    assert_eq!(moved::elsewhere(&rows, &key(route.to)).unwrap(), None);
}
