//! One HTTP stream as the host keeps it.

use super::callout::Callout;
use super::message::{Headers, Response};

/// A request or a response on its way through the module.
#[derive(Debug, Default)]
pub(super) struct Half {
    pub(super) headers: Headers,
    pub(super) trailers: Headers,
    /// What the module may read and write of the body: the piece being told, or all that is held.
    pub(super) buffer: Vec<u8>,
    /// What of the body was let go.
    pub(super) passed: Vec<u8>,
    /// Whether there are headers, and whether trailers came.
    pub(super) came: bool,
    pub(super) trailers_came: bool,
    /// Whether they can be read and changed: from their callback on, until one lets them go.
    pub(super) headers_open: bool,
    pub(super) body_open: bool,
    pub(super) trailers_open: bool,
    /// Whether the headers were let go, and the trailers.
    pub(super) released: bool,
    pub(super) trailers_released: bool,
    /// Whether the body is held.
    pub(super) holding: bool,
    /// Whether the module has resumed this half since the host last looked.
    pub(super) resumed: bool,
}

impl Half {
    /// A request that is resumed can be changed no more, in the same callback even; a response can,
    /// which does nothing. What is held goes on when the callback has returned.
    pub(super) const fn resume_request(&mut self) {
        self.resumed = true;
        self.headers_open = false;
        self.body_open = false;
        self.trailers_open = false;
    }

    /// Lets go what has come so far.
    pub(super) fn let_go(&mut self) {
        self.body_open = false;
        self.trailers_open = false;
        self.released = true;
        self.holding = false;
        self.passed.append(&mut self.buffer);
        self.trailers_released = self.trailers_came;
    }

    /// Whether nothing of what has come is held.
    pub(super) const fn is_clear(&self) -> bool {
        self.released && !self.holding && self.trailers_released == self.trailers_came
    }
}

/// A stream's messages and what the module has asked for.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) request: Half,
    pub(super) response: Half,
    /// A reply in the response's place, as the log shows it.
    pub(super) replaced: Option<Headers>,
    pub(super) properties: Vec<(String, Vec<u8>)>,
    pub(super) filter_state: Vec<(String, Vec<u8>)>,
    pub(super) made: Vec<Callout>,
    pub(super) closed: bool,
    pub(super) reply: Option<Response>,
    /// Handed over in place of the request's headers.
    pub(super) raw_map: Option<Vec<u8>>,
    /// While the log callback runs, everything that came can be read again.
    pub(super) logging: bool,
}

impl Stream {
    /// Whether the module has asked for something that is still to be done.
    pub(super) const fn is_touched(&self) -> bool {
        self.closed || self.reply.is_some() || self.request.resumed || self.response.resumed
    }

    /// The map with this number of the ABI; `None` where Envoy would not let it be read now.
    pub(super) fn map(&self, number: u32) -> Option<&Headers> {
        let (request, response) = (&self.request, &self.response);
        let readable = |open: bool, came: bool| match self.logging {
            true => came,
            false => open,
        };
        match number {
            0 if readable(request.headers_open, request.came) => Some(&request.headers),
            1 if readable(request.trailers_open, request.trailers_came) => Some(&request.trailers),
            2 if self.logging && self.replaced.is_some() => self.replaced.as_ref(),
            2 if readable(response.headers_open, response.came) => Some(&response.headers),
            3 if readable(response.trailers_open, response.trailers_came) => {
                Some(&response.trailers)
            }
            _ => None,
        }
    }

    /// As [`Stream::map`], to be changed.
    pub(super) const fn map_mut(&mut self, number: u32) -> Option<&mut Headers> {
        let (request, response) = (&mut self.request, &mut self.response);
        match number {
            0 if request.headers_open => Some(&mut request.headers),
            1 if request.trailers_open => Some(&mut request.trailers),
            2 if response.headers_open => Some(&mut response.headers),
            3 if response.trailers_open => Some(&mut response.trailers),
            _ => None,
        }
    }
}
