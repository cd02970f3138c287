//! The rules of the house.

use guestissuer_tests::tidy::{code, sources};

#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    for folder in ["proto", "client", "daemon", "sandbox", "tests"] {
        for source in sources(folder) {
            let lines = source.text.lines().count();
            assert!(lines <= 400, "{} has {lines} lines; it wants to be two files", source.path);
        }
    }
}

/// Which modules of the daemon each of its modules may use. `lib.rs` and `main.rs` wire them together.
const DAEMON: &[(&str, &[&str])] = &[
    ("domain", &["domain"]),
    ("store", &["store", "domain"]),
    ("vault", &["vault", "domain"]),
    ("webex", &["webex", "domain"]),
    ("broker", &["broker", "store", "vault", "webex", "domain"]),
    ("refresher.rs", &["broker", "domain"]),
    ("ipc", &["ipc", "broker", "lock"]),
    ("config.rs", &["broker", "domain", "webex"]),
    ("state_dir.rs", &["lock"]),
    ("lock.rs", &[]),
    ("notify.rs", &[]),
    ("shutdown.rs", &[]),
    ("telemetry.rs", &[]),
];

#[test]
fn the_daemon_s_modules_use_only_what_they_may() {
    for source in sources("daemon/src") {
        let path = source.path.strip_prefix("daemon/src/").unwrap();
        let module = path.split('/').next().unwrap();
        if ["lib.rs", "main.rs"].contains(&module) {
            continue;
        }
        let (_, allowed) =
            DAEMON.iter().find(|(name, _)| *name == module).unwrap_or_else(|| panic!("{module} is new"));
        for used in code(&source).split("crate::").skip(1) {
            let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            assert!(allowed.contains(&used.as_str()), "{path} must not use {used}");
        }
    }
}

#[test]
fn the_domain_does_no_io_and_nothing_asynchronous() {
    for source in sources("daemon/src/domain") {
        let code = code(&source);
        for word in ["tokio", "async ", "std::fs", "std::net", "std::env", "rusqlite", "reqwest"] {
            assert!(!code.contains(word), "{} mentions {word}", source.path);
        }
    }
}

#[test]
fn the_protocol_does_no_io() {
    for source in sources("proto/src") {
        let code = code(&source);
        for word in ["std::fs", "std::net", "std::env", "std::os", "tokio", "SystemTime", "Instant"] {
            assert!(!code.contains(word), "{} mentions {word}", source.path);
        }
    }
}

#[test]
fn only_one_file_knows_bincode() {
    for folder in ["proto", "client", "daemon"] {
        for source in sources(folder).iter().filter(|source| !source.path.ends_with("proto/src/codec.rs")) {
            assert!(!code(source).contains("bincode::"), "{} uses bincode", source.path);
        }
    }
}

#[test]
fn gi_has_no_tokio_no_http_and_no_database() {
    let tree = std::process::Command::new(option_env!("CARGO").unwrap_or("cargo"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "-p",
            "guestissuer-client",
        ])
        .current_dir(guestissuer_tests::programs::repository())
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.contains("clap v"), "{tree}");
    for dependency in ["tokio v", "reqwest v", "hyper v", "rusqlite v", "rustls v"] {
        assert!(!tree.contains(dependency), "gi depends on {dependency}");
    }
}

#[test]
fn every_use_of_a_secret_s_text_is_where_it_may_be() {
    let allowed = [
        "proto/src/secret.rs",
        "client/src/commands/exec/mod.rs",
        "client/src/commands/exec/token_file.rs",
        "client/src/commands/original/jwt.rs",
        "client/src/commands/original/mod.rs",
        "client/src/commands/token.rs",
        "client/src/output/json.rs",
        "daemon/src/broker/credentials.rs",
        "daemon/src/vault/mod.rs",
        "daemon/src/vault/pair.rs",
        "daemon/src/webex/assertion.rs",
        "daemon/src/webex/client.rs",
        "daemon/src/webex/kind/guest_issuer.rs",
        "daemon/src/webex/kind/mod.rs",
        "daemon/src/webex/kind/service_app.rs",
    ];
    for folder in ["proto/src", "client/src", "daemon/src"] {
        for source in sources(folder) {
            let exposes = code(&source).contains(".expose()");
            assert!(!exposes || allowed.contains(&source.path.as_str()), "{} exposes a secret", source.path);
        }
    }
}
