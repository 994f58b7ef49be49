//! What no HTTP library would send, as bytes on a socket to a real Envoy with Ambit: each case of
//! `http1.txt` and `http2.txt`, what of it may have reached the upstream, and that the next good
//! request passes.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod case;
mod frames;
mod outcome;
mod world;

use ambit::policy::read::read_yaml;
use ambit_test_harness::demo::gateway::{Gateway, Listener, Settings, configuration_of};
use serde_json::json;
use std::sync::Arc;
use world::{POLICY, Seen, at_once, key, root, token, upstream, wrong};

const PORT: u16 = 13200;
const UPSTREAM: u16 = 13201;
const ADMIN: u16 = 13202;
async fn gateway() -> Gateway {
    let folder = root().join("target/sockets");
    let policy = POLICY.replace("JWK", &key().jwk("k1").to_string());
    let settings = Settings {
        listeners: vec![Listener {
            port: PORT,
            policy: read_yaml("policy.yaml", &policy).unwrap().to_compiled_json(),
            records: folder.join("records.log"),
        }],
        admin: ADMIN,
        signing_key: "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk".to_owned(),
        clusters: vec![("upstream".to_owned(), UPSTREAM)],
        module: root().join("dist/ambit.wasm"),
        workers: 2,
    };
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("records.log"), "").unwrap();
    let mut configuration = configuration_of(&settings);
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let manager = configuration.pointer_mut(manager).unwrap().as_object_mut().unwrap();
    // Without it Envoy drops the trailers of HTTP/1.1, which would prove nothing.
    manager.insert("http_protocol_options".to_owned(), json!({ "enable_trailers": true }));
    Gateway::launch(&root(), &folder, &settings, &configuration).await.unwrap()
}

#[tokio::test]
async fn no_framing_gets_past_and_the_next_good_request_passes() {
    let seen = Seen::default();
    upstream(UPSTREAM, &seen);
    let gateway = gateway().await;
    // Starting it asks the upstream whether it is there.
    seen.lock().unwrap().clear();
    let token = token();
    let mut cases = case::read(include_str!("http1.txt"), 1000, &token);
    cases.extend(case::read(include_str!("http2.txt"), 2000, &token));
    assert!(cases.len() >= 140, "only {} cases", cases.len());
    let all = Arc::clone(&seen);
    let mut failures =
        tokio::task::spawn_blocking(move || at_once(PORT, &cases, &all, &token)).await.unwrap();
    // What came by a path that is nobody's own is found here.
    let all = seen.lock().unwrap().clone();
    failures.extend(all.iter().filter_map(|one| Some(format!("{}: {one:?}", wrong(one)?))));
    gateway.stop().await;
    assert!(failures.is_empty(), "{} cases:\n{}", failures.len(), failures.join("\n"));
}
