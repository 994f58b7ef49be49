//! Servers and clients of the recipes, with TLS where they have it.

use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::{ClientConfig, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The headers of every request that a server saw.
pub type Seen = Arc<Mutex<Vec<hyper::HeaderMap>>>;

/// Serves one JSON answer on 127.0.0.1, over TLS where `tls` says so.
pub async fn serve(port: u16, tls: Option<Arc<ServerConfig>>, answer: Value) -> Seen {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let acceptor = tls.map(TlsAcceptor::from);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, kept, body) = (acceptor.clone(), Arc::clone(&kept), answer.to_string());
            tokio::spawn(async move {
                match acceptor {
                    None => connection(stream, kept, body).await,
                    // A client that does not show the right certificate ends only its connection.
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            connection(stream, kept, body).await;
                        }
                    }
                }
            });
        }
    });
    seen
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    seen: Seen,
    body: String,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        seen.lock().unwrap().push(request.headers().clone());
        let answer = Response::builder()
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.clone())))
            .unwrap();
        async move { Ok::<_, Infallible>(answer) }
    });
    // Envoy closes connections as it likes.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// One request to `api.example.com`: the status, and the body where it is JSON.
pub async fn ask(
    port: u16,
    tls: Option<&Arc<ClientConfig>>,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> io::Result<(u16, Value)> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let mut request = Request::builder().method(method).uri(path).header("host", "api.example.com");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::new()).unwrap();
    match tls {
        None => exchange(stream, request).await,
        Some(config) => {
            let name = "api.example.com".try_into().unwrap();
            let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await?;
            exchange(stream, request).await
        }
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Empty<Bytes>>,
) -> io::Result<(u16, Value)> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
}
