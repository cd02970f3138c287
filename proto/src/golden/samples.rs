//! The messages that came after the first ones, in the order of their vectors.

use super::{guest, issuer, mint_failure, summary};
use crate::app::{AppDetail, ShowApp};
use crate::direct::{
    Assertion, ExchangeAssertion, Exchanged, Person, Place, QuickToken, SignAssertion, Signer,
    VerifyAssertion, VerifyToken,
};
use crate::failure::{Failure, FailureCode};
use crate::request::{
    Credentials, GetToken, InvalidateToken, IssuerChange, IssuerSpec, ListGuests, PageKey, Request,
};
use crate::response::{
    Check, Diagnosis, GuestDetail, GuestDetailPage, Invalidated, IssuerDetail, IssuerKind, Response,
    TokenState, Verdict,
};
use crate::secret::Secret;
use crate::time::UnixTime;

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn place() -> Place {
    Place { api_base: Some("http://127.0.0.1:1/v1".to_owned()), issuer: Some("acme".parse().unwrap()) }
}

fn app(guests_at_webex: Option<u64>, count_failure: Option<Failure>) -> AppDetail {
    AppDetail {
        name: "app".parse().unwrap(),
        access_expires_at: Some(UnixTime(1_795_000_000_000)),
        refresh_expires_at: Some(UnixTime(1_801_000_000_000)),
        refreshed_at: UnixTime(1_794_000_000_000),
        refresh_at: UnixTime(1_794_100_000_000),
        guests_at_webex,
        count_failure,
        last_error: None,
    }
}

pub(super) fn requests() -> Vec<(&'static str, Request)> {
    let given = Signer::Given { id: "Y2lz".to_owned(), secret: secret("c2VjcmV0"), or_stored: true };
    let stored = Signer::Stored(Some("acme".parse().unwrap()));
    vec![
        ("list_details", Request::ListDetails(ListGuests { limit: 500, ..ListGuests::default() })),
        (
            "watch",
            Request::Watch(GetToken { guest: guest(), name: None, min_validity_ms: Some(1), force: false }),
        ),
        ("invalidate", Request::Invalidate(InvalidateToken { guest: guest(), token: Some(secret("eyJ")) })),
        ("who_am_i", Request::WhoAmI(guest())),
        (
            "sign",
            Request::Sign(SignAssertion {
                signer: given,
                subject: "123".parse().unwrap(),
                name: "Stève".parse().unwrap(),
                life_ms: 5_400_000,
            }),
        ),
        (
            "exchange",
            Request::Exchange(ExchangeAssertion { jwt: secret("eyJ.e.s"), place: Place::default() }),
        ),
        (
            "quick",
            Request::Quick(QuickToken {
                signer: Signer::Stored(None),
                subject: "123".parse().unwrap(),
                name: "Ann".parse().unwrap(),
                api_base: None,
            }),
        ),
        (
            "verify_assertion",
            Request::VerifyAssertion(VerifyAssertion { signer: stored, jwt: secret("eyJ.e.s") }),
        ),
        ("verify_token", Request::VerifyToken(VerifyToken { access_token: secret("eyJ"), place: place() })),
        ("diagnose", Request::Diagnose),
        (
            "issuer_add_checked",
            Request::IssuerAddChecked(IssuerSpec {
                name: "app".parse().unwrap(),
                credentials: Credentials::ServiceApp {
                    client_id: Some("C1".to_owned()),
                    client_secret: Some(secret("s1")),
                    refresh_token: Some(secret("r1")),
                    access_token: Some(secret("a1")),
                    access_expires_in_ms: Some(1_209_599_000),
                },
                api_base: None,
            }),
        ),
        (
            "issuer_update_checked",
            Request::IssuerUpdateChecked(IssuerChange {
                name: "app".parse().unwrap(),
                credentials: Some(Credentials::ServiceApp {
                    client_id: None,
                    client_secret: None,
                    refresh_token: Some(secret("r2")),
                    access_token: None,
                    access_expires_in_ms: None,
                }),
                api_base: None,
            }),
        ),
        ("app_show", Request::AppShow(ShowApp { issuer: Some("app".parse().unwrap()), count: true })),
        ("app_show_default", Request::AppShow(ShowApp::default())),
    ]
}

pub(super) fn responses() -> Vec<(&'static str, Response)> {
    let check = |verdict: Verdict, remedy: Option<&str>| Check {
        topic: "database".to_owned(),
        verdict,
        finding: "found".to_owned(),
        remedy: remedy.map(str::to_owned),
    };
    vec![
        (
            "guest_details",
            Response::GuestDetails(GuestDetailPage {
                guests: vec![GuestDetail {
                    summary: summary(TokenState::Fresh),
                    created_at: UnixTime(1),
                    issued_at: Some(UnixTime(2)),
                    history: vec![],
                }],
                next: Some(PageKey { issuer: "acme".parse().unwrap(), subject: "123".parse().unwrap() }),
            }),
        ),
        (
            "invalidated",
            Response::Invalidated(Invalidated {
                subject: "123".parse().unwrap(),
                issuer: "acme".parse().unwrap(),
                was_current: true,
            }),
        ),
        (
            "person",
            Response::Person(Box::new(Person {
                id: "Y2lz".to_owned(),
                emails: vec!["123@example.com".to_owned()],
                display_name: Some("Ann".to_owned()),
                org_id: None,
                kind: Some("appuser".to_owned()),
                created: Some("2026-11-22T00:00:00.000Z".to_owned()),
                avatar: None,
            })),
        ),
        (
            "assertion",
            Response::Assertion(Assertion {
                jwt: secret("eyJ.e.s"),
                expires_at: UnixTime(1_795_000_000_000),
            }),
        ),
        ("exchanged", Response::Exchanged(Exchanged { access_token: secret("eyJ"), life_ms: 21_599_000 })),
        ("signature_checked", Response::SignatureChecked(true)),
        (
            "diagnosis",
            Response::Diagnosis(Diagnosis {
                checks: vec![
                    check(Verdict::Ok, None),
                    check(Verdict::Warning, Some("look")),
                    check(Verdict::Wrong, Some("act")),
                ],
            }),
        ),
        (
            "service_app",
            Response::Issuer(IssuerDetail {
                kind: IssuerKind::ServiceApp,
                last_error: None,
                paused_until: None,
                ..issuer()
            }),
        ),
        ("app", Response::App(Box::new(app(Some(12), None)))),
        (
            "app_failing",
            Response::App(Box::new(AppDetail {
                access_expires_at: None,
                refresh_expires_at: None,
                last_error: Some(mint_failure()),
                ..app(None, Some(Failure::new(FailureCode::IssuerRejected, "no")))
            })),
        ),
    ]
}
