//! Connections: which HTTP they speak, and requests as the module is to see them.

use super::cluster::{Connections, headers_of};
use super::exchange::{self, Setting};
use super::gate::{Gated, OLD_METHOD};
use super::pipe::{Broken, Piped};
use super::worker::Event;
use crate::proxy_host::Headers;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// How every connection of HTTP/2 begins (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a head may take.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// How often it is looked for the rest of a preface.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// Envoy's `max_request_headers_kb`, `max_headers_count` and the configured streams at a time.
const HEADERS_MOST: u32 = 60 << 10;
const FIELDS_MOST: usize = 100;
const STREAMS_MOST: u32 = 100;
/// What hyper may hold of a connection's input; more than a head may be.
const READ_MOST: usize = 96 << 10;

/// What every connection is served with.
#[derive(Clone)]
pub(super) struct Listening {
    pub(super) workers: Vec<Sender<Event>>,
    pub(super) upstream: Arc<Connections>,
    pub(super) within: Option<Duration>,
    pub(super) idle: Duration,
    pub(super) address: SocketAddr,
}

/// Accepts connections until the gateway ends, and then waits for the open ones.
pub(super) async fn accept(
    listener: TcpListener,
    listening: Listening,
    mut ending: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let exchanges = Arc::new(AtomicU64::new(1));
    let mut turn = listening.workers.iter().cycle();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // What cannot be accepted, as where files run out, may be later.
                let Ok((stream, peer)) = accepted else {
                    tokio::time::sleep(LOOK_AGAIN).await;
                    continue;
                };
                let Some(worker) = turn.next() else { return };
                let connection = Connection {
                    listening: listening.clone(),
                    worker: worker.clone(),
                    exchanges: Arc::clone(&exchanges),
                    peer,
                };
                connections.spawn(connection.serve(stream, ending.clone()));
            }
            Some(_) = connections.join_next() => {}
            _ = ending.changed() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// One client's connection, whose requests all go to one worker.
#[derive(Clone)]
struct Connection {
    listening: Listening,
    worker: Sender<Event>,
    exchanges: Arc<AtomicU64>,
    peer: SocketAddr,
}

