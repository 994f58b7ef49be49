//! The shipped module in a cruel host: whatever breaks, nothing passes that should not, the module
//! does not trap, and the next good request is answered.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit::identity::issue::SigningKey;
use ambit::policy::read::read_yaml;
use ambit_test_harness::proxy_host::{
    Builder, CalloutAnswer, CasDialect, Exchange, Gateway, Module, Request, Response,
};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

const NOW: u64 = 1_800_000_000;

fn module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/ambit.wasm");
        let bytes = std::fs::read(path)
            .unwrap_or_else(|_| panic!("dist/ambit.wasm is not there: run `make module`"));
        Module::compile(&bytes).unwrap()
    })
}

const POLICY: &str = r#"
apiVersion: ambit/v1
name: faults
identity:
  issuers:
    - { issuer: https://idp.example.com, jwks: JWKS }
actors:
  bot: { match: { client_id: bot }, scopes: ["*:*"] }
resources:
  plain: { audience: "https://api.example.com", by_scope: [read], per_record: upstream, http: [{ path: "/p/{id}" }] }
  looked:
    audience: https://api.example.com
    attributes: { owner: { type: string, from: { lookup: { cluster: index, path: "/m/{id}", pointer: /owner } } } }
    http: [{ path: "/l/{id}" }]
  held:
    audience: https://api.example.com
    attributes: { owner: { type: string, from: { response: /owner } } }
    http: [{ path: "/h/{id}" }]
  asked: { audience: "https://api.example.com", by_scope: [write], credentials: keep, http: [{ path: "/a/{id}" }] }
rules:
  - { id: owners, effect: allow, actions: [read], resources: [looked, held], when: "resource.owner == subject.id" }
"#;

fn key(seed: u8) -> SigningKey {
    SigningKey::es256_from_seed(&[seed; 32]).unwrap()
}

fn policy(jwks: &str) -> String {
    let text = POLICY.replace("JWKS", jwks);
    read_yaml("policy.yaml", &text).unwrap().to_compiled_json()
}

fn inline() -> String {
    policy(&format!("{{ inline: {{ keys: [{}] }} }}", key(7).jwk("k1")))
}

fn token_by(key: &SigningKey, kid: &str) -> String {
    key.sign(
        &json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid }),
        &json!({
            "iss": "https://idp.example.com", "sub": "alice", "client_id": "bot", "jti": "t",
            "aud": "https://api.example.com", "scope": "*:*", "iat": NOW, "exp": NOW + 300,
        }),
    )
}

fn ask(target: &str) -> Request {
    let token = token_by(&key(7), "k1");
    Request::get(target).header("authorization", format!("Bearer {token}"))
}

