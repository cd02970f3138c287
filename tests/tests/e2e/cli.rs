//! What users see: output, formats, and the words of the contract.

use std::io::Read as _;
use std::process::Command;

use guestissuer_tests::gi::finish;
use guestissuer_tests::terminal::Terminal;
use guestissuer_tests::{World, programs};
use serde_json::{Value, json};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap_or_else(|| panic!("{value}")).keys().map(String::as_str).collect()
}

fn is_rfc3339_utc(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T')
}

#[test]
fn get_prints_the_token_in_every_format() {
    let world = World::new();
    let token = world.gi(["get", "1", "--name", "Stève"]).run().stdout;
    assert!(token.ends_with('\n') && token.len() > 2_000, "a realistic token is long");
    let token = token.trim_end();
    assert_eq!(world.gi(["get", "1", "-o", "env"]).ok(), format!("export WEBEX_ACCESS_TOKEN='{token}'"));
    assert_eq!(world.gi(["get", "1", "-o", "header"]).ok(), format!("Authorization: Bearer {token}"));
    assert_eq!(
        world.gi(["get", "1", "-o", "curl"]).ok(),
        format!("header = \"Authorization: Bearer {token}\"")
    );
    let json = world.gi(["get", "1"]).json();
    assert_eq!(
        keys(&json),
        [
            "subject",
            "issuer",
            "display_name",
            "access_token",
            "token_type",
            "expires_at",
            "expires_in",
            "issued_at",
            "cached"
        ]
    );
    assert_eq!(json["subject"], "1");
    assert_eq!(json["issuer"], "acme");
    assert_eq!(json["display_name"], "Stève");
    assert_eq!(json["access_token"], token);
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["cached"], true);
    assert!(is_rfc3339_utc(&json["expires_at"]) && is_rfc3339_utc(&json["issued_at"]), "{json}");
    assert!((21_000..=21_600).contains(&json["expires_in"].as_i64().unwrap()), "{json}");
}

#[test]
fn a_shell_and_curl_understand_what_is_printed_for_them() {
    let world = World::new();
    let token = world.gi(["get", "1", "--name", "A"]).ok();
    let script = format!(
        "eval \"$({gi} get 1 -o env)\"; printf %s \"$WEBEX_ACCESS_TOKEN\"",
        gi = programs::program("gi").display()
    );
    let shell =
        Command::new("/bin/sh").args(["-c", &script]).env("GI_SOCKET", world.socket()).output().unwrap();
    assert_eq!(String::from_utf8(shell.stdout).unwrap(), token);
}

