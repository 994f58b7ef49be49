//! Issuing tokens, for the development issuer and for tests: more kinds of [`SigningKey`].
//!
//! ```
//! use ambit::identity::issue::SigningKey;
//! use serde_json::json;
//!
//! let key = SigningKey::ed25519_from_seed(&[7; 32])?;
//! let jwks = json!({"keys": [key.jwk("k1")]});
//! let token = key.sign(
//!     &json!({"alg": key.algorithm(), "typ": "at+jwt", "kid": "k1"}),
//!     &json!({"iss": "https://idp.example.com", "sub": "alice"}),
//! );
//! assert_eq!(token.split('.').count(), 3);
//! # assert_eq!(jwks["keys"][0]["kty"], "OKP");
//! # Ok::<(), ambit::identity::SigningKeyError>(())
//! ```

pub use super::signing::{SigningKey, SigningKeyError};

use super::signing::base64url;
use jsonwebtoken::{Algorithm, EncodingKey};
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::traits::PublicKeyParts;
use serde_json::json;

impl SigningKey {
    /// An ES256 key from its 32-byte scalar, which must be 1 to n - 1.
    ///
    /// # Errors
    /// The scalar is out of range.
    pub fn es256_from_seed(seed: &[u8; 32]) -> Result<Self, SigningKeyError> {
        let key = p256::ecdsa::SigningKey::from_slice(seed).map_err(unusable)?;
        let point = key.verifying_key().to_sec1_point(false);
        let public =
            json!({"kty": "EC", "crv": "P-256", "x": text(point.x()), "y": text(point.y())});
        Self::new(Algorithm::ES256, &EncodingKey::from_ec_der(seed), public)
    }

    /// An ES384 key from its 48-byte scalar, which must be 1 to n - 1.
    ///
    /// # Errors
    /// The scalar is out of range.
    pub fn es384_from_seed(seed: &[u8; 48]) -> Result<Self, SigningKeyError> {
        let key = p384::ecdsa::SigningKey::from_slice(seed).map_err(unusable)?;
        let point = key.verifying_key().to_sec1_point(false);
        let public =
            json!({"kty": "EC", "crv": "P-384", "x": text(point.x()), "y": text(point.y())});
        Self::new(Algorithm::ES384, &EncodingKey::from_ec_der(seed), public)
    }

    /// An RS256 key from PKCS#1 DER (RFC 8017 §A.1.2).
    ///
    /// # Errors
    /// The DER is not a private key of two primes.
    pub fn rs256_from_der(der: &[u8]) -> Result<Self, SigningKeyError> {
        Self::rsa_from_der("RS256", der)
    }

    /// An RSA key from PKCS#1 DER for `RS256`, `RS384`, `RS512`, `PS256`, `PS384` or `PS512`.
    ///
    /// # Errors
    /// The DER is not a private key of two primes, or the algorithm is none of these.
    pub fn rsa_from_der(algorithm: &str, der: &[u8]) -> Result<Self, SigningKeyError> {
        let key = rsa::PrivateKey::from_pkcs1_der(der).map_err(unusable)?;
        let n = base64url(&key.n().as_ref().to_be_bytes_trimmed_vartime());
        let e = base64url(&key.e().to_be_bytes_trimmed_vartime());
        let algorithm = algorithm.parse::<Algorithm>().map_err(unusable)?;
        let public = json!({"kty": "RSA", "n": n, "e": e});
        Self::new(algorithm, &EncodingKey::from_rsa_der(der), public)
    }

    /// A shared secret for `HS256`, `HS384` or `HS512`.
    ///
    /// # Errors
    /// The algorithm is none of these.
    pub fn secret(algorithm: &str, secret: &[u8]) -> Result<Self, SigningKeyError> {
        let algorithm = algorithm.parse::<Algorithm>().map_err(unusable)?;
        let public = json!({"kty": "oct", "k": base64url(secret)});
        Self::new(algorithm, &EncodingKey::from_secret(secret), public)
    }
}

fn unusable<E: std::fmt::Display>(error: E) -> SigningKeyError {
    SigningKeyError(error.to_string())
}

fn text<T: AsRef<[u8]>>(coordinate: Option<T>) -> Option<String> {
    coordinate.map(|bytes| base64url(bytes.as_ref()))
}
