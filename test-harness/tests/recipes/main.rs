//! The recipes of `envoy/recipes`, each in a real Envoy.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

mod capabilities;
mod certificates;
mod recipe;
mod wire;

use ambit::identity::issue::SigningKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use certificates::{Authority, client};
use recipe::{NAMES, Recipe, bearer, key, parsed, root, text};
use serde_json::{Value, json};
use std::time::Duration;

const AGENT: &str = "support-assistant";

/// One allowed and one refused request, as all recipes with documents have them.
async fn allows_one_and_refuses_one(recipe: &Recipe) {
    let seen = wire::serve(recipe.upstream, None, json!({ "id": "7" })).await;
    let gateway = recipe.start().await;
    let token = bearer(&key(), AGENT, "read:document");
    let good = [("authorization", token.as_str()), ("ambit-sub", "root")];
    let (status, body) =
        wire::ask(recipe.gateway, None, "GET", "/v1/documents/7", &good).await.unwrap();
    assert_eq!((status, &body["id"]), (200, &json!("7")), "{}", recipe.log());
    let (status, body) =
        wire::ask(recipe.gateway, None, "GET", "/v1/documents/7", &[]).await.unwrap();
    assert_eq!((status, &body["reason"]), (401, &json!("no-token")));
    let records = recipe.records(2).await;
    assert_eq!(records[0]["reason"], "allowed-by-rule");
    assert_eq!(records[1]["reason"], "no-token");
    assert_eq!(seen.lock().unwrap().len(), 1, "what is refused reaches nobody");
    assert!(!seen.lock().unwrap()[0].contains_key("ambit-sub"));
    gateway.stop().await;
}

#[tokio::test]
async fn the_smallest_allows_a_good_token_and_refuses_none() {
    allows_one_and_refuses_one(&Recipe::new("smallest", 14100)).await;
}

#[tokio::test]
async fn a_module_with_nothing_but_the_listed_capabilities_does_all_that_is_needed() {
    allows_one_and_refuses_one(&Recipe::new("capabilities", 14110)).await;
}

#[tokio::test]
async fn a_certificate_and_a_token_must_name_the_same_agent() {
    let recipe = Recipe::new("mtls", 14120);
    let (servers, agents) = (Authority::new(), Authority::new());
    servers.sign("api.example.com").write(&recipe.certificates(), "server");
    agents.write(&recipe.certificates(), "agents-ca.pem");
    wire::serve(recipe.upstream, None, json!({ "id": "7" })).await;
    let gateway = recipe.start().await;
    let token = bearer(&key(), AGENT, "read:document");
    let headers = [
        ("authorization", token.as_str()),
        ("x-forwarded-client-cert", "URI=spiffe://example.com/agent/support-assistant"),
    ];
    let ask = async |identity| {
        let tls = client(&servers, identity);
        wire::ask(recipe.gateway, Some(&tls), "GET", "/v1/documents/7", &headers).await
    };
    let own = agents.sign("spiffe://example.com/agent/support-assistant");
    assert_eq!(ask(Some(&own)).await.unwrap().0, 200, "{}", recipe.log());
    // A stolen token: the agent next door, whom the policy does not know.
    let other = agents.sign("spiffe://example.com/agent/other");
    let (status, body) = ask(Some(&other)).await.unwrap();
    assert_eq!((status, &body["reason"]), (403, &json!("unknown-actor")));
    // No certificate, one of a stranger, and one for something that is no agent: not a byte of HTTP.
    let strange = Authority::new().sign("spiffe://example.com/agent/support-assistant");
    let person = agents.sign("spiffe://example.com/person/alice");
    for identity in [None, Some(&strange), Some(&person)] {
        assert!(ask(identity).await.is_err());
    }
    // A good certificate is no token.
    let tls = client(&servers, Some(&own));
    let (status, _) =
        wire::ask(recipe.gateway, Some(&tls), "GET", "/v1/documents/7", &[]).await.unwrap();
    assert_eq!(status, 401);
    gateway.stop().await;
}

