//! In a real Envoy: memory, bodies and workers.

use super::discovered::{Discovered, ask, at, fields, token};
use super::memory::enough;
use super::world::{POLICY, compiled, inline, keys, root};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

const BODIES: u16 = 14360;
const MEMORY: u16 = 14370;
const WORKERS: u16 = 14380;

/// A number of WebAssembly's binary format: seven bits a byte, the lowest first.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return bytes;
        }
    }
}

/// Reads one at `at`, and moves on.
fn read_leb(bytes: &[u8], at: &mut usize) -> usize {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = bytes[*at];
        *at += 1;
        number |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return number;
        }
    }
}

/// The module with this many pages of memory at most: Envoy itself has no limit below a gibibyte.
fn with_at_most(pages: usize) -> Vec<u8> {
    let bytes = std::fs::read(root().join("dist/ambit.wasm")).unwrap();
    let (mut at, mut out) = (8, bytes[..8].to_vec());
    while at < bytes.len() {
        let id = bytes[at];
        let mut after = at + 1;
        let size = read_leb(&bytes, &mut after);
        let mut section = bytes[after..after + size].to_vec();
        if id == 5 {
            // One memory, without a maximum.
            assert_eq!(section[..2], [1, 0]);
            let least = read_leb(&section, &mut 2);
            assert!(least <= pages, "{least} pages to begin with");
            section = [vec![1, 1], leb(least), leb(pages)].concat();
        }
        out.push(id);
        out.extend(leb(section.len()));
        out.extend(section);
        at = after + size;
    }
    out
}

/// The file of a module with so much memory more than it takes to serve.
fn scarce(name: &str, more: usize) -> PathBuf {
    let folder = root().join("target").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("scarce.wasm");
    std::fs::write(&file, with_at_most(enough() + more)).unwrap();
    file
}

/// The policy, with more than the module's memory of a body that may be held.
fn generous() -> String {
    let jwks = format!("{{ inline: {} }}", keys(7, "k1"));
    compiled(&format!("{}limits: {{ request_body: 4MiB }}\n", POLICY.replace("JWKS", &jwks)))
}

/// A listener whose module has little memory.
fn poor(name: &str, first: u16, number: u16, policy: &str, failure: &str) -> Value {
    let file = scarce(name, 8);
    let mut listener = at(name, first, number, policy, |plugin| {
        plugin["failure_policy"] = failure.into();
        plugin["vm_config"]["vm_id"] = format!("poor {number}").into();
        plugin["vm_config"]["code"]["local"]["filename"] = json!(file);
    });
    listener["per_connection_buffer_limit_bytes"] = json!(8 << 20);
    listener
}

fn large() -> Vec<Vec<u8>> {
    vec![vec![b'x'; 1 << 18]; 8]
}

