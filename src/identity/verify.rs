//! The signature step: what is to be checked, in the form each host needs it.

/// A signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA, P-256, SHA-256.
    Es256,
    /// ECDSA, P-384, SHA-384.
    Es384,
    /// HMAC, SHA-256.
    Hs256,
    /// HMAC, SHA-384.
    Hs384,
    /// HMAC, SHA-512.
    Hs512,
    /// RSASSA-PSS, SHA-256.
    Ps256,
    /// RSASSA-PSS, SHA-384.
    Ps384,
    /// RSASSA-PSS, SHA-512.
    Ps512,
    /// RSASSA-PKCS1-v1_5, SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5, SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5, SHA-512.
    Rs512,
}

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
