//! Starting, stopping, and meeting what earlier runs left behind.

use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use guestissuer_tests::gi::finish;
use guestissuer_tests::{Daemon, Gi, World, daemon};
use rustix::process::Signal;
use serde_json::json;

fn autostarting(world: &World) -> Gi {
    Gi::new(&world.socket(), &world.state_dir()).env_remove("GI_NO_AUTOSTART")
}

#[test]
fn second_daemon_does_not_steal_the_socket() {
    let world = World::new();
    let token = world.gi(["get", "1", "--name", "A"]).ok();
    // The same state directory.
    let (status, log) = Daemon::spawn(world.path(), &[], |_| {}).wait();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("another guestissuerd"), "{log}");
    // Another state directory, the same socket.
    let elsewhere = tempfile::tempdir().unwrap();
    let (status, log) = Daemon::spawn(elsewhere.path(), &[], |command| {
        command.arg("--socket").arg(world.socket());
    })
    .wait();
    assert!(!status.success(), "{log}");
    assert_eq!(world.gi(["get", "1"]).ok(), token);
}

#[test]
fn a_second_daemon_on_the_same_socket_alone_is_refused() {
    let world = World::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = Command::new(guestissuer_tests::programs::program("guestissuerd"));
    command
        .env_clear()
        .arg("--socket")
        .arg(world.socket())
        .arg("--state-dir")
        .arg(elsewhere.path().join("state"));
    let output = command.output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("another guestissuerd is serving"), "{log}");
    assert!(output.stdout.is_empty());
    world.gi(["status"]).ok();
}

#[test]
fn a_stale_socket_is_replaced_and_anything_else_is_left_alone() {
    let mut world = World::new();
    world.daemon.take().unwrap().kill();
    assert!(UnixStream::connect(world.socket()).is_err() && world.socket().exists());
    world.start(&[]);
    world.gi(["status"]).ok();
    world.daemon.take().unwrap().terminate();
    assert!(!world.socket().exists(), "a daemon that ends takes its socket along");

    std::fs::write(world.socket(), "precious").unwrap();
    let (status, log) = Daemon::spawn(world.path(), &[], |_| {}).wait();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("not a socket"), "{log}");
    assert_eq!(std::fs::read_to_string(world.socket()).unwrap(), "precious");
    std::fs::remove_file(world.socket()).unwrap();

    // Somebody else's socket, who listens: it is not taken either.
    let stranger = UnixListener::bind(world.socket()).unwrap();
    let (status, log) = Daemon::spawn(world.path(), &[], |_| {}).wait();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(UnixStream::connect(world.socket()).is_ok());
    drop(stranger);
}

#[test]
fn twenty_racing_autostarts_make_one_daemon_and_none_fails() {
    let world = World::without_daemon("6h");
    let clients: Vec<_> =
        (0..20).map(|_| autostarting(&world).args(["status", "-o", "json"]).spawn()).collect();
    let mut pids = std::collections::BTreeSet::new();
    for client in clients {
        let outcome = finish(client);
        assert_eq!(outcome.code, 0, "{outcome}");
        let status: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        pids.insert(status["pid"].as_u64().unwrap());
    }
    assert_eq!(pids.len(), 1);
    world.gi(["stop"]).ok();
}

#[test]
fn an_autostart_that_fails_says_why() {
    let world = World::without_daemon("6h");
    let config = world.path().join("config.toml");
    std::fs::write(&config, "[refresh]\nspeed = 3\n").unwrap();
    let outcome = autostarting(&world).env("GI_CONFIG", &config).args(["get", "1"]).fails(4);
    assert!(outcome.stderr.contains("did not start") && outcome.stderr.contains("speed"), "{outcome}");
    assert!(outcome.stderr.contains("guestissuerd.log"), "{outcome}");
}

#[test]
fn an_autostarted_daemon_survives_its_starter_s_group() {
    let world = World::without_daemon("6h");
    let gi = autostarting(&world).args(["status", "-o", "json"]).command(|command| {
        command.process_group(0);
    });
    let child = gi.spawn();
    let group = i32::try_from(child.id()).unwrap();
    let status: serde_json::Value = serde_json::from_str(&finish(child).stdout).unwrap();
    // As a terminal does when Ctrl-C is pressed; fails if the group is gone, which is as good.
    let _ = rustix::process::kill_process_group(rustix::process::Pid::from_raw(group).unwrap(), Signal::INT);
    assert_eq!(world.gi(["status"]).json()["pid"], status["pid"]);
    world.gi(["stop"]).ok();
}

#[test]
fn stop_returns_when_the_daemon_is_gone() {
    let world = World::without_daemon("6h");
    for _ in 0..10 {
        autostarting(&world).args(["status"]).ok();
        world.gi(["stop"]).ok();
        // Nothing is left that could refuse the next daemon.
        assert!(!world.socket().exists());
    }
    let outcome = world.gi(["stop"]).run();
    assert_eq!(outcome.code, 0);
    assert!(outcome.stderr.contains("no guestissuerd is running"), "{outcome}");
}

