//! Signature algorithms: names, families, and what each asks of key and signature.

use std::fmt;

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

/// Which kind of key an algorithm takes. A key is of one family for good, so that no token can
/// have it used for another (RFC 8725 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Ed25519 points.
    Ed25519,
    /// Shared secrets.
    Hmac,
    /// Points of P-256.
    P256,
    /// Points of P-384.
    P384,
    /// RSA moduli.
    Rsa,
}

impl Algorithm {
    /// Every algorithm, in order.
    pub const ALL: [Self; 12] = [
        Self::EdDsa,
        Self::Es256,
        Self::Es384,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
    ];

    /// Reads an `alg` value, in exact case. `Ed25519`, the fully specified name (RFC 9864 §2.2),
    /// is `EdDSA` here, for Ed25519 is the only curve of it that is accepted.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::EdDsa);
        }
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The `alg` value (RFC 7518 §3.1).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// The kind of key it takes.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::EdDsa => Family::Ed25519,
            Self::Es256 => Family::P256,
            Self::Es384 => Family::P384,
            Self::Hs256 | Self::Hs384 | Self::Hs512 => Family::Hmac,
            Self::Ps256 | Self::Ps384 | Self::Ps512 | Self::Rs256 | Self::Rs384 | Self::Rs512 => {
                Family::Rsa
            }
        }
    }

    /// The hash it signs, as hosts name it: `sha256`, `sha384`, `sha512`.
    #[must_use]
    pub const fn hash(self) -> &'static str {
        match self {
            Self::Es256 | Self::Hs256 | Self::Ps256 | Self::Rs256 => "sha256",
            Self::Es384 | Self::Hs384 | Self::Ps384 | Self::Rs384 => "sha384",
            Self::EdDsa | Self::Hs512 | Self::Ps512 | Self::Rs512 => "sha512",
        }
    }

    /// The length of the hash, in bytes.
    #[must_use]
    pub(crate) const fn hash_len(self) -> usize {
        match self {
            Self::Es256 | Self::Hs256 | Self::Ps256 | Self::Rs256 => 32,
            Self::Es384 | Self::Hs384 | Self::Ps384 | Self::Rs384 => 48,
            Self::EdDsa | Self::Hs512 | Self::Ps512 | Self::Rs512 => 64,
        }
    }

    /// The same algorithm, as `jsonwebtoken` names it.
    pub(crate) const fn outside(self) -> jsonwebtoken::Algorithm {
        use jsonwebtoken::Algorithm as Outside;
        match self {
            Self::EdDsa => Outside::EdDSA,
            Self::Es256 => Outside::ES256,
            Self::Es384 => Outside::ES384,
            Self::Hs256 => Outside::HS256,
            Self::Hs384 => Outside::HS384,
            Self::Hs512 => Outside::HS512,
            Self::Ps256 => Outside::PS256,
            Self::Ps384 => Outside::PS384,
            Self::Ps512 => Outside::PS512,
            Self::Rs256 => Outside::RS256,
            Self::Rs384 => Outside::RS384,
            Self::Rs512 => Outside::RS512,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_exact_case_and_none_is_not_one() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.name()), Some(algorithm));
            assert_eq!(format!("{:?}", algorithm.outside()), algorithm.name());
        }
        assert_eq!(Algorithm::parse("Ed25519"), Some(Algorithm::EdDsa));
        for name in ["none", "None", "noNE", "", "rs256", "RS256 ", "ES512", "ES256K", "Ed448"] {
            assert_eq!(Algorithm::parse(name), None, "{name}");
        }
    }
}
