use super::*;
use crate::identity::issue::SigningKey;
use crate::identity::signing::base64url;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const TOKEN: &str = "header.payload.signature";

fn key() -> SigningKey {
    SigningKey::es256_from_seed(&[4; 32]).unwrap()
}

/// The public members of a key, as a proof shows them.
fn public(key: &SigningKey) -> Value {
    let mut jwk = key.jwk("x");
    for name in ["kid", "use", "alg"] {
        jwk.as_object_mut().unwrap().remove(name);
    }
    jwk
}

fn thumbprint_of(key: &SigningKey) -> String {
    let text = public(key).to_string();
    let limits = crate::request::json::JsonLimits { bytes: 8192, depth: 4, nodes: 64 };
    thumbprint(&crate::request::json::parse(text.as_bytes(), limits).unwrap()).unwrap()
}

fn header(key: &SigningKey) -> Value {
    json!({ "typ": "dpop+jwt", "alg": key.algorithm(), "jwk": public(key) })
}

fn claims() -> Value {
    let ath = digest(TOKEN.as_bytes());
    json!({
        "jti": "one", "htm": "POST", "htu": "https://api.example.com/v1/notes/7",
        "iat": NOW.secs(), "ath": ath,
    })
}

/// With members changed; null takes one away.
fn with(mut value: Value, changes: &Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        match change {
            Value::Null => value.as_object_mut().unwrap().remove(name),
            change => value.as_object_mut().unwrap().insert(name.clone(), change.clone()),
        };
    }
    value
}

fn judged(proof: &str, bound: &str, now: Timestamp) -> Option<Proof> {
    let wanted = Wanted {
        token: TOKEN,
        thumbprint: bound,
        method: "POST",
        schemes: ["https", "https"],
        host: "api.example.com",
        path: "/v1/notes/7",
        skew: Span::from_secs(30),
    };
    match read(proof, &wanted, now) {
        Ok(proof) => Some(proof),
        Err(reason) => {
            assert_eq!(reason, Reason::BadProof);
            None
        }
    }
}

/// Whether a proof of these parts is good, its signature included.
fn accepts(header: &Value, claims: &Value) -> bool {
    judged(&key().sign(header, claims), &thumbprint_of(&key()), NOW)
        .is_some_and(|proof| proof.check.verify())
}

#[test]
fn the_proof_of_the_standards_example_is_good_for_its_request_and_token() {
    // RFC 9449 §7.1.
    let proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    let mut wanted = Wanted {
        token: "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU",
        thumbprint: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
        method: "GET",
        schemes: ["https", "https"],
        host: "resource.example.org",
        path: "/protectedresource",
        skew: Span::from_secs(30),
    };
    let now = Timestamp::from_secs(1_562_262_618);
    let good = read(proof, &wanted, now).unwrap();
    assert!(good.check.verify() && good.check.is_of_proof());
    assert_eq!((good.id.as_str(), good.nonce), ("e1j3V_bKic8-LAEB", None));
    wanted.token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxV";
    assert!(read(proof, &wanted, now).is_err());
}

#[test]
fn a_proof_of_each_algorithm_is_good() {
    for key in [
        key(),
        SigningKey::es384_from_seed(&[4; 48]).unwrap(),
        SigningKey::ed25519_from_seed(&[4; 32]).unwrap(),
    ] {
        let proof = key.sign(&header(&key), &claims());
        let good = judged(&proof, &thumbprint_of(&key), NOW).unwrap();
        assert!(good.check.verify(), "{}", key.algorithm());
        assert_eq!((good.id.as_str(), good.issued_at), ("one", NOW));
        assert!(good.check.issuer().is_none() && good.check.generation() == 0);
    }
}

