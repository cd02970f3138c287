//! `gi exec`: a command with a token that outlives its first one, and that notices nothing of gi.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};

use guestissuer_tests::gi::finish;
use guestissuer_tests::{Shell, World};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

const TOKEN: &str = "printf %s \"$WEBEX_ACCESS_TOKEN\"";

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

/// A `gi exec --token-file` whose command tells that it runs, then reads from its standard input.
fn beside(world: &World, script: &str) -> (Child, impl Iterator<Item = String> + use<>) {
    let file = world.path().join("token");
    let run = world.gi(["exec", "1", "--token-file", file.to_str().unwrap(), "--", "/bin/sh", "-c", script]);
    let run = run.command(|gi| {
        gi.stdin(Stdio::piped());
    });
    let mut child = run.spawn();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    (child, lines)
}

#[test]
fn the_token_is_in_the_environment_and_in_no_argument() {
    let world = World::new();
    let token = world.gi(["get", "1", "--name", "A"]).ok();
    assert_eq!(world.gi(["exec", "1", "--", "sh", "-c", TOKEN]).ok(), token);
    let other =
        world.gi(["exec", "1", "--env", "T", "--", "sh", "-c", "printf %s \"$T$WEBEX_ACCESS_TOKEN\""]);
    assert_eq!(other.ok(), token);
    // The command is what gi was, so its arguments are all there is to see.
    let arguments = world.gi(["exec", "1", "--", "cat", "/proc/self/cmdline"]).ok();
    assert_eq!(arguments, "cat\0/proc/self/cmdline\0");
    for with_file in [&[][..], &["--token-file", "t"]] {
        let run = world.gi(["exec", "1"]).args(with_file).args(["--", "sh", "-c", "cat /proc/$PPID/cmdline"]);
        let run = run.command(|gi| {
            gi.current_dir(world.path());
        });
        assert!(!run.ok().contains(&token));
    }
}

#[test]
fn the_command_s_end_is_gi_s_end() {
    let world = World::new();
    world.gi(["add", "1", "A"]).ok();
    let file = world.path().join("token");
    for with_file in [&[][..], &["--token-file", file.to_str().unwrap()]] {
        let run = |words: &[&str]| world.gi(["exec", "1"]).args(with_file).args(["--"]).args(words);
        assert_eq!(run(&["sh", "-c", "exit 42"]).run().code, 42);
        assert_eq!(run(&["true"]).run().code, 0);
        let missing = run(&["no-such-command"]).fails(127);
        assert!(missing.stderr.contains("no-such-command"), "{missing}");
        run(&[world.path().to_str().unwrap()]).fails(126);
        let status = run(&["sh", "-c", "kill -KILL $$"]).spawn().wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{with_file:?}");
        let status = run(&["sh", "-c", "kill -TERM $$"]).spawn().wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15), "{with_file:?}");
        // The daemon's failures are gi's own.
        world.gi(["exec", "nobody"]).args(with_file).args(["--", "true"]).fails(3);
        assert!(!file.exists());
    }
    let words = world.gi(["exec", "1", "--", "sh", "-c", "echo out; echo err >&2"]).run();
    assert_eq!((words.stdout.as_str(), words.stderr.as_str()), ("out\n", "err\n"));
    world.gi(["exec", "1", "--env", "A=B", "--", "true"]).fails(2);
    world.gi(["exec", "1"]).fails(2);
}

#[test]
fn the_token_file_is_private_and_fresh_and_gone_at_the_end() {
    let world = World::with("10s", &[]);
    let first = world.gi(["get", "1", "--name", "A"]).ok();
    let (mut child, mut lines) =
        beside(&world, "echo started; while read -r word; do cat token; done; exit 3");
    let file = world.path().join("token");
    // The command runs in the same directory as gi, wherever that is.
    assert_eq!(lines.next().unwrap(), "started");
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{first}\n"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // A refresh, and a token that was refused somewhere.
    world.sandbox.wait_for("mints", 2);
    let renewed = changed(&file, &first);
    assert_eq!(world.gi(["get", "1"]).ok(), renewed);
    world.gi(["invalidate", "1"]).ok();
    let third = changed(&file, &renewed);
    assert_eq!(world.gi(["get", "1"]).ok(), third);
    let names: Vec<_> = fs::read_dir(world.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with(".gi-token")), "{names:?}");
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert!(!file.exists());
}

