//! What a client learns of an error: a code, a sentence and a remedy. The cause goes to the journal.

use std::error::Error;
use std::time::Duration;

use guestissuer_proto::{Failure, FailureCode, IssuerName, Subject};

use crate::domain::guest::Issuer;
use crate::store::StoreError;
use crate::vault::{LockReason, VaultError};
use crate::webex::{AppRefusal, Malformed, MintError, Unusable};

/// A clock this far off, in milliseconds, is worth a word beside a refusal.
const NOTABLE_SKEW_MS: u64 = 30_000;

/// The database did not do as it was asked.
pub(super) fn store(error: &StoreError) -> Failure {
    tracing::error!(error = error as &dyn Error, "the database failed");
    match error {
        StoreError::Closed => Failure::new(FailureCode::Unavailable, "the daemon is about to end")
            .with_hint("try again: it is started anew"),
        busy if busy.is_busy() => {
            Failure::new(FailureCode::Unavailable, "another program holds the database")
                .with_hint("end what has guestissuer.db open, such as sqlite3 or a backup, then try again")
        }
        StoreError::Database(_)
        | StoreError::File(_)
        | StoreError::Newer { .. }
        | StoreError::Foreign
        | StoreError::Orphaned => {
            Failure::new(FailureCode::Internal, "the database cannot be read or written")
                .with_hint("see the daemon's log, and whether the disk is full")
        }
    }
}

/// A sealed value could not be made or opened.
pub(super) fn vault(error: &VaultError) -> Failure {
    match error {
        VaultError::Locked(reason) => {
            let hint = match reason {
                LockReason::Missing { .. } => "restore the key file from a copy, then restart the daemon",
                LockReason::Wrong { .. } => {
                    "restore the key file that belongs to this database, then restart the daemon"
                }
            };
            Failure::new(FailureCode::Locked, format!("the store is locked: {reason}")).with_hint(format!(
                "{hint}; to start over, end it and move guestissuer.db, -wal and -shm away"
            ))
        }
        VaultError::Tampered => {
            Failure::new(FailureCode::Internal, "a stored secret does not open: it was changed on disk")
                .with_hint("set the credentials again with: gi issuer update NAME")
        }
        VaultError::Random(_) => Failure::new(FailureCode::Internal, "the system gives no random numbers"),
    }
}

/// No guest of that subject.
pub(super) fn unknown_guest(subject: &Subject, issuer: &Issuer) -> Failure {
    let name = &issuer.name;
    let option = if issuer.is_default { String::new() } else { format!("--issuer {name} ") };
    // A word that starts with a hyphen is taken for an option, unless it is said that no more of them come.
    let end = if subject.as_str().starts_with('-') { "-- " } else { "" };
    Failure::new(FailureCode::UnknownGuest, format!("no guest {subject} is known for issuer {name}"))
        .with_hint(format!("register it with: gi add {option}{end}{} NAME", shell_word(subject.as_str())))
}

/// An issuer was forgotten while something was done for it.
pub(super) fn removed_issuer(name: &IssuerName) -> Failure {
    Failure::new(FailureCode::UnknownIssuer, format!("issuer {name} was removed meanwhile"))
}

/// The caller's time is over.
pub(super) fn deadline() -> Failure {
    Failure::new(FailureCode::Deadline, "no token in the time given")
        .with_hint("the mint goes on; try again, or allow more time with --timeout")
}

/// Tokens do not live as long as was asked.
pub(super) fn life_too_short(asked: Option<Duration>, life: Duration) -> Failure {
    let life = life.as_secs();
    let Some(asked) = asked.map(|asked| asked.as_secs()) else {
        let message = format!("Webex's new token is only valid for {life} s, which passed before it arrived");
        return Failure::new(FailureCode::Unavailable, message);
    };
    Failure::new(
        FailureCode::Usage,
        format!("a token valid for {asked} s was asked for, but this guest's tokens are only valid for {life} s when new"),
    )
    .with_hint("ask for less with --min-validity")
}

/// No token was minted for this issuer.
pub(super) fn mint(error: &MintError, issuer: &IssuerName, skew_ms: Option<i64>) -> Failure {
    let with_said = |message: String| with_said(error, message);
    match error {
        MintError::Rejected { status, .. } => Failure::new(
            FailureCode::IssuerRejected,
            with_said(format!("Webex refuses the credentials of issuer {issuer} (status {status})")),
        )
        .with_hint(rejected_hint(issuer, skew_ms)),
        MintError::MissingScope { scope, status, .. } => Failure::new(
            FailureCode::IssuerRejected,
            with_said(format!("Webex forbids Service App {issuer} what needs the scope {scope} (status {status})")),
        )
        .with_hint(format!(
            "give the Service App the scope {scope} on developer.webex.com, have an administrator authorize it \
             again, create new tokens, then: gi issuer update {issuer}"
        )),
        MintError::AppRejected { why, status, .. } => Failure::new(
            FailureCode::IssuerRejected,
            with_said(format!("Webex does not accept {} of Service App {issuer} (status {status})", refused(*why))),
        )
        .with_hint(app_hint(*why, issuer)),
        MintError::Refused { status, .. } => Failure::new(
            FailureCode::IssuerRejected,
            with_said(format!("Webex refuses the request of issuer {issuer} (status {status})")),
        )
        .with_hint(format!(
            "check the issuer with: gi issuer test {issuer}; subjects are safest made of letters, digits and hyphens"
        )),
        MintError::RateLimited { .. } => {
            Failure::new(FailureCode::RateLimited, with_said(format!("Webex asks issuer {issuer} to wait")))
        }
        MintError::Unavailable { cause, .. } => {
            Failure::new(FailureCode::Unavailable, with_said(unusable(cause))).with_hint(unusable_hint(cause))
        }
        MintError::Unsigned(_) => unsigned(),
    }
}

