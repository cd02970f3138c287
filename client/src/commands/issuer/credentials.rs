//! Credentials: from where they are said to be, else from the environment, else from whoever sits at the terminal.
//!
//! Never from an argument: arguments can be seen by every user of the machine.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};

use guestissuer_client::proto::request::Credentials;
use guestissuer_client::proto::{Failure, FailureCode, Secret};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::cli::{CredentialSource, Kind};
use crate::environment::Environment;
use crate::prompt;

/// The longest credentials file that is read. A real one has some hundred bytes.
const LONGEST_FILE: u64 = 64 * 1024;

/// What credentials look like.
const SHAPES: &str = "they look like {\"issuer\":\"...\",\"secret\":\"...\"}, or a Service App's like \
                      {\"client_id\":\"...\",\"client_secret\":\"...\",\"refresh_token\":\"...\"}";

/// How much of the credentials must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Completeness {
    /// All of them: the issuer is new.
    All,
    /// What is to be changed.
    Some,
}

/// Credentials as a file holds them, by the names that Webex's pages and API use. Other keys are ignored.
#[derive(Default, Deserialize)]
struct CredentialsFile {
    issuer: Option<String>,
    secret: Option<Secret>,
    #[serde(alias = "clientId")]
    client_id: Option<String>,
    #[serde(alias = "clientSecret")]
    client_secret: Option<Secret>,
    #[serde(alias = "refreshToken")]
    refresh_token: Option<Secret>,
    #[serde(alias = "accessToken")]
    access_token: Option<Secret>,
    #[serde(alias = "expiresIn")]
    expires_in: Option<Value>,
}

/// What was given, before anybody is asked for the rest.
pub(super) struct Given {
    id: Option<String>,
    file: Option<CredentialsFile>,
}

impl Given {
    pub(super) fn read(source: &CredentialSource) -> Result<Self, Failure> {
        let file = source.credentials.as_deref().map(read_file).transpose()?;
        Ok(Self { id: source.id.clone(), file })
    }

    /// What kind of application these are of, if the file shows it.
    pub(super) fn kind_in_file(&self) -> Option<Kind> {
        let file = self.file.as_ref()?;
        let of_app = file.client_id.is_some() || file.client_secret.is_some() || file.refresh_token.is_some();
        let of_issuer = file.issuer.is_some() || file.secret.is_some();
        if of_app {
            return Some(Kind::ServiceApp);
        }
        of_issuer.then_some(Kind::GuestIssuer)
    }

    /// What kind of application these are of.
    pub(super) fn kind(&self, said: Option<Kind>) -> Kind {
        said.or_else(|| self.kind_in_file()).unwrap_or(Kind::GuestIssuer)
    }

    pub(super) fn guest_issuer(
        self,
        needed: Completeness,
        environment: &Environment,
    ) -> Result<Credentials, Failure> {
        let is_file = self.file.is_some();
        let (id_in_file, secret) = match self.file {
            Some(file) => (file.issuer, file.secret),
            None => (environment.issuer_id.clone(), environment.secret.clone()),
        };
        let mut id = self.id.or(id_in_file);
        if id.is_none() && needed == Completeness::All {
            id = Some(ask_id()?);
        }
        let secret = match secret {
            Some(secret) => secret,
            None if is_file => return Err(lacks("secret")),
            None => ask_secret()?,
        };
        Ok(Credentials::GuestIssuer { id, secret })
    }

    pub(super) fn service_app(self, needed: Completeness) -> Result<Credentials, Failure> {
        let is_file = self.file.is_some();
        let file = self.file.unwrap_or_default();
        let mut client_id = self.id.or(file.client_id);
        let mut client_secret = file.client_secret;
        let mut refresh_token = file.refresh_token;
        let is_new = needed == Completeness::All;
        // Whoever gives a file says all in it that is to be said, except that the id may be an option.
        if is_file && is_new {
            for (name, is_there) in [
                ("client_id", client_id.is_some()),
                ("client_secret", client_secret.is_some()),
                ("refresh_token", refresh_token.is_some()),
            ] {
                if !is_there {
                    return Err(lacks(name));
                }
            }
        }
        if !is_file {
            if client_id.is_none() && is_new {
                client_id = Some(ask_line("Client id: ", "the client id")?);
            }
            if is_new {
                client_secret = Some(ask_hidden("Client secret (not shown): ", "the client secret")?);
            } else {
                let secret =
                    ask_hidden("Client secret (not shown; empty if unchanged): ", "the client secret")?;
                client_secret = Some(secret).filter(|secret| *secret != Secret::new(String::new()));
            }
            refresh_token = Some(ask_hidden("Refresh token (not shown): ", "the refresh token")?);
        }
        let access_expires_in_ms = file.expires_in.as_ref().and_then(milliseconds);
        let access_token = file.access_token;
        Ok(Credentials::ServiceApp {
            client_id,
            client_secret,
            refresh_token,
            access_token,
            access_expires_in_ms,
        })
    }
}

/// A number of seconds above zero, also in a string.
fn milliseconds(seconds: &Value) -> Option<u64> {
    let seconds = match seconds {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    seconds.filter(|seconds| *seconds > 0)?.checked_mul(1_000)
}

fn lacks(name: &str) -> Failure {
    Failure::new(FailureCode::Usage, format!("the credentials hold no \"{name}\"")).with_hint(SHAPES)
}

fn read_file(place: &str) -> Result<CredentialsFile, Failure> {
    let failed = |error: io::Error| {
        Failure::new(FailureCode::Usage, format!("cannot read the credentials {place}: {error}"))
    };
    let reader: Box<dyn Read> = match place {
        "-" => Box::new(io::stdin()),
        path => Box::new(File::open(path).map_err(failed)?),
    };
    let mut text = Zeroizing::new(Vec::new());
    reader.take(LONGEST_FILE).read_to_end(&mut text).map_err(failed)?;
    // What the parser complains about could quote the secret, so only where it stumbled is said.
    serde_json::from_slice(&text).map_err(|error| {
        let message = format!(
            "the credentials are not JSON of the right shape (line {}, column {})",
            error.line(),
            error.column()
        );
        Failure::new(FailureCode::Usage, message).with_hint(SHAPES)
    })
}

fn ask_id() -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new(FailureCode::Usage, "the issuer id is missing")
            .with_hint("give it with --id, in --credentials, or in the environment variable ISSUER"));
    }
    prompt::line("Issuer id: ").map_err(|error| unread("the issuer id", &error))
}

fn ask_secret() -> Result<Secret, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new(FailureCode::Usage, "the secret is missing")
            .with_hint("give it in --credentials FILE, or in the environment variable SECRET"));
    }
    prompt::secret("Secret (not shown): ").map_err(|error| unread("the secret", &error))
}

fn ask_line(prompt: &str, what: &str) -> Result<String, Failure> {
    needs_terminal(what)?;
    prompt::line(prompt).map_err(|error| unread(what, &error))
}

fn ask_hidden(prompt: &str, what: &str) -> Result<Secret, Failure> {
    needs_terminal(what)?;
    prompt::secret(prompt).map_err(|error| unread(what, &error))
}

fn needs_terminal(what: &str) -> Result<(), Failure> {
    if io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::new(FailureCode::Usage, format!("{what} is missing")).with_hint(
        "give client_id, client_secret and refresh_token in --credentials FILE, or - for standard input",
    ))
}

fn unread(what: &str, error: &io::Error) -> Failure {
    Failure::new(FailureCode::Usage, format!("cannot read {what}: {error}"))
}
