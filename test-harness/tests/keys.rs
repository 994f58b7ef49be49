//! The issuers' keys over time, in the shipped module: one worker fetches for all of a process, two
//! versions of the module share one, and a real Envoy asks a real issuer.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit::identity::issue::SigningKey;
use ambit::policy::read::read_yaml;
use ambit_test_harness::demo::gateway::{Gateway as Envoy, Listener, Settings};
use ambit_test_harness::demo::web;
use ambit_test_harness::proxy_host::{Builder, CalloutAnswer, Gateway, Module, Request, Response};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://idp.example.com";
const PORT: u16 = 13140;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn shipped() -> Vec<u8> {
    std::fs::read(root().join("dist/ambit.wasm"))
        .unwrap_or_else(|_| panic!("dist/ambit.wasm is not there: run `make module`"))
}

fn module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| Module::compile(&shipped()).unwrap())
}

fn policy(name: &str, refresh: &str) -> String {
    let text = format!(
        r#"
apiVersion: ambit/v1
name: {name}
identity:
  issuers:
    - issuer: {ISSUER}
      max_lifetime: 1h
      jwks: {{ remote: {{ cluster: idp, url: "{ISSUER}/{name}", refresh: {refresh}, keep_stale: 10m }} }}
actors:
  bot: {{ match: {{ client_id: bot }}, scopes: ["*:*"] }}
resources:
  page: {{ audience: "https://api.example.com", by_scope: [read], per_record: upstream, http: [{{ path: "/p/{{id}}" }}] }}
"#
    );
    read_yaml("policy.yaml", &text).unwrap().to_compiled_json()
}

fn key(seed: u8) -> SigningKey {
    SigningKey::es256_from_seed(&[seed; 32]).unwrap()
}

fn jwks(keys: &[(&str, u8)]) -> Value {
    let keys: Vec<Value> = keys.iter().map(|(kid, seed)| key(*seed).jwk(kid)).collect();
    json!({ "keys": keys })
}

fn token(seed: u8, kid: &str, now: u64) -> String {
    let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid });
    let claims = json!({
        "iss": ISSUER, "sub": "alice", "client_id": "bot", "jti": "t", "scope": "*:*",
        "aud": "https://api.example.com", "iat": now, "exp": now + 3000,
    });
    key(seed).sign(&header, &claims)
}

/// An issuer that counts how often it is asked.
#[derive(Clone, Default)]
struct Issuer {
    asked: Arc<AtomicU32>,
    answer: Arc<Mutex<Option<String>>>,
}

impl Issuer {
    fn serving(answer: &Value) -> Self {
        let issuer = Self::default();
        issuer.serve(&answer.to_string());
        issuer
    }

    fn serve(&self, answer: &str) {
        *self.answer.lock().unwrap() = Some(answer.to_owned());
    }

    fn down(&self) {
        *self.answer.lock().unwrap() = None;
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    fn answer(&self) -> Option<String> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.answer.lock().unwrap().clone()
    }

    fn before(&self, module: &Module) -> Builder {
        let issuer = self.clone();
        Gateway::builder(module)
            .configuration(policy("keys", "60s"))
            .now(NOW)
            .workers(3)
            .clusters(move |_| match issuer.answer() {
                Some(body) => CalloutAnswer::Response(Response::new(200).body(body)),
                None => CalloutAnswer::down(),
            })
            .upstream(|_| Response::new(200))
    }
}

fn read(gateway: &mut Gateway, worker: usize, seed: u8, kid: &str) -> u16 {
    let bearer = format!("Bearer {}", token(seed, kid, NOW));
    let exchange = gateway.send_to(worker, Request::get("/p/1").header("authorization", bearer));
    assert!(!exchange.trapped, "{:?}", gateway.logs());
    exchange.status()
}

fn metric(gateway: &Gateway, what: &str) -> i64 {
    let name = format!("ambit.jwks.0_idp_example_com.{what}");
    let metrics = gateway.metrics();
    metrics.into_iter().find(|(found, _)| *found == name).unwrap_or_else(|| panic!("{name}")).1
}