fn gateway(configuration: &str) -> Builder {
    Gateway::builder(module())
        .configuration(configuration)
        .now(NOW)
        .clusters(|_| CalloutAnswer::Response(Response::new(200).body(r#"{"owner":"alice"}"#)))
        .upstream(|_| {
            let answer = Response::new(200).header("content-type", "application/json");
            answer.body(r#"{"owner":"alice"}"#)
        })
}

fn reason(exchange: &Exchange) -> String {
    let record = exchange.record();
    let reason = record.as_ref().and_then(|record| record.get("reason")).and_then(Value::as_str);
    reason.unwrap_or("no record").to_owned()
}

/// Everything the module does when all is well.
fn assert_works(gateway: &mut Gateway) {
    for target in ["/p/1", "/l/1", "/h/1"] {
        let exchange = gateway.send(ask(target));
        assert_eq!(exchange.status(), 200, "{target}: {}", reason(&exchange));
        assert!(exchange.upstream.is_some());
    }
}

#[test]
fn a_host_without_signature_checks_is_served_by_the_module_itself() {
    let mut gateway = gateway(&inline()).without_verify_signature().workers(2).build().unwrap();
    assert_works(&mut gateway);
    let forged = token_by(&key(8), "k1");
    let request = Request::get("/p/1").header("authorization", format!("Bearer {forged}"));
    let exchange = gateway.send(request);
    assert_eq!((exchange.status(), reason(&exchange).as_str()), (401, "bad-signature"));
}

#[test]
fn an_import_that_fails_never_opens() {
    // From its first call on, or from its third, each import answers with an error.
    for import in [
        "proxy_get_header_map_pairs",
        "proxy_replace_header_map_value",
        "proxy_remove_header_map_value",
        "proxy_get_buffer_bytes",
        "proxy_call_foreign_function",
        "proxy_http_call",
        "proxy_get_current_time_nanoseconds",
        "proxy_get_property",
        "proxy_set_property",
        "proxy_continue_stream",
        "proxy_send_local_response",
        "proxy_define_metric",
        "proxy_increment_metric",
        "proxy_log",
        "proxy_set_tick_period_milliseconds",
        "proxy_set_effective_context",
        "proxy_close_stream",
    ] {
        for (after, status) in [(0, 10), (0, 2), (3, 10), (3, 1), (3, 12)] {
            let built = gateway(&inline()).fault(import, after, status).build();
            // A module that cannot start does not serve.
            let Ok(mut gateway) = built else { continue };
            for _ in 0..3 {
                for target in ["/p/1", "/l/1", "/h/1", "/nothing"] {
                    let exchange = gateway.send(ask(target));
                    // The SDK insists on this one: without it a callout's answer ends the worker, which
                    // is closed.
                    let may_trap = import == "proxy_set_effective_context";
                    assert!(
                        !exchange.trapped || (may_trap && exchange.upstream.is_none()),
                        "{import} {after} {status} {target}: {:?}",
                        gateway.logs()
                    );
                    // Nothing reaches the upstream without its own header on it.
                    if let Some(seen) = &exchange.upstream {
                        assert_ne!(target, "/nothing", "{import}");
                        let told = seen.get("ambit").is_some_and(|told| told.contains("alice"));
                        assert!(told, "{import} {after} {status} {target}: {seen:?}");
                        assert_eq!(
                            seen.get("authorization"),
                            None,
                            "{import} {status}: credentials"
                        );
                    }
                    let bad = gateway.send(Request::get(target));
                    assert!(
                        bad.upstream.is_none(),
                        "{import} {after} {status} {target} without a token"
                    );
                    assert_ne!(bad.status(), 200);
                }
            }
        }
    }
}

#[test]
fn a_look_up_that_is_never_answered_passes_nothing() {
    let mut gateway = gateway(&inline()).clusters(|_| CalloutAnswer::Never).build().unwrap();
    let exchange = gateway.send(ask("/l/1"));
    assert!(exchange.client.is_none() && exchange.upstream.is_none());
    assert_eq!(gateway.send(ask("/p/1")).status(), 200, "and the next request is served");
}

#[test]
fn a_look_up_that_fails_closes_however_it_fails() {
    let answers = [
        CalloutAnswer::Reset,
        CalloutAnswer::UnknownCluster,
        CalloutAnswer::Response(Response::new(503)),
        CalloutAnswer::Response(Response::new(504)),
        CalloutAnswer::Response(Response::new(200)),
        CalloutAnswer::Response(Response::new(200).body("{")),
        CalloutAnswer::Response(Response::new(200).body(vec![b'['; 400_000])),
        CalloutAnswer::Response(Response::new(200).body([0xff, 0xfe])),
        CalloutAnswer::Response(Response::new(302).body(r#"{"owner":"alice"}"#)),
    ];
    for answer in answers {
        let scripted = answer.clone();
        let mut gateway = gateway(&inline()).clusters(move |_| scripted.clone()).build().unwrap();
        let exchange = gateway.send(ask("/l/1"));
        assert_eq!((exchange.status(), exchange.upstream.is_some()), (503, false), "{answer:?}");
        assert_eq!(gateway.send(ask("/p/1")).status(), 200);
    }
}

#[test]
fn body_and_look_up_may_come_in_either_order() {
    for first in [false, true] {
        let mut gateway = gateway(&inline()).build().unwrap();
        let mut request = ask("/l/1");
        request.callouts_first = first;
        let exchange = gateway.send(request.chunk("a").chunk("b").trailer("x", "1"));
        let seen = exchange.upstream.unwrap();
        assert_eq!((seen.body.as_slice(), exchange.callouts.len()), (&b"ab"[..], 1), "{first}");
    }
}

#[test]
fn a_body_that_decides_is_read_whole_and_once() {
    let mut gateway = gateway(&inline()).build().unwrap();
    let digest = |gateway: &mut Gateway, chunks: &[&str], trailer: bool| {
        let mut request = ask("/a/1").header(":method", "PUT");
        for chunk in chunks {
            request = request.chunk(chunk);
        }
        if trailer {
            request = request.trailer("x", "1");
        }
        let exchange = gateway.send(request);
        assert_eq!((exchange.status(), exchange.upstream.is_some()), (403, false));
        let body: Value = serde_json::from_slice(&exchange.client.unwrap().body).unwrap();
        body["approval"]["digest"].as_str().unwrap().to_owned()
    };
    let whole = digest(&mut gateway, &["hello"], false);
    assert_eq!(whole, digest(&mut gateway, &["h", "e", "l", "l", "o"], false));
    assert_eq!(whole, digest(&mut gateway, &["hel", "lo"], true), "trailers end a body too");
    assert_ne!(whole, digest(&mut gateway, &["hellp"], false));
}

#[test]
fn keys_are_fetched_renewed_and_dropped_when_too_old() {
    let served: Arc<Mutex<Option<Value>>> = Arc::new(Mutex::new(None));
    let fetched = Arc::new(AtomicU32::new(0));
    let (script, count) = (Arc::clone(&served), Arc::clone(&fetched));
    let remote = "{ remote: { cluster: idp, url: \"https://idp.example.com/k\", refresh: 60s, keep_stale: 600s } }";
    let mut gateway = gateway(&policy(remote))
        .clusters(move |callout| {
            assert_eq!((callout.cluster.as_str(), callout.path().as_str()), ("idp", "/k"));
            count.fetch_add(1, Ordering::SeqCst);
            match &*script.lock().unwrap() {
                Some(keys) => CalloutAnswer::Response(Response::new(200).body(keys.to_string())),
                None => CalloutAnswer::Response(Response::new(503)),
            }
        })
        .build()
        .unwrap();
    let with = |gateway: &mut Gateway, seed: u8, kid: &str, at: u64| {
        let key = key(seed);
        let token = key.sign(
            &json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid }),
            &json!({
                "iss": "https://idp.example.com", "sub": "alice", "client_id": "bot", "jti": "t",
                "aud": "https://api.example.com", "scope": "*:*", "iat": NOW + at, "exp": NOW + at + 300,
            }),
        );
        let request = Request::get("/p/1").header("authorization", format!("Bearer {token}"));
        let exchange = gateway.send(request);
        (exchange.status(), reason(&exchange))
    };
    assert_eq!(with(&mut gateway, 7, "k1", 0), (503, "issuer-unavailable".to_owned()));
    gateway.advance(1);
    assert_eq!(with(&mut gateway, 7, "k1", 1).0, 503, "the issuer was down");
    *served.lock().unwrap() = Some(json!({ "keys": [key(7).jwk("k1")] }));
    gateway.advance(5);
    assert_eq!(with(&mut gateway, 7, "k1", 6).0, 200);
    // Rotated: the new key counts, and what the old one signed no longer does.
    *served.lock().unwrap() = Some(json!({ "keys": [key(9).jwk("k2")] }));
    gateway.advance(61);
    assert_eq!(with(&mut gateway, 9, "k2", 67).0, 200);
    // Once the issuer was asked for it in vain.
    assert_eq!(with(&mut gateway, 7, "k1", 67), (503, "issuer-unavailable".to_owned()));
    gateway.advance(0);
    assert_eq!(with(&mut gateway, 7, "k1", 67), (401, "unknown-key".to_owned()));
    // Garbage and outages keep the last good keys, and then close.
    *served.lock().unwrap() = Some(json!("not a key set"));
    gateway.advance(61);
    assert_eq!(with(&mut gateway, 9, "k2", 128).0, 200);
    *served.lock().unwrap() = None;
    gateway.advance(300);
    assert_eq!(with(&mut gateway, 9, "k2", 428).0, 200);
    gateway.advance(300);
    assert_eq!(with(&mut gateway, 9, "k2", 728), (503, "issuer-unavailable".to_owned()));
    *served.lock().unwrap() = Some(json!({ "keys": [key(9).jwk("k2")] }));
    gateway.advance(30);
    assert_eq!(with(&mut gateway, 9, "k2", 758).0, 200);
    assert!(fetched.load(Ordering::SeqCst) < 20, "fetches are bounded");
}

#[test]
fn a_bad_configuration_keeps_the_last_good_one() {
    let good = inline();
    let mut gateway = gateway(&good).workers(2).build().unwrap();
    for bad in ["", "{", "{}", &good.replace("\"read\"", "\"reed\""), &good.replace("faults", "f!")]
    {
        assert!(!gateway.reconfigure(bad), "{bad:.40}");
        assert_works(&mut gateway);
        assert_works(&mut gateway);
    }
    let logs = gateway.logs();
    let told = |text: &str| logs.iter().any(|(_, line)| line.contains(text));
    assert!(told("policy.yaml:") && told("`reed` is not known here"), "{logs:#?}");
    assert!(gateway.reconfigure(good.replace("faults", "renamed")));
    let exchange = gateway.send(ask("/p/1"));
    assert_eq!(exchange.record().unwrap()["policy"]["name"], "renamed");
}

#[test]
fn a_configuration_that_is_none_does_not_start() {
    for bad in ["", "[]", "{\"apiVersion\":\"ambit/v1\"}", "\u{0}"] {
        assert!(gateway(bad).build().is_err(), "{bad}");
    }
}

#[test]
fn workers_are_independent_and_share_their_counters() {
    let mut gateway = gateway(&inline()).workers(3).cas(CasDialect::Nginx).build().unwrap();
    for worker in 0..3 {
        assert_eq!(gateway.send_to(worker, ask("/p/1")).status(), 200);
        assert_eq!(gateway.send_to(worker, Request::get("/p/1")).status(), 401);
    }
    let metrics = gateway.metrics();
    let count =
        |text: &str| metrics.iter().filter(|(n, _)| n.contains(text)).map(|(_, v)| v).sum::<i64>();
    assert_eq!((count("allow"), count("deny")), (3, 3), "{metrics:?}");
}

#[test]
fn an_agent_named_by_its_certificate_is_named_by_the_connection_and_no_header() {
    let with_mtls = POLICY
        .replace("identity:", "identity:\n  actor_from: [act, client_id, mtls]")
        .replace("client_id: bot }", "client_id: bot, spiffe: \"spiffe://x/bot\" }")
        .replace("JWKS", &format!("{{ inline: {{ keys: [{}] }} }}", key(7).jwk("k1")));
    let configuration = read_yaml("policy.yaml", &with_mtls).unwrap().to_compiled_json();
    let mut gateway = gateway(&configuration).build().unwrap();
    let with = |gateway: &mut Gateway, verified: u8, name: &str, header: &str| {
        let mut request = ask("/p/1").header("x-forwarded-client-cert", header);
        request.properties = vec![
            ("connection.mtls".to_owned(), vec![verified]),
            ("connection.uri_san_peer_certificate".to_owned(), name.as_bytes().to_vec()),
        ];
        let exchange = gateway.send(request);
        (exchange.status(), reason(&exchange))
    };
    let forged = "URI=spiffe://x/bot";
    assert_eq!(with(&mut gateway, 1, "spiffe://x/bot", "").0, 200);
    assert_eq!(with(&mut gateway, 0, "", forged).0, 200, "no certificate is no source");
    let (status, why) = with(&mut gateway, 1, "spiffe://x/other", forged);
    assert_eq!((status, why.as_str()), (403, "unknown-actor"));
}

#[test]
fn a_module_out_of_memory_closes() {
    let built = gateway(&inline()).memory_limit(3 << 20).buffer_limit(usize::MAX).build();
    // Too little to start in is closed as well.
    let Ok(mut gateway) = built else { return };
    for _ in 0..8 {
        let mut request = ask("/a/1").header(":method", "PUT");
        for _ in 0..4 {
            request = request.chunk(vec![b'x'; 1 << 20]);
        }
        let exchange = gateway.send(request);
        assert!(exchange.upstream.is_none() && exchange.status() >= 400, "{exchange}");
        let later = gateway.send(Request::get("/p/1"));
        assert!(later.upstream.is_none() && later.status() >= 400);
    }
}

#[test]
fn random_headers_and_bodies_neither_trap_nor_pass() {
    let mut gateway = gateway(&inline()).build().unwrap();
    let mut dice = 0x9e37_79b9_u32;
    let mut roll = move || {
        dice ^= dice << 13;
        dice ^= dice >> 17;
        dice ^= dice << 5;
        dice
    };
    let names = [
        ":path",
        ":method",
        ":authority",
        "authorization",
        "ambit",
        "content-type",
        "x",
        "te",
        "dpop",
    ];
    for round in 0..4000 {
        let mut request = Request::new("GET", "/p/1");
        for _ in 0..roll() % 6 {
            let name = names[roll() as usize % names.len()];
            let value: Vec<u8> = (0..roll() % 24).map(|_| (roll() & 0xff) as u8).collect();
            request = request.header(name, value);
        }
        for _ in 0..roll() % 3 {
            let size = roll() % 64;
            request = request.chunk((0..size).map(|_| (roll() & 0xff) as u8).collect::<Vec<_>>());
        }
        let exchange = gateway.send(request);
        assert!(!exchange.trapped, "round {round}: {:?}", gateway.logs().last());
        assert!(exchange.upstream.is_none(), "round {round}: nobody showed a token");
    }
    assert_works(&mut gateway);
}
