//! Many at a time, slow clients, upstreams that are slow, die or say nothing, and a reload.

use super::upstream::{self, Answer};
use super::world::{POLICY, key, root, token};
use super::{client, start};
use ambit_test_harness::serve::{Cluster, Server, Settings};
use hyper::Request;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A policy's file of its own for each test.
pub fn policy(name: &str, text: &str) -> PathBuf {
    std::fs::create_dir_all(root().join("target")).unwrap();
    let path = root().join(format!("target/serve-{name}.yaml"));
    std::fs::write(&path, text.replace("JWK", &key().jwk("k1").to_string())).unwrap();
    path
}

pub fn ok(body: &str) -> Answer {
    let pieces = if body.is_empty() { Vec::new() } else { vec![body.as_bytes().to_vec()] };
    Answer { status: 200, pieces, ..Answer::default() }
}

pub fn settings(name: &str, upstream: &str) -> Settings {
    Settings {
        policy: policy(name, POLICY),
        listen: "127.0.0.1:0".parse().unwrap(),
        upstream: Some(Cluster::try_from(upstream.to_owned()).unwrap()),
        records: Some(root().join(format!("target/serve-{name}.log"))),
        ..Settings::default()
    }
}

/// Sends bytes, and reads all that comes.
pub async fn told(port: u16, pieces: Vec<Vec<u8>>) -> String {
    let talk = move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        for piece in pieces {
            // A gateway that has answered may have closed its side.
            let _ = stream.write_all(&piece);
            std::thread::sleep(Duration::from_millis(30));
        }
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        String::from_utf8_lossy(&all).into_owned()
    };
    tokio::task::spawn_blocking(talk).await.unwrap()
}

pub fn good(path: &str) -> Vec<u8> {
    let token = token();
    format!(
        "GET {path} HTTP/1.1\r\nhost: api.example.com\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
    )
    .into_bytes()
}

async fn over_http2(port: u16, path: &str) -> (u16, Vec<u8>) {
    let mut sender = client::connect(port).await;
    let request = Request::builder()
        .uri(format!("http://api.example.com{path}"))
        .header("authorization", format!("Bearer {}", token()))
        .body(client::body(Vec::new(), &[]))
        .unwrap();
    match sender.send_request(request).await {
        Ok(answer) => {
            let (status, _, body) = client::read(answer).await;
            (status, body)
        }
        Err(_) => (0, Vec::new()),
    }
}

