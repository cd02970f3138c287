//! The promises of the design, by name. Each of these fails when its promise is broken.

use std::time::{Duration, Instant};

use guestissuer_tests::gi::finish;
use guestissuer_tests::{Gi, World};
use serde_json::json;

/// Promise 1, never late.
#[test]
fn a_token_is_valid_for_at_least_what_was_asked() {
    let world = World::new();
    let first = world.gi(["get", "1", "--name", "A"]).json();
    assert_eq!(first["cached"], false);
    assert!(first["expires_in"].as_i64().unwrap() > 21_590, "{first}");
    // What the token at hand has left is not enough: a new one has more.
    world.sandbox.settings(&json!({"token_life_ms": 30_000_000}));
    let asked = first["expires_in"].as_i64().unwrap() + 60;
    let longer = world.gi(["get", "1", "--min-validity", &format!("{asked}s")]);
    // The token at hand is as new as can be and lives for less than that, so minting cannot be expected to help.
    let refusal = longer.fails(2);
    assert!(refusal.stderr.contains("only valid for 21600 s when new"), "{refusal}");
    let forced = world.gi(["get", "1", "--force", "--min-validity", &format!("{asked}s")]).json();
    assert!(forced["expires_in"].as_i64().unwrap() >= asked, "{forced}");
}

/// Promise 1, never late: nothing is printed if nothing valid can be had.
#[test]
fn expired_token_is_never_served() {
    let world = World::with("2s", &[]);
    let token = world.gi(["get", "1", "--name", "A"]).ok();
    world.sandbox.fault(&json!({"status": 503}));
    // Asking until the token at hand is too short-lived; from then on there is none, and nothing is printed.
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let outcome = world.gi(["get", "1", "--timeout", "500ms"]).run();
        if outcome.code != 0 {
            assert_eq!((outcome.code, outcome.stdout.as_str()), (6, ""), "{outcome}");
            break;
        }
        assert_eq!(outcome.stdout.trim_end(), token);
        assert!(Instant::now() < until, "a token of two seconds is still served");
    }
    world.sandbox.mend();
    assert_ne!(world.gi(["get", "1"]).ok(), token);
}

/// Promise 2, never lost.
#[test]
fn a_killed_daemon_serves_every_token_again_without_asking_webex() {
    let mut world = World::new();
    let subjects: Vec<_> = (0..20).map(|n| format!("guest-{n}")).collect();
    let tokens: Vec<_> = subjects.iter().map(|s| world.gi(["get", s, "--name", "A"]).ok()).collect();
    let mints = world.sandbox.count("mints");
    world.kill_and_start();
    for (subject, token) in subjects.iter().zip(&tokens) {
        assert_eq!(&world.gi(["get", subject]).ok(), token);
    }
    assert_eq!(world.sandbox.count("mints"), mints);
}

/// Promise 2, never lost: killed at any moment under load, the daemon still knows every token it ever handed out.
#[test]
fn forty_kills_lose_no_token_that_was_ever_printed() {
    let mut world = World::new();
    let mut printed = std::collections::BTreeMap::new();
    for round in 0..40_u32 {
        let subjects: Vec<_> = (0..6).map(|n| format!("r{round}-{n}")).collect();
        let before = world.sandbox.count("mints");
        let clients: Vec<_> = subjects.iter().map(|s| world.gi(["get", s, "--name", "A"]).spawn()).collect();
        // The kill falls between any two of the mints under way, a different one each time.
        world.sandbox.wait_for("mints", before + u64::from(round % 6));
        world.daemon.take().unwrap().kill();
        for (subject, client) in subjects.into_iter().zip(clients) {
            let outcome = finish(client);
            match outcome.code {
                0 => drop(printed.insert(subject, outcome.stdout)),
                4 => assert_eq!(outcome.stdout, ""),
                _ => panic!("{outcome}"),
            }
        }
        world.start(&[]);
    }
    assert!(printed.len() > 10, "only {} tokens were printed", printed.len());
    let mints = world.sandbox.count("mints");
    for (subject, token) in &printed {
        assert_eq!(&world.gi(["get", subject]).run().stdout, token, "{subject}");
    }
    assert_eq!(world.sandbox.count("mints"), mints);
}

