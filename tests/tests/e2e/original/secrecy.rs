//! Nothing of these commands is kept, and no secret is shown.

use std::fs;

use guestissuer_tests::World;
use serde_json::json;

use super::{GOLDEN, Stage, WRONG_SECRET};

#[test]
fn nothing_is_stored_and_nothing_is_logged() {
    let mut world = World::without_daemon("6h");
    world.start(&["--log-level", "trace"]);
    let mut stage = Stage::of(world);
    let secret = stage.fill("{SECRET}");
    let signed = || stage.call("guestissuer create 1 Zaphod -i {ID} -q").env("SECRET", &secret);
    let jwt = signed().ok();
    let login = stage.call(&format!("gi login {jwt} --api-base {{BASE}} -q -v")).ok();
    let quick = stage.call("gi quick 2 Trillian -i {ID} -s - -q --api-base {BASE}").input(&secret).ok();
    stage.call(&format!("gi verify {jwt} -s -")).input(&secret).ok();
    stage.call(&format!("gi verify -a {quick} --api-base {{BASE}}")).ok();
    stage.call("gi quick 3 Ford -i {ID} -s - --api-base {BASE}").input(WRONG_SECRET).fails(5);
    // Webex says a token back to us, in every place it can.
    stage.world.sandbox.fault(&json!({
        "status": 400,
        "body": json!({"message": format!("bad {jwt}"), "trackingId": jwt}).to_string(),
        "headers": {"trackingid": jwt},
    }));
    for line in ["login {jwt} --api-base {BASE}", "verify -a {jwt} --api-base {BASE}"] {
        for program in ["gi", "guestissuer"] {
            let outcome = stage.call(&format!("{program} {line}").replace("{jwt}", &jwt)).run();
            assert!(outcome.code != 0 && !outcome.stderr.contains(&jwt[jwt.len() - 24..]), "{outcome}");
        }
    }
    assert_eq!(stage.world.gi(["list"]).json(), json!([]));
    assert_eq!(stage.world.gi(["issuer", "list"]).json(), json!([]));
    let (_, log) = stage.world.daemon.take().unwrap().terminate();
    assert!(log.contains("a request that mints for no guest failed"), "{log}");
    let canaries =
        [&secret, WRONG_SECRET, &jwt, &login, &quick].map(|text| text[text.len() - 24..].to_owned());
    for canary in canaries.iter().map(String::as_str).chain(["Zaphod", "Trillian"]) {
        assert!(!log.contains(canary), "{canary} is in the log");
        for entry in fs::read_dir(stage.world.state_dir()).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let is_there = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!is_there, "{canary} is in {}", path.display());
        }
    }
}

#[test]
fn an_error_never_repeats_what_must_not_be_seen() {
    let stage = Stage::new();
    let junk = "c2VjcmV0LWNhbmFyeQ$";
    for line in [
        format!("gi create 1 Ann -i {{ID}} -s {junk}"),
        format!("gi quick 1 Ann -i {{ID}} -s {junk}"),
        format!("gi verify {GOLDEN} -s {junk}"),
        format!("gi verify {junk}"),
        format!("gi login {junk} -i acme"),
        format!("gi verify -a {junk} -i acme"),
        format!("guestissuer 1 Ann -i {{ID}} -s {junk}"),
        // The command line itself is wrong.
        format!("gi quick 1 Ann -secret {junk}"),
        format!("guestissuer 1 Ann -i {{ID}} {junk}"),
        format!("gi verify {GOLDEN} {junk} -o json"),
        format!("gi login {GOLDEN} -i {}", junk.repeat(4)),
        format!("gi create {} Ann -i {{ID}}", junk.repeat(20)),
        format!("gi get {}", junk.repeat(20)),
        format!("guestissuer create 1 Ann -i {{ID}} -s {junk} -o json"),
    ] {
        let outcome = stage.call(&line).run();
        assert!(outcome.code != 0 && outcome.stdout.is_empty(), "{line}: {outcome}");
        assert!(!outcome.stderr.contains("c2VjcmV0"), "{line}: {outcome}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_daemon_that_is_started_on_the_way_learns_no_secret_by_its_arguments_or_environment() {
    let stage = Stage::of(World::without_daemon("6h"));
    let secret = stage.fill("{SECRET}");
    let run = stage.call("guestissuer create 1 Ann").env("ISSUER", stage.fill("{ID}")).env("SECRET", &secret);
    run.env_remove("GI_NO_AUTOSTART").ok();
    let pid = stage.world.gi(["status"]).json()["pid"].as_u64().unwrap();
    for file in ["cmdline", "environ"] {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(&secret), "{file}");
    }
    World::stop(&stage.world.socket(), &stage.world.state_dir());
}
