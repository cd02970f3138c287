//! `gi create`, `login`, `quick` and `verify`: what the original guestissuer does.

mod delay;
mod jwt;
mod signer;
mod verify;

use guestissuer_client::proto::direct::{ExchangeAssertion, Exchanged, Place, QuickToken, SignAssertion};
use guestissuer_client::proto::{Failure, FailureCode, Secret};
use guestissuer_client::{Answered, Ask};
use zeroize::Zeroizing;

use super::token::warn_of_subject;
use crate::cli::{Create, Format, Login, Quick};
use crate::environment::Environment;
use crate::output::{Output, json, print};
use crate::prompt;
use crate::session::Session;
pub(crate) use signer::{NO_ISSUER, NO_SECRET};
pub(super) use verify::verify;

pub(super) fn create(
    create: Create,
    session: &mut Session<'_>,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let (subject, name) = (create.named.subject, create.named.name);
    let life = delay::chosen(create.delay.as_deref(), environment)?;
    let signer = signer::chosen(create.named.signed, environment, output)?;
    let ask = SignAssertion {
        signer: signer.signer(),
        subject: subject.clone(),
        name: name.clone(),
        life_ms: u64::try_from(life.as_millis()).unwrap_or(u64::MAX),
    };
    let Answered { value: assertion, now, .. } = ask_as(&ask, &signer, session)?;
    warn_of_subject(&subject, output);
    if output.format == Format::Json {
        print_secretly(json::line(&json::assertion(&assertion, &subject, &name, now)))
    } else {
        let said = format!(
            "Here is a JWT token, valid for: {} seconds, for Permanent Guest: {name}\n",
            life.as_secs()
        );
        print_token(&said, &assertion.jwt, output)
    }
}

pub(super) fn login(login: Login, session: &mut Session<'_>, output: &Output) -> Result<(), Failure> {
    let jwt = token(&login.jwt)
        .and_then(|jwt| jwt.ok_or_else(|| Failure::new(FailureCode::Usage, "missing Guest token")))?;
    let place = Place { api_base: login.api.api_base, issuer: login.issuer };
    let answered = session.ask(&ExchangeAssertion { jwt, place })?;
    print_exchanged(&answered, output)
}

pub(super) fn quick(
    quick: Quick,
    session: &mut Session<'_>,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let (subject, name) = (quick.named.subject, quick.named.name);
    let signer = signer::chosen(quick.named.signed, environment, output)?;
    let ask =
        QuickToken { signer: signer.signer(), subject: subject.clone(), name, api_base: quick.api.api_base };
    let answered = ask_as(&ask, &signer, session)?;
    warn_of_subject(&subject, output);
    print_exchanged(&answered, output)
}

/// Asks for something that is to be signed. If nobody is found who could sign, it is said what is missing.
fn ask_as<A: Ask + Clone>(
    ask: &A,
    signer: &signer::Chosen,
    session: &mut Session<'_>,
) -> Result<Answered<A::Answer>, Failure> {
    session.ask(ask).map_err(|failure| signer.explain(failure))
}

/// A JWT or token as it was given: a hyphen stands for standard input. None if there is nothing.
fn token(given: &str) -> Result<Option<Secret>, Failure> {
    let token = if given == "-" {
        prompt::piped().map_err(|error| {
            Failure::new(FailureCode::Usage, format!("cannot read standard input: {error}"))
        })?
    } else {
        Secret::new(given.trim().to_owned())
    };
    Ok(Some(token).filter(|token| !token.expose().is_empty()))
}

fn print_exchanged(answered: &Answered<Exchanged>, output: &Output) -> Result<(), Failure> {
    let token = &answered.value;
    if output.format == Format::Json {
        return print_secretly(json::line(&json::exchanged(token, answered.now)));
    }
    let said = format!("Here is an access token, valid for: {} seconds\n", token.life_ms / 1_000);
    print_token(&said, &token.access_token, output)
}

/// Prints the original's two lines; with `--quiet` only the second one.
fn print_token(said: &str, token: &Secret, output: &Output) -> Result<(), Failure> {
    let said = if output.is_quiet() { "" } else { said };
    print_secretly(format!("{said}{}\n", token.expose()))
}

fn print_secretly(text: String) -> Result<(), Failure> {
    let text = Zeroizing::new(text);
    print(&text)?;
    Ok(())
}