/// Promise 3, never a storm.
#[test]
fn a_hundred_waiters_cost_one_mint() {
    let world = World::new();
    world.gi(["get", "warm-up", "--name", "A"]).ok();
    world.sandbox.fault(&json!({"hang": true, "subject": "cold"}));
    let clients: Vec<_> = (0..100).map(|_| world.gi(["get", "cold", "--name", "C"]).spawn()).collect();
    world.sandbox.wait_for("hanging", 1);
    // Everyone is on board before the mint ends.
    let joined = |world: &World| world.gi(["status"]).json()["counters"]["coalesced"].as_u64().unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while joined(&world) < 99 {
        assert!(Instant::now() < until, "only {} joined", joined(&world));
    }
    world.sandbox.mend();
    let tokens: std::collections::BTreeSet<_> = clients
        .into_iter()
        .map(|client| {
            let outcome = finish(client);
            assert_eq!(outcome.code, 0, "{outcome}");
            outcome.stdout
        })
        .collect();
    assert_eq!((tokens.len(), world.sandbox.mints_of("cold")), (1, 1));
}

/// Promise 3, never a storm: nothing is sent before `Retry-After` has passed, restarts included.
#[test]
fn retry_after_is_kept_across_a_restart() {
    let mut world = World::new();
    world.sandbox.fault(&json!({"status": 429, "retry_after": "600", "times": 1}));
    let refused = world.gi(["get", "1", "--name", "A", "-o", "json"]).fails(6);
    assert!(refused.stderr.contains("\"rate_limited\""), "{refused}");
    let asked = world.sandbox.count("requests");
    for restart in [false, true] {
        if restart {
            world.kill_and_start();
        }
        for args in [["get", "1"], ["get", "2"], ["issuer", "test"]] {
            let args = if args == ["get", "2"] { vec!["get", "2", "--name", "B"] } else { args.to_vec() };
            let refused = world.gi(args).args(["-o", "json"]).fails(6);
            let error: serde_json::Value = serde_json::from_str(&refused.stderr).unwrap();
            let wait = error["error"]["retry_after"].as_u64().unwrap();
            assert!((500..=600).contains(&wait), "{refused}");
        }
    }
    assert_eq!(world.sandbox.count("requests"), asked);
}

/// Promise 3, never a storm: the limit on mints at once holds over all guests.
#[test]
fn no_more_mints_are_in_flight_than_configured() {
    let mut world = World::without_daemon("6h");
    let config = world.path().join("config.toml");
    std::fs::write(&config, "[webex]\nmax_in_flight = 3\nmints_per_second = 1000\n").unwrap();
    world.start(&["--config", config.to_str().unwrap()]);
    world.add_issuer("acme");
    world.sandbox.fault(&json!({"hang": true}));
    let clients: Vec<_> =
        (0..10).map(|n| world.gi(["get", &format!("g{n}"), "--name", "A"]).spawn()).collect();
    world.sandbox.wait_for("hanging", 3);
    // All ten have been heard by the daemon, and yet only three are with Webex.
    let until = Instant::now() + Duration::from_secs(30);
    while world.gi(["status"]).json()["counters"]["gets"].as_u64().unwrap() < 10 {
        assert!(Instant::now() < until);
    }
    assert_eq!(world.sandbox.count("in_flight"), 3);
    world.sandbox.mend();
    for client in clients {
        assert_eq!(finish(client).code, 0);
    }
    assert_eq!(world.sandbox.count("mints"), 10);
}

/// Promise 3, never a storm: a mint outlives the client that caused it.
#[test]
fn a_mint_outlives_its_client() {
    let world = World::new();
    world.sandbox.fault(&json!({"hang": true}));
    let mut client = world.gi(["get", "1", "--name", "A"]).spawn();
    world.sandbox.wait_for("hanging", 1);
    client.kill().unwrap();
    client.wait().unwrap();
    world.sandbox.mend();
    world.daemon().wait_for_log("minted a token");
    let token = world.gi(["get", "1"]).json();
    assert_eq!((token["cached"].as_bool(), world.sandbox.count("mints")), (Some(true), 1));
}

/// Promise 4, never stuck.
#[test]
fn a_hit_does_not_wait_for_another_guest_s_mint() {
    let world = World::new();
    let token = world.gi(["get", "warm", "--name", "W"]).ok();
    world.sandbox.fault(&json!({"hang": true}));
    let waiting: Vec<_> =
        (0..20).map(|n| world.gi(["get", &format!("c{n}"), "--name", "C"]).spawn()).collect();
    world.sandbox.wait_for("hanging", 16);
    assert_eq!(world.gi(["get", "warm", "--timeout", "2s"]).ok(), token);
    world.sandbox.mend();
    for client in waiting {
        finish(client);
    }
}

/// Promise 4, never stuck: every request is answered before its deadline.
#[test]
fn a_hanging_mint_is_given_up_at_the_deadline() {
    let world = World::new();
    world.sandbox.fault(&json!({"hang": true}));
    let begun = Instant::now();
    let outcome = world.gi(["get", "1", "--name", "A", "--timeout", "1s"]).fails(6);
    assert!(begun.elapsed() < Duration::from_secs(3), "{outcome}");
    assert!(outcome.stderr.contains("in the time given"), "{outcome}");
    world.sandbox.mend();
}

