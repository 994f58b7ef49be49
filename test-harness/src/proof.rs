//! Proofs of possession for requests whose tokens are bound to a key (RFC 9449).

use ambit::identity::issue::SigningKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a request proves, over a good proof by the test sender's key, which the token is bound to
/// unless it says another `cnf`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Members of the header over the good ones; null takes one away.
    #[serde(default)]
    pub header: Map<String, Value>,
    /// Claims over the good ones; null takes one away, `now-60` is a time.
    #[serde(default)]
    pub claims: Map<String, Value>,
    /// Whether another key makes it, its own public half in the header.
    #[serde(default)]
    pub forged: bool,
    /// The scheme the token is presented by.
    #[serde(default = "dpop")]
    pub scheme: String,
    /// Whether it is left out.
    #[serde(default)]
    pub missing: bool,
}

fn dpop() -> String {
    "DPoP".to_owned()
}

/// The request a proof is for.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The access token.
    pub token: &'a str,
    /// The method.
    pub method: &'a str,
    /// The absolute URI.
    pub uri: &'a str,
    /// The proof's name, unless its claims say another.
    pub id: &'a str,
}

impl Proof {
    /// The header's value, made now.
    #[must_use]
    pub fn sign(&self, sender: &SigningKey, about: &About<'_>) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.sign_at(now, sender, about)
    }

    /// The header's value, made at a time in seconds since the epoch.
    #[must_use]
    pub fn sign_at(&self, now: u64, sender: &SigningKey, about: &About<'_>) -> String {
        let mut claims = json!({
            "jti": about.id, "htm": about.method, "htu": about.uri, "iat": now,
            "ath": digest(about.token.as_bytes()),
        });
        over(&mut claims, &self.claims, now);
        let mut header =
            json!({ "typ": "dpop+jwt", "alg": sender.algorithm(), "jwk": public(sender) });
        over(&mut header, &self.header, now);
        sender.sign(&header, &claims)
    }
}

/// Sets members, or takes them away where they are null; `now-600` and `now+60` are times.
pub(crate) fn over(value: &mut Value, changes: &Map<String, Value>, now: u64) {
    let Value::Object(members) = value else { return };
    for (name, value) in changes {
        match value {
            Value::Null => {
                members.remove(name);
            }
            Value::String(text) if text.starts_with("now") => {
                let offset: i64 = text.trim_start_matches("now").parse().unwrap_or_default();
                members.insert(name.clone(), json!(now.saturating_add_signed(offset)));
            }
            value => {
                members.insert(name.clone(), value.clone());
            }
        }
    }
}

/// The members of a public key that make it (RFC 7638 §3.2), in their order.
#[must_use]
pub fn public(key: &SigningKey) -> Value {
    let mut jwk = key.jwk("");
    if let Value::Object(members) = &mut jwk {
        members.retain(|name, _| !matches!(name.as_str(), "alg" | "kid" | "use"));
        members.sort_keys();
    }
    jwk
}

/// What a token that is bound to the key has for `cnf.jkt`.
#[must_use]
pub fn thumbprint(key: &SigningKey) -> String {
    digest(public(key).to_string().as_bytes())
}

fn digest(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}
