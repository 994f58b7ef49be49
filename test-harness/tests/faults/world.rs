//! The gateway that all of this happens to.

use ambit::identity::issue::SigningKey;
use ambit::policy::read::read_yaml;
use ambit_test_harness::proxy_host::{
    Builder, CalloutAnswer, Exchange, Gateway, Module, Request, Response,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub const NOW: u64 = 1_800_000_000;
pub const POLICY: &str = include_str!("../../../tests/enforced.yaml");
/// A record that is alice's.
pub const HERS: &str = r#"{"owner":"alice"}"#;
/// One request of each kind that passes.
pub const GOOD: [&str; 3] = ["/p/1", "/l/1", "/h/1"];

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub fn module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| {
        let bytes = std::fs::read(root().join("dist/ambit.wasm"))
            .unwrap_or_else(|_| panic!("dist/ambit.wasm is not there: run `make module`"));
        Module::compile(&bytes).unwrap()
    })
}

pub fn key(seed: u8) -> SigningKey {
    SigningKey::es256_from_seed(&[seed; 32]).unwrap()
}

pub fn keys(seed: u8, kid: &str) -> Value {
    json!({ "keys": [key(seed).jwk(kid)] })
}

/// The policy with these keys, compiled.
pub fn policy(jwks: &str) -> String {
    compiled(&POLICY.replace("JWKS", jwks))
}

pub fn compiled(policy: &str) -> String {
    read_yaml("policy.yaml", policy).unwrap().to_compiled_json()
}

/// The policy with its keys written into it.
pub fn inline() -> String {
    policy(&format!("{{ inline: {} }}", keys(7, "k1")))
}

/// A token of alice's, issued at `at` for five minutes.
pub fn token_by(seed: u8, kid: &str, at: u64) -> String {
    key(seed).sign(
        &json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid }),
        &json!({
            "iss": "https://idp.example.com", "sub": "alice", "client_id": "bot",
            "jti": format!("t{at}"), "aud": "https://api.example.com", "scope": "*:*",
            "iat": at, "exp": at + 300,
        }),
    )
}

pub fn ask_with(token: &str, target: &str) -> Request {
    Request::get(target).header("authorization", format!("Bearer {token}"))
}

pub fn ask(target: &str) -> Request {
    ask_with(&token_by(7, "k1", NOW), target)
}

pub fn record_of(owner: &str) -> Response {
    let answer = Response::new(200).header("content-type", "application/json");
    answer.body(json!({ "owner": owner }).to_string())
}

/// Everything behind it is well, and every record is alice's.
pub fn gateway(configuration: &str) -> Builder {
    Gateway::builder(module())
        .configuration(configuration)
        .now(NOW)
        .clusters(|_| CalloutAnswer::Response(record_of("alice")))
        .upstream(|_| record_of("alice"))
}

pub fn reason(exchange: &Exchange) -> String {
    let record = exchange.record();
    let reason = record.as_ref().and_then(|record| record.get("reason")).and_then(Value::as_str);
    reason.unwrap_or("no record").to_owned()
}

/// Status, reason, and what the record says of whether it was sent.
pub fn told(exchange: &Exchange) -> (u16, String, bool) {
    let record = exchange.record().unwrap_or_default();
    let sent = record["outcome"]["forwarded"].as_bool().unwrap_or_default();
    assert_eq!(sent, exchange.upstream.is_some(), "the record tells what came of it: {record}");
    (exchange.status(), reason(exchange), sent)
}

/// Refused, for this reason, and nothing was sent.
pub fn assert_refused(exchange: &Exchange, status: u16, reason: &str, what: &str) {
    assert!(!exchange.trapped, "{what}");
    assert_eq!(told(exchange), (status, reason.to_owned(), false), "{what}");
    assert_eq!(exchange.upstream, None, "{what}");
}

/// Every kind of request that may pass passes.
pub fn assert_works(gateway: &mut Gateway) {
    for target in GOOD {
        let exchange = gateway.send(ask(target));
        assert_eq!(exchange.status(), 200, "{target}: {}", reason(&exchange));
        assert!(exchange.upstream.is_some());
    }
}

/// What reached the upstream was allowed, carries Ambit's header and no credential; what did not was
/// not answered as if it had. A request without a token never passes.
pub fn assert_never_open(gateway: &mut Gateway, what: &str) {
    for target in GOOD.into_iter().chain(["/nothing"]) {
        let exchange = gateway.send(ask(target).header("ambit", "sub=\"root\""));
        if let Some(seen) = &exchange.upstream {
            assert_ne!(target, "/nothing", "{what}");
            let all: Vec<_> = seen.headers.iter().filter(|(name, _)| name == "ambit").collect();
            assert_eq!(all.len(), 1, "{what}: {seen:?}");
            assert!(seen.get("ambit").unwrap().contains("sub=\"alice\""), "{what}: {seen:?}");
            assert_eq!(seen.get("authorization"), None, "{what}: credentials");
        } else {
            assert!(!(200..400).contains(&exchange.status()), "{what}: {}", exchange.status());
        }
        let bare = gateway.send(Request::get(target));
        assert_eq!(bare.upstream, None, "{what}: {target} without a token");
        assert!(!(200..400).contains(&bare.status()), "{what}: {}", bare.status());
    }
}
