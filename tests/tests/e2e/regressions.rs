//! Defects that were found by hostile testing, each of which failed here before it was mended.

use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use guestissuer_tests::gi::finish;
use guestissuer_tests::{Daemon, Gi, World, programs};
use rustix::process::Signal;
use serde_json::{Value, json};

/// Holds the database's write lock, so that the daemon cannot commit until this is dropped.
fn write_lock(world: &World) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(world.state_dir().join("guestissuer.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    database
}

#[test]
fn a_daemon_that_is_ending_is_waited_for() {
    let mut world = World::new();
    let token = world.gi(["get", "1", "--name", "A"]).ok();
    world.sandbox.fault(&json!({"hang": true}));
    let cut_off = world.gi(["get", "slow", "--name", "S"]).spawn();
    world.sandbox.wait_for("hanging", 1);
    world.daemon().signal(Signal::TERM);
    world.daemon().wait_for_notification("STOPPING=1");
    // The mint in flight holds the daemon up for seconds; meanwhile there is nobody to ask, and nobody must notice.
    let autostarting = Gi::new(&world.socket(), &world.state_dir()).env_remove("GI_NO_AUTOSTART");
    assert_eq!(autostarting.args(["get", "1"]).ok(), token);
    let (status, _) = world.daemon.take().unwrap().wait();
    assert!(status.success());
    finish(cut_off);
    world.gi(["stop"]).ok();
}

#[test]
fn a_change_that_is_cut_at_its_deadline_is_the_same_in_memory_and_on_disk() {
    let world = World::new();
    world.gi(["get", "1", "--name", "A"]).ok();
    let lock = write_lock(&world);
    world.gi(["remove", "1", "--timeout", "300ms"]).fails(6);
    drop(lock);
    // The removal goes on, and the next change waits behind it.
    world.gi(["add", "2", "B"]).ok();
    world.gi(["get", "1"]).fails(3);

    let lock = write_lock(&world);
    let base = world.sandbox.api_base();
    let add =
        world.gi(["issuer", "add", "two", "--credentials", "-", "--api-base", &base, "--timeout", "300ms"]);
    add.input(&world.sandbox.credentials).fails(6);
    drop(lock);
    world.gi(["rename", "2", "C"]).ok();
    world.gi(["issuer", "test", "two"]).ok();
}

#[test]
fn a_rename_during_a_mint_reaches_webex() {
    let world = World::new();
    world.sandbox.fault(&json!({"hang": true, "times": 1}));
    let old = world.gi(["get", "1", "--name", "Old"]).spawn();
    world.sandbox.wait_for("hanging", 1);
    world.gi(["rename", "1", "Middle"]).ok();
    let new = world.gi(["get", "1", "--name", "New", "-o", "json"]).spawn();
    let joined = |world: &World| world.gi(["status"]).json()["counters"]["coalesced"].as_u64().unwrap();
    while joined(&world) < 1 {}
    world.sandbox.release();
    assert_eq!(finish(old).code, 0);
    let token: Value = serde_json::from_str(&finish(new).stdout).unwrap();
    assert_eq!(token["display_name"], "New");
    let names: Vec<_> = world.sandbox.requests(0).iter().map(|request| request["name"].clone()).collect();
    assert_eq!(names.last().unwrap(), "New", "{names:?}");
    assert_eq!(world.gi(["show", "1"]).json()["display_name"], "New");
}

#[test]
fn tokens_that_hardly_live_make_no_storm() {
    let world = World::new();
    world.sandbox.fault(&json!({"expires_in": 0.001}));
    world.gi(["get", "1", "--name", "A", "--timeout", "300ms"]).fails(6);
    world.sandbox.mend();
    world.sandbox.fault(&json!({"expires_in": 1}));
    world.gi(["get", "2", "--name", "B"]).ok();
    let mints = world.sandbox.count("mints");
    // The long poll is a clock: three seconds in which the refresher has every occasion.
    let three_seconds =
        format!("{}/_control/wait?field=mints&at_least=9999&timeout_ms=3000", world.sandbox.address());
    drop(ureq::get(three_seconds).call());
    assert!(world.sandbox.count("mints") <= mints + 1);
    // What is asked for is too much by a hair each time, and still one call makes one mint at most.
    world.sandbox.mend();
    let before = world.sandbox.count("mints");
    world.sandbox.fault(&json!({"delay_ms": 1_200}));
    world.gi(["get", "3", "--name", "C", "--min-validity", "21599s"]).fails(2);
    assert_eq!(world.sandbox.count("mints"), before + 1);
}

#[test]
fn the_autostarted_daemon_keeps_nothing_of_its_caller_s() {
    let world = World::without_daemon("6h");
    let (mut reader, writer) = std::io::pipe().unwrap();
    let script = "exec 7>&0; exec \"$0\" status -o json </dev/null";
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", script]).arg(programs::program("gi")).env_clear();
    shell.env("GI_SOCKET", world.socket()).env("GI_STATE_DIR", world.state_dir()).env("HOME", world.path());
    shell
        .env("WEBEX_ACCESS_TOKEN", "canary")
        .env("SECRET", "canary")
        .env("HTTPS_PROXY", "http://127.0.0.1:9");
    let output = shell.stdin(writer).stderr(Stdio::inherit()).output().unwrap();
    drop(shell);
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    // The pipe's other end is closed as soon as the caller is gone, although the daemon lives.
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    let environment = std::fs::read(format!("/proc/{}/environ", status["pid"])).unwrap();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(!environment.contains("canary") && environment.contains("HTTPS_PROXY="), "{environment}");
    world.gi(["stop"]).ok();
}

#[test]
fn pages_of_the_longest_guests_fit_into_replies() {
    let mut world = World::new();
    world.daemon.take().unwrap().terminate();
    let mut database = rusqlite::Connection::open(world.state_dir().join("guestissuer.db")).unwrap();
    let all = database.transaction().unwrap();
    let error = json!({
        "at": 0,
        "failure": {"code": "Unavailable", "message": "m".repeat(700), "hint": "h".repeat(200), "retry_after_ms": null},
        "tracking_id": "t".repeat(300),
    });
    for n in 0..1_500 {
        let insert = "INSERT INTO guest (issuer_id, subject, display_name, pinned, created_at, last_used_at, last_error)
                      VALUES (1, ?1, ?2, 0, 0, 0, ?3)";
        all.execute(insert, (format!("{n:0>255}"), "🦀".repeat(255), error.to_string())).unwrap();
    }
    all.commit().unwrap();
    drop(database);
    world.start(&[]);
    assert_eq!(world.gi(["list"]).json().as_array().unwrap().len(), 1_500);
    assert_eq!(world.gi(["list"]).ok().lines().count(), 1_501);
}

#[test]
fn odd_arguments_and_empty_variables_are_taken_as_users_mean_them() {
    let world = World::new();
    let outcome = world.gi([std::ffi::OsStr::from_bytes(b"\xff")]).fails(2);
    assert!(outcome.stderr.starts_with("gi: ") && outcome.stderr.contains("hint: "), "{outcome}");
    world.gi(["list"]).env("GI_TIMEOUT", "").ok();
    let missing = world.gi(["rename", "-o", "json"]).fails(2);
    let error: Value = serde_json::from_str(&missing.stderr).unwrap();
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("<GUEST>") && message.contains("<NAME>"), "{message}");
    // One object on stderr, although there is something to warn of too.
    world.sandbox.fault(&json!({"status": 401}));
    let failed = world.gi(["add", "a_b", "A", "-o", "json"]).fails(5);
    let error: Value = serde_json::from_str(&failed.stderr).unwrap();
    assert!(error["warnings"][0].as_str().unwrap().contains("a_b"), "{error}");
    let hint = world.gi(["get", "--", "--nope"]).fails(3);
    assert!(hint.stderr.contains("gi add -- '--nope' NAME"), "{hint}");
    world.add_issuer("two");
    let hint = world.gi(["get", "x", "--issuer", "two"]).fails(3);
    assert!(hint.stderr.contains("gi add --issuer two x NAME"), "{hint}");
}

