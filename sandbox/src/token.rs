//! Access tokens: how they are made and read back.
//!
//! A token looks like Webex's and carries what the sandbox must know of it, under a seal: so a sandbox that
//! was restarted with the same secret still knows the tokens of its former life, and keeps no list of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::clock::UnixMillis;
use crate::jwt::Guest;
use crate::refusal::Refusal;
use crate::webex::ORGANIZATION;

/// Random bytes in a token's claims, so that the whole is as long as Webex's: more than 2,000 characters.
const FILLER_BYTES: usize = 900;

/// Random bytes at the start of the signature, which with the seal is as long as one of RS256: 256 bytes.
const SIGNATURE_FILLER_BYTES: usize = 224;

/// Makes and reads tokens and derives what must be the same for a guest in every run.
pub(crate) struct Sealer {
    key: hmac::Key,
}

/// When a token was made, as a place in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Stamp {
    /// The run of the sandbox: another random number for each start.
    pub(crate) run: u64,
    /// Counts the tokens of that run from 1, of whatever kind.
    pub(crate) serial: u64,
}

/// What an access token says of itself, once its seal was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) bearer: Bearer,
    pub(crate) stamp: Stamp,
    pub(crate) expires_at: UnixMillis,
}

/// Whom an access token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bearer {
    /// A guest, by whichever issuer made the token.
    Guest(Guest, Pool),
    /// The Service App itself.
    App,
}

/// Whose guests a subject is among: the same subject may be another person for either kind of issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pool {
    GuestIssuer,
    ServiceApp,
}

/// The claims that are read back; all others are there for the looks.
#[derive(Deserialize)]
struct Claims {
    private: String,
    expiry_time: UnixMillis,
}

#[derive(Serialize, Deserialize)]
struct Private {
    /// Absent in the Service App's own token.
    guest: Option<PrivateGuest>,
    stamp: Stamp,
}

#[derive(Serialize, Deserialize)]
struct PrivateGuest {
    sub: String,
    name: String,
    pool: Pool,
}

impl Bearer {
    /// The guest, if it is one.
    pub(crate) fn guest(self) -> Option<Guest> {
        match self {
            Self::Guest(guest, _) => Some(guest),
            Self::App => None,
        }
    }

    const fn user_type(&self) -> &'static str {
        match self {
            Self::Guest(..) => "appuser",
            Self::App => "machine",
        }
    }

    const fn scope(&self) -> &'static str {
        match self {
            Self::Guest(..) => "webexsquare:get_conversation spark:people_read spark:rooms_read spark:kms",
            Self::App => "guest-issuer:read guest-issuer:write spark:kms",
        }
    }
}

impl Sealer {
    /// A sealer whose seals depend on the issuer's secret alone.
    pub(crate) fn new(secret: &[u8]) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let seal = hmac::sign(&secret, b"guestissuer-sandbox access token");
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, seal.as_ref()) }
    }

    /// A new token for the holder. Every call gives another one.
    pub(crate) fn mint(&self, holder: &Holder) -> Result<String, Refusal> {
        let mut filler = [0; FILLER_BYTES];
        getrandom::fill(&mut filler).map_err(|_| Refusal::NoRandomness)?;
        let private = Private { guest: private_guest(&holder.bearer), stamp: holder.stamp };
        let claims = json!({
            "cluster": "SBX1",
            "private": URL_SAFE_NO_PAD.encode(json!(private).to_string()),
            "attributes": URL_SAFE_NO_PAD.encode(filler),
            "reference_id": Uuid::new_v4().to_string(),
            "iss": "https://idbroker.webex.com/idb",
            "user_type": holder.bearer.user_type(),
            "client_id": "C5a4db0c55a4db0c55a4db0c55a4db0c55a4db0c55a4db0c55a4db0c55a4db0c5",
            "realm": ORGANIZATION,
            "scope": holder.bearer.scope(),
            "token_type": "Bearer",
            "user_modify_timestamp": timestamp(first_seen(self.person_of(&holder.bearer)), "%Y%m%d%H%M%S.%3fZ"),
            "expiry_time": holder.expires_at,
        });
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = vec![0; SIGNATURE_FILLER_BYTES];
        getrandom::fill(&mut signature).map_err(|_| Refusal::NoRandomness)?;
        let seal = self.seal(&signed, &signature);
        signature.extend_from_slice(seal.as_ref());
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// What the token says, if it bears this sealer's seal. Expiry and revocation are the caller's to judge.
    pub(crate) fn read(&self, token: &str) -> Result<Holder, Refusal> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::UnknownToken)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refusal::UnknownToken)?;
        let (filler, seal) =
            signature.split_at_checked(SIGNATURE_FILLER_BYTES).ok_or(Refusal::UnknownToken)?;
        let sealed = [signed.as_bytes(), filler].concat();
        hmac::verify(&self.key, &sealed, seal).map_err(|_| Refusal::UnknownToken)?;
        claimed(signed).ok_or(Refusal::UnknownToken)
    }

    /// The person a bearer is, the same in every run.
    pub(crate) fn person_of(&self, bearer: &Bearer) -> Uuid {
        match bearer {
            Bearer::Guest(guest, pool) => self.person(*pool, &guest.subject),
            Bearer::App => self.uuid("service app"),
        }
    }

    /// The person a subject is in a pool of guests, the same in every run.
    pub(crate) fn person(&self, pool: Pool, subject: &str) -> Uuid {
        match pool {
            Pool::GuestIssuer => self.uuid(&format!("person {subject}")),
            Pool::ServiceApp => self.uuid(&format!("guest {subject}")),
        }
    }

    /// A tag that only this sealer can make for what these bytes say.
    pub(crate) fn tag(&self, said: &[u8]) -> hmac::Tag {
        hmac::sign(&self.key, said)
    }

    /// Whether the tag is the one this sealer makes for what these bytes say.
    pub(crate) fn bears(&self, said: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.key, said, tag).is_ok()
    }

    fn uuid(&self, name: &str) -> Uuid {
        let mut bytes = [0; 16];
        for (byte, derived) in bytes.iter_mut().zip(self.tag(name.as_bytes()).as_ref()) {
            *byte = *derived;
        }
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn seal(&self, signed: &str, filler: &[u8]) -> hmac::Tag {
        hmac::sign(&self.key, &[signed.as_bytes(), filler].concat())
    }
}

