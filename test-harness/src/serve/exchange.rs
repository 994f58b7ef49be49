//! One request's sockets: reads what the client and the upstream send as fast as the module and the
//! other side take it, and writes what the module lets go.

use super::cluster::{Connections, Unanswered, fill, headers_of};
use super::pipe::{Broken, Piece, Piped};
use super::worker::{Event, Told};
use crate::proxy_host::{Arrived, Half, Headers, Out, Response as Answer};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Bytes, Frame, Incoming};
use hyper::{HeaderMap, Response, StatusCode};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Whom the client's answer is for; gone when the client is.
pub(super) type Client = oneshot::Sender<Response<Piped>>;
type Sending = Pin<Box<dyn Future<Output = Result<Response<Incoming>, Unanswered>> + Send>>;

/// What does not change while the exchange goes on.
pub(super) struct Setting {
    pub(super) exchange: u64,
    pub(super) worker: Sender<Event>,
    pub(super) upstream: Arc<Connections>,
    /// From a whole request to its whole answer.
    pub(super) within: Option<Duration>,
    /// Without anything that moves.
    pub(super) idle: Duration,
    /// Whether a body's last piece says that it is the last.
    pub(super) http2: bool,
}

/// One way of a message: from whom it is read.
struct Source {
    body: Option<Incoming>,
    /// Whether the module has taken what came last.
    taken: bool,
}

/// Where a message is written to.
#[derive(Default)]
struct Sink {
    to: Option<mpsc::Sender<Piece>>,
    waiting: VecDeque<Piece>,
    ended: bool,
}

impl Sink {
    fn push(&mut self, piece: Piece) {
        if self.to.is_some() {
            self.waiting.push_back(piece);
        }
    }

    fn is_busy(&self) -> bool {
        self.to.is_some() && !self.waiting.is_empty()
    }

    /// Lets one piece go, and the other side know when it was the last.
    async fn write(&mut self) -> bool {
        let Some(to) = &self.to else { return std::future::pending().await };
        if self.waiting.is_empty() {
            // Nothing to write: only the other side's going away is of interest.
            to.closed().await;
            return false;
        }
        match to.reserve().await {
            Ok(permit) => {
                if let Some(piece) = self.waiting.pop_front() {
                    permit.send(piece);
                }
            }
            Err(_) => return false,
        }
        self.close_if_done();
        true
    }

    fn close_if_done(&mut self) {
        if self.ended && self.waiting.is_empty() {
            self.to = None;
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.close_if_done();
    }

    fn break_off(&mut self) {
        self.push(Err(Broken));
        self.end();
    }
}

/// An exchange between its sockets and its worker.
struct Exchange {
    setting: Setting,
    request: Source,
    response: Source,
    upstream: Sink,
    downstream: Sink,
    client: Option<Client>,
    sending: Option<Sending>,
    /// Whether the upstream is not wanted any more.
    local: bool,
    deadline: Option<Instant>,
    over: bool,
}

/// Sees an exchange to its end.
pub(super) async fn run(
    setting: Setting,
    body: Incoming,
    mut told: UnboundedReceiver<Told>,
    client: Client,
) {
    let request = Source { body: (!body.is_end_stream()).then_some(body), taken: true };
    let mut exchange = Exchange {
        setting,
        request,
        response: Source { body: None, taken: true },
        upstream: Sink::default(),
        downstream: Sink::default(),
        client: Some(client),
        sending: None,
        local: false,
        deadline: None,
        over: false,
    };
    while !exchange.over || exchange.downstream.is_busy() {
        exchange.step(&mut told).await;
    }
}

impl Exchange {
    async fn step(&mut self, told: &mut UnboundedReceiver<Told>) {
        let idle = tokio::time::sleep(self.setting.idle);
        let deadline = self.deadline;
        let read_request = self.request.taken && !self.upstream.is_busy() && !self.over;
        let read_response = self.response.taken && !self.downstream.is_busy() && !self.over;
        tokio::select! {
            biased;
            told = told.recv(), if !self.over => match told {
                Some(Told::Outs(outs)) => self.goes_out(outs),
                Some(Told::Ready(Half::Request)) => self.request.taken = true,
                Some(Told::Ready(Half::Response)) => self.response.taken = true,
                // The gateway ends.
                None => self.over = true,
            },
            () = gone(&mut self.client), if !self.over => self.client_is_gone(),
            written = self.downstream.write() => if !written {
                self.downstream.to = None;
                self.client_is_gone();
            },
            written = self.upstream.write() => if !written {
                // The upstream has had enough of the request; its answer tells why.
                self.upstream.to = None;
            },
            answered = sent(&mut self.sending) => self.answered(answered),
            frame = next(&mut self.request.body), if read_request => self.came(Half::Request, frame),
            frame = next(&mut self.response.body), if read_response => self.came(Half::Response, frame),
            () = until(deadline), if !self.over => self.late(504, "upstream request timeout"),
            () = idle => match self.over {
                true => self.downstream.to = None,
                false => {
                    let status = if self.request.body.is_some() { 408 } else { 504 };
                    self.late(status, "stream timeout");
                }
            },
        }
    }

