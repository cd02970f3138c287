//! Where files live and who can read them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use guestissuer_tests::{Daemon, Gi, World, daemon};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .permissions()
        .mode()
        & 0o7777
}

#[test]
fn every_file_is_private_from_birth_whatever_the_umask() {
    let mut world = World::without_daemon("6h");
    let script = "umask 000; exec \"$0\" \"$@\"";
    let daemon = Daemon::start_with(world.path(), &[], |command| {
        // The same command under a shell that lets everybody in.
        let mut open = std::process::Command::new("/bin/sh");
        open.args(["-c", script]).arg(command.get_program()).args(command.get_args());
        open.env_clear();
        for (name, value) in command.get_envs() {
            open.env(name, value.unwrap());
        }
        open.stdin(std::process::Stdio::null());
        open.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        *command = open;
    });
    world.daemon = Some(daemon);
    world.add_issuer("acme");
    world.gi(["get", "1", "--name", "A"]).ok();
    let state = world.state_dir();
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(world.socket().parent().unwrap()), 0o700);
    assert_eq!(mode(&world.socket()), 0o600);
    for name in
        ["guestissuer.db", "guestissuer.db-wal", "guestissuer.db-shm", "guestissuer.key", "guestissuerd.lock"]
    {
        assert_eq!(mode(&state.join(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&world.path().join("run/guestissuerd.sock.lock")), 0o600);
}

#[test]
fn what_gi_makes_to_start_the_daemon_is_private_too() {
    let world = World::without_daemon("6h");
    let gi = Gi::new(&world.socket(), &world.state_dir()).env_remove("GI_NO_AUTOSTART");
    let gi = gi.command(|command| {
        let mut open = std::process::Command::new("/bin/sh");
        open.args(["-c", "umask 000; exec \"$0\" status"]).arg(command.get_program()).env_clear();
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                open.env(name, value);
            }
        }
        open.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        *command = open;
    });
    gi.ok();
    let state = world.state_dir();
    for name in ["guestissuerd.log", "autostart.lock", "guestissuer.db", "guestissuer.key"] {
        assert_eq!(mode(&state.join(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&state), 0o700);
    world.gi(["stop"]).ok();
}

#[test]
fn a_state_directory_or_key_that_others_can_read_is_refused() {
    let mut world = World::new();
    world.daemon.take().unwrap().terminate();
    let refused = |path: &Path, open: u32, private: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(open)).unwrap();
        let (status, log) = Daemon::spawn(world.path(), &[], |_| {}).wait();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("not private to this user") && log.contains("chmod"), "{log}");
        fs::set_permissions(path, fs::Permissions::from_mode(private)).unwrap();
    };
    refused(&world.state_dir(), 0o755, 0o700);
    refused(&world.state_dir().join("guestissuer.key"), 0o644, 0o600);
    Daemon::start(world.path(), &[]);
}

#[test]
fn the_socket_is_where_the_contract_says() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = directory.path().join("runtime");
    fs::DirBuilder::new().create(&runtime).unwrap();
    let start = |runtime_mode: u32| {
        fs::set_permissions(&runtime, fs::Permissions::from_mode(runtime_mode)).unwrap();
        let state = daemon::state_dir(directory.path());
        let gi = Gi::new(Path::new(""), &state)
            .env("XDG_RUNTIME_DIR", &runtime)
            .env_remove("GI_NO_AUTOSTART")
            .env_remove("GI_SOCKET");
        gi.args(["status"]).json()["socket"].as_str().unwrap().to_owned()
    };
    let stop = |socket: &str| Gi::new(Path::new(socket), directory.path()).args(["stop"]).ok();
    let private = start(0o700);
    assert_eq!(Path::new(&private), runtime.join("guestissuer/guestissuerd.sock"));
    stop(&private);
    // A runtime directory that others can enter is not used.
    let fallback = start(0o755);
    assert_eq!(Path::new(&fallback), daemon::state_dir(directory.path()).join("guestissuerd.sock"));
    stop(&fallback);
}

#[test]
fn the_state_is_where_the_contract_says() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("s.sock");
    for (variable, value, expected) in [
        ("HOME", "home", "home/.local/state/guestissuer"),
        ("XDG_STATE_HOME", "xdg", "xdg/guestissuer"),
        ("GI_STATE_DIR", "gi", "gi"),
    ] {
        let gi = Gi::new(&socket, directory.path())
            .env_remove("GI_NO_AUTOSTART")
            .env_remove("GI_STATE_DIR")
            .env(variable, directory.path().join(value));
        let state = gi.args(["status"]).json()["state_dir"].as_str().unwrap().to_owned();
        assert_eq!(Path::new(&state), directory.path().join(expected), "{variable}");
        Gi::new(&socket, directory.path()).args(["stop"]).ok();
    }
}

#[test]
fn a_wrong_configuration_names_the_key_and_the_line() {
    let world = World::without_daemon("6h");
    let config = world.path().join("config.toml");
    fs::write(&config, "[refresh]\nat = 0.5\nspeed = 3\n").unwrap();
    for args in
        [&["--config", config.to_str().unwrap()][..], &["--config", config.to_str().unwrap(), "--check"]]
    {
        let (status, log) = Daemon::spawn(world.path(), args, |_| {}).wait();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("line 3 (speed = 3)") && log.contains("idle_after"), "{log}");
    }
    assert!(!world.state_dir().join("guestissuer.db").exists());
}

#[test]
fn check_says_what_is_wrong_and_changes_nothing() {
    let mut world = World::new();
    let check = |world: &World| Daemon::spawn(world.path(), &["--check"], |_| {}).wait();
    // Beside a running daemon all is well.
    let (status, log) = check(&world);
    assert_eq!((status.code(), log.as_str()), (Some(0), ""));
    world.daemon.take().unwrap().terminate();
    let database = world.state_dir().join("guestissuer.db");
    fs::write(&database, "this is no database, and long enough to be looked at as one").unwrap();
    let (status, log) = check(&world);
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("database"), "{log}");
    assert!(fs::read_to_string(&database).unwrap().starts_with("this is no database"));
}

/// A job of cron has no runtime directory, and still finds the daemon of the session.
#[test]
fn a_daemon_is_found_from_an_environment_that_lacks_the_runtime_directory() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = directory.path().join("runtime");
    fs::create_dir(&runtime).unwrap();
    fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).unwrap();
    let state = daemon::state_dir(directory.path());
    let gi = || Gi::new(Path::new(""), &state).env_remove("GI_SOCKET").args(["status"]);
    let session = gi().env("XDG_RUNTIME_DIR", &runtime).env_remove("GI_NO_AUTOSTART").json();
    let cron = gi().json();
    assert_eq!(cron["pid"], session["pid"]);
    gi().args(["-q"])
        .command(|command| {
            command.env("XDG_RUNTIME_DIR", "/nowhere");
        })
        .ok();
    Gi::new(Path::new(""), &state).env_remove("GI_SOCKET").args(["stop"]).ok();
    gi().fails(4);
}