#[test]
fn one_worker_fetches_for_all_and_for_those_that_come_after_a_reload() {
    let issuer = Issuer::serving(&jwks(&[("k1", 7)]));
    let mut gateway = issuer.before(module()).build().unwrap();
    gateway.advance(1);
    gateway.advance(1);
    for worker in 0..3 {
        assert_eq!(read(&mut gateway, worker, 7, "k1"), 200, "{worker}");
    }
    assert_eq!(issuer.asked(), 1);
    assert_eq!((metric(&gateway, "fetched"), metric(&gateway, "taken_up")), (1, 2));
    assert_eq!((metric(&gateway, "failed"), metric(&gateway, "keys")), (0, 1));
    // New workers of the same process, and the same ones with another policy of this issuer.
    let mut after = issuer.before(module()).shared_with(&gateway).build().unwrap();
    after.advance(2);
    assert!(gateway.reconfigure(policy("keys", "50s")));
    gateway.advance(1);
    for worker in 0..3 {
        assert_eq!(read(&mut after, worker, 7, "k1"), 200, "{worker}");
        assert_eq!(read(&mut gateway, worker, 7, "k1"), 200, "{worker}");
    }
    assert_eq!(issuer.asked(), 1);
    // Renewed once for all.
    gateway.advance(60);
    gateway.advance(1);
    assert_eq!(issuer.asked(), 2);
}

#[test]
fn a_rotated_key_is_picked_up_without_waiting_for_the_refresh() {
    let issuer = Issuer::serving(&jwks(&[("k1", 7)]));
    let mut gateway = issuer.before(module()).build().unwrap();
    gateway.advance(1);
    gateway.advance(1);
    issuer.serve(&jwks(&[("k2", 9)]).to_string());
    assert_eq!(read(&mut gateway, 1, 9, "k2"), 503, "try again");
    gateway.advance(0);
    gateway.advance(1);
    for worker in 0..3 {
        assert_eq!(read(&mut gateway, worker, 9, "k2"), 200, "{worker}");
        assert_ne!(read(&mut gateway, worker, 7, "k1"), 200, "withdrawn");
    }
    assert_eq!((issuer.asked(), metric(&gateway, "refetched")), (2, 1));
    // Names that nobody knows bring no more.
    for second in 0..20 {
        for worker in 0..3 {
            assert_ne!(read(&mut gateway, worker, 9, &format!("x{second}{worker}")), 200);
        }
        gateway.advance(1);
    }
    assert_eq!(issuer.asked(), 2);
}

#[test]
fn an_issuer_that_is_down_or_serves_garbage_leaves_the_last_good_keys_to_all() {
    let issuer = Issuer::serving(&jwks(&[("k1", 7)]));
    let mut gateway = issuer.before(module()).build().unwrap();
    gateway.advance(1);
    gateway.advance(1);
    let huge = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(2_000_000));
    for bad in ["", "<html>", "{\"keys\":[]}", "{\"keys\":[{\"kty\":\"oct\"}]}", &huge] {
        issuer.serve(bad);
        gateway.advance(61);
        gateway.advance(1);
        for worker in 0..3 {
            assert_eq!(read(&mut gateway, worker, 7, "k1"), 200);
        }
    }
    issuer.down();
    gateway.advance(200);
    assert_eq!(read(&mut gateway, 0, 7, "k1"), 200);
    gateway.advance(200);
    for worker in 0..3 {
        assert_eq!(read(&mut gateway, worker, 7, "k1"), 503);
    }
    assert!(metric(&gateway, "failed") >= 6);
    issuer.serve(&jwks(&[("k1", 7)]).to_string());
    gateway.advance(31);
    gateway.advance(1);
    for worker in 0..3 {
        assert_eq!(read(&mut gateway, worker, 7, "k1"), 200);
    }
}

