//! One verifying key: read from a JWK (RFC 7517), judged once, and of one family for good.

use super::algorithm::{Algorithm, Family};
use super::der;
use super::jws::decode;
use super::provider;
use super::provider::verifiers::{self, Check};
use crate::request::json::Json;
use jsonwebtoken::DecodingKey;
use std::fmt;
use std::sync::Arc;

/// A key that tokens are verified with.
#[derive(Clone)]
pub struct Key {
    kid: Option<Box<str>>,
    family: Family,
    /// `alg`: the only algorithm it may be used with.
    algorithm: Option<Algorithm>,
    /// Bytes of modulus or secret.
    size: usize,
    decoding: DecodingKey,
    /// Of a curve, which has one algorithm: the key as a point, so that no token pays for finding it.
    ready: Option<Arc<Check>>,
    public_der: Vec<u8>,
}

impl Key {
    /// Reads one JWK.
    ///
    /// # Errors
    /// What makes it unusable for verifying: another use, an unknown kind, a weak or invalid key,
    /// or a private one, which whoever published it has lost.
    pub fn from_jwk(jwk: &Json) -> Result<Self, String> {
        if jwk.as_object().is_none() {
            return Err("a key must be an object".to_owned());
        }
        check_purpose(jwk)?;
        let kid = text(jwk, "kid")?.map(Box::from);
        let material = Material::read(jwk)?;
        let algorithm = match text(jwk, "alg")? {
            None => None,
            Some(name) => Some(
                Algorithm::parse(name)
                    .filter(|algorithm| algorithm.family() == material.family)
                    .ok_or_else(|| {
                        format!("`alg` is `{}`, which does not fit the key", short(name))
                    })?,
            ),
        };
        let Material { family, size, decoding, public_der } = material;
        let only = match family {
            Family::Ed25519 => Some(jsonwebtoken::Algorithm::EdDSA),
            Family::P256 => Some(jsonwebtoken::Algorithm::ES256),
            Family::P384 => Some(jsonwebtoken::Algorithm::ES384),
            Family::Hmac | Family::Rsa => None,
        };
        let ready = only.and_then(|only| Check::new(only, &decoding).ok()).map(Arc::new);
        let key = Self { kid, family, algorithm, size, decoding, ready, public_der };
        if algorithm.is_some_and(|algorithm| !key.is_long_enough(algorithm)) {
            return Err("the secret is shorter than its algorithm's hash".to_owned());
        }
        Ok(key)
    }

    /// `kid`, if it has one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Its family.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Its `kty`.
    pub(super) const fn kty(&self) -> &'static str {
        match self.family {
            Family::Ed25519 => "OKP",
            Family::Hmac => "oct",
            Family::P256 | Family::P384 => "EC",
            Family::Rsa => "RSA",
        }
    }

    /// Whether it may verify tokens of this algorithm.
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.family == algorithm.family()
            && self.algorithm.is_none_or(|own| own == algorithm)
            && self.is_long_enough(algorithm)
    }

    /// DER SubjectPublicKeyInfo (RFC 5280 §4.1); empty for kinds that hosts do not verify.
    #[must_use]
    pub fn public_der(&self) -> &[u8] {
        &self.public_der
    }

    /// How long a signature of this key and algorithm is, in bytes.
    pub(super) const fn signature_len(&self, algorithm: Algorithm) -> usize {
        match self.family {
            Family::Ed25519 | Family::P256 => 64,
            Family::P384 => 96,
            Family::Hmac => algorithm.hash_len(),
            Family::Rsa => self.size,
        }
    }

    /// Checks a base64url signature of `message`.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &str) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        if let Some(ready) = &self.ready {
            return decode(signature).is_some_and(|signature| ready.holds(message, &signature));
        }
        provider::install();
        jsonwebtoken::crypto::verify(signature, message, &self.decoding, algorithm.outside())
            .unwrap_or(false)
    }

    /// A secret must be as long as the hash (RFC 7518 §3.2).
    const fn is_long_enough(&self, algorithm: Algorithm) -> bool {
        !matches!(self.family, Family::Hmac) || self.size >= algorithm.hash_len()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("family", &self.family)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// What a JWK says of the key itself.
struct Material {
    family: Family,
    size: usize,
    decoding: DecodingKey,
    public_der: Vec<u8>,
}

impl Material {
    fn read(jwk: &Json) -> Result<Self, String> {
        let kty = text(jwk, "kty")?.ok_or("`kty` is missing")?;
        let curve = text(jwk, "crv")?;
        match (kty, curve) {
            ("RSA", _) => Self::rsa(jwk),
            ("EC", Some("P-256")) => Self::ec(jwk, Family::P256, 32, der::P256),
            ("EC", Some("P-384")) => Self::ec(jwk, Family::P384, 48, der::P384),
            ("OKP", Some("Ed25519")) => Self::ed25519(jwk),
            ("oct", _) => Self::secret(jwk),
            ("EC" | "OKP", curve) => {
                let curve = curve.unwrap_or("missing");
                Err(format!("`crv` is `{}`, expected P-256, P-384 or Ed25519", short(curve)))
            }
            _ => Err(format!("`kty` is `{}`, expected RSA, EC, OKP or oct", short(kty))),
        }
    }

    fn rsa(jwk: &Json) -> Result<Self, String> {
        let n = unsigned(jwk, "n")?;
        let e = unsigned(jwk, "e")?;
        verifiers::rsa_key(&n, &e)
            .map_err(|error| format!("the key is weak or invalid: {error}"))?;
        if is_roca(&n) {
            return Err("the key is of a kind whose private part can be computed".to_owned());
        }
        Ok(Self {
            family: Family::Rsa,
            size: n.len(),
            decoding: DecodingKey::from_rsa_raw_components(&n, &e),
            public_der: der::rsa_public_key(&n, &e),
        })
    }

    fn ec(jwk: &Json, family: Family, size: usize, curve: &[u8]) -> Result<Self, String> {
        let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
        if x.len() != size || y.len() != size {
            return Err(format!("`x` and `y` must be {size} bytes each"));
        }
        let point = [&[4], x.as_slice(), y.as_slice()].concat();
        let on_curve = match family {
            Family::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).is_ok(),
            _ => p384::ecdsa::VerifyingKey::from_sec1_bytes(&point).is_ok(),
        };
        if !on_curve {
            return Err("the point is not on the curve".to_owned());
        }
        let public_der = der::ec_public_key(curve, &point);
        Ok(Self { family, size, decoding: DecodingKey::from_ec_der(&point), public_der })
    }

    fn ed25519(jwk: &Json) -> Result<Self, String> {
        let point = bytes(jwk, "x")?;
        let key = ed25519_dalek::VerifyingKey::try_from(point.as_slice())
            .map_err(|_| "the point is not on the curve")?;
        if key.is_weak() || !is_canonical(&point) {
            return Err("the point is of small order or not in its canonical form".to_owned());
        }
        Ok(Self {
            family: Family::Ed25519,
            size: point.len(),
            decoding: DecodingKey::from_ed_der(&point),
            public_der: Vec::new(),
        })
    }

    fn secret(jwk: &Json) -> Result<Self, String> {
        let secret = bytes(jwk, "k")?;
        if secret.len() < Algorithm::Hs256.hash_len() {
            return Err("a secret must be at least 32 bytes".to_owned());
        }
        Ok(Self {
            family: Family::Hmac,
            size: secret.len(),
            decoding: DecodingKey::from_secret(&secret),
            public_der: Vec::new(),
        })
    }
}

