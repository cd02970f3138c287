//! What becomes of guests that are moved to another issuer: where they are found, who they are, and that none is lost.

mod crash;
mod identity;
mod meeting;
mod whereabouts;

use guestissuer_tests::{Gi, World};
use serde_json::Value;

/// The issuer `acme`, the Service App `app`, and so many guests of acme with tokens: 1, 2 and so on.
fn world_of(guests: u32) -> World {
    let mut world = World::without_daemon("6h");
    // Nothing here is about how many requests there may be in a second.
    let directory = world.path().join(".config/guestissuer");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("config.toml"), "[webex]\nmints_per_second = 1000\n").unwrap();
    world.start(&[]);
    world.add_issuer("acme");
    world.add_app("app");
    let list = (1..=guests).fold("subject,name\n".to_owned(), |list, n| format!("{list}{n},Guest {n}\n"));
    world.gi(["add", "--from", "-"]).input(&list).ok();
    world
}

fn migrate(world: &World, args: &[&str]) -> Gi {
    world.gi(["issuer", "migrate", "acme", "app"]).args(args)
}

fn report(world: &World) -> Vec<Value> {
    migrate(world, &["--report"]).json().as_array().unwrap().clone()
}

/// Whose guest it is, asked for in the name of an issuer.
fn issuer_of(world: &World, subject: &str, named: &str) -> String {
    let token = world.gi(["get", subject, "-i", named]).json();
    token["issuer"].as_str().unwrap().to_owned()
}

fn subjects_of(world: &World, issuer: &str) -> Vec<String> {
    let listed = world.gi(["list"]).json();
    let guests = listed.as_array().unwrap().iter().filter(|guest| guest["issuer"] == issuer);
    guests.map(|guest| guest["subject"].as_str().unwrap().to_owned()).collect()
}

fn asked(world: &World, path: &str) -> usize {
    world.sandbox.requests(0).iter().filter(|visit| visit["path"] == path).count()
}
