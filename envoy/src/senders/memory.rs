//! The memory of used proofs, in shared data: the core says what stands in a bucket, and this puts it
//! there unless another worker was faster.

use crate::host::{HostError, shared};
use ambit::enforcement::{Memory, ProofUse, Use};
use ambit::time::Timestamp;

/// How often another worker may be faster before this one gives up.
const TRIES: usize = 16;

/// Remembers a proof, unless it is remembered already or there is no room.
///
/// # Errors
/// When the host shares nothing, has no room, or shares what is no bucket.
pub(super) fn remember(proof: &ProofUse, now: Timestamp) -> Result<Memory, HostError> {
    let key = proof.bucket();
    for _ in 0..TRIES {
        let found = shared::get(&key)?;
        let (value, version) = match &found {
            Some(found) => (found.value.as_slice(), Some(found.version)),
            None => (&[][..], None),
        };
        let what = "no bucket of used proofs";
        let odd = |_| HostError::Unreadable { call: "proxy_get_shared_data", what };
        match proof.in_bucket(value, now).map_err(odd)? {
            Use::First(changed) if shared::put(&key, &changed, version)? => {
                return Ok(Memory::Fresh);
            }
            Use::First(_) => {}
            Use::Not(memory) => return Ok(memory),
        }
    }
    Err(HostError::OutOfStep("a bucket of used proofs that other workers keep changing"))
}
