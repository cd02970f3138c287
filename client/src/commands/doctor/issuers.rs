//! Whether Webex accepts each issuer's credentials.

use std::time::Duration;

use guestissuer_client::proto::response::IssuerDetail;
use guestissuer_client::proto::{Failure, FailureCode, UnixTime};
use guestissuer_client::{Error, IssuerTest, Migrations};

use super::daemon::Reached;
use super::report::{End, Finding};
use super::{STEP, Visit};
use crate::commands::issuer::moved;
use crate::output::time;

const TOPIC: &str = "credentials";

/// An issuer that minted within this time needs no test.
const RECENT: Duration = Duration::from_secs(3600);

/// How long a test may take: a little more than a request to Webex may.
const LONGEST_TEST: Duration = Duration::from_secs(16);

impl Visit<'_> {
    /// Tests the issuers of which it is not known whether they work, by minting a token that is thrown away.
    pub(super) fn look_at_issuers(&mut self, reached: &mut Reached) -> Result<(), End> {
        // On a connection of its own: a daemon that does not know the question closes it, and has moved nobody.
        let asked =
            self.connect(self.step(STEP)).and_then(|(mut client, _)| client.ask(Migrations, self.step(STEP)));
        let moves = asked.map(|answered| answered.value).unwrap_or_default();
        for issuer in &reached.status.issuers {
            let name = &issuer.name;
            if let Some(successor) = moved::successor(&moves, name) {
                self.report
                    .add(Finding::ok(TOPIC, format!("{name}: not tested, {successor} is in its place")))?;
                continue;
            }
            if let Some(at) = minted_lately(issuer, reached.now) {
                let ago = time::relative(at, reached.now);
                self.report.add(Finding::ok(TOPIC, format!("{name}: accepted {ago}")))?;
                continue;
            }
            // Where Webex was not reached, waiting for it again teaches nothing.
            let longest = if self.report.is_wrong("network") { STEP } else { LONGEST_TEST };
            let finding = match reached.client.ask(IssuerTest(Some(name.clone())), self.step(longest)) {
                Ok(_) => Finding::ok(TOPIC, format!("{name}: accepted in a test just now")),
                Err(error) => {
                    let is_conversation_over = !matches!(error, Error::Failed(_));
                    let finding = self.refused(issuer, Failure::from(error));
                    if is_conversation_over {
                        return self.report.add(finding);
                    }
                    finding
                }
            };
            self.report.add(finding)?;
        }
        Ok(())
    }

    /// What a failed test means. What follows from something that was found before is not found again.
    fn refused(&self, issuer: &IssuerDetail, failure: Failure) -> Finding {
        let name = &issuer.name;
        let wait = failure.retry_after_ms.map(|millis| format!("try again in {} s", millis.div_ceil(1000)));
        let remedy = wait.or(failure.hint).unwrap_or_else(|| format!("try it with: gi issuer test {name}"));
        let is_consequence = match failure.code {
            FailureCode::RateLimited => true,
            FailureCode::Locked => self.report.knows(FailureCode::Locked),
            FailureCode::Unavailable | FailureCode::Deadline => self.report.knows(FailureCode::Unavailable),
            FailureCode::Internal
            | FailureCode::Usage
            | FailureCode::UnknownGuest
            | FailureCode::UnknownIssuer
            | FailureCode::NoDaemon
            | FailureCode::IssuerRejected
            | FailureCode::Denied
            | FailureCode::Version => false,
        };
        if is_consequence {
            Finding::warning(TOPIC, format!("{name}: not tested: {}", failure.message), remedy)
        } else {
            Finding::wrong(TOPIC, failure.code, format!("{name}: {}", failure.message), remedy)
        }
    }
}

/// When the issuer minted its last token, if that is not long ago and nothing has failed since.
fn minted_lately(issuer: &IssuerDetail, now: UnixTime) -> Option<UnixTime> {
    issuer.last_success_at.filter(|at| issuer.last_error.is_none() && now.since(*at) < RECENT)
}
