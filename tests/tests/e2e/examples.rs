//! What the help of each command tells users to type works.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use guestissuer_tests::{Sandbox, World, programs};
use serde_json::{Value, json};

use super::shell::{commands, find};

/// What must be done before some of the examples, which are known by what they contain.
const PREPARATIONS: &[(&str, &str)] = &[
    ("gi add kiosk-7", "gi -q remove kiosk-7"),
    ("gi issuer add acme", "gi -q issuer remove acme --force"),
    ("gi issuer add acme --id", "export SECRET=$A_SECRET"),
    ("gi issuer remove acme --force", "fixtures"),
    ("gi issuer migrate", "gi -q issuer add app --api-base \"$BASE\" --credentials app.json"),
    ("gi issuer remove acme", "gi -q remove 123 kiosk-7 kiosk-8"),
];

/// What the examples of each command find, however those of the one before left things.
const FIXTURES: &str = r#"
fixtures() {
    unset SECRET
    gi -q issuer remove app --force 2> /dev/null
    gi -q issuer update acme --api-base "$BASE" --credentials acme.json 2> /dev/null ||
        gi -q issuer add acme --api-base "$BASE" --credentials acme.json
    gi -q issuer default acme
    for guest in 123 kiosk-7 kiosk-8; do
        gi -q get "$guest" --name "Guest $guest" > /dev/null
    done
    TOKEN=$(gi -q get 123)
    JWT=$(gi -q create 123 Ann 2> /dev/null)
}
use_it() { echo "used ${#1} bytes"; }
command -v man > /dev/null || man() { cat > /dev/null; }

# For an example that goes on until it is interrupted: it works if it prints a line.
endless() {
    rm -f line; mkfifo line; set -m
    ( set +m; eval "$1" ) > line &
    [ -n "$(head -n 1 < line)" ]; local result=$?
    kill -- -$! 2> /dev/null; wait $! 2> /dev/null; set +m
    return $result
}
"#;

/// The examples of a command's help.
fn examples(world: &World, command: &[String]) -> Vec<String> {
    let help = world.gi(command).args(["--help"]).ok();
    let examples = help.split("Examples:\n").nth(1).unwrap_or_else(|| panic!("no examples: {help}"));
    let lines = examples.lines().take_while(|line| !line.trim().is_empty());
    let examples: Vec<_> = lines
        .map(|line| {
            let line = line.strip_prefix("  ").unwrap_or_else(|| panic!("not indented: {line:?} in {help}"));
            assert!(!line.starts_with(' '), "an example is one line: {line:?} in {help}");
            line.split("  ").next().unwrap().to_owned()
        })
        .collect();
    let name = format!("gi {}", command.join(" "));
    assert!(examples.iter().any(|example| example.contains(name.trim())), "{name}: {examples:?}");
    examples
}

fn file(folder: &Path, name: &str, text: &str, mode: u32) {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

fn script(commands: &[Vec<String>], sandbox: &Sandbox) -> String {
    let mut script = format!("set -o pipefail\n{FIXTURES}");
    let with_fixtures = commands
        .iter()
        .flat_map(|examples| examples.iter().enumerate().map(|(at, example)| (at == 0, example)));
    let mut is_elsewhere = false;
    for (is_first, example) in with_fixtures {
        // An issuer that was stored anew is at Webex.
        if std::mem::replace(&mut is_elsewhere, example.contains("gi issuer")) || is_first {
            script.push_str("fixtures\n");
        }
        for (_, preparation) in PREPARATIONS.iter().filter(|(words, _)| example.contains(words)) {
            writeln!(script, "{preparation}").unwrap();
        }
        let here = example.replace("https://webexapis.com", sandbox.address());
        let run = if example.starts_with("gi watch") { format!("endless {}", quoted(&here)) } else { here };
        let fail = format!("{{ echo \"failed ($?): \"{} >&2; exit 1; }}", quoted(example));
        writeln!(script, "{run} || {fail}\nprintf '\\n%s\\n' {}", quoted(&format!("ran {example}"))).unwrap();
    }
    script
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[test]
fn every_example_of_every_help_works() {
    let Some(bash) = find("bash") else { return };
    let world = World::without_daemon("6h");
    // The app is stored more than once with the same credentials.
    world.sandbox.app_settings(&json!({"rotation": "same"}));
    let mut all = vec![examples(&world, &[])];
    all.extend(commands(&world).iter().map(|command| examples(&world, command)));
    let private = |name: &str| {
        let path = world.path().join(name);
        fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
        path
    };
    let (home, bin) = (private("home"), private("bin"));
    file(&home, "acme.json", &world.sandbox.credentials, 0o600);
    file(&home, "app.json", &world.sandbox.app_credentials, 0o600);
    file(
        &home,
        "guests.csv",
        "subject,name,pin\nfrom-file-1,Ann,true\nfrom-file-2,\"B, Bob\",false\n",
        0o600,
    );
    file(&home, "call.sh", "#!/bin/sh\ntest -n \"$WEBEX_ACCESS_TOKEN$TOKEN\"\n", 0o700);
    file(&home, "long-job.sh", "#!/bin/sh\ntest -s token\n", 0o700);
    file(&bin, "pass", "#!/bin/sh\ncat acme.json\n", 0o700);
    let credentials: Value = serde_json::from_str(&world.sandbox.credentials).unwrap();
    let output = Command::new(bash)
        .args(["-c", &script(&all, &world.sandbox)])
        .env_clear()
        .env("PATH", format!("{}:{}:/usr/bin:/bin", bin.display(), programs::directory().display()))
        .env("HOME", &home)
        .env("BASE", world.sandbox.api_base())
        .env("A_SECRET", credentials["secret"].as_str().unwrap())
        .env("XDG_RUNTIME_DIR", private("run"))
        .env("XDG_STATE_HOME", private("xdg-state"))
        .env("XDG_CONFIG_HOME", private("config"))
        .current_dir(&home)
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    World::stop(&world.path().join("run/guestissuer/guestissuerd.sock"), world.path());
    assert!(output.status.success(), "{stderr}\n{stdout}");
    let ran = stdout.lines().filter(|line| line.starts_with("ran ")).count();
    let expected = all.iter().flatten().count();
    assert_eq!(ran, expected, "{stdout}");
}

#[test]
fn help_is_grouped_short_or_long() {
    let world = World::without_daemon("6h");
    let (short, long) = (world.gi(["-h"]).ok(), world.gi(["--help"]).ok());
    assert!(short.lines().count() < long.lines().count());
    for help in [short, long] {
        for heading in ["Use tokens:", "Manage guests:", "As the original guestissuer:", "Examples:"] {
            assert!(help.lines().any(|line| line == heading), "{heading}: {help}");
        }
        assert!(help.contains("\n  get          Print an access token"), "{help}");
        assert!(help.contains("Usage: gi [OPTIONS] <COMMAND>"), "{help}");
    }
}
