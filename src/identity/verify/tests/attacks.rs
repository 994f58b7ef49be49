//! Tokens that must not count, class by class.

use super::*;
use crate::identity::signing::base64url;
use proptest::prelude::*;

const PLAIN: &[u8] = br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k"}"#;

fn header(alg: &str) -> Value {
    json!({"alg": alg, "typ": "at+jwt", "kid": "k"})
}

fn refused(header: &Value) -> Reason {
    World::one(standard()).verify(&ed25519().sign(header, &payload())).unwrap_err()
}

#[test]
fn algorithms_that_are_not_the_issuers_are_refused() {
    let spellings =
        ["none", "None", "NONE", "nOnE", "RS256", "HS256", "ES256", "EDDSA", "eddsa", "EdDSA ", ""];
    for alg in spellings {
        assert_eq!(refused(&header(alg)), Reason::AlgorithmRefused, "{alg}");
    }
    let unsigned = format!(
        "{}.{}.",
        base64url(br#"{"alg":"none","typ":"at+jwt"}"#),
        base64url(payload().to_string().as_bytes())
    );
    let world = World::one(standard());
    assert_eq!(world.verify(&unsigned).unwrap_err(), Reason::MalformedToken);
}

#[test]
fn a_public_key_is_never_a_secret() {
    let der = include_bytes!("../../../../tests/keys/rsa-2048.spki.der").to_vec();
    let modulus = rs256().jwk("k")["n"].as_str().unwrap().as_bytes().to_vec();
    let forge = |secret: &[u8]| {
        SigningKey::secret("HS256", secret).unwrap().sign(&header("HS256"), &payload())
    };
    let rsa = World::one(written(Profile::Rfc9068, &["RS256"], &[rs256().jwk("k")]));
    for secret in [der, modulus] {
        assert_eq!(rsa.verify(&forge(&secret)).unwrap_err(), Reason::AlgorithmRefused);
    }
    // Nor where secrets are accepted: the key is of another family.
    let World { mut issuers, keys } = rsa;
    issuers[0].algorithms = vec![Algorithm::Hs256];
    let reason = begin(&forge(&[1; 32]), MAX, &issuers, &keys).unwrap_err();
    assert_eq!(reason, Reason::UnknownKey);
}

#[test]
fn a_key_serves_one_family_and_a_named_algorithm_only() {
    let world = World::one(written(
        Profile::Rfc9068,
        &["RS256", "PS256", "ES256", "ES384", "EdDSA"],
        &[rs256().jwk("rsa"), es256().jwk("ec"), ed25519().jwk("ed")],
    ));
    let sign = |key: &SigningKey, alg: &str, kid: &str| {
        key.sign(&json!({"alg": alg, "typ": "at+jwt", "kid": kid}), &payload())
    };
    assert!(world.verify(&sign(&rs256(), "RS256", "rsa")).is_ok());
    assert!(world.verify(&sign(&es256(), "ES256", "ec")).is_ok());
    // Wrong family, wrong curve, and a key whose `alg` says RS256 used for PSS.
    let confused =
        [("RS256", "ec"), ("ES256", "rsa"), ("ES384", "ec"), ("PS256", "rsa"), ("EdDSA", "ec")];
    for (alg, kid) in confused {
        let reason = world.verify(&sign(&rs256(), alg, kid)).unwrap_err();
        assert_eq!(reason, Reason::UnknownKey, "{alg} with {kid}");
    }
    // An ES384 signature under an ES256 header is too long to be one.
    let p384 = SigningKey::es384_from_seed(&[7; 48]).unwrap();
    let reason = world.verify(&sign(&p384, "ES256", "ec")).unwrap_err();
    assert_eq!(reason, Reason::BadSignature);
}

#[test]
fn one_kid_at_two_issuers_is_two_keys() {
    let other = SigningKey::ed25519_from_seed(&[8; 32]).unwrap();
    let mut second = written(Profile::Rfc9068, &["EdDSA"], &[other.jwk("k")]);
    second.issuer = "https://other.example".to_owned();
    let world = World::of(&[standard(), second], &[]);
    let header = header("EdDSA");
    let other_iss = with(json!({"iss": "https://other.example"}));
    assert_eq!(world.verify(&other.sign(&header, &other_iss)).unwrap().issuer, 1);
    for forged in [other.sign(&header, &payload()), ed25519().sign(&header, &other_iss)] {
        assert_eq!(world.verify(&forged).unwrap_err(), Reason::BadSignature);
    }
}

#[test]
fn issuers_are_compared_byte_for_byte() {
    for name in [
        "https://idp.example.com/",
        "https://IDP.example.com",
        "http://idp.example.com",
        "https://idp.example.com:443",
        " https://idp.example.com",
        "https://idp.example.com\u{0}",
        "idp.example.com",
        "https://idp.example.com.evil.example",
    ] {
        assert_eq!(refusal(&with(json!({"iss": name}))), Reason::UnknownIssuer, "{name}");
    }
}

#[test]
fn hostile_kids_name_no_key() {
    for kid in [
        "",
        "K",
        "k ",
        "k\u{0}",
        "k\u{0}.pem",
        "../../dev/null",
        "' OR '1'='1",
        "k\n",
        "https://evil.example/k",
    ] {
        let reason = refused(&json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid}));
        assert_eq!(reason, Reason::UnknownKey, "{kid:?}");
    }
}

