//! Every message against the golden vectors on disk, and against a second decoder.
//!
//! A changed vector is a broken protocol: add a variant at the end, or a new version.

mod migration;
mod samples;

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};

use crate::codec;
use crate::failure::{Failure, FailureCode};
use crate::request::{
    AddGuest, Call, Credentials, GetToken, GuestRef, IssuerChange, IssuerRemoval, IssuerSpec, ListGuests,
    PageKey, RenameGuest, Request, SetPinned,
};
use crate::response::{
    Counters, GuestCounts, GuestDetail, GuestPage, GuestSummary, IssuerDetail, IssuerKind, IssuerTested,
    MintFailure, MintRecord, Reply, Response, Status, Token, TokenState,
};
use crate::secret::Secret;
use crate::time::UnixTime;

const VECTORS: &str = include_str!("../../golden/v1.txt");

fn guest() -> GuestRef {
    GuestRef { subject: "123".parse().unwrap(), issuer: Some("acme".parse().unwrap()) }
}

fn calls() -> Vec<(&'static str, Call)> {
    let any = GuestRef { subject: "Zoë 7".parse().unwrap(), issuer: None };
    let get = |name: Option<&str>, min_validity_ms, force| {
        let name = name.map(|name| name.parse().unwrap());
        Request::Get(GetToken { guest: guest(), name, min_validity_ms, force })
    };
    let credentials =
        Credentials::GuestIssuer { id: Some("Y2lz".to_owned()), secret: Secret::new("c2VjcmV0".to_owned()) };
    let requests = [
        ("get", Request::Get(GetToken { guest: any, name: None, min_validity_ms: None, force: false })),
        ("get_all", get(Some("Stève"), Some(300_000), true)),
        ("list", Request::List(ListGuests { limit: 500, ..ListGuests::default() })),
        (
            "list_all",
            Request::List(ListGuests {
                pattern: Some("1*".to_owned()),
                issuer: Some("acme".parse().unwrap()),
                expiring_within_ms: Some(3_600_000),
                failing: true,
                after: Some(PageKey { issuer: "acme".parse().unwrap(), subject: "122".parse().unwrap() }),
                limit: 1,
            }),
        ),
        ("show", Request::Show(guest())),
        ("add", Request::Add(AddGuest { guest: guest(), name: "Ann".parse().unwrap(), pinned: true })),
        ("rename", Request::Rename(RenameGuest { guest: guest(), name: "Bob".parse().unwrap() })),
        ("set_pinned", Request::SetPinned(SetPinned { guest: guest(), pinned: false })),
        ("remove", Request::Remove(guest())),
        (
            "issuer_add",
            Request::IssuerAdd(IssuerSpec {
                name: "acme".parse().unwrap(),
                credentials: credentials.clone(),
                api_base: Some("http://127.0.0.1:1/v1".to_owned()),
            }),
        ),
        (
            "issuer_update",
            Request::IssuerUpdate(IssuerChange {
                name: "acme".parse().unwrap(),
                credentials: Some(credentials),
                api_base: None,
            }),
        ),
        ("issuer_list", Request::IssuerList),
        ("issuer_show", Request::IssuerShow(None)),
        (
            "issuer_remove",
            Request::IssuerRemove(IssuerRemoval { name: "acme".parse().unwrap(), with_guests: true }),
        ),
        ("issuer_default", Request::IssuerDefault("acme".parse().unwrap())),
        ("issuer_test", Request::IssuerTest(Some("acme".parse().unwrap()))),
        ("status", Request::Status),
        ("stop", Request::Stop),
    ];
    requests
        .into_iter()
        .chain(samples::requests())
        .chain(migration::requests())
        .map(|(name, request)| (name, Call { deadline_ms: 30_000, request }))
        .collect()
}

fn mint_failure() -> MintFailure {
    MintFailure {
        at: UnixTime(1_795_000_000_123),
        failure: Failure::new(FailureCode::RateLimited, "Webex asks to wait")
            .with_hint("wait")
            .with_retry_after(std::time::Duration::from_secs(30)),
        tracking_id: Some("ROUTER_5".to_owned()),
    }
}

