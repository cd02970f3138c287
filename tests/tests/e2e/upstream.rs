//! Everything Webex can answer, and what becomes of it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;

use guestissuer_tests::World;
use serde_json::{Value, json};

/// What a cold `gi get` says when Webex answers like this, with the first attempt the last.
fn answer_to(world: &World, fault: &Value) -> (i32, String, Value) {
    world.sandbox.fault(fault);
    let outcome = world.gi(["get", "x", "--name", "X", "--timeout", "700ms", "-o", "json"]).run();
    world.sandbox.mend();
    let error: Value = serde_json::from_str(&outcome.stderr).unwrap_or_default();
    (outcome.code, error["error"]["code"].as_str().unwrap_or("").to_owned(), error)
}

#[test]
fn every_answer_becomes_the_right_failure() {
    let table = [
        (json!({"status": 400}), 5, "issuer_rejected"),
        (json!({"status": 401}), 5, "issuer_rejected"),
        (json!({"status": 403}), 5, "issuer_rejected"),
        (json!({"status": 404}), 5, "issuer_rejected"),
        (json!({"status": 409}), 5, "issuer_rejected"),
        (json!({"status": 401, "body": ""}), 5, "issuer_rejected"),
        (
            json!({"status": 401, "body": "<html>no</html>", "content_type": "text/html"}),
            5,
            "issuer_rejected",
        ),
        (json!({"status": 408}), 6, "unavailable"),
        (json!({"status": 423}), 6, "unavailable"),
        (json!({"status": 500}), 6, "unavailable"),
        (json!({"status": 502, "body": "<html>", "content_type": "text/html"}), 6, "unavailable"),
        (json!({"status": 503, "body": ""}), 6, "unavailable"),
        (json!({"status": 504}), 6, "unavailable"),
        (json!({"status": 302, "headers": {"location": "http://127.0.0.1:9/"}}), 6, "unavailable"),
        (json!({"status": 204}), 6, "unavailable"),
        (json!({"status": 429}), 6, "rate_limited"),
        (json!({"reset": true}), 6, "unavailable"),
        (json!({"close": true}), 6, "unavailable"),
        (json!({"garbage": true}), 6, "unavailable"),
        (json!({"truncate": true}), 6, "unavailable"),
        (json!({"endless": true}), 6, "unavailable"),
        (json!({"body": "not json"}), 6, "unavailable"),
        (json!({"body": "{}"}), 6, "unavailable"),
        (json!({"omit_token": true}), 6, "unavailable"),
        (json!({"token": ""}), 6, "unavailable"),
        (json!({"token": "two words"}), 6, "unavailable"),
        (json!({"token": "two\nlines"}), 6, "unavailable"),
        (json!({"expires_in": 0}), 6, "unavailable"),
        (json!({"expires_in": -5}), 6, "unavailable"),
        (json!({"expires_in": null}), 6, "unavailable"),
        (json!({"expires_in": "soon"}), 6, "unavailable"),
        (json!({"hang": true}), 6, "deadline"),
    ];
    for (fault, exit, code) in table {
        // Each in a world of its own, so that no earlier failure holds a request back.
        let world = World::new();
        let (actual, actual_code, error) = answer_to(&world, &fault);
        assert_eq!((actual, actual_code.as_str()), (exit, code), "{fault}: {error}");
    }
}

#[test]
fn a_life_in_any_shape_is_believed() {
    let world = World::new();
    for (subject, expires_in, seconds) in
        [("a", json!(64_799), 64_799), ("b", json!("21599"), 21_599), ("c", json!(120.9), 120)]
    {
        world.sandbox.fault(&json!({"expires_in": expires_in, "times": 1}));
        let token = world.gi(["get", subject, "--name", "N"]).json();
        assert!((seconds - 2..=seconds).contains(&token["expires_in"].as_i64().unwrap()), "{token}");
    }
}

#[test]
fn retry_after_is_understood_in_every_shape() {
    let date = "Fri, 31 Dec 2100 23:59:59 GMT";
    for (retry_after, at_least, at_most) in [
        ("30", 25, 30),
        ("99999999", 86_300, 86_400),
        (date, 86_300, 86_400),
        ("rand(30),add(30)", 0, 5),
        ("-5", 0, 5),
        ("", 0, 5),
    ] {
        let world = World::new();
        let (exit, code, error) = answer_to(&world, &json!({"status": 429, "retry_after": retry_after}));
        assert_eq!((exit, code.as_str()), (6, "rate_limited"), "{retry_after}");
        let wait = error["error"]["retry_after"].as_u64().unwrap();
        assert!((at_least..=at_most).contains(&wait), "{retry_after}: {wait}");
    }
}

