//! Completions in the shells themselves, and the manual pages.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use guestissuer_tests::shell::converse;
use guestissuer_tests::{Gi, World, programs};
use rustix::process::Signal;

/// Guests with subjects that shells take apart if they are not quoted.
const AWKWARD: [&str; 7] = ["it's a guest", "a:b", "q\"x y", "x$HOME", "star*", "é ü", "back\\slash"];

/// Longer than gi waits for a daemon before it gives up completing, and a person before losing patience.
const MOMENT: Duration = Duration::from_secs(2);

fn world() -> World {
    let world = World::new();
    for subject in ["kiosk-7", "123"] {
        world.gi(["add", subject, &format!("Name of {subject}")]).ok();
    }
    for subject in AWKWARD {
        world.gi(["-q", "add", subject, "Awkward"]).ok();
    }
    world
}

fn path() -> String {
    format!("{}:/usr/local/bin:/usr/bin:/bin", programs::directory().display())
}

/// A shell, or none if this machine has not got it.
pub(crate) fn find(shell: &str) -> Option<String> {
    let found = ["/usr/bin", "/bin", "/usr/local/bin"].map(|folder| format!("{folder}/{shell}"));
    let found = found.into_iter().find(|path| fs::exists(path).unwrap());
    if found.is_none() {
        eprintln!("SKIPPED: there is no {shell} here");
    }
    found
}

fn environment(world: &World, command: &mut Command) {
    command
        .env_clear()
        .env("PATH", path())
        .env("HOME", world.path())
        .env("TERM", "dumb")
        .env("LC_ALL", "C.UTF-8")
        .env("GI_SOCKET", world.socket())
        .current_dir(world.path());
}

/// What a shell is told about what may come next, as its script asks.
fn asked(world: &World, shell: &str, words: &[&str]) -> Gi {
    world.gi(["--"]).args(words).env("COMPLETE", shell).env_remove("GI_NO_AUTOSTART")
}

fn offered(world: &World, words: &[&str]) -> Vec<String> {
    asked(world, "fish", words).ok().lines().map(str::to_owned).collect()
}

/// Types lines with a tabulator into a shell; each must have it show the guest.
fn type_into(shell: &str, args: &[&str], setup: &str, lines: &[(&str, &str)]) {
    let Some(program) = find(shell) else { return };
    let world = world();
    let lines: Vec<_> =
        lines.iter().map(|(line, guest)| (format!("{line}\t\n"), format!("\"{guest}\""))).collect();
    let mut steps = vec![("", setup)];
    for (line, guest) in &lines {
        steps.push(("ready> ", line));
        steps.push((guest, ""));
    }
    steps.push(("ready> ", "exit\n"));
    converse(
        &program,
        |command| {
            command.args(args);
            environment(&world, command);
        },
        &steps,
    );
}

#[test]
fn bash_completes_what_is_typed_however_it_is_quoted() {
    // What is typed must not look like the prompt.
    let setup = "source <(gi completions bash); show() { gi show \"$@\" -o json; }; complete -F _gi show; PS1=rea'dy> '\n";
    type_into(
        "bash",
        &["--norc", "--noprofile", "-i"],
        setup,
        &[
            ("gi -o json show kio", "kiosk-7"),
            ("gi -o json show it", "it's a guest"),
            ("gi -o json show it\\'", "it's a guest"),
            ("gi -o json show 'it", "it's a guest"),
            ("gi -o json show \"it", "it's a guest"),
            ("gi -o json show a", "a:b"),
            ("gi -o json show a:", "a:b"),
            ("gi -o json show q", "q\\\"x y"),
            ("gi -o json show x", "x$HOME"),
            ("gi -o json show \"x", "x$HOME"),
            ("gi -o json show star", "star*"),
            ("gi -o json show é", "é ü"),
            ("gi -o json show ba", "back\\\\slash"),
            ("gi -o json show 123 --issuer=ac", "123"),
            ("gi -o json show --iss\tac\tkio", "kiosk-7"),
        ],
    );
}

#[test]
fn zsh_completes_what_is_typed_however_it_is_quoted() {
    let setup = "autoload -Uz compinit; compinit -u -D; source <(gi completions zsh); PROMPT=rea'dy> '\n";
    type_into(
        "zsh",
        &["-f", "-i"],
        setup,
        &[
            ("gi -o json show kio", "kiosk-7"),
            ("gi -o json show it", "it's a guest"),
            ("gi -o json show 'it", "it's a guest"),
            ("gi -o json show \"it", "it's a guest"),
            ("gi -o json show a", "a:b"),
            ("gi -o json show q", "q\\\"x y"),
            ("gi -o json show x", "x$HOME"),
            ("gi -o json show star", "star*"),
            ("gi -o json show ba", "back\\\\slash"),
            ("gi -o json show 123 --issuer=ac", "123"),
        ],
    );
}

