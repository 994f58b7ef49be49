//! What follows from a secret that the workers of one process share: nonces, and the names under
//! which used proofs are remembered. Nobody outside can foresee either.

use super::event::ProofUse;
use crate::time::{Span, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// For how long one nonce is given out; it is good for as long again.
const NONCE_SLOT: Span = Span::from_secs(300);
/// Bytes of a nonce, before base64url.
const NONCE_LEN: usize = 16;

/// What each use of the secret begins with, so that none can stand for another.
const OF_NONCE: &[u8] = b"ambit/nonce/1\0";
const OF_USE: &[u8] = b"ambit/proof/1\0";

/// The nonce that is given out at `now` (RFC 9449 §8): nothing is kept of it, for any worker of the
/// process can tell it by the time.
pub(super) fn nonce(secret: &[u8; 32], now: Timestamp) -> String {
    of_slot(secret, slot(now))
}

/// Whether a nonce is the one given out now or the one before.
pub(super) fn is_good_nonce(secret: &[u8; 32], nonce: &str, now: Timestamp) -> bool {
    let now = slot(now);
    [now, now.saturating_sub(1)].into_iter().any(|slot| of_slot(secret, slot) == nonce)
}

/// The use of a proof: one key's one `jti`, remembered until no proof of its age counts.
pub(super) fn proof_use(secret: &[u8; 32], key: &str, id: &str, until: Timestamp) -> ProofUse {
    // A thumbprint has no NUL, so no two pairs are one text.
    let name = mac(secret, &[OF_USE, key.as_bytes(), b"\0", id.as_bytes()]);
    ProofUse { name, until }
}

const fn slot(now: Timestamp) -> i64 {
    now.millis().div_euclid(NONCE_SLOT.millis())
}

fn of_slot(secret: &[u8; 32], slot: i64) -> String {
    let mac = mac(secret, &[OF_NONCE, &slot.to_be_bytes()]);
    URL_SAFE_NO_PAD.encode(mac.get(..NONCE_LEN).unwrap_or_default())
}

fn mac(secret: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A key shorter than a block is padded with zeros (RFC 2104 §2).
    let mut block = [0; 64];
    block.iter_mut().zip(secret).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; 32] = [5; 32];

    #[test]
    fn a_nonce_is_good_while_it_is_given_out_and_for_as_long_again() {
        let begin = Timestamp::from_secs(1_800_000_000);
        let given = nonce(&SECRET, begin);
        assert_eq!(given.len(), 22);
        for (seconds, good) in [(-1, false), (0, true), (299, true), (599, true), (600, false)] {
            let at = begin.plus(Span::from_secs(seconds));
            assert_eq!(is_good_nonce(&SECRET, &given, at), good, "{seconds}");
        }
        assert!(!is_good_nonce(&[6; 32], &given, begin), "another process's");
        assert!(!is_good_nonce(&SECRET, "", begin));
        assert!(!is_good_nonce(&SECRET, given.get(..21).unwrap(), begin));
    }

    #[test]
    fn a_use_is_of_one_key_one_id_and_one_process() {
        let until = Timestamp::from_secs(1);
        let name = |secret, key, id| proof_use(&secret, key, id, until).name;
        let one = name(SECRET, "key", "id");
        assert_eq!(one, name(SECRET, "key", "id"));
        for other in [
            name([6; 32], "key", "id"),
            name(SECRET, "ke", "yid"),
            name(SECRET, "keyi", "d"),
            name(SECRET, "key", "id2"),
        ] {
            assert_ne!(one, other);
        }
    }
}
