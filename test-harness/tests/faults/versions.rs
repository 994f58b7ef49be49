//! In a real Envoy: policies, modules and capability lists that come and go.

use super::discovered::{Discovered, ask, at, token};
use super::envoy::capabilities;
use super::reload::stricter;
use super::world::{inline, root};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

const VERSIONS: u16 = 14346;
const MISSING: u16 = 14352;
const START: u16 = 14390;

fn get(port: u16, target: &str, with_token: bool) -> u16 {
    let headers = if with_token { vec![token()] } else { Vec::new() };
    ask(port, &format!("GET {target}"), headers, &[], &Vec::new()).0
}

/// A request that is held: a form is read whole, and this one has not ended.
fn hold(port: u16, target: &str) -> TcpStream {
    let (name, value) = token();
    let value = String::from_utf8(value).unwrap();
    let head = format!(
        "GET {target} HTTP/1.1\r\nhost: api.example.com\r\n{name}: {value}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 3\r\n\r\na"
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Its end, and the beginning of its answer.
fn finish(mut stream: TcpStream) -> String {
    stream.write_all(b"=1").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The module with a section more, which does nothing: other code to Envoy.
fn another_version() -> std::path::PathBuf {
    let mut bytes = std::fs::read(root().join("dist/ambit.wasm")).unwrap();
    // A custom section: its length, the length of its name, its name.
    bytes.extend([0, 5, 4]);
    bytes.extend(b"more");
    let file = root().join("target/another-version.wasm");
    std::fs::write(&file, bytes).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn in_envoy_two_versions_of_the_module_serve_side_by_side_and_one_after_the_other() {
    let (name, newer) = ("envoy-versions", another_version());
    let old = |number: u16, policy: &str| at(name, VERSIONS, number, policy, |_| {});
    let new = |number: u16, policy: &str| {
        at(name, VERSIONS, number, policy, |plugin| {
            plugin["vm_config"]["code"]["local"]["filename"] = json!(newer);
        })
    };
    // One name for both: they share what they share.
    let both = [old(0, &inline()), new(1, &inline())];
    let mut envoy = Discovered::start(name, VERSIONS, 1, "alice", Duration::ZERO, &both).await;
    let (first, second) = (VERSIONS + 4, VERSIONS + 5);
    for port in [first, second, first, second] {
        assert_eq!(get(port, "/p/1", true), 200);
        assert_eq!(get(port, "/h/1", true), 200);
        assert_eq!(get(port, "/p/bare", false), 401);
    }
    // Held by the old module while the new one takes over, with a stricter policy.
    let held = hold(first, "/p/held");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(envoy.take_seen("/p/held").is_empty());
    envoy.replace(&[new(0, &stricter()), new(1, &inline())]).await;
    assert_eq!(get(first, "/p/1", true), 403, "the new module, the new policy");
    assert_eq!(finish(held), "HTTP/1.1 200", "by the policy and the module that it began with");
    assert_eq!(envoy.take_seen("/p/held").len(), 1);
    // A bad policy, and then a good one, for the one listener; the other goes on.
    envoy.replace(&[new(0, "{}"), new(1, &inline())]).await;
    assert_eq!(get(first, "/p/1", true), 403, "the last good one");
    assert_eq!(get(second, "/p/1", true), 200);
    envoy.replace(&[old(0, &inline()), old(1, &stricter())]).await;
    assert_eq!((get(first, "/p/1", true), get(second, "/p/1", true)), (200, 403), "and back");
    assert!(envoy.take_seen("/p/bare").is_empty());
    envoy.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_envoy_a_missing_callback_closes_with_fail_reload_too_and_for_as_long_as_envoy_runs() {
    let name = "envoy-missing";
    let listener = |number: u16, id: &str, without: &str| {
        at(name, MISSING, number, &inline(), |plugin| {
            plugin["failure_policy"] = "FAIL_RELOAD".into();
            plugin["vm_config"]["vm_id"] = id.into();
            plugin["vm_config"]["capability_restriction_config"] = capabilities(without);
        })
    };
    let blind = "proxy_on_request_headers";
    let listeners = [listener(0, "whole", ""), listener(1, "blind", blind)];
    let mut envoy = Discovered::start(name, MISSING, 2, "alice", Duration::ZERO, &listeners).await;
    let port = MISSING + 5;
    let closed = async |envoy: &Discovered, what: &str| {
        for _ in 0..30 {
            assert_eq!(get(port, "/p/later", false), 503, "{what}: {}", envoy.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(envoy.take_seen("/p/later").is_empty(), "{what}");
    };
    assert_eq!(get(port, "/p/first", false), 503, "it passed, and its answer did not");
    assert_eq!(envoy.take_seen("/p/first").len(), 1);
    // The other worker hears of it with its next tick.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    closed(&envoy, "it does not start anew").await;
    // Other settings do not open it either, nor does a whole list for the same VM.
    envoy.replace(&[listener(0, "whole", ""), listener(1, "blind", "proxy_on_log")]).await;
    closed(&envoy, "another list").await;
    envoy.replace(&[listener(0, "whole", ""), listener(1, "blind", "")]).await;
    closed(&envoy, "a whole list").await;
    assert_eq!(get(MISSING + 4, "/p/1", true), 200, "others are not concerned");
    envoy.replace(&[listener(0, "whole", ""), listener(1, "seeing", "")]).await;
    assert_eq!((get(port, "/p/1", true), get(port, "/p/1", false)), (200, 401), "another VM");
    envoy.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_envoy_a_bad_configuration_at_the_start_serves_nothing_and_a_good_one_takes_over() {
    let name = "envoy-start";
    let listener = |number: u16, policy: &str| at(name, START, number, policy, |_| {});
    let bad = ["", "{}", "[", "\u{0}"];
    let with = |policies: [&str; 4]| -> Vec<Value> {
        let all = (1..).zip(policies).map(|(number, policy)| listener(number, policy));
        std::iter::once(listener(0, &inline())).chain(all).collect()
    };
    let mut envoy = Discovered::start(name, START, 1, "alice", Duration::ZERO, &with(bad)).await;
    for number in 1..5 {
        assert_eq!(get(START + 4 + number, "/p/1", true), 0, "it does not listen");
    }
    assert_eq!((get(START + 4, "/p/1", true), get(START + 4, "/p/1", false)), (200, 401));
    let good = inline();
    envoy.replace(&with([&good, &good, &good, &good])).await;
    for number in 1..5 {
        assert_eq!(get(START + 4 + number, "/p/1", true), 200);
        assert_eq!(get(START + 4 + number, "/p/1", false), 401);
    }
    assert!(envoy.stat("wasmcustom.ambit.policy.refused").await >= 3, "{}", envoy.log());
    envoy.gateway.stop().await;
}