fn summary(token_state: TokenState) -> GuestSummary {
    GuestSummary {
        subject: "123".parse().unwrap(),
        display_name: "Ann".parse().unwrap(),
        issuer: "acme".parse().unwrap(),
        token_state,
        expires_at: Some(UnixTime(1_795_000_000_000)),
        refresh_at: None,
        last_used_at: Some(UnixTime(-1)),
        last_error: Some(mint_failure()),
        pinned: true,
        person_id: None,
        email: Some("123@example.com".to_owned()),
    }
}

fn issuer() -> IssuerDetail {
    IssuerDetail {
        name: "acme".parse().unwrap(),
        kind: IssuerKind::GuestIssuer,
        id: "Y2lz".to_owned(),
        api_base: "https://webexapis.com/v1".to_owned(),
        is_default: true,
        guests: 70_000,
        created_at: UnixTime(1),
        last_success_at: None,
        last_error: Some(mint_failure()),
        paused_until: Some(UnixTime(2)),
    }
}

fn replies() -> Vec<(&'static str, Reply)> {
    let states = [TokenState::Fresh, TokenState::Due, TokenState::Expired, TokenState::None];
    let mut responses = vec![
        ("done", Response::Done),
        (
            "token",
            Response::Token(Token {
                subject: "123".parse().unwrap(),
                issuer: "acme".parse().unwrap(),
                display_name: "Stève".parse().unwrap(),
                access_token: Secret::new("eyJ".repeat(700)),
                issued_at: UnixTime(1_795_000_000_000),
                expires_at: UnixTime(1_795_021_599_000),
                cached: true,
            }),
        ),
        (
            "guests",
            Response::Guests(GuestPage {
                guests: states.into_iter().map(summary).collect(),
                next: Some(PageKey { issuer: "acme".parse().unwrap(), subject: "123".parse().unwrap() }),
            }),
        ),
        (
            "guest",
            Response::Guest(Box::new(GuestDetail {
                summary: summary(TokenState::Due),
                created_at: UnixTime(0),
                issued_at: Some(UnixTime(9)),
                history: vec![MintRecord {
                    at: UnixTime(9),
                    expires_at: Some(UnixTime(99)),
                    failure: None,
                    tracking_id: None,
                }],
            })),
        ),
        ("issuers", Response::Issuers(vec![issuer()])),
        ("issuer", Response::Issuer(issuer())),
        (
            "issuer_tested",
            Response::IssuerTested(IssuerTested {
                name: "acme".parse().unwrap(),
                token_life_ms: 21_599_000,
                clock_skew_ms: Some(-5),
            }),
        ),
        (
            "status",
            Response::Status(Box::new(Status {
                version: "0.1.0".to_owned(),
                protocol: 1,
                pid: 4_000_000,
                uptime_ms: 1 << 40,
                socket: "/run/user/7/s".to_owned(),
                state_dir: "/home/a".to_owned(),
                protection: "key file".to_owned(),
                issuers: vec![],
                guests: GuestCounts { total: 10, fresh: 1, due: 2, expired: 3, none: 4, failing: 5 },
                counters: Counters {
                    gets: 1,
                    hits: 251,
                    mints: 65_536,
                    mint_failures: 1 << 33,
                    coalesced: 5,
                },
                last_success_at: Some(UnixTime(3)),
                last_failure: None,
                next_refresh_at: None,
                clock_skew_ms: None,
            })),
        ),
    ];
    let names = [
        "internal",
        "usage",
        "unknown_guest",
        "unknown_issuer",
        "no_daemon",
        "issuer_rejected",
        "unavailable",
        "rate_limited",
        "deadline",
        "denied",
        "locked",
        "version",
    ];
    for (code, name) in FailureCode::ALL.into_iter().zip(names) {
        responses.push((name, Response::Failed(Failure::new(code, "no"))));
    }
    responses.extend(samples::responses());
    responses.extend(migration::responses());
    let now = UnixTime(1_795_000_000_000);
    let reply = |(name, response)| (name, Reply { now, notices: vec!["mind the gap".to_owned()], response });
    responses.into_iter().map(reply).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn vectors(kind: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut found = Vec::new();
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        if words.next() == Some(kind) {
            found.push((words.next().unwrap(), unhex(words.next().unwrap())));
        }
    }
    found
}