#[test]
fn fish_completes_with_names_as_descriptions() {
    let Some(fish) = find("fish") else { return };
    let world = world();
    let complete = |line: &str| {
        let mut command = Command::new(&fish);
        let script = "gi completions fish | source; complete -C $argv[1]";
        command.args(["--no-config", "-c", script, line]);
        environment(&world, &mut command);
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(complete("gi get ki"), "kiosk-7\tName of kiosk-7\n");
    for line in ["gi show it", "gi show 'it", "gi show \"it", "gi show it\\'"] {
        assert_eq!(complete(line), "it's a guest\tAwkward\n", "{line}");
    }
    assert_eq!(complete("gi issuer show "), "acme\tguest-issuer, the default\n");
    assert_eq!(complete("gi get 1 --issuer=a"), "--issuer=acme\tguest-issuer, the default\n");
}

#[test]
fn only_guests_that_the_command_can_be_about_are_offered() {
    let world = world();
    world.add_issuer("other");
    world.gi(["add", "kiosk-9", "Other", "--issuer", "other"]).ok();
    let kiosk_7 = ["kiosk-7\tName of kiosk-7"];
    let kiosk_9 = ["kiosk-9\tOther"];
    for command in
        ["get", "show", "rename", "pin", "unpin", "remove", "invalidate", "whoami", "exec", "watch", "wait"]
    {
        assert_eq!(offered(&world, &["gi", command, "kio"]), kiosk_7, "{command}");
        assert_eq!(offered(&world, &["gi", command, "--issuer", "other", "kio"]), kiosk_9, "{command}");
        assert_eq!(offered(&world, &["gi", command, "--issuer=other", "kio"]), kiosk_9, "{command}");
        let issuers = offered(&world, &["gi", command, "--issuer", ""]);
        assert_eq!(issuers, ["acme\tguest-issuer, the default", "other\tguest-issuer"], "{command}");
    }
    for words in [&["gi", "add", "kio"][..], &["gi", "create", "kio"], &["gi", "issuer", "add", "ac"]] {
        assert_eq!(offered(&world, words), Vec::<String>::new(), "{words:?}");
    }
    for command in ["show", "remove", "default", "update", "test"] {
        assert_eq!(offered(&world, &["gi", "issuer", command, "o"]), ["other\tguest-issuer"], "{command}");
    }
    let new = offered(&world, &["gi", "issuer", "migrate", "acme", ""]);
    assert!(new.contains(&"other\tguest-issuer".to_owned()), "{new:?}");
    // What was named once is not offered again, and what means something in a pattern means itself.
    assert_eq!(offered(&world, &["gi", "remove", "kiosk-7", "kio"]), Vec::<String>::new());
    assert_eq!(offered(&world, &["gi", "get", "star*"]), ["star*\tAwkward"]);
    assert_eq!(offered(&world, &["gi", "get", "s*"]), Vec::<String>::new());
    // A name is no subject.
    assert_eq!(offered(&world, &["gi", "get", "Awk"]), Vec::<String>::new());
}

#[test]
fn the_daemon_that_is_named_on_the_line_is_asked() {
    let (world, other) = (world(), World::without_daemon("6h"));
    let socket = world.socket();
    let socket = socket.to_str().unwrap();
    assert_eq!(offered(&other, &["gi", "--socket", socket, "get", "kio"]), ["kiosk-7\tName of kiosk-7"]);
    assert_eq!(offered(&other, &["gi", "get", "kio"]), Vec::<String>::new());
}

#[test]
fn files_and_commands_are_completed_where_they_are_meant() {
    let world = World::without_daemon("6h");
    fs::create_dir(world.path().join("some folder")).unwrap();
    let here = |words: &[&str]| {
        let asked = asked(&world, "fish", words).command(|gi| {
            gi.current_dir(world.path()).env("PATH", path());
        });
        asked.ok()
    };
    for words in [
        &["gi", "exec", "1", "--token-file", "so"][..],
        &["gi", "issuer", "add", "x", "--credentials", "so"],
        &["gi", "add", "--from", "so"],
        &["gi", "--socket", "so"],
        &["gi", "man", "so"],
        &["gi", "exec", "1", "--", "ls", "so"],
    ] {
        assert_eq!(here(words), "some folder/", "{words:?}");
    }
    assert!(here(&["gi", "exec", "1", "--", "bas"]).lines().any(|line| line == "bash"));
}

#[test]
fn completing_is_silent_and_quick_when_there_is_no_daemon_and_starts_none() {
    let world = World::without_daemon("6h");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let words = if shell == "bash" { vec!["gi get ki", "ki"] } else { vec!["gi", "get", "ki"] };
        let outcome = asked(&world, shell, &words).run();
        assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (0, "", ""), "{shell}");
    }
    assert!(!world.state_dir().exists() && !world.socket().exists());
}

