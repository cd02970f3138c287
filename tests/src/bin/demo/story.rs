//! What the demo tells, in order.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use guestissuer_tests::{World, programs};
use serde_json::{Value, json};

use crate::stage::{Run, Stage};

/// How long the tokens live whose refresh is watched: long enough for a slow machine, short enough for a viewer.
const SHORT_LIFE: Duration = Duration::from_secs(6);

/// The journal's line for every new token.
const MINTED: &str = "minted a token";

struct Story {
    stage: Stage,
    world: World,
    credentials: PathBuf,
}

/// Tells it all. Panics where something does not go as told.
pub(crate) fn tell() {
    // The first run after a change takes its time to build the programs.
    programs::directory();
    let start = Instant::now();
    let story = Story::begin();
    story.add_issuer();
    let token = story.first_token();
    let story = story.crash(&token);
    let token = story.refresh(&token);
    story.outage(&token);
    story.status();
    let Story { stage, world, .. } = story;
    drop(world);
    stage.explain(&["That is all. The daemon and the sandbox have ended, and their files are gone."]);
    stage.promise(true, &format!("everything went as promised, in {} s", start.elapsed().as_secs()));
}

impl Story {
    fn begin() -> Self {
        let stage = Stage::new();
        let mut world = World::without_daemon("6h");
        world.start(&[]);
        stage.explain(&[
            "gi hands out access tokens of Webex guests that are always valid; guestissuerd, a daemon, keeps them so.",
            "Webex itself is played by a sandbox on loopback. What follows are real commands and their real output,",
            "except that tokens, which have over 2,000 characters, are cut to their first 24 and last 16.",
        ]);
        let credentials = world.path().join("credentials.json");
        let file = File::options().write(true).create_new(true).mode(0o600).open(&credentials);
        file.and_then(|mut file| file.write_all(world.sandbox.credentials.as_bytes())).expect("a file");
        Self { stage, world, credentials }
    }

    fn add_issuer(&self) {
        self.stage.explain(&[
            "An issuer is a Webex application that makes tokens for guests: an id and a secret. They come from a file",
            "or a pipe, never from the command line, where others could see them.",
        ]);
        let base = self.world.sandbox.api_base();
        let add = ["issuer", "add", "acme", "--credentials", "-", "--api-base", &base];
        let stdin = File::open(&self.credentials).expect("the credentials");
        let gi = self.world.gi::<_, &str>([]).command(|command| {
            command.stdin(stdin);
        });
        self.stage.gi(&add, " < credentials.json", gi).succeeds();
        self.gi(&["issuer", "test", "acme"]).succeeds();
    }

    /// The token of guest 123.
    fn first_token(&self) -> String {
        self.stage.explain(&["The first time somebody asks for a guest, a token is minted at Webex."]);
        let minted = self.gi(&["get", "123", "--name", "Stève", "-o", "json"]);
        let first = minted.json();
        self.stage.promise(first["cached"] == false, &format!("minted, in {}", minted.time()));
        self.stage.explain(&["From then on it is at hand."]);
        let cached = self.gi(&["get", "123", "-o", "json"]);
        let second = cached.json();
        let same = second["cached"] == true && token(&first) == token(&second);
        self.stage.promise(same, &format!("the same token, from the cache, in {}", cached.time()));
        let list = self.gi(&["list"]).succeeds().outcome.stdout;
        self.stage.promise(list.contains("Stève") && list.contains("fresh"), "guest 123 has a fresh token");
        token(&first)
    }

    fn crash(mut self, known: &str) -> Self {
        self.stage.explain(&[
            "Nothing is lost when the daemon dies: a token is on disk, sealed, before anybody sees it.",
        ]);
        let before = self.world.sandbox.count("mints");
        let killed = self.world.daemon.take().expect("the daemon is running");
        self.stage.type_in(&format!("kill -9 {}", killed.pid()));
        killed.kill();
        self.stage.type_in("guestissuerd --socket \"$GI_SOCKET\" --state-dir \"$GI_STATE_DIR\" &");
        self.world.start(&[]);
        let run = self.gi(&["get", "123"]).succeeds();
        self.stage.promise(run.outcome.stdout.trim_end() == known, "the very same token after the crash");
        let after = self.world.sandbox.count("mints");
        let text = format!("Webex was not asked again: tokens minted before {before}, after {after}");
        self.stage.promise(before == after, &text);
        self
    }

