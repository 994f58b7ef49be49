//! What only a real Envoy can show: reloads through its own control plane, HTTP/2, and trailers.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit::policy::read::read_yaml;
use ambit_test_harness::demo::gateway::{Gateway, Listener, Settings, configuration_of, listener};
use ambit_test_harness::demo::live::Records;
use ambit_test_harness::demo::web;
use ambit_test_harness::scenario::{Ask, ScenarioFile};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PORT: u16 = 13100;
const UPSTREAM: u16 = 13101;
const ADMIN: u16 = 13102;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The policy and a good request of a scenario file.
fn scenario(name: &str) -> ScenarioFile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
    ScenarioFile::read(&path).unwrap()
}

fn settings(folder: &Path, policy: &str, port: u16) -> Settings {
    Settings {
        listeners: vec![Listener {
            port,
            policy: read_yaml("policy.yaml", policy).unwrap().to_compiled_json(),
            records: folder.join("records.log"),
        }],
        admin: ADMIN + (port - PORT),
        signing_key: "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk".to_owned(),
        clusters: vec![("upstream".to_owned(), UPSTREAM + (port - PORT))],
        module: root().join("dist/ambit.wasm"),
        workers: 2,
    }
}

async fn status(port: u16, ask: &Ask) -> u16 {
    let token = ask.mint().unwrap();
    let headers = [
        ("authorization".to_owned(), format!("Bearer {token}")),
        ("host".to_owned(), "api.example.com".to_owned()),
    ];
    web::send(port, "GET", &ask.path, &headers, "").await.unwrap().status().as_u16()
}

/// A listener as Envoy's listener discovery reads it from a file.
fn write_listener(folder: &Path, settings: &Settings) {
    let mut resource = listener(settings, settings.listeners.first().unwrap());
    let kind = "type.googleapis.com/envoy.config.listener.v3.Listener";
    resource.as_object_mut().unwrap().insert("@type".to_owned(), kind.into());
    let text = json!({ "version_info": "1", "resources": [resource] }).to_string();
    std::fs::write(folder.join("lds.new"), text).unwrap();
    // Envoy sees a file that is moved into place.
    std::fs::rename(folder.join("lds.new"), folder.join("lds.json")).unwrap();
}

#[tokio::test]
async fn a_bad_policy_keeps_the_last_good_one_and_a_good_one_takes_over() {
    let folder = root().join("target/envoy-reload");
    std::fs::create_dir_all(&folder).unwrap();
    let file = scenario("http.yaml");
    let ask = file.requests.first().unwrap();
    let good = settings(&folder, &file.policy(), PORT);
    write_listener(&folder, &good);
    std::fs::write(folder.join("records.log"), "").unwrap();
    web::serve(UPSTREAM, |_| web::json(200, &json!({}))).await.unwrap();
    let mut configuration = configuration_of(&good);
    let resources = configuration.as_object_mut().unwrap();
    resources.get_mut("static_resources").unwrap().as_object_mut().unwrap().remove("listeners");
    resources.insert("node".to_owned(), json!({ "id": "test", "cluster": "test" }));
    resources.insert(
        "dynamic_resources".to_owned(),
        json!({ "lds_config": { "path_config_source": { "path": folder.join("lds.json") } } }),
    );
    let gateway = Gateway::launch(&root(), &folder, &good, &configuration).await.unwrap();
    assert_eq!(status(PORT, ask).await, 200);

    // A policy with an error: Envoy's log names the line, and nothing changes.
    let wrong = file.policy().replace("by_scope: [read]", "by_scope: [reed]");
    write_listener(&folder, &settings(&folder, &wrong, PORT));
    let log = wait_for(&folder.join("envoy.log"), "`reed` is not known here").await;
    assert!(log.contains("policy.yaml:"), "{log}");
    for _ in 0..8 {
        assert_eq!(status(PORT, ask).await, 200);
    }
    let refused = "/stats?filter=wasmcustom.ambit.policy.refused";
    let refused = web::send(ADMIN, "GET", refused, &[], "").await.unwrap();
    assert_eq!(refused.body(), "wasmcustom.ambit.policy.refused: 1\n");

    // A request that is held for the rest of its body while the policy changes.
    let token = ask.mint().unwrap();
    let head = format!(
        "GET {} HTTP/1.1\r\nhost: api.example.com\r\nauthorization: Bearer {token}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 3\r\n\r\na",
        ask.path
    );
    let mut held = TcpStream::connect(("127.0.0.1", PORT)).await.unwrap();
    held.write_all(head.as_bytes()).await.unwrap();

    // A policy that allows less: every worker follows.
    let less = file.policy().replace("by_scope: [read]", "by_scope: [write]");
    write_listener(&folder, &settings(&folder, &less, PORT));
    let mut refused = 0;
    for _ in 0..100 {
        refused = if status(PORT, ask).await == 403 { refused + 1 } else { 0 };
        if refused == 16 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(refused, 16, "the new policy is in force on every worker");

    // What was held ends by the policy it began with; it is neither lost nor left waiting.
    held.write_all(b"=1").await.unwrap();
    let mut answer = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(20), held.read_exact(&mut answer)).await;
    read.expect("an answer").unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    gateway.stop().await;
}