    fn tell(&self, event: Event) {
        // A worker that has ended drops its side, which ends the exchange.
        let _ = self.setting.worker.send(event);
    }

    fn client_is_gone(&mut self) {
        self.client = None;
        self.downstream.waiting.clear();
        if !self.over {
            self.tell(Event::Gone(self.setting.exchange));
            self.forget_upstream();
        }
    }

    fn forget_upstream(&mut self) {
        self.sending = None;
        self.response.body = None;
        if self.upstream.to.is_some() && !self.upstream.ended {
            self.upstream.to = None;
        }
    }

    fn late(&mut self, status: u16, text: &str) {
        self.deadline = None;
        let answer = Answer::new(status).header("content-type", "text/plain").body(text);
        self.tell(Event::AnswerHere(self.setting.exchange, answer));
        self.forget_upstream();
        self.request.body = None;
    }

    /// The upstream's answer begins, or there is none.
    fn answered(&mut self, answered: Result<Response<Incoming>, Unanswered>) {
        self.sending = None;
        if self.local {
            return;
        }
        let exchange = self.setting.exchange;
        match answered {
            Ok(answer) => {
                let (parts, body) = answer.into_parts();
                let end = body.is_end_stream();
                let mut headers: Headers =
                    vec![(":status".to_owned(), parts.status.as_str().as_bytes().to_vec())];
                headers.extend(headers_of(&parts.headers));
                self.response.body = (!end).then_some(body);
                self.tell(Event::Answered(exchange, headers, end));
            }
            Err(unanswered) => {
                self.upstream.to = None;
                self.tell(Event::AnswerHere(exchange, unanswered.reply()));
            }
        }
    }

    /// More of a message has come, or it is over, or it breaks off.
    fn came(&mut self, half: Half, frame: Option<Result<Frame<Bytes>, hyper::Error>>) {
        let source = match half {
            Half::Request => &mut self.request,
            Half::Response => &mut self.response,
        };
        let last = source.body.as_ref().is_none_or(hyper::body::Body::is_end_stream);
        let arrived = match frame {
            None => {
                source.body = None;
                Arrived::Body { bytes: Vec::new(), end: true }
            }
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => {
                    // On HTTP/1.1 the end comes by itself.
                    let end = self.setting.http2 && last;
                    if end {
                        source.body = None;
                    }
                    Arrived::Body { bytes: bytes.to_vec(), end }
                }
                Err(frame) => {
                    source.body = None;
                    let trailers = frame.into_trailers().unwrap_or_default();
                    Arrived::Trailers(headers_of(&trailers))
                }
            },
            Some(Err(error)) => {
                source.body = None;
                return self.broke(half, &error);
            }
        };
        source.taken = false;
        self.tell(Event::Arrived(self.setting.exchange, half, arrived));
    }

    fn broke(&mut self, half: Half, error: &hyper::Error) {
        let exchange = self.setting.exchange;
        match half {
            Half::Response => self.tell(Event::Arrived(exchange, half, Arrived::Broken)),
            // What is no HTTP is answered, where nothing was yet; a client that left is not.
            Half::Request if error.is_parse() || is_of_framing(error) => {
                let answer = Answer::new(400).header("content-type", "text/plain");
                self.forget_upstream();
                self.tell(Event::AnswerHere(exchange, answer.body("Bad Request")));
            }
            Half::Request => self.client_is_gone(),
        }
    }