/// When a person is said to have been created: some time in 2025, the same in every run.
pub(crate) fn first_seen(person: Uuid) -> UnixMillis {
    const START_OF_2025_MS: i64 = 1_735_689_600_000;
    const YEAR_MS: u64 = 365 * 86_400_000;
    let (derived, _) = person.as_u64_pair();
    UnixMillis::new(START_OF_2025_MS + i64::try_from(derived % YEAR_MS).unwrap_or(0))
}

/// Writes a time as `format` says (see `strftime`), in UTC.
pub(crate) fn timestamp(time: UnixMillis, format: &str) -> String {
    jiff::Timestamp::from_millisecond(time.as_millis())
        .map(|time| time.strftime(format).to_string())
        .unwrap_or_default()
}

fn private_guest(bearer: &Bearer) -> Option<PrivateGuest> {
    match bearer {
        Bearer::Guest(guest, pool) => {
            Some(PrivateGuest { sub: guest.subject.clone(), name: guest.name.clone(), pool: *pool })
        }
        Bearer::App => None,
    }
}

fn claimed(signed: &str) -> Option<Holder> {
    let (_, claims) = signed.split_once('.')?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let private: Private = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims.private).ok()?).ok()?;
    let bearer = private.guest.map_or(Bearer::App, |guest| {
        Bearer::Guest(Guest { subject: guest.sub, name: guest.name }, guest.pool)
    });
    Some(Holder { bearer, stamp: private.stamp, expires_at: claims.expiry_time })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn holder() -> Holder {
        Holder {
            bearer: Bearer::Guest(
                Guest { subject: "123".to_owned(), name: "Stève".to_owned() },
                Pool::GuestIssuer,
            ),
            stamp: Stamp { run: 1, serial: 7 },
            expires_at: UnixMillis::new(1_800_000_000_123),
        }
    }

    #[test]
    fn a_token_has_the_looks_of_webexs() {
        let token = Sealer::new(b"secret").mint(&holder()).unwrap();
        assert!(token.len() > 2_000, "{}", token.len());
        let parts: Vec<_> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[0], br#"{"alg":"RS256"}"#);
        assert_eq!(parts[2].len(), 256);
        let claims: Value = serde_json::from_slice(&parts[1]).unwrap();
        assert_eq!(claims["expiry_time"], 1_800_000_000_123_i64);
        assert_eq!(claims["realm"], ORGANIZATION);
        assert!(claims["user_modify_timestamp"].as_str().unwrap().starts_with("2025"));
        assert_eq!((claims.get("exp"), claims.get("iat")), (None, None));
    }

    #[test]
    fn another_sealer_with_the_same_secret_reads_the_token() {
        let token = Sealer::new(b"secret").mint(&holder()).unwrap();
        assert_eq!(Sealer::new(b"secret").read(&token), Ok(holder()));
        assert_eq!(Sealer::new(b"other").read(&token), Err(Refusal::UnknownToken));
    }

    #[test]
    fn no_two_mints_give_the_same_token() {
        let sealer = Sealer::new(b"secret");
        assert_ne!(sealer.mint(&holder()).unwrap(), sealer.mint(&holder()).unwrap());
    }

    #[test]
    fn a_changed_or_cut_token_is_unknown() {
        let sealer = Sealer::new(b"secret");
        let token = sealer.mint(&holder()).unwrap();
        for at in [0, 30, token.len() / 2, token.len() - 100] {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(sealer.read(&changed), Err(Refusal::UnknownToken), "{at}");
        }
        assert_eq!(sealer.read(&token[..token.len() - 4]), Err(Refusal::UnknownToken));
        assert_eq!(sealer.read(""), Err(Refusal::UnknownToken));
    }

    #[test]
    fn the_service_app_s_own_token_is_told_from_a_guest_s() {
        let sealer = Sealer::new(b"secret");
        let own = Holder { bearer: Bearer::App, ..holder() };
        let token = sealer.mint(&own).unwrap();
        assert!(token.len() > 2_000, "{}", token.len());
        assert_eq!(sealer.read(&token), Ok(own));
    }

    #[test]
    fn a_person_depends_on_the_subject_and_the_pool_alone() {
        let sealer = Sealer::new(b"secret");
        let person = sealer.person(Pool::GuestIssuer, "1");
        assert_eq!(person, Sealer::new(b"secret").person(Pool::GuestIssuer, "1"));
        assert_ne!(person, sealer.person(Pool::GuestIssuer, "2"));
        assert_ne!(person, sealer.person(Pool::ServiceApp, "1"));
        assert_eq!(person.get_version_num(), 4);
    }
}