#[test]
fn list_has_the_keys_of_the_contract_and_filters() {
    let world = World::new();
    assert_eq!(world.gi(["list"]).json(), json!([]));
    world.gi(["add", "kiosk-1", "Hall One", "--pin"]).ok();
    world.gi(["add", "kiosk-2", "Hall Two"]).ok();
    world.gi(["add", "bot", "Robot"]).ok();
    world.sandbox.fault(&json!({"status": 401, "times": 1}));
    world.gi(["get", "late", "--name", "Late"]).fails(5);
    let all = world.gi(["list"]).json();
    assert_eq!(
        keys(&all[0])[..14],
        [
            "subject",
            "display_name",
            "issuer",
            "token_state",
            "failing",
            "expires_at",
            "expires_in",
            "refresh_at",
            "refresh_in",
            "last_used_at",
            "last_error",
            "pinned",
            "person_id",
            "email"
        ]
    );
    let subjects = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|guest| guest["subject"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(subjects(&all), ["bot", "kiosk-1", "kiosk-2", "late"]);
    assert_eq!((&all[1]["token_state"], &all[1]["pinned"]), (&json!("fresh"), &json!(true)));
    assert_eq!((&all[3]["token_state"], &all[3]["failing"]), (&json!("none"), &json!(true)));
    let listed = |args: &[&str]| subjects(&world.gi(["list"]).args(args).json());
    assert_eq!(listed(&["kiosk-*"]), ["kiosk-1", "kiosk-2"]);
    assert_eq!(listed(&["Hall T?o"]), ["kiosk-2"]);
    assert_eq!(listed(&["*[12]"]), ["kiosk-1", "kiosk-2"]);
    assert_eq!(listed(&["--failing"]), ["late"]);
    assert_eq!(listed(&["--expiring", "7h"]), ["bot", "kiosk-1", "kiosk-2"]);
    assert_eq!(listed(&["--expiring", "1h"]), Vec::<String>::new());
    assert_eq!(listed(&["--issuer", "acme", "b*"]), ["bot"]);
}

#[test]
fn long_lists_are_complete_in_order_and_end_early_when_nobody_reads_on() {
    let mut world = World::new();
    world.fill(20_000);
    let lines = world.gi(["list"]).ok();
    let subjects: Vec<_> = lines.lines().skip(1).map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(subjects.len(), 20_000);
    assert!(subjects.is_sorted());
    assert_eq!(world.gi(["list"]).json().as_array().unwrap().len(), 20_000);
    // `| head -1`: the reader leaves after a line, and that is success.
    let mut child = world.gi(["list"]).spawn();
    let mut first = [0; 16];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let outcome = finish(child);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
}

#[test]
fn status_has_the_keys_of_the_contract() {
    let world = World::new();
    world.gi(["get", "1", "--name", "A"]).ok();
    world.gi(["get", "1"]).ok();
    let status = world.gi(["status"]).json();
    for key in
        ["version", "protocol", "pid", "uptime", "socket", "state_dir", "protection", "guests", "counters"]
    {
        assert!(status.get(key).is_some(), "{key}");
    }
    assert_eq!(
        status["guests"],
        json!({"total": 1, "fresh": 1, "due": 0, "expired": 0, "none": 0, "failing": 0})
    );
    assert_eq!(
        status["counters"],
        json!({"gets": 2, "hits": 1, "mints": 1, "mint_failures": 0, "coalesced": 0})
    );
    assert!(status["protection"].as_str().unwrap().contains("whoever can read your files can open it"));
    assert!(world.gi(["status"]).ok().contains("whoever can read your files can open it"));
}

#[test]
fn messages_go_to_stderr_and_quiet_silences_them() {
    let world = World::new();
    let added = world.gi(["add", "1", "A"]).run();
    assert_eq!((added.code, added.stdout.as_str()), (0, ""));
    assert!(added.stderr.starts_with("added 1 (A), token valid for "), "{added}");
    for args in
        [&["rename", "1", "B", "-q"][..], &["pin", "1", "-q"], &["unpin", "1", "-q"], &["remove", "1", "-q"]]
    {
        let outcome = world.gi(args).run();
        assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (0, "", ""), "{args:?}");
    }
    world.gi(["add", "2", "A"]).ok();
    let removed = world.gi(["remove", "2"]).run();
    assert!(removed.stderr.contains("Webex has no way to revoke"), "{removed}");
}

#[test]
fn a_subject_that_webex_does_not_document_is_warned_of_and_served() {
    let world = World::new();
    for subject in ["a_b", "a b", "é", "it's"] {
        let outcome = world.gi(["get", subject, "--name", "A"]).run();
        assert_eq!(outcome.code, 0, "{outcome}");
        assert!(outcome.stderr.starts_with("gi: warning: the subject "), "{outcome}");
    }
    let outcome = world.gi(["get", "abc-123", "--name", "A"]).run();
    assert_eq!(outcome.stderr, "");
    let hint = world.gi(["get", "it's not there"]).fails(3);
    assert!(hint.stderr.contains("gi add 'it'\\''s not there' NAME"), "{hint}");
}

#[test]
fn remove_removes_what_it_can_and_fails_with_what_it_cannot() {
    let world = World::new();
    world.gi(["add", "1", "A"]).ok();
    world.gi(["add", "2", "B"]).ok();
    let outcome = world.gi(["remove", "1", "nobody", "2"]).fails(3);
    assert!(outcome.stderr.contains("forgot 1") && outcome.stderr.contains("forgot 2"), "{outcome}");
    assert_eq!(world.gi(["list"]).json(), json!([]));
}