    fn goes_out(&mut self, outs: Vec<Out>) {
        let mut outs = VecDeque::from(outs);
        while let Some(out) = outs.pop_front() {
            match out {
                Out::RequestHeaders(headers) => {
                    let whole = whole(&mut outs, Half::Request);
                    self.send_on(headers, whole);
                }
                Out::RequestBody(bytes) => {
                    self.upstream.push(Ok(Frame::data(Bytes::from(bytes))));
                }
                Out::RequestTrailers(trailers) => self.upstream.push(trailing(&trailers)),
                Out::RequestEnd => {
                    self.upstream.end();
                    self.deadline = self.setting.within.map(|within| Instant::now() + within);
                }
                Out::ResponseHeaders(headers, local) => {
                    if local {
                        self.local = true;
                        self.forget_upstream();
                    }
                    let whole = whole(&mut outs, Half::Response);
                    self.answer(&headers, whole);
                }
                Out::ResponseBody(bytes) => {
                    self.downstream.push(Ok(Frame::data(Bytes::from(bytes))));
                }
                Out::ResponseTrailers(trailers) => self.downstream.push(trailing(&trailers)),
                Out::ResponseEnd => self.downstream.end(),
                Out::Over(_) => self.ends(),
            }
        }
    }

    fn send_on(&mut self, headers: Headers, whole: Option<Vec<u8>>) {
        let body = match whole {
            Some(bytes) => {
                self.deadline = self.setting.within.map(|within| Instant::now() + within);
                Piped::whole(bytes)
            }
            None => {
                let (to, body) = Piped::pieces();
                self.upstream = Sink { to: Some(to), ..Sink::default() };
                body
            }
        };
        let upstream = Arc::clone(&self.setting.upstream);
        let mut headers = headers;
        if let Some(within) = self.setting.within {
            let within = within.as_millis().to_string().into_bytes();
            headers.push(("x-envoy-expected-rq-timeout-ms".to_owned(), within));
        }
        self.sending = Some(Box::pin(async move { upstream.send(&headers, body).await }));
    }

    fn answer(&mut self, headers: &Headers, whole: Option<Vec<u8>>) {
        let body = match whole {
            Some(bytes) => Piped::whole(bytes),
            None => {
                let (to, body) = Piped::pieces();
                self.downstream = Sink { to: Some(to), ..Sink::default() };
                body
            }
        };
        let mut response = Response::new(body);
        let status = headers.iter().find(|(name, _)| name == ":status");
        let status = status.and_then(|(_, status)| StatusCode::from_bytes(status).ok());
        *response.status_mut() = status.unwrap_or(StatusCode::BAD_GATEWAY);
        if fill(response.headers_mut(), headers).is_none() {
            // An answer that cannot be written is none.
            return self.client_is_gone();
        }
        let server = hyper::header::HeaderValue::from_static("ambit");
        response.headers_mut().insert("server", server);
        if let Some(client) = self.client.take() {
            // A client that has left is found out by the next piece.
            let _ = client.send(response);
        }
    }

    /// The module is done with it. What was not told to its end breaks off.
    fn ends(&mut self) {
        self.over = true;
        self.client = None;
        if !self.downstream.ended {
            self.downstream.break_off();
        }
        self.forget_upstream();
        self.request.body = None;
    }
}

/// The rest of a half, where all of it goes out now: its body, without trailers.
fn whole(outs: &mut VecDeque<Out>, half: Half) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    for (number, out) in outs.iter().enumerate() {
        match (half, out) {
            (Half::Request, Out::RequestBody(bytes))
            | (Half::Response, Out::ResponseBody(bytes)) => body.extend(bytes),
            (Half::Request, Out::RequestEnd) | (Half::Response, Out::ResponseEnd) => {
                outs.drain(..=number);
                return Some(body);
            }
            _ => return None,
        }
    }
    None
}

fn trailing(trailers: &Headers) -> Piece {
    let mut map = HeaderMap::new();
    fill(&mut map, trailers).ok_or(Broken)?;
    Ok(Frame::trailers(map))
}

/// Whether the client sent what is no body, and is still there to be told.
fn is_of_framing(error: &hyper::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return matches!(
                error.kind(),
                std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData
            );
        }
        cause = error.source();
    }
    false
}

async fn gone(client: &mut Option<Client>) {
    match client {
        Some(client) => client.closed().await,
        None => std::future::pending().await,
    }
}

async fn sent(sending: &mut Option<Sending>) -> Result<Response<Incoming>, Unanswered> {
    match sending {
        Some(sending) => sending.await,
        None => std::future::pending().await,
    }
}

async fn next(body: &mut Option<Incoming>) -> Option<Result<Frame<Bytes>, hyper::Error>> {
    match body {
        Some(body) => body.frame().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
