//! Signing: EdDSA always, for what the gateway signs itself; the rest with the feature `issue`.
//!
//! An Ed25519 key is its seed, an ECDSA key its scalar, an RSA key PKCS#1 DER.

use jsonwebtoken::crypto::JwtSigner;
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::{Algorithm, AlgorithmFamily, EncodingKey};

pub(super) fn signer(
    algorithm: Algorithm,
    key: &EncodingKey,
) -> Result<Box<dyn JwtSigner + Send + Sync>> {
    if algorithm.family() != key.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    match key.family() {
        AlgorithmFamily::Ed => Ok(Box::new(Ed25519::new(key)?)),
        #[cfg(feature = "issue")]
        AlgorithmFamily::Ec => others::ecdsa(algorithm, key),
        #[cfg(feature = "issue")]
        AlgorithmFamily::Hmac => Ok(Box::new(others::Mac::new(algorithm, key))),
        #[cfg(feature = "issue")]
        AlgorithmFamily::Rsa => Ok(Box::new(others::Rsa::new(algorithm, key)?)),
        #[cfg(not(feature = "issue"))]
        _ => Err(ErrorKind::UnsupportedAlgorithm.into()),
    }
}

struct Ed25519(ed25519_dalek::SigningKey);

impl Ed25519 {
    fn new(key: &EncodingKey) -> Result<Self> {
        let seed = <[u8; 32]>::try_from(key.as_bytes()).map_err(|_| ErrorKind::InvalidEddsaKey)?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }
}

impl signature::Signer<Vec<u8>> for Ed25519 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        use ed25519_dalek::Signer;
        Ok(self.0.sign(message).to_bytes().to_vec())
    }
}

impl JwtSigner for Ed25519 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

#[cfg(feature = "issue")]
mod others {
    use super::{Algorithm, EncodingKey, ErrorKind, JwtSigner, Result};
    use hmac::{Hmac, KeyInit, Mac as _};
    use rsa::rand_core::{TryCryptoRng, TryRng};
    use rsa::{pkcs1::DecodeRsaPrivateKey, pkcs1v15, pss, signature as current};
    use sha2::{Digest, Sha256, Sha384, Sha512};
    use std::convert::Infallible;

    type Signed = std::result::Result<Vec<u8>, signature::Error>;

    fn failed<E>(_: E) -> signature::Error {
        signature::Error::new()
    }

    pub(super) fn ecdsa(
        algorithm: Algorithm,
        key: &EncodingKey,
    ) -> Result<Box<dyn JwtSigner + Send + Sync>> {
        match algorithm {
            Algorithm::ES256 => p256::ecdsa::SigningKey::from_slice(key.as_bytes())
                .map(|key| Box::new(P256(key)) as Box<dyn JwtSigner + Send + Sync>)
                .map_err(|_| ErrorKind::InvalidEcdsaKey.into()),
            _ => p384::ecdsa::SigningKey::from_slice(key.as_bytes())
                .map(|key| Box::new(P384(key)) as Box<dyn JwtSigner + Send + Sync>)
                .map_err(|_| ErrorKind::InvalidEcdsaKey.into()),
        }
    }

    struct P256(p256::ecdsa::SigningKey);

    impl signature::Signer<Vec<u8>> for P256 {
        fn try_sign(&self, message: &[u8]) -> Signed {
            let signed: p256::ecdsa::Signature =
                current::Signer::try_sign(&self.0, message).map_err(failed)?;
            Ok(signed.to_vec())
        }
    }

    impl JwtSigner for P256 {
        fn algorithm(&self) -> Algorithm {
            Algorithm::ES256
        }
    }

    struct P384(p384::ecdsa::SigningKey);

    impl signature::Signer<Vec<u8>> for P384 {
        fn try_sign(&self, message: &[u8]) -> Signed {
            let signed: p384::ecdsa::Signature =
                current::Signer::try_sign(&self.0, message).map_err(failed)?;
            Ok(signed.to_vec())
        }
    }

    impl JwtSigner for P384 {
        fn algorithm(&self) -> Algorithm {
            Algorithm::ES384
        }
    }

