//! Signature checks: by the host where it can (14 times faster), else in the module.

use crate::counters::Checker;
use crate::host::{self, HostError};
use ambit::enforcement::SignatureVerdict;
use ambit::identity::SignatureCheck;
use std::cell::Cell;

/// Envoy's function over DER keys and signatures.
const VERIFY: &str = "verify_signature";

/// `VerifySignatureResult { result: true }` and nothing else.
const VALID: [u8; 2] = [0x08, 0x01];

/// Who checks signatures on this worker.
#[derive(Debug)]
pub(crate) struct Signatures {
    /// Whether the host is worth asking; unset once it turned out not to have the function.
    host: Cell<bool>,
}

impl Default for Signatures {
    fn default() -> Self {
        Self { host: Cell::new(true) }
    }
}

impl Signatures {
    /// Checks a signature, and says who did.
    pub(crate) fn check(&self, check: &SignatureCheck) -> (SignatureVerdict, Checker) {
        if let Some(verdict) = self.by_host(check) {
            return (verdict, Checker::Host);
        }
        let verdict = match check.verify() {
            true => SignatureVerdict::Valid,
            false => SignatureVerdict::Invalid,
        };
        (verdict, Checker::Module)
    }

    /// The host's verdict, where it has one. A failed call is no verdict: it says that the host
    /// could not check, never that the signature is bad or good.
    fn by_host(&self, check: &SignatureCheck) -> Option<SignatureVerdict> {
        if !self.host.get() {
            return None;
        }
        let signature = check.for_host()?;
        let arguments = arguments(
            signature.hash.as_bytes(),
            signature.key,
            &signature.signature,
            check.message(),
        );
        match host::call(VERIFY, &arguments) {
            Ok(result) => verdict(&result),
            Err(error) => {
                self.learn(error);
                None
            }
        }
    }

    fn learn(&self, error: HostError) {
        if error.is_absence() {
            self.host.set(false);
        }
    }
}

/// `VerifySignatureArguments` in protobuf: the hash's name (1), a DER key (2), the signature (3)
/// and what was signed (4), each a length-delimited field.
fn arguments(hash: &[u8], key: &[u8], signature: &[u8], text: &[u8]) -> Vec<u8> {
    let fields = [(1_u8, hash), (2, key), (3, signature), (4, text)];
    let mut bytes = Vec::with_capacity(fields.iter().map(|(_, value)| value.len() + 6).sum());
    for (number, value) in fields {
        bytes.push((number << 3) | 2);
        let mut size = value.len();
        while size >= 0x80 {
            bytes.push((size & 0x7f) as u8 | 0x80);
            size >>= 7;
        }
        bytes.push(size as u8);
        bytes.extend_from_slice(value);
    }
    bytes
}

/// Only the exact bytes of a plain success are a yes. A no is a result without the field `result`:
/// empty, or an error text alone (field 2). Anything else is no verdict.
fn verdict(result: &[u8]) -> Option<SignatureVerdict> {
    match result {
        bytes if bytes == VALID => Some(SignatureVerdict::Valid),
        [] | [0x12, ..] => Some(SignatureVerdict::Invalid),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_the_four_fields_in_order() {
        let wanted = [&b"\x0a\x06sha256\x12\x01K\x1a\x01S\x22\x03h.p"[..]].concat();
        assert_eq!(arguments(b"sha256", b"K", b"S", b"h.p"), wanted);
    }

    #[test]
    fn long_fields_have_sizes_of_several_bytes() {
        let bytes = arguments(b"", &[7; 300], b"", b"");
        assert_eq!(bytes[..5], [0x0a, 0, 0x12, 0xac, 0x02]);
        assert_eq!(bytes.len(), 2 + 3 + 300 + 2 + 2);
    }

    #[test]
    fn only_a_plain_success_is_valid() {
        assert_eq!(verdict(&VALID), Some(SignatureVerdict::Valid));
        for no in [&b""[..], b"\x12\x03bad"] {
            assert_eq!(verdict(no), Some(SignatureVerdict::Invalid));
        }
        for odd in [&b"\x08\x01\x12\x01x"[..], b"\x08\x02", b"\x08", b"\x01", b"\x08\x00"] {
            assert_eq!(verdict(odd), None);
        }
    }

    #[test]
    fn a_host_without_the_function_is_not_asked_again() {
        let signatures = Signatures::default();
        signatures.learn(HostError::Status { call: "x", status: 2 });
        assert!(signatures.host.get(), "a bad argument is about one key");
        signatures.learn(HostError::Status { call: "x", status: 1 });
        assert!(!signatures.host.get());
    }
}
