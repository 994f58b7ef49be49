use super::*;
use crate::identity::issue::SigningKey;
use crate::request::json::{JsonLimits, parse};
use serde_json::{Value, json};

const RSA_2048: &[u8] = include_bytes!("../../../tests/keys/rsa-2048.pkcs1.der");
const RSA_3072: &[u8] = include_bytes!("../../../tests/keys/rsa-3072.pkcs1.der");
const RSA_1024: &[u8] = include_bytes!("../../../tests/keys/rsa-1024.pkcs1.der");

fn read(jwk: &Value) -> Result<Key, String> {
    let limits = JsonLimits { bytes: 65_536, depth: 4, nodes: 64 };
    Key::from_jwk(&parse(jwk.to_string().as_bytes(), limits).unwrap())
}

fn with(mut jwk: Value, name: &str, value: Value) -> Value {
    jwk[name] = value;
    jwk
}

fn every_kind() -> Vec<(Algorithm, SigningKey)> {
    let rsa = |name: &str, der: &[u8]| SigningKey::rsa_from_der(name, der).unwrap();
    let secret = |name: &str| SigningKey::secret(name, &[9; 64]).unwrap();
    vec![
        (Algorithm::EdDsa, SigningKey::ed25519_from_seed(&[1; 32]).unwrap()),
        (Algorithm::Es256, SigningKey::es256_from_seed(&[2; 32]).unwrap()),
        (Algorithm::Es384, SigningKey::es384_from_seed(&[3; 48]).unwrap()),
        (Algorithm::Hs256, secret("HS256")),
        (Algorithm::Hs384, secret("HS384")),
        (Algorithm::Hs512, secret("HS512")),
        (Algorithm::Ps256, rsa("PS256", RSA_2048)),
        (Algorithm::Ps384, rsa("PS384", RSA_2048)),
        (Algorithm::Ps512, rsa("PS512", RSA_3072)),
        (Algorithm::Rs256, rsa("RS256", RSA_2048)),
        (Algorithm::Rs384, rsa("RS384", RSA_3072)),
        (Algorithm::Rs512, rsa("RS512", RSA_2048)),
    ]
}

fn encoded(bytes: &[u8]) -> String {
    crate::identity::signing::base64url(bytes)
}

#[test]
fn what_each_kind_signs_its_public_key_verifies_and_no_other() {
    let kinds = every_kind();
    assert_eq!(kinds.len(), Algorithm::ALL.len());
    for (algorithm, signing) in &kinds {
        let key = read(&signing.jwk("k")).unwrap();
        let signature = signing.signature(b"message");
        assert_eq!(signature.len(), key.signature_len(*algorithm), "{algorithm}");
        let text = encoded(&signature);
        assert!(key.verify(*algorithm, b"message", &text), "{algorithm}");
        assert!(!key.verify(*algorithm, b"massage", &text), "{algorithm}");
        for at in [0, signature.len() / 2, signature.len() - 1] {
            let mut forged = signature.clone();
            forged[at] ^= 1;
            assert!(!key.verify(*algorithm, b"message", &encoded(&forged)), "{algorithm}");
        }
        for (other, _) in &kinds {
            let fits = other == algorithm;
            assert_eq!(key.fits(*other), fits, "a key for {algorithm} with {other}");
            assert_eq!(key.verify(*other, b"message", &text), fits, "{algorithm} as {other}");
        }
    }
}

#[test]
fn a_key_that_names_no_algorithm_serves_its_family() {
    let mut jwk = SigningKey::rs256_from_der(RSA_2048).unwrap().jwk("k");
    jwk.as_object_mut().unwrap().remove("alg");
    let key = read(&jwk).unwrap();
    assert!(key.fits(Algorithm::Rs512) && key.fits(Algorithm::Ps256));
    assert!(!key.fits(Algorithm::Es256) && !key.fits(Algorithm::Hs256));
}

#[test]
fn signatures_of_any_length_are_refused_and_never_panic() {
    for (algorithm, signing) in every_kind() {
        let key = read(&signing.jwk("k")).unwrap();
        for len in [0, 1, 31, 32, 63, 64, 65, 96, 255, 256, 257, 384, 1025] {
            for byte in [0, 1, 0xff] {
                assert!(!key.verify(algorithm, b"message", &encoded(&vec![byte; len])));
            }
        }
    }
}

