//! Digest v1: the name of one exact request.
//!
//! base64url(SHA-256(JCS(X))), X = {v: 1, aud, host, method, path, query, content_type, if_match,
//! if_none_match, if_unmodified_since, headers, body}; absent members are left out; `body` is the
//! base64url SHA-256 of the body's bytes. Principals are bound in the approval request, never here.

use crate::request::json::Json;
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
    /// X as canonical JSON: what a person is shown is drawn from this.
    #[must_use]
    pub fn canonical(&self) -> String {
        let text = |value: &str| Json::String(value.into());
        let mut members: Vec<(Box<str>, Json)> = vec![
            ("v".into(), Json::Number("1".into())),
            ("aud".into(), text(self.audience)),
            ("host".into(), text(self.host)),
            ("method".into(), text(self.method)),
            ("path".into(), text(self.path)),
            ("body".into(), text(&sha256(self.body))),
        ];
        for (name, value) in [
            ("query", self.query),
            ("content_type", self.content_type),
            ("if_match", self.if_match),
            ("if_none_match", self.if_none_match),
            ("if_unmodified_since", self.if_unmodified_since),
        ] {
            if let Some(value) = value {
                members.push((name.into(), text(value)));
            }
        }
        if !self.headers.is_empty() {
            let headers =
                self.headers.iter().map(|(name, value)| (name.as_str().into(), text(value)));
            members.push(("headers".into(), Json::Object(headers.collect())));
        }
        // Nothing here but strings and the number 1, so no number can fail.
        Json::Object(members).to_jcs().unwrap_or_default()
    }

    /// The digest.
    #[must_use]
    pub fn digest(&self) -> String {
        sha256(self.canonical().as_bytes())
    }
}

/// base64url SHA-256 without padding.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}
