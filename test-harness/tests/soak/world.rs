//! The module, the policy, and everything around them.

use ambit::identity::issue::SigningKey;
use ambit::policy::read::read_yaml;
use ambit_test_harness::proxy_host::{CalloutAnswer, Gateway, Module, Response, Seen};
use std::path::{Path, PathBuf};

pub(crate) const NOW: u64 = 1_800_000_000;

/// `/p` needs nothing, `/l` a look-up, `/h` the response, `/a` the body and a person.
const POLICY: &str = include_str!("../../../tests/enforced.yaml");
const LIMITS: &str = "limits: { request_body: 4096, response_body: 4096 }\n";

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

/// Keys of four algorithms; hosts verify three of them.
pub(crate) fn keys() -> [SigningKey; 4] {
    [
        SigningKey::es256_from_seed(&[7; 32]).unwrap(),
        SigningKey::ed25519_from_seed(&[8; 32]).unwrap(),
        SigningKey::es384_from_seed(&[9; 48]).unwrap(),
        SigningKey::rs256_from_der(include_bytes!("../../../tests/keys/rsa-2048.pkcs1.der"))
            .unwrap(),
    ]
}

pub(crate) fn policy() -> String {
    let keys: Vec<String> =
        (0..).zip(keys()).map(|(at, key)| key.jwk(&format!("k{at}")).to_string()).collect();
    let jwks = format!("{{ inline: {{ keys: [{}] }} }}", keys.join(", "));
    let jwks = format!("{jwks}, algorithms: [ES256, EdDSA, ES384, RS256]");
    let text = POLICY.replace("JWKS", &jwks) + LIMITS;
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
