//! The vectors of Project Wycheproof for JSON Web Signatures and key sets.

use super::*;
use crate::identity::jwks::read_inline;
use crate::identity::jws::{Reading, Signed};
use std::collections::BTreeSet;

const SIGNATURES: &str =
    include_str!("../../../../tests/vectors/wycheproof/json_web_signature_test.json");
const KEYS: &str = include_str!("../../../../tests/vectors/wycheproof/json_web_key_test.json");

/// What the vectors call valid and is refused here, and why.
const STRICTER: &[(&str, &[u64])] = &[
    ("an empty payload is no token", &[259, 264, 268, 272, 320, 325]),
    ("the header's algorithm is not the key's", &[346, 350]),
    ("P-521 is not supported, and its `alg` is misspelt", &[347, 351]),
    ("characters beyond base64url", &[372, 373]),
];

/// What the vectors call invalid although it is, byte for byte, their valid test 357: the padding
/// that was to be wrong is not in them.
const CONTRADICTORY: &[u64] = &[367, 370];

/// Runs one file; returns the tests that came out otherwise than it says.
fn differing(file: &str) -> (usize, BTreeSet<u64>) {
    let file: Value = serde_json::from_str(file).unwrap();
    let (mut count, mut differing) = (0, BTreeSet::new());
    for group in file["testGroups"].as_array().unwrap() {
        let key = group.get("public").unwrap_or(&group["private"]);
        for test in group["tests"].as_array().unwrap() {
            count += 1;
            let valid = test["result"] == "valid";
            if accepts(key, test["jws"].as_str().unwrap_or_default()) != valid {
                differing.insert(test["tcId"].as_u64().unwrap());
            }
        }
    }
    (count, differing)
}

/// As [`begin`] and [`SignatureCheck::verify`] do, for payloads that are no claims.
fn accepts(keys: &Value, token: &str) -> bool {
    let Some(signed) = Signed::read(token, MAX, Reading::Token) else {
        return false;
    };
    let Some(algorithm) = signed.header.algorithm else {
        return false;
    };
    // What an issuer of such tokens could list: secrets, or everything else.
    let is_secret = algorithm.family() == Family::Hmac;
    let listed =
        Algorithm::ALL.into_iter().filter(|one| (one.family() == Family::Hmac) == is_secret);
    let listed: Vec<_> = listed.collect();
    let keys = match keys.get("keys") {
        Some(keys) => keys.as_array().unwrap().iter().map(public).collect(),
        None => vec![keys.clone()],
    };
    let limits = JsonLimits { bytes: 65_536, depth: 8, nodes: 1024 };
    let document = parse(json!({"keys": keys}).to_string().as_bytes(), limits).unwrap();
    let mut problems = Vec::new();
    let set = read_inline(&document, &listed, true, "", &mut problems);
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return false;
    }
    let Some(key) = set.choose(signed.header.kid.as_deref(), algorithm) else {
        return false;
    };
    jws::decode(signed.signature).is_some_and(|bytes| can_be_signature(key, algorithm, &bytes))
        && key.verify(algorithm, signed.message.as_bytes(), signed.signature)
}

/// The public half of a key of a set, for which the vectors give private ones only.
fn public(jwk: &Value) -> Value {
    let mut jwk = jwk.clone();
    for member in ["d", "p", "q", "dp", "dq", "qi"] {
        jwk.as_object_mut().unwrap().remove(member);
    }
    jwk
}

#[test]
fn signatures_are_accepted_and_refused_as_wycheproof_says_or_more_strictly() {
    let (count, differing) = differing(SIGNATURES);
    assert_eq!(count, 401);
    let stricter = STRICTER.iter().flat_map(|(_, tests)| *tests);
    assert_eq!(differing, stricter.chain(CONTRADICTORY).copied().collect());
}

#[test]
fn key_sets_are_accepted_and_refused_as_wycheproof_says() {
    assert_eq!(differing(KEYS), (26, BTreeSet::new()));
}