fn lines(server_records: &str) -> usize {
    let path = root().join(format!("target/serve-{server_records}.log"));
    std::fs::read_to_string(path).unwrap_or_default().lines().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_at_once_gets_its_own_answer_and_its_own_record() {
    let upstream = upstream::serve(true, |asked| Answer {
        delay: Duration::from_millis(5),
        ..ok(&asked.path)
    })
    .await;
    let _ = std::fs::remove_file(root().join("target/serve-many.log"));
    let server = start(settings("many", &format!("h2c://{upstream}"))).await;
    let port = server.address().port();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..200_u32 {
        tasks.spawn(async move {
            let path = format!("/p/{number}");
            if number % 2 == 0 {
                let (status, body) = over_http2(port, &path).await;
                assert_eq!((status, String::from_utf8(body).unwrap()), (200, path));
            } else {
                let answer = told(port, vec![good(&path)]).await;
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                assert!(answer.contains(&format!("{path}\r\n")), "{answer}");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    server.stop().await;
    assert_eq!(lines("many"), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_is_waited_for_and_keeps_nobody_else_waiting() {
    let large = "x".repeat(3_000_000);
    let body = large.clone();
    let upstream = upstream::serve(false, move |asked| match asked.path.as_str() {
        "/p/large" => ok(&body),
        _ => ok("small"),
    })
    .await;
    let server =
        start(Settings { workers: 1, ..settings("slow", &format!("http://{upstream}")) }).await;
    let port = server.address().port();
    let (begun, begins) = std::sync::mpsc::channel();
    let slow = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        // Its own request comes byte by byte, and its answer is left lying.
        for byte in good("/p/large") {
            stream.write_all(&[byte]).unwrap();
        }
        let mut first = [0; 64];
        stream.read_exact(&mut first).unwrap();
        begun.send(()).unwrap();
        std::thread::sleep(Duration::from_millis(800));
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        first.len() + rest.len()
    });
    tokio::task::spawn_blocking(move || begins.recv().unwrap()).await.unwrap();
    let before = Instant::now();
    for _ in 0..5 {
        assert!(told(port, vec![good("/p/1")]).await.contains("small"));
    }
    assert!(before.elapsed() < Duration::from_millis(700), "{:?}", before.elapsed());
    assert!(slow.await.unwrap() > large.len());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_down_or_dies_is_told_as_envoy_tells_it() {
    let upstream = upstream::serve(false, |asked| match asked.path.as_str() {
        "/p/reset" => Answer { reset: true, ..ok("") },
        "/p/cut" => Answer { breaks_off: true, ..ok("begun") },
        "/p/late" => Answer { delay: Duration::from_secs(5), ..ok("late") },
        _ => ok("fine"),
    })
    .await;
    let with = Settings { timeout: 1, ..settings("dies", &format!("http://{upstream}")) };
    let server = start(with).await;
    let port = server.address().port();
    let answer = told(port, vec![good("/p/reset")]).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("reset reason: connection termination"), "{answer}");
    let answer = told(port, vec![good("/p/cut")]).await;
    assert!(answer.starts_with("HTTP/1.1 200") && !answer.ends_with("0\r\n\r\n"), "{answer}");
    let answer = told(port, vec![good("/p/late")]).await;
    assert!(answer.starts_with("HTTP/1.1 504") && answer.ends_with("upstream request timeout"));
    assert!(told(port, vec![good("/p/1")]).await.contains("fine"));
    server.stop().await;
    // Nobody listens on a port that was just given up.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = start(settings("down", &format!("http://{nobody}"))).await;
    let answer = told(server.address().port(), vec![good("/p/1")]).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("delayed connect error: Connection refused"), "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_ends_its_exchange_and_the_gateway_ends_in_order() {
    let upstream = upstream::serve(false, |asked| Answer {
        delay: Duration::from_millis(if asked.path == "/p/slow" { 700 } else { 0 }),
        ..ok("x")
    })
    .await;
    let _ = std::fs::remove_file(root().join("target/serve-leaves.log"));
    let server = start(settings("leaves", &format!("http://{upstream}"))).await;
    let port = server.address().port();
    let leaves = move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(&good("/p/slow")).unwrap();
        std::thread::sleep(Duration::from_millis(150));
    };
    tokio::task::spawn_blocking(leaves).await.unwrap();
    for _ in 0..50 {
        if lines("leaves") == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(lines("leaves"), 1, "its record is written when it leaves");
    // What is on its way when the gateway is told to end comes to its end.
    let on_its_way = tokio::spawn(told(port, vec![good("/p/slow")]));
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.stop().await;
    assert!(on_its_way.await.unwrap().starts_with("HTTP/1.1 200"));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "it listens no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_where_it_is_held() {
    let upstream = upstream::serve(false, |asked| ok(&asked.body.len().to_string())).await;
    let limited =
        Settings { buffer_limit: 20_000, ..settings("limit", &format!("http://{upstream}")) };
    let server = start(limited).await;
    let port = server.address().port();
    let send = |length: usize| {
        let token = token();
        let body = format!("{{\"x\":\"{}\"}}", "x".repeat(length));
        let head = format!(
            "POST /a/1 HTTP/1.1\r\nhost: api.example.com\r\nconnection: close\r\nauthorization: Bearer \
             {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        told(port, vec![head.into_bytes(), body.into_bytes()])
    };
    // A write asks for an approval of what its body says, so it is held.
    let answer = send(1000).await;
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("approval-required"), "{answer}");
    let answer = send(200_000).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_read_anew_and_a_bad_one_changes_nothing() {
    let upstream = upstream::serve(false, |_| ok("x")).await;
    let settings = settings("reload", &format!("http://{upstream}"));
    let file = settings.policy.clone();
    let server: Server = start(settings).await;
    let port = server.address().port();
    let status = || async { told(port, vec![good("/p/1")]).await.get(9..12).map(str::to_owned) };
    assert_eq!(status().await.as_deref(), Some("200"));
    std::fs::write(&file, "apiVersion: ambit/v1\nnonsense: true\n").unwrap();
    assert!(server.reload().await.unwrap_err().contains("nonsense"));
    assert_eq!(status().await.as_deref(), Some("200"));
    let narrow = POLICY.replace("by_scope: [read], per_record: upstream", "per_record: upstream");
    policy("reload", &narrow);
    server.reload().await.unwrap();
    for _ in 0..4 {
        assert_eq!(status().await.as_deref(), Some("403"), "every worker has it");
    }
    server.stop().await;
}
