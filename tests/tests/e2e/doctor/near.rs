//! Faults on this machine: files, directories, the configuration, the daemon itself.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use guestissuer_tests::{Gi, World, daemon, programs};
use rustix::process::Signal;

use super::{Visit, set_mode, used, visit};

#[test]
fn a_daemon_that_is_down_is_found_and_never_started() {
    let world = World::without_daemon("6h");
    let down = visit(&world);
    down.is_wrong(4, &["daemon"]);
    assert!(down.finding("daemon", "wrong").contains("told not to start"), "{}", down.outcome);
    // One that gi would start when it is needed is not wrong.
    let startable = Visit::of(world.gi::<_, &str>([]).env_remove("GI_NO_AUTOSTART"));
    startable.is_well();
    startable.check("daemon", "warning");
    assert!(!world.socket().exists() && !world.state_dir().exists());
}

/// A copy of gi beside what is taken for guestissuerd, if anything.
fn gi_elsewhere(world: &World, guestissuerd: Option<&str>) -> Gi {
    let alone = world.path().join("gi");
    // Written by another program: a file that this one writes is busy while other tests start theirs.
    let script = "cp \"$1\" \"$0/gi\" && if [ -n \"$2\" ]; then echo \"$2\" > \"$0/guestissuerd\" && \
                  chmod 700 \"$0/guestissuerd\"; fi";
    let made = Command::new("sh")
        .args(["-c", script])
        .arg(world.path())
        .arg(programs::program("gi"))
        .arg(guestissuerd.unwrap_or_default())
        .status();
    assert!(made.unwrap().success());
    world.gi::<_, &str>([]).env("PATH", world.path()).command(|command| {
        let mut moved = Command::new(&alone);
        moved.env_clear();
        for (name, value) in command.get_envs() {
            moved.envs(value.map(|value| (name, value)));
        }
        moved.stdout(Stdio::piped()).stderr(Stdio::piped());
        *command = moved;
    })
}

#[test]
fn a_daemon_that_is_not_installed_is_found() {
    let world = World::without_daemon("6h");
    let visit = Visit::of(gi_elsewhere(&world, None).env_remove("GI_NO_AUTOSTART"));
    visit.is_wrong(4, &["daemon"]);
    assert!(
        visit.check("daemon", "wrong")["remedy"].as_str().unwrap().contains("install"),
        "{}",
        visit.outcome
    );
    visit.check("configuration", "warning");
}

#[test]
fn a_slow_step_leaves_time_for_the_others() {
    let world = used();
    let fifo = world.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // Waits for a line that nobody writes.
    let slow = format!("#!/bin/sh\nread -r line < {}", fifo.display());
    let visit = Visit::of(gi_elsewhere(&world, Some(&slow)).args(["--timeout", "5s"]));
    visit.is_well();
    assert!(visit.finding("configuration", "warning").contains("did not end within 2."), "{}", visit.outcome);
    visit.check("refresh", "ok");
}

#[test]
fn a_daemon_that_hangs_is_found_in_time() {
    let world = used();
    world.daemon().signal(Signal::STOP);
    let begun = Instant::now();
    let hung = Visit::of(world.gi(["--timeout", "60s"]));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    hung.is_wrong(4, &["daemon"]);
    assert!(hung.finding("daemon", "wrong").contains("hangs"), "{}", hung.outcome);
    world.daemon().signal(Signal::CONT);
    visit(&world).is_well();
}

#[test]
fn a_daemon_of_another_protocol_and_one_that_is_none_are_found() {
    let world = World::without_daemon("6h");
    fs::create_dir(world.socket().parent().unwrap()).unwrap();
    let answered = |greeting: &'static [u8], code: i32| {
        let _ = fs::remove_file(world.socket());
        let listener = UnixListener::bind(world.socket()).unwrap();
        set_mode(&world.socket(), 0o600);
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            std::io::Write::write_all(&mut stream, greeting).unwrap();
            // Until gi has heard enough and leaves.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
        visit(&world).is_wrong(code, &["daemon"]);
        thread.join().unwrap();
    };
    answered(b"gi\x00\xf5\x00\x00\x00\x01\x00\x07\x00\x09\x00\x00", 8);
    answered(b"HTTP/1.1 400 Bad Request\r\n\r\n", 4);
}

