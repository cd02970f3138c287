//! Where a Webex API is.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

/// Where Webex is, unless an issuer says otherwise.
pub const WEBEX: &str = "https://webexapis.com/v1";

/// The address that paths such as `/jwt/login` are added to.
///
/// Invariant: HTTPS, or plain HTTP to this machine; no credentials, query or fragment; no slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiBase {
    text: String,
    is_plain: bool,
}

/// Why an address cannot be that of an API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiBaseError {
    /// Not an absolute address with a host.
    #[error("not a URL such as https://webexapis.com/v1")]
    Malformed,
    /// Tokens would cross a network readable.
    #[error("must be https; plain http is only allowed to this machine")]
    PlainHttp,
    /// A part that an API address does not have.
    #[error("must not hold a user name, a password, a query or a fragment")]
    Extra,
}

impl ApiBase {
    /// The address of one of the API's paths, which starts with a slash.
    pub(super) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// Whether requests are not encrypted, and therefore stay on this machine.
    pub(super) const fn is_plain(&self) -> bool {
        self.is_plain
    }
}

impl FromStr for ApiBase {
    type Err = ApiBaseError;

    fn from_str(text: &str) -> Result<Self, ApiBaseError> {
        let url = Url::parse(text).map_err(|_| ApiBaseError::Malformed)?;
        let is_loopback = match url.host().ok_or(ApiBaseError::Malformed)? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => IpAddr::V4(address).is_loopback(),
            Host::Ipv6(address) => IpAddr::V6(address).is_loopback(),
        };
        match url.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            "http" => return Err(ApiBaseError::PlainHttp),
            _ => return Err(ApiBaseError::Malformed),
        }
        let plain = url.username().is_empty() && url.password().is_none();
        if !plain || url.query().is_some() || url.fragment().is_some() {
            return Err(ApiBaseError::Extra);
        }
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), is_plain: url.scheme() == "http" })
    }
}

impl fmt::Display for ApiBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for good in [
            WEBEX,
            "https://api.ciscospark.com/v1/",
            "http://127.0.0.1:8080/v1",
            "http://127.8.8.8/v1",
            "http://[::1]:9/v1",
            "http://localhost:1/",
        ] {
            assert!(good.parse::<ApiBase>().is_ok(), "{good}");
        }
        for bad in [
            "http://webexapis.com/v1",
            "http://10.0.0.1/v1",
            "http://localhost.example.com/",
            "http://127.0.0.1.nip.io",
        ] {
            assert_eq!(bad.parse::<ApiBase>(), Err(ApiBaseError::PlainHttp), "{bad}");
        }
    }

    #[test]
    fn junk_is_refused() {
        for bad in ["", "webexapis.com/v1", "ftp://a/b", "file:///etc", "https://"] {
            assert_eq!(bad.parse::<ApiBase>(), Err(ApiBaseError::Malformed), "{bad}");
        }
        for bad in
            ["https://me:pw@webexapis.com/v1", "https://webexapis.com/v1?x", "https://webexapis.com/v1#x"]
        {
            assert_eq!(bad.parse::<ApiBase>(), Err(ApiBaseError::Extra), "{bad}");
        }
    }

    #[test]
    fn a_slash_at_the_end_makes_no_difference() {
        let base: ApiBase = "https://webexapis.com/v1/".parse().unwrap();
        assert_eq!(base.join("/jwt/login"), "https://webexapis.com/v1/jwt/login");
    }
}