#[test]
fn where_sharing_fails_each_worker_fetches_for_itself() {
    for (import, status) in [
        ("proxy_get_shared_data", 10),
        ("proxy_get_shared_data", 12),
        ("proxy_set_shared_data", 10),
        ("proxy_set_shared_data", 2),
        ("proxy_record_metric", 10),
        ("proxy_get_property", 1),
    ] {
        let issuer = Issuer::serving(&jwks(&[("k1", 7)]));
        let mut gateway = issuer.before(module()).fault(import, 0, status).build().unwrap();
        gateway.advance(1);
        gateway.advance(1);
        for worker in 0..3 {
            assert_eq!(read(&mut gateway, worker, 7, "k1"), 200, "{import} {status}");
        }
        let wanted = if import == "proxy_record_metric" { 1 } else { 3 };
        assert_eq!(issuer.asked(), wanted, "{import} {status}");
    }
}

#[test]
fn a_plugin_without_a_vm_id_shares_nothing() {
    // Every plugin without one could put keys there.
    let issuer = Issuer::serving(&jwks(&[("k1", 7)]));
    let mut gateway = issuer.before(module()).vm_id("").build().unwrap();
    gateway.advance(1);
    assert_eq!(read(&mut gateway, 2, 7, "k1"), 200);
    assert_eq!(issuer.asked(), 3);
    assert!(gateway.shared().keys().is_empty());
}

#[test]
fn two_versions_of_the_module_share_a_process_and_read_nothing_of_each_other() {
    let (ours, theirs) = (b"ambit/1/", b"ambit/2/");
    let mut bytes = shipped();
    let places: Vec<usize> =
        bytes.windows(8).enumerate().filter(|(_, at)| at == ours).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "the format stands in the module");
    for place in places {
        bytes[place..place + 8].copy_from_slice(theirs);
    }
    let newer = Module::compile(&bytes).unwrap();
    let (mine, other) =
        (Issuer::serving(&jwks(&[("k1", 7)])), Issuer::serving(&jwks(&[("k1", 9)])));
    let mut old = mine.before(module()).build().unwrap();
    let mut new = other.before(&newer).shared_with(&old).build().unwrap();
    for _ in 0..70 {
        old.advance(1);
        new.advance(1);
    }
    for worker in 0..3 {
        assert_eq!(read(&mut old, worker, 7, "k1"), 200);
        assert_eq!(read(&mut old, worker, 9, "k1"), 401);
        assert_eq!(read(&mut new, worker, 9, "k1"), 200);
        assert_eq!(read(&mut new, worker, 7, "k1"), 401);
    }
    assert_eq!((mine.asked(), other.asked()), (2, 2));
    let keys = old.shared().keys();
    assert_eq!(keys.len(), 4, "a plan and a set for each");
    assert!(keys.iter().all(|key| key.starts_with(ours) || key.starts_with(theirs)));
}

#[test]
fn garbage_where_something_shared_should_be_neither_opens_nor_holds_up() {
    let issuer = Issuer::serving(&jwks(&[("k1", 7)]));
    let before = issuer.before(module()).build();
    let mut before = before.unwrap();
    before.advance(1);
    before.advance(1);
    let keys = before.shared().keys();
    assert_eq!(keys.len(), 2);
    for garbage in [&b""[..], b"x", &[0; 36], &[0xff; 36], &[0x7f; 36], &[b'{'; 300_000]] {
        for which in [&keys[..1], &keys[1..], &keys[..]] {
            for key in which {
                assert!(before.shared().set(key, garbage, 0));
            }
            let mut gateway = issuer.before(module()).shared_with(&before).build().unwrap();
            for _ in 0..3 {
                gateway.advance(1);
            }
            for worker in 0..3 {
                assert_eq!(read(&mut gateway, worker, 7, "k1"), 200);
                assert_eq!(read(&mut gateway, worker, 9, "k1"), 401);
            }
        }
    }
}