#[test]
fn one_wrong_value_in_the_header_refuses() {
    let key = key();
    let good = header(&key);
    assert!(accepts(&good, &claims()));
    let jwk = |changes: Value| json!({ "jwk": with(public(&key), &changes) });
    for changes in [
        json!({ "typ": null }),
        json!({ "typ": "JWT" }),
        json!({ "typ": "at+jwt" }),
        json!({ "typ": "DPoP+JWT" }),
        json!({ "typ": "application/dpop+jwt" }),
        json!({ "typ": ["dpop+jwt"] }),
        json!({ "alg": null }),
        json!({ "alg": "none" }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "ES384" }),
        json!({ "alg": "RS384" }),
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "b64": true }),
        json!({ "jku": "https://evil.example/jwks" }),
        json!({ "x5c": [] }),
        json!({ "x5u": "https://evil.example/x" }),
        json!({ "zip": "DEF" }),
        json!({ "kid": 1 }),
        json!({ "jwk": null }),
        json!({ "jwk": "x" }),
        json!({ "jwk": [public(&key)] }),
        json!({ "jwk": public(&SigningKey::es256_from_seed(&[5; 32]).unwrap()) }),
        jwk(json!({ "d": "AAAA" })),
        jwk(json!({ "p": "AAAA" })),
        jwk(json!({ "k": "AAAA" })),
        jwk(json!({ "use": "enc" })),
        jwk(json!({ "key_ops": ["sign"] })),
        jwk(json!({ "alg": "ES384" })),
        jwk(json!({ "crv": "P-384" })),
        jwk(json!({ "x": null })),
        jwk(json!({ "kty": "oct", "k": "AAAA" })),
    ] {
        assert!(!accepts(&with(good.clone(), &changes), &claims()), "{changes}");
    }
    // What only tells more is no matter.
    assert!(accepts(&with(good, &json!({ "kid": "mine", "x": [1] })), &claims()));
}

#[test]
fn one_wrong_value_in_the_claims_refuses() {
    let now = NOW.secs();
    let header = header(&key());
    for changes in [
        json!({ "jti": null }),
        json!({ "jti": "" }),
        json!({ "jti": 7 }),
        json!({ "jti": "x".repeat(257) }),
        json!({ "htm": null }),
        json!({ "htm": "GET" }),
        json!({ "htm": "post" }),
        json!({ "htm": ["POST"] }),
        json!({ "htu": null }),
        json!({ "htu": ["https://api.example.com/v1/notes/7"] }),
        json!({ "iat": null }),
        json!({ "iat": now.to_string() }),
        json!({ "iat": now - 91 }),
        json!({ "iat": now + 31 }),
        json!({ "iat": 0 }),
        json!({ "iat": -1 }),
        json!({ "iat": 9e300 }),
        json!({ "exp": now - 30 }),
        json!({ "exp": "never" }),
        json!({ "nbf": now + 31 }),
        json!({ "ath": null }),
        json!({ "ath": "" }),
        json!({ "ath": digest(b"another") }),
        json!({ "nonce": 7 }),
        json!({ "nonce": "x".repeat(257) }),
    ] {
        assert!(!accepts(&header, &with(claims(), &changes)), "{changes}");
    }
    for changes in [
        json!({ "iat": now - 90 }),
        json!({ "iat": now + 30 }),
        json!({ "exp": now + 60, "nbf": now }),
        json!({ "jti": "x".repeat(256) }),
        json!({ "nonce": "n" }),
        json!({ "more": { "than": "asked" } }),
    ] {
        assert!(accepts(&header, &with(claims(), &changes)), "{changes}");
    }
}

#[test]
fn the_uri_is_compared_in_its_normal_form_without_query_and_fragment() {
    let judge = |htu: &str| accepts(&header(&key()), &with(claims(), &json!({ "htu": htu })));
    for good in [
        "https://api.example.com/v1/notes/7",
        "HTTPS://API.example.com:443/v1/notes/7",
        "https://api.example.com/v1/notes/7?q=1#f",
        "https://api.example.com/v1/n%6Ftes/%37",
    ] {
        assert!(judge(good), "{good}");
    }
    for bad in [
        "",
        "/v1/notes/7",
        "api.example.com/v1/notes/7",
        "//api.example.com/v1/notes/7",
        "http://api.example.com/v1/notes/7",
        "ftp://api.example.com/v1/notes/7",
        "https:/api.example.com/v1/notes/7",
        "https://api.example.com",
        "https://api.example.com/",
        "https://api.example.com/v1/notes/8",
        "https://api.example.com/v1/notes/7/",
        "https://api.example.com/v1/Notes/7",
        "https://api.example.com/v1/x/../notes/7",
        "https://api.example.com/v1//notes/7",
        "https://api.example.com/v1%2Fnotes/7",
        "https://api.example.com:8443/v1/notes/7",
        "https://api.example.com:080/v1/notes/7",
        "https://api.example.com./v1/notes/7",
        "https://other.example.com/v1/notes/7",
        "https://user@api.example.com/v1/notes/7",
        "https://api.example.com@other.example.com/v1/notes/7",
        "https://other.example.com?https://api.example.com/v1/notes/7",
        "https://api.example.com#/v1/notes/7",
        " https://api.example.com/v1/notes/7",
        "https://api.example.com\\/v1/notes/7",
    ] {
        assert!(!judge(bad), "{bad}");
    }
}

