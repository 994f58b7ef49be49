//! Host and port, compared in one spelling.

/// The longest host read, in bytes.
const MAX_HOST: usize = 255;

/// The host of a request's `:authority`: lower case, with its port unless that is the scheme's own.
///
/// Returns `None` for user information, a trailing dot, bad characters or a bad port: what two
/// readers could take for two hosts.
#[must_use]
pub fn parse(authority: &str, scheme: &str) -> Option<String> {
    let (name, port) = split(authority)?;
    let name = name.to_ascii_lowercase();
    Some(match (port, scheme) {
        (None, _) | (Some(80), "http") | (Some(443), "https") => name,
        (Some(port), _) => format!("{name}:{port}"),
    })
}

/// A host as a policy writes it: `host` or `host:port`. A port that is the default of `scheme`, the
/// audience's, is left out, as it is of a request's.
///
/// # Errors
/// A sentence about what is wrong.
pub fn parse_policy(host: &str, scheme: &str) -> Result<String, String> {
    parse(host, scheme).ok_or_else(|| format!("`{host}` is not a host"))
}

/// Host and port of an absolute http or https URL.
///
/// # Errors
/// A sentence about what is wrong.
pub fn from_audience(url: &str) -> Result<String, String> {
    let wrong = || format!("`{url}` is not an absolute http or https URL");
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    if scheme != "http" && scheme != "https" {
        return Err(wrong());
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    parse(authority, scheme).ok_or_else(wrong)
}

/// Name and port, both checked.
fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    if authority.is_empty() || authority.len() > MAX_HOST {
        return None;
    }
    let (name, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, tail) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            let end = authority.len().checked_sub(tail.len())?;
            let port = if tail.is_empty() { None } else { Some(tail.strip_prefix(':')?) };
            (authority.get(..end)?, port)
        }
        None => match authority.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (authority, None),
        },
    };
    if !name.starts_with('[') && !is_name(name) {
        return None;
    }
    let port = match port {
        None => None,
        // Digits only, no leading zero: one spelling a port.
        Some(text) if text.starts_with('0') || !text.bytes().all(|b| b.is_ascii_digit()) => {
            return None;
        }
        Some(text) => Some(text.parse::<u16>().ok()?),
    };
    Some((name, port))
}

fn is_name(name: &str) -> bool {
    name.split('.').all(|label| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_host_has_one_spelling() {
        assert_eq!(parse("API.example.COM:443", "https").unwrap(), "api.example.com");
        assert_eq!(parse("api.example.com:443", "http").unwrap(), "api.example.com:443");
        assert_eq!(parse("127.0.0.1:10000", "http").unwrap(), "127.0.0.1:10000");
        assert_eq!(parse("[::1]:8080", "http").unwrap(), "[::1]:8080");
    }

    #[test]
    fn a_policy_may_write_the_port_that_its_scheme_has_anyway() {
        assert_eq!(parse_policy("API.example.com:443", "https").unwrap(), "api.example.com");
        assert_eq!(parse_policy("api.example.com:443", "http").unwrap(), "api.example.com:443");
        assert!(parse_policy("api.example.com:x", "https").is_err());
    }

    #[test]
    fn ambiguous_hosts_are_refused() {
        for host in [
            "", "a.", ".a", "a..b", "u@a", "a:", "a:0", "a:080", "a:65536", "a:+1", "a b", "a/b",
            "a,b", "[::1", "::1", "[::1]x", "a:80:80", "a\u{e9}", "a%2e", "a?b", "a#b",
        ] {
            assert_eq!(parse(host, "http"), None, "{host}");
        }
    }

    #[test]
    fn audiences_are_absolute_urls() {
        assert_eq!(from_audience("https://api.example.com/v1").unwrap(), "api.example.com");
        assert_eq!(from_audience("http://127.0.0.1:10000").unwrap(), "127.0.0.1:10000");
        assert!(from_audience("api.example.com").is_err());
        assert!(from_audience("ftp://x").is_err());
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_its_own_spelling(authority in "[a-cA-C0-9.:@%_\\[\\]-]{0,16}", https in any::<bool>()) {
            let scheme = if https { "https" } else { "http" };
            if let Some(host) = parse(&authority, scheme) {
                prop_assert_eq!(parse(&host, scheme), Some(host.clone()));
                prop_assert_eq!(from_audience(&format!("{scheme}://{authority}/x")), Ok(host));
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = (parse(&text, "http"), parse_policy(&text, "https"), from_audience(&text));
        }
    }
}
