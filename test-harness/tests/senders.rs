//! Who sends a bound token, through the shipped module: proofs that two workers remember as one, and
//! certificates of real connections.
//!
//! The certificates in `tls/` were made for this alone, with keys that everybody knows, and are good
//! for a hundred years.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

use ambit::identity::issue::SigningKey;
use ambit::policy::read::read_yaml;
use ambit_test_harness::demo::gateway::{self, Listener, Settings, configuration_of};
use ambit_test_harness::demo::web;
use ambit_test_harness::proof::{About, Proof, thumbprint};
use ambit_test_harness::proxy_host::{Builder, CasDialect, Exchange, Gateway, Module, Request};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

const POLICY: &str = r#"
apiVersion: ambit/v1
name: senders
identity:
  issuers:
    - { issuer: https://idp.example.com, sender_constraint: required, jwks: { inline: { keys: [JWK] } } }
    - { issuer: https://nonce.example.com, dpop_nonce: true, jwks: { inline: { keys: [JWK] } } }
    - { issuer: https://easy.example.com, jwks: { inline: { keys: [JWK] } } }
actors:
  bot: { match: { issuer: https://idp.example.com, client_id: bot }, scopes: ["*:*"] }
  nonce: { match: { issuer: https://nonce.example.com, client_id: bot }, scopes: ["*:*"] }
  easy: { match: { issuer: https://easy.example.com, client_id: bot }, scopes: ["*:*"] }
resources:
  plain: { audience: "https://api.example.com", by_scope: [read], per_record: upstream, http: [{ path: "/p/{id}" }] }
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| {
        let bytes = std::fs::read(root().join("dist/ambit.wasm"))
            .unwrap_or_else(|_| panic!("dist/ambit.wasm is not there: run `make module`"));
        Module::compile(&bytes).unwrap()
    })
}

fn policy() -> String {
    let text = POLICY.replace("JWK", &key(7).jwk("k1").to_string());
    read_yaml("policy.yaml", &text).unwrap().to_compiled_json()
}

fn key(seed: u8) -> SigningKey {
    SigningKey::es256_from_seed(&[seed; 32]).unwrap()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A token of `https://<issuer>.example.com`.
fn token(issuer: &str, cnf: &Value) -> String {
    let mut claims = json!({
        "iss": format!("https://{issuer}.example.com"), "sub": "alice", "client_id": "bot",
        "aud": "https://api.example.com", "scope": "*:*", "jti": "t",
        "iat": now(), "exp": now() + 600,
    });
    if !cnf.is_null() {
        claims["cnf"] = cnf.clone();
    }
    key(7).sign(&json!({ "alg": "ES256", "typ": "at+jwt", "kid": "k1" }), &claims)
}

/// A token bound to the key of seed 5.
fn bound(issuer: &str) -> String {
    token(issuer, &json!({ "jkt": thumbprint(&key(5)) }))
}

/// A proof for `/p/1` by that key.
fn proof(token: &str, id: &str, claims: Value) -> String {
    let claims = claims.as_object().unwrap().clone();
    let uri = "https://api.example.com/p/1";
    Proof { claims, ..Proof::default() }.sign(&key(5), &About { token, method: "GET", uri, id })
}

fn ask(token: &str, proof: &str) -> Request {
    Request::get("/p/1").header("authorization", format!("DPoP {token}")).header("dpop", proof)
}

fn workers() -> Builder {
    Gateway::builder(module()).configuration(policy()).now(now()).workers(2)
}

fn reason(exchange: &Exchange) -> String {
    assert!(!exchange.trapped);
    let record = exchange.record().unwrap();
    let passed = exchange.upstream.is_some();
    assert_eq!(passed, record["effect"] == "allow", "{record}");
    record["reason"].as_str().unwrap().to_owned()
}

#[test]
fn a_proof_that_one_worker_took_no_worker_takes_again_even_after_a_reload() {
    for dialect in [CasDialect::Envoy, CasDialect::Nginx] {
        let mut gateway = workers().cas(dialect).build().unwrap();
        let token = bound("idp");
        let text = proof(&token, "one", json!({}));
        assert_eq!(reason(&gateway.send_to(0, ask(&token, &text))), "allowed-by-rule");
        for worker in [1, 0, 1] {
            let exchange = gateway.send_to(worker, ask(&token, &text));
            assert_eq!(reason(&exchange), "proof-replayed");
        }
        assert!(gateway.reconfigure(policy().replace("\"senders\"", "\"renamed\"")));
        assert_eq!(reason(&gateway.send_to(1, ask(&token, &text))), "proof-replayed");
        let next = proof(&token, "two", json!({}));
        assert_eq!(reason(&gateway.send_to(1, ask(&token, &next))), "allowed-by-rule");
    }
}

#[test]
fn of_a_proof_sent_to_all_workers_at_once_one_passes() {
    let mut gateway = workers().workers(4).build().unwrap();
    let token = bound("idp");
    for round in 0..8 {
        let text = proof(&token, &format!("round {round}"), json!({}));
        let requests = (0..4).map(|_| vec![ask(&token, &text), ask(&token, &text)]).collect();
        let answers = gateway.send_at_once(requests);
        let passed = answers.iter().flatten().filter(|e| reason(e) == "allowed-by-rule").count();
        assert_eq!(passed, 1);
    }
}

#[test]
fn a_nonce_of_one_worker_is_good_at_the_other_and_ends() {
    let mut gateway = workers().build().unwrap();
    let token = bound("nonce");
    let first = gateway.send_to(0, ask(&token, &proof(&token, "one", json!({}))));
    assert_eq!(reason(&first), "proof-nonce");
    let nonce = |exchange: &Exchange| {
        let headers = &exchange.client.as_ref().unwrap().headers;
        let (_, value) = headers.iter().find(|(name, _)| name == "dpop-nonce").unwrap();
        String::from_utf8(value.clone()).unwrap()
    };
    let given = nonce(&first);
    let text = proof(&token, "two", json!({ "nonce": given }));
    let early = gateway.send_to(1, ask(&token, &text));
    assert_eq!(reason(&early), "allowed-by-rule");
    // Half of its time is over at some moment: from then on answers bring the next.
    gateway.advance(300);
    let later = now() + 300;
    let text = proof(&token, "half", json!({ "nonce": given, "iat": later, "exp": later + 60 }));
    let half = gateway.send_to(1, ask(&token, &text));
    assert_eq!((reason(&half).as_str(), half.status()), ("allowed-by-rule", 200));
    let next = nonce(&half);
    assert_ne!(next, given);
    let text = proof(&token, "next", json!({ "nonce": next, "iat": later, "exp": later + 60 }));
    let with_next = gateway.send_to(0, ask(&token, &text));
    assert_eq!(reason(&with_next), "allowed-by-rule");
    assert_eq!(with_next.client.unwrap().get("dpop-nonce"), None);
    gateway.advance(301);
    let later = now() + 601;
    let text = proof(&token, "three", json!({ "nonce": given, "iat": later, "exp": later + 60 }));
    assert_eq!(reason(&gateway.send_to(1, ask(&token, &text))), "proof-nonce");
    // Of another process, whose secret is another.
    let mut other = workers().build().unwrap();
    let text = proof(&token, "four", json!({ "nonce": given }));
    assert_eq!(reason(&other.send(ask(&token, &text))), "proof-nonce");
}

#[test]
fn a_host_that_shares_nothing_takes_no_proof_and_everything_else() {
    for import in ["proxy_get_shared_data", "proxy_set_shared_data"] {
        for after in 0..3 {
            let mut gateway = workers().workers(1).fault(import, after, 10).build().unwrap();
            let token = bound("idp");
            let mut seen = Vec::new();
            for id in ["one", "two", "three", "four"] {
                seen.push(reason(&gateway.send(ask(&token, &proof(&token, id, json!({}))))));
            }
            assert_eq!(seen.last().unwrap(), "host-failure", "{import} {after}");
            let plain = token_request(&token_of_easy());
            assert_eq!(reason(&gateway.send(plain)), "allowed-by-rule");
        }
    }
}

fn token_of_easy() -> String {
    token("easy", &Value::Null)
}

fn token_request(token: &str) -> Request {
    Request::get("/p/1").header("authorization", format!("Bearer {token}"))
}

#[test]
fn a_request_that_needs_no_proof_costs_no_call_more() {
    let mut gateway = workers().workers(1).build().unwrap();
    let shared = |gateway: &mut Gateway| -> Vec<(String, u32)> {
        let made = gateway.calls_made().into_iter();
        made.filter(|(import, _)| import.contains("shared_data")).collect()
    };
    // Loading a policy asks once whether a worker found a callback missing.
    let before = shared(&mut gateway);
    for _ in 0..3 {
        assert_eq!(reason(&gateway.send(token_request(&token_of_easy()))), "allowed-by-rule");
    }
    assert_eq!(shared(&mut gateway), before);
    let token = bound("idp");
    for id in ["one", "two", "three"] {
        reason(&gateway.send(ask(&token, &proof(&token, id, json!({})))));
    }
    let made = gateway.calls_made();
    let count = |name: &str| made.iter().find(|(import, _)| import == name).map(|(_, n)| *n);
    // The secret is read, made and kept once; each proof reads a bucket and writes it. One was read
    // before, with the policy.
    assert_eq!(count("proxy_get_shared_data"), Some(5), "{made:?}");
    assert_eq!(count("proxy_set_shared_data"), Some(4), "{made:?}");
}

#[test]
fn the_memory_stays_bounded_and_goes_on_when_it_is_full() {
    let mut gateway = workers().workers(1).build().unwrap();
    let token = bound("idp");
    for number in 0..2000 {
        let text = proof(&token, &number.to_string(), json!({}));
        assert_eq!(reason(&gateway.send(ask(&token, &text))), "allowed-by-rule", "{number}");
    }
    let text = proof(&token, "77", json!({}));
    assert_eq!(reason(&gateway.send(ask(&token, &text))), "proof-replayed");
}

#[test]
fn a_certificate_counts_where_the_host_says_that_tls_proved_it() {
    let hash = [0xab_u8; 32];
    let token = token("idp", &json!({ "x5t#S256": URL_SAFE_NO_PAD.encode(hash) }));
    let property = |mtls: Option<u8>, digest: &str| {
        let mut request = token_request(&token);
        request.properties.extend(mtls.map(|mtls| ("connection.mtls".to_owned(), vec![mtls])));
        let name = "connection.sha256_peer_certificate_digest".to_owned();
        request.properties.push((name, digest.as_bytes().to_vec()));
        request
    };
    let mut gateway = workers().build().unwrap();
    let hex = "ab".repeat(32);
    assert_eq!(reason(&gateway.send(property(Some(1), &hex))), "allowed-by-rule");
    for (mtls, digest) in [
        (Some(0), hex.clone()),
        (None, hex.clone()),
        (Some(1), "ac".repeat(32)),
        (Some(1), String::new()),
        (Some(1), hex[..62].to_owned()),
        (Some(1), format!("{hex}00")),
    ] {
        let exchange = gateway.send(property(mtls, &digest));
        assert_eq!(reason(&exchange), "sender-not-proved", "{mtls:?} {digest}");
    }
}

/// Ports of the real Envoy: its administration, its upstream, the TLS listener, and three plain ones
/// that call that one as a client with the certificate, with another, and with none.
const ADMIN: u16 = 13240;
const UPSTREAM: u16 = 13241;
const TLS: u16 = 13242;
const CLIENT: u16 = 13243;
const OTHER: u16 = 13244;
const NOBODY: u16 = 13245;

fn tls_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

fn pair(name: &str) -> Value {
    json!([{
        "certificate_chain": { "filename": tls_file(&format!("{name}.pem")) },
        "private_key": { "filename": tls_file(&format!("{name}.key.pem")) },
    }])
}

/// SHA-256 of a certificate in DER.
fn digest(name: &str) -> [u8; 32] {
    let text = std::fs::read_to_string(tls_file(name)).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    Sha256::digest(STANDARD.decode(body).unwrap()).into()
}

/// A plain listener and the cluster behind it, which is the TLS listener.
fn relay(port: u16, certificate: Option<&str>) -> (Value, Value) {
    let name = format!("as-{port}");
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "route_config": { "virtual_hosts": [{
            "name": name, "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": name } }],
        }] },
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        }],
    });
    let address =
        |port: u16| json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } });
    let listener = json!({
        "name": name, "address": address(port),
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager", "typed_config": manager,
        }] }],
    });
    let mut tls = json!({
        "validation_context": { "trusted_ca": { "filename": tls_file("ca.pem") } },
    });
    if let Some(certificate) = certificate {
        tls["tls_certificates"] = pair(certificate);
    }
    let cluster = json!({
        "name": name, "type": "STATIC", "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(TLS) } }] }],
        },
        "transport_socket": {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "common_tls_context": tls,
            },
        },
    });
    (listener, cluster)
}

