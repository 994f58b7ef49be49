//! Checking signatures. Key bytes come from [`crate::identity::key`]: a SEC1 point, an Ed25519
//! point, an RSA modulus and exponent, or a secret. Nothing here may panic on odd ones.

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::crypto::JwtVerifier;
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use rsa::signature::Verifier as _;
use rsa::{BoxedUint, pkcs1v15, pss};
use sha2::{Sha256, Sha384, Sha512};
use std::ops::RangeInclusive;

/// Accepted RSA moduli, in bits. The upper bound is one of work, not of strength.
pub(in crate::identity) const RSA_BITS: RangeInclusive<usize> = 2048..=8192;

/// One key, ready to check signatures of one algorithm.
#[derive(Debug)]
pub(in crate::identity) struct Check {
    algorithm: Algorithm,
    key: Key,
}

#[derive(Debug)]
enum Key {
    Ed25519(ed25519_dalek::VerifyingKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    Rsa(rsa::PublicKey),
    Secret(DecodingKey),
}

impl Check {
    /// # Errors
    /// The key is of another family than the algorithm, or not a valid key of it.
    pub(in crate::identity) fn new(algorithm: Algorithm, key: &DecodingKey) -> Result<Self> {
        if algorithm.family() != key.family() {
            return Err(ErrorKind::InvalidKeyFormat.into());
        }
        let key = match (algorithm, key.kind()) {
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => Key::P256(
                p256::ecdsa::VerifyingKey::from_sec1_bytes(point)
                    .map_err(|_| ErrorKind::InvalidEcdsaKey)?,
            ),
            (Algorithm::ES384, DecodingKeyKind::SecretOrDer(point)) => Key::P384(
                p384::ecdsa::VerifyingKey::from_sec1_bytes(point)
                    .map_err(|_| ErrorKind::InvalidEcdsaKey)?,
            ),
            (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) => Key::Ed25519(
                ed25519_dalek::VerifyingKey::try_from(point.as_slice())
                    .ok()
                    .filter(|key| !key.is_weak())
                    .ok_or(ErrorKind::InvalidEddsaKey)?,
            ),
            (_, DecodingKeyKind::RsaModulusExponent { n, e }) => Key::Rsa(rsa_key(n, e)?),
            (_, DecodingKeyKind::SecretOrDer(_)) if key.family() == AlgorithmFamily::Hmac => {
                Key::Secret(key.clone())
            }
            _ => return Err(ErrorKind::InvalidKeyFormat.into()),
        };
        Ok(Self { algorithm, key })
    }

    /// Whether the signature, in the form of JWS, is the key's.
    pub(in crate::identity) fn holds(&self, message: &[u8], signature: &[u8]) -> bool {
        match (&self.key, self.algorithm) {
            // A weak key, which would verify almost any message, is none of ours (`key`). Of any
            // other the bytes of R must be those that the equation gives (RFC 8032 §5.1.7).
            (Key::Ed25519(key), _) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            (Key::P256(key), _) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            (Key::P384(key), _) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            (Key::Secret(key), algorithm) => key
                .try_get_as_bytes()
                .is_ok_and(|key| mac_holds(algorithm, key, message, signature)),
            (Key::Rsa(key), algorithm) => rsa_holds(algorithm, key, message, signature),
        }
    }
}

impl signature::Verifier<Vec<u8>> for Check {
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), signature::Error> {
        if self.holds(message, signature) { Ok(()) } else { Err(signature::Error::new()) }
    }
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// An RSA key from big-endian modulus and exponent, with bounds on both: 2048 to 8192 bits, and an
/// odd exponent of 3 to 2^33 - 1.
pub(in crate::identity) fn rsa_key(n: &[u8], e: &[u8]) -> Result<rsa::PublicKey> {
    // Lengths first: the number type is as wide as its bytes say.
    if n.len() > RSA_BITS.end() / 8 || e.len() > 8 || n.is_empty() || e.is_empty() {
        return Err(ErrorKind::InvalidRsaKey("modulus or exponent too long".to_owned()).into());
    }
    let e_is_one = e.iter().rev().skip(1).all(|byte| *byte == 0) && e.last() == Some(&1);
    if e_is_one {
        return Err(ErrorKind::InvalidRsaKey("exponent 1 signs nothing".to_owned()).into());
    }
    rsa::PublicKey::new_with_size_limits(
        BoxedUint::from_be_slice_vartime(n),
        BoxedUint::from_be_slice_vartime(e),
        RSA_BITS,
    )
    .map_err(|error| ErrorKind::InvalidRsaKey(error.to_string()).into())
}

fn rsa_holds(algorithm: Algorithm, key: &rsa::PublicKey, message: &[u8], signature: &[u8]) -> bool {
    macro_rules! holds {
        ($scheme:ident, $hash:ty) => {
            $scheme::Signature::try_from(signature).is_ok_and(|signature| {
                let key = $scheme::VerifyingKey::<$hash>::new(key.clone());
                key.verify(message, &signature).is_ok()
            })
        };
    }
    match algorithm {
        Algorithm::RS256 => holds!(pkcs1v15, Sha256),
        Algorithm::RS384 => holds!(pkcs1v15, Sha384),
        Algorithm::RS512 => holds!(pkcs1v15, Sha512),
        // The salt is as long as the hash (RFC 7518 §3.5), which `new` fixes.
        Algorithm::PS256 => holds!(pss, Sha256),
        Algorithm::PS384 => holds!(pss, Sha384),
        Algorithm::PS512 => holds!(pss, Sha512),
        _ => false,
    }
}

fn mac_holds(algorithm: Algorithm, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    macro_rules! holds {
        ($hash:ty) => {
            Hmac::<$hash>::new_from_slice(key)
                .is_ok_and(|mac| mac.chain_update(message).verify_slice(signature).is_ok())
        };
    }
    match algorithm {
        Algorithm::HS256 => holds!(Sha256),
        Algorithm::HS384 => holds!(Sha384),
        Algorithm::HS512 => holds!(Sha512),
        _ => false,
    }
}