    pub(super) struct Mac {
        algorithm: Algorithm,
        key: Vec<u8>,
    }

    impl Mac {
        pub(super) fn new(algorithm: Algorithm, key: &EncodingKey) -> Self {
            Self { algorithm, key: key.as_bytes().to_vec() }
        }
    }

    impl signature::Signer<Vec<u8>> for Mac {
        fn try_sign(&self, message: &[u8]) -> Signed {
            macro_rules! mac {
                ($hash:ty) => {{
                    let mac = Hmac::<$hash>::new_from_slice(&self.key).map_err(failed)?;
                    mac.chain_update(message).finalize().into_bytes().to_vec()
                }};
            }
            Ok(match self.algorithm {
                Algorithm::HS256 => mac!(Sha256),
                Algorithm::HS384 => mac!(Sha384),
                _ => mac!(Sha512),
            })
        }
    }

    impl JwtSigner for Mac {
        fn algorithm(&self) -> Algorithm {
            self.algorithm
        }
    }

    pub(super) struct Rsa {
        algorithm: Algorithm,
        key: rsa::PrivateKey,
    }

    impl Rsa {
        pub(super) fn new(algorithm: Algorithm, key: &EncodingKey) -> Result<Self> {
            let key = rsa::PrivateKey::from_pkcs1_der(key.as_bytes())
                .map_err(|error| ErrorKind::InvalidRsaKey(error.to_string()))?;
            Ok(Self { algorithm, key })
        }
    }

    impl signature::Signer<Vec<u8>> for Rsa {
        fn try_sign(&self, message: &[u8]) -> Signed {
            use rsa::signature::{RandomizedSigner, SignatureEncoding, Signer};
            macro_rules! pkcs1 {
                ($hash:ty) => {
                    pkcs1v15::SigningKey::<$hash>::new(self.key.clone())
                        .try_sign(message)
                        .map(|signed| signed.to_vec())
                };
            }
            macro_rules! pss {
                ($hash:ty) => {
                    pss::SigningKey::<$hash>::new(self.key.clone())
                        .try_sign_with_rng(&mut Salt::of(message), message)
                        .map(|signed| signed.to_vec())
                };
            }
            match self.algorithm {
                Algorithm::RS256 => pkcs1!(Sha256),
                Algorithm::RS384 => pkcs1!(Sha384),
                Algorithm::RS512 => pkcs1!(Sha512),
                Algorithm::PS256 => pss!(Sha256),
                Algorithm::PS384 => pss!(Sha384),
                _ => pss!(Sha512),
            }
            .map_err(failed)
        }
    }

    impl JwtSigner for Rsa {
        fn algorithm(&self) -> Algorithm {
            self.algorithm
        }
    }

    /// Bytes that the message alone determines: the core has no randomness, and a PSS salt need
    /// not be secret. Blinding is lost with it, which is one reason why this is for development.
    struct Salt {
        seed: [u8; 32],
        block: u64,
    }

    impl Salt {
        fn of(message: &[u8]) -> Self {
            Self { seed: Sha256::digest(message).into(), block: 0 }
        }
    }

    impl TryRng for Salt {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> std::result::Result<u32, Infallible> {
            let mut bytes = [0; 4];
            self.try_fill_bytes(&mut bytes)?;
            Ok(u32::from_le_bytes(bytes))
        }

        fn try_next_u64(&mut self) -> std::result::Result<u64, Infallible> {
            let mut bytes = [0; 8];
            self.try_fill_bytes(&mut bytes)?;
            Ok(u64::from_le_bytes(bytes))
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> std::result::Result<(), Infallible> {
            for chunk in bytes.chunks_mut(32) {
                self.block = self.block.wrapping_add(1);
                let block = Sha256::new()
                    .chain_update(self.seed)
                    .chain_update(self.block.to_le_bytes())
                    .finalize();
                for (to, from) in chunk.iter_mut().zip(block) {
                    *to = from;
                }
            }
            Ok(())
        }
    }

    impl TryCryptoRng for Salt {}
}
