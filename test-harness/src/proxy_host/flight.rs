//! One request on its way through a worker, which may have others on their way at the same time.

mod live;
mod phases;

use super::builder::Framing;
use super::gateway::Around;
use super::memory::size;
use super::message::{Exchange, Headers, Request, Response, Seen};
use super::state::ROOT;
use super::stream::{Half, Stream};
use super::worker::Worker;
use live::Sent;
use std::collections::VecDeque;

pub use live::Out;

/// How far a request got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Something happened; more may.
    GoesOn,
    /// Nothing happens unless a callout ends.
    Waits,
    /// Over.
    Over,
}

/// Which half of the exchange is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

/// What is still to be told of a half.
#[derive(Debug)]
enum Piece {
    Headers { end: bool },
    Body { bytes: Vec<u8>, end: bool },
    Trailers(Headers),
}

/// A request on its way. It holds no worker, so that one worker can have several.
#[derive(Debug)]
pub struct Flight {
    worker: usize,
    context: u32,
    side: Side,
    request_left: VecDeque<Piece>,
    response_left: VecDeque<Piece>,
    /// What of a live exchange has gone out; a scripted one has none.
    sent: Option<Sent>,
    callouts_first: bool,
    /// A HEAD's response has no body, whatever is said of one.
    head: bool,
    /// Whether the upstream goes away before the end of its answer.
    breaks_off: bool,
    /// The details of a local reply on its way to the client.
    details: String,
    over: bool,
    exchange: Exchange,
}

impl Flight {
    /// A request that nobody is there to take, or whose worker's module has trapped.
    pub(super) fn refused(worker: usize) -> Self {
        let client = Some(Response::new(503));
        let exchange = Exchange { client, trapped: true, ..Exchange::default() };
        Self {
            worker,
            context: 0,
            side: Side::Request,
            request_left: VecDeque::new(),
            response_left: VecDeque::new(),
            sent: None,
            callouts_first: false,
            head: false,
            breaks_off: false,
            details: String::new(),
            over: true,
            exchange,
        }
    }

    /// A request before its first callback.
    pub(super) fn new(
        number: usize,
        worker: &mut Worker,
        around: &Around,
        request: Request,
    ) -> Self {
        // FAIL_CLOSED: a worker whose module trapped answers for good.
        if worker.dead {
            return Self::refused(number);
        }
        let context = worker.next_context();
        let head = request.headers.iter().any(|(n, v)| n == ":method" && v == b"HEAD");
        let request_left = pieces(request.chunks, request.trailers, around);
        let half = Half { headers: request.headers, came: true, ..Half::default() };
        let stream = Stream {
            request: half,
            properties: request.properties,
            raw_map: request.raw_map,
            ..Stream::default()
        };
        worker.state().streams.insert(context, stream);
        let mut flight = Self {
            context,
            request_left,
            callouts_first: request.callouts_first,
            head,
            over: false,
            exchange: Exchange::default(),
            ..Self::refused(number)
        };
        if worker.call("proxy_on_context_create", &[context, ROOT]).is_err() {
            flight.trapped();
        }
        flight
    }

    pub(super) const fn worker(&self) -> usize {
        self.worker
    }

    pub(super) const fn context(&self) -> u32 {
        self.context
    }

    /// What came of it, once it is over; so far, before.
    pub(super) fn into_exchange(mut self) -> Exchange {
        self.take_exchange()
    }

    pub(super) fn take_exchange(&mut self) -> Exchange {
        std::mem::take(&mut self.exchange)
    }

    /// Goes on until it is over or waits.
    pub(super) fn go_on(&mut self, worker: &mut Worker, around: &Around) -> Way {
        loop {
            if self.over {
                return Way::Over;
            }
            match self.step(worker, around) {
                Way::GoesOn => {}
                Way::Waits => return Way::Waits,
                Way::Over => self.end(worker),
            }
        }
    }

    /// Whether it has come to its end.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Goes on by this many things at most.
    pub(super) fn go_on_for(&mut self, steps: usize, worker: &mut Worker, around: &Around) {
        for _ in 0..steps {
            if self.over {
                break;
            }
            let mut way = self.step(worker, around);
            // What an answer lets go is gone when its callback has returned.
            if way == Way::Waits && worker.answer_scripted(self.context) {
                way = self.step(worker, around);
            }
            if way == Way::Over {
                self.end(worker);
            }
        }
    }

    /// The gateway answers by itself, as after a timeout.
    pub(super) fn answered_by_host(&mut self, status: u16, worker: &mut Worker, around: &Around) {
        if !self.over {
            self.reply(worker, around, announced(Response::new(status).body("timeout")));
        }
    }