fn holds<T: Serialize + DeserializeOwned + PartialEq + Debug>(kind: &str, messages: &[(&str, T)]) {
    let vectors = vectors(kind);
    assert_eq!(vectors.len(), messages.len(), "{kind}: one vector for each message");
    for ((name, message), (vector_name, vector)) in messages.iter().zip(&vectors) {
        assert_eq!(name, vector_name);
        assert_eq!(
            hex(&codec::encode(message).unwrap()),
            hex(vector),
            "{kind} {name} is written as it always was"
        );
        assert_eq!(&codec::decode::<T>(vector).unwrap(), message, "{kind} {name} is read as it always was");
        for end in 0..vector.len() {
            assert!(codec::decode::<T>(&vector[..end]).is_err(), "{kind} {name} cut at {end}");
        }
        let longer = [vector.as_slice(), &[0]].concat();
        assert!(matches!(codec::decode::<T>(&longer), Err(codec::CodecError::Trailing { extra: 1 })));
    }
}

#[test]
fn calls_hold_to_their_golden_vectors() {
    holds("call", &calls());
}

#[test]
fn replies_hold_to_their_golden_vectors() {
    holds("reply", &replies());
}

#[test]
fn the_maintained_wincode_reads_and_writes_the_same_bytes() {
    let config = wincode::config::Configuration::default().with_varint_encoding();
    for ((name, call), (_, vector)) in calls().iter().zip(vectors("call")) {
        let read: Call = wincode::config::deserialize_exact(&vector, config).unwrap();
        assert_eq!(&read, call, "{name}");
        assert_eq!(wincode::config::serialize(call, config).unwrap(), vector, "{name}");
    }
    for ((name, reply), (_, vector)) in replies().iter().zip(vectors("reply")) {
        let read: Reply = wincode::config::deserialize_exact(&vector, config).unwrap();
        assert_eq!(&read, reply, "{name}");
        assert_eq!(wincode::config::serialize(reply, config).unwrap(), vector, "{name}");
    }
}

#[test]
fn a_name_that_breaks_its_invariant_is_not_read() {
    let call = Call { deadline_ms: 1, request: Request::Show(guest()) };
    let mut bytes = codec::encode(&call).unwrap().to_vec();
    let at = bytes.windows(3).position(|window| window == b"123").unwrap();
    bytes[at] = b'\n';
    assert!(matches!(codec::decode::<Call>(&bytes), Err(codec::CodecError::Malformed(_))));
}

#[test]
fn a_length_of_gigabytes_is_refused_without_allocating_them() {
    // Variant 0 (get), then a subject whose length claims 2^63 bytes.
    let bytes = [0x01, 0x00, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0x80];
    assert!(codec::decode::<Call>(&bytes).is_err());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let _ = codec::decode::<Call>(&bytes);
        let _ = codec::decode::<Reply>(&bytes);
    }

    #[test]
    fn a_flipped_byte_of_a_vector_never_panics(at in 0_usize..4096, with in proptest::num::u8::ANY) {
        for (_, mut vector) in vectors("call").into_iter().chain(vectors("reply")) {
            let at = at % vector.len();
            vector[at] ^= with;
            let _ = codec::decode::<Call>(&vector);
            let _ = codec::decode::<Reply>(&vector);
        }
    }
}

/// Writes the vectors of messages that are new: `cargo test -p guestissuer-proto -- --ignored --nocapture`.
#[test]
#[ignore = "prints vectors for a new message; the others must not change"]
fn print_golden_vectors() {
    for (name, call) in calls() {
        println!("call {name} {}", hex(&codec::encode(&call).unwrap()));
    }
    for (name, reply) in replies() {
        println!("reply {name} {}", hex(&codec::encode(&reply).unwrap()));
    }
}
