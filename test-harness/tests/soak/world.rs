//! The module, the policy, and everything around them.

use ambit::identity::issue::SigningKey;
use ambit::policy::read::read_yaml;
use ambit_test_harness::proxy_host::{CalloutAnswer, Gateway, Module, Response, Seen};
use std::path::{Path, PathBuf};

pub(crate) const NOW: u64 = 1_800_000_000;

/// `/p` needs nothing, `/l` a look-up, `/h` the response, `/a` the body and a person.
const POLICY: &str = r#"
apiVersion: ambit/v1
name: soak
identity:
  issuers:
    - { issuer: https://idp.example.com, algorithms: [ES256, EdDSA, ES384], jwks: { inline: { keys: [JWK0, JWK1, JWK2] } } }
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
  asked: { audience: "https://api.example.com", by_scope: [write], per_record: upstream, http: [{ path: "/a/{id}" }] }
rules:
  - { id: owners, effect: allow, actions: [read], resources: [looked, held], when: "resource.owner == subject.id" }
limits: { request_body: 4096, response_body: 4096 }
"#;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(crate) fn folder() -> PathBuf {
    let folder = root().join("target/soak");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn module() -> Module {
    let bytes = std::fs::read(root().join("dist/ambit.wasm"))
        .unwrap_or_else(|_| panic!("dist/ambit.wasm is not there: run `make module`"));
    Module::compile(&bytes).unwrap()
}

/// Keys of three algorithms; hosts verify two of them.
pub(crate) fn keys() -> [SigningKey; 3] {
    [
        SigningKey::es256_from_seed(&[7; 32]).unwrap(),
        SigningKey::ed25519_from_seed(&[8; 32]).unwrap(),
        SigningKey::es384_from_seed(&[9; 48]).unwrap(),
    ]
}

pub(crate) fn policy() -> String {
    let mut text = POLICY.to_owned();
    for (at, key) in keys().iter().enumerate() {
        text = text.replace(&format!("JWK{at}"), &key.jwk(&format!("k{at}")).to_string());
    }
    read_yaml("policy.yaml", &text).unwrap().to_compiled_json()
}

pub(crate) fn gateway(module: &Module) -> Gateway {
    Gateway::builder(module)
        .configuration(policy())
        .now(NOW)
        .workers(2)
        .buffer_limit(16_384)
        .clusters(|_| CalloutAnswer::ByHand)
        .upstream(upstream)
        .build()
        .unwrap()
}

/// The record of `/h/alice-1` is alice's; the number says how it is answered.
fn upstream(seen: &Seen) -> Response {
    let path = seen.get(":path").unwrap_or_default();
    let id = path.rsplit('/').next().unwrap_or_default();
    let (owner, how) = id.split_once('-').unwrap_or((id, "1"));
    let body = format!("{{\"owner\":\"{owner}\",\"text\":\"{}\"}}", "x".repeat(40));
    let answer = |status, kind| Response::new(status).header("content-type", kind);
    match how {
        "2" => answer(200, "text/html").body(body),
        "3" => answer(500, "application/json").body(body),
        "4" => answer(200, "application/json").body(body.get(..20).unwrap_or_default()),
        "5" => body.as_bytes().chunks(3).fold(answer(200, "application/json"), Response::chunk),
        "6" => answer(200, "application/json").body("x".repeat(9000)),
        "7" => answer(200, "application/json").body(body).trailer("x-sum", "1"),
        _ => answer(200, "application/json").body(body),
    }
}
