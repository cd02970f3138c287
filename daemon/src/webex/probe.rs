//! Whether an API can be reached: a request that proves nobody's identity, to which Webex says no.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::ACCEPT;

use super::Webex;
use super::base::ApiBase;
use super::error::{MintError, Unusable, clean};

/// Something answered.
#[derive(Debug, Clone, Copy)]
pub struct Reached {
    /// With this status. Webex's to a request without a token is 401.
    pub status: u16,
    /// How far its clock is ahead of this machine's, in milliseconds, where it said.
    pub clock_skew_ms: Option<i64>,
}

impl Webex {
    /// Asks who we are without saying it: an answer proves that the network, TLS and the proxy work.
    pub async fn reach(&self, base: &ApiBase, timeout: Duration) -> Result<Reached, MintError> {
        let request = self.bare_request(Method::GET, base, "/people/me")?;
        let answer = self.send(request.header(ACCEPT, "application/json"), timeout).await?;
        Ok(Reached { status: answer.status.as_u16(), clock_skew_ms: answer.clock_skew_ms })
    }
}

impl Unusable {
    /// What the operating system or TLS says about it, such as that the connection was refused.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let Self::Unreachable(error) = self else { return None };
        let mut reason = std::error::Error::source(error)?;
        while let Some(deeper) = reason.source() {
            reason = deeper;
        }
        clean(&reason.to_string())
    }
}
