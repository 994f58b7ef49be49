//! What is left when the host fails at what the enforcement asked for.

use crate::host::{self, HostError};
use ambit::enforcement::Reply;
use proxy_wasm::types::LogLevel;

/// An answer that needs no enforcement, or else no answer at all.
pub(super) fn refuse() {
    let reply = Reply {
        status: 503,
        headers: vec![("cache-control".to_owned(), "no-store".to_owned())],
        body: Vec::new(),
        details: "ambit_host_failure".to_owned(),
    };
    if let Err(error) = host::reply(&reply) {
        complain(error);
        close();
    }
}

/// No answer: the stream is reset.
pub(super) fn close() {
    // A stream that cannot be closed either stays held until Envoy's own timeout.
    if let Err(error) = host::close() {
        complain(error);
    }
}

/// A line in the log where it failed, for what a request does not depend on.
pub(super) fn or_complain(done: Result<(), HostError>) {
    if let Err(error) = done {
        complain(error);
    }
}

/// A line in the log.
pub(super) fn complain(error: HostError) {
    host::log(LogLevel::Error, &format!("ambit: {error}"));
}