impl Connection {
    async fn serve(self, stream: TcpStream, mut ending: watch::Receiver<bool>) {
        let spoken = tokio::time::timeout(HEAD_WITHIN, speaks_http2(&stream));
        let http2 = tokio::select! {
            spoken = spoken => spoken.ok().flatten(),
            _ = ending.changed() => None,
        };
        let (Some(http2), Ok(())) = (http2, stream.set_nodelay(true)) else { return };
        let service = service_fn(move |request| self.clone().answer(request));
        // However a connection ends: its exchanges are told of it.
        if http2 {
            let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS_MOST)
                .max_header_list_size(HEADERS_MOST)
                .serve_connection(TokioIo::new(stream), service);
            let mut serving = std::pin::pin!(serving);
            tokio::select! {
                _ = serving.as_mut() => return,
                _ = ending.changed() => serving.as_mut().graceful_shutdown(),
            }
            let _ = serving.await;
        } else {
            let serving = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_WITHIN)
                .max_headers(FIELDS_MOST)
                .max_buf_size(READ_MOST)
                .serve_connection(TokioIo::new(Gated::new(stream)), service);
            let mut serving = std::pin::pin!(serving);
            tokio::select! {
                _ = serving.as_mut() => return,
                _ = ending.changed() => serving.as_mut().graceful_shutdown(),
            }
            let _ = serving.await;
        }
    }

    /// Sees one request to its answer. Without one the stream is reset.
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Piped>, Broken> {
        let (parts, body) = request.into_parts();
        let http2 = parts.version == Version::HTTP_2;
        if !http2 && parts.method.as_str() == OLD_METHOD {
            return Ok(by_itself(StatusCode::UPGRADE_REQUIRED));
        }
        let Some(headers) = self.headers(&parts) else {
            return Ok(by_itself(StatusCode::BAD_REQUEST));
        };
        let exchange = self.exchanges.fetch_add(1, Ordering::Relaxed);
        let (to, told) = mpsc::unbounded_channel();
        let (client, answer) = oneshot::channel();
        let properties = self.properties(http2);
        let end = body.is_end_stream();
        let opened = Event::Open { exchange, headers, end, properties, to };
        self.worker.send(opened).map_err(|_| Broken)?;
        let setting = Setting {
            exchange,
            worker: self.worker,
            upstream: self.listening.upstream,
            within: self.listening.within,
            idle: self.listening.idle,
            http2,
        };
        tokio::spawn(exchange::run(setting, body, told, client));
        answer.await.map_err(|_| Broken)
    }

    /// As Envoy's connection manager hands a request to its filters; `None` for what it refuses.
    fn headers(&self, parts: &hyper::http::request::Parts) -> Option<Headers> {
        let single = |name: &str| {
            let mut values = parts.headers.get_all(name).iter();
            let first = values.next().map(|value| value.as_bytes());
            values.next().is_none().then_some(first)
        };
        let host = single("host")?;
        let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
        let authority = authority.or(host).filter(|name| !name.is_empty())?.to_vec();
        single("content-length")?;
        // A name has no user in front of it here (RFC 9113 section 8.3.1).
        let path = parts.uri.path_and_query()?.as_str();
        if authority.contains(&b'@') || !path.starts_with('/') {
            return None;
        }
        let text = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let mut headers = vec![
            (":authority".to_owned(), authority),
            text(":path", path),
            text(":method", parts.method.as_str()),
            text(":scheme", "http"),
        ];
        let nominated = nominated(parts)?;
        let forwarded = parts.headers.get_all("x-forwarded-for").iter();
        let mut forwarded: Vec<&[u8]> = forwarded.map(|value| value.as_bytes()).collect();
        let peer = self.peer.ip().to_string();
        forwarded.push(peer.as_bytes());
        let forwarded = forwarded.join(&b","[..]);
        headers.extend(headers_of(&parts.headers).into_iter().filter(|(name, value)| {
            let other_te = name == "te" && value != b"trailers";
            let dropped = name.starts_with("x-envoy-") || other_te || is_the_gateways(name);
            !dropped && !nominated.contains(name)
        }));
        headers.push(("x-forwarded-for".to_owned(), forwarded));
        headers.push(text("x-forwarded-proto", "http"));
        headers.push(text("x-request-id", &request_id()?));
        Some(headers)
    }

    fn properties(&self, http2: bool) -> Vec<(String, Vec<u8>)> {
        let number = |port: u16| i64::from(port).to_le_bytes().to_vec();
        let text = |text: String| text.into_bytes();
        let protocol = if http2 { "HTTP/2" } else { "HTTP/1.1" };
        let here = self.listening.address;
        [
            ("source.address", text(self.peer.to_string())),
            ("source.port", number(self.peer.port())),
            ("destination.address", text(here.to_string())),
            ("destination.port", number(here.port())),
            ("connection.mtls", vec![0]),
            ("request.protocol", text(protocol.to_owned())),
            ("cluster_name", text(super::UPSTREAM.to_owned())),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

/// What a client says in vain, because the gateway says it.
fn is_the_gateways(name: &str) -> bool {
    super::cluster::of_one_connection(name)
        || matches!(
            name,
            "host"
                | "x-forwarded-for"
                | "x-forwarded-proto"
                | "x-forwarded-client-cert"
                | "x-request-id"
                | "expect"
        )
}

/// The names that `connection` says are of this connection only, which go no further; `None` where
/// it names what others rely on.
fn nominated(parts: &hyper::http::request::Parts) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for value in parts.headers.get_all("connection") {
        for name in value.to_str().ok()?.split(',') {
            let name = name.trim().to_ascii_lowercase();
            if name.starts_with(':') || name.starts_with("x-forwarded-") || name == "host" {
                return None;
            }
            if name != "te" {
                names.push(name);
            }
        }
    }
    Some(names)
}

/// A random UUID (RFC 9562 version 4).
fn request_id() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    let number = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62);
    let text = format!("{:032x}", number | 0x4 << 76 | 0x2 << 62);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| text.get(range));
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join("-"))
}

/// What is refused before any filter, in Envoy's words.
fn by_itself(status: StatusCode) -> Response<Piped> {
    let words = status.canonical_reason().unwrap_or_default();
    let mut response = Response::new(Piped::Whole(Some(Bytes::from_static(words.as_bytes()))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", hyper::header::HeaderValue::from_static("text/plain"));
    headers.insert("connection", hyper::header::HeaderValue::from_static("close"));
    response
}

/// Whether a connection begins as HTTP/2 does; `None` where it ends before that can be said.
async fn speaks_http2(stream: &TcpStream) -> Option<bool> {
    let mut first = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut first).await.ok()?;
        let come = first.get(..length)?;
        if length == 0 {
            return None;
        }
        if !PREFACE.starts_with(come) {
            return Some(false);
        }
        if length == PREFACE.len() {
            return Some(true);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