#[test]
fn without_a_kid_only_the_only_fitting_key_counts() {
    let other = SigningKey::ed25519_from_seed(&[8; 32]).unwrap();
    let token = ed25519().sign(&json!({"alg": "EdDSA", "typ": "at+jwt"}), &payload());
    assert!(World::one(standard()).verify(&token).is_ok());
    let keys = [ed25519().jwk("k"), other.jwk("l")];
    let two = World::one(written(Profile::Rfc9068, &["EdDSA"], &keys));
    assert_eq!(two.verify(&token).unwrap_err(), Reason::UnknownKey);
    let keys = [ed25519().jwk("k"), es256().jwk("l")];
    let mixed = World::one(written(Profile::Rfc9068, &["EdDSA", "ES256"], &keys));
    assert!(mixed.verify(&token).is_ok());
}

#[test]
fn embedded_and_remote_keys_and_critical_members_are_refused() {
    let attacker = SigningKey::ed25519_from_seed(&[66; 32]).unwrap();
    for member in [
        json!({"jwk": attacker.jwk("k")}),
        json!({"jku": "https://evil.example/jwks.json"}),
        json!({"x5u": "https://evil.example/cert.pem"}),
        json!({"x5c": ["MIIB"]}),
        json!({"crit": ["exp"], "exp": 1}),
        json!({"crit": []}),
        json!({"b64": false, "crit": ["b64"]}),
        json!({"zip": "DEF"}),
        json!({"enc": "A128GCM"}),
    ] {
        let header = changed(header("EdDSA"), member.clone());
        assert_eq!(refused(&header), Reason::MalformedToken, "{member}");
        let forged = attacker.sign(&header, &payload());
        let reason = World::one(standard()).verify(&forged).unwrap_err();
        assert_eq!(reason, Reason::MalformedToken, "{member}");
    }
}

#[test]
fn header_types_are_told_apart() {
    let typed = |typ: &str| json!({"alg": "EdDSA", "typ": typ, "kid": "k"});
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        let token = ed25519().sign(&typed(typ), &payload());
        assert!(World::one(standard()).verify(&token).is_ok(), "{typ}");
    }
    for typ in [
        "JWT",
        "jwt",
        "id+jwt",
        "dpop+jwt",
        "oauth-id-jag+jwt",
        "txntoken+jwt",
        "wit+jwt",
        "",
        "none",
        "logout+jwt",
        "secevent+jwt",
        "at+jwt ",
        "application/application/at+jwt",
        "at+jwt; x=y",
    ] {
        assert_eq!(refused(&typed(typ)), Reason::WrongTokenType, "{typ}");
    }
    let untyped = json!({"alg": "EdDSA", "kid": "k"});
    assert_eq!(refused(&untyped), Reason::WrongTokenType);
    // Where a header without type is accepted, one that calls itself `none` is not.
    let mut issuer = standard();
    issuer.token_types = Some(vec!["none".to_owned()]);
    let claim = vec!["jti".to_owned()];
    issuer.require = Some(vec![document::Requirement { claim, ..Default::default() }]);
    let world = World::one(issuer);
    let reason = world.verify(&ed25519().sign(&typed("none"), &payload())).unwrap_err();
    assert_eq!(reason, Reason::WrongTokenType);
    assert!(world.verify(&ed25519().sign(&untyped, &payload())).is_ok());
}

