//! `verify`: taking tokens apart, judging them, and asking Webex about them.

use serde_json::{Value, json};

use super::{GOLDEN_SECRET, Stage, WRONG_SECRET, check};

const GOLDEN_PARTS: &str = r#"{
  "header": {
    "alg": "HS256",
    "typ": "JWT"
  },
  "payload": {
    "sub": "123",
    "name": "Stève",
    "iss": "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi8zOTE4OGM3Mi0wMDI5LTQ3YTQtYjAyNS01OGEwY2E3NDVkMDY",
    "exp": 1517073019
  },
  "signature": "uNtcqOSGutSWfM-qnhVD6E1-sOGzSom0_-m8IF2V1hg"#;

const NOT_A_JWT: &str = "the specified token does not comply with JWT format";

#[test]
fn a_jwt_is_taken_apart_as_the_original_does() {
    let stage = Stage::new();
    let original = format!("{GOLDEN_PARTS}\"\n}}");
    let ours =
        format!("{GOLDEN_PARTS}\",\n  \"expires_at\": \"2018-01-27T17:10:19Z\",\n  \"expired\": true\n}}");
    for (line, input, stdout) in [
        ("guestissuer verify {GOLDEN}", "", &original),
        ("guestissuer verify --jwt {GOLDEN}", "", &original),
        ("guestissuer verify -j -", "{GOLDEN}\n", &original),
        ("gi verify {GOLDEN}", "", &ours),
        ("gi verify --jwt -", "  {GOLDEN}", &ours),
    ] {
        let run = stage.call(line).input(&stage.fill(input)).run();
        check(&run, line, 0, stdout, "warning: the token has expired");
    }
    let line = stage.call("gi verify {GOLDEN} -o json").run().stdout;
    assert_eq!(line.lines().count(), 1);
    assert!(stage.world.sandbox.requests(0).is_empty());
}

#[test]
fn what_is_no_jwt_is_refused_and_not_repeated() {
    let stage = Stage::new();
    for junk in
        ["abc", "a.b.c", "..", "e30.e30", "e30.e30.AA.AA", "e30.W10.AA", "aGFsbG8.e30.AA", "e30.e30.?!"]
    {
        let [gi, original] = ["gi", "guestissuer"].map(|program| format!("{program} verify {junk}"));
        check(&stage.call(&gi).run(), &gi, 2, "", &format!("gi: {NOT_A_JWT}"));
        check(&stage.call(&original).run(), &original, 1, "", NOT_A_JWT);
        assert!(!stage.call(&gi).run().stderr.contains(&format!(" {junk}")));
    }
    check(&stage.call("gi verify -").input("").run(), "empty", 2, "", NOT_A_JWT);
    let both = stage.call("gi verify - -s -").input("x").run();
    check(&both, "both from standard input", 2, "", "cannot be the token and the secret");
}

/// `null` where nobody said whether the signature holds.
fn verdict(stage: &Stage, line: &str, env: &[(&str, &str)], input: &str) -> (Value, Value, String) {
    let run = env.iter().fold(stage.call(line), |gi, (name, value)| gi.env(name, stage.fill(value)));
    let outcome = run.args(["-o", "json"]).input(&stage.fill(input)).run();
    assert_eq!(outcome.code, 0, "{line}: {outcome}");
    let parts: Value = serde_json::from_str(&outcome.stdout).unwrap();
    (parts["signature_valid"].clone(), parts["expired"].clone(), outcome.stderr)
}

/// What is typed, with its environment and input; whether the signature holds, and whether the token has expired.
type Judged<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a Value, &'a Value);

#[test]
fn with_a_secret_at_hand_it_is_said_whether_the_signature_holds() {
    let mut stage = Stage::new();
    let jwt = stage.call("gi create 123 Ann -i acme -q").ok();
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let payload = signed.split('.').nth(1).unwrap();
    // The same claims, but said to be signed by nobody; and another first letter of the signature.
    let first = if signature.starts_with('A') { "B" } else { "A" };
    stage.know("{TAMPERED}", format!("{signed}.{first}{}", &signature[1..]));
    stage.know("{NONE}", format!("eyJhbGciOiJub25lIn0.{payload}."));
    stage.know("{JWT}", jwt);
    let (yes, no, nobody) = (json!(true), json!(false), Value::Null);
    let table: &[Judged<'_>] = &[
        ("gi verify {GOLDEN} -s -", &[], GOLDEN_SECRET, &yes, &yes),
        ("gi verify {GOLDEN} -s -", &[], WRONG_SECRET, &no, &yes),
        ("gi verify {GOLDEN}", &[("SECRET", GOLDEN_SECRET)], "", &yes, &yes),
        ("gi verify {GOLDEN}", &[("SECRET", GOLDEN_SECRET), ("ISSUER", "other")], "", &yes, &yes),
        ("gi verify {GOLDEN}", &[("ISSUER", "other")], "", &nobody, &yes),
        ("gi verify {GOLDEN}", &[("SECRET", "junk!")], "", &nobody, &yes),
        ("gi verify {GOLDEN} -i acme", &[], "", &no, &yes),
        // A stored issuer that the JWT names is found without being named.
        ("gi verify {JWT}", &[], "", &yes, &no),
        ("gi verify {JWT} -i acme", &[], "", &yes, &no),
        ("gi verify {JWT} -i acme", &[("SECRET", WRONG_SECRET)], "", &yes, &no),
        ("gi verify {TAMPERED}", &[], "", &no, &no),
        ("gi verify {NONE} -i acme", &[], "", &nobody, &no),
    ];
    for (line, env, input, signature, expired) in table {
        let (actual, actual_expired, stderr) = verdict(&stage, line, env, input);
        assert_eq!((&actual, &actual_expired), (*signature, *expired), "{line} {env:?}");
        assert_eq!(stderr.contains("the signature does not hold"), actual == false, "{line}: {stderr}");
        assert_eq!(stderr.contains("has expired"), actual_expired == true, "{line}: {stderr}");
    }
    assert!(verdict(&stage, "gi verify {NONE} -i acme", &[], "").2.contains("the signature was not checked"));
    // What was asked for with an option is done or fails.
    check(&stage.call("gi verify {JWT} -i nobody").run(), "nobody", 2, "", "missing Guest Issuer secret");
    check(
        &stage.call("gi verify {JWT} -s -").input("junk!").run(),
        "junk",
        2,
        "",
        "the secret is not base64",
    );
    let known = stage.call("guestissuer verify {TAMPERED}").env("SECRET", stage.fill("{SECRET}")).run();
    assert_eq!(known.code, 0);
    assert!(
        known.stderr.contains("the signature does not hold") && !known.stdout.contains("signature_valid")
    );
}

