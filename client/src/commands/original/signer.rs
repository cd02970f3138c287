//! Who signs: what `-i` and `-s`, `ISSUER` and `SECRET` say, or a stored issuer.

use guestissuer_client::proto::direct::Signer;
use guestissuer_client::proto::{Failure, FailureCode, IssuerName, Secret};

use crate::cli::Signed;
use crate::environment::Environment;
use crate::output::{Output, Program};
use crate::prompt;

/// What the original says, and scripts may look for.
pub(crate) const NO_ISSUER: &str = "missing Guest Issuer identifier";
pub(crate) const NO_SECRET: &str = "missing Guest Issuer secret";

/// Where a value came from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// An option of this call.
    Option,
    /// A variable, which may be there for something else.
    Environment,
}

/// What is at hand. An empty value counts as none.
pub(super) struct AtHand {
    pub(super) issuer: Option<(String, Source)>,
    pub(super) secret: Option<(Secret, Source)>,
}

/// Who is to sign.
pub(super) enum Chosen {
    /// Nobody was named.
    Default,
    /// A stored issuer, as no secret was given.
    Stored(IssuerName),
    /// An issuer that is used for this call alone.
    Given { id: String, secret: Secret, or_stored: bool },
}

impl AtHand {
    /// Looks at the options and the environment, and at standard input if it is to hold the secret.
    pub(super) fn find(signed: Signed, environment: &Environment, output: &Output) -> Result<Self, Failure> {
        let option = |value: Option<String>| value.filter(|value| !value.is_empty());
        let given = option(signed.secret).map(|value| read_secret(value, output)).transpose()?;
        let given = given.map(|secret| (secret, Source::Option));
        let secret = || environment.secret.clone().map(|secret| (secret, Source::Environment));
        let issuer = || environment.issuer_id.clone().map(|id| (id, Source::Environment));
        Ok(Self {
            issuer: option(signed.issuer).map(|id| (id, Source::Option)).or_else(issuer),
            secret: given.or_else(secret),
        })
    }

    /// Decides who signs.
    pub(super) fn choose(self, program: Program) -> Result<Chosen, Failure> {
        match (self.issuer, self.secret) {
            (Some((id, from)), Some((secret, secret_from))) => {
                // `-i acme` beside a SECRET that happens to be set for something else means the stored acme.
                let or_stored = (from, secret_from) == (Source::Option, Source::Environment);
                Ok(Chosen::Given { id, secret, or_stored })
            }
            (Some((name, _)), None) => {
                // The id of a real issuer is too long for a name.
                name.parse().map(Chosen::Stored).map_err(|_| no_secret())
            }
            (None, None) if program == Program::Gi => Ok(Chosen::Default),
            (None, _) => Err(no_issuer()),
        }
    }
}

/// Who signs, as far as it can be known here.
pub(super) fn chosen(signed: Signed, environment: &Environment, output: &Output) -> Result<Chosen, Failure> {
    AtHand::find(signed, environment, output)?.choose(output.program)
}

impl Chosen {
    /// Who signs, as the daemon is told.
    pub(super) fn signer(&self) -> Signer {
        match self {
            Self::Default => Signer::Stored(None),
            Self::Stored(name) => Signer::Stored(Some(name.clone())),
            Self::Given { id, secret, or_stored } => {
                Signer::Given { id: id.clone(), secret: secret.clone(), or_stored: *or_stored }
            }
        }
    }

    /// What is missing, if the daemon knows nobody who could sign; any other failure as it is.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        if failure.code != FailureCode::UnknownIssuer {
            return failure;
        }
        match self {
            Self::Default => no_issuer(),
            Self::Stored(name) => no_secret_for(name),
            Self::Given { .. } => failure,
        }
    }
}

fn no_issuer() -> Failure {
    Failure::new(FailureCode::Usage, NO_ISSUER).with_hint(
        "give it with -i or in ISSUER, and its secret in SECRET; or store it with: gi issuer add NAME",
    )
}

fn no_secret() -> Failure {
    Failure::new(FailureCode::Usage, NO_SECRET).with_hint("give it in SECRET, or with -s - on standard input")
}

fn no_secret_for(name: &IssuerName) -> Failure {
    Failure::new(FailureCode::Usage, NO_SECRET).with_hint(format!(
        "no stored issuer is called {name}; to use it as an issuer id, give its secret in SECRET, or with -s -"
    ))
}

fn read_secret(value: String, output: &Output) -> Result<Secret, Failure> {
    if value == "-" {
        return prompt::piped_secret("Secret (not shown): ").map_err(|error| {
            Failure::new(FailureCode::Usage, format!("cannot read the secret from standard input: {error}"))
        });
    }
    let secret = Secret::new(value);
    output.warning("every user of this machine can see -s SECRET with ps: put it into SECRET, or use -s -");
    Ok(secret)
}
