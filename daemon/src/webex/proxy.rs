//! Which proxies the environment names. reqwest reads the variables by itself; this is for telling people.

use url::Url;

/// The variables that reqwest looks at, each also in lower case.
pub const VARIABLES: [&str; 8] = [
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// What one variable says. What a proxy is logged in to with is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxySetting {
    /// Requests go through a proxy.
    Through {
        /// The variable that says so.
        variable: &'static str,
        /// Host and port.
        server: String,
    },
    /// Some hosts are reached without a proxy.
    Exempt {
        /// The variable that says so.
        variable: &'static str,
    },
    /// The variable does not name a server, and is ignored.
    Unusable {
        /// Which variable.
        variable: &'static str,
    },
}

impl ProxySetting {
    /// Reads the value of one of the [`VARIABLES`]. An empty one says nothing.
    #[must_use]
    pub fn read(variable: &'static str, value: &str) -> Option<Self> {
        let value = value.trim();
        if value.is_empty() {
            return None;
        }
        if variable.eq_ignore_ascii_case("no_proxy") {
            return Some(Self::Exempt { variable });
        }
        Some(match server(value) {
            Some(server) => Self::Through { variable, server },
            None => Self::Unusable { variable },
        })
    }
}

/// Host and port of a proxy's address. One without a scheme is HTTP's.
fn server(value: &str) -> Option<String> {
    let address = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url = Url::parse(&address).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    Some(match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_without_its_password() {
        for (value, expected) in [
            ("http://me:hunter2@proxy.example:3128/", "proxy.example:3128"),
            ("me:hunter2@proxy.example:3128", "proxy.example:3128"),
            ("proxy.example", "proxy.example:80"),
            ("https://proxy.example", "proxy.example:443"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            let through = ProxySetting::Through { variable: "HTTPS_PROXY", server: expected.to_owned() };
            assert_eq!(ProxySetting::read("HTTPS_PROXY", value), Some(through), "{value}");
        }
    }

    #[test]
    fn what_names_no_server_is_told_apart() {
        assert_eq!(ProxySetting::read("HTTPS_PROXY", " "), None);
        for junk in ["http://", "http://me:hunter2@", "me:hunter2@:1", "http://me:hunter2@a b"] {
            let unusable = ProxySetting::Unusable { variable: "ALL_PROXY" };
            assert_eq!(ProxySetting::read("ALL_PROXY", junk), Some(unusable), "{junk}");
        }
        let exempt = ProxySetting::Exempt { variable: "no_proxy" };
        assert_eq!(ProxySetting::read("no_proxy", "localhost,.lan"), Some(exempt));
    }
}
