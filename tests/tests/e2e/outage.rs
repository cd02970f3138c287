//! Short-lived tokens, a client that asks ten times a second, and Webex away for two seconds.

use std::time::{Duration, Instant};

use guestissuer_tests::World;
use guestissuer_tests::gi::finish;
use serde_json::{Value, json};

/// How long tokens live.
const LIFE: Duration = Duration::from_secs(12);

/// How long the whole takes: three lives, so that refreshes fall into and beside the outage.
const LONG: Duration = Duration::from_secs(36);

/// No `get` fails, no token is late, and hardly a mint is wasted, whatever the outage looks like and wherever it falls.
fn holds_through(fault: &Value) {
    let world = World::with("12s", &[]);
    let begun = Instant::now();
    let mut clients = Vec::new();
    let mut is_out = false;
    world.gi(["get", "1", "--name", "A"]).ok();
    // A tenth of a second between two requests is part of what is tested, and the long poll for a count that is
    // never reached is a clock that ticks without sleeping.
    let tick = || {
        drop(
            ureq::get(format!(
                "{}/_control/wait?field=mints&at_least=9999&timeout_ms=100",
                world.sandbox.address()
            ))
            .call(),
        );
    };
    while begun.elapsed() < LONG {
        // The first refresh is due between 8.4 and 9.6 seconds: the outage begins as it is.
        let should_be_out =
            (Duration::from_millis(8_500)..Duration::from_millis(10_500)).contains(&begun.elapsed());
        if should_be_out != is_out {
            is_out = should_be_out;
            if is_out { world.sandbox.fault(fault) } else { world.sandbox.mend() }
        }
        let client = world.gi(["get", "1", "-o", "json"]).spawn();
        let asked = Instant::now();
        clients.push(std::thread::spawn(move || (finish(client), asked.elapsed())));
        tick();
    }
    let asked = clients.len();
    assert!(asked > 250, "only {asked} requests were made");
    for client in clients {
        let (outcome, took) = client.join().unwrap();
        assert_eq!(outcome.code, 0, "{outcome}");
        // The outage itself, in the worst case, and the time until the next attempt.
        assert!(took < Duration::from_secs(4), "{took:?}");
        let token: Value = serde_json::from_str(&outcome.stdout).unwrap();
        // The promised tenth of its life, less the rounding down to seconds.
        assert!(token["expires_in"].as_i64().unwrap() >= 1, "{token}");
    }
    // A token serves for nine tenths of its life, because a tenth of it must remain.
    let least = 1 + LONG.as_millis() / (LIFE.as_millis() * 9 / 10);
    let mints = u128::from(world.sandbox.count("mints"));
    assert!(mints * 2 <= least * 3, "{mints} mints where {least} would do");
}

#[test]
fn an_outage_with_errors_is_not_noticed() {
    holds_through(&json!({"status": 503}));
}

#[test]
fn an_outage_with_resets_is_not_noticed() {
    holds_through(&json!({"reset": true}));
}

#[test]
fn an_outage_with_silence_is_not_noticed() {
    holds_through(&json!({"hang": true}));
}