    /// The token that the refresh brought.
    fn refresh(&self, before: &str) -> String {
        let sandbox = &self.world.sandbox;
        let life = SHORT_LIFE.as_millis();
        self.stage.explain(&[
            "Tokens are replaced before they expire, whether or not anybody asks. To see it happen, the sandbox now",
            &format!("makes one that lives for {} s only.", SHORT_LIFE.as_secs()),
        ]);
        let asked = sandbox.count("requests");
        let mints = sandbox.count("mints");
        sandbox.settings(&json!({ "token_life_ms": life }));
        let forced = self.gi(&["get", "123", "--force", "-o", "json"]).json();
        self.stage.promise(token(&forced) != before, "a new token, because of --force");
        // So that the next one outlives the rest of the story.
        sandbox.settings(&json!({ "token_life_ms": 6 * 3_600_000 }));
        self.stage.remark("(hands off the keyboard until the sandbox has been asked for the next one)");
        sandbox.wait_for("mints", mints + 2);
        let daemon = self.world.daemon();
        daemon.wait_for_log(MINTED);
        daemon.wait_for_log(MINTED);
        let at: Vec<_> =
            sandbox.requests(asked).iter().filter_map(|request| request["at_ms"].as_u64()).collect();
        let [first, second, ..] = at[..] else { panic!("two requests should be logged, not {at:?}") };
        let age = u128::from(second - first);
        let text = format!(
            "refreshed at the age of {}, {} before its end",
            seconds(age),
            seconds(life.saturating_sub(age))
        );
        self.stage.promise(age < life, &text);
        let refreshed = self.gi(&["get", "123", "-o", "json"]).json();
        let is_new = refreshed["cached"] == true && token(&refreshed) != token(&forced);
        self.stage.promise(is_new, "another token, at hand before anybody asked for it");
        token(&refreshed)
    }

    fn outage(&self, known: &str) {
        let sandbox = &self.world.sandbox;
        self.stage.explain(&[
            "Webex goes down: the sandbox answers everything with 503. A token at hand serves on.",
        ]);
        sandbox.fault(&json!({ "status": 503 }));
        let served = self.gi(&["get", "123"]).succeeds();
        let text = format!("the same token, in {}", served.time());
        self.stage.promise(served.outcome.stdout.trim_end() == known, &text);
        self.stage.explain(&["A guest without a token has to wait; a script learns it from the exit code."]);
        let arguments = ["get", "456", "--name", "Ann", "--timeout", "2s"];
        let run = self.gi(&arguments);
        let failed = &run.outcome;
        let is_told = failed.stderr.contains("gi: ") && failed.stderr.contains("hint: ");
        let (code, time) = (failed.code, run.time());
        let text =
            format!("exit code {code} after {time}, nothing on stdout, a message and a hint on stderr");
        self.stage.promise(code == 6 && failed.stdout.is_empty() && is_told, &text);
        self.stage.explain(&["Webex is back."]);
        sandbox.mend();
        let served = self.gi(&["get", "456", "--name", "Ann"]).succeeds();
        self.stage.promise(!served.outcome.stdout.is_empty(), &format!("a token, in {}", served.time()));
    }

    fn status(&self) {
        self.stage.explain(&["How the daemon did:"]);
        let status = self.gi(&["status"]).succeeds().outcome.stdout;
        self.stage.promise(status.contains("2 fresh"), "both guests have fresh tokens");
    }

    /// Types a `gi` command.
    fn gi(&self, arguments: &[&str]) -> Run {
        self.stage.gi(arguments, "", self.world.gi::<_, &str>([]))
    }
}

/// The access token in what `gi get -o json` printed.
fn token(printed: &Value) -> String {
    printed["access_token"].as_str().expect("a token").to_owned()
}

/// Milliseconds, for people.
fn seconds(millis: u128) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}
