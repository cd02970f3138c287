//! What applications use in the field, `webexpythonsdk` and `wxc-sdk`, takes the sandbox for Webex and our tokens for
//! Webex's.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use guestissuer_tests::{World, programs, python};
use serde_json::{Value, json};

/// Runs a program of `tests/python` with the packages it needs, and gives it this to read; what it printed. None if this
/// machine has no Python.
fn run(world: &World, requirements: &str, script: &str, args: &[&str], input: &str) -> Option<String> {
    let folder = programs::repository().join("tests").join("python");
    let keep_in = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let Some(python) = python::with_packages(&folder.join(requirements), keep_in) else {
        // Not by eprintln, which a test that passes does not show.
        let skipped = format!("SKIPPED {script}: this machine has no python3\n");
        io::stderr().write_all(skipped.as_bytes()).unwrap();
        return None;
    };
    let mut program = Command::new(python);
    program
        // No proxy, and no .netrc, which would replace the token.
        .env_clear()
        .env("HOME", world.path())
        .args(["-I", "-X", "utf8"])
        .arg(folder.join(script))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = program.spawn().unwrap();
    running.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = running.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    Some(stdout)
}

/// `wxc-sdk` refreshes a Service App's token, mints guests' and counts them, as it does at Webex.
#[test]
fn wxc_sdk_finds_a_service_app_in_the_sandbox() {
    let world = World::without_daemon("6h");
    let (base, input) = (world.sandbox.api_base(), &world.sandbox.app_credentials);
    let Some(said) = run(&world, "requirements-wxc.txt", "wxc_sdk_client.py", &[&base], input) else {
        return;
    };
    assert!(said.contains("ok: a refresh gives another refresh token"), "{said}");
    assert!(world.sandbox.count("app_refreshes") > 0);
}

#[test]
fn the_python_sdk_gets_from_the_sandbox_what_it_expects_of_webex() {
    let world = World::new();
    let mut given: Value = serde_json::from_str(&world.sandbox.credentials).unwrap();
    given["base_url"] = format!("{}/", world.sandbox.api_base()).into();
    given["daemon_token"] = world.gi(["get", "123", "--name", "Stève"]).ok().into();
    let said = run(&world, "requirements.txt", "guest_issuer.py", &[], &given.to_string());
    let Some(stdout) = said else { return };
    assert!(stdout.contains("ok: the daemon's token knows the guest's name"), "{stdout}");

    assert_eq!(world.sandbox.mints_of("sdk-guest"), 2);
    assert_eq!(refusal(&world, "sdk-wrong"), json!("signature"));
    assert_eq!(refusal(&world, "sdk-late"), json!("jwt_expired"));
}

/// Why the sandbox said no to the only request for a guest.
fn refusal(world: &World, subject: &str) -> Value {
    let requests = world.sandbox.requests(0);
    let of_guest: Vec<_> = requests.iter().filter(|request| request["subject"] == subject).collect();
    let [request] = of_guest[..] else { panic!("one request of {subject}, not {of_guest:?}") };
    request["refusal"].clone()
}
