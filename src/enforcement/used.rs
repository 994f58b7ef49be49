//! The memory of used proofs, as the workers of a process share it: a fixed number of buckets, so
//! that no client chooses a key, each a bounded list of entries, so that none fills the host's memory.
//!
//! The bucket and the entry follow from a name that only this process can tell, so nobody can aim
//! at another's bucket. Only proofs of requests that the policy lets pass are remembered.

use super::event::{Memory, ProofUse};
use crate::time::Timestamp;

/// Buckets; a power of two. With [`MOST`] entries each, 4 MiB and 262,144 proofs at most.
const BUCKETS: u16 = 1024;
/// Entries in one bucket.
const MOST: usize = 256;
/// Bytes of an entry: twelve of the name, four of the second in which it may be forgotten.
const ENTRY: usize = 16;

/// What a host found under a bucket's key is no bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no bucket of used proofs")]
pub struct BucketError;

/// What to do about a proof and its bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    /// Its first use, once the host has put these bytes in the bucket's place.
    First(Vec<u8>),
    /// Nothing is to be put: it was used before, or there is no room.
    Not(Memory),
}

impl ProofUse {
    /// The key of its bucket in the host's shared data.
    #[must_use]
    pub fn bucket(&self) -> String {
        let [first, second, ..] = self.name;
        format!("proofs/{}", u16::from_be_bytes([first, second]) % BUCKETS)
    }

    /// Its bucket with it and without what may be forgotten at `now`; or why it is not added. An
    /// empty `bucket` is one that is not there yet.
    ///
    /// # Errors
    /// The bytes are no bucket's: nothing can be said of any proof in it.
    pub fn in_bucket(&self, bucket: &[u8], now: Timestamp) -> Result<Use, BucketError> {
        let (entries, rest) = bucket.as_chunks::<ENTRY>();
        if !rest.is_empty() || entries.len() > MOST {
            return Err(BucketError);
        }
        let added = self.entry();
        let now = u64::try_from(now.secs()).unwrap_or(0);
        let alive = entries.iter().filter(|entry| u64::from(until(entry)) > now);
        let (mut count, mut changed) = (0, Vec::with_capacity(bucket.len().saturating_add(ENTRY)));
        for entry in alive {
            if name(entry) == name(&added) {
                return Ok(Use::Not(Memory::Used));
            }
            changed.extend(entry);
            count += 1;
        }
        if count == MOST {
            return Ok(Use::Not(Memory::Full));
        }
        changed.extend(added);
        Ok(Use::First(changed))
    }

    /// The second in which it may be forgotten is rounded up.
    fn entry(&self) -> [u8; ENTRY] {
        let until = u32::try_from(self.until.secs().saturating_add(1)).unwrap_or(u32::MAX);
        let mut entry = [0; ENTRY];
        let bytes = self.name.iter().skip(2).take(12).copied().chain(until.to_be_bytes());
        entry.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        entry
    }
}

fn name(entry: &[u8; ENTRY]) -> &[u8] {
    entry.first_chunk::<12>().map_or(&[], <[u8; 12]>::as_slice)
}

fn until(entry: &[u8; ENTRY]) -> u32 {
    entry.last_chunk::<4>().map_or(u32::MAX, |until| u32::from_be_bytes(*until))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn proof(number: u32, seconds: i64) -> ProofUse {
        let mut name = [0; 32];
        name[2..6].copy_from_slice(&number.to_be_bytes());
        ProofUse { name, until: NOW.plus(Span::from_secs(seconds)) }
    }

    fn after(seconds: i64) -> Timestamp {
        NOW.plus(Span::from_secs(seconds))
    }

    fn added(bucket: &[u8], proof: &ProofUse, now: Timestamp) -> Vec<u8> {
        match proof.in_bucket(bucket, now).unwrap() {
            Use::First(changed) => changed,
            Use::Not(why) => panic!("not added: {why:?}"),
        }
    }

    #[test]
    fn a_proof_is_fresh_once_until_it_may_be_forgotten() {
        let one = added(&[], &proof(1, 60), NOW);
        assert_eq!(one.len(), ENTRY);
        for seconds in [0, 59, 60] {
            let again = proof(1, 60).in_bucket(&one, after(seconds));
            assert_eq!(again, Ok(Use::Not(Memory::Used)));
        }
        let two = added(&one, &proof(2, 90), NOW);
        assert_eq!(proof(1, 60).in_bucket(&two, NOW), Ok(Use::Not(Memory::Used)));
        // What may be forgotten makes room.
        let three = added(&two, &proof(3, 90), after(61));
        assert_eq!(three.len(), 2 * ENTRY);
        assert_eq!(proof(2, 90).in_bucket(&three, after(61)), Ok(Use::Not(Memory::Used)));
    }

    #[test]
    fn a_full_bucket_takes_no_more_and_forgets_nothing_that_still_counts() {
        let mut value = Vec::new();
        for number in 0..256 {
            value = added(&value, &proof(number, 60), NOW);
        }
        assert_eq!(value.len(), 4096);
        assert_eq!(proof(256, 60).in_bucket(&value, NOW), Ok(Use::Not(Memory::Full)));
        assert_eq!(proof(0, 60).in_bucket(&value, NOW), Ok(Use::Not(Memory::Used)));
        assert_eq!(added(&value, &proof(256, 60), after(61)).len(), ENTRY);
    }

    #[test]
    fn what_is_no_bucket_is_an_error() {
        assert_eq!(proof(1, 60).in_bucket(&[0; 15], NOW), Err(BucketError));
        assert_eq!(proof(1, 60).in_bucket(&[0; 4112], NOW), Err(BucketError));
    }

    #[test]
    fn buckets_are_few_and_a_time_beyond_the_format_is_never_forgotten() {
        let names = (0..=u16::MAX).map(|n| {
            let mut name = [7; 32];
            name[..2].copy_from_slice(&n.to_be_bytes());
            ProofUse { name, until: NOW }.bucket()
        });
        assert_eq!(names.collect::<std::collections::BTreeSet<_>>().len(), 1024);
        let far = ProofUse { name: [0; 32], until: Timestamp::from_millis(i64::MAX) };
        assert_eq!(until(&far.entry()), u32::MAX);
    }
}