/// Asks 12 times, so that both workers are asked: the statuses.
async fn statuses(port: u16, seed: u8, kid: &str) -> Vec<u16> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let bearer = format!("Bearer {}", token(seed, kid, now));
    let headers =
        [("authorization".to_owned(), bearer), ("host".to_owned(), "api.example.com".to_owned())];
    let mut all = Vec::new();
    for _ in 0..12 {
        all.push(web::send(port, "GET", "/p/1", &headers, "").await.unwrap().status().as_u16());
    }
    all
}

/// Waits until all are 200; how long that took.
async fn until_all_pass(port: u16, seed: u8, kid: &str) -> Duration {
    let began = Instant::now();
    let mut last = Vec::new();
    while began.elapsed() < Duration::from_secs(20) {
        last = statuses(port, seed, kid).await;
        if last.iter().all(|status| *status == 200) {
            return began.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{kid}: {last:?}");
}

#[tokio::test]
async fn a_real_envoy_asks_once_for_all_workers_picks_up_rotations_and_outlives_its_issuer() {
    let folder = root().join("target/envoy-keys");
    let (calm, often) =
        (Issuer::serving(&jwks(&[("k1", 7)])), Issuer::serving(&jwks(&[("k1", 7)])));
    let (serve_calm, serve_often) = (calm.clone(), often.clone());
    web::serve(PORT + 3, move |asked| {
        let issuer = if asked.uri().path() == "/calm" { &serve_calm } else { &serve_often };
        match issuer.answer() {
            Some(body) => web::plain(200, &body),
            None => web::plain(503, "down"),
        }
    })
    .await
    .unwrap();
    web::serve(PORT + 2, |_| web::json(200, &json!({}))).await.unwrap();
    let listener = |port: u16, policy: String| Listener {
        port,
        policy,
        records: folder.join(format!("records-{port}.log")),
    };
    let settings = Settings {
        listeners: vec![
            listener(PORT, policy("calm", "10m")),
            listener(PORT + 1, policy("often", "1s")),
        ],
        admin: PORT + 4,
        signing_key: "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk".to_owned(),
        clusters: vec![("upstream".to_owned(), PORT + 2), ("idp".to_owned(), PORT + 3)],
        module: root().join("dist/ambit.wasm"),
        workers: 2,
    };
    let envoy = Envoy::start_with(&root(), &folder, &settings).await.unwrap();
    until_all_pass(PORT, 7, "k1").await;
    until_all_pass(PORT + 1, 7, "k1").await;
    assert_eq!(calm.asked(), 1, "one fetch for two workers and the main thread");

    // Rotated: ten minutes before the refresh.
    calm.serve(&jwks(&[("k1", 7), ("k2", 9)]).to_string());
    let first = statuses(PORT, 9, "k2").await;
    assert!(first.contains(&503) && !first.contains(&401), "{first:?}");
    let took = until_all_pass(PORT, 9, "k2").await;
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert_eq!(calm.asked(), 2);
    for _ in 0..3 {
        assert!(!statuses(PORT, 9, "made-up").await.contains(&200));
    }
    assert_eq!(calm.asked(), 2);

    // Garbage, nothing, and an error, each for longer than the refresh.
    for bad in [Some("<html>"), Some("{\"keys\":[]}"), None] {
        match bad {
            Some(body) => often.serve(body),
            None => often.down(),
        }
        let asked = often.asked();
        tokio::time::sleep(Duration::from_millis(2500)).await;
        assert!(statuses(PORT + 1, 7, "k1").await.iter().all(|status| *status == 200), "{bad:?}");
        // What fails is asked less and less often: from the first of the three on, not even each time.
        assert!(often.asked() <= asked + 4, "{asked} {}", often.asked());
    }
    let stats = web::send(PORT + 4, "GET", "/stats?filter=ambit.jwks", &[], "").await.unwrap();
    let stats = String::from_utf8_lossy(stats.body()).into_owned();
    assert!(stats.contains("ambit.jwks.0_idp_example_com.refetched: 1"), "{stats}");
    assert!(stats.contains("ambit.jwks.0_idp_example_com.failed: "), "{stats}");
    envoy.stop().await;
}