/// Asks until the gateway has fetched what it can.
async fn once_it_has_keys(recipe: &Recipe, token: &str) -> (u16, Value) {
    let headers = [("authorization", token)];
    let mut last = (0, Value::Null);
    for _ in 0..60 {
        last = wire::ask(recipe.gateway, None, "GET", "/v1/documents/7", &headers).await.unwrap();
        if last.0 != 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    last
}

#[tokio::test]
async fn keys_are_fetched_over_tls_and_only_from_the_issuer() {
    let authority = Authority::new();
    let jwks = json!({ "keys": [key().jwk("k1")] });
    let token = bearer(&key(), AGENT, "read:document");

    let recipe = Recipe::new("remote-jwks", 14130);
    authority.write(&recipe.certificates(), "issuer-ca.pem");
    let issuer = authority.sign("idp.example.com").server(None);
    wire::serve(recipe.issuer, Some(issuer), jwks.clone()).await;
    let seen = wire::serve(recipe.upstream, None, json!({ "id": "7" })).await;
    let gateway = recipe.start().await;
    assert_eq!(once_it_has_keys(&recipe, &token).await.0, 200, "{}", recipe.log());
    let forged = SigningKey::es256_from_seed(&[8; 32]).unwrap();
    let forged = bearer(&forged, AGENT, "read:document");
    let (status, body) = once_it_has_keys(&recipe, &forged).await;
    assert_eq!((status, &body["reason"]), (401, &json!("bad-signature")));
    assert_eq!(seen.lock().unwrap().len(), 1);
    gateway.stop().await;

    // Another name of the same authority, and the right name of another authority.
    let impostors = [
        authority.sign("www.example.com").server(None),
        Authority::new().sign("idp.example.com").server(None),
    ];
    for (port, impostor) in [14140, 14150].into_iter().zip(impostors) {
        let recipe = Recipe::new("remote-jwks", port);
        authority.write(&recipe.certificates(), "issuer-ca.pem");
        let asked = wire::serve(recipe.issuer, Some(impostor), jwks.clone()).await;
        wire::serve(recipe.upstream, None, json!({ "id": "7" })).await;
        let gateway = recipe.start().await;
        recipe.logged("keys of https://idp.example.com: status 503").await;
        let headers = [("authorization", token.as_str())];
        let (status, body) =
            wire::ask(recipe.gateway, None, "GET", "/v1/documents/7", &headers).await.unwrap();
        assert_eq!((status, &body["reason"]), (503, &json!("issuer-unavailable")));
        assert!(asked.lock().unwrap().is_empty(), "nothing is said to an impostor");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn a_write_goes_to_the_queue_marked_and_signed_and_a_delete_goes_nowhere() {
    let recipe = Recipe::new("tag", 14160);
    let internal = Authority::new();
    internal.write(&recipe.certificates(), "internal-ca.pem");
    internal.sign("gateway.example.com").write(&recipe.certificates(), "gateway");
    let queue = internal.sign("queue.example.com").server(Some(&internal));
    let seen = wire::serve(recipe.upstream, Some(queue), json!({ "queued": true })).await;
    let gateway = recipe.start().await;
    let token = bearer(&key(), AGENT, "read:payment write:payment");
    let headers = [("authorization", token.as_str()), ("idempotency-key", "p7")];
    let (status, body) =
        wire::ask(recipe.gateway, None, "PUT", "/v1/payments/7", &headers).await.unwrap();
    assert_eq!((status, &body["queued"]), (200, &json!(true)), "{}", recipe.log());
    {
        let seen = seen.lock().unwrap();
        let marks = seen[0]["ambit"].to_str().unwrap();
        assert!(marks.contains("approval=required"), "{marks}");
        assert_eq!(seen[0]["idempotency-key"], "p7");
    }
    let (status, body) =
        wire::ask(recipe.gateway, None, "DELETE", "/v1/payments/7", &headers).await.unwrap();
    assert_eq!((status, &body["reason"]), (403, &json!("beyond-ceiling")));
    assert_eq!(seen.lock().unwrap().len(), 1);
    // The queue can check the mark.
    let (_, keys) =
        wire::ask(recipe.gateway, None, "GET", "/.well-known/ambit/jwks", &[]).await.unwrap();
    assert_eq!(keys["keys"][0]["kty"], "OKP");
    // The key itself is nowhere in what Envoy shows of its configuration.
    let (_, dump) = wire::ask(recipe.admin, None, "GET", "/config_dump", &[]).await.unwrap();
    assert!(dump.to_string().contains("AMBIT_SIGNING_KEY"));
    assert!(!dump.to_string().contains(&URL_SAFE_NO_PAD.encode([9; 32])));
    gateway.stop().await;
}

#[tokio::test]
async fn a_shadow_passes_everything_and_records_what_it_would_have_refused() {
    let recipe = Recipe::new("shadow", 14170);
    let seen = wire::serve(recipe.upstream, None, json!({ "id": "7" })).await;
    let gateway = recipe.start().await;
    let token = bearer(&key(), AGENT, "read:document");
    let forged = [("authorization", token.as_str()), ("ambit-sub", "root")];
    let asked = [("GET", &forged[..]), ("DELETE", &forged[..]), ("GET", &forged[1..])];
    for (method, headers) in asked {
        let (status, _) =
            wire::ask(recipe.gateway, None, method, "/v1/documents/7", headers).await.unwrap();
        assert_eq!(status, 200);
    }
    let records = recipe.records(3).await;
    let told = |at: usize| (&records[at]["effect"], &records[at]["reason"], &records[at]["shadow"]);
    let yes = json!(true);
    assert_eq!(told(0), (&json!("allow"), &json!("allowed-by-rule"), &yes));
    assert_eq!(told(1), (&json!("deny"), &json!("beyond-ceiling"), &yes));
    assert_eq!(told(2), (&json!("deny"), &json!("no-token"), &yes));
    gateway.stop().await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|headers| !headers.contains_key("ambit-sub")), "{seen:?}");
}

#[test]
fn envoy_takes_every_recipe_as_it_stands() {
    // Beside the files that a recipe names, as its reader puts them.
    let folder = root().join("target/recipes/as-they-stand");
    let certificates = folder.join("certs");
    let authority = Authority::new();
    for name in ["agents-ca.pem", "internal-ca.pem", "issuer-ca.pem"] {
        authority.write(&certificates, name);
    }
    for name in ["gateway", "server"] {
        authority.sign("api.example.com").write(&certificates, name);
    }
    std::fs::create_dir_all(folder.join("dist")).unwrap();
    std::fs::copy(root().join("dist/ambit.wasm"), folder.join("dist/ambit.wasm")).unwrap();
    let envoy = ambit_test_harness::demo::gateway::envoy(&root()).unwrap();
    let envoy = std::fs::canonicalize(envoy).unwrap();
    for name in NAMES {
        let validated = std::process::Command::new(&envoy)
            .args(["--mode", "validate", "-c"])
            .arg(root().join(format!("envoy/recipes/{name}.yaml")))
            .env("AMBIT_SIGNING_KEY", URL_SAFE_NO_PAD.encode([9; 32]))
            .current_dir(&folder)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&validated.stderr).into_owned();
        assert!(validated.status.success(), "{name}: {said}");
    }
}

