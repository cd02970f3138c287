//! Promise 6, never told: no secret in a log, an error, an argument list, a core dump, or a file that others can read.

use std::fs;

use guestissuer_tests::World;
use serde_json::{Value, json};

/// A user that is nobody else.
#[cfg(target_os = "linux")]
const NOBODY: u32 = 65_534;

/// Every text that must not be seen: the issuer's secret and every token that was handed out.
fn canaries(world: &World) -> Vec<String> {
    let credentials: Value = serde_json::from_str(&world.sandbox.credentials).unwrap();
    let mut canaries = vec![credentials["secret"].as_str().unwrap().to_owned()];
    for subject in ["1", "2"] {
        canaries.push(world.gi(["get", subject]).ok());
    }
    canaries
}

/// A world in which everything that can be said about secrets has been said, at the most talkative level.
fn talked_out() -> World {
    let world = World::with("6h", &["--log-level", "trace"]);
    world.gi(["get", "1", "--name", "A", "-v"]).ok();
    world.gi(["get", "2", "--name", "B"]).ok();
    world.gi(["get", "2", "--force"]).ok();
    world.gi(["issuer", "test"]).ok();
    let token = world.gi(["get", "1"]).ok();
    // Webex says a token back to us, in every place it can.
    world.sandbox.fault(&json!({
        "status": 400,
        "body": json!({"message": format!("bad {token}"), "trackingId": token}).to_string(),
        "headers": {"trackingid": token},
        "times": 1,
    }));
    let refused = world.gi(["get", "1", "--force"]).fails(5);
    assert!(!refused.stderr.contains(&token), "{refused}");
    for fault in [
        json!({"reset": true, "times": 1}),
        json!({"garbage": true, "times": 1}),
        json!({"status": 302, "headers": {"location": format!("http://127.0.0.1:1/{token}")}, "times": 1}),
    ] {
        world.sandbox.fault(&fault);
        world.gi(["get", "1", "--force", "--timeout", "100ms"]).run();
    }
    world
}

#[test]
fn no_secret_is_in_the_log_at_trace_level() {
    let mut world = talked_out();
    let canaries = canaries(&world);
    let (_, log) = world.daemon.take().unwrap().terminate();
    assert!(log.contains("minted a token"), "{log}");
    for canary in canaries {
        assert!(!log.contains(&canary), "a secret is in the log");
        // Nor a recognisable part of one.
        assert!(!log.contains(&canary[canary.len() - 24..]), "a part of a secret is in the log");
    }
}

#[test]
fn no_secret_is_in_any_file_in_the_clear() {
    let mut world = talked_out();
    let canaries = canaries(&world);
    let look = |world: &World| {
        let mut looked_at = 0;
        for entry in fs::read_dir(world.state_dir()).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            for canary in &canaries {
                let needle = &canary.as_bytes()[canary.len() - 24..];
                assert!(!bytes.windows(24).any(|window| window == needle), "{}", path.display());
            }
            looked_at += 1;
        }
        assert!(looked_at >= 4);
    };
    look(&world);
    world.daemon.take().unwrap().kill();
    look(&world);
}

#[test]
fn no_secret_is_shown_by_any_command_but_get() {
    let world = talked_out();
    let canaries = canaries(&world);
    for args in [
        &["list"][..],
        &["show", "1"],
        &["issuer", "list"],
        &["issuer", "show"],
        &["status"],
        &["issuer", "default", "acme"],
        &["pin", "1"],
    ] {
        for format in ["text", "json"] {
            let outcome = world.gi(args).args(["-o", format, "-v"]).run();
            assert_eq!(outcome.code, 0, "{outcome}");
            for canary in &canaries {
                assert!(!outcome.stdout.contains(canary) && !outcome.stderr.contains(canary), "{args:?}");
            }
        }
    }
}

#[test]
fn a_credentials_file_that_cannot_be_read_is_not_quoted() {
    let world = World::new();
    for junk in [
        "{\"secret\": c2VjcmV0LWNhbmFyeQ==}",
        "{\"secret\":[\"c2VjcmV0LWNhbmFyeQ==\"]}",
        "c2VjcmV0LWNhbmFyeQ==",
    ] {
        let outcome =
            world.gi(["issuer", "add", "x", "--id", "i", "--credentials", "-"]).input(junk).fails(2);
        assert!(!outcome.stderr.contains("c2VjcmV0"), "{outcome}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_daemon_leaves_no_core_and_its_arguments_hold_no_secret() {
    let world = talked_out();
    let proc = std::path::PathBuf::from(format!("/proc/{}", world.daemon().pid()));
    let limits = fs::read_to_string(proc.join("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    for canary in canaries(&world) {
        for file in ["cmdline", "environ"] {
            let bytes = fs::read(proc.join(file)).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(&canary), "{file}");
        }
    }
}

/// The kernel gives what /proc says of a process that is not dumpable to root, whoever runs it. To see that, somebody
/// else has to run it.
#[test]
#[cfg(target_os = "linux")]
fn the_daemon_s_memory_is_closed_to_other_programs_of_its_user() {
    use std::io::Read as _;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;

    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can run the daemon as somebody else");
        return;
    }

    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // Where the program was built may be closed to others.
    let program = directory.path().join("guestissuerd");
    fs::copy(guestissuer_tests::programs::program("guestissuerd"), &program).unwrap();
    let home = directory.path().join("home");
    fs::create_dir(&home).unwrap();
    std::os::unix::fs::chown(&home, Some(NOBODY), None).unwrap();
    let mut command = std::process::Command::new(&program);
    command.env_clear().env("HOME", &home).current_dir("/").uid(NOBODY);
    command.arg("--socket").arg(home.join("s.sock")).arg("--state-dir").arg(home.join("state"));
    let mut daemon =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    // Its standard output ends when it is ready.
    daemon.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
    let proc = format!("/proc/{}/environ", daemon.id());
    let owner = fs::metadata(proc).map(|metadata| metadata.uid());
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert_eq!(owner.unwrap(), 0);
}
