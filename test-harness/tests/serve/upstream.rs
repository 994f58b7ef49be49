//! An upstream or a cluster on a port of its own, in HTTP/1.1 or HTTP/2.

use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_stream::StreamExt as _;

/// Headers or trailers, in order.
pub type Fields = Vec<(String, String)>;

/// What came, whole.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: Fields,
    pub body: Vec<u8>,
    pub trailers: Fields,
}

/// What is answered.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Fields,
    pub pieces: Vec<Vec<u8>>,
    pub trailers: Fields,
    /// Before the answer, and between its pieces.
    pub delay: Duration,
    pub pause: Duration,
    /// Nothing is answered; or the end never comes.
    pub reset: bool,
    pub breaks_off: bool,
}

type Answering = Arc<dyn Fn(Asked) -> Answer + Send + Sync>;

/// Serves until the runtime ends.
pub async fn serve(
    http2: bool,
    answer: impl Fn(Asked) -> Answer + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer: Answering = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            let service = service_fn(move |request| respond(request, Arc::clone(&answer)));
            tokio::spawn(async move {
                let io = TokioIo::new(stream);
                let _ = if http2 {
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    server.serve_connection(io, service).await
                } else {
                    hyper::server::conn::http1::Builder::new().serve_connection(io, service).await
                };
            });
        }
    });
    address
}

fn text(map: &HeaderMap) -> Fields {
    let pair = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    map.iter().map(pair).collect()
}

type Body = StreamBody<std::pin::Pin<Box<dyn futures_core::Stream<Item = Piece> + Send>>>;
type Piece = Result<Frame<Bytes>, io::Error>;

async fn respond(request: Request<Incoming>, answer: Answering) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let collected = body.collect().await.map_err(io::Error::other)?;
    let trailers = collected.trailers().map(text).unwrap_or_default();
    let answer = answer(Asked {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().unwrap().to_string(),
        headers: text(&parts.headers),
        body: collected.to_bytes().to_vec(),
        trailers,
    });
    tokio::time::sleep(answer.delay).await;
    if answer.reset {
        return Err(io::Error::other("as scripted"));
    }
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    let mut pieces: Vec<Piece> =
        answer.pieces.into_iter().map(|piece| Ok(Frame::data(Bytes::from(piece)))).collect();
    if answer.breaks_off {
        pieces.push(Err(io::Error::other("as scripted")));
    } else if !answer.trailers.is_empty() {
        let mut map = HeaderMap::new();
        for (name, value) in &answer.trailers {
            map.append(
                hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        pieces.push(Ok(Frame::trailers(map)));
    }
    let pause = answer.pause;
    let stream = tokio_stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        piece
    });
    Ok(response.body(StreamBody::new(Box::pin(stream) as _)).unwrap())
}