#[test]
fn a_short_retry_after_is_waited_out() {
    let world = World::new();
    world.sandbox.fault(&json!({"status": 429, "retry_after": "1", "times": 1}));
    world.gi(["get", "1", "--name", "A"]).ok();
    let requests = world.sandbox.requests(0);
    let at = |n: usize| requests[n]["at_ms"].as_i64().unwrap();
    assert!(at(1) - at(0) >= 1_000, "{requests:?}");
}

#[test]
fn what_webex_says_reaches_the_user_and_its_tracking_id_is_kept() {
    let world = World::new();
    let body =
        json!({"message": "The guest is on holiday.", "errors": [], "trackingId": "ROUTER_42"}).to_string();
    world.sandbox.fault(&json!({"status": 403, "body": body, "headers": {"trackingid": "ROUTER_42"}}));
    let outcome = world.gi(["get", "1", "--name", "A"]).fails(5);
    assert!(
        outcome.stderr.contains("The guest is on holiday.") && outcome.stderr.contains("ROUTER_42"),
        "{outcome}"
    );
    let shown = world.gi(["show", "1"]).json();
    assert_eq!(shown["last_error"]["tracking_id"], "ROUTER_42");
    assert_eq!(shown["history"][0]["tracking_id"], "ROUTER_42");
}

#[test]
fn a_redirect_is_not_followed() {
    let world = World::new();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1/jwt/login", elsewhere.local_addr().unwrap());
    elsewhere.set_nonblocking(true).unwrap();
    for status in [301, 302, 307, 308] {
        world.sandbox.fault(&json!({"status": status, "headers": {"location": address}, "times": 1}));
        world.gi(["get", "1", "--name", "A", "--timeout", "300ms"]).run();
    }
    assert!(elsewhere.accept().is_err(), "the JWT was sent to another host");
}

#[test]
fn a_lost_answer_costs_one_more_mint_and_no_token() {
    let world = World::new();
    world.sandbox.fault(&json!({"reset": true, "mint": true, "times": 1}));
    world.gi(["get", "1", "--name", "A"]).ok();
    assert_eq!(world.sandbox.mints_of("1"), 2);
}

#[test]
fn a_wrong_clock_is_worked_around_and_reported() {
    let world = World::new();
    for minutes in [10, -10] {
        world.sandbox.settings(&json!({"clock_skew_ms": minutes * 60_000}));
        world.gi(["get", "1", "--name", "A", "--force"]).ok();
        let skew = world.gi(["status"]).json()["clock_skew"].as_i64().unwrap();
        assert!((skew - minutes * 60).abs() <= 2, "{skew}");
    }
}

#[test]
fn the_request_is_as_webex_wants_it() {
    let world = World::new();
    world.gi(["get", "1", "--name", "Stève"]).ok();
    let request = &world.sandbox.requests(0)[0];
    assert_eq!((request["method"].as_str(), request["path"].as_str()), (Some("POST"), Some("/v1/jwt/login")));
    assert_eq!(request["name"], "Stève");
    assert_eq!(request["headers_seen"]["content-length"], "0");
    assert!(request["headers_seen"]["user-agent"].as_str().unwrap().starts_with("guestissuerd/"));
    let life = request["jwt_life_s"].as_i64().unwrap();
    assert!((57..=60).contains(&life), "{life}");
}

/// HTTPS goes through the proxy that the environment names; requests to this machine do not.
#[test]
fn the_proxy_variables_are_honoured() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let mut world = World::without_daemon("6h");
    world.daemon = Some(guestissuer_tests::Daemon::start_with(world.path(), &[], |command| {
        command.env("HTTPS_PROXY", &address).env("HTTP_PROXY", &address);
    }));
    world.add_issuer("local");
    world.gi(["get", "1", "--issuer", "local", "--name", "A"]).ok();
    world.gi(["issuer", "add", "far", "--credentials", "-"]).input(&world.sandbox.credentials).ok();
    let seen = std::thread::spawn(move || {
        let (stream, _) = proxy.accept().unwrap();
        let mut line = String::new();
        let mut reader = BufReader::new(stream);
        reader.read_line(&mut line).unwrap();
        reader.get_mut().write_all(b"HTTP/1.1 502 no\r\ncontent-length: 0\r\n\r\n").unwrap();
        let _ = reader.read(&mut [0; 1024]);
        line
    });
    world.gi(["issuer", "test", "far", "--timeout", "5s"]).fails(6);
    assert!(seen.join().unwrap().starts_with("CONNECT webexapis.com:443 "));
}

#[test]
fn plain_http_to_elsewhere_is_refused() {
    let world = World::new();
    for base in ["http://webexapis.com/v1", "ftp://127.0.0.1/", "nonsense", "https://u:p@webexapis.com/v1"] {
        let add = world.gi(["issuer", "add", "x", "--credentials", "-", "--api-base", base]);
        add.input(&world.sandbox.credentials).fails(2);
        world.gi(["issuer", "update", "acme", "--api-base", base]).fails(2);
    }
}
