//! What the proofs of bound tokens need of the host: a secret and a memory that all workers share,
//! and the client's certificate.

mod memory;

use crate::host::{self, HostError, shared};
use ambit::enforcement::{Answer, Question};
use ambit::time::Timestamp;

/// Where the secret is shared.
const SECRET: &str = "secret";

/// Answers a question of the enforcement.
///
/// # Errors
/// When the host cannot tell: it then proves nothing.
pub(crate) fn answer(question: &Question, now: Timestamp) -> Result<Answer, HostError> {
    Ok(match question {
        Question::FirstUse(proof) => Answer::FirstUse(memory::remember(proof, now)?),
        Question::PeerCertificate => Answer::PeerCertificate(certificate()?),
        Question::Secret => Answer::Secret(secret()?),
    })
}

/// SHA-256 of the client's certificate, which Envoy tells in hexadecimal. The handshake proved that
/// the client has its key, whoever vouches for it (RFC 8705 §3).
fn certificate() -> Result<Option<[u8; 32]>, HostError> {
    if host::property(&["connection", "mtls"])?.as_deref() != Some(&[1]) {
        return Ok(None);
    }
    let digest = host::property(&["connection", "sha256_peer_certificate_digest"])?;
    Ok(digest.and_then(|digest| from_hex(&digest)))
}

fn from_hex(text: &[u8]) -> Option<[u8; 32]> {
    let (digits, []) = text.as_chunks::<2>() else { return None };
    let byte = |[high, low]: &[u8; 2]| {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        Some(digit(*high)? << 4 | digit(*low)?)
    };
    digits.iter().map(byte).collect::<Option<Vec<u8>>>()?.try_into().ok()
}

/// The secret of the process: random, made by whichever worker needs it first, and there until the
/// process ends. With it ends the memory of used proofs, and so do all nonces.
fn secret() -> Result<[u8; 32], HostError> {
    if let Some(found) = shared_secret()? {
        return Ok(found);
    }
    let mut made = [0; 32];
    getrandom::getrandom(&mut made)
        .map_err(|_| HostError::Unreadable { call: "random_get", what: "no randomness" })?;
    match shared::put(SECRET, &made, None)? {
        true => Ok(made),
        // Another worker was faster.
        false => shared_secret()?.ok_or(HostError::OutOfStep("a shared secret that is gone")),
    }
}

fn shared_secret() -> Result<Option<[u8; 32]>, HostError> {
    let Some(found) = shared::get(SECRET)? else { return Ok(None) };
    let odd = HostError::Unreadable { call: "proxy_get_shared_data", what: "an odd secret" };
    found.value.try_into().map(Some).map_err(|_| odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_hexadecimal_digits_and_nothing_else() {
        assert_eq!(from_hex(&[b'0'; 64]), Some([0; 32]));
        assert_eq!(from_hex("aF".repeat(32).as_bytes()), Some([0xaf; 32]));
        for odd in ["", "00", &"0".repeat(63), &"0".repeat(65), &"0".repeat(66), &"g0".repeat(32)] {
            assert_eq!(from_hex(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn outside_webassembly_nothing_is_answered() {
        for question in [Question::PeerCertificate, Question::Secret] {
            assert!(answer(&question, Timestamp::default()).is_err());
        }
    }
}
