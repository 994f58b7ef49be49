//! Digest v1: the name of one exact request.
//!
//! base64url(SHA-256(JCS(X))), X = {v: 1, aud, host, method, path, query, content_type, if_match,
//! if_none_match, if_unmodified_since, headers, body}; absent members are left out; `body` is the
//! base64url SHA-256 of the body's bytes. Principals are bound in the approval request, never here.

use crate::request::json::jcs::write_string;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// A plain HTTP request as an approval binds it.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpRequest<'a> {
    /// The resource's audience.
    pub audience: &'a str,
    /// Host as compared with the policy.
    pub host: &'a str,
    /// Method.
    pub method: &'a str,
    /// The canonical path.
    pub path: &'a str,
    /// The query as forwarded.
    pub query: Option<&'a str>,
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// `If-Match`.
    pub if_match: Option<&'a str>,
    /// `If-None-Match`.
    pub if_none_match: Option<&'a str>,
    /// `If-Unmodified-Since`.
    pub if_unmodified_since: Option<&'a str>,
    /// Headers the resource lists: lower-case name, value.
    pub headers: &'a [(String, String)],
    /// The body's bytes.
    pub body: &'a [u8],
}

impl HttpRequest<'_> {
    /// X as canonical JSON (RFC 8785): what a person is shown is drawn from this. Written in the order
    /// of its members, so that nothing can fail.
    #[must_use]
    pub fn canonical(&self) -> String {
        let body = sha256(self.body);
        let mut out = String::with_capacity(320);
        member(&mut out, "aud", Some(self.audience));
        member(&mut out, "body", Some(&body));
        member(&mut out, "content_type", self.content_type);
        self.write_headers(&mut out);
        member(&mut out, "host", Some(self.host));
        member(&mut out, "if_match", self.if_match);
        member(&mut out, "if_none_match", self.if_none_match);
        member(&mut out, "if_unmodified_since", self.if_unmodified_since);
        member(&mut out, "method", Some(self.method));
        member(&mut out, "path", Some(self.path));
        member(&mut out, "query", self.query);
        out.push_str(",\"v\":1}");
        out
    }

    fn write_headers(&self, out: &mut String) {
        if self.headers.is_empty() {
            return;
        }
        let mut sorted: Vec<_> = self.headers.iter().collect();
        sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        let mut headers = String::new();
        for (name, value) in sorted {
            member(&mut headers, name, Some(value));
        }
        out.push_str(",\"headers\":");
        out.push_str(&headers);
        out.push('}');
    }

    /// The digest.
    #[must_use]
    pub fn digest(&self) -> String {
        sha256(self.canonical().as_bytes())
    }
}

/// One more member of the object that `out` begins; none where there is no value.
fn member(out: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        out.push(if out.is_empty() { '{' } else { ',' });
        write_string(name, out);
        out.push(':');
        write_string(value, out);
    }
}

/// base64url SHA-256 without padding.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::json::{Json, JsonLimits, parse};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn what_is_hashed_is_canonical_json_and_tells_every_part(
            parts in proptest::collection::vec("\\PC{0,12}|[\\x00-\\x1f\"\\\\]{0,6}", 5),
            optional in proptest::collection::vec(proptest::option::of(".{0,12}"), 5),
            headers in proptest::collection::btree_map("[a-z-]{1,6}|.{1,3}", ".{0,8}", 0..4),
            body in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let headers: Vec<(String, String)> = BTreeMap::into_iter(headers).rev().collect();
            let request = HttpRequest {
                audience: &parts[0],
                host: &parts[1],
                method: &parts[2],
                path: &parts[3],
                query: optional[0].as_deref(),
                content_type: optional[1].as_deref(),
                if_match: optional[2].as_deref(),
                if_none_match: optional[3].as_deref(),
                if_unmodified_since: optional[4].as_deref(),
                headers: &headers,
                body: &body,
            };
            let text = request.canonical();
            let json = parse(text.as_bytes(), JsonLimits::default()).unwrap();
            prop_assert_eq!(json.to_jcs().unwrap(), text);
            let told = |name: &str| json.member(name).and_then(Json::as_str);
            let hash = sha256(&body);
            for (name, value) in [
                ("aud", Some(request.audience)),
                ("body", Some(hash.as_str())),
                ("content_type", request.content_type),
                ("host", Some(request.host)),
                ("if_match", request.if_match),
                ("if_none_match", request.if_none_match),
                ("if_unmodified_since", request.if_unmodified_since),
                ("method", Some(request.method)),
                ("path", Some(request.path)),
                ("query", request.query),
            ] {
                prop_assert_eq!(told(name), value, "{}", name);
            }
            for (name, value) in &headers {
                let told = json.member("headers").and_then(|all| all.member(name));
                prop_assert_eq!(told.and_then(Json::as_str), Some(value.as_str()));
            }
        }
    }
}
