//! Webex's JavaScript SDK logs guests in with a JWT, and takes the sandbox for Webex.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use guestissuer_tests::{World, programs};

/// A folder with the program and the packages it needs, or why there is none.
///
/// It is made anew when one of its files has changed, and put in place as a whole.
fn with_packages() -> Result<PathBuf, String> {
    let has =
        |program: &str| Command::new(program).arg("--version").output().is_ok_and(|ran| ran.status.success());
    if !has("node") || !has("npm") {
        return Err("this machine has no Node.js with npm".to_owned());
    }
    let keep_in = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = programs::repository().join("tests").join("node");
    let unfinished = tempfile::Builder::new().prefix("node-unfinished-").tempdir_in(keep_in).unwrap();
    for name in ["package.json", "package-lock.json", "login.mjs"] {
        fs::copy(folder.join(name), unfinished.path().join(name)).unwrap();
    }
    let ready = keep_in.join("node");
    let same = |name: &str| fs::read(ready.join(name)).ok() == fs::read(folder.join(name)).ok();
    if ["package.json", "package-lock.json", "login.mjs"].into_iter().all(same) {
        return Ok(ready);
    }
    let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    let output = Command::new("npm").args(install).current_dir(unfinished.path()).output().unwrap();
    if !output.status.success() {
        return Err(format!("npm cannot install: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let _ = fs::remove_dir_all(&ready);
    fs::rename(unfinished.keep(), &ready).unwrap();
    Ok(ready)
}

#[test]
fn the_javascript_sdk_logs_in_with_a_jwt() {
    let folder = match with_packages() {
        Ok(folder) => folder,
        Err(why) => {
            // Not by eprintln, which a test that passes does not show.
            io::stderr().write_all(format!("SKIPPED node_sdk: {why}\n").as_bytes()).unwrap();
            return;
        }
    };
    let world = World::without_daemon("6h");
    let mut running = Command::new("node")
        .arg("login.mjs")
        .arg(world.sandbox.address())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    running.stdin.take().unwrap().write_all(world.sandbox.credentials.as_bytes()).unwrap();
    let output = running.wait_with_output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("ok: "), "{said}\n{wrong}");
    assert!(world.sandbox.count("logins") > 0);
}
