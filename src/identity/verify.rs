//! From token bytes to a verified token: what must hold before the signature is worth checking,
//! the check itself in the form each host needs, and what the token then says.

use super::algorithm::{Algorithm, Family};
use super::der;
use super::issuer::Issuer;
use super::jwks::KeyState;
use super::jws::{self, Jws, Signed};
use super::key::Key;
use super::scopes::Resolve;
use super::{VerifiedToken, token};
use crate::decision::Reason;
use crate::request::json::Json;
use std::fmt;
use std::rc::Rc;

/// Reads a token of at most `max` bytes up to its signature: its form, its issuer, the algorithm,
/// the type and the key. `keys` are the issuers' keys, in the order of `issuers`. Nothing the
/// token says is believed yet, and no time is looked at.
///
/// # Errors
/// Why the token does not count: [`Reason::MalformedToken`], [`Reason::UnknownIssuer`],
/// [`Reason::AlgorithmRefused`], [`Reason::WrongTokenType`], [`Reason::IssuerUnavailable`],
/// [`Reason::UnknownKey`] or, where the signature cannot be one of the key's,
/// [`Reason::BadSignature`].
pub fn begin(
    token: &str,
    max: usize,
    issuers: &[Issuer],
    keys: &[KeyState],
) -> Result<SignatureCheck, Reason> {
    let Jws { signed: Signed { message, signature, header, .. }, payload } = Jws::read(token, max)?;
    let name = token::name(&payload, "iss")?.ok_or(Reason::MalformedToken)?;
    let (at, issuer) = issuers
        .iter()
        .enumerate()
        .find(|(_, issuer)| issuer.issuer == name)
        .ok_or(Reason::UnknownIssuer)?;
    let algorithm = header
        .algorithm
        .filter(|algorithm| issuer.algorithms.contains(algorithm))
        .ok_or(Reason::AlgorithmRefused)?;
    if !issuer.accepts_type(header.token_type.as_deref()) {
        return Err(Reason::WrongTokenType);
    }
    let Some(KeyState::Ready(set)) = keys.get(at) else {
        return Err(Reason::IssuerUnavailable);
    };
    let key = set.choose(header.kid.as_deref(), algorithm).ok_or(Reason::UnknownKey)?;
    let of = Of::Token { issuer: issuer.index, generation: set.generation, payload };
    SignatureCheck::new(of, (Rc::clone(key), algorithm), message, signature)
}

/// Which of `issuers` a token names; nothing it says is believed.
pub(crate) fn claimed_issuer(token: &str, max: usize, issuers: &[Issuer]) -> Option<usize> {
    let Jws { payload, .. } = Jws::read(token, max).ok()?;
    let name = token::name(&payload, "iss").ok()??;
    issuers.iter().position(|issuer| issuer.issuer == name)
}

/// A token that is well formed and names a key of its issuer; whether the signature is that key's
/// is left to whoever can say it fastest.
pub struct SignatureCheck {
    of: Of,
    algorithm: Algorithm,
    key: Rc<Key>,
    message: String,
    signature: String,
    decoded: Vec<u8>,
}

/// Whose signature it is.
enum Of {
    /// An issuer's, by a key of this generation, under this payload.
    Token { issuer: u32, generation: u64, payload: Json },
    /// A sender's, by a key that the proof brought along.
    Proof,
}

impl SignatureCheck {
    /// Of a proof of possession.
    pub(super) fn of_proof(
        key: Key,
        algorithm: Algorithm,
        message: &str,
        signature: &str,
    ) -> Result<Self, Reason> {
        Self::new(Of::Proof, (Rc::new(key), algorithm), message, signature)
    }

    fn new(
        of: Of,
        (key, algorithm): (Rc<Key>, Algorithm),
        message: &str,
        signature: &str,
    ) -> Result<Self, Reason> {
        let decoded = jws::decode(signature).ok_or(Reason::MalformedToken)?;
        if !can_be_signature(&key, algorithm, &decoded) {
            return Err(Reason::BadSignature);
        }
        let (message, signature) = (message.to_owned(), signature.to_owned());
        Ok(Self { of, algorithm, key, message, signature, decoded })
    }

