//! Proofs of possession, good and bad, from a recipe.

use super::catalogue::Request;
use super::token::{self, Recipe};
use super::world::{HOST, Keys};
use crate::proof::public;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::atomic::{AtomicU64, Ordering};

/// How a proof is made: a good one for its request and token (RFC 9449 §4.2), but for what is said here.
///
/// In claims `{ath}` and `{htu}` are what a good proof says and `{n}` is a number that no other proof has;
/// times are as in [`Recipe`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The key that signs, as in [`Recipe`]; its public half stands in the header.
    #[serde(default = "client")]
    pub key: String,
    /// The token it is about, where that is not the request's.
    #[serde(default)]
    pub about: Option<Recipe>,
    /// Members of the header over the good ones; null takes one away.
    #[serde(default)]
    pub header: Map<String, Value>,
    /// Claims over the good ones; null takes one away.
    #[serde(default)]
    pub claims: Map<String, Value>,
    /// The header's text; `{HEADER}` are the good members, `{JWK}` those of the key.
    #[serde(default)]
    pub header_json: Option<String>,
    /// The payload's text; `{CLAIMS}` are the good members.
    #[serde(default)]
    pub claims_json: Option<String>,
    /// What is done to the signature.
    #[serde(default)]
    pub sig: Option<String>,
    /// How the parts are joined, as in [`Recipe`].
    #[serde(default)]
    pub text: Option<String>,
}

fn client() -> String {
    "client-ed".to_owned()
}

/// One after another, so that no two proofs have one name.
static NUMBER: AtomicU64 = AtomicU64::new(1);

impl Proof {
    /// The proof, of a request with this token.
    ///
    /// # Errors
    /// The recipe names something that is not there.
    pub(super) fn make(
        &self,
        request: &Request,
        token: &str,
        keys: &Keys,
    ) -> Result<String, String> {
        let now = token::now();
        let key = token::signer(&self.key, keys)?;
        let shown = self.key.split(':').nth(1).unwrap_or(&self.key);
        let jwk = public(keys.get(shown)?);
        let about = match &self.about {
            Some(other) => other.make(keys)?,
            None => token.to_owned(),
        };
        let ath = URL_SAFE_NO_PAD.encode(Sha256::digest(about));
        let path = request.path.split('?').next().unwrap_or_default();
        let htu = format!("http://{}{path}", request.host.as_deref().unwrap_or(HOST));
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut header = Map::new();
        header.insert("typ".to_owned(), json!("dpop+jwt"));
        header.insert("alg".to_owned(), json!(key.algorithm()));
        header.insert("jwk".to_owned(), jwk.clone());
        let mut claims = Map::new();
        for (name, value) in [
            ("jti", json!(format!("p{number}"))),
            ("htm", json!(request.method)),
            ("htu", json!(htu)),
            ("ath", json!(ath)),
            ("iat", json!(now)),
        ] {
            claims.insert(name.to_owned(), value);
        }
        token::overlay(&mut header, &self.header, now, keys);
        token::overlay(&mut claims, &self.claims, now, keys);
        let jwk = jwk.to_string();
        let members = jwk.trim_start_matches('{').trim_end_matches('}');
        let header = token::text(self.header_json.as_deref(), "{HEADER}", &header, now);
        let header = header.replace("{JWK}", members);
        let payload = token::text(self.claims_json.as_deref(), "{CLAIMS}", &claims, now);
        let payload = payload
            .replace("{ath}", &ath)
            .replace("{htu}", &htu)
            .replace("{n}", &number.to_string());
        token::joined(&key, &header, &payload, self.sig.as_deref(), self.text.as_deref())
    }
}