/// Envoy's configuration: the usual one behind TLS, and the relays before it.
fn configuration(settings: &Settings) -> Value {
    let mut configuration = configuration_of(settings);
    configuration["static_resources"]["listeners"][0]["filter_chains"][0]["transport_socket"] = json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "tls_certificates": pair("server"),
                "validation_context": { "trusted_ca": { "filename": tls_file("ca.pem") } },
            },
        },
    });
    for (port, certificate) in [(CLIENT, Some("client")), (OTHER, Some("other")), (NOBODY, None)] {
        let (listener, cluster) = relay(port, certificate);
        let resources = &mut configuration["static_resources"];
        resources["listeners"].as_array_mut().unwrap().push(listener);
        resources["clusters"].as_array_mut().unwrap().push(cluster);
    }
    configuration
}

/// Asks for `/p/1`; status, reason, nonce.
async fn through(port: u16, headers: &[(&str, &str)]) -> (u16, String, String) {
    let mut all = vec![("host".to_owned(), "api.example.com".to_owned())];
    all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let answer = web::send(port, "GET", "/p/1", &all, "").await.unwrap();
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    let reason = body["reason"].as_str().unwrap_or_default().to_owned();
    let nonce = answer.headers().get("dpop-nonce").map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), reason, nonce.unwrap_or_default())
}