#[test]
fn sockets_directories_and_files_that_are_open_to_others_are_found() {
    let world = used();
    let state = world.state_dir();
    set_mode(&world.socket(), 0o666);
    set_mode(&state.join("guestissuer.db"), 0o644);
    let warned = visit(&world);
    warned.is_well();
    assert!(warned.finding("socket", "warning").contains("mode 0666"), "{}", warned.outcome);
    assert!(
        warned.finding("files", "warning").contains("guestissuer.db (mode 0644) is open"),
        "{}",
        warned.outcome
    );
    set_mode(&world.socket(), 0o600);
    set_mode(&state.join("guestissuer.db"), 0o600);

    set_mode(&state.join("guestissuer.key"), 0o640);
    let key = visit(&world);
    key.is_wrong(1, &["files"]);
    assert!(
        key.check("files", "wrong")["remedy"].as_str().unwrap().starts_with("chmod 600 "),
        "{}",
        key.outcome
    );
    set_mode(&state.join("guestissuer.key"), 0o600);

    set_mode(&state, 0o750);
    let directory = visit(&world);
    directory.is_wrong(1, &["state"]);
    assert!(directory.finding("state", "wrong").contains("mode 0750"), "{}", directory.outcome);
    set_mode(&state, 0o700);
    visit(&world).is_well();
}

#[test]
fn of_several_faults_the_one_that_says_most_makes_the_exit_code() {
    let world = World::without_daemon("6h");
    fs::create_dir(world.state_dir()).unwrap();
    set_mode(&world.state_dir(), 0o755);
    visit(&world).is_wrong(4, &["state", "daemon"]);
}

#[test]
fn a_file_in_the_place_of_the_socket_is_found() {
    let world = World::without_daemon("6h");
    fs::create_dir(world.socket().parent().unwrap()).unwrap();
    fs::write(world.socket(), "").unwrap();
    assert!(visit(&world).finding("socket", "wrong").contains("is no socket"));
}

#[test]
fn a_bad_configuration_is_found_with_its_line_and_a_newer_one_is_told_of() {
    let world = used();
    let config = world.path().join("config.toml");
    fs::write(&config, "[refresh]\nat = 0.5\nspeed = 3\n").unwrap();
    let visit = || Visit::of(world.gi::<_, &str>([]).env("GI_CONFIG", &config));
    let bad = visit();
    assert_eq!((bad.outcome.code, bad.wrong()), (1, vec!["configuration"]), "{}", bad.outcome);
    assert!(bad.finding("configuration", "wrong").contains("line 3 (speed = 3)"), "{}", bad.outcome);

    fs::write(&config, "[refresh]\nat = 0.5\n").unwrap();
    let file = fs::File::options().append(true).open(&config).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    visit().check("configuration", "ok");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000)).unwrap();
    let newer = visit();
    newer.is_well();
    assert!(newer.finding("configuration", "warning").contains("was changed after"), "{}", newer.outcome);
}

#[test]
fn a_runtime_directory_that_does_not_serve_is_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let (state, runtime) = (daemon::state_dir(directory.path()), directory.path().join("runtime"));
    fs::create_dir(&runtime).unwrap();
    let visit = |runtime_dir: Option<&OsStr>| {
        let mut gi = Gi::new(Path::new(""), &state).env_remove("GI_SOCKET").env_remove("GI_NO_AUTOSTART");
        if let Some(runtime_dir) = runtime_dir {
            gi = gi.env("XDG_RUNTIME_DIR", runtime_dir);
        }
        let visit = Visit::of(gi);
        visit.is_well();
        visit
    };
    assert!(visit(None).finding("runtime", "warning").contains("not set"));
    assert!(visit(Some("/nowhere".as_ref())).finding("runtime", "warning").contains("does not exist"));
    assert!(visit(Some("relative".as_ref())).finding("runtime", "warning").contains("not absolute"));
    set_mode(&runtime, 0o755);
    let open = visit(Some(runtime.as_os_str()));
    assert!(open.finding("runtime", "warning").contains("open to others"), "{}", open.outcome);
    set_mode(&runtime, 0o700);
    assert!(visit(Some(runtime.as_os_str())).finding("runtime", "ok").contains("mode 0700"));
}

#[test]
fn a_daemon_that_announces_another_place_is_visited_there() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = directory.path().join("runtime");
    fs::create_dir(&runtime).unwrap();
    set_mode(&runtime, 0o700);
    let state = daemon::state_dir(directory.path());
    let gi = || Gi::new(Path::new(""), &state).env_remove("GI_SOCKET");
    gi().env("XDG_RUNTIME_DIR", &runtime).env_remove("GI_NO_AUTOSTART").args(["status"]).ok();
    let cron = Visit::of(gi());
    cron.is_well();
    let place = runtime.join("guestissuer/guestissuerd.sock").display().to_string();
    assert!(cron.finding("daemon", "ok").contains(&place), "{}", cron.outcome);
    assert!(cron.finding("socket", "ok").contains(&place), "{}", cron.outcome);
    gi().args(["stop"]).ok();
}
