//! A client of HTTP/2 with prior knowledge.

use ambit_test_harness::scenario::Ask;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn::http2;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use tokio::net::TcpStream;

type Piece = Result<Frame<Bytes>, Infallible>;
pub type Body = StreamBody<tokio_stream::Iter<std::vec::IntoIter<Piece>>>;

pub async fn connect(port: u16) -> http2::SendRequest<Body> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let builder = http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub fn body(pieces: Vec<Vec<u8>>, trailers: &[(String, String)]) -> Body {
    let mut frames: Vec<Piece> =
        pieces.into_iter().map(|piece| Ok(Frame::data(Bytes::from(piece)))).collect();
    if !trailers.is_empty() {
        let mut map = HeaderMap::new();
        for (name, value) in trailers {
            map.append(
                hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        frames.push(Ok(Frame::trailers(map)));
    }
    StreamBody::new(tokio_stream::iter(frames))
}

/// One request on a connection of its own.
pub async fn over_http2(
    port: u16,
    ask: &Ask,
    token: Option<&str>,
) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let mut sender = connect(port).await;
    let uri = format!("http://{}{}", ask.host, ask.path);
    let mut request = Request::builder().method(ask.method.as_str()).uri(uri);
    for (name, value) in ask.lower_headers(token) {
        request = request.header(name, value);
    }
    let pieces = ask.chunks.iter().map(|chunk| chunk.clone().into_bytes()).collect();
    let request = request.body(body(pieces, &ask.trailers)).unwrap();
    match sender.send_request(request).await {
        Ok(answer) => read(answer).await,
        Err(_) => (0, Vec::new(), Vec::new()),
    }
}

/// Status, headers and body.
pub async fn read(answer: Response<Incoming>) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let (parts, body) = answer.into_parts();
    let text = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = parts.headers.iter().map(text).collect();
    let body = body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    (parts.status.as_u16(), headers, body)
}
