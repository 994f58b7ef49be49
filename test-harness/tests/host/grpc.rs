//! A gRPC service that answers every message of every method with `pong`.

use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use tokio::net::TcpListener;

type Piece = Result<Frame<Bytes>, Infallible>;
type Body = StreamBody<tokio_stream::Iter<std::vec::IntoIter<Piece>>>;

pub async fn serve(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let io = TokioIo::new(stream);
                // A gateway that gives a stream up ends only that.
                let _ = server.serve_connection(io, service_fn(answer)).await;
            });
        }
    });
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    request.into_body().collect().await?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    trailers.insert("x-sum", "1".parse().unwrap());
    // Not compressed, and its length in four bytes.
    let pong = Bytes::from_static(b"\0\0\0\0\x04pong");
    let frames = vec![Ok(Frame::data(pong)), Ok(Frame::trailers(trailers))];
    let answer =
        Response::builder().header("content-type", "application/grpc").header("x-dup", "r1");
    Ok(answer.body(StreamBody::new(tokio_stream::iter(frames))).unwrap())
}