async fn wait_for(log: &Path, text: &str) -> String {
    let mut found = String::new();
    for _ in 0..150 {
        found = std::fs::read_to_string(log).unwrap();
        if found.contains(text) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    found
}

#[tokio::test]
async fn http_2_trailers_end_a_body_and_cannot_be_used_to_pass_one() {
    let folder = root().join("target/envoy-h2");
    std::fs::create_dir_all(&folder).unwrap();
    let file = scenario("approvals.yaml");
    let port = PORT + 10;
    web::serve(UPSTREAM + 10, |_| web::json(200, &json!({ "passed": true }))).await.unwrap();
    let settings = settings(&folder, &file.policy(), port);
    let gateway = Gateway::start_with(&root(), &folder, &settings).await.unwrap();
    let mut records = Records::after(&gateway.records).unwrap();
    let token = file.requests.first().unwrap().mint().unwrap();
    let mut digests = Vec::new();
    for pieces in [vec!["{}"], vec!["{", "}"], vec!["{", "", "}"]] {
        for trailers in [false, true] {
            let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                    .await
                    .unwrap();
            tokio::spawn(connection);
            let mut frames: Vec<Result<Frame<Bytes>, std::convert::Infallible>> =
                pieces.iter().map(|piece| Ok(Frame::data(Bytes::from(*piece)))).collect();
            if trailers {
                let mut map = hyper::HeaderMap::new();
                map.insert("ambit-sub", "root".parse().unwrap());
                frames.push(Ok(Frame::trailers(map)));
            }
            let body = StreamBody::new(http_stream(frames));
            let request = hyper::Request::builder()
                .method("PUT")
                .uri("http://api.example.com/t/1")
                .header("authorization", format!("Bearer {token}"))
                .body(body)
                .unwrap();
            let answer = sender.send_request(request).await.unwrap();
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            let problem: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(status, 403, "{problem}");
            digests.push(problem["approval"]["digest"].as_str().unwrap().to_owned());
            let record = records.wait().await.unwrap();
            assert_eq!(record["reason"], "approval-required");
            assert_eq!(record["outcome"]["forwarded"], false);
        }
    }
    digests.dedup();
    assert_eq!(digests.len(), 1, "one body, one digest, however it came");
    gateway.stop().await;
}

/// The frames one after another.
fn http_stream(
    frames: Vec<Result<Frame<Bytes>, std::convert::Infallible>>,
) -> impl futures_core::Stream<Item = Result<Frame<Bytes>, std::convert::Infallible>> {
    tokio_stream::iter(frames)
}

#[test]
fn the_configuration_to_copy_is_one_that_envoy_takes() {
    let envoy = ambit_test_harness::demo::gateway::envoy(&root()).unwrap();
    let validated = std::process::Command::new(envoy)
        .args(["--mode", "validate", "-c", "envoy/envoy.yaml"])
        .current_dir(root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&validated.stderr).into_owned();
    assert!(validated.status.success(), "{said}");
}