/// Waits until the file holds another token; never half of one.
fn changed(file: &std::path::Path, before: &str) -> String {
    let until = std::time::Instant::now() + guestissuer_tests::PATIENCE;
    loop {
        let token = fs::read_to_string(file).unwrap();
        assert!(token.ends_with('\n') && token.len() > 2_000, "{token:?}");
        if token.trim_end() != before {
            return token.trim_end().to_owned();
        }
        assert!(std::time::Instant::now() < until, "the token never changed");
        std::thread::yield_now();
    }
}

#[test]
fn the_token_file_is_kept_fresh_when_the_daemon_is_killed_and_started_again() {
    let mut world = World::with("30s", &[]);
    let first = world.gi(["get", "1", "--name", "A"]).ok();
    let (mut child, mut lines) = beside(&world, "echo started; read -r word");
    assert_eq!(lines.next().unwrap(), "started");
    world.kill_and_start();
    world.gi(["invalidate", "1"]).ok();
    let file = world.path().join("token");
    assert_eq!(changed(&file, &first), world.gi(["get", "1"]).ok());
    drop(child.stdin.take());
    let outcome = finish(child);
    assert!(outcome.stderr.contains("the connection to guestissuerd broke"), "{outcome}");
    assert!(!file.exists());
}

#[test]
fn signals_reach_the_command() {
    let world = World::new();
    world.gi(["add", "1", "A"]).ok();
    let script = "trap 'echo term' TERM; trap 'echo hup' HUP; trap 'echo usr1' USR1; trap 'echo int' INT
                  echo started; while :; do read -r word || :; done";
    // A read that a signal interrupts lets the shell run its trap.
    let (child, mut lines) = beside(&world, &script.replace("read -r word || :", "sleep 0.01"));
    assert_eq!(lines.next().unwrap(), "started");
    for (sent, said) in
        [(Signal::TERM, "term"), (Signal::HUP, "hup"), (Signal::USR1, "usr1"), (Signal::INT, "int")]
    {
        signal(&child, sent);
        assert_eq!(lines.next().unwrap(), said);
    }
    drop(lines);
    let mut child = child;
    signal(&child, Signal::QUIT);
    let status = child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(3));
    assert!(!world.path().join("token").exists());
}

#[test]
fn a_file_that_is_no_token_is_never_replaced() {
    let world = World::new();
    world.gi(["add", "1", "A"]).ok();
    let mints = world.sandbox.count("mints");
    let path = |name: &str| world.path().join(name).to_str().unwrap().to_owned();
    let exec = |file: &str| world.gi(["exec", "1", "--token-file", file, "--", "true"]);
    fs::write(path("notes"), "my notes\n").unwrap();
    assert!(exec(&path("notes")).fails(2).stderr.contains("is no access token"));
    assert_eq!(fs::read_to_string(path("notes")).unwrap(), "my notes\n");
    exec(&path("")).fails(2);
    exec("/dev/null").fails(2);
    exec(&path("no/such/directory")).fails(2);
    std::os::unix::fs::symlink(path("notes"), path("link")).unwrap();
    exec(&path("link")).fails(2);
    assert_eq!(world.sandbox.count("mints"), mints);
    // Nor is a guest JWT, which somebody may keep.
    fs::write(path("jwt"), format!("eyJhbGciOi.{}.x\n", "e".repeat(300))).unwrap();
    exec(&path("jwt")).fails(2);
    // What a run left behind that was killed is taken over.
    fs::write(path("stale"), format!("eyJhbGciOi.{}.x\n", "e".repeat(2_000))).unwrap();
    exec(&path("stale")).ok();
    assert!(!world.path().join("stale").exists());
}

#[test]
fn a_token_file_belongs_to_one_run() {
    let world = World::new();
    world.gi(["add", "1", "A"]).ok();
    let (mut child, mut lines) = beside(&world, "echo started; read -r word");
    assert_eq!(lines.next().unwrap(), "started");
    let file = world.path().join("token");
    let second = world.gi(["exec", "1", "--token-file", file.to_str().unwrap(), "--", "true"]).fails(2);
    assert!(second.stderr.contains("kept by another gi exec"), "{second}");
    assert!(file.exists());
    // What somebody else puts in its place is neither replaced nor removed.
    fs::write(world.path().join("mine"), "mine\n").unwrap();
    fs::rename(world.path().join("mine"), &file).unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    world.gi(["invalidate", "1"]).ok();
    assert!(stderr.next().unwrap().unwrap().contains("left alone"));
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine\n");
}

