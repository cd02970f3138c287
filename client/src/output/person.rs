//! Persons, as Webex tells of them.

use guestissuer_client::proto::direct::Person;
use serde_json::{Value, json};

use super::facts;

pub(crate) fn text(person: &Person) -> String {
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "not told".to_owned());
    facts(&[
        ("person id", person.id.clone()),
        ("e-mail", if person.emails.is_empty() { "not told".to_owned() } else { person.emails.join(", ") }),
        ("name", known(&person.display_name)),
        ("type", known(&person.kind)),
        ("organization", known(&person.org_id)),
        ("created", known(&person.created)),
    ])
}

pub(crate) fn json(person: &Person) -> Value {
    json!({
        "person_id": person.id,
        "email": person.emails.first(),
        "emails": person.emails,
        "display_name": person.display_name,
        "type": person.kind,
        "org_id": person.org_id,
        "created": person.created,
        "avatar": person.avatar,
    })
}
