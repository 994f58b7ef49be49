//! Tokens: their form, their header, and what they claim.

use super::model;
use ambit::Timestamp;
use ambit::enforcement::{Enforcement, Engine, Event, Ids, SignatureVerdict, Step};
use ambit::identity::inside;
use ambit::identity::issue::SigningKey;
use ambit::policy::{Loaded, Policy};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub(super) const NOW: i64 = 1_800_000_000;
const MOST: usize = 3000;
/// Header members that choose keys or change what is signed.
const REFUSED: [&str; 8] = ["b64", "crit", "enc", "jku", "jwk", "x5c", "x5u", "zip"];

/// Three parts, each in the only spelling it has, and read alike by others.
pub(super) fn jws(bytes: &[u8]) -> bool {
    let Ok(token) = std::str::from_utf8(bytes) else { return false };
    let Some(parts) = inside::jws(token, MOST) else { return false };
    assert!(token.len() <= MOST, "too long");
    let written: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = written.as_slice() else {
        panic!("accepted {} parts", written.len());
    };
    assert!(!signature.is_empty(), "no signature");
    for part in [header, payload] {
        let decoded = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        assert_eq!(URL_SAFE_NO_PAD.encode(decoded), **part, "a part with two spellings");
    }
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    let (Some(header), Some(payload)) =
        (model::read(&decoded(header)), model::read(&decoded(payload)))
    else {
        panic!("a part that is no JSON");
    };
    if header.strange || payload.strange {
        return true;
    }
    assert!(!header.twice && !payload.twice, "a member twice");
    assert_eq!(model::spelt_alike(&parts.payload), model::spelt_alike(&payload.value));
    let text = |name: &str| header.value.member(name).and_then(|value| value.as_str());
    assert!(REFUSED.iter().all(|name| header.value.member(name).is_none()), "a refused member");
    assert_eq!((parts.kid.as_deref(), parts.token_type.as_deref()), (text("kid"), text("typ")));
    match parts.algorithm {
        Some(known) => assert_eq!(text("alg"), Some(known.name()), "another algorithm"),
        None => assert!(text("alg").is_some(), "`alg` is not a string"),
    }
    true
}

/// The same, from a header's JSON.
pub(super) fn header(bytes: &[u8]) -> bool {
    let token = format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(bytes));
    jws(token.as_bytes())
}

/// One resource of each kind: this target asks for the plainest.
const POLICY: &str = include_str!("../../../tests/enforced.yaml");

thread_local! {
    static ENGINE: Option<Rc<Engine>> = engine("");
}

/// The policy with these keys, as `jwks` and whatever else follows it: read once, for reading takes
/// longer than most inputs.
pub(super) fn loaded(jwks: &str) -> Loaded {
    thread_local! {
        static READ: RefCell<BTreeMap<String, Loaded>> = RefCell::default();
    }
    let read = || match Policy::load_yaml("policy.yaml", &POLICY.replace("JWKS", jwks)) {
        Ok(loaded) => loaded,
        Err(errors) => {
            panic!("the policy of a target does not load: {errors}");
        }
    };
    READ.with_borrow_mut(|all| {
        let Loaded { policy, issuers, jwks, .. } = all.entry(jwks.to_owned()).or_insert_with(read);
        let (policy, issuers) = (policy.clone(), issuers.clone());
        Loaded { policy, issuers, jwks: jwks.clone(), warnings: Vec::new() }
    })
}

/// An engine whose issuer has one key of ES256, `k1`, and these settings.
pub(super) fn engine(settings: &str) -> Option<Rc<Engine>> {
    let key = SigningKey::es256_from_seed(&[7; 32]).ok()?;
    let loaded = loaded(&format!("{{ inline: {{ keys: [{}] }} }}{settings}", key.jwk("k1")));
    match Engine::with(loaded, &|_| None) {
        Ok(engine) => Some(Rc::new(engine)),
        Err(errors) => {
            panic!("the policy of a target makes no engine: {errors}");
        }
    }
}

/// A token of these claims: its signature is only said to be valid.
pub(super) fn token(payload: &[u8]) -> String {
    format!(
        "{}.{}.{}",
        URL_SAFE_NO_PAD.encode(br#"{"alg":"ES256","typ":"at+jwt","kid":"k1"}"#),
        URL_SAFE_NO_PAD.encode(payload),
        URL_SAFE_NO_PAD.encode([1; 64])
    )
}

/// What gets through claims what it must, as a plain reading of RFC 7519 and RFC 9068 sees it.
pub(super) fn claims(bytes: &[u8]) -> bool {
    let Some(engine) = ENGINE.with(Clone::clone) else { return false };
    let mut enforcement = Enforcement::new(engine, Ids::default());
    let authorization = format!("Bearer {}", token(bytes));
    let headers: Vec<(&[u8], &[u8])> = vec![
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":authority", b"api.example.com"),
        (b":path", b"/p/1"),
        (b"authorization", authorization.as_bytes()),
    ];
    let now = Timestamp::from_secs(NOW);
    let mut step =
        enforcement.on(now, Event::RequestHeaders { headers: &headers, peer: &[], end: true });
    if let Step::CheckSignature(check) = step {
        step = enforcement.on_signature(now, *check, SignatureVerdict::Valid);
    }
    let forwarded = matches!(step, Step::Forward(..));
    assert!(forwarded || matches!(step, Step::Reply(_)), "neither: {step:?}");
    if forwarded {
        let claims: Value = serde_json::from_slice(bytes).unwrap_or_default();
        if let Err(missing) = entitles(&claims) {
            panic!("let through without `{missing}`");
        }
    }
    forwarded
}

fn entitles(claims: &Value) -> Result<(), &'static str> {
    let is = |name: &str, text: &str| claims.get(name).and_then(Value::as_str) == Some(text);
    let seconds = |name: &str| claims.get(name).map(|value| value.as_f64().unwrap_or(f64::NAN));
    // The policy's default for clocks that differ.
    let (skew, now) = (60.0, NOW as f64);
    let one_of = |value: Option<&Value>, text: &str| match value {
        Some(Value::String(one)) => one == text,
        Some(Value::Array(all)) => all.iter().any(|one| one == text),
        _ => false,
    };
    let words = match claims.get("scope").or_else(|| claims.get("scp")) {
        Some(Value::String(text)) => text.split(' ').map(str::to_owned).collect(),
        Some(Value::Array(all)) => {
            all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    let gives =
        |word: &String| matches!(word.as_str(), "read:plain" | "read:*" | "*:plain" | "*:*");
    let client = |name: &str| claims.get(name).is_none_or(|value| value == "bot");
    let held = [
        ("iss", is("iss", "https://idp.example.com")),
        ("sub", claims.get("sub").and_then(Value::as_str).is_some_and(|sub| !sub.is_empty())),
        ("aud", one_of(claims.get("aud"), "https://api.example.com")),
        ("exp", seconds("exp").is_some_and(|exp| exp + skew > now)),
        ("nbf", seconds("nbf").is_none_or(|nbf| nbf - skew <= now)),
        ("iat", seconds("iat").is_none_or(|iat| iat - skew <= now)),
        ("cnf", claims.get("cnf").is_none()),
        ("scope", words.iter().any(gives)),
        ("no:", !words.iter().any(|word| word.to_ascii_lowercase().starts_with("no:read"))),
        ("client_id", ["client_id", "azp", "cid", "appid"].into_iter().all(client)),
        ("client", ["client_id", "azp", "cid", "appid"].iter().any(|n| claims.get(*n).is_some())),
    ];
    held.into_iter().find(|(_, holds)| !holds).map_or(Ok(()), |(name, _)| Err(name))
}
