//! What goes in and what comes out.

use super::callout::Callout;
use std::fmt;

/// Headers in order, duplicates kept; values are bytes.
pub type Headers = Vec<(String, Vec<u8>)>;

/// A request as a client sends it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Pseudo headers first, as Envoy has them.
    pub headers: Headers,
    /// The body in the pieces in which it arrives.
    pub chunks: Vec<Vec<u8>>,
    /// Trailers, if the body ends in some.
    pub trailers: Option<Headers>,
    /// Connection properties, by dotted path.
    pub properties: Vec<(String, Vec<u8>)>,
    /// Whether callouts are answered before the body has arrived (else after it).
    pub callouts_first: bool,
    /// What the module is handed as the map of the headers, in place of their serialised form: for
    /// a host that is broken.
    pub raw_map: Option<Vec<u8>>,
}

impl Request {
    /// A request of `method` for `target` at `api.example.com`.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        let pseudo = [
            (":method", method),
            (":scheme", "https"),
            (":authority", "api.example.com"),
            (":path", target),
        ];
        Self {
            headers: pseudo.map(|(k, v)| (k.to_owned(), v.as_bytes().to_vec())).to_vec(),
            chunks: Vec::new(),
            trailers: None,
            properties: Vec::new(),
            callouts_first: false,
            raw_map: None,
        }
    }

    /// A GET.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// With one more header; `:authority` and its kin replace what is there.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref().to_vec();
        let place =
            self.headers.iter_mut().find(|(known, _)| known.starts_with(':') && known == name);
        match place {
            Some(pair) => pair.1 = value,
            None => self.headers.push((name.to_owned(), value)),
        }
        self
    }

    /// With a body in one piece.
    #[must_use]
    pub fn body(self, body: impl AsRef<[u8]>) -> Self {
        self.chunk(body)
    }

    /// With one more piece of body.
    #[must_use]
    pub fn chunk(mut self, chunk: impl AsRef<[u8]>) -> Self {
        self.chunks.push(chunk.as_ref().to_vec());
        self
    }

    /// Ending in trailers, so that no piece of the body says that it is the last.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.get_or_insert_default().push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }
}

/// A response, an upstream's or the client's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers without `:status`.
    pub headers: Headers,
    /// Body.
    pub body: Vec<u8>,
    /// The lengths of the pieces in which the body arrives; in two where there are none.
    pub pieces: Vec<usize>,
    /// Trailers.
    pub trailers: Headers,
    /// Response code details, where the module gave some.
    pub details: String,
    /// Whether it breaks off after what is said here, before its end.
    pub breaks_off: bool,
}

impl Response {
    /// Without headers and body.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            pieces: Vec::new(),
            trailers: Vec::new(),
            details: String::new(),
            breaks_off: false,
        }
    }

    /// Breaking off after what was said so far, before its end.
    #[must_use]
    pub const fn breaking_off(mut self) -> Self {
        self.breaks_off = true;
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self.pieces.clear();
        self
    }

    /// With one more piece of body.
    #[must_use]
    pub fn chunk(mut self, chunk: impl AsRef<[u8]>) -> Self {
        let chunk = chunk.as_ref();
        self.body.extend(chunk);
        self.pieces.push(chunk.len());
        self
    }

    /// With one more trailer.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    /// The body in the pieces in which it arrives.
    pub(super) fn chunks(&self) -> Vec<Vec<u8>> {
        let pieces = match self.pieces.is_empty() {
            // Nobody may take the first piece for the whole.
            true => vec![self.body.len() / 2, self.body.len().div_ceil(2)],
            false => self.pieces.clone(),
        };
        let mut rest = self.body.as_slice();
        let mut take = |length: usize| {
            let (piece, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = after;
            piece.to_vec()
        };
        let mut chunks: Vec<Vec<u8>> = pieces.into_iter().map(&mut take).collect();
        chunks.push(take(usize::MAX));
        chunks.retain(|chunk| !chunk.is_empty());
        chunks
    }

    /// The first value of a header, as text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        first(&self.headers, name)
    }
}

/// What the upstream saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// All headers, pseudo headers among them.
    pub headers: Headers,
    /// The body as far as it came.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: Headers,
    /// Whether the request came to its end; only then is it answered.
    pub whole: bool,
}

impl Seen {
    /// The first value of a header, as text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        first(&self.headers, name)
    }
}

pub(super) fn first(headers: &Headers, name: &str) -> Option<String> {
    let (_, value) = headers.iter().find(|(known, _)| known == name)?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// Everything that came of one request.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// What the client got; `None` when it got no whole answer.
    pub client: Option<Response>,
    /// What the upstream saw; `None` when nothing reached it.
    pub upstream: Option<Seen>,
    /// Whether the answer broke off after its headers had gone.
    pub cut: bool,
    /// Whether the module reset the exchange.
    pub reset: bool,
    /// Filter state the module set, by key (`ambit_record` for `wasm.ambit_record`).
    pub filter_state: Vec<(String, Vec<u8>)>,
    /// The callouts made for this request.
    pub callouts: Vec<Callout>,
    /// Whether the module trapped.
    pub trapped: bool,
}

impl Exchange {
    /// The record, parsed; `None` where none was set.
    #[must_use]
    pub fn record(&self) -> Option<serde_json::Value> {
        let (_, bytes) = self.filter_state.iter().rev().find(|(key, _)| key == "ambit_record")?;
        serde_json::from_slice(bytes).ok()
    }

    /// The status the client got; 0 without a whole answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.client.as_ref().map_or(0, |client| client.status)
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reached = if self.upstream.is_some() { "reached the upstream" } else { "stopped" };
        write!(f, "{} {reached}", self.status())
    }
}
