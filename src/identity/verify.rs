//! The signature step: what is to be checked, in the form each host needs it.

/// A token that is well formed and names a key of its issuer; whether the signature is that key's
/// is left to whoever can say it fastest.
#[derive(Debug)]
pub struct SignatureCheck {
    _todo: (),
}

impl SignatureCheck {
    /// For hosts with a `verify_signature` function over DER: hash name (`sha256`), key (DER
    /// SubjectPublicKeyInfo) and signature (ASN.1 DER for ECDSA). `None` for algorithms such hosts
    /// do not have (PSS, EdDSA, HMAC).
    #[must_use]
    pub fn for_host(&self) -> Option<HostSignature<'_>> {
        None
    }

    /// The signed bytes: `header.payload`.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &[]
    }

    /// Checks the signature here, with `jsonwebtoken` and RustCrypto.
    #[must_use]
    pub fn verify(&self) -> bool {
        false
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