#[test]
fn our_der_of_an_rsa_key_is_openssls() {
    let key = read(&SigningKey::rs256_from_der(RSA_2048).unwrap().jwk("k")).unwrap();
    assert_eq!(key.public_der(), include_bytes!("../../../tests/keys/rsa-2048.spki.der"));
}

#[test]
fn our_der_of_a_point_begins_as_the_standard_says() {
    let key = read(&SigningKey::es256_from_seed(&[2; 32]).unwrap().jwk("k")).unwrap();
    let der = key.public_der();
    assert_eq!(der.len(), 91);
    let head = [
        0x30, 0x59, 0x30, 0x13, 0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x06, 8, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 3, 1, 7, 0x03, 0x42, 0, 4,
    ];
    assert_eq!(der[..27], head);
    let key = read(&SigningKey::es384_from_seed(&[2; 48]).unwrap().jwk("k")).unwrap();
    assert_eq!(key.public_der()[..4], [0x30, 0x76, 0x30, 0x10]);
}

#[test]
fn only_keys_for_verifying_are_read() {
    let jwk = || SigningKey::ed25519_from_seed(&[1; 32]).unwrap().jwk("k");
    assert!(read(&with(jwk(), "key_ops", json!(["verify"]))).is_ok());
    assert!(read(&with(jwk(), "x5t", json!("ignored"))).is_ok());
    for (name, value) in [
        ("use", json!("enc")),
        ("use", json!(["sig"])),
        ("use", json!(null)),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!([])),
        ("key_ops", json!("verify")),
        ("alg", json!("ES256")),
        ("alg", json!("none")),
        ("alg", json!("eddsa")),
        ("alg", json!(1)),
        ("kid", json!(1)),
        ("kty", json!("okp")),
        ("kty", json!(null)),
        ("crv", json!("X25519")),
        ("crv", json!("Ed448")),
        ("d", json!("AAAA")),
        ("d", json!(null)),
    ] {
        assert!(read(&with(jwk(), name, value.clone())).is_err(), "{name}: {value}");
    }
    for jwk in [json!(null), json!([]), json!({}), json!("x"), json!({"kty": "RSA"})] {
        assert!(read(&jwk).is_err(), "{jwk}");
    }
}

#[test]
fn weak_and_invalid_rsa_keys_are_refused() {
    let jwk = |der: &[u8]| SigningKey::rs256_from_der(der).unwrap().jwk("k");
    assert!(read(&jwk(RSA_1024)).unwrap_err().contains("weak"));
    let e = |bytes: &[u8]| with(jwk(RSA_2048), "e", json!(encoded(bytes)));
    for bytes in [&[0_u8][..], &[1], &[2], &[0, 0, 0, 1], &[1, 0, 0], &[2, 0, 0, 0, 1], &[0xff; 9]]
    {
        assert!(read(&e(bytes)).is_err(), "{bytes:?}");
    }
    assert!(read(&e(&[3])).is_ok() && read(&e(&[1, 0xff, 0xff, 0xff, 0xff])).is_ok());
    let n = |bytes: &[u8]| with(jwk(RSA_2048), "n", json!(encoded(bytes)));
    let mut even = vec![0xff; 256];
    even[255] = 0xfe;
    for bytes in [&even[..], &[0xff; 1025], &[0x7f; 255], &[0; 256], &[1]] {
        assert!(read(&n(bytes)).is_err());
    }
    // 8192 bits are accepted, and a leading zero changes nothing.
    assert!(read(&n(&[0xff; 1024])).is_ok());
    let modulus = decode(jwk(RSA_2048)["n"].as_str().unwrap()).unwrap();
    let padded = read(&n(&[&[0], modulus.as_slice()].concat())).unwrap();
    assert_eq!(padded.public_der(), read(&jwk(RSA_2048)).unwrap().public_der());
    for text in ["", "AQAB=", "AQ AB", "+/==", "A"] {
        assert!(read(&with(jwk(RSA_2048), "e", json!(text))).is_err(), "{text}");
    }
}

