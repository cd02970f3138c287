//! A person as Webex knows it.

use guestissuer_client::proto::direct::Person;
use serde_json::{Map, Value, json};

use super::facts;

/// For people.
pub(crate) fn text(person: &Person) -> String {
    let mut lines = vec![("person id", person.id.clone())];
    // A guest has one address; where there are more, each has a line.
    let names = std::iter::once("e-mail").chain(std::iter::repeat(""));
    lines.extend(names.zip(person.emails.iter().cloned()));
    let more = [
        ("name", &person.display_name),
        ("organisation", &person.org_id),
        ("type", &person.kind),
        ("created", &person.created),
        ("avatar", &person.avatar),
    ];
    lines.extend(more.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    facts(&lines)
}

/// For programs.
pub(crate) fn json(person: &Person) -> Value {
    json!({
        "person_id": person.id,
        "email": person.emails.first(),
        "emails": person.emails,
        "display_name": person.display_name,
        "org_id": person.org_id,
        "type": person.kind,
        "created": person.created,
        "avatar": person.avatar,
    })
}

/// With the names that Webex gives to things; what it left out is left out.
pub(crate) fn as_webex(person: &Person) -> Value {
    let mut value = Map::new();
    value.insert("id".to_owned(), person.id.clone().into());
    value.insert("emails".to_owned(), person.emails.clone().into());
    let more = [
        ("displayName", &person.display_name),
        ("avatar", &person.avatar),
        ("orgId", &person.org_id),
        ("created", &person.created),
        ("type", &person.kind),
    ];
    let present = more.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?.into())));
    value.extend(present);
    Value::Object(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_webex_left_out_is_left_out() {
        let person = Person { id: "Y2lz".to_owned(), emails: vec!["1@x".to_owned()], ..Person::default() };
        assert_eq!(text(&person), "person id  Y2lz\ne-mail     1@x\n");
        assert_eq!(as_webex(&person), json!({"id": "Y2lz", "emails": ["1@x"]}));
        assert_eq!(json(&person)["display_name"], Value::Null);
        assert_eq!(json(&person)["email"], "1@x");
    }
}
