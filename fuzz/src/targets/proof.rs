//! Proofs of possession, whole: header and payload as JSON, held against one request.

use super::identity::NOW;
use super::model;
use ambit::identity::dpop::{self, Wanted};
use ambit::identity::issue::SigningKey;
use ambit::{Span, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const TOKEN: &str = "header.payload.signature";
const HOST: &str = "api.example.com";
const PATH: &str = "/v1/notes/7";
const SKEW: i64 = 30;
/// Members of a private key (RFC 7518 §6.2.2, §6.3.2, §6.4).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// Header members that choose another key or change what is signed.
const REFUSED: [&str; 7] = ["b64", "crit", "enc", "jku", "x5c", "x5u", "zip"];

thread_local! {
    static KEY: Option<Value> = public();
}

/// The key that the token is bound to.
fn public() -> Option<Value> {
    let key = SigningKey::es256_from_seed(&[7; 32]).ok()?;
    let jwk = key.jwk("k1");
    Some(json!({ "crv": "P-256", "kty": "EC", "x": jwk.get("x")?, "y": jwk.get("y")? }))
}

fn digest(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

/// The header's JSON on the first line, the payload's on the others; `JWK` in the header is the
/// bound key, `ATH` in the payload the token's digest.
pub(super) fn proof(bytes: &[u8]) -> bool {
    let Some(key) = KEY.with(Clone::clone) else { return false };
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let (header, payload) = text.split_once('\n').unwrap_or((text, ""));
    let header = header.replace("JWK", &key.to_string());
    let payload = payload.replace("ATH", &digest(TOKEN.as_bytes()));
    let signature = URL_SAFE_NO_PAD.encode([1; 64]);
    let whole = [&header, &payload].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let thumbprint = digest(key.to_string().as_bytes());
    let wanted = Wanted {
        token: TOKEN,
        thumbprint: &thumbprint,
        method: "POST",
        schemes: ["https", "https"],
        host: HOST,
        path: PATH,
        skew: Span::from_secs(SKEW),
    };
    let now = Timestamp::from_secs(NOW);
    let read = dpop::read(&format!("{whole}.{signature}"), &wanted, now);
    let once = [&header, &payload]
        .iter()
        .all(|text| model::read(text.as_bytes()).is_some_and(|model| !model.twice));
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (header, payload) = (parsed(&header), parsed(&payload));
    let Ok(read) = read else {
        assert!(!once || !is_plain(&header, &payload, &key), "a good proof was refused");
        return false;
    };
    assert!(once, "a proof that says something twice was taken");
    if let Err(wrong) = proves(&header, &payload, &key) {
        panic!("a proof with a wrong `{wrong}` was taken");
    }
    assert_eq!(Some(read.id.as_str()), payload.get("jti").and_then(Value::as_str));
    assert_eq!(read.nonce.as_deref(), payload.get("nonce").and_then(Value::as_str));
    assert!(read.check.is_of_proof(), "the check is of a token");
    true
}

/// Exactly what a client sends: nothing may refuse it.
fn is_plain(header: &Value, payload: &Value, key: &Value) -> bool {
    let good = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": key });
    let (id, issued) = (payload.get("jti"), payload.get("iat"));
    let claims = json!({
        "jti": id, "iat": issued, "htm": "POST", "htu": format!("https://{HOST}{PATH}"),
        "ath": digest(TOKEN.as_bytes()),
    });
    let named = id.and_then(Value::as_str).is_some_and(|id| (1..=64).contains(&id.len()));
    let lately = issued.and_then(Value::as_i64).is_some_and(|at| (NOW - 60..=NOW).contains(&at));
    *header == good && *payload == claims && named && lately
}

/// As a plain reading of RFC 9449 §4.3 sees it.
fn proves(header: &Value, payload: &Value, key: &Value) -> Result<(), &'static str> {
    let says =
        |of: &Value, name: &str, text: &str| of.get(name).and_then(Value::as_str) == Some(text);
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    let seconds = |name: &str| payload.get(name).map(|value| value.as_f64().unwrap_or(f64::NAN));
    let (skew, now) = (SKEW as f64 + 0.001, NOW as f64);
    let jwk = header.get("jwk").cloned().unwrap_or_default();
    let same = ["crv", "kty", "x", "y"].iter().all(|name| jwk.get(*name) == key.get(*name));
    let short = |value: Option<&str>| value.is_none_or(|text| text.len() <= 256);
    let held = [
        ("typ", says(header, "typ", "dpop+jwt")),
        ("alg", says(header, "alg", "ES256")),
        ("jwk", same),
        ("a private key", PRIVATE.iter().all(|name| jwk.get(*name).is_none())),
        ("a refused member", REFUSED.iter().all(|name| header.get(*name).is_none())),
        ("htm", says(payload, "htm", "POST")),
        ("ath", says(payload, "ath", &digest(TOKEN.as_bytes()))),
        ("htu", text("htu").is_some_and(is_target)),
        ("iat", seconds("iat").is_some_and(|at| at <= now + skew && at >= now - 60.0 - skew)),
        ("exp", seconds("exp").is_none_or(|at| at + skew > now)),
        ("nbf", seconds("nbf").is_none_or(|at| at - skew <= now)),
        ("jti", text("jti").is_some_and(|id| !id.is_empty()) && short(text("jti"))),
        ("nonce", payload.get("nonce").is_none_or(Value::is_string) && short(text("nonce"))),
    ];
    held.into_iter().find(|(_, holds)| !holds).map_or(Ok(()), |(name, _)| Err(name))
}

/// Another reader's view of the URI, query and fragment aside.
fn is_target(uri: &str) -> bool {
    let end = uri.find(['?', '#']).unwrap_or(uri.len());
    let Ok(uri) = uri.get(..end).unwrap_or_default().parse::<http::Uri>() else { return false };
    let own = uri.port_u16().is_none_or(|port| port == 443);
    let path = super::request::percent(uri.path().as_bytes());
    uri.scheme_str().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
        && uri.host().is_some_and(|host| host.eq_ignore_ascii_case(HOST))
        && own
        && path == PATH.as_bytes()
}
