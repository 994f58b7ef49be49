//! Callbacks that the gateway never makes, because its capability list leaves them out.
//!
//! What is not called cannot hold anything, and no call tells what the list is. What comes later of
//! the same request does: an answer to a request that was never told, or that is still held. Then
//! this worker ends, and Envoy itself refuses whatever comes to it (`FAIL_CLOSED`); what is shared
//! ends the others at their next tick, and keeps it from starting anew (`FAIL_RELOAD`) until Envoy
//! does. All of it costs an ordinary
//! request nothing: only requests are asked about that should not have come this far.

use super::last_resort::complain;
use crate::host::{self, HostError, shared};
use proxy_wasm::types::LogLevel;

/// Where it is shared that a callback is missing.
const MISSING: &str = "callback-missing";

/// How far the module believes a request to have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Believed {
    /// Its headers were never told.
    Untold,
    /// It is held.
    Held,
    /// It went on, and its answer has not come.
    Unanswered,
    /// Its answer is held.
    AnswerHeld,
    /// Its answer went on, and nothing was told of the body.
    BodyUntold,
}

/// The callbacks of which one must be missing; `None` where nothing says so.
pub(super) fn missing(believed: Believed) -> Option<&'static str> {
    let sent = match believed {
        Believed::Untold | Believed::Unanswered => false,
        Believed::Held => property(&["upstream", "address"]).is_some(),
        Believed::AnswerHeld | Believed::BodyUntold => {
            property(&["response", "size"]).is_some_and(|size| size.iter().any(|byte| *byte != 0))
        }
    };
    let details = property(&["response", "code_details"]);
    missing_by(believed, &details.unwrap_or_default(), sent)
}

/// `details` is why Envoy says the client was answered as it was; `sent` whether an upstream was
/// chosen for a request that is held, or the client was sent anything of a body.
fn missing_by(believed: Believed, details: &[u8], sent: bool) -> Option<&'static str> {
    let by_upstream = details == b"via_upstream";
    // What the router says, which comes after this filter: it sent the request on, or would have.
    let by_router =
        by_upstream || details == b"direct_response" || details.starts_with(b"upstream_");
    match believed {
        Believed::Untold if by_router => Some("proxy_on_request_headers"),
        Believed::Held if by_router || sent => {
            Some("proxy_on_request_body` or `proxy_on_request_trailers")
        }
        Believed::Unanswered if by_upstream => Some("proxy_on_response_headers"),
        Believed::AnswerHeld if by_upstream && sent => {
            Some("proxy_on_response_body` or `proxy_on_response_trailers")
        }
        // What was sent went through here, whoever answered.
        Believed::BodyUntold if sent => Some("proxy_on_response_body"),
        _ => None,
    }
}

/// A property, where the host has it and tells it.
fn property(path: &[&str]) -> Option<Vec<u8>> {
    host::property(path).unwrap_or_else(|error| {
        complain(error);
        None
    })
}

/// Ends this worker for good.
pub(super) fn end_worker(callback: &str) -> ! {
    host::log(
        LogLevel::Critical,
        &format!(
            "ambit: the gateway never calls `{callback}`, so what should be held passes: nothing \
             more does; `allowed_capabilities` must list every `proxy_on_*` of envoy/envoy.yaml, \
             and Envoy must start anew"
        ),
    );
    let counted = host::define_counter("ambit.callbacks.missing").and_then(host::count);
    let told = shared::put(MISSING, b"1", None).map(|_| ());
    for done in [counted, told] {
        if let Err(error) = done {
            complain(error);
        }
    }
    // The one way to tell Envoy that it must refuse everything: a module that has failed.
    std::process::abort()
}

/// Ends this worker because another one has.
pub(crate) fn follow_the_others() -> ! {
    let why = "ambit: another worker found that the gateway leaves out a callback: nothing passes";
    host::log(LogLevel::Critical, why);
    std::process::abort()
}

/// Whether a worker of this process has ended for it.
///
/// # Errors
/// When the host shares nothing.
pub(crate) fn was_noticed() -> Result<bool, HostError> {
    Ok(shared::get(MISSING)?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [&[u8]; 8] = [
        b"",
        b"request_payload_too_large",
        b"response_payload_too_large",
        b"downstream_remote_disconnect",
        b"request_overall_timeout",
        b"stream_idle_timeout",
        b"ambit_no_token",
        b"missing_host_header",
    ];

    #[test]
    fn what_envoy_answers_by_itself_says_nothing() {
        for details in OWN {
            for believed in [Believed::Untold, Believed::Unanswered, Believed::AnswerHeld] {
                assert_eq!(missing_by(believed, details, true), None, "{believed:?}");
            }
            assert_eq!(missing_by(Believed::Held, details, false), None);
        }
    }

    #[test]
    fn what_came_past_the_filter_says_which_callback_is_missing() {
        for details in [&b"via_upstream"[..], b"direct_response", b"upstream_response_timeout"] {
            assert!(missing_by(Believed::Untold, details, false).is_some());
            assert!(missing_by(Believed::Held, details, false).is_some());
        }
        assert!(missing_by(Believed::Held, b"downstream_remote_disconnect", true).is_some());
        assert!(missing_by(Believed::Unanswered, b"via_upstream", false).is_some());
        assert!(missing_by(Believed::AnswerHeld, b"via_upstream", true).is_some());
        assert!(missing_by(Believed::BodyUntold, b"ambit_no_token", true).is_some());
        assert_eq!(missing_by(Believed::BodyUntold, b"via_upstream", false), None);
    }

    #[test]
    fn an_answer_that_is_held_and_of_which_nothing_was_sent_may_have_broken_off() {
        assert_eq!(missing_by(Believed::AnswerHeld, b"via_upstream", false), None);
        // The client left, or the upstream: no answer was told, because none came.
        let cut = b"upstream_reset_before_response_started{connection_termination}";
        assert_eq!(missing_by(Believed::Unanswered, cut, false), None);
    }
}