#[test]
fn a_rename_reaches_webex_and_keeps_the_token_in_service() {
    let world = World::new();
    world.gi(["add", "1", "Ann"]).ok();
    world.gi(["rename", "1", "Bob"]).ok();
    world.sandbox.wait_for("mints", 2);
    assert_eq!(world.sandbox.requests(1)[0]["name"], "Bob");
    let token = world.gi(["get", "1", "--name", "Cem"]).json();
    assert_eq!((&token["cached"], &token["display_name"]), (&json!(false), &json!("Cem")));
    assert_eq!(world.sandbox.requests(2)[0]["name"], "Cem");
    // The same name again is no change, and costs no mint.
    assert_eq!(world.gi(["get", "1", "--name", "Cem"]).json()["cached"], true);
    // When Webex cannot be told, the token at hand is served.
    world.sandbox.fault(&json!({"status": 503}));
    assert_eq!(world.gi(["get", "1", "--name", "Dan"]).json()["cached"], true);
}

#[test]
fn several_issuers_are_told_apart() {
    let world = World::new();
    world.add_issuer("other");
    world.gi(["get", "1", "--name", "A"]).ok();
    world.gi(["get", "1", "--name", "B", "--issuer", "other"]).ok();
    let tokens = |issuer: &str| world.gi(["get", "1", "--issuer", issuer]).ok();
    assert_ne!(tokens("acme"), tokens("other"));
    world.gi(["issuer", "default", "other"]).ok();
    assert_eq!(world.gi(["get", "1"]).json()["issuer"], "other");
    let listed = world.gi(["issuer", "list"]).json();
    assert_eq!(listed[1]["default"], true);
    assert_eq!(keys(&listed[0])[..6], ["name", "kind", "id", "api_base", "default", "guests"]);
    // One that has guests goes only when told twice.
    let kept = world.gi(["issuer", "remove", "other"]).fails(2);
    assert!(kept.stderr.contains("has 1 guest") && kept.stderr.contains("--force"), "{kept}");
    world.gi(["issuer", "remove", "other", "--force"]).ok();
    assert_eq!(world.gi(["get", "1"]).json()["issuer"], "acme");
    assert_eq!(world.gi(["list"]).json().as_array().unwrap().len(), 1);
}

#[test]
fn an_address_is_changed_without_the_secret() {
    let world = World::new();
    let token = world.gi(["get", "1", "--name", "A"]).ok();
    world.gi(["issuer", "update", "acme", "--api-base", "http://127.0.0.1:1/v1"]).ok();
    assert_eq!(world.gi(["get", "1"]).ok(), token);
    world.gi(["issuer", "test", "--timeout", "2s"]).fails(6);
    world.gi(["issuer", "update", "acme", "--api-base", &world.sandbox.api_base()]).ok();
    world.gi(["issuer", "test"]).ok();
}

#[test]
fn credentials_come_from_a_file_or_the_environment_but_never_from_an_argument() {
    let world = World::new();
    let credentials: Value = serde_json::from_str(&world.sandbox.credentials).unwrap();
    let file = world.path().join("credentials.json");
    std::fs::write(&file, &world.sandbox.credentials).unwrap();
    let base = world.sandbox.api_base();
    world.gi(["issuer", "add", "a", "--api-base", &base, "--credentials"]).args([&file]).ok();
    let add = world.gi(["issuer", "add", "b", "--api-base", &base]);
    add.env("ISSUER", credentials["issuer"].as_str().unwrap())
        .env("SECRET", credentials["secret"].as_str().unwrap())
        .ok();
    for name in ["a", "b"] {
        world.gi(["issuer", "test", name]).ok();
    }
    let help = world.gi(["issuer", "add", "--help"]).ok();
    assert!(!help.contains("--secret"), "{help}");
}

#[test]
fn on_a_terminal_the_secret_is_asked_for_without_echo() {
    let world = World::new();
    let credentials: Value = serde_json::from_str(&world.sandbox.credentials).unwrap();
    let secret = credentials["secret"].as_str().unwrap();
    let base = world.sandbox.api_base();
    let args =
        ["issuer", "add", "asked", "--id", credentials["issuer"].as_str().unwrap(), "--api-base", &base];
    let mut terminal = Terminal::start(&world, &args, 80);
    terminal.wait_for("Secret (not shown): ");
    terminal.type_in(&format!("{secret}\n"));
    let (status, seen) = terminal.finish();
    assert!(status.success(), "{seen}");
    assert!(seen.contains("added issuer asked") && !seen.contains(secret), "{seen}");
    world.gi(["issuer", "test", "asked"]).ok();
}
