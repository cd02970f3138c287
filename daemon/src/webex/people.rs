//! `GET /people/me`: whose access token it is.

use std::time::Duration;

use guestissuer_proto::Secret;
use guestissuer_proto::direct::Person;
use reqwest::Method;
use serde::Deserialize;

use super::Webex;
use super::base::ApiBase;
use super::client::unusable;
use super::error::{Malformed, MintError, Unusable, clean, plain_id};

/// The shape of the answer, as far as it is needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    id: Option<String>,
    #[serde(default)]
    emails: Vec<String>,
    display_name: Option<String>,
    org_id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    created: Option<String>,
    avatar: Option<String>,
}

impl Webex {
    /// Asks whose token this is. [`MintError::Rejected`] means that Webex does not accept the token.
    pub async fn person(
        &self,
        base: &ApiBase,
        token: &Secret,
        timeout: Duration,
    ) -> Result<Person, MintError> {
        let request = self.request(Method::GET, base, "/people/me", token)?;
        let answer = self.send(request, timeout).await?;
        if !answer.status.is_success() {
            return Err(answer.into_error());
        }
        read_person(&answer.body).map_err(|malformed| unusable(Unusable::Malformed(malformed)))
    }
}

fn read_person(body: &[u8]) -> Result<Person, Malformed> {
    let answered: Answered = serde_json::from_slice(body).map_err(|_| Malformed::NotJson)?;
    let plain = |text: Option<String>| text.as_deref().and_then(clean);
    let id = answered.id.filter(|id| plain_id(id)).ok_or(Malformed::NoPerson)?;
    Ok(Person {
        id,
        emails: answered.emails.into_iter().filter(|email| is_address(email)).collect(),
        display_name: plain(answered.display_name),
        org_id: answered.org_id.filter(|id| plain_id(id)),
        kind: plain(answered.kind),
        created: plain(answered.created),
        avatar: answered.avatar.filter(|address| plain_id(address)),
    })
}

/// The longest id or address that is believed. Real ones have a hundred or two characters.
const LONGEST_ID: usize = 1024;

/// Whether it is one word, which may be long: a guest's address is made from its subject.
fn is_address(text: &str) -> bool {
    let is_letter = |letter: char| !letter.is_control() && !letter.is_whitespace();
    !text.is_empty() && text.len() <= LONGEST_ID && text.chars().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_read_with_what_there_is() {
        let person = read_person(br#"{"id":"Y2lz","emails":["1@x"],"displayName":"Ann","more":{}}"#).unwrap();
        assert_eq!((person.id.as_str(), person.emails.as_slice()), ("Y2lz", ["1@x".to_owned()].as_slice()));
        assert_eq!((person.display_name.as_deref(), person.org_id), (Some("Ann"), None));
        let long = format!(r#"{{"id":"Y2lz","emails":["{}@x","a b@x"]}}"#, "é".repeat(100));
        assert_eq!(read_person(long.as_bytes()).unwrap().emails, [format!("{}@x", "é".repeat(100))]);
        assert_eq!(read_person(b"{}").err(), Some(Malformed::NoPerson));
        assert_eq!(read_person(br#"{"id":"a b"}"#).err(), Some(Malformed::NoPerson));
        assert_eq!(read_person(b"<html>").err(), Some(Malformed::NotJson));
    }
}
