//! The little HTTP that the demo needs, on hyper: serve with a function, send one request.

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

/// A request with its whole body.
pub type Asked = Request<Bytes>;
/// An answer with its whole body.
pub type Answer = Response<Full<Bytes>>;

/// Serves on 127.0.0.1 until the process ends.
///
/// # Errors
/// The port is taken.
pub async fn serve<F>(port: u16, answer: F) -> io::Result<()>
where
    F: Fn(Asked) -> Answer + Send + Sync + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| {
        io::Error::new(error.kind(), format!("127.0.0.1:{port} cannot be used: {error}"))
    })?;
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let answer = Arc::clone(&answer);
                    async move {
                        let (parts, body) = request.into_parts();
                        let answered = match body.collect().await {
                            Ok(body) => answer(Request::from_parts(parts, body.to_bytes())),
                            Err(_) => plain(400, "the body did not arrive"),
                        };
                        Ok::<_, Infallible>(answered)
                    }
                });
                // A client that goes away in mid-request ends only its own connection.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Ok(())
}

/// Sends one request and reads the whole answer.
///
/// # Errors
/// There is no whole answer.
pub async fn send(
    port: u16,
    method: &str,
    target: &str,
    headers: &[(String, String)],
    body: &str,
) -> io::Result<Response<Bytes>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(target);
    if !headers.iter().any(|(name, _)| name == "host") {
        request = request.header("host", format!("127.0.0.1:{port}"));
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let body = Full::new(Bytes::from(body.to_owned()));
    let request = request.body(body).map_err(io::Error::other)?;
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Response::from_parts(parts, body))
}

/// A JSON answer.
#[must_use]
pub fn json(status: u16, body: &serde_json::Value) -> Answer {
    answer(status, "application/json", body.to_string())
}

/// A text answer.
#[must_use]
pub fn plain(status: u16, body: &str) -> Answer {
    answer(status, "text/plain", body.to_owned())
}

fn answer(status: u16, content_type: &str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    if let Ok(value) = content_type.parse() {
        answer.headers_mut().insert("content-type", value);
    }
    answer
}

/// The parameters of a query string, decoded.
#[must_use]
pub fn parameters(request: &Asked) -> Vec<(String, String)> {
    let query = request.uri().query().unwrap_or_default();
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| {
            (name.to_owned(), ambit::request::path::decode(&value.replace('+', "%20")).into_owned())
        })
        .collect()
}
