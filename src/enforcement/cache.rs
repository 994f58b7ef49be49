//! Tokens verified before, by their whole text.

use crate::identity::VerifiedToken;
use std::rc::Rc;

/// Two places for each of these many slots.
const SLOTS: usize = 1024;

/// Whether a request's token was remembered from one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recall {
    /// It was: no signature was checked.
    Hit,
    /// It was not: it was read anew, and its signature checked where it came so far.
    Miss,
}

/// A bounded memory of verified tokens.
///
/// A hit needs the same token, byte for byte, and the same generation of its issuer's keys. What
/// is kept is only what the token's bytes determine; times, audience, sender and actor are
/// evaluated on every request. Only tokens with a valid signature get in, so nobody can push
/// others out without an issuer's help.
#[derive(Debug, Default)]
pub(super) struct TokenCache {
    slots: Vec<[Option<Entry>; 2]>,
}

#[derive(Debug)]
struct Entry {
    token: Box<str>,
    generation: u64,
    verified: Rc<VerifiedToken>,
}

impl TokenCache {
    /// The verified form of `token`; `generation` says which keys an issuer has now.
    pub(super) fn find(
        &self,
        token: &[u8],
        generation: impl Fn(u32) -> Option<u64>,
    ) -> Option<Rc<VerifiedToken>> {
        let same = |entry: &&Entry| {
            same(entry.token.as_bytes(), token)
                && generation(entry.verified.issuer) == Some(entry.generation)
        };
        let found = self.slots.get(slot(token))?.iter().flatten().find(same)?;
        Some(Rc::clone(&found.verified))
    }

    /// Keeps a token whose signature was found valid under the keys of `generation`.
    pub(super) fn keep(&mut self, token: &str, generation: u64, verified: Rc<VerifiedToken>) {
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, Default::default);
        }
        if let Some([first, second]) = self.slots.get_mut(slot(token.as_bytes())) {
            let entry = Entry { token: token.into(), generation, verified };
            *second = first.replace(entry);
        }
    }
}

/// Whether two texts are one, eight bytes at a time: WebAssembly has no instruction that compares
/// memory, and a token is read here on every request.
fn same(one: &[u8], other: &[u8]) -> bool {
    let ((one, one_rest), (other, other_rest)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    one.len() == other.len()
        && one_rest == other_rest
        && one.iter().zip(other).all(|(one, other)| word(one) == word(other))
}

/// FNV-1a over the end of the token: its signature, which differs from token to token.
fn slot(token: &[u8]) -> usize {
    let tail = token.rchunks(32).next().unwrap_or_default();
    let hash = tail.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from(hash % SLOTS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_needs_the_same_bytes_and_the_same_keys() {
        let mut cache = TokenCache::default();
        assert!(cache.find(b"a.b.c", |_| Some(1)).is_none());
        cache.keep("a.b.c", 1, Rc::new(VerifiedToken::default()));
        assert!(cache.find(b"a.b.c", |_| Some(1)).is_some());
        assert!(cache.find(b"a.b.c", |_| Some(2)).is_none());
        assert!(cache.find(b"a.b.c", |_| None).is_none());
        assert!(cache.find(b"A.b.c", |_| Some(1)).is_none());
    }

    #[test]
    fn texts_are_the_same_where_every_byte_is() {
        let text = b"eyJhbGciOiJFUzI1NiJ9.e30.abcdefg";
        for size in 0..text.len() {
            let equal = text[..size].to_vec();
            assert!(same(&text[..size], &equal));
            assert!(!same(&text[..size], &text[..=size]));
            for at in 0..size {
                let mut other = text[..size].to_vec();
                other[at] ^= 1;
                assert!(!same(&text[..size], &other), "{size} {at}");
            }
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut cache = TokenCache::default();
        for number in 0..10_000 {
            cache.keep(&format!("a.b.{number}"), 1, Rc::new(VerifiedToken::default()));
        }
        let kept = cache.slots.iter().flatten().flatten().count();
        assert!(kept <= SLOTS * 2);
    }
}
