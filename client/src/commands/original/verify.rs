//! `gi verify`: what is in a JWT and whether it holds, or whose access token it is.

use guestissuer_client::proto::direct::{Person, Place, VerifyAssertion, VerifyToken};
use guestissuer_client::proto::{Failure, FailureCode, Secret, UnixTime};
use guestissuer_client::{Answered, IssuerList};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::jwt::Jwt;
use super::signer::{AtHand, Chosen, Source};
use crate::cli::{Format, Verify};
use crate::environment::Environment;
use crate::output::{Output, Program, json, person, print, time};
use crate::session::Session;

/// The one algorithm that guest JWTs are signed with.
const GUEST_ALGORITHM: &str = "HS256";

/// What the original says of anything else.
const NOT_A_JWT: &str = "the specified token does not comply with JWT format";

/// Stands for the issuer id where only the secret matters.
const ANYBODY: &str = "anybody";

pub(in crate::commands) fn verify(
    verify: Verify,
    session: &mut Session<'_>,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    if verify.token == "-" && verify.signed.secret.as_deref() == Some("-") {
        return Err(Failure::new(FailureCode::Usage, "standard input cannot be the token and the secret")
            .with_hint("put the secret into SECRET"));
    }
    if verify.access {
        return access(verify, session, output);
    }
    let token = super::token(&verify.token)?.ok_or_else(not_a_jwt)?;
    let jwt = Jwt::parse(&token).ok_or_else(not_a_jwt)?;
    let at_hand = AtHand::find(verify.signed, environment, output)?;
    let mut parts = jwt.to_json();
    let signature = check(&jwt, token, at_hand, session, output)?;
    let expires_at = jwt.expires_at();
    let now = time::wall_clock();
    let has_expired = expires_at.map(|at| at <= now);
    // The original prints the three parts and nothing else; what more is to be said goes to stderr.
    if output.program == Program::Gi {
        add_verdict(&mut parts, expires_at, has_expired, signature);
    }
    if let (Some(true), Some(at)) = (has_expired, expires_at) {
        output.warning(&format!("the token has expired: {}", time::relative(at, now)));
    }
    if signature == Some(false) {
        output.warning("the signature does not hold: another secret made it, or the token was changed");
    }
    print_object(&Value::Object(parts), output)
}

fn add_verdict(
    parts: &mut Map<String, Value>,
    expires_at: Option<UnixTime>,
    has_expired: Option<bool>,
    signature: Option<bool>,
) {
    if let Some(at) = expires_at.and_then(time::checked_rfc3339) {
        parts.insert("expires_at".to_owned(), at.into());
    }
    if let Some(has_expired) = has_expired {
        parts.insert("expired".to_owned(), has_expired.into());
    }
    if let Some(holds) = signature {
        parts.insert("signature_valid".to_owned(), holds.into());
    }
}

/// Whether the signature holds, if there is a secret to say so.
///
/// What is asked for with an option must be done or fail. What merely happens to be in the environment, or in a daemon
/// that happens to run, must not keep a token from being taken apart.
fn check(
    jwt: &Jwt,
    token: Secret,
    at_hand: AtHand,
    session: &mut Session<'_>,
    output: &Output,
) -> Result<Option<bool>, Failure> {
    let is_option = |source: Source| source == Source::Option;
    let issuer_is_option = at_hand.issuer.as_ref().is_some_and(|(_, source)| is_option(*source));
    let was_asked_for =
        issuer_is_option || at_hand.secret.as_ref().is_some_and(|(_, source)| is_option(*source));
    if jwt.algorithm() != Some(GUEST_ALGORITHM) {
        if was_asked_for {
            output.warning("the signature was not checked: it is not one of HS256, as guest JWTs have it");
        }
        return Ok(None);
    }
    let chosen = match choose(jwt, at_hand, was_asked_for, session, output) {
        Ok(Some(chosen)) => chosen,
        Err(failure) if was_asked_for => return Err(failure),
        Ok(None) | Err(_) => return Ok(None),
    };
    match session.ask(&VerifyAssertion { signer: chosen.signer(), jwt: token }) {
        Ok(Answered { value: holds, .. }) => Ok(Some(holds)),
        Err(failure) if failure.code == FailureCode::NoDaemon || !was_asked_for => {
            output.warning(&format!("the signature was not checked: {}", failure.message));
            Ok(None)
        }
        Err(failure) => Err(chosen.explain(failure)),
    }
}

/// Who is to have signed it; nobody if nobody is known.
fn choose(
    jwt: &Jwt,
    at_hand: AtHand,
    was_asked_for: bool,
    session: &mut Session<'_>,
    output: &Output,
) -> Result<Option<Chosen>, Failure> {
    match at_hand {
        // The signature is the secret's alone: whose it is said to be makes no difference.
        AtHand { issuer: None, secret: Some((secret, _)) } => {
            Ok(Some(Chosen::Given { id: ANYBODY.to_owned(), secret, or_stored: false }))
        }
        AtHand { secret: None, .. } if !was_asked_for => Ok(match output.program {
            Program::Gi => stored_for(jwt, session),
            Program::Guestissuer => None,
        }),
        at_hand => at_hand.choose(output.program).map(Some),
    }
}

/// The stored issuer that the JWT says it is from, if a daemon runs and knows it.
fn stored_for(jwt: &Jwt, session: &mut Session<'_>) -> Option<Chosen> {
    let id = jwt.issuer()?;
    session.running().ok()??;
    let issuers = session.ask(&IssuerList).ok()?.value;
    issuers.into_iter().find(|issuer| issuer.id == id).map(|issuer| Chosen::Stored(issuer.name))
}

fn access(verify: Verify, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let bad = || Failure::new(FailureCode::Usage, "bad token, could not authenticate: it is empty");
    let access_token = super::token(&verify.token)?.ok_or_else(bad)?;
    let named = verify.signed.issuer.filter(|name| !name.is_empty());
    let issuer = named.map(|name| name.parse()).transpose().map_err(|error| {
        Failure::new(FailureCode::Usage, format!("an issuer's name {error}"))
            .with_hint("with --access, -i names the stored issuer whose API is asked")
    })?;
    let place = Place { api_base: verify.api.api_base, issuer };
    let Answered { value: found, .. } = session.ask(&VerifyToken { access_token, place })?;
    print_person(&found, output)
}

fn print_person(found: &Person, output: &Output) -> Result<(), Failure> {
    match (output.format, output.program) {
        (Format::Text, Program::Gi) => print(&person::text(found)).map(|_| ()),
        (Format::Text, Program::Guestissuer) => print_object(&person::as_webex(found), output),
        (Format::Json | Format::Env | Format::Header | Format::Curl, _) => {
            print_object(&person::json(found), output)
        }
    }
}

/// Prints an object for people to read, or on one line.
fn print_object(object: &Value, output: &Output) -> Result<(), Failure> {
    let text = Zeroizing::new(match output.format {
        Format::Json => json::line(object),
        Format::Text | Format::Env | Format::Header | Format::Curl => format!("{object:#}\n"),
    });
    print(&text)?;
    Ok(())
}

fn not_a_jwt() -> Failure {
    Failure::new(FailureCode::Usage, NOT_A_JWT).with_hint(
        "a JWT is three parts with dots between them; to ask Webex about an access token: --access",
    )
}