/// Credentials that were tried before they were stored are no good.
pub(super) fn trial(error: &MintError, issuer: &IssuerName, skew_ms: Option<i64>) -> Failure {
    let failure = mint(error, issuer, skew_ms);
    let hint = match error {
        MintError::AppRejected { why: AppRefusal::RefreshToken | AppRefusal::AccessToken, .. } => {
            "create new tokens on the Service App's page on developer.webex.com; nothing was stored"
        }
        MintError::AppRejected { why: AppRefusal::Client | AppRefusal::Unclear, .. } => {
            "copy client id, client secret and refresh token once more; nothing was stored"
        }
        MintError::RateLimited { .. } | MintError::Unavailable { .. } => {
            "nothing was stored; to store them without asking Webex: --no-check"
        }
        MintError::Rejected { .. }
        | MintError::MissingScope { .. }
        | MintError::Refused { .. }
        | MintError::Unsigned(_) => return failure,
    };
    failure.with_hint(hint)
}

/// A guest JWT was not exchanged. The words are those of the original command line, as far as it had any.
pub(super) fn login(error: &MintError, skew_ms: Option<i64>) -> Failure {
    match error {
        MintError::Rejected { status, .. }
        | MintError::MissingScope { status, .. }
        | MintError::AppRejected { status, .. }
        | MintError::Refused { status, .. } => {
            let nothing_said = error.said().is_none_or(|said| said.message.is_none());
            let message = "invalid Guest token".to_owned();
            let message = if nothing_said { format!("{message}: status {status}") } else { message };
            Failure::new(FailureCode::IssuerRejected, with_said(error, message)).with_hint(
                skew_hint(skew_ms).unwrap_or_else(|| {
                    "the JWT has expired, or the secret it was signed with is not that of its issuer id"
                        .to_owned()
                }),
            )
        }
        MintError::RateLimited { .. } => {
            Failure::new(FailureCode::RateLimited, with_said(error, "Webex asks to wait".to_owned()))
        }
        MintError::Unavailable { cause, .. } => {
            let what = match cause {
                Unusable::Malformed(
                    Malformed::NotJson
                    | Malformed::NoToken
                    | Malformed::NoLife
                    | Malformed::NoPerson
                    | Malformed::NoCount,
                ) => "bad response".to_owned(),
                Unusable::Unreachable(_)
                | Unusable::NoCertificates
                | Unusable::Timeout(_)
                | Unusable::Status(_)
                | Unusable::TooLong(_) => unusable(cause),
            };
            let message = format!("failed to generate an access token: {what}");
            Failure::new(FailureCode::Unavailable, with_said(error, message)).with_hint(unusable_hint(cause))
        }
        MintError::Unsigned(_) => unsigned(),
    }
}

/// A defect.
pub(super) fn unsigned() -> Failure {
    Failure::new(FailureCode::Internal, "the guest JWT could not be signed")
}

/// Webex did not say who it is.
pub(super) fn person(error: &MintError) -> Failure {
    match error {
        MintError::Rejected { status: 401, .. } => Failure::new(
            FailureCode::IssuerRejected,
            with_said(error, "bad token, could not authenticate".to_owned()),
        )
        .with_hint("the token has expired, or is no access token of this API"),
        MintError::Rejected { status, .. }
        | MintError::MissingScope { status, .. }
        | MintError::AppRejected { status, .. }
        | MintError::Refused { status, .. } => {
            let message = format!("could not retrieve info, err: Request failed with status code {status}");
            Failure::new(FailureCode::IssuerRejected, with_said(error, message))
        }
        MintError::RateLimited { retry_after, .. } => {
            let failure =
                Failure::new(FailureCode::RateLimited, with_said(error, "Webex asks to wait".to_owned()));
            match retry_after {
                Some(wait) => failure.with_retry_after(*wait),
                None => failure,
            }
        }
        MintError::Unavailable { cause, .. } => {
            let message = match cause {
                Unusable::Status(status) => {
                    format!("could not retrieve info, err: Request failed with status code {status}")
                }
                Unusable::Unreachable(_) | Unusable::NoCertificates | Unusable::Timeout(_) => {
                    format!("could not contact Webex: {}", unusable(cause))
                }
                Unusable::TooLong(_) | Unusable::Malformed(_) => {
                    format!("could not retrieve info: {}", unusable(cause))
                }
            };
            Failure::new(FailureCode::Unavailable, with_said(error, message)).with_hint(unusable_hint(cause))
        }
        MintError::Unsigned(_) => unsigned(),
    }
}

