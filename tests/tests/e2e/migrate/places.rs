//! Where else it is seen that guests were moved.

use serde_json::{Value, json};

use super::{migrate, world_of};

#[test]
fn an_issuer_says_to_where_its_guests_were_moved() {
    let world = world_of(3);
    let acme = |world: &guestissuer_tests::World| world.gi(["issuer", "show", "acme"]).json();
    assert_eq!(acme(&world)["moved_to"], Value::Null);
    migrate(&world, &["--only", "g00"]).ok();
    let moved = acme(&world)["moved_to"].clone();
    assert_eq!(
        moved,
        json!([{
            "to": "app", "moved": 1, "left": 2, "last_at": moved[0]["last_at"], "is_complete": false,
        }])
    );
    assert!(moved[0]["last_at"].as_str().unwrap().ends_with('Z'), "{moved}");
    let text = world.gi(["issuer", "show", "acme"]).ok();
    let line = text.lines().find(|line| line.starts_with("moved ")).unwrap_or_else(|| panic!("{text}"));
    assert!(line.contains(" 1 guest to app, ") && line.ends_with("; 2 are left"), "{text}");
    assert!(!world.gi(["issuer", "list"]).ok().contains("moved to"));
    migrate(&world, &[]).ok();
    let text = world.gi(["issuer", "show", "acme"]).ok();
    assert!(text.contains("all 3 guests to app, ") && text.contains("moved to app"), "{text}");
    let list = world.gi(["issuer", "list"]).json();
    assert_eq!(list[0]["moved_to"][0]["is_complete"], true, "{list}");
    assert_eq!(list[1]["moved_to"], Value::Null, "{list}");
    assert!(world.gi(["issuer", "list"]).ok().contains("moved to app"));
    let status = world.gi(["status"]).json();
    assert_eq!(status["issuers"][0]["moved_to"], list[0]["moved_to"]);
    let text = world.gi(["status"]).ok();
    assert!(text.contains("acme (guest-issuer, moved to app)"), "{text}");
}

#[test]
fn a_guest_says_from_where_it_was_moved() {
    let world = world_of(2);
    assert_eq!(world.gi(["show", "g00"]).json()["moved_from"], Value::Null);
    assert!(!world.gi(["show", "g00"]).ok().contains("moved from"));
    let before = world.gi(["whoami", "g00"]).json();
    migrate(&world, &["--only", "g00"]).ok();
    world.sandbox.app_settings(&json!({"people": "shared"}));
    migrate(&world, &[]).ok();
    let shown = world.gi(["show", "g00"]).json();
    let moved = &shown["moved_from"];
    assert_eq!(
        *moved,
        json!({
            "from": "acme",
            "at": moved["at"],
            "person_id_before": before["person_id"],
            "email_before": before["email"],
        })
    );
    let text = world.gi(["show", "g00"]).ok();
    let value = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{text}"));
        line[name.len()..].trim().to_owned()
    };
    assert!(value(&text, "moved from").starts_with("acme, "), "{text}");
    assert_eq!(value(&text, "person id before"), before["person_id"].as_str().unwrap());
    assert_eq!(value(&world.gi(["show", "g01"]).ok(), "person id before"), "the same");
}
