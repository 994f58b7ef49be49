//! Proofs of possession (RFC 9449): a request signed, as far as it must be, with the key that its
//! token is bound to.

use super::jws::{Jws, Reading};
use super::signing::digest;
use super::thumbprint::thumbprint;
use super::token::{date, name, text};
use super::{Algorithm, Key, SignatureCheck};
use crate::decision::Reason;
use crate::request::json::Json;
use crate::request::{host, path};
use crate::time::{Span, Timestamp};

/// The largest proof that is read, in bytes: one of an RSA key of 8,192 bits fits.
const MAX_BYTES: usize = 8192;
/// The longest `jti` and `nonce`, in bytes.
const MAX_NAME: usize = 256;
/// How old a proof may be, the skew of clocks aside.
pub const MAX_AGE: Span = Span::from_secs(60);
/// Its `typ` (RFC 9449 §4.2), in the one spelling the standard gives it.
const TYPE: &str = "dpop+jwt";

/// Algorithms that proofs may be signed with: public-key ones only (RFC 9449 §11.6).
pub const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Es384, Algorithm::Ps256, Algorithm::Rs256];

/// The request that a proof must be about.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The access token that comes with it.
    pub token: &'a str,
    /// The thumbprint of the key that the token is bound to (`cnf.jkt`).
    pub thumbprint: &'a str,
    /// The request's method.
    pub method: &'a str,
    /// The schemes by which clients know the resource: the connection's and, behind a proxy that
    /// ends TLS, the audience's.
    pub schemes: [&'a str; 2],
    /// The request's host, with its port unless that is the scheme's own.
    pub host: &'a str,
    /// The request's canonical path, as it is decided on and forwarded.
    pub path: &'a str,
    /// How far the sender's clock may be off.
    pub skew: Span,
}

/// A proof that is about the request, by the key the token is bound to, if its signature is.
#[derive(Debug)]
pub struct Proof {
    /// What remains to be checked of it.
    pub check: SignatureCheck,
    /// Its `jti`, which the key may use once.
    pub id: String,
    /// Its `nonce`, which only whoever issued it can judge.
    pub nonce: Option<String>,
    /// When it was made.
    pub issued_at: Timestamp,
}

/// Reads a proof and holds everything it says against the request (RFC 9449 §4.3), its nonce, its
/// signature and its earlier uses aside.
///
/// # Errors
/// [`Reason::BadProof`], whatever is wrong with it.
pub fn read(proof: &str, wanted: &Wanted<'_>, now: Timestamp) -> Result<Proof, Reason> {
    checked(proof, wanted, now).ok_or(Reason::BadProof)
}

fn checked(proof: &str, wanted: &Wanted<'_>, now: Timestamp) -> Option<Proof> {
    let Jws { signed, payload } = Jws::read_as(proof, MAX_BYTES, Reading::Proof).ok()?;
    let header = signed.header;
    let algorithm = header.algorithm.filter(|algorithm| ALGORITHMS.contains(algorithm))?;
    let jwk = header.jwk.filter(|_| header.token_type.as_deref() == Some(TYPE))?;
    // Before anything costly is done with a key of somebody's choice.
    if thumbprint(&jwk)? != wanted.thumbprint || jwk.member("k").is_some() {
        return None;
    }
    let issued_at = made_for(&payload, wanted, now)?;
    let id = bounded(name(&payload, "jti").ok()??)?;
    let nonce = match text(&payload, "nonce").ok()? {
        Some(nonce) => Some(bounded(nonce)?),
        None => None,
    };
    let key = Key::from_jwk(&jwk).ok().filter(|key| key.fits(algorithm))?;
    let check = SignatureCheck::of_proof(key, algorithm, signed.message, signed.signature).ok()?;
    Some(Proof { check, id, nonce, issued_at })
}

/// When it was made, if it was made for this request and token, and lately.
fn made_for(payload: &Json, wanted: &Wanted<'_>, now: Timestamp) -> Option<Timestamp> {
    let says = |claim, value: &str| text(payload, claim).ok().flatten() == Some(value);
    let ath = digest(wanted.token.as_bytes());
    let htu = text(payload, "htu").ok()??;
    if !says("htm", wanted.method) || !says("ath", &ath) || !is_target(htu, wanted) {
        return None;
    }
    let issued_at = date(payload, "iat").ok()??;
    let (earliest, latest) = (now.minus(wanted.skew).minus(MAX_AGE), now.plus(wanted.skew));
    // No proof needs these, but whoever sets them means them (RFC 7519 §4.1.4, §4.1.5).
    let (ends, begins) = (date(payload, "exp").ok()?, date(payload, "nbf").ok()?);
    let lately = issued_at >= earliest
        && issued_at <= latest
        && ends.is_none_or(|ends| now < ends.plus(wanted.skew))
        && begins.is_none_or(|begins| begins <= latest);
    lately.then_some(issued_at)
}

/// Whether a URI is the request's, query and fragment aside (RFC 9449 §4.3), both in their normal
/// form (RFC 3986 §6.2.2, §6.2.3).
fn is_target(uri: &str, wanted: &Wanted<'_>) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else { return false };
    let scheme = scheme.to_ascii_lowercase();
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = match rest.find('/').and_then(|at| rest.split_at_checked(at)) {
        Some(parts) => parts,
        None => (rest, "/"),
    };
    let said = host::parse(authority, &scheme);
    wanted.schemes.contains(&scheme.as_str())
        && said.is_some()
        && said == host::parse(wanted.host, &scheme)
        && path::canonical(path).is_ok_and(|path| path == wanted.path)
}

fn bounded(text: &str) -> Option<String> {
    (text.len() <= MAX_NAME).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
