//! The memory of used proofs, in shared data: a fixed number of buckets, so that no client chooses
//! a key, each a bounded list of entries, so that none fills the host's memory.
//!
//! The bucket and the entry follow from a name that only this process can tell, so nobody can aim
//! at another's bucket. Only proofs of requests that the policy lets pass are remembered.

use crate::host::{HostError, shared};
use ambit::enforcement::{Memory, ProofUse};
use ambit::time::Timestamp;

/// Buckets; a power of two. With [`MOST`] entries each, 4 MiB and 262,144 proofs at most.
const BUCKETS: u16 = 1024;
/// Entries in one bucket.
const MOST: usize = 256;
/// Bytes of an entry: twelve of the name, four of the second in which it may be forgotten.
const ENTRY: usize = 16;
/// How often another worker may be faster before this one gives up.
const TRIES: usize = 16;

/// Remembers a proof, unless it is remembered already or there is no room.
///
/// # Errors
/// When the host shares nothing, has no room, or shares what is no bucket.
pub(super) fn remember(proof: &ProofUse, now: Timestamp) -> Result<Memory, HostError> {
    let key = bucket(&proof.name);
    for _ in 0..TRIES {
        let found = shared::get(&key)?;
        let (value, version) = match &found {
            Some(found) => (found.value.as_slice(), Some(found.version)),
            None => (&[][..], None),
        };
        match add(value, proof, now)? {
            Ok(changed) if shared::put(&key, &changed, version)? => return Ok(Memory::Fresh),
            Ok(_) => {}
            Err(memory) => return Ok(memory),
        }
    }
    Err(HostError::OutOfStep("a bucket of used proofs that other workers keep changing"))
}

fn bucket(name: &[u8; 32]) -> String {
    let [first, second, ..] = name;
    format!("proofs/{}", u16::from_be_bytes([*first, *second]) % BUCKETS)
}

/// The bucket with the proof in it and without what may be forgotten; or why it is not added.
fn add(
    value: &[u8],
    proof: &ProofUse,
    now: Timestamp,
) -> Result<Result<Vec<u8>, Memory>, HostError> {
    let (entries, rest) = value.as_chunks::<ENTRY>();
    if !rest.is_empty() || entries.len() > MOST {
        let what = "no bucket of used proofs";
        return Err(HostError::Unreadable { call: "proxy_get_shared_data", what });
    }
    let added = entry(proof);
    let now = u64::try_from(now.secs()).unwrap_or(0);
    let alive = entries.iter().filter(|entry| u64::from(until(entry)) > now);
    let (mut count, mut changed) = (0, Vec::with_capacity(value.len().saturating_add(ENTRY)));
    for entry in alive {
        if name(entry) == name(&added) {
            return Ok(Err(Memory::Used));
        }
        changed.extend(entry);
        count += 1;
    }
    if count == MOST {
        return Ok(Err(Memory::Full));
    }
    changed.extend(added);
    Ok(Ok(changed))
}

/// The second in which it may be forgotten is rounded up.
fn entry(proof: &ProofUse) -> [u8; ENTRY] {
    let until = u32::try_from(proof.until.secs().saturating_add(1)).unwrap_or(u32::MAX);
    let mut entry = [0; ENTRY];
    let bytes = proof.name.iter().skip(2).take(12).copied().chain(until.to_be_bytes());
    entry.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    entry
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
    use ambit::time::Span;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn proof(number: u32, seconds: i64) -> ProofUse {
        let mut name = [0; 32];
        name[2..6].copy_from_slice(&number.to_be_bytes());
        ProofUse { name, until: NOW.plus(Span::from_secs(seconds)) }
    }

    fn after(seconds: i64) -> Timestamp {
        NOW.plus(Span::from_secs(seconds))
    }

    #[test]
    fn a_proof_is_fresh_once_until_it_may_be_forgotten() {
        let one = add(&[], &proof(1, 60), NOW).unwrap().unwrap();
        assert_eq!(one.len(), ENTRY);
        for seconds in [0, 59, 60] {
            assert_eq!(add(&one, &proof(1, 60), after(seconds)).unwrap(), Err(Memory::Used));
        }
        let two = add(&one, &proof(2, 90), NOW).unwrap().unwrap();
        assert_eq!(add(&two, &proof(1, 60), NOW).unwrap(), Err(Memory::Used));
        // What may be forgotten makes room.
        let three = add(&two, &proof(3, 90), after(61)).unwrap().unwrap();
        assert_eq!(three.len(), 2 * ENTRY);
        assert_eq!(add(&three, &proof(2, 90), after(61)).unwrap(), Err(Memory::Used));
    }

    #[test]
    fn a_full_bucket_takes_no_more_and_forgets_nothing_that_still_counts() {
        let mut value = Vec::new();
        for number in 0..256 {
            value = add(&value, &proof(number, 60), NOW).unwrap().unwrap();
        }
        assert_eq!(value.len(), 4096);
        assert_eq!(add(&value, &proof(256, 60), NOW).unwrap(), Err(Memory::Full));
        assert_eq!(add(&value, &proof(0, 60), NOW).unwrap(), Err(Memory::Used));
        assert_eq!(add(&value, &proof(256, 60), after(61)).unwrap().unwrap().len(), ENTRY);
    }

    #[test]
    fn what_is_no_bucket_is_an_error() {
        assert!(add(&[0; 15], &proof(1, 60), NOW).is_err());
        assert!(add(&[0; 4112], &proof(1, 60), NOW).is_err());
    }

    #[test]
    fn buckets_are_few_and_a_time_beyond_the_format_is_never_forgotten() {
        let names = (0..=u16::MAX).map(|n| {
            let mut name = [7; 32];
            name[..2].copy_from_slice(&n.to_be_bytes());
            bucket(&name)
        });
        assert_eq!(names.collect::<std::collections::BTreeSet<_>>().len(), 1024);
        let far = ProofUse { name: [0; 32], until: Timestamp::from_millis(i64::MAX) };
        assert_eq!(until(&entry(&far)), u32::MAX);
    }
}
