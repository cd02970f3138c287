//! What README.md tells users to type works, in the order it is told.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::process::Command;

use guestissuer_tests::{Sandbox, World, programs};

fn readme() -> String {
    fs::read_to_string(programs::repository().join("README.md")).unwrap()
}

/// The commands of all console blocks, in order.
fn commands(text: &str) -> Vec<String> {
    let blocks = text.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("$ "));
    lines.map(str::to_owned).collect()
}

#[test]
fn every_command_of_the_readme_works() {
    let sandbox = Sandbox::start("6h");
    let directory = tempfile::tempdir().unwrap();
    let private = |name: &str| {
        let path = directory.path().join(name);
        fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
        path
    };
    let commands = commands(&readme());
    assert!(commands.len() > 30, "{commands:?}");
    let mut script = "set -o pipefail\n".to_owned();
    let add = format!("gi -q issuer add acme --api-base {}/v1 --credentials -", sandbox.address());
    writeln!(script, "{add} <<< '{}' || exit 99", sandbox.credentials).unwrap();
    for command in &commands {
        writeln!(script, "{command} || {{ echo \"failed ($?): \"{} >&2; exit 1; }}", quoted(command))
            .unwrap();
    }
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs::directory().display());
    let home = private("home");
    fs::write(home.join("app.json"), &sandbox.app_credentials).unwrap();
    let output = Command::new("/bin/bash")
        .args(["-c", &script])
        .env_clear()
        .env("HOME", &home)
        .env("PATH", &path)
        .env("SANDBOX", sandbox.address())
        .env("XDG_RUNTIME_DIR", private("run"))
        .env("XDG_STATE_HOME", private("state"))
        .env("XDG_CONFIG_HOME", private("config"))
        .current_dir(&home)
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let socket = directory.path().join("run/guestissuer/guestissuerd.sock");
    World::stop(&socket, directory.path());
    assert!(output.status.success(), "{stderr}\n{stdout}");
    // What it says that is printed where things fail on purpose is printed.
    for words in ["exit code 6", "exit code 3", "GUEST  NAME  ISSUER  TOKEN"] {
        assert!(stdout.contains(words), "{words} is not in {stdout}");
    }
}

#[test]
fn the_configuration_of_the_readme_is_the_default_one() {
    let text = readme();
    let block = text.split("```toml\n").find(|block| block.starts_with("[refresh]")).unwrap();
    let mut world = World::without_daemon("6h");
    let config = world.path().join("config.toml");
    fs::write(&config, block.split("```").next().unwrap()).unwrap();
    world.start(&["--config", config.to_str().unwrap()]);
}

#[test]
fn the_example_of_the_library_is_in_the_readme_and_works() {
    let example = fs::read_to_string(programs::repository().join("client/examples/get_token.rs")).unwrap();
    let body = example.split_once("use std::time").unwrap().1;
    assert!(readme().contains(body), "README.md and client/examples/get_token.rs differ");
    let world = World::new();
    let token = world.gi(["get", "123", "--name", "A"]).ok();
    let mut run = Command::new(programs::program("examples/get_token"));
    let output = run.env_clear().env("GI_SOCKET", world.socket()).env("HOME", world.path()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("Authorization: Bearer {token}\n"));
}

#[test]
fn the_units_listen_where_gi_looks_and_start_what_is_installed() {
    let unit = |name: &str| fs::read_to_string(programs::repository().join("systemd").join(name)).unwrap();
    let socket = unit("guestissuerd.socket");
    for line in ["ListenStream=%t/guestissuer/guestissuerd.sock", "SocketMode=0600", "DirectoryMode=0700"] {
        assert!(socket.lines().any(|found| found == line), "{line}");
    }
    let service = unit("guestissuerd.service");
    for line in ["Type=notify", "ExecStart=%h/.cargo/bin/guestissuerd", "LimitCORE=0", "UMask=0077"] {
        assert!(service.lines().any(|found| found == line), "{line}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn systemd_finds_nothing_wrong_with_the_units() {
    let home = tempfile::tempdir().unwrap();
    let bin = home.path().join(".cargo/bin");
    fs::create_dir_all(&bin).unwrap();
    fs::copy(programs::program("guestissuerd"), bin.join("guestissuerd")).unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let units = programs::repository().join("systemd");
    let verify = Command::new("systemd-analyze")
        .args(["--user", "verify"])
        .args(["guestissuerd.socket", "guestissuerd.service"].map(|name| units.join(name)))
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", home.path())
        .output();
    let Ok(output) = verify else {
        eprintln!("SKIPPED: there is no systemd-analyze here");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
