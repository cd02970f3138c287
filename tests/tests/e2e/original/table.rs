//! What is typed, and what comes of it: the table of the original's cases, and how its flaws are mended.

use serde_json::Value;

use super::{Stage, check, is_access_token, part};

const SIGNED: &str = "Here is a JWT token, valid for: 5400 seconds, for Permanent Guest: Stève\n<jwt>";
const GOT: &str = "Here is an access token, valid for: 21600 seconds\n<token>";
const NO_ISSUER: &str = "missing Guest Issuer identifier, exiting...\nplease specify either via an ISSUER env variable, or the -i option\n";
const NO_SECRET: &str = "missing Guest Issuer secret, exiting...\nplease specify either via a SECRET env variable, or the -s option\n";
const SEEN: &str = "every user of this machine can see -s SECRET with ps";
const BAD_DELAY: &str =
    "is not a whole number of seconds from 1 to 3153600000 & hint: give seconds, such as 5400";
const BOTH: &[(&str, &str)] = &[("ISSUER", "{ID}"), ("SECRET", "{SECRET}")];
const SECRET: &[(&str, &str)] = &[("SECRET", "{SECRET}")];

/// What is typed, with `~` for a space in a word; its environment, its input, and what comes of it.
type Case =
    (&'static str, &'static [(&'static str, &'static str)], &'static str, i32, &'static str, &'static str);

/// Signing and exchanging that works, as `gi` and as the original.
const WORKS: &[Case] = &[
    ("* create 123 Stève -i {ID} -s {SECRET}", &[], "", 0, SIGNED, SEEN),
    ("* create 123 Stève --issuer {ID} --secret={SECRET} -d 5400", &[], "", 0, SIGNED, SEEN),
    ("* create 123 Stève", BOTH, "", 0, SIGNED, ""),
    ("* create 123 Stève -i {ID}", SECRET, "", 0, SIGNED, ""),
    ("* create 123 Stève -i {ID} -s -", &[], " {SECRET} \nmore\n", 0, SIGNED, ""),
    ("* create 123 Stève -i {ID} -s -", &[("SECRET", "junk!")], "{SECRET}", 0, SIGNED, ""),
    ("* create 123 Stève -i acme", &[], "", 0, SIGNED, ""),
    ("* create 123 Stève -i acme", SECRET, "", 0, SIGNED, ""),
    ("* create 123 Stève -i '' -s ''", BOTH, "", 0, SIGNED, ""),
    ("* create 123 Stève --delay 90m", BOTH, "", 0, SIGNED, ""),
    ("* create 123 Stève", &[("ISSUER", "{ID}"), ("SECRET", "{SECRET}"), ("EXPIRES", "")], "", 0, SIGNED, ""),
    (
        "* create 123 Ann",
        &[("ISSUER", "{ID}"), ("SECRET", "{SECRET}"), ("EXPIRES", "90")],
        "",
        0,
        "Here is a JWT token, valid for: 90 seconds, for Permanent Guest: Ann\n<jwt>",
        "",
    ),
    (
        "* create 123 Ann -d 60",
        &[("ISSUER", "{ID}"), ("SECRET", "{SECRET}"), ("EXPIRES", "junk")],
        "",
        0,
        "Here is a JWT token, valid for: 60 seconds, for Permanent Guest: Ann\n<jwt>",
        "",
    ),
    (
        "* create a.b 李~小龍~🥋 -i acme",
        &[],
        "",
        0,
        "Here is a JWT token, valid for: 5400 seconds, for Permanent Guest: 李 小龍 🥋\n<jwt>",
        "the subject \"a.b\" has characters beyond",
    ),
    ("* create 123 Ann -q -i {ID} -s {SECRET}", &[], "", 0, "<jwt>", ""),
    ("* login {JWT} --api-base {BASE}", &[], "", 0, GOT, ""),
    ("* login - --api-base {BASE}", &[], "{JWT}\n", 0, GOT, ""),
    ("* login {JWT} -i acme", &[], "", 0, GOT, ""),
    ("* login {JWT} -q -i acme", &[], "", 0, "<token>", ""),
    ("* quick 123 Stève -i {ID} -s {SECRET} --api-base {BASE}", &[], "", 0, GOT, SEEN),
    ("* quick 123 Stève --api-base {BASE}", BOTH, "", 0, GOT, ""),
    ("* quick 123 Stève --api-base {BASE} -i {ID} -s -", &[], "{SECRET}", 0, GOT, ""),
    ("* quick 123 Stève -i acme", &[], "", 0, GOT, ""),
    ("* quick 123 Stève -i acme", &[("SECRET", "{WRONG}")], "", 0, GOT, ""),
    ("* -q quick 123 Stève -i acme", &[], "", 0, "<token>", ""),
    ("gi create 123 Stève", &[], "", 0, SIGNED, ""),
    ("gi quick 123 Stève", &[], "", 0, GOT, ""),
    ("guestissuer 123 Stève -i {ID} -s {SECRET} --api-base {BASE}", &[], "", 0, GOT, SEEN),
    ("guestissuer -i {ID} --api-base={BASE} 123 Stève", SECRET, "", 0, GOT, ""),
    ("guestissuer -i acme create 123 Stève", &[], "", 0, SIGNED, ""),
    ("guestissuer 123 Stève -q -i acme --timeout 20s", &[], "", 0, "<token>", ""),
    ("guestissuer -- 123 Stève", &[("ISSUER", "acme")], "", 0, GOT, ""),
];

/// What cannot be done, and how each of the two names says so. Nothing is ever on stdout.
const FAILS: &[Case] = &[
    ("guestissuer create 123 Ann", &[], "", 1, "", NO_ISSUER),
    ("guestissuer quick 123 Ann -s {SECRET}", &[], "", 1, "", NO_ISSUER),
    ("guestissuer 123 Ann", &[("ISSUER", "")], "", 1, "", NO_ISSUER),
    ("guestissuer create 123 Ann -i {ID}", &[], "", 1, "", NO_SECRET),
    ("guestissuer create 123 Ann", &[("ISSUER", "{ID}")], "", 1, "", NO_SECRET),
    ("guestissuer 123 Ann -i nobody", &[("SECRET", "")], "", 1, "", NO_SECRET),
    ("guestissuer quick 123 Ann -i {ID} -s -", &[], "", 1, "", "the secret is empty"),
    (
        "guestissuer create 123",
        BOTH,
        "",
        1,
        "",
        "guestissuer: the following required arguments were not provided",
    ),
    ("guestissuer 123", BOTH, "", 1, "", "required arguments were not provided: <NAME>"),
    ("guestissuer login", &[], "", 1, "", "<JWT>"),
    ("guestissuer verify", &[], "", 1, "", "<TOKEN>"),
    ("guestissuer -q", &[], "", 1, "", "hint: "),
    ("guestissuer create 123 Ann -d 0", BOTH, "", 1, "", BAD_DELAY),
    (
        "guestissuer create 123 Ann -i {ID}",
        &[("SECRET", "not base64")],
        "",
        1,
        "",
        "the secret is not base64",
    ),
    (
        "guestissuer login abc --api-base {BASE}",
        &[],
        "",
        1,
        "",
        "Invalid Guest token: The requested resource could not be found.",
    ),
    (
        "guestissuer login {GOLDEN} --api-base {BASE}",
        &[],
        "",
        1,
        "",
        "Invalid Guest token: The request requires a valid access token",
    ),
    (
        "guestissuer quick 123 Ann --api-base {BASE} -i {ID} -s {WRONG}",
        &[],
        "",
        1,
        "",
        "Invalid Guest token: The request requires",
    ),
    ("guestissuer create 123 Ann -i acme -o header", &[], "", 1, "", "prints text or json only"),
    (
        "gi create 123 Ann",
        SECRET,
        "",
        2,
        "",
        "gi: missing Guest Issuer identifier & hint: give it with -i or in ISSUER & gi issuer add",
    ),
    (
        "gi create 123 Ann -i {ID}",
        &[],
        "",
        2,
        "",
        "gi: missing Guest Issuer secret & hint: give it in SECRET, or with -s -",
    ),
    (
        "gi create 123 Ann -i nobody",
        &[],
        "",
        2,
        "",
        "gi: missing Guest Issuer secret & no stored issuer is called nobody",
    ),
    ("gi create 123 Ann", &[("ISSUER", "{ID}")], "", 2, "", "gi: missing Guest Issuer secret"),
    ("gi create 123", BOTH, "", 2, "", "required arguments"),
    ("gi quick", BOTH, "", 2, "", "required arguments"),
    ("gi create 123 ''", BOTH, "", 2, "", "a display name must not be empty"),
    ("gi create 123 Ann -d abc", BOTH, "", 2, "", "the value \"abc\" of --delay & hint: give seconds"),
    ("gi create 123 Ann -d 0", BOTH, "", 2, "", BAD_DELAY),
    ("gi create 123 Ann -d -5", BOTH, "", 2, "", "the value \"-5\" of --delay"),
    ("gi create 123 Ann -d ''", BOTH, "", 2, "", BAD_DELAY),
    ("gi create 123 Ann -d 1.5", BOTH, "", 2, "", BAD_DELAY),
    ("gi create 123 Ann -d 1500ms", BOTH, "", 2, "", BAD_DELAY),
    ("gi create 123 Ann -d 99999999999999999999", BOTH, "", 2, "", BAD_DELAY),
    ("gi create 123 Ann -i acme", &[("EXPIRES", "soon")], "", 2, "", "the value \"soon\" of EXPIRES"),
    (
        "gi create 123 Ann -i {ID}",
        &[("SECRET", "not base64")],
        "",
        2,
        "",
        "the secret is not base64 & hint: copy the whole shared secret",
    ),
    ("gi quick 123 Ann -i {ID} -s =", &[], "", 2, "", "the secret is "),
    ("gi quick 123 Ann -i a~b", SECRET, "", 2, "", "the issuer id is not one"),
    ("gi quick 123 Ann -i acme --api-base http://example.com/", &[], "", 2, "", "must be https"),
    ("gi login ''", &[], "", 2, "", "missing Guest token"),
    ("gi login -", &[], "\n", 2, "", "missing Guest token"),
    ("gi login a~b --api-base {BASE}", &[], "", 2, "", "invalid Guest token: it is not a JWT"),
    ("gi login {GOLDEN} -i nobody", &[], "", 3, "", "no issuer is called nobody"),
    (
        "gi login abc -i acme",
        &[],
        "",
        5,
        "",
        "gi: invalid Guest token: The requested resource could not be found.",
    ),
    (
        "gi quick 123 Ann --api-base {BASE} -i {ID}",
        &[("SECRET", "{WRONG}")],
        "",
        5,
        "",
        "gi: invalid Guest token: The request requires & hint: the JWT has expired, or the secret",
    ),
    ("gi quick 123 Ann --api-base {BASE} -i other -s -", &[], "{SECRET}", 5, "", "invalid Guest token"),
];

fn go_through(stage: &Stage, cases: &[Case]) {
    for (line, env, input, code, stdout, stderr) in cases {
        let lines = match line.strip_prefix('*') {
            Some(rest) => vec![format!("gi{rest}"), format!("guestissuer{rest}")],
            None => vec![(*line).to_owned()],
        };
        for line in lines {
            let run = env.iter().fold(stage.call(&line), |gi, (name, value)| gi.env(name, stage.fill(value)));
            let run = if input.is_empty() { run } else { run.input(&stage.fill(input)) };
            check(&run.run(), &line, *code, stdout, stderr);
        }
    }
}

#[test]
fn what_worked_works_by_both_names() {
    let mut stage = Stage::new();
    let jwt = stage.call("gi create 123 Ann -i acme -q").ok();
    stage.know("{JWT}", jwt);
    go_through(&stage, WORKS);
    assert_eq!(stage.world.gi(["list"]).json(), serde_json::json!([]));
}

#[test]
fn what_fails_says_so_on_stderr_alone() {
    let stage = Stage::new();
    go_through(&stage, FAILS);
    // Only what had to be asked of Webex was.
    assert!(stage.world.sandbox.requests(0).len() <= 6, "{:?}", stage.world.sandbox.requests(0));
}

#[test]
fn without_a_stored_issuer_gi_says_what_is_missing_too() {
    let stage = Stage::without_issuers();
    for line in ["gi create 123 Ann", "gi quick 123 Ann"] {
        check(
            &stage.call(line).run(),
            line,
            2,
            "",
            "gi: missing Guest Issuer identifier & gi issuer add NAME",
        );
    }
}

#[test]
fn a_jwt_says_what_was_asked_for() {
    let stage = Stage::new();
    let now = || i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    for (delay, seconds) in [("60", 60), ("90m", 5_400), ("1", 1), ("3153600000", 3_153_600_000)] {
        let before = now();
        let signed =
            stage.call(&format!("guestissuer create 123 Stève -d {delay} -i {{ID}} -s {{SECRET}}")).run();
        let jwt = signed.stdout.lines().nth(1).unwrap();
        let claims: Value = serde_json::from_str(&part(jwt, 1)).unwrap();
        assert_eq!((&claims["sub"], &claims["name"]), (&"123".into(), &"Stève".into()));
        assert_eq!(claims["iss"], stage.fill("{ID}").as_str());
        let expiry = claims["exp"].as_i64().unwrap();
        assert!((before + seconds..=now() + seconds).contains(&expiry), "{claims}");
    }
    // Webex takes it, and so is the one that quick makes, which lives for a minute.
    stage.call("gi quick 123 Stève -i acme").ok();
    let request = &stage.world.sandbox.requests(0)[0];
    assert_eq!((&request["path"], &request["name"]), (&"/v1/jwt/login".into(), &"Stève".into()));
    assert!((57..=60).contains(&request["jwt_life_s"].as_i64().unwrap()), "{request}");
}

#[test]
fn programs_get_json() {
    let stage = Stage::new();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    for program in ["gi", "guestissuer"] {
        let signed = stage.call(&format!("{program} create 123 Stève -i acme -d 90")).json();
        assert_eq!(keys(&signed), "jwt subject display_name expires_at expires_in");
        assert!(super::is_guest_jwt(signed["jwt"].as_str().unwrap()));
        assert_eq!((&signed["subject"], &signed["display_name"]), (&"123".into(), &"Stève".into()));
        assert!((87..=90).contains(&signed["expires_in"].as_i64().unwrap()), "{signed}");
        let jwt = signed["jwt"].as_str().unwrap();
        let login = stage.call(&format!("{program} login {jwt} --api-base {{BASE}}")).json();
        let quick = stage.call(&format!("{program} quick 123 Stève -i acme")).json();
        for token in [login, quick] {
            assert_eq!(keys(&token), "access_token token_type expires_at expires_in");
            assert!(is_access_token(token["access_token"].as_str().unwrap()));
            assert_eq!((&token["token_type"], &token["expires_in"]), (&"Bearer".into(), &21_600.into()));
        }
    }
}

#[test]
fn the_original_explains_itself() {
    let stage = Stage::new();
    let help = stage.call("guestissuer --help").ok();
    assert!(help.contains("Usage: guestissuer") && help.contains("verify"), "{help}");
    assert!(stage.call("guestissuer --version").ok().starts_with("guestissuer "));
    assert!(stage.call("guestissuer create --help").ok().contains("--delay"));
    let nothing =
        guestissuer_tests::Gi::called(&stage.link(), &stage.world.socket(), &stage.world.state_dir());
    assert!(nothing.fails(1).stderr.contains("Usage: guestissuer"));
}
