//! Key sets (RFC 7517 §5): an author's, where every key must be good, and an issuer's, where only
//! the good ones count.

use super::algorithm::Algorithm;
use super::issuer::Issuer;
use super::key::Key;
use crate::policy::error::Problem;
use crate::request::json::{Json, JsonLimits, parse};
use std::rc::Rc;

/// The largest key set that is read from an issuer, in bytes.
pub const MAX_BYTES: usize = 262_144;
/// The most keys a set may have.
pub const MAX_KEYS: usize = 100;

const LIMITS: JsonLimits = JsonLimits { bytes: MAX_BYTES, depth: 16, nodes: 16_384 };

/// The keys of one issuer at one time.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    /// Its usable keys.
    pub keys: Vec<Rc<Key>>,
    /// Counts the sets that whoever holds them has had: what was verified with an older one must
    /// be verified again. 0 when just read.
    pub generation: u64,
    /// How many keys were left out because they cannot verify this issuer's tokens.
    pub skipped: usize,
}

/// Whether an issuer's keys can be had.
#[derive(Clone, Debug)]
pub enum KeyState {
    /// They can.
    Ready(Rc<KeySet>),
    /// They were never fetched, or too long ago.
    Unavailable,
}

impl KeySet {
    /// The one key that may verify a token: the one its `kid` names, or, for a token that names
    /// none, the only one that fits.
    pub(super) fn choose(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Rc<Key>> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.fits(algorithm) && (kid.is_none() || key.kid() == kid));
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }

    /// Adds a key, unless the set has one of its name and `kty`: which of them is meant would be
    /// anybody's guess.
    fn add(&mut self, key: Key) -> Result<(), String> {
        let twin = |other: &Rc<Key>| other.kid() == key.kid() && other.kty() == key.kty();
        match key.kid().filter(|_| self.keys.iter().any(twin)) {
            Some(kid) => {
                Err(format!("two keys of one kind have the `kid` `{}`", kid.escape_debug()))
            }
            None => {
                self.keys.push(Rc::new(key));
                Ok(())
            }
        }
    }
}

/// Reads the answer of an issuer's key endpoint. Keys that cannot verify this issuer's tokens
/// (encryption keys, other kinds, weak ones) are left out and counted.
///
/// # Errors
/// The document is not a key set in strict JSON, is larger than [`MAX_BYTES`] or [`MAX_KEYS`], has
/// two usable keys with one name, or none that is usable. The last good set is then better than this one.
pub fn parse_remote(bytes: &[u8], issuer: &Issuer) -> Result<KeySet, String> {
    let document = parse(bytes, LIMITS).map_err(|error| error.what.into_owned())?;
    let mut set = KeySet::default();
    for jwk in members(&document)? {
        match read(jwk, &issuer.algorithms) {
            Ok(key) if key.kty() != "oct" => set.add(key)?,
            _ => set.skipped += 1,
        }
    }
    match set.keys.is_empty() {
        true => Err(format!("no usable key among {}", set.skipped)),
        false => Ok(set),
    }
}

/// Reads a key set written into a policy, at `pointer`. Each key that cannot be used is an error,
/// and a shared secret too, but where the policy says that it is for `development`.
pub(super) fn read_inline(
    document: &Json,
    algorithms: &[Algorithm],
    development: bool,
    pointer: &str,
    problems: &mut Vec<Problem>,
) -> KeySet {
    let mut set = KeySet::default();
    let jwks = match members(document) {
        Ok(jwks) => jwks,
        Err(message) => {
            problems.push(Problem::error(pointer, message, "a JWK set: `{ keys: [...] }`"));
            return set;
        }
    };
    for (at, jwk) in jwks.iter().enumerate() {
        let added = read(jwk, algorithms).and_then(|key| {
            if key.kty() == "oct" {
                let place = format!("{pointer}/keys/{at}/k");
                let message =
                    "a shared secret in a policy lets whoever can read the policy make tokens";
                problems.push(match development {
                    true => Problem::warning(place, message),
                    false => {
                        let expected = "public keys, or `development: true` on one machine";
                        Problem::error(place, message, expected)
                    }
                });
            }
            set.add(key)
        });
        if let Err(message) = added {
            let expected = "a public key that verifies this issuer's tokens";
            problems.push(Problem::error(format!("{pointer}/keys/{at}"), message, expected));
        }
    }
    if jwks.is_empty() {
        let message = "no keys: every token of this issuer will be refused";
        problems.push(Problem::warning(format!("{pointer}/keys"), message));
    }
    set
}

fn members(document: &Json) -> Result<&[Json], String> {
    let keys = document
        .member("keys")
        .and_then(Json::as_array)
        .ok_or("not an object with a list `keys`")?;
    if keys.len() > MAX_KEYS {
        return Err(format!("{} keys, more than {MAX_KEYS}", keys.len()));
    }
    Ok(keys)
}

fn read(jwk: &Json, algorithms: &[Algorithm]) -> Result<Key, String> {
    let key = Key::from_jwk(jwk)?;
    if algorithms.iter().any(|algorithm| key.fits(*algorithm)) {
        Ok(key)
    } else {
        let names: Vec<_> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
        Err(format!("the key fits none of the issuer's algorithms ({})", names.join(", ")))
    }
}

#[cfg(test)]
mod tests;