    /// Whether what is signed is a proof of possession, and not a token.
    #[must_use]
    pub const fn is_of_proof(&self) -> bool {
        matches!(self.of, Of::Proof)
    }

    /// For hosts with a `verify_signature` function over DER: hash name (`sha256`), key (DER
    /// SubjectPublicKeyInfo) and signature (ASN.1 DER for ECDSA). `None` for algorithms such hosts
    /// do not have (PSS, EdDSA, HMAC).
    #[must_use]
    pub fn for_host(&self) -> Option<HostSignature<'_>> {
        let signature = match self.algorithm {
            Algorithm::Es256 | Algorithm::Es384 => der::ecdsa_signature(&self.decoded),
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => self.decoded.clone(),
            Algorithm::EdDsa
            | Algorithm::Hs256
            | Algorithm::Hs384
            | Algorithm::Hs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => return None,
        };
        Some(HostSignature { hash: self.algorithm.hash(), key: self.key.public_der(), signature })
    }

    /// The signed bytes: `header.payload`.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        self.message.as_bytes()
    }

    /// The signature as it stands in the token, decoded.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.decoded
    }

    /// The token's algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Index of the issuer in the policy; `None` for a proof.
    #[must_use]
    pub const fn issuer(&self) -> Option<u32> {
        match self.of {
            Of::Token { issuer, .. } => Some(issuer),
            Of::Proof => None,
        }
    }

    /// The generation of the key set the key is from; 0 for a proof.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        match self.of {
            Of::Token { generation, .. } => generation,
            Of::Proof => 0,
        }
    }

    /// Checks the signature here, with `jsonwebtoken` and RustCrypto.
    #[must_use]
    pub fn verify(&self) -> bool {
        self.key.verify(self.algorithm, self.message(), &self.signature)
    }

    /// Reads what the token says. Only after its signature was found to be the key's: this does
    /// not check it. `max_chain` is the longest chain of actors, and of a longer one, one member
    /// more is kept; `markers` are the claims that dynamic actors are recognised by; `resolve`
    /// knows the types and tools of the policy.
    ///
    /// # Errors
    /// [`Reason::MalformedToken`] where a registered claim is of a wrong type,
    /// [`Reason::WrongTokenType`] where it is not an access token of its issuer, a proof of
    /// possession among them, and [`Reason::UnknownIssuer`] where `issuers` are not those it was
    /// read with.
    pub fn accept(
        self,
        issuers: &[Issuer],
        max_chain: usize,
        markers: &[String],
        resolve: &Resolve<'_>,
    ) -> Result<VerifiedToken, Reason> {
        let Of::Token { issuer, payload, .. } = self.of else {
            return Err(Reason::WrongTokenType);
        };
        let issuer =
            issuers.iter().find(|known| known.index == issuer).ok_or(Reason::UnknownIssuer)?;
        token::read(&payload, issuer, max_chain, markers, resolve)
    }
}

impl fmt::Debug for SignatureCheck {
    /// Without the token, which whoever reads a log could use.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureCheck")
            .field("issuer", &self.issuer())
            .field("algorithm", &self.algorithm)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// A signature in the form of a host that verifies DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSignature<'a> {
    /// `sha256`, `sha384` or `sha512`.
    pub hash: &'static str,
    /// DER SubjectPublicKeyInfo (RFC 5280 §4.1).
    pub key: &'a [u8],
    /// The signature; ASN.1 DER for ECDSA.
    pub signature: Vec<u8>,
}

/// Whether the bytes have the form of a signature of the key: its length and, for ECDSA, numbers
/// from 1 to n - 1. Hosts are not relied on to see it.
fn can_be_signature(key: &Key, algorithm: Algorithm, signature: &[u8]) -> bool {
    signature.len() == key.signature_len(algorithm)
        && match key.family() {
            Family::P256 => p256::ecdsa::Signature::from_slice(signature).is_ok(),
            Family::P384 => p384::ecdsa::Signature::from_slice(signature).is_ok(),
            Family::Ed25519 | Family::Hmac | Family::Rsa => true,
        }
}

#[cfg(test)]
mod tests;
