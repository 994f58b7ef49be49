//! Signing compact JWS, for what the gateway itself vouches for and for the development issuer.

use super::provider;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::crypto::JwtSigner;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::Arc;

/// A private key that signs with one algorithm.
#[derive(Clone)]
pub struct SigningKey {
    signer: Arc<dyn JwtSigner + Send + Sync>,
    public: Map<String, Value>,
}

/// Why a private key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SigningKeyError(pub(super) String);

impl SigningKey {
    /// An EdDSA key from its 32-byte seed (RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// The provider refuses the key, which it does for no seed.
    pub fn ed25519_from_seed(seed: &[u8; 32]) -> Result<Self, SigningKeyError> {
        let point = ed25519_dalek::SigningKey::from_bytes(seed).verifying_key();
        Self::new(
            jsonwebtoken::Algorithm::EdDSA,
            &EncodingKey::from_ed_der(seed),
            json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(point.as_bytes())}),
        )
    }

    pub(super) fn new(
        algorithm: jsonwebtoken::Algorithm,
        key: &EncodingKey,
        public: Value,
    ) -> Result<Self, SigningKeyError> {
        let signer =
            provider::signer(algorithm, key).map_err(|error| SigningKeyError(error.to_string()))?;
        let mut members = match public {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        members.insert("alg".to_owned(), json!(format!("{algorithm:?}")));
        members.insert("use".to_owned(), json!("sig"));
        Ok(Self { signer: Arc::from(signer), public: members })
    }

    /// The `alg` value of what it signs.
    #[must_use]
    pub fn algorithm(&self) -> String {
        format!("{:?}", self.signer.algorithm())
    }

    /// The public key as a JWK (RFC 7517 §4) named `kid`, with `alg` and `use`. For a shared
    /// secret it is the secret.
    #[must_use]
    pub fn jwk(&self, kid: &str) -> Value {
        let mut members = self.public.clone();
        members.insert("kid".to_owned(), json!(kid));
        Value::Object(members)
    }

    /// A compact JWS (RFC 7515 §3.1). The header is signed as given: `alg` is the caller's to say.
    #[must_use]
    pub fn sign(&self, header: &Value, payload: &Value) -> String {
        self.sign_bytes(header.to_string().as_bytes(), payload.to_string().as_bytes())
    }

    /// A compact JWS over a header and a payload of any bytes.
    #[must_use]
    pub fn sign_bytes(&self, header: &[u8], payload: &[u8]) -> String {
        let message = format!("{}.{}", base64url(header), base64url(payload));
        let signature = base64url(&self.signature(message.as_bytes()));
        format!("{message}.{signature}")
    }

    /// The signature of any bytes, in the form of JWS (for ECDSA r and s, RFC 7518 §3.4).
    #[must_use]
    pub fn signature(&self, message: &[u8]) -> Vec<u8> {
        self.signer.sign(message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

pub(super) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// SHA-256 in base64url.
pub(super) fn digest(bytes: &[u8]) -> String {
    base64url(&Sha256::digest(bytes))
}