/// `use` and `key_ops` must allow verifying, and no private part may be told (RFC 7517 §4.2, §4.3).
fn check_purpose(jwk: &Json) -> Result<(), String> {
    if text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err("`use` must be `sig`".to_owned());
    }
    if let Some(operations) = jwk.member("key_ops") {
        let operations = operations.as_array().ok_or("`key_ops` must be a list")?;
        if !operations.iter().any(|operation| operation.as_str() == Some("verify")) {
            return Err("`key_ops` must include `verify`".to_owned());
        }
    }
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth"];
    match private.into_iter().find(|name| jwk.member(name).is_some()) {
        Some(name) => Err(format!("the private member `{name}` must not be told")),
        None => Ok(()),
    }
}

fn text<'a>(jwk: &'a Json, name: &str) -> Result<Option<&'a str>, String> {
    match jwk.member(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or_else(|| format!("`{name}` must be a string")),
    }
}

fn bytes(jwk: &Json, name: &str) -> Result<Vec<u8>, String> {
    let text = text(jwk, name)?.ok_or_else(|| format!("`{name}` is missing"))?;
    decode(text).ok_or_else(|| format!("`{name}` must be base64url without padding"))
}

/// A number without the leading zero that some issuers write against RFC 7518 §2.
fn unsigned(jwk: &Json, name: &str) -> Result<Vec<u8>, String> {
    let bytes = bytes(jwk, name)?;
    Ok(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

/// Whether the modulus has the shape of those that a widespread chip made of primes that are powers
/// of 65537 modulo many small primes (CVE-2017-15361): then it is such a power too, which of others
/// not one in a hundred million is.
fn is_roca(modulus: &[u8]) -> bool {
    // Primes modulo which 65537 generates few numbers, so that a coincidence says something.
    const TELLING: [u32; 17] =
        [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
    TELLING.into_iter().all(|prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let powers = std::iter::successors(Some(1), |power| Some(power * 65_537 % prime));
        powers.take(prime as usize).any(|power| power == rest)
    })
}

/// Whether y, little-endian with the sign of x in the last bit, is below 2^255 - 19
/// (RFC 8032 §5.1.3).
fn is_canonical(point: &[u8]) -> bool {
    let Some(((last, middle), first)) =
        point.split_last().and_then(|(last, rest)| Some(((last, rest.get(1..)?), rest.first()?)))
    else {
        return false;
    };
    last & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff) || *first < 0xed
}

/// What may be repeated of an author's or a server's text.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(32).collect()
}

#[cfg(test)]
mod tests;
