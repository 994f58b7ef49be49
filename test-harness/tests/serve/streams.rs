//! What flows: pieces are passed on as they come, in both directions, and nothing grows without bound.

use super::client;
use super::peers::{good, ok, settings, told};
use super::start;
use super::upstream::{self, Answer};
use super::world::token;
use ambit_test_harness::serve::Settings;
use http_body_util::BodyExt as _;
use hyper::Request;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_the_client_as_they_come() {
    let upstream = upstream::serve(false, |_| Answer {
        headers: vec![("content-type".to_owned(), "text/event-stream".to_owned())],
        pieces: (0..3).map(|number| format!("data: {number}\n\n").into_bytes()).collect(),
        pause: Duration::from_millis(400),
        ..ok("")
    })
    .await;
    let server = start(settings("events", &format!("http://{upstream}"))).await;
    let port = server.address().port();
    let mut sender = client::connect(port).await;
    let request = Request::builder()
        .uri("http://api.example.com/p/1")
        .header("authorization", format!("Bearer {}", token()))
        .body(client::body(Vec::new(), &[]))
        .unwrap();
    let mut answer = sender.send_request(request).await.unwrap().into_body();
    let (mut came, begun) = (Vec::new(), Instant::now());
    while let Some(frame) = answer.frame().await {
        if let Ok(data) = frame.unwrap().into_data()
            && !data.is_empty()
        {
            came.push((begun.elapsed(), data));
        }
    }
    assert_eq!(came.len(), 3, "{came:?}");
    let apart = came[2].0 - came[0].0;
    assert!(apart > Duration::from_millis(600), "the pieces came together: {came:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_decides_nothing_flows_past_whatever_its_size() {
    let upstream = upstream::serve(true, |asked| ok(&asked.body.len().to_string())).await;
    let small =
        Settings { buffer_limit: 65_536, ..settings("flows", &format!("h2c://{upstream}")) };
    let server = start(small).await;
    let port = server.address().port();
    let length = 5_000_000;
    // Over HTTP/2, in pieces.
    let mut sender = client::connect(port).await;
    let pieces = vec![vec![b'x'; 50_000]; length / 50_000];
    let request = Request::builder()
        .uri("http://api.example.com/p/1")
        .header("authorization", format!("Bearer {}", token()))
        .body(client::body(pieces, &[]))
        .unwrap();
    let (status, _, body) = client::read(sender.send_request(request).await.unwrap()).await;
    assert_eq!((status, String::from_utf8(body).unwrap()), (200, length.to_string()));
    // Over HTTP/1.1, with a length.
    let head = String::from_utf8(good("/p/1")).unwrap();
    let head = head.trim_end().to_owned() + &format!("\r\ncontent-length: {length}\r\n\r\n");
    let answer = told(port, vec![head.into_bytes(), vec![b'x'; length]]).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(&length.to_string()), "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_behind_each_other_on_one_connection_are_answered_in_turn() {
    let upstream = upstream::serve(false, |asked| Answer {
        delay: Duration::from_millis(if asked.path == "/p/first" { 200 } else { 0 }),
        ..ok(&asked.path)
    })
    .await;
    let server = start(settings("turns", &format!("http://{upstream}"))).await;
    let port = server.address().port();
    let head = |path: &str| String::from_utf8(good(path)).unwrap();
    let kept = head("/p/first").replace("connection: close\r\n", "");
    let both = kept + &head("/p/second");
    let answer = told(port, vec![both.into_bytes()]).await;
    let (first, second) = (answer.find("/p/first").unwrap(), answer.find("/p/second").unwrap());
    assert!(first < second, "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_nothing_for_too_long_is_told_so() {
    let upstream = upstream::serve(false, |_| ok("x")).await;
    let impatient =
        Settings { idle_timeout: 1, ..settings("silent", &format!("http://{upstream}")) };
    let server = start(impatient).await;
    let port = server.address().port();
    let talk = move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let head = String::from_utf8(good("/p/1")).unwrap();
        let head = head.trim_end().to_owned() + "\r\ncontent-length: 10\r\n\r\nhalf";
        stream.write_all(head.as_bytes()).unwrap();
        let mut all = Vec::new();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let _ = stream.read_to_end(&mut all);
        String::from_utf8_lossy(&all).into_owned()
    };
    let answer = tokio::task::spawn_blocking(talk).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.ends_with("stream timeout"), "{answer}");
    server.stop().await;
}