/// Every object below a value.
fn objects(value: &Value) -> Vec<&serde_json::Map<String, Value>> {
    match value {
        Value::Array(list) => list.iter().flat_map(objects).collect(),
        Value::Object(map) => std::iter::once(map).chain(map.values().flat_map(objects)).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_recipe_has_the_settings_that_keep_it_closed_and_is_listed() {
    let mut ids = Vec::new();
    let listed = std::fs::read_to_string(root().join("envoy/recipes/README.md")).unwrap();
    let mut files: Vec<String> = std::fs::read_dir(root().join("envoy/recipes"))
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().to_str()?.strip_suffix(".yaml").map(str::to_owned)
        })
        .collect();
    files.sort();
    assert_eq!(files, NAMES, "a recipe that no test knows");
    for name in NAMES {
        assert!(listed.contains(&format!("[{name}.yaml]({name}.yaml)")), "{name}");
        let recipe = parsed(&text(name));
        let found = objects(&recipe);
        let one = |key: &str| -> &Value {
            let values: Vec<&Value> = found.iter().filter_map(|map| map.get(key)).collect();
            assert_eq!(values.len(), 1, "{name}: {key} {values:?}");
            values[0]
        };
        assert_eq!(one("failure_policy"), "FAIL_CLOSED", "{name}");
        assert_eq!(one("allow_on_headers_stop_iteration"), &json!(true), "{name}");
        assert_eq!(one("normalize_path"), &json!(false), "{name}");
        assert_eq!(one("merge_slashes"), &json!(false), "{name}");
        assert_eq!(one("path_with_escaped_slashes_action"), "REJECT_REQUEST", "{name}");
        assert_eq!(one("headers_with_underscores_action"), "REJECT_REQUEST", "{name}");
        assert_eq!(one("use_remote_address"), &json!(true), "{name}");
        assert_eq!(one("initial_stream_window_size"), &json!(1_048_576), "{name}");
        let listener = &recipe["static_resources"]["listeners"][0];
        assert_eq!(listener["per_connection_buffer_limit_bytes"], json!(1_048_576), "{name}");
        let filters = one("http_filters").as_array().unwrap();
        let last: Vec<&Value> = filters.iter().map(|filter| &filter["name"]).collect();
        assert_eq!(last, [&json!("ambit"), &json!("envoy.filters.http.router")], "{name}");
        // No secret in the file: environment variables by name alone.
        assert!(found.iter().all(|map| !map.contains_key("key_values")), "{name}");
        ids.push(one("vm_id").as_str().unwrap().to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), NAMES.len(), "no two share data");
}
