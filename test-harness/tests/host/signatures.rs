//! What `verify_signature` is asked: a signature that is good, and one that is not.

use ambit::identity::issue::SigningKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

/// What stands before the two coordinates of a P-256 key in its DER form (RFC 5480).
const SPKI: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];

/// The function's arguments: hash, key, signature and text, in that order of their numbers.
pub fn arguments(good: bool) -> Vec<u8> {
    let key = SigningKey::es256_from_seed(&[7; 32]).unwrap();
    let token = key.sign(&json!({ "alg": "ES256" }), &json!({ "sub": "alice" }));
    let (text, signature) = token.rsplit_once('.').unwrap();
    let jwk = key.jwk("k");
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let coordinate = |name: &str| bytes(jwk[name].as_str().unwrap());
    let public = [&SPKI[..], &coordinate("x"), &coordinate("y")].concat();
    let signature = bytes(signature);
    let (r, s) = signature.split_at(32);
    let pair = [integer(r), integer(s)].concat();
    let length = u8::try_from(pair.len()).unwrap();
    let signature = [&[0x30, length][..], &pair].concat();
    let text = if good { text.to_owned() } else { format!("{text}x") };
    let all = [b"sha256".to_vec(), public, signature, text.into_bytes()];
    (1_u8..).zip(all).flat_map(|(number, value)| field(number, &value)).collect()
}

/// A DER integer: no zeros in front, but one where the first bit is set.
fn integer(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|byte| *byte != 0).unwrap();
    let mut bytes = number[start..].to_vec();
    if bytes[0] >= 0x80 {
        bytes.insert(0, 0);
    }
    [vec![2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

/// A length-delimited field of a protobuf message, shorter than 128 bytes.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    assert!(value.len() < 128);
    [vec![number << 3 | 2, u8::try_from(value.len()).unwrap()], value.to_vec()].concat()
}
