//! `gi issuer migrate`, as it is typed and as it is read.

mod moving;
mod places;
mod plan;
mod report;
mod trouble;
mod watching;

use guestissuer_tests::gi::Outcome;
use guestissuer_tests::{Gi, World};
use serde_json::Value;

/// A world with the Guest Issuer `acme`, which has so many guests, and the Service App `app`.
fn world_of(guests: usize) -> World {
    let world = World::new();
    let file: String =
        (0..guests).fold("subject,name\n".to_owned(), |text, n| text + &format!("g{n:02},G {n}\n"));
    world.gi(["add", "--from", "-"]).input(&file).ok();
    world.add_app("app");
    world
}

/// Moving the guests of `acme` to `app`.
fn migrate(world: &World, args: &[&str]) -> Gi {
    world.gi(["issuer", "migrate", "acme", "app"]).args(args)
}

/// What was said, line by line.
fn said(outcome: &Outcome) -> Vec<&str> {
    outcome.stderr.lines().collect()
}

/// The subjects of the guests of an issuer.
fn guests_of(world: &World, issuer: &str) -> Vec<String> {
    let list = world.gi(["list"]).json();
    let guests = list.as_array().unwrap().iter().filter(|guest| guest["issuer"] == issuer);
    let mut subjects: Vec<_> = guests.map(|guest| guest["subject"].as_str().unwrap().to_owned()).collect();
    subjects.sort();
    subjects
}

/// The report of a run that failed, from the object on stderr.
#[track_caller]
fn failed_report(outcome: &Outcome) -> Value {
    let error: Value = serde_json::from_str(&outcome.stderr).unwrap_or_else(|_| panic!("{outcome}"));
    assert!(error["error"]["code"].is_string(), "{outcome}");
    error["report"].clone()
}