#[test]
fn an_empty_database_with_a_journal_is_damage_and_a_stranger_s_database_is_left_alone() {
    let mut world = World::new();
    world.gi(["get", "1", "--name", "A"]).ok();
    // Killed, so that everything is still in the journal.
    world.daemon.take().unwrap().kill();
    let database = world.state_dir().join("guestissuer.db");
    assert!(std::fs::metadata(world.state_dir().join("guestissuer.db-wal")).unwrap().len() > 0);
    std::fs::write(&database, "").unwrap();
    world.start(&[]);
    assert!(world.gi(["status"]).run().stderr.contains("set aside"));
    world.daemon.take().unwrap().terminate();

    std::fs::remove_file(&database).unwrap();
    rusqlite::Connection::open(&database).unwrap().execute_batch("CREATE TABLE precious (x)").unwrap();
    for args in [&[][..], &["--check"]] {
        let (status, log) = Daemon::spawn(world.path(), args, |_| {}).wait();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("another program's"), "{log}");
    }
    let tables = rusqlite::Connection::open(&database).unwrap().table_exists(None, "precious");
    assert!(tables.unwrap());
}

#[test]
fn check_looks_at_the_key() {
    let mut world = World::new();
    world.daemon.take().unwrap().terminate();
    let key = world.state_dir().join("guestissuer.key");
    let good = std::fs::read(&key).unwrap();
    for (bad, word) in [(vec![1; 32], "not the one"), (vec![1; 31], "does not hold a key")] {
        std::fs::write(&key, bad).unwrap();
        let (status, log) = Daemon::spawn(world.path(), &["--check"], |_| {}).wait();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains(word), "{log}");
    }
    std::fs::remove_file(&key).unwrap();
    let (status, log) = Daemon::spawn(world.path(), &["--check"], |_| {}).wait();
    assert!(status.code() == Some(1) && log.contains("is missing"), "{log}");
    std::fs::OpenOptions::new().create_new(true).write(true).open(&key).unwrap().write_all(&good).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let (status, log) = Daemon::spawn(world.path(), &["--check"], |_| {}).wait();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn a_refused_test_of_an_issuer_counts_like_any_request() {
    let world = World::new();
    world.gi(["get", "1", "--name", "A"]).ok();
    world.sandbox.fault(&json!({"status": 429, "retry_after": "30", "times": 1}));
    world.gi(["issuer", "test"]).fails(6);
    let asked = world.sandbox.count("requests");
    world.gi(["get", "2", "--name", "B", "--timeout", "1s"]).fails(6);
    assert_eq!(world.sandbox.count("requests"), asked);
    assert!(world.gi(["issuer", "show"]).json()["paused_in"].as_i64().unwrap() > 20);
}

