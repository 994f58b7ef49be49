//! The names of a request's headers: which came, and which must not go on.

use super::Asked;
use crate::request::bytes::ByteSet;

/// What no client may say, sorted: ways to ask for another method, path or host than the request
/// line's, which some upstreams obey, and headers by which proxies tell an upstream who asks and from
/// where. Who asks stands in `ambit` alone. Those that Envoy itself sets before its filters are not
/// among them.
pub(super) const OVERRIDES: [&str; 69] = [
    "cf-access-authenticated-user-email",
    "cf-access-jwt-assertion",
    "cf-connecting-ip",
    "client-ip",
    "fastly-client-ip",
    "forwarded",
    "remote-user",
    "true-client-ip",
    "x-amzn-oidc-accesstoken",
    "x-amzn-oidc-data",
    "x-amzn-oidc-identity",
    "x-auth-request-access-token",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-user",
    "x-authenticated-user",
    "x-authenticated-userid",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-consumer-custom-id",
    "x-consumer-id",
    "x-consumer-username",
    "x-credential-identifier",
    "x-envoy-attempt-count",
    "x-envoy-original-host",
    "x-envoy-original-path",
    "x-envoy-original-url",
    "x-envoy-peer-metadata",
    "x-envoy-peer-metadata-id",
    "x-forwarded-access-token",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-host",
    "x-forwarded-host-override",
    "x-forwarded-method",
    "x-forwarded-path",
    "x-forwarded-preferred-username",
    "x-forwarded-prefix",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-uri",
    "x-forwarded-user",
    "x-goog-authenticated-user-email",
    "x-goog-authenticated-user-id",
    "x-goog-iap-jwt-assertion",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-http-path-override",
    "x-method-override",
    "x-ms-client-principal",
    "x-ms-client-principal-id",
    "x-ms-client-principal-name",
    "x-original-host",
    "x-original-method",
    "x-original-path",
    "x-original-request-uri",
    "x-original-uri",
    "x-original-url",
    "x-override-url",
    "x-real-ip",
    "x-remote-user",
    "x-rewrite-uri",
    "x-rewrite-url",
    "x-user",
    "x-user-id",
    "x-webauth-user",
];

/// The caller's credentials: they end at the gateway unless the resource keeps them.
const CREDENTIALS: [&str; 4] = ["authorization", "cookie", "dpop", "proxy-authorization"];

/// Consumed by Ambit, whoever may come after it.
const CONSUMED: [&str; 2] = ["ambit-approval", "ambit-grant"];

impl Asked {
    /// Keeps a name, and whether it must go: names that only Ambit sets, however they are spelt,
    /// and overrides.
    pub(super) fn note(&mut self, name: &[u8]) {
        let text = self.names.push(name);
        // Of the names that matter each begins so; most others need no further look.
        if !text.starts_with(['a', 'c', 'd', 'f', 'p', 'r', 't', 'x']) {
            return;
        }
        let dashed = text.contains('_').then(|| text.replace('_', "-"));
        let plain = dashed.as_deref().unwrap_or(text);
        if plain.starts_with("ambit") {
            match CONSUMED.iter().find(|known| **known == text) {
                Some(known) => self.consumed.push(known),
                None => self.forged.push(text.to_owned()),
            }
        } else if let Some(known) = CREDENTIALS.iter().find(|known| **known == text) {
            self.credentials.push(known);
        } else if OVERRIDES.binary_search(&plain).is_ok()
            || (dashed.is_some() && is_gateways(plain))
        {
            self.overrides.push(text.to_owned());
        }
    }
}

/// Whether a trailer of this name must not reach the upstream: names that only Ambit sets, and what
/// decides on a request, which no trailer may (RFC 9110 §6.5.1).
#[must_use]
pub fn is_no_trailer(name: &[u8]) -> bool {
    let plain = String::from_utf8_lossy(name).to_ascii_lowercase().replace('_', "-");
    plain.starts_with("ambit")
        || OVERRIDES.binary_search(&plain.as_str()).is_ok()
        || CREDENTIALS.contains(&plain.as_str())
}

/// Whether it is a name that the gateway removes or sets; spelt with `_` it would do neither.
fn is_gateways(plain: &str) -> bool {
    plain.starts_with("x-envoy-")
        || plain.starts_with("x-forwarded-")
        || CREDENTIALS.contains(&plain)
}

/// Lower-case header names in one piece of memory; no name that is used has a line break in it.
#[derive(Debug, Default)]
pub(in crate::enforcement) struct Names(String);

impl Names {
    /// Adds one and returns it. What is no text becomes some that is nobody's name.
    fn push(&mut self, name: &[u8]) -> &str {
        if self.0.is_empty() {
            self.0.reserve(512);
        }
        let from = self.0.len();
        match std::str::from_utf8(name) {
            Ok(text) => self.0.push_str(text),
            Err(_) => self.0.push_str(&String::from_utf8_lossy(name)),
        }
        if let Some(added) = self.0.get_mut(from..) {
            added.make_ascii_lowercase();
        }
        let end = self.0.len();
        self.0.push('\n');
        self.0.get(from..end).unwrap_or_default()
    }

    /// All of them, in the order they came.
    pub(in crate::enforcement) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_terminator('\n')
    }
}

/// RFC 9110 §5.1, or a pseudo header's (RFC 9113 §8.3). Any other name cannot be removed by name.
pub(super) fn is_name(name: &[u8]) -> bool {
    let name = name.strip_prefix(b":").unwrap_or(name);
    !name.is_empty() && TOKEN.has_all(name)
}

/// RFC 9110 §5.6.2.
const TOKEN: ByteSet = ByteSet::alphanumeric_and(b"!#$%&'*+-.^_`|~");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_no_client_may_send_are_sorted_and_each_is_looked_at() {
        assert!(OVERRIDES.is_sorted());
        for name in OVERRIDES.iter().chain(&CREDENTIALS) {
            let mut asked = Asked::default();
            asked.note(name.to_ascii_uppercase().as_bytes());
            assert!(asked.overrides == [*name] || asked.credentials == [*name], "{name}");
        }
    }

    #[test]
    fn names_that_only_ambit_sets_are_forged_however_they_are_spelt() {
        for name in ["ambit", "Ambit-Sub", "ambit_sub", "ambit_approval", "AMBIT_grant"] {
            let mut asked = Asked::default();
            asked.note(name.as_bytes());
            assert_eq!(asked.forged, [name.to_ascii_lowercase()]);
        }
        let mut asked = Asked::default();
        asked.note(b"Ambit-Approval");
        assert!(asked.forged.is_empty());
        assert_eq!(asked.consumed, ["ambit-approval"]);
    }
}
