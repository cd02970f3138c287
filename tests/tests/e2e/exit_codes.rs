//! Every exit code of the contract, and that stdout stays empty on failure.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};

use guestissuer_tests::{Gi, World};
use serde_json::{Value, json};

/// Fails with this exit code, and with this code in the JSON on stderr.
#[track_caller]
fn fails(gi: Gi, exit: i32, code: &str) -> Value {
    let outcome = gi.args(["-o", "json"]).fails(exit);
    let error: Value = serde_json::from_str(&outcome.stderr).unwrap_or_else(|_| panic!("{outcome}"));
    assert_eq!(error["error"]["code"], code, "{outcome}");
    assert!(error["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{outcome}");
    error
}

#[test]
fn zero_is_done() {
    let world = World::new();
    assert_eq!(world.gi(["status"]).run().code, 0);
    assert_eq!(world.gi(["--help"]).run().code, 0);
    assert_eq!(world.gi(["--version"]).run().code, 0);
}

#[test]
fn one_is_a_broken_database() {
    let world = World::new();
    world.gi(["get", "1", "--name", "A"]).ok();
    // A table that is gone is a database that is broken in a way that no check of its pages finds.
    let database = rusqlite::Connection::open(world.state_dir().join("guestissuer.db")).unwrap();
    database.execute_batch("DROP TABLE mint").unwrap();
    fails(world.gi(["show", "1"]), 1, "internal");
}

#[test]
fn two_is_wrong_usage() {
    let world = World::new();
    for args in [
        &["frobnicate"][..],
        &["get"],
        &["get", ""],
        &["get", "1", "--min-validity", "5"],
        &["get", "1", "--timeout", "soon"],
        &["get", " 1"],
        &["get", "1\n2"],
        &["get", "1", "--name", ""],
        &["get", "1", "--name", "A\u{1b}[31m"],
        &["get", &"x".repeat(256)],
        &["add", "1"],
        &["remove"],
        &["list", "-o", "env"],
        &["issuer", "add", "bad name"],
        &["issuer", "add", "x", "--kind", "service-app"],
        &["issuer", "add", "x", "--id", "a"],
        &["issuer", "add", "acme", "--credentials", "/nowhere"],
    ] {
        let outcome = world.gi(args).fails(2);
        assert!(!outcome.stderr.is_empty(), "{args:?}");
    }
    fails(world.gi(["get"]), 2, "usage");
    fails(world.gi(["issuer", "add", "x", "--id", "a"]), 2, "usage");
}

#[test]
fn a_bad_secret_is_refused_and_an_issuer_of_that_name_is_left_alone() {
    let world = World::new();
    for secret in ["", "   ", "not base64!", "YWJj$"] {
        let credentials = json!({"issuer": "abc", "secret": secret}).to_string();
        let outcome = world.gi(["issuer", "add", "other", "--credentials", "-"]).input(&credentials).fails(2);
        assert!(outcome.stderr.contains("hint: copy the whole shared secret"), "{outcome}");
        world.gi(["issuer", "update", "acme", "--credentials", "-"]).input(&credentials).fails(2);
    }
    let again =
        world.gi(["issuer", "add", "acme", "--credentials", "-"]).input(&world.sandbox.credentials).fails(2);
    assert!(again.stderr.contains("gi issuer update acme"), "{again}");
    assert_eq!(world.gi(["issuer", "list"]).json().as_array().unwrap().len(), 1);
    world.gi(["issuer", "test"]).ok();
}

#[test]
fn three_is_no_such_guest_or_issuer() {
    let world = World::new();
    let unknown = fails(world.gi(["get", "nobody"]), 3, "unknown_guest");
    assert_eq!(unknown["error"]["hint"], "register it with: gi add nobody NAME");
    for args in
        [&["show", "nobody"][..], &["rename", "nobody", "N"], &["pin", "nobody"], &["remove", "nobody"]]
    {
        fails(world.gi(args), 3, "unknown_guest");
    }
    for args in [
        &["get", "1", "--issuer", "other"][..],
        &["list", "--issuer", "other"],
        &["issuer", "show", "other"],
        &["issuer", "remove", "other"],
        &["issuer", "default", "other"],
        &["issuer", "test", "other"],
    ] {
        fails(world.gi(args), 3, "unknown_issuer");
    }
}

#[test]
fn four_is_no_daemon() {
    let world = World::without_daemon("6h");
    let outcome = world.gi(["status"]).fails(4);
    assert!(outcome.stderr.contains("hint: start it with: guestissuerd"), "{outcome}");
    fails(world.gi(["get", "1"]), 4, "no_daemon");
}

#[test]
fn five_is_a_refused_issuer() {
    let world = World::new();
    world.gi(["get", "1", "--name", "A"]).ok();
    let wrong = json!({"issuer": "abc", "secret": "d3Jvbmc="}).to_string();
    world.gi(["issuer", "update", "acme", "--credentials", "-"]).input(&wrong).ok();
    let error = fails(world.gi(["issuer", "test"]), 5, "issuer_rejected");
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("valid access token") && message.contains("tracking id ROUTER_"), "{message}");
    assert!(error["error"]["hint"].as_str().unwrap().contains("secret"), "{error}");
    fails(world.gi(["get", "2", "--name", "B"]), 5, "issuer_rejected");
    // What is still valid is served on, and right credentials mend it at once.
    world.gi(["get", "1"]).ok();
    world.gi(["issuer", "update", "acme", "--credentials", "-"]).input(&world.sandbox.credentials).ok();
    world.gi(["get", "2"]).ok();
}