#[test]
fn silent_connections_do_not_delay_the_end() {
    let mut world = World::new();
    let mut half = std::os::unix::net::UnixStream::connect(world.socket()).unwrap();
    half.write_all(b"gi").unwrap();
    world.gi(["status"]).ok();
    let begun = std::time::Instant::now();
    let (status, log) = world.daemon.take().unwrap().terminate();
    assert!(status.success() && begun.elapsed() < Duration::from_secs(3), "{:?} {log}", begun.elapsed());
}

#[test]
fn clients_that_have_left_take_no_place() {
    use guestissuer_proto::hello::Hello;
    let world = World::new();
    let token = world.gi(["get", "1", "--name", "A"]).ok();
    world.sandbox.fault(&json!({"hang": true}));
    let cold = world.gi(["get", "cold", "--name", "C"]).spawn();
    world.sandbox.wait_for("hanging", 1);
    let ask = guestissuer_client::get_token("cold".parse().unwrap());
    let call =
        guestissuer_proto::Call { deadline_ms: 600_000, request: guestissuer_proto::Request::Get(ask) };
    let body = guestissuer_proto::codec::encode(&call).unwrap();
    let header = u32::try_from(body.len()).unwrap().to_be_bytes();
    let bytes = [Hello::OURS.to_bytes().as_slice(), &header, &body].concat();
    for _ in 0..600 {
        let mut stream = std::os::unix::net::UnixStream::connect(world.socket()).unwrap();
        stream.write_all(&bytes).unwrap();
    }
    assert_eq!(world.gi(["get", "1", "--timeout", "3s"]).ok(), token);
    world.sandbox.mend();
    assert_eq!(finish(cold).code, 0);
}

#[test]
fn a_guest_that_is_removed_and_added_again_during_its_mint_gets_a_token() {
    let world = World::new();
    world.sandbox.fault(&json!({"hang": true, "times": 1}));
    let first = world.gi(["get", "1", "--name", "A"]).spawn();
    world.sandbox.wait_for("hanging", 1);
    world.gi(["remove", "1"]).ok();
    let again = world.gi(["add", "1", "B"]).spawn();
    let joined = |world: &World| world.gi(["status"]).json()["counters"]["coalesced"].as_u64().unwrap();
    while joined(&world) < 1 {}
    world.sandbox.release();
    let outcome = finish(again);
    assert_eq!(outcome.code, 0, "{outcome}");
    finish(first);
    assert_eq!(world.gi(["list"]).json()[0]["token_state"], "fresh");
}

#[test]
fn a_database_that_somebody_else_holds_may_be_free_later() {
    let world = World::new();
    let _lock = write_lock(&world);
    let outcome = world.gi(["get", "1", "--name", "A"]).fails(6);
    assert!(outcome.stderr.contains("another program holds the database"), "{outcome}");
}

#[test]
fn a_webex_that_does_not_answer_is_told_from_one_that_cannot_be_reached() {
    let mut world = World::without_daemon("6h");
    let config = world.path().join("config.toml");
    std::fs::write(&config, "[webex]\nrequest_timeout = \"1s\"\n").unwrap();
    world.start(&["--config", config.to_str().unwrap()]);
    world.add_issuer("acme");
    world.sandbox.fault(&json!({"hang": true}));
    let outcome = world.gi(["issuer", "test"]).fails(6);
    assert!(outcome.stderr.contains("did not answer within 1 s"), "{outcome}");
    world.gi(["issuer", "update", "acme", "--api-base", "http://127.0.0.1:1/v1"]).ok();
    let outcome = world.gi(["issuer", "test"]).fails(6);
    assert!(outcome.stderr.contains("cannot be reached"), "{outcome}");
}
