//! Key sets, and the DER that hosts are given.

use super::identity::loaded;
use ambit::identity::{Family, Issuer, inside, parse_remote};
use serde_json::Value;

thread_local! {
    static ISSUER: Option<Issuer> = loaded(REMOTE).issuers.into_iter().next();
}

const REMOTE: &str = r#"{ remote: { cluster: idp, url: "https://idp.example.com/keys" } }"#;

/// What is taken of a key set can verify, is nobody's secret, and has one name.
pub(super) fn jwks(bytes: &[u8]) -> bool {
    use p256::pkcs8::DecodePublicKey as _;
    let Some(issuer) = ISSUER.with(Clone::clone) else { return false };
    let Ok(set) = parse_remote(bytes, &issuer) else { return false };
    let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let Some(listed) = document.get("keys").and_then(Value::as_array) else {
        panic!("a set without `keys`");
    };
    assert_eq!(set.keys.len() + set.skipped, listed.len(), "keys were lost");
    assert!(listed.len() <= 100, "more keys than are read");
    for key in &set.keys {
        let der = key.public_der();
        match key.family() {
            Family::P256 => assert!(p256::PublicKey::from_public_key_der(der).is_ok(), "bad DER"),
            Family::Rsa => assert!(
                rsa::pkcs8::DecodePublicKey::from_public_key_der(der)
                    .map(|_: rsa::PublicKey| ())
                    .is_ok(),
                "bad DER"
            ),
            Family::Hmac => panic!("an issuer's set gave a secret"),
            Family::Ed25519 | Family::P384 => {}
        }
        let named = |jwk: &&Value| jwk.get("kid").and_then(Value::as_str) == key.kid();
        assert!(
            listed.iter().filter(named).any(|jwk| jwk.get("d").is_none()),
            "a private key was taken"
        );
    }
    !set.keys.is_empty()
}

/// r and s come back out of the DER, however they begin.
pub(super) fn der(bytes: &[u8]) -> bool {
    let half = bytes.len().min(128) / 2;
    let halves = bytes.get(..half * 2).unwrap_or_default();
    let der = inside::ecdsa_der(halves);
    let (r, s) = halves.split_at(half);
    let (tag, body) = value(&der);
    assert_eq!((tag, body.1), (0x30, &[][..]), "not one sequence");
    let (first, rest) = value(body.0);
    let (second, last) = value(rest_of(rest));
    assert_eq!((first, second, last.1), (2, 2, &[][..]), "not two integers");
    for (given, integer) in [(r, rest.0), (s, last.0)] {
        let digits: Vec<u8> = given.iter().copied().skip_while(|byte| *byte == 0).collect();
        let read: Vec<u8> = integer.iter().copied().skip_while(|byte| *byte == 0).collect();
        assert_eq!(read, digits, "another number");
        let [first, rest @ ..] = integer else {
            panic!("an empty integer");
        };
        assert!(*first < 0x80, "a negative integer");
        let padded = *first == 0 && rest.first().is_some_and(|next| *next < 0x80);
        assert!(!padded, "not the shortest form");
    }
    if let Ok(signature) = p256::ecdsa::Signature::from_slice(halves) {
        let read = p256::ecdsa::Signature::from_der(&der);
        assert_eq!(read.ok(), Some(signature), "another reader reads another signature");
    }
    true
}

const fn rest_of<'a>((_, rest): (&'a [u8], &'a [u8])) -> &'a [u8] {
    rest
}

/// Tag, and content with what follows it.
fn value(der: &[u8]) -> (u8, (&[u8], &[u8])) {
    let [tag, length, rest @ ..] = der else {
        panic!("cut off");
    };
    let (length, rest) = match length {
        0x81 => (rest.first().copied().unwrap_or_default(), rest.get(1..).unwrap_or_default()),
        short => (*short, rest),
    };
    let (content, rest) = rest.split_at_checked(usize::from(length)).unwrap_or_default();
    (*tag, (content, rest))
}
