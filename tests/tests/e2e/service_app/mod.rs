//! Issuers of kind `service-app`: adding them, minting with them, and the life of their own token.

mod adding;
mod crash;
mod minting;
mod refresh;
mod refusals;
mod secrecy;

use guestissuer_tests::World;
use serde_json::{Value, json};

/// The sandbox's credentials, as JSON.
fn credentials(world: &World) -> Value {
    serde_json::from_str(&world.sandbox.app_credentials).unwrap()
}

/// How the own token of the only issuer stands.
fn app(world: &World) -> Value {
    world.gi(["status"]).json()["issuers"][0]["app"].clone()
}

/// A world with the app, whose own token lives for so long.
fn with_app_life(life_ms: u64, args: &[&str]) -> World {
    let mut world = World::without_daemon("6h");
    world.sandbox.app_settings(&json!({"access_life_ms": life_ms}));
    world.start(args);
    world.add_app("app");
    world
}

/// Requests for a path, in order.
fn asked(world: &World, path: &str) -> Vec<Value> {
    world.sandbox.requests(0).into_iter().filter(|request| request["path"] == path).collect()
}
