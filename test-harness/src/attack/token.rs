//! Tokens, good and bad, from a recipe.

use super::secret;
use super::world::Keys;
use crate::proof;
use ambit::identity::issue::SigningKey;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// How a token is made: a good one of `of`, but for what is said here.
///
/// `{now}`, `{now+N}` and `{now-N}` are times; a claim that is nothing but one is a number.
/// `{jkt:NAME}` is the thumbprint of a key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Whose claims it begins with.
    #[serde(default = "alice")]
    pub of: String,
    /// The key that signs: one of the world's by name, or `HS256:<key>:<form>`, a public key taken
    /// for a secret. Left out, the caller's usual one.
    #[serde(default)]
    pub key: Option<String>,
    /// Members of the header over the usual ones; null takes one away.
    #[serde(default)]
    pub header: Map<String, Value>,
    /// Claims over the usual ones; null takes one away.
    #[serde(default)]
    pub claims: Map<String, Value>,
    /// The header's text; `{HEADER}` are the usual members.
    #[serde(default)]
    pub header_json: Option<String>,
    /// The payload's text; `{CLAIMS}` are the usual members.
    #[serde(default)]
    pub claims_json: Option<String>,
    /// What is done to the signature.
    #[serde(default)]
    pub sig: Option<String>,
    /// The key that it is bound to: its `cnf` is that key's thumbprint (RFC 9449 §6.1).
    #[serde(default)]
    pub bound: Option<String>,
    /// How the parts `{H}`, `{P}` and `{S}` are joined; `{H+}` and the like are in standard base64.
    #[serde(default)]
    pub text: Option<String>,
}

fn alice() -> String {
    "alice".to_owned()
}

/// One after another, so that no two tokens are the same.
static NUMBER: AtomicU64 = AtomicU64::new(1);

impl Recipe {
    /// A good token.
    pub(super) fn good(of: &str) -> Self {
        Self {
            of: of.to_owned(),
            key: None,
            header: Map::new(),
            claims: Map::new(),
            header_json: None,
            claims_json: None,
            sig: None,
            bound: None,
            text: None,
        }
    }

    /// The token.
    ///
    /// # Errors
    /// The recipe names something that is not there.
    pub(super) fn make(&self, keys: &Keys) -> Result<String, String> {
        let now = now();
        let (mut claims, usual_key) = super::world::claims(&self.of, now)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        claims.insert("jti".to_owned(), json!(format!("t{number}")));
        let key_name = self.key.as_deref().unwrap_or(usual_key);
        let key = signer(key_name, keys)?;
        let named = key_name.split(':').nth(1).unwrap_or(key_name);
        let kid = named.rsplit('-').next().unwrap_or_default();
        let mut header = Map::new();
        header.insert("alg".to_owned(), json!(key.algorithm()));
        header.insert("typ".to_owned(), json!("at+jwt"));
        header.insert("kid".to_owned(), json!(kid));
        if let Some(name) = &self.bound {
            let thumbprint = proof::thumbprint(keys.get(name)?);
            claims.insert("cnf".to_owned(), json!({ "jkt": thumbprint }));
        }
        overlay(&mut header, &self.header, now, keys);
        overlay(&mut claims, &self.claims, now, keys);
        let header = text(self.header_json.as_deref(), "{HEADER}", &header, now);
        let payload = text(self.claims_json.as_deref(), "{CLAIMS}", &claims, now);
        let payload = thumbprints(&payload, keys)?;
        joined(&key, &header, &payload, self.sig.as_deref(), self.text.as_deref())
    }
}

/// A JWS of these parts, after what an attacker does to it.
pub(super) fn joined(
    key: &SigningKey,
    header: &str,
    payload: &str,
    change: Option<&str>,
    form: Option<&str>,
) -> Result<String, String> {
    let signed = key.sign_bytes(header.as_bytes(), payload.as_bytes());
    let mut signature = signed.rsplit('.').next().unwrap_or_default().to_owned();
    if let Some(change) = change {
        signature = changed(change, &signature)?;
    }
    let parts = [
        ("{H}", URL_SAFE_NO_PAD.encode(header)),
        ("{P}", URL_SAFE_NO_PAD.encode(payload)),
        ("{H+}", STANDARD.encode(header)),
        ("{P+}", STANDARD.encode(payload)),
        ("{S+}", STANDARD.encode(URL_SAFE_NO_PAD.decode(&signature).unwrap_or_default())),
        ("{S}", signature),
    ];
    let mut token = form.unwrap_or("{H}.{P}.{S}").to_owned();
    for (mark, part) in parts {
        token = token.replace(mark, &part);
    }
    Ok(token)
}

fn thumbprints(payload: &str, keys: &Keys) -> Result<String, String> {
    let mut payload = payload.to_owned();
    while let Some((before, after)) = payload.split_once("{jkt:") {
        let (name, tail) = after.split_once('}').ok_or("`{jkt:` without an end")?;
        payload = format!("{before}{}{tail}", proof::thumbprint(keys.get(name)?));
    }
    Ok(payload)
}

pub(super) fn signer(name: &str, keys: &Keys) -> Result<SigningKey, String> {
    let mut parts = name.split(':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(algorithm), Some(key), Some(form)) => {
            let bytes = secret::of(&keys.get(key)?.jwk(key), &keys.jwks(), form)?;
            SigningKey::secret(algorithm, &bytes).map_err(|error| error.to_string())
        }
        _ => keys.get(name).cloned(),
    }
}

