//! The commands of the original, by the name of `gi` and by its own.

mod faults;
mod secrecy;
mod table;
mod verify;

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use guestissuer_tests::{Gi, Outcome, World, programs};
use serde_json::Value;

/// The golden guest JWT: signed with [`GOLDEN_SECRET`], expired since 2018.
const GOLDEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjMiLCJuYW1lIjoiU3TDqHZlIiwiaXNzIjoiWTJselkyOXpjR0Z5YXpvdkwzVnpMMDlTUjBGT1NWcEJWRWxQVGk4ek9URTRPR00zTWkwd01ESTVMVFEzWVRRdFlqQXlOUzAxT0dFd1kyRTNORFZrTURZIiwiZXhwIjoxNTE3MDczMDE5fQ.uNtcqOSGutSWfM-qnhVD6E1-sOGzSom0_-m8IF2V1hg";
const GOLDEN_SECRET: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ=";

/// A secret that is not the sandbox's.
const WRONG_SECRET: &str = "d3Jvbmctd3Jvbmctd3Jvbmc=";

/// A world with the words that test cases use for what is different in each run.
struct Stage {
    world: World,
    words: Vec<(&'static str, String)>,
}

impl Stage {
    /// The issuer `acme` is stored.
    fn new() -> Self {
        Self::of(World::new())
    }

    /// No issuer is stored.
    fn without_issuers() -> Self {
        let mut world = World::without_daemon("6h");
        world.start(&[]);
        Self::of(world)
    }

    fn of(world: World) -> Self {
        let credentials: Value = serde_json::from_str(&world.sandbox.credentials).unwrap();
        let text = |name: &str| credentials[name].as_str().unwrap().to_owned();
        let words = vec![
            ("{ID}", text("issuer")),
            ("{SECRET}", text("secret")),
            ("{BASE}", world.sandbox.api_base()),
            ("{GOLDEN}", GOLDEN.to_owned()),
            ("{WRONG}", WRONG_SECRET.to_owned()),
        ];
        symlink(programs::program("gi"), world.path().join("guestissuer")).unwrap();
        Self { world, words }
    }

    /// From here on, this word stands for this text.
    fn know(&mut self, word: &'static str, text: String) {
        self.words.push((word, text));
    }

    /// The text with what its words stand for.
    fn fill(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
    }

    /// A run of `gi` or `guestissuer`, the words of whose command line are divided by spaces; `~` is one in a word.
    fn call(&self, line: &str) -> Gi {
        let mut words = line.split(' ').map(|word| self.fill(&word.replace('~', " ")));
        let program = match words.next().as_deref() {
            Some("gi") => programs::program("gi"),
            Some("guestissuer") => self.link(),
            other => panic!("{other:?} is no program"),
        };
        let words = words.map(|word| if word == "''" { String::new() } else { word });
        Gi::called(&program, &self.world.socket(), &self.world.state_dir()).args(words)
    }

    /// `gi` under the original's name.
    fn link(&self) -> PathBuf {
        self.world.path().join("guestissuer")
    }

    /// How a run ended that was to fail with this code, in words of the error's JSON.
    #[track_caller]
    fn error(&self, line: &str, code: i32) -> Value {
        let outcome = self.call(line).args(["-o", "json"]).fails(code);
        serde_json::from_str::<Value>(&outcome.stderr).unwrap_or_else(|_| panic!("{outcome}"))["error"]
            .clone()
    }
}

/// What is in a part of a JWT. Written out here, so that what is tested is not tested with itself.
fn part(jwt: &str, which: usize) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in jwt.split('.').nth(which).unwrap_or_default().chars() {
        let value = alphabet.find(letter).unwrap_or_else(|| panic!("{letter:?} is not base64 for URLs"));
        bits = (bits << 6 | u32::try_from(value).unwrap()) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Whether the text is a guest JWT as the original makes them, byte for byte but for its values.
fn is_guest_jwt(text: &str) -> bool {
    let claims = part(text, 1);
    let places =
        ["{\"sub\":\"", "\",\"name\":\"", "\",\"iss\":\"", "\",\"exp\":"].map(|key| claims.find(key));
    text.split('.').count() == 3
        && part(text, 0) == r#"{"alg":"HS256","typ":"JWT"}"#
        && places[0] == Some(0)
        && places.iter().all(Option::is_some)
        && places.is_sorted()
        && !claims.contains("iat")
}

fn is_access_token(text: &str) -> bool {
    text.len() > 2_000 && text.split('.').count() == 3 && part(text, 0).contains("RS256")
}

/// Whether each line is what the pattern's line says: itself, or `<jwt>`, `<token>`, or `...` for whatever else comes.
fn matches(pattern: &str, text: &str) -> bool {
    let mut lines = text.lines();
    for expected in pattern.lines() {
        let line = match expected {
            "..." => return true,
            _ => lines.next(),
        };
        let Some(line) = line else { return false };
        let fits = match expected {
            "<jwt>" => is_guest_jwt(line),
            "<token>" => is_access_token(line),
            text => line == text,
        };
        if !fits {
            return false;
        }
    }
    lines.next().is_none() && (text.is_empty() || text.ends_with('\n'))
}

#[track_caller]
fn check(outcome: &Outcome, line: &str, code: i32, stdout: &str, stderr: &str) {
    assert_eq!(outcome.code, code, "{line}\n{outcome}");
    assert!(matches(stdout, &outcome.stdout), "{line}\nexpected: {stdout}\n{outcome}");
    for words in stderr.split(" & ") {
        assert!(outcome.stderr.contains(words), "{line}\nexpected on stderr: {words}\n{outcome}");
    }
    if stderr.is_empty() {
        assert_eq!(outcome.stderr, "", "{line}\n{outcome}");
    }
}
