//! Why a call brought no answer.

use std::io;

use guestissuer_proto::hello::Hello;
use guestissuer_proto::names::NameError;
use guestissuer_proto::{Failure, FailureCode};

/// Why a call brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The daemon answered that it could not do it.
    #[error(transparent)]
    Failed(Failure),
    /// Nothing listens on the socket.
    #[error("no guestissuerd is listening")]
    NoDaemon(#[source] io::Error),
    /// The time was over before there was an answer.
    #[error("guestissuerd did not answer in time")]
    Deadline,
    /// The socket belongs to another user, or its daemon says that we do.
    #[error("the socket belongs to another user")]
    Denied,
    /// The two sides have no version of the protocol in common.
    #[error("gi and guestissuerd speak no common version of the protocol")]
    Version {
        /// What the daemon speaks.
        theirs: Hello,
    },
    /// The connection ended before there was an answer, for example because the daemon is being restarted.
    #[error("the connection to guestissuerd broke")]
    Broken(#[source] io::Error),
    /// What answers is not a guestissuerd, or a defective one.
    #[error("what listens on the socket does not speak the protocol of guestissuerd")]
    NotOurs,
    /// A name that cannot be one.
    #[error("not a valid name")]
    Name(#[from] NameError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Failed(failure) => failure,
            Error::NoDaemon(_) => Self::new(FailureCode::NoDaemon, message),
            Error::Broken(_) | Error::NotOurs => Self::new(FailureCode::NoDaemon, message)
                .with_hint("see the daemon's log; gi status shows whether it runs"),
            Error::Deadline => Self::new(FailureCode::Deadline, message)
                .with_hint("allow more time with --timeout, or see whether the daemon is stuck"),
            Error::Denied => Self::new(FailureCode::Denied, message)
                .with_hint("every user has a guestissuerd of their own; see GI_SOCKET and --socket"),
            Error::Version { theirs } => {
                let older = if theirs.highest < Hello::OURS.lowest { "guestissuerd" } else { "gi" };
                let remedy = match older {
                    "gi" => "update gi",
                    _ => "restart guestissuerd after updating it: gi never ends it by itself",
                };
                let ours = Hello::OURS;
                Self::new(
                    FailureCode::Version,
                    format!(
                        "{message}: {older} is older (gi speaks {} to {}, guestissuerd {} to {})",
                        ours.lowest, ours.highest, theirs.lowest, theirs.highest
                    ),
                )
                .with_hint(remedy)
            }
            Error::Name(name) => Self::new(FailureCode::Usage, format!("{message}: it {name}")),
        }
    }
}