#[test]
fn a_token_that_could_not_be_written_is_written_later() {
    let world = World::new();
    world.gi(["add", "1", "A"]).ok();
    let first = world.gi(["get", "1"]).ok();
    let folder = world.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("token");
    let mut child = world
        .gi([
            "exec",
            "1",
            "--token-file",
            file.to_str().unwrap(),
            "--",
            "sh",
            "-c",
            "echo started; read -r word",
        ])
        .command(|gi| {
            gi.stdin(Stdio::piped());
        })
        .spawn();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    lines.next().unwrap();
    fs::rename(&folder, world.path().join("elsewhere")).unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    world.gi(["invalidate", "1"]).ok();
    assert!(stderr.next().unwrap().unwrap().contains("cannot keep a token"));
    fs::rename(world.path().join("elsewhere"), &folder).unwrap();
    assert_eq!(changed(&file, &first), world.gi(["get", "1"]).ok());
    drop(child.stdin.take());
    child.wait().unwrap();
    assert!(!file.exists());
}

#[test]
fn ctrl_z_and_ctrl_c_do_what_they_do_without_gi() {
    let world = World::new();
    world.gi(["add", "1", "A"]).ok();
    let mut shell = Shell::start(&world);
    for option in ["", "--token-file token"] {
        shell.run(&format!("gi exec 1 {option} -- sh -c 'echo started; cat; echo ended'"), "\nstarted");
        shell.send("here\n");
        shell.expect("here\r\nhere");
        shell.send("\u{1a}");
        shell.expect("Stopped");
        shell.expect("ready> ");
        shell.run("fg", "cat; echo ended'");
        shell.send("still there\n");
        // What was typed, and what cat makes of it.
        shell.expect("still there\r\n");
        shell.expect("still there\r\n");
        shell.send("\u{4}");
        shell.expect("ended");
        shell.expect("ready> ");
        shell.run(&format!("gi exec 1 {option} -- sh -c 'echo started; exec cat'"), "\nstarted");
        shell.send("here\n");
        shell.expect("here\r\nhere");
        shell.send("\u{3}");
        shell.expect("ready> ");
        shell.run("echo code $?", "code 130");
        shell.expect("ready> ");
        // A command that stops by itself stops the job.
        shell.run(&format!("gi exec 1 {option} -- sh -c 'kill -STOP $$; echo going on'"), "Stopped");
        shell.expect("ready> ");
        shell.run("fg", "going on\r\n");
        shell.expect("ready> ");
    }
    assert!(!world.path().join("token").exists());
}

#[test]
fn what_was_ignored_stays_ignored_for_the_command() {
    let world = World::new();
    world.gi(["add", "1", "A"]).ok();
    let ignored = |words: &[&str]| {
        let script = "trap '' HUP; exec \"$0\" \"$@\"";
        let gi = guestissuer_tests::programs::program("gi");
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", script, gi.to_str().unwrap(), "exec", "1"])
            .args(words)
            .args(["--", "grep", "SigIgn", "/proc/self/status"])
            .env("GI_SOCKET", world.socket())
            .current_dir(world.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        u64::from_str_radix(text.trim().trim_start_matches("SigIgn:").trim(), 16).unwrap()
    };
    for words in [&[][..], &["--token-file", "t"]] {
        let mask = ignored(words);
        assert_eq!(mask & 1, 1, "SIGHUP stays ignored");
        assert_eq!(mask & (1 << 12), 0, "SIGPIPE is not ignored, as gi ignores it");
    }
}

#[test]
fn an_outage_is_told_and_the_old_token_stays() {
    let world = World::with("6h", &[]);
    let token = world.gi(["get", "1", "--name", "A"]).ok();
    let (mut child, mut lines) = beside(&world, "echo started; read -r word");
    assert_eq!(lines.next().unwrap(), "started");
    world.sandbox.fault(&json!({"status": 401}));
    world.gi(["get", "1", "--force"]).fails(5);
    let file = world.path().join("token");
    assert_eq!(fs::read_to_string(&file).unwrap().trim_end(), token);
    // The guest is forgotten: there will be no more tokens, which is said, and the command runs on.
    world.gi(["remove", "1"]).ok();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    while !said.contains("not renewed any more") {
        said = stderr.next().unwrap().unwrap();
    }
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!file.exists());
}
