//! What no HTTP library would send: the cases that a real Envoy is sent (`tests/sockets/`).

use super::world::{POLICY, Seen, at_once, key, root, token, upstream, wrong};
use super::{case, start};
use ambit_test_harness::serve::{Cluster, Settings};
use std::sync::Arc;

const UPSTREAM: u16 = 14001;

#[tokio::test(flavor = "multi_thread")]
async fn no_framing_gets_past_it_either() {
    let seen = Seen::default();
    upstream(UPSTREAM, &seen);
    let policy = root().join("target/serve-raw.yaml");
    std::fs::create_dir_all(root().join("target")).unwrap();
    std::fs::write(&policy, POLICY.replace("JWK", &key().jwk("k1").to_string())).unwrap();
    let settings = Settings {
        policy,
        listen: "127.0.0.1:0".parse().unwrap(),
        upstream: Some(Cluster::try_from(format!("http://127.0.0.1:{UPSTREAM}")).unwrap()),
        ..Settings::default()
    };
    let server = start(settings).await;
    let port = server.address().port();
    let token = token();
    let mut cases = case::read(include_str!("../sockets/http1.txt"), 1000, &token);
    cases.extend(case::read(include_str!("../sockets/http2.txt"), 2000, &token));
    assert!(cases.len() >= 140, "only {} cases", cases.len());
    // The one difference: the library cuts a fragment off before anybody sees it, so what is judged
    // and what is forwarded is the path without it (docs/serve.md).
    cases.retain(|case| case.name != "a path with a fragment");
    let all = Arc::clone(&seen);
    let asked = tokio::task::spawn_blocking(move || at_once(port, &cases, &all, &token));
    let mut failures = asked.await.unwrap();
    let all = seen.lock().unwrap().clone();
    failures.extend(all.iter().filter_map(|one| Some(format!("{}: {one:?}", wrong(one)?))));
    server.stop().await;
    assert!(failures.is_empty(), "{} cases:\n{}", failures.len(), failures.join("\n"));
}