#[test]
fn without_a_daemon_a_token_is_still_taken_apart() {
    let mut stage = Stage::new();
    let token = stage.call("gi get 1 --name Ann").ok();
    stage.know("{TOKEN}", token);
    stage.world.daemon.take().unwrap().kill();
    let (signature, expired, stderr) = verdict(&stage, "gi verify {GOLDEN} -s -", &[], GOLDEN_SECRET);
    assert_eq!((signature, expired), (Value::Null, json!(true)));
    assert!(stderr.contains("the signature was not checked: no guestissuerd is listening"), "{stderr}");
    // An access token says in another way until when it is valid.
    let parts = stage.call("gi verify {TOKEN}").json();
    assert_eq!((&parts["header"]["alg"], &parts["expired"]), (&json!("RS256"), &json!(false)));
    assert_eq!(parts["expires_at"].as_str().unwrap().len(), 20);
    for (line, code) in
        [("gi create 1 Ann -i acme", 4), ("gi login {GOLDEN}", 4), ("guestissuer 1 Ann -i acme", 1)]
    {
        check(&stage.call(line).run(), line, code, "", "no guestissuerd is listening");
    }
}

#[test]
fn webex_says_whose_access_token_it_is() {
    let mut stage = Stage::new();
    let token = stage.call("gi quick 123 Stève -q -i acme").ok();
    stage.know("{TOKEN}", token.clone());
    let text = stage.call("gi verify --access {TOKEN} -i acme").ok();
    assert!(text.starts_with("person id     Y2lz") && text.contains("\nname          Stève\n"), "{text}");
    let json = stage.call("gi verify -a - --api-base {BASE}").input(&token).json();
    assert_eq!(json["display_name"], "Stève");
    assert!(json["email"].as_str().unwrap().starts_with("123@") && json["emails"][0] == json["email"]);
    assert_eq!(json["type"], "appuser");
    let person = stage.call("guestissuer verify --access {TOKEN} --api-base {BASE}").ok();
    let person: Value = serde_json::from_str(&person).unwrap();
    assert_eq!((&person["displayName"], &person["id"]), (&json!("Stève"), &json["person_id"]));
    for (line, code) in
        [("gi verify -a {GOLDEN} -i acme", 5), ("guestissuer verify -a {GOLDEN} --api-base {BASE}", 1)]
    {
        check(&stage.call(line).run(), line, code, "", "bad token, could not authenticate");
    }
    for (status, code_of_gi, words) in [(404, 5, "status code 404"), (500, 6, "status code 500")] {
        let words = format!("could not retrieve info, err: Request failed with {words}");
        for (line, code) in [
            ("gi verify -a {TOKEN} -i acme", code_of_gi),
            ("guestissuer verify -a {TOKEN} --api-base {BASE}", 1),
        ] {
            stage.world.sandbox.fault(&json!({"status": status}));
            let line = format!("{line} --timeout 800ms");
            check(&stage.call(&line).run(), &line, code, "", &words);
            stage.world.sandbox.mend();
        }
    }
    check(&stage.call("gi verify -a x~y").run(), "two words", 2, "", "bad token");
    check(
        &stage.call("gi verify -a x -i {ID}").run(),
        "an id",
        2,
        "",
        "names the stored issuer whose API is asked",
    );
}

#[test]
fn no_network_is_said_in_the_original_s_words() {
    let stage = Stage::new();
    for line in [
        "gi verify -a x --api-base http://127.0.0.1:1/ --timeout 800ms",
        "guestissuer verify -a x --api-base http://127.0.0.1:1/ --timeout 800ms",
    ] {
        let code = if line.starts_with("gi ") { 6 } else { 1 };
        check(&stage.call(line).run(), line, code, "", "could not contact Webex");
    }
}