#[tokio::test]
async fn a_real_envoy_tells_certificates_apart_and_its_workers_remember_proofs_as_one() {
    let folder = root().join("target/envoy-senders");
    std::fs::create_dir_all(&folder).unwrap();
    web::serve(UPSTREAM, |_| web::json(200, &json!({}))).await.unwrap();
    let mut settings = Settings {
        listeners: vec![Listener {
            port: TLS,
            policy: policy(),
            records: folder.join("records.log"),
        }],
        admin: ADMIN,
        signing_key: String::new(),
        clusters: vec![("upstream".to_owned(), UPSTREAM)],
        module: root().join("dist/ambit.wasm"),
        workers: 2,
    };
    let configuration = configuration(&settings);
    // It is waited for through a relay, for what waits does not speak TLS.
    settings.listeners[0].port = NOBODY;
    let envoy = gateway::Gateway::launch(&root(), &folder, &settings, &configuration).await;
    let envoy = envoy.unwrap_or_else(|error| panic!("{error}"));

    let hash = URL_SAFE_NO_PAD.encode(digest("client.pem"));
    let bearer = format!("Bearer {}", token("idp", &json!({ "x5t#S256": hash })));
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(through(CLIENT, &headers).await.0, 200);
    for port in [OTHER, NOBODY] {
        let (status, reason, _) = through(port, &headers).await;
        assert_eq!((status, reason.as_str()), (401, "sender-not-proved"), "{port}");
    }
    // No header stands for a certificate.
    let hex: String = digest("client.pem").iter().map(|byte| format!("{byte:02x}")).collect();
    let forwarded = format!("Hash={hex}");
    let headers = [headers[0], ("x-forwarded-client-cert", forwarded.as_str())];
    assert_eq!(through(NOBODY, &headers).await.1, "sender-not-proved");

    let token = bound("idp");
    let scheme = format!("DPoP {token}");
    for id in ["one", "two", "three"] {
        let text = proof(&token, id, json!({}));
        let headers = [("authorization", scheme.as_str()), ("dpop", text.as_str())];
        assert_eq!(through(NOBODY, &headers).await.0, 200);
        // Each on a connection of its own, so on either worker.
        for _ in 0..8 {
            let (status, reason, _) = through(NOBODY, &headers).await;
            assert_eq!((status, reason.as_str()), (401, "proof-replayed"));
        }
    }
    let token = bound("nonce");
    let scheme = format!("DPoP {token}");
    let text = proof(&token, "four", json!({}));
    let headers = [("authorization", scheme.as_str()), ("dpop", text.as_str())];
    let (status, reason, nonce) = through(NOBODY, &headers).await;
    assert_eq!((status, reason.as_str(), nonce.len()), (401, "proof-nonce", 22));
    for number in 0..8 {
        let text = proof(&token, &format!("with {number}"), json!({ "nonce": nonce }));
        let headers = [("authorization", scheme.as_str()), ("dpop", text.as_str())];
        assert_eq!(through(NOBODY, &headers).await.0, 200, "on either worker");
    }
    envoy.stop().await;
}
