//! The counters of a real Envoy, and `docs/counters.md` against them.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit::identity::issue::SigningKey;
use ambit_test_harness::demo::gateway::{Gateway, Listener, Settings};
use ambit_test_harness::demo::web;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const GATEWAY: u16 = 14200;
const UPSTREAM: u16 = 14201;
const ADMIN: u16 = 14202;
const PREFIX: &str = "wasmcustom.ambit.";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn es256() -> SigningKey {
    SigningKey::es256_from_seed(&[7; 32]).unwrap()
}

fn eddsa() -> SigningKey {
    SigningKey::ed25519_from_seed(&[7; 32]).unwrap()
}

fn policy(actions: &str) -> String {
    json!({
        "apiVersion": "ambit/v1",
        "name": "counted",
        "identity": { "issuers": [{
            "issuer": "https://idp.example.com",
            "algorithms": ["ES256", "EdDSA"],
            "jwks": { "inline": { "keys": [es256().jwk("ES256"), eddsa().jwk("EdDSA")] } },
        }] },
        "actors": { "bot": { "mode": "delegated", "match": { "client_id": "bot" }, "scopes": ["read:*"] } },
        "resources": { "document": {
            "audience": "https://api.example.com", "by_scope": [actions], "credentials": "keep",
            "http": [{ "path": "/v1/documents/{id}" }],
        } },
    })
    .to_string()
}

/// A token that no other is equal to.
fn token(key: &SigningKey, number: u32) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": "https://idp.example.com", "sub": "alice", "client_id": "bot",
        "aud": "https://api.example.com", "scope": "read:document",
        "iat": now, "exp": now + 300, "jti": format!("t{number}"),
    });
    key.sign(&json!({ "alg": key.algorithm(), "typ": "at+jwt", "kid": key.algorithm() }), &claims)
}

async fn ask(authorization: Option<&str>) -> u16 {
    let mut headers = vec![("host".to_owned(), "api.example.com".to_owned())];
    headers
        .extend(authorization.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
    web::send(GATEWAY, "GET", "/v1/documents/7", &headers, "").await.unwrap().status().as_u16()
}

/// All of Ambit's counters, without their prefix.
async fn counters() -> BTreeMap<String, u64> {
    let target = "/stats?format=json&filter=^wasmcustom\\.ambit\\.";
    let answer =
        web::send(ADMIN, "GET", &target.replace('\\', "%5C").replace('^', "%5E"), &[], "").await;
    let stats: Value = serde_json::from_slice(answer.unwrap().body()).unwrap();
    let stats = stats["stats"].as_array().unwrap().iter();
    stats
        .filter_map(|stat| {
            let name = stat["name"].as_str()?.strip_prefix(PREFIX)?;
            Some((name.to_owned(), stat["value"].as_u64()?))
        })
        .collect()
}

/// What went up since `before`. A request is counted once its log is written, shortly after its
/// answer, and told within a second.
async fn counted(before: &BTreeMap<String, u64>, requests: u64) -> BTreeMap<String, u64> {
    let mut grown = BTreeMap::new();
    for _ in 0..50 {
        let now = counters().await;
        grown = now
            .into_iter()
            .map(|(name, value)| {
                let then = before.get(&name).copied().unwrap_or_default();
                (name, value - then)
            })
            .filter(|(_, grown)| *grown > 0)
            .collect();
        let decided = grown.iter().filter(|(name, _)| name.starts_with("decisions."));
        if decided.map(|(_, value)| value).sum::<u64>() >= requests {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    grown
}

fn exactly(list: &[(&str, u64)]) -> BTreeMap<String, u64> {
    list.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn documented() -> BTreeSet<String> {
    let page = std::fs::read_to_string(root().join("docs/counters.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(name, _)| name.to_owned()).collect()
}

fn settings(folder: &Path, policy: String) -> Settings {
    Settings {
        listeners: vec![Listener { port: GATEWAY, policy, records: folder.join("records.log") }],
        admin: ADMIN,
        signing_key: String::new(),
        clusters: vec![("upstream".to_owned(), UPSTREAM)],
        module: root().join("dist/ambit.wasm"),
        // One memory of tokens, or a token would be new once for each worker.
        workers: 1,
    }
}

#[tokio::test]
async fn counters_count_what_happened_and_the_page_lists_all_of_them() {
    let folder = root().join("target/envoy-counters");
    std::fs::create_dir_all(&folder).unwrap();
    web::serve(UPSTREAM, |_| web::json(200, &json!({}))).await.unwrap();
    let settings = settings(&folder, policy("read"));
    let gateway = Gateway::start_with(&root(), &folder, &settings).await.unwrap();
    // What asked whether it had started is counted as well, and told within a second.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let start = counters().await;
    assert_eq!(start["policy.loaded"], 3, "to try it, for the main thread, and for the worker");

    // As many verifications as there were verifications, and who did them.
    for (key, by) in [(es256(), "signatures.by_host"), (eddsa(), "signatures.in_module")] {
        let before = counters().await;
        for number in 0..20 {
            assert_eq!(ask(Some(&token(&key, number))).await, 200);
        }
        let wanted = [("decisions.allow.allowed-by-rule", 20), (by, 20), ("tokens.new", 20)];
        assert_eq!(counted(&before, 20).await, exactly(&wanted), "{by}");
    }

    let before = counters().await;
    let same = token(&es256(), 99);
    for _ in 0..10 {
        assert_eq!(ask(Some(&same)).await, 200);
    }
    assert_eq!(ask(None).await, 401);
    // Another key's signature is checked and found wrong, each time: only what is good is kept.
    let forged = token(&SigningKey::es256_from_seed(&[8; 32]).unwrap(), 1);
    assert_eq!((ask(Some(&forged)).await, ask(Some(&forged)).await), (401, 401));
    // No token at all: refused before a key is looked for.
    assert_eq!(ask(Some("a.b.c")).await, 401);
    let wanted = [
        ("decisions.allow.allowed-by-rule", 10),
        ("decisions.deny.bad-signature", 2),
        ("decisions.deny.malformed-token", 1),
        ("decisions.deny.no-token", 1),
        ("signatures.by_host", 3),
        ("tokens.new", 4),
        ("tokens.recalled", 9),
    ];
    assert_eq!(counted(&before, 14).await, exactly(&wanted));
    let prometheus = web::send(ADMIN, "GET", "/stats/prometheus", &[], "").await.unwrap();
    let prometheus = String::from_utf8_lossy(prometheus.body()).into_owned();
    assert!(prometheus.contains("ambit_decisions_deny_no_token{} 1\n"), "{prometheus}");
    let shown: BTreeSet<String> = counters().await.into_keys().collect();
    gateway.stop().await;

    let mut page = documented();
    assert!(page.remove("policy.refused"), "it appears with the first refusal");
    assert!(!shown.contains("policy.refused"));
    let (missing, stale) = (shown.difference(&page), page.difference(&shown));
    let (missing, stale): (Vec<_>, Vec<_>) = (missing.collect(), stale.collect());
    assert!(
        missing.is_empty() && stale.is_empty(),
        "docs/counters.md lacks {missing:?}, and has what Envoy does not show: {stale:?}"
    );
}