#[test]
fn points_that_are_not_on_their_curve_are_refused() {
    let jwk = || SigningKey::es256_from_seed(&[2; 32]).unwrap().jwk("k");
    let x = decode(jwk()["x"].as_str().unwrap()).unwrap();
    let y = decode(jwk()["y"].as_str().unwrap()).unwrap();
    for value in [
        encoded(&[0; 32]),
        encoded(&[0xff; 32]),
        encoded(&y),
        encoded(&x[1..]),
        encoded(&[&[0], x.as_slice()].concat()),
    ] {
        assert!(read(&with(jwk(), "x", json!(value))).is_err());
    }
    // The same point under another curve's name.
    assert!(read(&with(with(jwk(), "crv", json!("P-384")), "alg", json!("ES384"))).is_err());
    for curve in ["P-521", "secp256k1", "p-256", "P-256 "] {
        assert!(read(&with(jwk(), "crv", json!(curve))).is_err(), "{curve}");
    }
}

#[test]
fn ed25519_points_of_small_order_and_second_spellings_are_refused() {
    let jwk = || SigningKey::ed25519_from_seed(&[1; 32]).unwrap().jwk("k");
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut order_two = [0xff; 32];
    (order_two[0], order_two[31]) = (0xec, 0x7f);
    // y = p, which is 0, and y = p + 1, which is 1, each spelt beyond the field.
    let mut beyond = order_two;
    beyond[0] = 0xed;
    let mut further = order_two;
    further[0] = 0xee;
    for point in [[0; 32], neutral, order_two, beyond, further, [0xff; 32]] {
        assert!(read(&with(jwk(), "x", json!(encoded(&point)))).is_err(), "{point:02x?}");
    }
    for len in [0, 31, 33] {
        assert!(read(&with(jwk(), "x", json!(encoded(&vec![5; len])))).is_err());
    }
}

#[test]
fn secrets_are_as_long_as_the_hash() {
    let secret =
        |alg: &str, len: usize| read(&SigningKey::secret(alg, &vec![9; len]).unwrap().jwk("k"));
    assert!(secret("HS256", 31).is_err() && secret("HS256", 32).is_ok());
    assert!(secret("HS384", 47).is_err() && secret("HS384", 48).is_ok());
    assert!(secret("HS512", 63).is_err() && secret("HS512", 64).is_ok());
    let unnamed = read(&json!({"kty": "oct", "k": encoded(&[9; 32])})).unwrap();
    assert!(unnamed.fits(Algorithm::Hs256) && !unnamed.fits(Algorithm::Hs384));
}

#[test]
fn keys_are_never_printed() {
    let secret = [0x5a; 64];
    let key = read(&SigningKey::secret("HS512", &secret).unwrap().jwk("k")).unwrap();
    let printed = format!("{key:?}");
    assert!(!printed.contains("90") && !printed.contains(&encoded(&secret)), "{printed}");
}

/// RFC 7515 §A.3 (ES256), RFC 7515 §A.2 (RS256), RFC 7515 §A.1 (HS256), RFC 8037 §A.4 (EdDSA).
#[test]
fn the_examples_of_the_standards_verify() {
    let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let p256 = json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let es256 =
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let hmac = json!({
        "kty": "oct",
        "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    });
    let hs256 = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let ed = json!({
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    });
    let eddsa =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let rsa = json!({
        "kty": "RSA", "e": "AQAB",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    });
    let rs256 = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    for (jwk, algorithm, message, signature) in [
        (rsa, Algorithm::Rs256, format!("eyJhbGciOiJSUzI1NiJ9.{payload}"), rs256),
        (p256, Algorithm::Es256, format!("eyJhbGciOiJFUzI1NiJ9.{payload}"), es256),
        (
            hmac,
            Algorithm::Hs256,
            format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{payload}"),
            hs256,
        ),
        (
            ed,
            Algorithm::EdDsa,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            eddsa,
        ),
    ] {
        let key = read(&jwk).unwrap();
        assert!(key.verify(algorithm, message.as_bytes(), signature), "{algorithm}");
    }
}