#[test]
fn completing_is_silent_and_quick_when_the_daemon_hangs_or_says_no() {
    let world = World::without_daemon("6h");
    let mut world = world;
    world.start(&[]);
    // Without an issuer there is no answer but an error.
    let silent = |words: &[&str]| {
        let started = Instant::now();
        let outcome = asked(&world, "fish", words).run();
        assert_eq!(
            (outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()),
            (0, "", ""),
            "{words:?}"
        );
        assert!(started.elapsed() < MOMENT, "{words:?} took {:?}", started.elapsed());
    };
    silent(&["gi", "get", "ki"]);
    world.add_issuer("acme");
    world.daemon().signal(Signal::STOP);
    silent(&["gi", "get", "ki"]);
    silent(&["gi", "get", "ki", "--issuer", ""]);
    world.daemon().signal(Signal::CONT);
    // Nor is what cannot be completed anything to talk about.
    silent(&["gi", "nonsense", "--what", "x"]);
    silent(&["gi"]);
    silent(&[]);
}

#[test]
fn a_hundred_thousand_guests_are_completed_at_once() {
    let mut world = World::new();
    world.fill(100_000);
    // That there is an answer shows that it was in time.
    assert_eq!(offered(&world, &["gi", "get", "g9999"]).len(), 10);
    assert_eq!(offered(&world, &["gi", "get", ""]).len(), 200);
}

#[test]
fn a_variable_that_is_left_over_changes_nothing() {
    let world = world();
    let token = world.gi(["get", "123"]).ok();
    assert_eq!(world.gi(["get", "123"]).env("COMPLETE", "bash").ok(), token);
    world.gi(["--", "get"]).env("COMPLETE", "1").fails(2);
    world.gi(["--", "get"]).fails(2);
}

#[test]
fn every_command_has_a_manual_page_that_formats_without_a_warning() {
    let world = World::without_daemon("6h");
    let folder = world.path().join("new/man1");
    let outcome = world.gi(["man"]).args([&folder]).run();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""), "{outcome}");
    let files: BTreeSet<_> =
        fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(outcome.stderr, format!("wrote {} manual pages to {}\n", files.len(), folder.display()));
    let mut expected = BTreeSet::from(["gi.1".to_owned()]);
    expected.extend(commands(&world).iter().map(|command| format!("gi-{}.1", command.join("-"))));
    assert_eq!(files, expected);
    assert_eq!(world.gi(["man"]).run().stdout, fs::read_to_string(folder.join("gi.1")).unwrap());
    // Again, over those that are there.
    world.gi(["man", "-q"]).args([&folder]).ok();
    world.gi(["man"]).args([folder.join("gi.1")]).fails(1);
    let Some(groff) = find("groff") else { return };
    for file in files {
        let output = Command::new(&groff)
            .args(["-man", "-Tutf8", "-ww", "-rLL=78n", "-P-cbou"])
            .arg(folder.join(&file))
            .output()
            .unwrap();
        let (shown, said) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(said, "", "{file}");
        for heading in ["NAME", "SYNOPSIS", "EXAMPLES", "EXIT STATUS", "SEE ALSO"] {
            assert!(shown.lines().any(|line| line == heading), "{file}: {heading}\n{shown}");
        }
    }
}

/// All commands and those below them, as completion knows them.
pub(crate) fn commands(world: &World) -> Vec<Vec<String>> {
    let below = |words: &[&str]| -> Vec<String> {
        let lines = offered(world, words).into_iter();
        lines.map(|line| line.split('\t').next().unwrap().to_owned()).collect()
    };
    let top = below(&["gi", ""]).into_iter().map(|command| vec![command]);
    let issuer = below(&["gi", "issuer", ""]).into_iter().map(|command| vec!["issuer".to_owned(), command]);
    top.chain(issuer).collect()
}
