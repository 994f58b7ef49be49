//! The policy that every case meets, the upstream, and what may have come of a case.

use crate::case::Case;
use ambit::identity::issue::SigningKey;
use ambit_test_harness::scenario::raw::{self, Chunked, Message};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Cases that are sent at the same time.
const AT_ONCE: usize = 12;

pub(crate) const POLICY: &str = r#"
apiVersion: ambit/v1
name: sockets
identity:
  issuers:
    - { issuer: https://idp.example.com, jwks: { inline: { keys: [JWK] } } }
actors:
  bot: { match: { client_id: bot }, scopes: ["*:*"] }
resources:
  plain: { audience: "https://api.example.com", by_scope: [read], per_record: upstream, http: [{ path: "/p/{id}" }] }
  asked: { audience: "https://api.example.com", by_scope: [write], per_record: upstream, http: [{ path: "/a/{id}" }] }
"#;

pub(crate) type Seen = Arc<Mutex<Vec<Message>>>;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(crate) fn key() -> SigningKey {
    SigningKey::es256_from_seed(&[7; 32]).unwrap()
}

pub(crate) fn token() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    key().sign(
        &json!({ "alg": "ES256", "typ": "at+jwt", "kid": "k1" }),
        &json!({
            "iss": "https://idp.example.com", "sub": "alice", "client_id": "bot", "jti": "t",
            "aud": "https://api.example.com", "scope": "*:*", "iat": now, "exp": now + 600,
        }),
    )
}

/// Answers all, and keeps what came.
pub(crate) fn upstream(port: u16, seen: &Seen) {
    let seen = Arc::clone(seen);
    let answer = move |message: Message, whole: bool| {
        seen.lock().unwrap().push(message);
        let line = "HTTP/1.1 200 OK".to_owned();
        whole
            .then(|| Chunked { head: Message { line, ..Message::default() }, ..Chunked::default() })
    };
    raw::serve(port, answer).unwrap();
}

/// What is wrong with something that reached the upstream.
pub(crate) fn wrong(message: &Message) -> Option<&'static str> {
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

/// Sends all cases, some at a time, a good request after each; what is not as it must be.
pub(crate) fn at_once(port: u16, cases: &[Case], seen: &Seen, token: &str) -> Vec<String> {
    let failures = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut wrong = run(port, case, seen);
                    if let Err(why) = good(port, token) {
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
fn run(port: u16, case: &Case, seen: &Seen) -> Vec<String> {
    let outcome = case.send(port);
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

fn good(port: u16, token: &str) -> Result<(), String> {
    let headers = [
        ("host".to_owned(), b"api.example.com".to_vec()),
        ("authorization".to_owned(), format!("Bearer {token}").into_bytes()),
    ];
    let answer = raw::send(port, "GET /p/1", &headers, &[], &[], Duration::from_secs(20));
    match answer {
        Ok(answer) if answer.status() == 200 => Ok(()),
        Ok(answer) => Err(answer.line),
        Err(error) => Err(error.to_string()),
    }
}
