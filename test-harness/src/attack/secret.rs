//! Public keys in every form that a careless verifier could take for a shared secret.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// A point on P-256, and one of Ed25519, as SubjectPublicKeyInfo (RFC 5480, RFC 8410).
const P256_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
const ED25519_PREFIX: &[u8] =
    &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The bytes that `form` of a public key (a JWK) is.
///
/// # Errors
/// The form is unknown.
pub(super) fn of(jwk: &Value, jwks: &Value, form: &str) -> Result<Vec<u8>, String> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let main = if text("kty") == "RSA" { "n" } else { "x" };
    let raw = |name: &str| URL_SAFE_NO_PAD.decode(text(name)).unwrap_or_default();
    let pem = |line: usize, end: &str| {
        let body = STANDARD.encode(der(jwk));
        let lines: Vec<&str> = body
            .as_bytes()
            .chunks(line)
            .map(|piece| std::str::from_utf8(piece).unwrap_or_default())
            .collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----{end}", lines.join("\n"))
    };
    Ok(match form {
        "raw" => raw(main),
        "text" => text(main).into_bytes(),
        "xy" => [raw("x"), raw("y")].concat(),
        "der" => der(jwk),
        "der64" => STANDARD.encode(der(jwk)).into_bytes(),
        "pem" => pem(64, "\n").into_bytes(),
        "pem-no-end" => pem(64, "").into_bytes(),
        "pem-crlf" => pem(64, "\n").replace('\n', "\r\n").into_bytes(),
        "pem-one-line" => pem(4096, "\n").into_bytes(),
        "jwk" => jwk.to_string().into_bytes(),
        "jwks" => jwks.to_string().into_bytes(),
        "kid" => text("kid").into_bytes(),
        "empty" => vec![0],
        "zeros" => vec![0; 32],
        "secret" => b"secret".to_vec(),
        other => return Err(format!("`{other}` is no form of a key")),
    })
}

fn der(jwk: &Value) -> Vec<u8> {
    let raw = |name: &str| {
        let text = jwk.get(name).and_then(Value::as_str).unwrap_or_default();
        URL_SAFE_NO_PAD.decode(text).unwrap_or_default()
    };
    match jwk.get("kty").and_then(Value::as_str) {
        Some("EC") => [P256_PREFIX.to_vec(), raw("x"), raw("y")].concat(),
        Some("OKP") => [ED25519_PREFIX.to_vec(), raw("x")].concat(),
        _ => rsa_der(&raw("n"), &raw("e")),
    }
}

/// RFC 8017 §A.1.1 within RFC 5280 §4.1.
fn rsa_der(n: &[u8], e: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| {
        let sign = bytes.first().is_some_and(|first| *first >= 0x80).then_some(0);
        tagged(2, &sign.into_iter().chain(bytes.iter().copied()).collect::<Vec<u8>>())
    };
    let key = tagged(0x30, &[number(n), number(e)].concat());
    let algorithm = [0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let bits = tagged(3, &[vec![0], key].concat());
    tagged(0x30, &[algorithm.to_vec(), bits].concat())
}

pub(super) fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 128 => out.push(short),
        Ok(one) => out.extend([0x81, one]),
        Err(_) => {
            out.push(0x82);
            out.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    out.extend(content);
    out
}