/// A message with what Webex said about it.
fn with_said(error: &MintError, message: String) -> String {
    let said = error.said();
    let message = match said.and_then(|said| said.message.as_deref()) {
        Some(words) => format!("{message}: {words}"),
        None => message,
    };
    match said.and_then(|said| said.tracking_id.as_deref()) {
        Some(id) => format!("{message} (tracking id {id})"),
        None => message,
    }
}

const fn refused(why: AppRefusal) -> &'static str {
    match why {
        AppRefusal::RefreshToken => "the refresh token",
        AppRefusal::AccessToken => "the access token",
        AppRefusal::Client => "the client id and secret",
        AppRefusal::Unclear => "the credentials",
    }
}

fn app_hint(why: AppRefusal, issuer: &IssuerName) -> String {
    match why {
        AppRefusal::RefreshToken => new_tokens(issuer),
        AppRefusal::AccessToken => format!(
            "an administrator may have withdrawn the Service App's authorization: have it authorized again, {}",
            new_tokens(issuer)
        ),
        AppRefusal::Client | AppRefusal::Unclear => format!(
            "copy client id, client secret and refresh token from the Service App's page on developer.webex.com once \
             more, then: gi issuer update {issuer}"
        ),
    }
}

/// How to get another refresh token, which only a person can.
pub(super) fn new_tokens(issuer: &IssuerName) -> String {
    format!(
        "create new tokens on the Service App's page on developer.webex.com, then: gi issuer update {issuer}"
    )
}

/// A Service App without any tokens.
pub(super) fn no_tokens(issuer: &IssuerName) -> Failure {
    Failure::new(FailureCode::IssuerRejected, format!("Service App {issuer} has no refresh token"))
        .with_hint(new_tokens(issuer))
}

fn rejected_hint(issuer: &IssuerName, skew_ms: Option<i64>) -> String {
    skew_hint(skew_ms).unwrap_or_else(|| {
        format!(
            "usually the secret was cut when copied, is not the base64 text that Webex shows, or belongs to another \
             issuer id; set both again with: gi issuer update {issuer}"
        )
    })
}

/// What to do if the clocks disagree by so much that it may be the cause of a refusal.
fn skew_hint(skew_ms: Option<i64>) -> Option<String> {
    let skew = skew_ms.filter(|skew| skew.unsigned_abs() > NOTABLE_SKEW_MS)?;
    let seconds = skew.unsigned_abs() / 1000;
    let direction = if skew > 0 { "behind" } else { "ahead of" };
    Some(format!("this machine's clock is {seconds} s {direction} Webex's: set it right, then try again"))
}

pub(super) fn unusable(cause: &Unusable) -> String {
    match cause {
        Unusable::Unreachable(_) => "Webex cannot be reached".to_owned(),
        Unusable::NoCertificates => "HTTPS cannot be used: this machine has no CA certificates".to_owned(),
        Unusable::Timeout(after) => format!("Webex did not answer within {} s", after.as_secs()),
        Unusable::Status(status) if (300..400).contains(status) => {
            format!("something answers in Webex's place with a redirect (status {status})")
        }
        Unusable::Status(status) => format!("Webex is not available (status {status})"),
        Unusable::TooLong(_) | Unusable::Malformed(_) => "the answer is not what Webex sends".to_owned(),
    }
}

pub(super) fn unusable_hint(cause: &Unusable) -> &'static str {
    match cause {
        Unusable::NoCertificates => {
            "install them (the package is usually called ca-certificates), then restart the daemon"
        }
        Unusable::Unreachable(_) | Unusable::Timeout(_) => {
            "check the network and the proxy settings, then try again"
        }
        Unusable::Status(status) if (300..400).contains(status) => {
            "perhaps a network that wants a log-in, or a wrong --api-base"
        }
        Unusable::Status(_) => "nothing is wrong on this side; it usually passes",
        Unusable::TooLong(_) | Unusable::Malformed(_) => {
            "perhaps a network that wants a log-in, a proxy, or a wrong --api-base"
        }
    }
}

/// A word as it can be pasted into a shell.
pub(super) fn shell_word(word: &str) -> String {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@' | b'+');
    if !word.is_empty() && !word.starts_with('-') && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_can_be_pasted_into_a_shell() {
        assert_eq!(shell_word("abc-123"), "abc-123");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("-rf"), "'-rf'");
        assert_eq!(shell_word("$(id)"), "'$(id)'");
    }

    #[test]
    fn a_refusal_beside_a_wrong_clock_says_so() {
        let issuer = "acme".parse().unwrap();
        let error = MintError::Rejected { status: 401, said: crate::webex::Said::default() };
        let hint = |skew| mint(&error, &issuer, skew).hint.unwrap();
        assert!(hint(Some(300_000)).contains("300 s behind"));
        assert!(hint(Some(-300_000)).contains("300 s ahead"));
        assert!(hint(Some(2_000)).contains("secret"));
        assert!(hint(None).contains("gi issuer update acme"));
    }
}
