//! What a decision costs, counted and not timed: instructions as wasmtime counts them, and calls of the
//! host by name. `cargo test -p ambit-test-harness --test cost -- --nocapture` prints the table.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit::identity::issue::SigningKey;
use ambit::policy::read::read_yaml;
use ambit_test_harness::proxy_host::{Gateway, Module, Request, Response};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

const NOW: u64 = 1_800_000_000;
/// What is sent before and while it is counted.
const WARM: u64 = 3;
const COUNTED: u64 = 100;

const POLICY: &str = r#"
apiVersion: ambit/v1
name: cost
identity:
  issuers:
    - { issuer: https://idp.example.com, jwks: { inline: { keys: [JWK] } } }
actors:
  bot: { match: { client_id: bot }, scopes: ["read:*"] }
resources:
  plain: { audience: "https://api.example.com", by_scope: [read], per_record: upstream, http: [{ path: "/p/{id}" }] }
"#;

fn key() -> SigningKey {
    SigningKey::es256_from_seed(&[7; 32]).unwrap()
}

fn token(number: u64) -> String {
    key().sign(
        &json!({ "alg": "ES256", "typ": "at+jwt", "kid": "k1" }),
        &json!({
            "iss": "https://idp.example.com", "sub": "alice", "client_id": "bot",
            "jti": format!("t{number}"), "aud": "https://api.example.com", "scope": "read:*",
            "iat": NOW - 10, "exp": NOW + 600,
        }),
    )
}

fn gateway(module: &Module) -> Gateway {
    let policy = POLICY.replace("JWK", &key().jwk("k1").to_string());
    Gateway::builder(module)
        .configuration(read_yaml("policy.yaml", &policy).unwrap().to_compiled_json())
        .now(NOW)
        .upstream(|_| Response::new(200).header("content-type", "application/json").body("{}"))
        .build()
        .unwrap()
}

/// Instructions a request, and calls of the host a request by name.
fn counted(
    gateway: &mut Gateway,
    status: u16,
    request: impl Fn(u64) -> Request,
) -> (u64, BTreeMap<String, f64>) {
    let send = |gateway: &mut Gateway, number| {
        assert_eq!(gateway.send(request(number)).status(), status);
    };
    (0..WARM).for_each(|number| send(gateway, number));
    let before: BTreeMap<String, u32> = gateway.calls_made().into_iter().collect();
    gateway.take_fuel();
    (WARM..WARM + COUNTED).for_each(|number| send(gateway, number));
    let fuel = gateway.take_fuel() / COUNTED;
    let calls = gateway.calls_made().into_iter().map(|(name, calls)| {
        let new = calls - before.get(&name).copied().unwrap_or_default();
        (name, f64::from(new) / f64::from(u32::try_from(COUNTED).unwrap()))
    });
    (fuel, calls.filter(|(_, calls)| *calls > 0.0).collect())
}

#[test]
fn a_cached_allow_takes_few_instructions_and_few_calls_of_the_host() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let module = Module::compile(&std::fs::read(root.join("dist/ambit.wasm")).unwrap()).unwrap();
    let mut gateway = gateway(&module);
    let with = |token: String| {
        let bearer = format!("Bearer {token}");
        Request::get("/p/1").header("authorization", bearer).header("user-agent", "agent/1.0")
    };
    let known = token(0);
    let (cached, calls) = counted(&mut gateway, 200, |_| with(known.clone()));
    let (fresh, _) = counted(&mut gateway, 200, |number| with(token(number + 1000)));
    let (none, _) = counted(&mut gateway, 401, |_| Request::get("/p/1"));
    println!("instructions a request:");
    println!("  {cached:>8} allowed, token known");
    println!("  {fresh:>8} allowed, token new (ES256; the host checks the signature)");
    println!("  {none:>8} refused, no token");
    println!("calls of the host, allowed, token known:");
    for (name, calls) in &calls {
        println!("  {calls:>8.2} {name}");
    }
    let all: f64 = calls.values().sum();
    println!("  {all:>8.2} in all");
    // Far above what is measured, so that only a change of kind is found.
    assert!(cached < 300_000, "{cached} instructions");
    assert!(cached < fresh, "what is known costs less than what is new");
    assert!(all <= 16.0, "{all} calls: {calls:?}");
}