    fn stream<'a>(&self, worker: &'a mut Worker) -> &'a mut Stream {
        worker.state().current = self.context;
        worker.state().stream()
    }

    fn half<'a>(&self, worker: &'a mut Worker) -> &'a mut Half {
        let stream = self.stream(worker);
        match self.side {
            Side::Request => &mut stream.request,
            Side::Response => &mut stream.response,
        }
    }

    const fn left(&mut self) -> &mut VecDeque<Piece> {
        match self.side {
            Side::Request => &mut self.request_left,
            Side::Response => &mut self.response_left,
        }
    }

    fn next_piece(&self) -> Option<&Piece> {
        match self.side {
            Side::Request => self.request_left.front(),
            Side::Response => self.response_left.front(),
        }
    }

    fn trapped(&mut self) {
        self.exchange.trapped = true;
        self.exchange.client = Some(Response::new(503));
        self.over = true;
    }

    /// The exchange is over, however far it came: log, done, delete, in Envoy's order.
    pub(super) fn end(&mut self, worker: &mut Worker) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.reached(worker);
        let code = i64::from(self.exchange.status()).to_le_bytes().to_vec();
        let stream = self.stream(worker);
        stream.properties.push(("response.code".to_owned(), code));
        stream.logging = true;
        let logged = worker.call("proxy_on_log", &[self.context]);
        self.stream(worker).logging = false;
        let done = worker.call("proxy_on_done", &[self.context]);
        let stream = self.stream(worker);
        self.exchange.filter_state = std::mem::take(&mut stream.filter_state);
        self.exchange.callouts = std::mem::take(&mut stream.made);
        let deleted = worker.call("proxy_on_delete", &[self.context]);
        self.exchange.trapped |= logged.is_err() || done.is_err() || deleted.is_err();
        self.answered_too_late(worker);
        worker.state().streams.remove(&self.context);
    }

    /// A reply to a stream that was reset in the same callback: Envoy 1.40 deletes the context, and
    /// then tells it of the reply.
    fn answered_too_late(&mut self, worker: &mut Worker) {
        let stream = self.stream(worker);
        let Some(reply) = stream.reply.take().filter(|_| stream.closed) else { return };
        stream.response = Half {
            headers: with_status(&announced(reply)),
            came: true,
            headers_open: true,
            ..Half::default()
        };
        let count = size(stream.response.headers.len());
        let arguments = [self.context, count, 0];
        self.exchange.trapped |= worker.call("proxy_on_response_headers", &arguments).is_err();
    }

    /// Notes what the upstream has got.
    fn reached(&mut self, worker: &mut Worker) {
        let request = &self.stream(worker).request;
        if self.exchange.upstream.is_some() || !request.released {
            return;
        }
        self.exchange.upstream = Some(Seen {
            headers: request.headers.clone(),
            body: request.passed.clone(),
            trailers: match request.trailers_released {
                true => request.trailers.clone(),
                false => Vec::new(),
            },
            whole: false,
        });
    }
}

/// A message's pieces in the order in which they are told.
fn pieces(chunks: Vec<Vec<u8>>, trailers: Option<Headers>, around: &Around) -> VecDeque<Piece> {
    let mut pieces = VecDeque::new();
    let bare = chunks.is_empty() && trailers.is_none();
    pieces.push_back(Piece::Headers { end: bare });
    let with_last = trailers.is_none() && around.framing == Framing::EndWithLast;
    let last = chunks.len().saturating_sub(1);
    for (number, bytes) in chunks.into_iter().enumerate() {
        pieces.push_back(Piece::Body { bytes, end: with_last && number == last });
    }
    match trailers {
        Some(trailers) => pieces.push_back(Piece::Trailers(trailers)),
        None if bare || with_last => {}
        None => pieces.push_back(Piece::Body { bytes: Vec::new(), end: true }),
    }
    pieces
}

/// `:status` and the headers.
fn with_status(response: &Response) -> Headers {
    let status = (":status".to_owned(), response.status.to_string().into_bytes());
    std::iter::once(status).chain(response.headers.clone()).collect()
}

/// A body's announcement, as Envoy gives a local reply.
fn announced(mut reply: Response) -> Response {
    let has = |reply: &Response, name: &str| reply.get(name).is_some();
    if !reply.body.is_empty() {
        if !has(&reply, "content-type") {
            reply = reply.header("content-type", "text/plain");
        }
        if !has(&reply, "content-length") {
            let length = size(reply.body.len()).to_string();
            reply = reply.header("content-length", &length);
        }
    }
    reply
}
