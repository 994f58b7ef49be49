//! What no HTTP library would send, as bytes on a socket to a real Envoy with Ambit: each case of
//! `http1.txt` and `http2.txt`, what of it may have reached the upstream, and that the next good
//! request passes.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod case;
mod frames;
mod outcome;

use ambit::identity::issue::SigningKey;
use ambit::policy::read::read_yaml;
use ambit_test_harness::demo::gateway::{Gateway, Listener, Settings, configuration_of};
use ambit_test_harness::scenario::raw::{self, Chunked, Message};
use case::Case;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PORT: u16 = 13200;
const UPSTREAM: u16 = 13201;
const ADMIN: u16 = 13202;
/// Cases that are sent at the same time.
const AT_ONCE: usize = 12;

const POLICY: &str = include_str!("../../../tests/enforced.yaml");

type Seen = Arc<Mutex<Vec<Message>>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn key() -> SigningKey {
    SigningKey::es256_from_seed(&[7; 32]).unwrap()
}

fn token() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    key().sign(
        &json!({ "alg": "ES256", "typ": "at+jwt", "kid": "k1" }),
        &json!({
            "iss": "https://idp.example.com", "sub": "alice", "client_id": "bot", "jti": "t",
            "aud": "https://api.example.com", "scope": "*:*", "iat": now, "exp": now + 600,
        }),
    )
}

async fn gateway() -> Gateway {
    let folder = root().join("target/sockets");
    let policy =
        POLICY.replace("JWKS", &format!("{{ inline: {{ keys: [{}] }} }}", key().jwk("k1")));
    let settings = Settings {
        listeners: vec![Listener {
            port: PORT,
            policy: read_yaml("policy.yaml", &policy).unwrap().to_compiled_json(),
            records: folder.join("records.log"),
        }],
        admin: ADMIN,
        signing_key: "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk".to_owned(),
        clusters: vec![("upstream".to_owned(), UPSTREAM)],
        module: root().join("dist/ambit.wasm"),
        workers: 2,
    };
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("records.log"), "").unwrap();
    let mut configuration = configuration_of(&settings);
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let manager = configuration.pointer_mut(manager).unwrap().as_object_mut().unwrap();
    // Without it Envoy drops the trailers of HTTP/1.1, which would prove nothing.
    manager.insert("http_protocol_options".to_owned(), json!({ "enable_trailers": true }));
    Gateway::launch(&root(), &folder, &settings, &configuration).await.unwrap()
}

/// Answers all, and keeps what came.
fn upstream(seen: &Seen) {
    let seen = Arc::clone(seen);
    let answer = move |message: Message, whole: bool| {
        seen.lock().unwrap().push(message);
        let line = "HTTP/1.1 200 OK".to_owned();
        whole
            .then(|| Chunked { head: Message { line, ..Message::default() }, ..Chunked::default() })
    };
    raw::serve(UPSTREAM, answer).unwrap();
}

/// What is wrong with something that reached the upstream.
fn wrong(message: &Message) -> Option<&'static str> {
    let plain = |name: &String| name.to_ascii_lowercase().replace('_', "-");
    let told = message.all("ambit");
    let forged =
        |(name, _): &(String, Vec<u8>)| plain(name).starts_with("ambit") && name != "ambit";
    if !message.line.starts_with("GET /p/") {
        return Some("a request that nothing allows");
    }
    if told.len() != 1 || !told.iter().all(|told| told.contains("sub=\"alice\"")) {
        return Some("not one true `ambit` header");
    }
    if message.headers.iter().any(forged) {
        return Some("a header only Ambit may set");
    }
    if message.trailers.iter().any(|(name, _)| plain(name).starts_with("ambit")) {
        return Some("a trailer only Ambit may set");
    }
    if message.headers.iter().any(|(name, _)| name == "authorization") {
        return Some("the caller's token");
    }
    let length = message.all("content-length");
    if length.len() > 1 || (!length.is_empty() && !message.all("transfer-encoding").is_empty()) {
        return Some("a length that two readers read differently");
    }
    None
}

#[tokio::test]
async fn no_framing_gets_past_and_the_next_good_request_passes() {
    let seen = Seen::default();
    upstream(&seen);
    let gateway = gateway().await;
    // Starting it asks the upstream whether it is there.
    seen.lock().unwrap().clear();
    let token = token();
    let mut cases = case::read(include_str!("http1.txt"), 1000, &token);
    cases.extend(case::read(include_str!("http2.txt"), 2000, &token));
    assert!(cases.len() >= 140, "only {} cases", cases.len());
    let all = Arc::clone(&seen);
    let mut failures =
        tokio::task::spawn_blocking(move || at_once(&cases, &all, &token)).await.unwrap();
    // What came by a path that is nobody's own is found here.
    let all = seen.lock().unwrap().clone();
    failures.extend(all.iter().filter_map(|one| Some(format!("{}: {one:?}", wrong(one)?))));
    gateway.stop().await;
    assert!(failures.is_empty(), "{} cases:\n{}", failures.len(), failures.join("\n"));
}

/// Sends all cases, some at a time, a good request after each; what is not as it must be.
fn at_once(cases: &[Case], seen: &Seen, token: &str) -> Vec<String> {
    let failures = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut wrong = run(case, seen);
                    if let Err(why) = good(token) {
                        wrong.push(format!("{}: the next good request: {why}", case.name));
                    }
                    failures.lock().unwrap().extend(wrong);
                }
            });
        }
    });
    failures.into_inner().unwrap()
}

/// Sends one case; what is not as it must be.
fn run(case: &Case, seen: &Seen) -> Vec<String> {
    let outcome = case.send(PORT);
    let mut failures = Vec::new();
    if !case.expect.contains(&outcome) {
        failures.push(format!("{}: `{outcome}`, expected {:?}", case.name, case.expect));
    }
    let line = format!("GET {} ", case.own);
    let reached = seen.lock().unwrap().iter().filter(|one| one.line.starts_with(&line)).count();
    if reached > case.upstream {
        failures.push(format!("{}: {reached} reached the upstream", case.name));
    }
    failures
}

fn good(token: &str) -> Result<(), String> {
    let headers = [
        ("host".to_owned(), b"api.example.com".to_vec()),
        ("authorization".to_owned(), format!("Bearer {token}").into_bytes()),
    ];
    let answer = raw::send(PORT, "GET /p/1", &headers, &[], &[], Duration::from_secs(20));
    match answer {
        Ok(answer) if answer.status() == 200 => Ok(()),
        Ok(answer) => Err(answer.line),
        Err(error) => Err(error.to_string()),
    }
}
