//! Nothing secret of a Service App is told.

use std::fs;

use guestissuer_tests::World;
use serde_json::json;

use super::credentials;

#[test]
fn no_secret_of_an_app_is_in_the_log_at_trace_level_nor_in_a_file_in_the_clear() {
    let mut world = World::with_app(&["--log-level", "trace"]);
    let own = credentials(&world);
    let mut canaries: Vec<String> =
        ["client_secret", "refresh_token"].map(|key| own[key].as_str().unwrap().to_owned()).to_vec();
    let mut note = |world: &World| {
        for key in ["refresh_token", "access_token"] {
            canaries.push(world.sandbox.app()[key].as_str().unwrap().to_owned());
        }
    };
    note(&world);
    world.gi(["get", "1", "--name", "A", "-v"]).ok();
    world.sandbox.app_does("revoke");
    world.gi(["get", "2", "--name", "A", "-v"]).ok();
    note(&world);
    // Webex says them back to us.
    let newest = world.sandbox.app()["refresh_token"].clone();
    let spoken = format!("{} {}", own["client_secret"].as_str().unwrap(), newest.as_str().unwrap());
    let body = json!({"error": "invalid_grant", "error_description": format!("bad {spoken}")}).to_string();
    world.sandbox.fault(&json!({"path": "/v1/access_token", "status": 400, "body": body, "times": 1}));
    world.sandbox.app_does("revoke");
    let refused = world.gi(["get", "3", "--name", "A"]).fails(5);
    world.gi(["issuer", "update", "app", "--credentials", "-"]).input(&own.to_string()).run();
    let mut seen = refused.stderr;
    for args in [&["issuer", "show"][..], &["issuer", "list"], &["status"], &["doctor"]] {
        for format in ["text", "json"] {
            let outcome = world.gi(args).args(["-o", format, "-v"]).run();
            seen.push_str(&outcome.stdout);
            seen.push_str(&outcome.stderr);
        }
    }
    let files = |world: &World| -> Vec<Vec<u8>> {
        fs::read_dir(world.state_dir())
            .unwrap()
            .map(|entry| fs::read(entry.unwrap().path()).unwrap())
            .collect()
    };
    let on_disk = files(&world);
    let (_, log) = world.daemon.take().unwrap().terminate();
    seen.push_str(&log);
    assert!(log.contains("refreshed the Service App"), "{log}");
    for canary in &canaries {
        assert!(canary.len() >= 16);
        // Nor a recognisable part of one.
        let part = &canary[canary.len() - 16..];
        assert!(!seen.contains(part), "{part} was told");
        for file in on_disk.iter().chain(&files(&world)) {
            assert!(!file.windows(part.len()).any(|window| window == part.as_bytes()), "{part} is in a file");
        }
    }
}

#[test]
fn the_client_secret_goes_nowhere_but_to_the_issuer_s_address() {
    let world = World::with_app(&[]);
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = format!("http://{}/v1/access_token", elsewhere.local_addr().unwrap());
    for path in ["/v1/access_token", "/v1/guests/token", "/v1/guests/count"] {
        for status in [302, 307, 308] {
            world.sandbox.fault(
                &json!({"path": path, "status": status, "headers": {"location": address}, "times": 1}),
            );
            world.sandbox.app_does("revoke");
            world.gi(["get", "1", "--name", "A", "--force", "--timeout", "500ms"]).run();
            world.gi(["issuer", "show", "--timeout", "500ms"]).run();
            world.sandbox.mend();
        }
    }
    assert!(elsewhere.accept().is_err(), "something was sent to another address");
}