#[test]
fn a_member_that_stands_twice_refuses() {
    let (header, claims) = (header(&key()).to_string(), claims().to_string());
    let sign = |header: &str, claims: &str| {
        let proof = key().sign_bytes(header.as_bytes(), claims.as_bytes());
        judged(&proof, &thumbprint_of(&key()), NOW).is_some()
    };
    assert!(sign(&header, &claims));
    for name in ["typ", "alg", "jwk"] {
        let twice = header.replacen('{', &format!("{{\"{name}\":\"x\","), 1);
        assert!(!sign(&twice, &claims), "{twice}");
    }
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        let twice = claims.replacen('{', &format!("{{\"{name}\":\"x\","), 1);
        assert!(!sign(&header, &twice), "{twice}");
    }
}

#[test]
fn a_weak_key_proves_nothing() {
    // A point of small order: anybody signs for it.
    let weak = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(&[0; 32]) });
    let small = json!({ "kty": "RSA", "e": "AQAB", "n": base64url(&[0xc7; 128]) });
    let even =
        json!({ "kty": "EC", "crv": "P-256", "x": base64url(&[1; 32]), "y": base64url(&[1; 32]) });
    for (alg, jwk) in [("EdDSA", weak), ("RS256", small), ("ES256", even)] {
        let limits = crate::request::json::JsonLimits { bytes: 8192, depth: 4, nodes: 64 };
        let text = jwk.to_string();
        let bound =
            thumbprint(&crate::request::json::parse(text.as_bytes(), limits).unwrap()).unwrap();
        let proof = key().sign(&json!({ "typ": "dpop+jwt", "alg": alg, "jwk": jwk }), &claims());
        assert!(judged(&proof, &bound, NOW).is_none(), "{alg}");
    }
}

#[test]
fn a_token_is_no_proof_and_a_proof_no_token() {
    let proof = key().sign(&header(&key()), &claims());
    assert!(Jws::read(&proof, MAX_BYTES).is_err());
    let without = with(header(&key()), &json!({ "jwk": null }));
    assert!(judged(&key().sign(&without, &claims()), &thumbprint_of(&key()), NOW).is_none());
}

#[test]
fn a_proof_longer_than_its_bound_is_refused() {
    let long = with(claims(), &json!({ "x": "x".repeat(8000) }));
    assert!(!accepts(&header(&key()), &long));
}

#[test]
fn another_signature_is_not_the_keys() {
    let bound = thumbprint_of(&key());
    let proof = key().sign(&header(&key()), &claims());
    let other = key().sign(&header(&key()), &with(claims(), &json!({ "jti": "two" })));
    let message = proof.rsplit_once('.').unwrap().0;
    let signature = other.rsplit_once('.').unwrap().1;
    let mixed = judged(&format!("{message}.{signature}"), &bound, NOW).unwrap();
    assert!(!mixed.check.verify());
    assert!(judged(&format!("{message}.AAAA"), &bound, NOW).is_none());
    let zeros = format!("{message}.{}", "A".repeat(86));
    assert!(judged(&zeros, &bound, NOW).is_none());
}

proptest! {
    #[test]
    fn no_bytes_are_a_proof_unless_signed_for_this_request(
        at in 0_usize..1000,
        byte in any::<u8>(),
        text in "[A-Za-z0-9_.-]{0,60}",
    ) {
        let bound = thumbprint_of(&key());
        let proof = key().sign(&header(&key()), &claims());
        let mut bytes = proof.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        for changed in [String::from_utf8_lossy(&bytes).into_owned(), text] {
            let good = judged(&changed, &bound, NOW).is_some_and(|proof| proof.check.verify());
            prop_assert_eq!(good, changed == proof);
        }
    }
}
