//! The parsers of tokens and keys that no host calls by themselves, for the fuzz targets (`fuzz/`).

use super::{der, jws, rfc3339};
use crate::request::json::Json;
use crate::time::Timestamp;

/// A compact JWS taken apart; nothing in it is verified.
#[derive(Debug)]
pub struct Parts {
    /// `alg`, where it is one that is known.
    pub algorithm: Option<super::Algorithm>,
    /// `kid`.
    pub kid: Option<String>,
    /// `typ`.
    pub token_type: Option<String>,
    /// The payload.
    pub payload: Json,
}

/// Takes a compact JWS of at most `max` bytes apart; `None` where it is none.
#[must_use]
pub fn jws(token: &str, max: usize) -> Option<Parts> {
    let jws::Jws { signed, payload } = jws::Jws::read(token, max).ok()?;
    Some(Parts {
        algorithm: signed.header.algorithm,
        kid: signed.header.kid.map(String::from),
        token_type: signed.header.token_type.map(String::from),
        payload,
    })
}

/// Reads a date (RFC 3339 §5.6).
#[must_use]
pub fn timestamp(text: &str) -> Option<Timestamp> {
    rfc3339::parse(text)
}

/// An ECDSA signature in DER (RFC 3279 §2.2.3) from r and s in halves (RFC 7518 §3.4).
#[must_use]
pub fn ecdsa_der(halves: &[u8]) -> Vec<u8> {
    der::ecdsa_signature(halves)
}
