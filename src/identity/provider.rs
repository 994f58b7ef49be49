//! The cryptography behind `jsonwebtoken`: a provider of our own over RustCrypto.
//!
//! The crate's own backends are several times slower in wasm and pull in a random number
//! generator; checking a signature needs none.

mod signers;
pub(super) mod verifiers;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};

/// Makes this module's cryptography that of the process. Called before each use, for calling
/// `jsonwebtoken` without a provider panics.
pub(super) fn install() {
    // The only error is that a provider is already installed: ours, from an earlier call.
    let _already = PROVIDER.install_default();
}

/// What signs with `key`, by `algorithm`. EdDSA always; the others for development and tests only.
pub(super) fn signer(
    algorithm: Algorithm,
    key: &EncodingKey,
) -> Result<Box<dyn JwtSigner + Send + Sync>> {
    signers::signer(algorithm, key)
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| {
        let signer = signers::signer(*algorithm, key)?;
        let signer: Box<dyn JwtSigner> = signer;
        Ok(signer)
    },
    verifier_factory: |algorithm, key: &DecodingKey| {
        let verifier = verifiers::Check::new(*algorithm, key)?;
        let verifier: Box<dyn JwtVerifier> = Box::new(verifier);
        Ok(verifier)
    },
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(no_components()),
        rsa_pub_components_from_public_key: |_| Err(no_components()),
        ec_pub_components_from_private_key: |_, _| Err(no_components()),
        ed_pub_components_from_private_key: |_, _| Err(no_components()),
        compute_digest: |_, _| Err(no_components()),
    },
};

/// JWKs are read by [`super::key`] and written by [`super::signing`], never by `jsonwebtoken`.
fn no_components() -> jsonwebtoken::errors::Error {
    ErrorKind::Provider("this provider reads no JWK".to_owned()).into()
}
