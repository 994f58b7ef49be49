//! Callouts: requests of the gateway's own to its clusters, and how they end.

use super::{HostError, abi, buffer_whole, decoded, log};
use ambit::enforcement::{Callout, CalloutReply, Header};
use proxy_wasm::types::{BufferType, LogLevel, MapType};
use std::time::Duration;

/// The largest answer of a callout that is read, in bytes. Key sets and records are far smaller.
const CALLOUT_BODY_MOST: usize = 1024 * 1024;

/// Sends a callout; the token names it in `on_http_call_response`.
///
/// Through the SDK, because its dispatcher panics at the end of a call that it did not register
/// itself. It also panics on any status but success, bad argument (an unknown cluster) and
/// internal failure. Envoy answers no other: the memory it would complain of is this module's
/// own, and what it would call a bad argument is a bad argument.
pub(crate) fn dispatch(callout: &Callout) -> Result<u32, HostError> {
    let headers = vec![
        (":method", "GET"),
        (":authority", callout.authority.as_str()),
        (":path", callout.path.as_str()),
        ("accept", "application/json"),
    ];
    // To Envoy a timeout of 0 is none at all.
    let timeout = u64::try_from(callout.timeout.millis()).unwrap_or(0).clamp(1, 600_000);
    let timeout = Duration::from_millis(timeout);
    send(&callout.cluster, headers, timeout)
        .map_err(|status| HostError::Status { call: "proxy_http_call", status })
}

#[cfg(target_arch = "wasm32")]
fn send(cluster: &str, headers: Vec<(&str, &str)>, timeout: Duration) -> Result<u32, u32> {
    proxy_wasm::hostcalls::dispatch_http_call(cluster, headers, None, Vec::new(), timeout)
        .map_err(|status| status as u32)
}

#[cfg(not(target_arch = "wasm32"))]
fn send(_: &str, _: Vec<(&str, &str)>, _: Duration) -> Result<u32, u32> {
    Err(HostError::INTERNAL_FAILURE)
}

/// The answer to a callout, read inside `on_http_call_response`.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    status: Option<u16>,
    body: Vec<u8>,
}

impl Answer {
    /// Reads it. Its arrival says nothing: Envoy reports an upstream that is down as an answer of
    /// 503, a timeout as 504, and a reset with no headers at all.
    pub(crate) fn read(headers: usize, body_size: usize) -> Self {
        if headers == 0 || body_size > CALLOUT_BODY_MOST {
            return Self::default();
        }
        let read = || {
            let headers = abi::header_map_pairs(MapType::HttpCallResponseHeaders as u32)?;
            let status = status(&decoded(&headers)?);
            Ok(Self { status, body: buffer_whole(BufferType::HttpCallResponseBody, body_size)? })
        };
        read().unwrap_or_else(|error: HostError| {
            log(LogLevel::Error, &format!("ambit: reading an answer: {error}"));
            Self::default()
        })
    }

    /// For the enforcement.
    pub(crate) fn told(&self) -> CalloutReply<'_> {
        CalloutReply { status: self.status, body: &self.body }
    }
}

/// The one `:status` of three digits.
fn status(headers: &[Header<'_>]) -> Option<u16> {
    let mut all = headers.iter().filter(|(name, _)| *name == b":status");
    match (all.next(), all.next()) {
        (Some((_, value @ [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'])), None) => {
            std::str::from_utf8(value).ok()?.parse().ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_status_of_three_digits_counts() {
        assert_eq!(status(&[(b":status", b"200"), (b"x", b"y")]), Some(200));
        for bad in [&b"20"[..], b"0200", b"+20", b"2x0", b"", b"099"] {
            assert_eq!(status(&[(b":status", bad)]), None);
        }
        assert_eq!(status(&[(b":status", b"200"), (b":status", b"200")]), None);
        assert_eq!(status(&[]), None);
    }

    #[test]
    fn an_answer_without_headers_or_beyond_the_limit_has_no_status() {
        assert_eq!(Answer::read(0, 10).told().status, None);
        assert_eq!(Answer::read(3, CALLOUT_BODY_MOST + 1).told().status, None);
    }
}