/// Every kind of request that may pass passes, and none without a token.
fn assert_works(port: u16, what: &str) {
    for target in ["/p/1", "/l/1", "/h/1"] {
        let (status, body) = ask(port, &format!("GET {target}"), vec![token()], &[], &Vec::new());
        assert_eq!(status, 200, "{what}: {target}: {body}");
    }
    assert_eq!(ask(port, "GET /p/1", Vec::new(), &[], &Vec::new()).0, 401, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_envoy_a_body_and_an_answer_beyond_what_it_holds_neither_pass_nor_wedge() {
    let name = "envoy-bodies";
    let mut listener = at(name, BODIES, 0, &inline(), |_| {});
    listener["per_connection_buffer_limit_bytes"] = json!(16_384);
    let envoy = Discovered::start(name, BODIES, 1, "alice", Duration::ZERO, &[listener]).await;
    let (port, none) = (BODIES + 4, Vec::new());
    let bodies =
        [vec![vec![b'x'; 10_000]; 8], vec![vec![b'x'; 80_000]], vec![vec![b'x'; 1000]; 80]];
    for _ in 0..3 {
        for body in &bodies {
            // It decides; it waits for a look-up; it decides nothing.
            let (status, told) = ask(port, "PUT /a/1", vec![token()], body, &none);
            assert!(status == 413 || status == 0, "{status} {told}");
            assert!(envoy.take_seen("/a/").is_empty());
            let (status, told) = ask(port, "GET /l/1", vec![token()], body, &none);
            assert!([200, 413, 0].contains(&status), "{status} {told}");
            envoy.take_seen("/l/");
            assert_eq!(ask(port, "GET /p/1", vec![token()], body, &none).0, 200);
            let (status, _) = ask(port, "GET /p/1", Vec::new(), body, &none);
            assert!(status == 401 || status == 0, "{status}");
            assert_works(port, "after a body");
        }
        // An answer that is held.
        let wanted = [vec![token()], fields(&[("x-pad", "40000")])].concat();
        let (status, told) = ask(port, "GET /h/1", wanted, &[], &none);
        assert!(status == 500 || status == 0, "{status} {told}");
        assert!(!told.contains("owner"), "{told}");
        assert_works(port, "after an answer");
    }
    envoy.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_envoy_a_module_out_of_memory_closes_and_with_fail_reload_serves_again() {
    let name = "envoy-memory";
    // A configuration larger than the memory is one that does not load.
    let huge = format!("{}{}", inline(), " ".repeat(16 << 20));
    let listeners = [
        poor(name, MEMORY, 0, &generous(), "FAIL_CLOSED"),
        poor(name, MEMORY, 1, &generous(), "FAIL_RELOAD"),
        poor(name, MEMORY, 2, &huge, "FAIL_CLOSED"),
    ];
    let envoy = Discovered::start(name, MEMORY, 1, "alice", Duration::ZERO, &listeners).await;
    let none = Vec::new();
    let nobody = ask(MEMORY + 6, "GET /p/1", vec![token()], &[], &none);
    assert_eq!(nobody.0, 0, "it does not listen: {nobody:?}");
    for (port, serves_again) in [(MEMORY + 4, false), (MEMORY + 5, true)] {
        assert_works(port, "at the start");
        envoy.take_seen("/");
        let (status, told) = ask(port, "PUT /a/1", vec![token()], &large(), &none);
        assert!(status == 503 || status == 0, "{status} {told}");
        assert!(envoy.take_seen("/a/").is_empty(), "nothing passed");
        let mut served = false;
        for _ in 0..40 {
            let bare = ask(port, "GET /p/bare", Vec::new(), &[], &none).0;
            assert!(bare == 503 || bare == 401, "{bare}");
            served |= ask(port, "GET /p/1", vec![token()], &[], &none).0 == 200;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(served, serves_again, "{}", envoy.log());
        assert!(envoy.take_seen("/p/bare").is_empty());
    }
    assert_works(MEMORY + 5, "started anew");
    envoy.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_envoy_a_worker_that_fell_takes_no_other_with_it() {
    let name = "envoy-workers";
    let listeners = [poor(name, WORKERS, 0, &generous(), "FAIL_CLOSED")];
    let envoy = Discovered::start(name, WORKERS, 2, "alice", Duration::ZERO, &listeners).await;
    let (port, none) = (WORKERS + 4, Vec::new());
    assert_works(port, "both");
    let (status, told) = ask(port, "PUT /a/1", vec![token()], &large(), &none);
    assert!(status == 503 || status == 0, "{status} {told}");
    // Connections fall on workers as the kernel likes.
    let (mut refused, mut served) = (0, 0);
    for _ in 0..200 {
        match ask(port, "GET /p/1", vec![token()], &[], &none).0 {
            200 => served += 1,
            503 => refused += 1,
            other => panic!("{other}"),
        }
        let bare = ask(port, "GET /p/bare", Vec::new(), &[], &none).0;
        assert!(bare == 503 || bare == 401, "{bare}");
    }
    assert!(refused > 10 && served > 10, "{refused} refused, {served} served");
    assert!(envoy.take_seen("/p/bare").is_empty());
    envoy.gateway.stop().await;
}
