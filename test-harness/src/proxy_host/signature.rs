//! Envoy's foreign function `verify_signature`, from its protobuf arguments: PKCS#1 v1.5 and ECDSA
//! over DER, as measured on Envoy 1.40 (no PSS, no EdDSA).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::pkcs8::DecodePublicKey as _;
use rsa::pkcs1v15;
use rsa::signature::Verifier as _;

/// The result message: `08 01` for a valid signature, empty or with an error for an invalid one;
/// `None` for arguments that Envoy refuses.
pub(super) fn verify(arguments: &[u8]) -> Option<Vec<u8>> {
    let fields = fields(arguments)?;
    let field = |number| fields.iter().find(|(known, _)| *known == number).map(|(_, value)| *value);
    let hash = std::str::from_utf8(field(1)?).ok()?.to_ascii_lowercase();
    // DER or PEM, and not both.
    let pem = field(5).filter(|text| !text.is_empty());
    let key = match (field(2).filter(|bytes| !bytes.is_empty()), pem) {
        (Some(der), None) => der.to_vec(),
        (None, Some(pem)) => der_of(pem)?,
        _ => return None,
    };
    let (key, signature) = (key.as_slice(), field(3)?);
    let text = field(4).unwrap_or_default();
    let valid = rsa(&hash, key, signature, text)
        .or_else(|| ecdsa256(&hash, key, signature, text))
        .or_else(|| ecdsa384(&hash, key, signature, text))?;
    Some(if valid { vec![0x08, 0x01] } else { Vec::new() })
}

/// The DER of a PEM text (RFC 7468).
fn der_of(pem: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(pem).ok()?.trim();
    let text = text.strip_prefix("-----BEGIN PUBLIC KEY-----")?;
    let text = text.strip_suffix("-----END PUBLIC KEY-----")?;
    let digits: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(digits).ok()
}

/// Length-delimited fields: number and bytes.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut fields = Vec::new();
    while let Some((tag, rest)) = bytes.split_first() {
        if tag & 7 != 2 {
            return None;
        }
        let (mut length, mut shift, mut rest) = (0_usize, 0_u32, rest);
        loop {
            let (byte, after) = rest.split_first()?;
            length |= usize::from(byte & 0x7f).checked_shl(shift)?;
            (shift, rest) = (shift.checked_add(7)?, after);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (value, after) = rest.split_at_checked(length)?;
        fields.push((tag >> 3, value));
        bytes = after;
    }
    Some(fields)
}

fn rsa(hash: &str, key: &[u8], signature: &[u8], text: &[u8]) -> Option<bool> {
    let key = rsa::PublicKey::from_public_key_der(key).ok()?;
    let signature = pkcs1v15::Signature::try_from(signature).ok();
    let Some(signature) = signature else { return Some(false) };
    Some(match hash {
        "sha256" => {
            pkcs1v15::VerifyingKey::<sha2::Sha256>::new(key).verify(text, &signature).is_ok()
        }
        "sha384" => {
            pkcs1v15::VerifyingKey::<sha2::Sha384>::new(key).verify(text, &signature).is_ok()
        }
        "sha512" => {
            pkcs1v15::VerifyingKey::<sha2::Sha512>::new(key).verify(text, &signature).is_ok()
        }
        _ => return None,
    })
}

fn ecdsa256(hash: &str, key: &[u8], signature: &[u8], text: &[u8]) -> Option<bool> {
    let key = p256::ecdsa::VerifyingKey::from_public_key_der(key).ok()?;
    let Ok(signature) = p256::ecdsa::DerSignature::try_from(signature) else { return Some(false) };
    (hash == "sha256").then(|| key.verify(text, &signature).is_ok())
}

fn ecdsa384(hash: &str, key: &[u8], signature: &[u8], text: &[u8]) -> Option<bool> {
    let key = p384::ecdsa::VerifyingKey::from_public_key_der(key).ok()?;
    let Ok(signature) = p384::ecdsa::DerSignature::try_from(signature) else { return Some(false) };
    (hash == "sha384").then(|| key.verify(text, &signature).is_ok())
}
