//! Clusters over TLS: believed where an authority that is trusted says so, and only then.

use super::peers::{good, settings, told};
use super::start;
use super::world::root;
use ambit_test_harness::serve::{Cluster, Settings};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// An upstream for `localhost`, and the file of whoever signed its certificate.
async fn upstream() -> (SocketAddr, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let file = root().join("target/serve-ca.pem");
    std::fs::create_dir_all(root().join("target")).unwrap();
    std::fs::write(&file, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let answer = service_fn(|_: Request<hyper::body::Incoming>| async {
                    Ok::<_, std::convert::Infallible>(Response::new("over TLS".to_owned()))
                });
                let server = hyper::server::conn::http1::Builder::new();
                let _ = server.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    (address, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_over_tls_counts_only_with_a_certificate_that_is_trusted() {
    let (address, ca) = upstream().await;
    let url = format!("https://localhost:{}", address.port());
    let with = |name: &str, ca: Option<PathBuf>| Settings {
        upstream: Some(Cluster::try_from(url.clone()).unwrap()),
        ca,
        ..settings(name, "http://unused")
    };
    let server = start(with("tls", Some(ca.clone()))).await;
    let answer = told(server.address().port(), vec![good("/p/1")]).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("over TLS"), "{answer}");
    server.stop().await;
    // An authority that did not sign it.
    let other = root().join("test-harness/tests/tls/ca.pem");
    let server = start(with("tls-other", Some(other))).await;
    let answer = told(server.address().port(), vec![good("/p/1")]).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("TLS error"), "{answer}");
    server.stop().await;
}
