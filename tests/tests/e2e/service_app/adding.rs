//! Credentials of a Service App from wherever they come, and what becomes of bad ones.

use guestissuer_tests::World;
use guestissuer_tests::terminal::Terminal;
use serde_json::json;

use super::{app, credentials};

fn empty() -> World {
    let mut world = World::without_daemon("6h");
    world.start(&[]);
    world
}

#[test]
fn adding_refreshes_once_and_stores_what_webex_accepts() {
    let world = empty();
    let added = world.add_app_with("app", &world.sandbox.app_credentials, &["--kind", "service-app"]).json();
    assert_eq!((added["kind"].as_str(), added["default"].as_bool()), (Some("service-app"), Some(true)));
    assert_eq!(added["id"], credentials(&world)["client_id"]);
    assert_eq!(world.sandbox.count("app_refreshes"), 1);
    assert_eq!(world.sandbox.count("mints"), 0);
    let app = app(&world);
    assert!(app["access_expires_in"].as_i64().unwrap() > 14 * 86_400 - 60, "{app}");
    assert!(app["refresh_token_expires_in"].as_i64().unwrap() > 90 * 86_400 - 60, "{app}");
    // About a day ahead, whatever the fourteen days of its life.
    assert!((86_000..96_000).contains(&app["refresh_in"].as_i64().unwrap()), "{app}");
    assert_eq!(world.gi(["issuer", "list"]).json()[0]["kind"], "service-app");
}

#[test]
fn the_json_of_the_portal_and_of_the_api_is_understood() {
    let own = credentials(&empty());
    let (id, secret, refresh) = (&own["client_id"], &own["client_secret"], &own["refresh_token"]);
    for json in [
        json!({"clientId": id, "clientSecret": secret, "refreshToken": refresh}),
        json!({"name": "My app", "clientId": id, "clientSecret": secret, "refreshToken": refresh,
            "accessToken": "old", "expiresIn": "1209599", "scopes": ["guest-issuer:write"]}),
        json!({"client_id": id, "client_secret": secret, "refresh_token": refresh, "access_token": "old",
            "expires_in": 1_209_599, "token_type": "Bearer", "refresh_token_expires_in": 7_775_999}),
    ] {
        let world = empty();
        let added = world.add_app_with("app", &json.to_string(), &[]).json();
        assert_eq!(added["kind"], "service-app", "{json}");
        world.gi(["get", "1", "--name", "A"]).ok();
    }
}

#[test]
fn an_id_beside_the_file_is_the_client_id() {
    let world = empty();
    let own = credentials(&world);
    let rest =
        json!({"client_secret": own["client_secret"], "refresh_token": own["refresh_token"]}).to_string();
    world.add_app_with("app", &rest, &["--id", own["client_id"].as_str().unwrap()]).ok();
}

#[test]
fn what_is_missing_is_named_and_webex_is_not_asked() {
    let world = empty();
    for name in ["client_id", "client_secret", "refresh_token"] {
        let mut given = credentials(&world);
        given.as_object_mut().unwrap().remove(name);
        let refused = world.add_app_with("app", &given.to_string(), &["--kind", "service-app"]).fails(2);
        assert!(refused.stderr.contains(name), "{refused}");
    }
    let refused = world.gi(["issuer", "add", "app", "--kind", "service-app"]).fails(2);
    assert!(refused.stderr.contains("the client id is missing"), "{refused}");
    let mut given = credentials(&world);
    given["refresh_token"] = json!("two words");
    let refused = world.add_app_with("app", &given.to_string(), &[]).fails(2);
    assert!(refused.stderr.contains("refresh token") && !refused.stderr.contains("two words"), "{refused}");
    assert_eq!(world.sandbox.count("requests"), 0);
}

#[test]
fn a_person_is_asked_and_secrets_are_not_shown() {
    let world = empty();
    let own = credentials(&world);
    let base = world.sandbox.api_base();
    let args = ["issuer", "add", "app", "--kind", "service-app", "--api-base", &base];
    let mut terminal = Terminal::start(&world, &args, 80);
    for (prompt, key) in
        [("Client id:", "client_id"), ("Client secret", "client_secret"), ("Refresh token", "refresh_token")]
    {
        terminal.wait_for(prompt);
        terminal.type_in(&format!("{}\n", own[key].as_str().unwrap()));
    }
    let (status, seen) = terminal.finish();
    assert!(status.success() && seen.contains("Webex accepts it"), "{seen}");
    for key in ["client_secret", "refresh_token"] {
        assert!(!seen.contains(own[key].as_str().unwrap()), "{seen}");
    }
    // To replace it, only the refresh token is needed.
    world.sandbox.app_does("issue");
    let fresh = world.sandbox.app()["refresh_token"].as_str().unwrap().to_owned();
    let mut terminal = Terminal::start(&world, &["issuer", "update", "app"], 80);
    terminal.wait_for("Client secret");
    terminal.type_in("\n");
    terminal.wait_for("Refresh token");
    terminal.type_in(&format!("{fresh}\n"));
    let (status, seen) = terminal.finish();
    assert!(status.success() && !seen.contains(&fresh), "{seen}");
}