/// Promise 4, never stuck: a daemon that is stopped in its tracks does not hold anybody up.
#[test]
fn a_stopped_daemon_is_given_up_at_the_deadline() {
    let world = World::new();
    world.daemon().signal(rustix::process::Signal::STOP);
    let begun = Instant::now();
    let outcome = world.gi(["get", "1", "--timeout", "500ms"]).fails(6);
    assert!(begun.elapsed() < Duration::from_secs(3), "{outcome}");
    world.daemon().signal(rustix::process::Signal::CONT);
    world.gi(["status"]).ok();
}

/// Promise 5, never worse.
#[test]
fn a_failed_refresh_leaves_a_valid_token_in_service() {
    let world = World::with("8s", &[]);
    let token = world.gi(["get", "1", "--name", "A"]).ok();
    world.sandbox.fault(&json!({"status": 500}));
    // At six seconds the refresher asks, and is refused; the token at hand is served on.
    world.daemon().wait_for_log("no token was minted");
    let served = world.gi(["get", "1"]).json();
    assert_eq!(served["access_token"].as_str().unwrap(), token);
    let failing = world.gi(["list", "--failing"]).json();
    assert_eq!(failing[0]["token_state"], "due");
    assert_eq!(failing[0]["last_error"]["code"], "unavailable");
    world.sandbox.mend();
    world.daemon().wait_for_log("minted a token");
    assert_ne!(world.gi(["get", "1"]).ok(), token);
    assert_eq!(world.gi(["list", "--failing"]).json().as_array().unwrap().len(), 0);
}

/// Promise 5, never worse: a forced mint that fails takes nothing away either.
#[test]
fn a_failed_forced_mint_leaves_the_token_in_service() {
    let world = World::new();
    let token = world.gi(["get", "1", "--name", "A"]).ok();
    world.sandbox.fault(&json!({"status": 401}));
    world.gi(["get", "1", "--force"]).fails(5);
    assert_eq!(world.gi(["get", "1"]).ok(), token);
}

/// Refresh ahead: the token changes before it has expired, without anybody asking.
#[test]
fn a_token_is_refreshed_before_it_expires() {
    let world = World::with("6s", &[]);
    let first = world.gi(["get", "1", "--name", "A"]).json();
    world.sandbox.wait_for("mints", 2);
    world.daemon().wait_for_log("minted a token");
    world.daemon().wait_for_log("minted a token");
    let second = world.gi(["get", "1"]).json();
    assert_ne!(first["access_token"], second["access_token"]);
    assert_eq!(second["cached"], true);
    assert!(second["issued_at"].as_str() < first["expires_at"].as_str(), "{first} {second}");
}

/// The client library is used by other programs as it is documented.
#[test]
fn the_library_s_typed_calls_work() {
    use guestissuer_client::{Client, Error, get_token};
    let world = World::new();
    world.gi(["get", "123", "--name", "A"]).ok();
    let limit = Duration::from_secs(10);
    let mut client = Client::connect(&world.socket(), limit).unwrap();
    let token = client.ask(get_token("123".parse().unwrap()), limit).unwrap().value;
    assert_eq!(token.access_token.expose(), world.gi(["get", "123"]).ok());
    let Err(Error::Failed(failure)) = client.ask(get_token("nobody".parse().unwrap()), limit) else {
        panic!("an unknown guest has no token");
    };
    assert_eq!(failure.code.as_str(), "unknown_guest");
    // The connection is still good after a failure.
    assert!(client.ask(guestissuer_client::Status, limit).is_ok());
}

/// Fifty cold clients through a daemon that each of them could have started cost one mint too.
#[test]
fn fifty_cold_clients_start_one_daemon_and_cost_one_mint() {
    let mut world = World::new();
    world.daemon.take().unwrap().terminate();
    let autostarting = |world: &World| {
        Gi::new(&world.socket(), &world.state_dir())
            .env_remove("GI_NO_AUTOSTART")
            .args(["get", "1", "--name", "A"])
    };
    let clients: Vec<_> = (0..50).map(|_| autostarting(&world).spawn()).collect();
    let outcomes: Vec<_> = clients.into_iter().map(finish).collect();
    for outcome in &outcomes {
        assert_eq!((outcome.code, &outcome.stdout), (0, &outcomes[0].stdout), "{outcome}");
    }
    assert_eq!(world.sandbox.count("mints"), 1);
    let log = std::fs::read_to_string(world.state_dir().join("guestissuerd.log")).unwrap();
    assert_eq!(log.matches("serving").count(), 1, "{log}");
    world.gi(["stop"]).ok();
}