pub(super) fn overlay(
    members: &mut Map<String, Value>,
    over: &Map<String, Value>,
    now: i64,
    keys: &Keys,
) {
    for (name, value) in over {
        match value {
            Value::Null => {
                members.remove(name);
            }
            Value::String(text) if text.starts_with("{now") => {
                let number = serde_json::from_str(&times(text, now));
                members.insert(name.clone(), number.unwrap_or_else(|_| json!(text)));
            }
            // A public key in the header, as an attacker would put it there.
            Value::String(text) if text.starts_with("{jwk:") => {
                let key = text.trim_start_matches("{jwk:").trim_end_matches('}');
                members.insert(name.clone(), keys.get(key).map_or(Value::Null, |k| k.jwk(key)));
            }
            other => {
                members.insert(name.clone(), other.clone());
            }
        }
    }
}

/// The members as JSON, or within a text that the recipe gives.
pub(super) fn text(
    template: Option<&str>,
    mark: &str,
    members: &Map<String, Value>,
    now: i64,
) -> String {
    let json = Value::Object(members.clone()).to_string();
    match template {
        None => json,
        Some(template) => {
            let inner = json.trim_start_matches('{').trim_end_matches('}');
            super::wire::repeated(&times(&template.replace(mark, inner), now))
        }
    }
}

/// `{now}`, `{now+N}`, `{now-N}` as seconds since the epoch.
fn times(text: &str, now: i64) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{now") {
        out.push_str(before);
        let Some((offset, tail)) = after.split_once('}') else { break };
        let offset: i64 = if offset.is_empty() { 0 } else { offset.parse().unwrap_or_default() };
        out.push_str(&now.saturating_add(offset).to_string());
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// A signature after an attacker's hands.
fn changed(change: &str, signature: &str) -> Result<String, String> {
    if change == "spare-bits" {
        return respelt(signature);
    }
    let bytes = URL_SAFE_NO_PAD.decode(signature).map_err(|error| error.to_string())?;
    let half = bytes.len() / 2;
    let (first, second) = (
        bytes.get(..half).unwrap_or_default().to_vec(),
        bytes.get(half..).unwrap_or_default().to_vec(),
    );
    let zeros = vec![0; half];
    let flipped = |at: usize| {
        let mut bytes = bytes.clone();
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1;
        }
        bytes
    };
    let all = bytes.len();
    let made = match change {
        "empty" => Vec::new(),
        "zeros" => vec![0; all],
        "ones" => vec![0xff; all],
        "one" => vec![1],
        "r-zero" => [zeros, second].concat(),
        "s-zero" => [first, zeros].concat(),
        "r-order" => [P256_ORDER.to_vec(), second].concat(),
        "s-order" => [first, P256_ORDER.to_vec()].concat(),
        "both-order" => [P256_ORDER, P256_ORDER].concat(),
        "r-one" => [one(half), second].concat(),
        "both-one" => [one(half), one(half)].concat(),
        "swapped" => [second, first].concat(),
        "der" => der(&first, &second),
        "flip-first" => flipped(0),
        "flip-middle" => flipped(half),
        "flip-last" => flipped(all.saturating_sub(1)),
        "first-half" => first,
        "shorter" => bytes.get(..all.saturating_sub(1)).unwrap_or_default().to_vec(),
        "shorter-front" => bytes.get(1..).unwrap_or_default().to_vec(),
        "longer" => [bytes, vec![0]].concat(),
        "longer-front" => [vec![0], bytes].concat(),
        "twice" => [bytes.clone(), bytes].concat(),
        "identity-point" => [one(half).into_iter().rev().collect(), zeros].concat(),
        "s-plus-order" => [first, plus_l(&second)].concat(),
        other => return Err(format!("`{other}` is nothing that is done to signatures")),
    };
    Ok(URL_SAFE_NO_PAD.encode(made))
}

/// Another spelling of the same bytes: bits of the last character that stand for none are set (RFC 4648
/// §3.5).
fn respelt(signature: &str) -> Result<String, String> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut letters: Vec<char> = signature.chars().collect();
    if letters.len().is_multiple_of(4) {
        return Err("a signature without spare bits".to_owned());
    }
    let last = letters.pop().and_then(|last| ALPHABET.find(last)).ok_or("no base64url")?;
    letters.extend(ALPHABET.chars().nth(last | 1));
    Ok(letters.into_iter().collect())
}

fn one(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length.saturating_sub(1)];
    bytes.push(1);
    bytes
}

/// The order of P-256's group (FIPS 186-5).
const P256_ORDER: &[u8] = &[
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// Ed25519's order, little-endian (RFC 8032 §5.1).
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn plus_l(s: &[u8]) -> Vec<u8> {
    let mut carry = 0_u16;
    let sum = s.iter().zip(L).map(|(a, b)| {
        let sum = u16::from(*a).saturating_add(u16::from(b)).saturating_add(carry);
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    });
    sum.collect()
}

/// ASN.1 in place of r and s (RFC 3279 §2.2.3).
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| {
        let sign = bytes.first().is_some_and(|first| *first >= 0x80).then_some(0);
        secret::tagged(2, &sign.into_iter().chain(bytes.iter().copied()).collect::<Vec<u8>>())
    };
    secret::tagged(0x30, &[number(r), number(s)].concat())
}

pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