#[test]
fn credentials_that_webex_refuses_are_not_stored() {
    let world = empty();
    for (key, words) in [
        ("client_id", "client id"),
        ("client_secret", "client id and secret"),
        ("refresh_token", "refresh token"),
    ] {
        let mut given = credentials(&world);
        given[key] = json!("wrong");
        let refused = world.add_app_with("app", &given.to_string(), &[]).fails(5);
        assert!(refused.stderr.contains(words) && refused.stderr.contains("nothing was stored"), "{refused}");
    }
    world.sandbox.app_settings(&json!({"errors": "webex"}));
    let mut given = credentials(&world);
    given["client_secret"] = json!("wrong");
    let refused = world.add_app_with("app", &given.to_string(), &[]).fails(5);
    assert!(refused.stderr.contains("tracking id"), "{refused}");
    assert_eq!(world.gi(["issuer", "list"]).json().as_array().unwrap().len(), 0);
}

#[test]
fn without_a_check_nothing_need_be_reached() {
    let world = empty();
    let add =
        ["issuer", "add", "app", "--credentials", "-", "--api-base", "http://127.0.0.1:9/v1", "--no-check"];
    world.gi(add).input(&world.sandbox.app_credentials).ok();
    world.gi(["issuer", "remove", "app"]).ok();
    // And an access token that was given serves until it is refused.
    let mut given = credentials(&world);
    given["access_token"] = json!("not-one");
    given["expires_in"] = json!(1_000);
    world.add_app_with("app", &given.to_string(), &["--no-check"]).ok();
    world.gi(["get", "1", "--name", "A"]).ok();
}

#[test]
fn a_name_that_is_taken_costs_no_refresh_token() {
    let world = World::with_app(&[]);
    let before = world.sandbox.count("requests");
    world.add_app_with("app", &world.sandbox.app_credentials, &[]).fails(2);
    assert_eq!(world.sandbox.count("requests"), before);
}

#[test]
fn credentials_of_the_other_kind_do_not_replace_those_of_an_issuer() {
    let world = World::with_app(&[]);
    world.add_issuer("old");
    let update =
        |name, input: &str| world.gi(["issuer", "update", name, "--credentials", "-"]).input(input).fails(2);
    for (name, input) in [("app", &world.sandbox.credentials), ("old", &world.sandbox.app_credentials)] {
        let refused = update(name, input);
        assert!(refused.stderr.contains("another kind"), "{refused}");
    }
}

#[test]
fn of_two_who_add_under_one_name_at_once_only_one_asks_webex() {
    let world = empty();
    world.sandbox.app_settings(&json!({"rotation": "rotate-strict"}));
    world.sandbox.fault(&json!({"path": "/v1/access_token", "delay_ms": 500, "times": 1}));
    let adds: Vec<_> =
        (0..4).map(|_| world.add_app_with("app", &world.sandbox.app_credentials, &[]).spawn()).collect();
    let mut codes: Vec<_> = adds.into_iter().map(|add| guestissuer_tests::gi::finish(add).code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 2, 2, 2]);
    assert_eq!(world.sandbox.count("app_refreshes"), 1);
    world.sandbox.app_does("revoke");
    world.gi(["get", "1", "--name", "A"]).ok();
}

#[test]
fn one_service_app_is_not_stored_twice() {
    let world = World::with_app(&[]);
    let refreshes = world.sandbox.count("app_refreshes");
    for args in [&[][..], &["--no-check"]] {
        let refused = world.add_app_with("again", &world.sandbox.app_credentials, args).fails(2);
        assert!(refused.stderr.contains("stored already, as issuer app"), "{refused}");
        assert!(refused.stderr.contains("gi issuer update app"), "{refused}");
    }
    let other = json!({"client_id": "other", "client_secret": "s", "refresh_token": "r"}).to_string();
    world.add_app_with("again", &other, &["--no-check"]).ok();
    let update = world.gi(["issuer", "update", "again", "--credentials", "-", "--no-check"]);
    update.input(&world.sandbox.app_credentials).fails(2);
    assert_eq!(world.sandbox.count("app_refreshes"), refreshes, "its refresh token is as it was");
}
