//! One HTTP stream as the host keeps it.

use super::message::{Callout, CalloutAnswer, Headers, Response};

/// Where the stream is: what may be read, and what a local reply interrupts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Request,
    Response,
    Done,
}

/// A stream's messages and what the module has asked for.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) phase: Phase,
    pub(super) request_headers: Headers,
    pub(super) request_body: Vec<u8>,
    pub(super) request_trailers: Headers,
    pub(super) response_headers: Headers,
    pub(super) response_body: Vec<u8>,
    pub(super) response_trailers: Headers,
    pub(super) properties: Vec<(String, Vec<u8>)>,
    pub(super) filter_state: Vec<(String, Vec<u8>)>,
    pub(super) callouts: Vec<Pending>,
    pub(super) made: Vec<Callout>,
    /// Set by `continue_stream` for the request or the response.
    pub(super) resumed: bool,
    pub(super) closed: bool,
    pub(super) reply: Option<Response>,
    /// While the log callback runs, everything can be read again.
    pub(super) logging: bool,
}

/// A callout that has not ended.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) token: u32,
    pub(super) answer: CalloutAnswer,
}

impl Stream {
    /// The map with this number of the ABI; `None` where Envoy would not let it be read now.
    pub(super) fn map(&self, number: u32) -> Option<&Headers> {
        let request = self.phase == Phase::Request || self.logging;
        let response = self.phase != Phase::Request || self.logging;
        match number {
            0 if request => Some(&self.request_headers),
            1 if request => Some(&self.request_trailers),
            2 if response => Some(&self.response_headers),
            3 if response => Some(&self.response_trailers),
            _ => None,
        }
    }

    pub(super) fn map_mut(&mut self, number: u32) -> Option<&mut Headers> {
        match (number, self.phase) {
            (0, Phase::Request) => Some(&mut self.request_headers),
            (1, Phase::Request) => Some(&mut self.request_trailers),
            (2, Phase::Response) => Some(&mut self.response_headers),
            (3, Phase::Response) => Some(&mut self.response_trailers),
            _ => None,
        }
    }
}