#[test]
fn degenerate_signatures_are_refused_before_any_host_sees_them() {
    // The order of P-256.
    let order: &[u8] = &[
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let world = World::one(written(Profile::Rfc9068, &["ES256"], &[es256().jwk("k")]));
    let token = es256().sign(&header("ES256"), &payload());
    assert!(world.verify(&token).is_ok());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let good = jws::decode(signature).unwrap();
    let (r, s) = good.split_at(32);
    let zero: &[u8] = &[0; 32];
    for forged in [
        [zero, zero].concat(),
        [zero, s].concat(),
        [r, zero].concat(),
        [order, s].concat(),
        [r, order].concat(),
        [order, order].concat(),
        vec![0xff; 64],
        good[..63].to_vec(),
        [good.as_slice(), &[0]].concat(),
        der::ecdsa_signature(&good),
        vec![0],
    ] {
        let forged = format!("{message}.{}", base64url(&forged));
        let begun = begin(&forged, MAX, &world.issuers, &world.keys);
        assert_eq!(begun.unwrap_err(), Reason::BadSignature);
    }
    // Halves in each other's place have the form, and are not the signature.
    let swapped = format!("{message}.{}", base64url(&[s, r].concat()));
    assert_eq!(world.verify(&swapped).unwrap_err(), Reason::BadSignature);
}

#[test]
fn ed25519_signatures_of_small_order_or_beyond_the_order_are_refused() {
    let world = World::one(standard());
    let token = sign(&payload());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let mut identity = vec![0; 64];
    identity[0] = 1;
    // The same number s, plus the order of the group: equal for a lax verifier.
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut beyond = jws::decode(signature).unwrap();
    let mut carry = 0_u16;
    for (byte, add) in beyond[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    for forged in [identity, vec![0; 64], beyond, vec![0xff; 64]] {
        let forged = format!("{message}.{}", base64url(&forged));
        assert_eq!(world.verify(&forged).unwrap_err(), Reason::BadSignature);
    }
}

#[test]
fn rsa_signatures_as_large_as_the_modulus_or_trivial_are_refused() {
    let world = World::one(written(Profile::Rfc9068, &["RS256"], &[rs256().jwk("k")]));
    let token = rs256().sign(&header("RS256"), &payload());
    let (message, _) = token.rsplit_once('.').unwrap();
    let modulus = jws::decode(rs256().jwk("k")["n"].as_str().unwrap()).unwrap();
    let mut one = vec![0; 256];
    one[255] = 1;
    let forgeries =
        [vec![0; 256], one, modulus, vec![0xff; 256], vec![0; 255], vec![0; 257], vec![0]];
    for forged in forgeries {
        let forged = format!("{message}.{}", base64url(&forged));
        assert_eq!(world.verify(&forged).unwrap_err(), Reason::BadSignature);
    }
}

#[test]
fn other_serialisations_and_nested_tokens_are_malformed() {
    let token = sign(&payload());
    let mut parts = token.split('.');
    let mut part = || parts.next().unwrap();
    let (header, body, signature) = (part(), part(), part());
    let flat = json!({"payload": body, "protected": header, "signature": signature});
    let signed = json!([{"protected": header, "signature": signature}]);
    for text in [
        flat.to_string(),
        json!({"payload": body, "signatures": signed}).to_string(),
        format!("{header}..{signature}"),
        format!("{token}.{signature}"),
        format!("{header}.{body}.{signature}.{body}.{signature}"),
        format!("{token} "),
        format!("Bearer {token}"),
        format!("\u{feff}{token}"),
        token.replace('.', ". "),
        format!("{header}=.{body}.{signature}"),
        ed25519().sign_bytes(PLAIN, token.as_bytes()),
        "opaque-token".to_owned(),
    ] {
        let world = World::one(standard());
        assert_eq!(world.verify(&text).unwrap_err(), Reason::MalformedToken, "{text}");
    }
}

#[test]
fn duplicate_members_are_refused_however_they_are_spelt() {
    let rest =
        r#""sub":"alice","aud":"a","client_id":"x","iat":1795526100,"exp":1795526400,"jti":"t""#;
    let token = |payload: &str| ed25519().sign_bytes(PLAIN, payload.as_bytes());
    let world = World::one(standard());
    assert!(world.verify(&token(&format!(r#"{{"iss":"{ISSUER}",{rest}}}"#))).is_ok());
    for twice in [
        format!(r#"{{"iss":"https://evil.example","iss":"{ISSUER}",{rest}}}"#),
        format!(r#"{{"\u0069ss":"https://evil.example","iss":"{ISSUER}",{rest}}}"#),
        format!(r#"{{"iss":"{ISSUER}",{rest},"scope":"no:write","scope":"write:*"}}"#),
        format!(r#"{{"iss":"{ISSUER}",{rest},"act":{{"sub":"a","sub":"b"}}}}"#),
        format!("\u{feff}{{\"iss\":\"{ISSUER}\",{rest}}}"),
        format!(r#"{{"iss":"{ISSUER}",{rest}}} trailing"#),
        format!(r#"{{"iss":"{ISSUER}",{rest},}}"#),
        format!(r#"{{"iss":"{ISSUER}",{rest},"x":NaN}}"#),
    ] {
        assert_eq!(world.verify(&token(&twice)).unwrap_err(), Reason::MalformedToken, "{twice}");
    }
    let header = br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k","\u006bid":"l"}"#;
    let token = ed25519().sign_bytes(header, payload().to_string().as_bytes());
    assert_eq!(world.verify(&token).unwrap_err(), Reason::MalformedToken);
}

#[test]
fn oversize_and_deep_tokens_are_refused_unread() {
    let world = World::one(standard());
    let long = sign(&with(json!({"x": "a".repeat(MAX)})));
    assert_eq!(world.verify(&long).unwrap_err(), Reason::MalformedToken);
    let deep = format!(r#"{{"iss":"{ISSUER}","x":{}1{}}}"#, "[".repeat(4000), "]".repeat(4000));
    let deep = ed25519().sign_bytes(PLAIN, deep.as_bytes());
    assert_eq!(world.verify(&deep).unwrap_err(), Reason::MalformedToken);
}

#[test]
fn a_token_with_any_byte_changed_is_refused() {
    let world = World::one(standard());
    let token = sign(&payload());
    assert!(world.verify(&token).is_ok());
    for at in 0..token.len() {
        for flip in [1_u8, 2, 4, 8, 16, 32, 64] {
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= flip;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(world.verify(&changed).is_err(), "byte {at} with {flip}");
        }
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_none_counts(text in ".{0,200}") {
        prop_assert!(World::one(standard()).verify(&text).is_err());
    }

    #[test]
    fn no_header_and_payload_panics_and_none_unsigned_counts(
        header in r#"\{("(alg|typ|kid|crit)":("EdDSA"|"at\+jwt"|"k"|1|\[\]|null),?){0,4}\}"#,
        payload in r#"\{("(iss|sub|act|exp|scope)":("x"|1|-1e99|\{\}|\[\]|null),?){0,5}\}"#,
        signature in proptest::collection::vec(any::<u8>(), 0..70),
    ) {
        let parts = [header.as_bytes(), payload.as_bytes(), &signature].map(base64url);
        prop_assert!(World::one(standard()).verify(&parts.join(".")).is_err());
    }

    #[test]
    fn no_signed_payload_panics_and_none_without_the_standards_claims_counts(
        members in proptest::collection::btree_map(
            "sub|aud|exp|nbf|iat|client_id|azp|act|cnf|scope|scp|groups|_claim_names|typ",
            r#"("x"|"no:read"|1|-1|1e400|0.5|null|true|\[\]|\["a",1\]|\{\}|\{"sub":"a"\})"#,
            0..12,
        ),
    ) {
        let members = members.iter().map(|(name, value)| format!(",{name:?}:{value}"));
        let text = format!("{{\"iss\":{ISSUER:?}{}}}", members.collect::<String>());
        let token = ed25519().sign_bytes(PLAIN, text.as_bytes());
        // There is never a `jti`.
        prop_assert!(World::one(standard()).verify(&token).is_err());
    }
}