#[test]
fn signals_end_the_daemon_after_what_is_in_flight() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut world = World::new();
        world.sandbox.fault(&json!({"hang": true}));
        let client = world.gi(["get", "1", "--name", "A"]).spawn();
        world.sandbox.wait_for("hanging", 1);
        world.daemon().signal(signal);
        world.daemon().wait_for_notification("STOPPING=1");
        world.sandbox.mend();
        let outcome = finish(client);
        assert_eq!(outcome.code, 0, "{outcome}");
        let (status, log) = world.daemon.take().unwrap().wait();
        assert_eq!(status.code(), Some(0), "{log}");
        world.start(&[]);
        assert_eq!(world.gi(["get", "1"]).ok(), outcome.stdout.trim_end());
    }
}

#[test]
fn a_hanging_mint_delays_the_end_by_five_seconds_at_most() {
    let mut world = World::new();
    world.sandbox.fault(&json!({"hang": true}));
    let client = world.gi(["get", "1", "--name", "A"]).spawn();
    world.sandbox.wait_for("hanging", 1);
    let begun = Instant::now();
    let (status, log) = world.daemon.take().unwrap().terminate();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let outcome = finish(client);
    assert_eq!(outcome.code, 4, "{outcome}");
}

#[test]
fn an_idle_daemon_ends_and_one_with_a_pinned_guest_stays() {
    let mut world = World::with("6h", &["--idle-exit", "1s"]);
    world.gi(["add", "1", "A", "--pin"]).ok();
    world.gi(["unpin", "1"]).ok();
    let (status, log) = world.daemon.take().unwrap().wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("nobody asked"), "{log}");
    world.start(&[]);
    world.gi(["pin", "1"]).ok();
    world.daemon.take().unwrap().terminate();
    world.start(&["--idle-exit", "300ms"]);
    // The refresher naps for longer than the daemon may idle; its next mint shows that the daemon is still there.
    world.sandbox.settings(&json!({"token_life_ms": 6_000}));
    world.gi(["get", "1", "--force"]).ok();
    world.sandbox.wait_for("mints", 3);
    world.gi(["status"]).ok();
}

/// The test plays the service manager: it listens, and hands the socket over as descriptor 3.
fn activated(world: &World, listener: &UnixListener) -> Daemon {
    let listener = listener.try_clone().unwrap();
    Daemon::start_with(world.path(), &[], |command| {
        let mut shell = Command::new("/bin/sh");
        // The shell keeps its process id when it becomes the daemon.
        shell.args(["-c", "exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\""]);
        shell.arg(command.get_program()).args(command.get_args()).env_clear();
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                shell.env(name, value);
            }
        }
        shell.stdin(std::os::fd::OwnedFd::from(listener));
        shell.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        *command = shell;
    })
}

#[test]
fn an_activated_daemon_serves_the_socket_it_is_handed() {
    let mut world = World::without_daemon("6h");
    std::fs::create_dir(world.path().join("run")).unwrap();
    let listener = UnixListener::bind(world.socket()).unwrap();
    world.daemon = Some(activated(&world, &listener));
    world.add_issuer("acme");
    let token = world.gi(["get", "1", "--name", "A"]).ok();
    assert_eq!(world.gi(["status"]).json()["socket"], daemon::socket(world.path()).to_str().unwrap());

    // While the daemon is away, clients wait instead of failing, and are answered by the next one.
    let (status, _) = world.daemon.take().unwrap().terminate();
    assert!(status.success());
    assert!(world.socket().exists(), "the socket is the service manager's");
    let waiting = world.gi(["get", "1"]).spawn();
    world.daemon = Some(activated(&world, &listener));
    let outcome = finish(waiting);
    assert_eq!((outcome.code, outcome.stdout.trim_end()), (0, token.as_str()), "{outcome}");
}

#[test]
fn a_call_that_a_restart_cut_off_is_answered_by_the_next_daemon() {
    let mut world = World::without_daemon("6h");
    std::fs::create_dir(world.path().join("run")).unwrap();
    let listener = UnixListener::bind(world.socket()).unwrap();
    world.daemon = Some(activated(&world, &listener));
    world.add_issuer("acme");
    world.sandbox.fault(&json!({"hang": true}));
    let cut_off = world.gi(["get", "1", "--name", "A"]).spawn();
    world.sandbox.wait_for("hanging", 1);
    world.daemon.take().unwrap().kill();
    world.sandbox.mend();
    world.daemon = Some(activated(&world, &listener));
    let outcome = finish(cut_off);
    assert_eq!(outcome.code, 0, "{outcome}");
}
