//! Values that every worker of the process sees, and every version of this module with them.
//!
//! Two versions of the module, or two policies, may share a process for as long as a reload lasts.
//! So every key begins with [`FORMAT`], and a value is read only by a module that writes the same.

use super::{HostError, abi};

/// The format of everything that is shared. A module that changes the meaning of any shared value
/// changes this, and never meets what another version wrote.
const FORMAT: &str = "ambit/1/";

/// The status of a value that somebody else changed first.
const CAS_MISMATCH: u32 = 8;

/// Envoy takes any version for a key that is not there, none that does not match for one that is,
/// and 0 for both: this one, which no value ever has, means "only if it is not there".
const MISSING: u32 = u32::MAX;

/// In the other dialect, of hosts like nginx, 0 means that, and no other version writes a key that
/// is not there.
const MISSING_ELSEWHERE: u32 = 0;

/// A shared value, and the version to hand to [`put`] so that nobody's change is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shared {
    pub(crate) value: Vec<u8>,
    pub(crate) version: u32,
}

/// What is shared under `key`; `None` where nothing ever was.
///
/// # Errors
/// When the host shares nothing.
pub(crate) fn get(key: &str) -> Result<Option<Shared>, HostError> {
    match abi::shared_data(&name(key)) {
        Ok((value, version)) => Ok(Some(Shared { value, version })),
        Err(HostError::Status { status: HostError::NOT_FOUND, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Shares `value` if nobody changed it since `version` was read, or if nobody ever set it where
/// `version` is `None`; `false` where somebody was faster.
///
/// # Errors
/// When the host shares nothing, or has no room left.
pub(crate) fn put(key: &str, value: &[u8], version: Option<u32>) -> Result<bool, HostError> {
    if set(key, value, version.unwrap_or(MISSING))? {
        return Ok(true);
    }
    // Nothing that is shared ever goes away: what still is not there was not written by another,
    // so this is no Envoy, where 0 would overwrite.
    match version.is_none() && get(key)?.is_none() {
        true => set(key, value, MISSING_ELSEWHERE),
        false => Ok(false),
    }
}

fn set(key: &str, value: &[u8], version: u32) -> Result<bool, HostError> {
    match abi::set_shared_data(&name(key), value, version) {
        Ok(()) => Ok(true),
        Err(HostError::Status { status: CAS_MISMATCH, .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

fn name(key: &str) -> String {
    [FORMAT, key].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_the_format_of_its_value() {
        assert_eq!(name("jti/0"), "ambit/1/jti/0");
    }

    #[test]
    fn outside_webassembly_nothing_is_shared() {
        assert!(get("x").is_err());
        assert!(put("x", b"", None).is_err());
    }
}
