//! Requests to a cluster: connections that are kept, and Envoy's words where there are none.

use super::pipe::Piped;
use super::settings::Cluster;
use crate::proxy_host::{Headers, Response as Answer};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// Envoy's `connect_timeout`, as in the project's configurations.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// Connections that wait for a next request.
const IDLE_MOST: usize = 64;

/// Why there is no answer, as Envoy's client reads it.
#[derive(Debug)]
pub(super) struct Unanswered(&'static str);

impl Unanswered {
    /// Envoy's local reply.
    pub(super) fn reply(&self) -> Answer {
        let text = "upstream connect error or disconnect/reset before headers. reset reason:";
        let answer = Answer::new(503).header("content-type", "text/plain");
        answer.body(format!("{text} {}", self.0))
    }
}

const REFUSED: Unanswered = Unanswered(
    "remote connection failure, transport failure reason: delayed connect error: Connection refused",
);
const UNTRUSTED: Unanswered =
    Unanswered("remote connection failure, transport failure reason: TLS error");
const TOO_SLOW: Unanswered = Unanswered("connection timeout");
const ENDED: Unanswered = Unanswered("connection termination");
const PROTOCOL: Unanswered = Unanswered("protocol error");

/// A cluster and its connections.
pub(super) struct Connections {
    cluster: Cluster,
    tls: Option<TlsConnector>,
    idle: Mutex<Vec<http1::SendRequest<Piped>>>,
    shared: tokio::sync::Mutex<Option<http2::SendRequest<Piped>>>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl Connections {
    /// Over TLS by `tls` where there is one.
    pub(super) fn to(cluster: Cluster, tls: Option<TlsConnector>) -> Self {
        Self { cluster, tls, idle: Mutex::default(), shared: tokio::sync::Mutex::default() }
    }

    /// Sends a request with the headers of a proxy-wasm map, and gives the answer's beginning.
    pub(super) async fn send(
        &self,
        headers: &Headers,
        body: Piped,
    ) -> Result<Response<Incoming>, Unanswered> {
        let request = self.request(headers, body).ok_or(PROTOCOL)?;
        match self.cluster.http2 {
            true => self.send_http2(request).await,
            false => self.send_http1(request).await,
        }
    }

    fn request(&self, headers: &Headers, body: Piped) -> Option<Request<Piped>> {
        let value = |name: &str| {
            let found = headers.iter().find(|(known, _)| known == name);
            found.and_then(|(_, value)| std::str::from_utf8(value).ok())
        };
        let (method, path, authority) = (value(":method")?, value(":path")?, value(":authority")?);
        let uri: Uri = match self.cluster.http2 {
            true => format!("http://{authority}{path}").parse().ok()?,
            false => path.parse().ok()?,
        };
        let bare = body.is_end_stream();
        let mut request = Request::builder().method(method).uri(uri).body(body).ok()?;
        let map = request.headers_mut();
        if !self.cluster.http2 {
            map.insert("host", HeaderValue::from_str(authority).ok()?);
        }
        fill(map, headers)?;
        if !self.cluster.http2 {
            // hyper would send no body with a GET that does not say that it has one.
            if !bare && !map.contains_key("content-length") {
                map.insert("transfer-encoding", HeaderValue::from_static("chunked"));
            }
        }
        Some(request)
    }

    async fn send_http1(&self, request: Request<Piped>) -> Result<Response<Incoming>, Unanswered> {
        let mut request = request;
        loop {
            let (mut sender, kept) = match self.take_idle() {
                Some(sender) => (sender, true),
                None => (self.connect().await?, false),
            };
            match sender.try_send_request(request).await {
                Ok(answer) => {
                    let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                    if idle.len() < IDLE_MOST {
                        idle.push(sender);
                    }
                    return Ok(answer);
                }
                // One that was kept may have been closed meanwhile; nothing of the request has gone.
                Err(mut error) => match error.take_message().filter(|_| kept) {
                    Some(unsent) => request = unsent,
                    None => return Err(ENDED),
                },
            }
        }
    }

    /// A connection whose last answer is read to its end.
    fn take_idle(&self) -> Option<http1::SendRequest<Piped>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|sender| !sender.is_closed());
        let ready = idle.iter().position(http1::SendRequest::is_ready)?;
        Some(idle.swap_remove(ready))
    }

    async fn connect(&self) -> Result<http1::SendRequest<Piped>, Unanswered> {
        let stream = self.stream().await?;
        let Some(tls) = &self.tls else { return shake(stream).await };
        let host = self.cluster.address.rsplit_once(':').map_or("", |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(|_| UNTRUSTED)?;
        let secured = tokio::time::timeout(CONNECT_WITHIN, tls.connect(name, stream)).await;
        shake(secured.map_err(|_| TOO_SLOW)?.map_err(|_| UNTRUSTED)?).await
    }

    async fn stream(&self) -> Result<TcpStream, Unanswered> {
        let connecting = TcpStream::connect(&self.cluster.address);
        let stream = tokio::time::timeout(CONNECT_WITHIN, connecting).await;
        let stream = stream.map_err(|_| TOO_SLOW)?.map_err(|_| REFUSED)?;
        stream.set_nodelay(true).map_err(|_| ENDED)?;
        Ok(stream)
    }

    async fn send_http2(&self, request: Request<Piped>) -> Result<Response<Incoming>, Unanswered> {
        let mut sender = {
            let mut shared = self.shared.lock().await;
            match shared.as_ref().filter(|sender| !sender.is_closed()) {
                Some(sender) => sender.clone(),
                None => {
                    let io = TokioIo::new(self.stream().await?);
                    let shaken = http2::Builder::new(TokioExecutor::new()).handshake(io).await;
                    let (sender, connection) = shaken.map_err(|_| ENDED)?;
                    tokio::spawn(connection);
                    shared.insert(sender).clone()
                }
            }
        };
        sender.ready().await.map_err(|_| ENDED)?;
        sender.send_request(request).await.map_err(|_| ENDED)
    }
}

/// HTTP/1.1 on a stream.
async fn shake(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<http1::SendRequest<Piped>, Unanswered> {
    let shaken = http1::Builder::new().handshake(TokioIo::new(stream)).await;
    let (sender, connection) = shaken.map_err(|_| ENDED)?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Headers that are of one connection (RFC 9110 section 7.6.1), which Envoy leaves out on the next.
pub(super) fn of_one_connection(name: &str) -> bool {
    matches!(
        name,
        "connection" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "upgrade"
    )
}

/// Puts the fields of a proxy-wasm map that belong on a wire into hyper's; `None` where one cannot be
/// written.
pub(super) fn fill(map: &mut HeaderMap, headers: &Headers) -> Option<()> {
    for (name, value) in headers.iter().filter(|(name, _)| !name.starts_with(':')) {
        if !of_one_connection(name) {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            map.append(name, HeaderValue::from_bytes(value).ok()?);
        }
    }
    Some(())
}

/// As a proxy-wasm map.
pub(super) fn headers_of(map: &HeaderMap) -> Headers {
    map.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}