#[test]
fn six_is_not_now() {
    let world = World::new();
    world.sandbox.fault(&json!({"status": 503}));
    fails(world.gi(["get", "1", "--name", "A", "--timeout", "1s"]), 6, "unavailable");
    world.sandbox.mend();
    world.sandbox.fault(&json!({"hang": true}));
    fails(world.gi(["get", "2", "--name", "B", "--timeout", "1s"]), 6, "deadline");
    world.sandbox.mend();
    world.sandbox.fault(&json!({"status": 429, "retry_after": "60"}));
    let error = fails(world.gi(["get", "3", "--name", "C"]), 6, "rate_limited");
    assert!((55..=60).contains(&error["error"]["retry_after"].as_u64().unwrap()), "{error}");
}

#[test]
fn seven_is_another_user_s_socket() {
    let world = World::new();
    let runs_as_root = rustix::process::geteuid().is_root();
    if !runs_as_root {
        eprintln!("skipped: only root can be two users");
        return;
    }
    // The daemon's own check: everyone may connect, and still only its user is served.
    for path in [world.path().to_owned(), world.path().join("run"), world.socket()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let mut hello = guestissuer_proto::hello::Hello::OURS.to_bytes().to_vec();
    hello.extend([0, 0, 0, 2, 1, 15]);
    // The daemon may have hung up before the stranger has said anything.
    let script = "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\ntry:\n \
                  s.sendall(bytes.fromhex(sys.argv[2]))\nexcept OSError: pass\nprint(s.recv(999))";
    let hex: String = hello.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let stranger = std::process::Command::new("/usr/bin/env")
        .args(["python3", "-c", script])
        .arg(world.socket())
        .arg(hex)
        .env("PATH", "/usr/bin:/bin")
        .uid(65_534)
        .output()
        .unwrap();
    let answer = String::from_utf8_lossy(&stranger.stdout).into_owned();
    assert!(
        answer.contains("belongs to another user"),
        "{answer} {}",
        String::from_utf8_lossy(&stranger.stderr)
    );
    // gi's own check: it does not talk to a stranger's daemon.
    std::os::unix::fs::chown(world.socket(), Some(65_534), None).unwrap();
    fails(world.gi(["get", "1"]), 7, "denied");
}

#[test]
fn seven_is_also_a_locked_store() {
    let mut world = World::new();
    let token = world.gi(["get", "1", "--name", "A"]).ok();
    let key = world.state_dir().join("guestissuer.key");
    let aside = world.path().join("key");
    world.daemon.take().unwrap().terminate();
    std::fs::rename(&key, &aside).unwrap();
    world.start(&[]);
    let error = fails(world.gi(["get", "1"]), 7, "locked");
    assert!(error["error"]["hint"].as_str().unwrap().contains("restore the key file"), "{error}");
    assert!(world.gi(["status"]).json()["protection"].as_str().unwrap().starts_with("locked"));
    assert!(!key.exists(), "a new key would bury the old one");
    world.daemon.take().unwrap().terminate();
    std::fs::rename(&aside, &key).unwrap();
    world.start(&[]);
    assert_eq!(world.gi(["get", "1"]).ok(), token);
}

#[test]
fn eight_is_no_common_version() {
    // A daemon of a far future, as far as its first bytes go.
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("future.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let future = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hello = [0; 8];
        std::io::Read::read_exact(&mut stream, &mut hello).unwrap();
        assert_eq!(&hello[..4], b"gi\x00\xf5");
        stream.write_all(b"gi\x00\xf5\x00\x00\x00\x01\x00\x08\x00\x09\x00\x03new").unwrap();
    });
    let error = fails(Gi::new(&socket, directory.path()).args(["status"]), 8, "version");
    assert!(error["error"]["message"].as_str().unwrap().contains("gi is older"), "{error}");
    future.join().unwrap();
}

#[test]
fn a_closed_pipe_is_success() {
    let world = World::new();
    world.gi(["get", "1", "--name", "A"]).ok();
    for args in [&["get", "1"][..], &["list"], &["status", "-o", "json"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let outcome = world
            .gi(args)
            .command(|command| {
                command.stdout(writer);
            })
            .run();
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn one_hundred_and_thirty_is_interrupted() {
    let world = World::new();
    world.sandbox.fault(&json!({"hang": true}));
    let mut client = world.gi(["get", "1", "--name", "A"]).spawn();
    world.sandbox.wait_for("hanging", 1);
    let pid = rustix::process::Pid::from_raw(i32::try_from(client.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    // An end by a signal, which shells report as 128 and its number: 130.
    assert_eq!(client.wait().unwrap().signal(), Some(2));
    world.sandbox.mend();
}
