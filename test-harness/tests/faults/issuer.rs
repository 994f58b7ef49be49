//! The issuer's key endpoint.

use super::world::{NOW, ask_with, assert_refused, gateway, keys, module, policy, token_by};
use ambit_test_harness::proxy_host::{CalloutAnswer, Exchange, Gateway, Response};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

const REFRESH: u64 = 60;
const KEEP: u64 = 600;

/// An issuer that answers as it is told, and counts.
#[derive(Clone)]
struct Issuer {
    answer: Arc<Mutex<CalloutAnswer>>,
    asked: Arc<AtomicU32>,
}

impl Issuer {
    fn new(answer: CalloutAnswer) -> Self {
        Self { answer: Arc::new(Mutex::new(answer)), asked: Arc::default() }
    }

    fn answers(&self, answer: CalloutAnswer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn gateway(&self) -> Gateway {
        let remote = format!(
            "{{ remote: {{ cluster: idp, url: \"https://idp.example.com/k\", refresh: {REFRESH}s, keep_stale: {KEEP}s }} }}"
        );
        let issuer = self.clone();
        gateway(&policy(&remote))
            .clusters(move |callout| {
                assert_eq!((callout.cluster.as_str(), callout.path().as_str()), ("idp", "/k"));
                assert!((1..=30_000).contains(&callout.timeout), "{} ms", callout.timeout);
                issuer.asked.fetch_add(1, Ordering::SeqCst);
                issuer.answer.lock().unwrap().clone()
            })
            .build()
            .unwrap()
    }
}

fn serve(keys: &Value) -> CalloutAnswer {
    CalloutAnswer::Response(Response::new(200).body(keys.to_string()))
}

fn good() -> CalloutAnswer {
    serve(&keys(7, "k1"))
}

/// Every way in which it may fail.
fn failures() -> Vec<(&'static str, CalloutAnswer)> {
    let status =
        |code| CalloutAnswer::Response(Response::new(code).body(keys(7, "k1").to_string()));
    let body = |bytes: &[u8]| CalloutAnswer::Response(Response::new(200).body(bytes));
    let elsewhere = Response::new(302).header("location", "https://idp.example.com/other");
    let huge = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(2 << 20));
    let many: Vec<Value> =
        (0..2000).map(|n| keys(7, &format!("k{n}"))["keys"][0].clone()).collect();
    vec![
        ("down", CalloutAnswer::down()),
        ("slow", CalloutAnswer::late()),
        ("reset", CalloutAnswer::Reset),
        ("no such cluster", CalloutAnswer::UnknownCluster),
        ("never", CalloutAnswer::Never),
        ("500", status(500)),
        ("503", status(503)),
        ("404", status(404)),
        ("201", status(201)),
        ("redirect", CalloutAnswer::Response(elsewhere)),
        ("nothing", body(b"")),
        ("garbage", body(b"\xff\xfe<html>")),
        ("another document", body(b"{\"k\":1}")),
        ("a list", body(b"[]")),
        ("cut short", body(&keys(7, "k1").to_string().as_bytes()[..40])),
        ("two readings", body(b"{\"keys\":[],\"keys\":[]}")),
        ("deep", body(&[b'['; 200_000])),
        ("empty set", body(b"{\"keys\":[]}")),
        ("no usable key", body(b"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"},{\"kty\":\"x\"}]}")),
        ("huge", body(huge.as_bytes())),
        ("too many keys", serve(&json!({ "keys": many }))),
    ]
}

fn show(gateway: &mut Gateway, seed: u8, kid: &str, at: u64) -> Exchange {
    gateway.send(ask_with(&token_by(seed, kid, at), "/p/1"))
}

/// Ticks once a second, as the gateway asks to be, until it is served again.
fn wait(gateway: &mut Gateway, seed: u8, kid: &str, now: &mut u64, most: u64) -> u64 {
    for waited in 0..most {
        if show(gateway, seed, kid, *now).status() == 200 {
            return waited;
        }
        gateway.advance(1);
        *now += 1;
    }
    panic!("not served again after {most} s: {:?}", gateway.logs().last())
}

fn pass(gateway: &mut Gateway, now: &mut u64, seconds: u64) {
    for _ in 0..seconds {
        gateway.advance(1);
        *now += 1;
    }
}

#[test]
fn an_issuer_that_fails_from_the_start_closes_until_it_is_well() {
    for (what, answer) in failures() {
        let issuer = Issuer::new(answer);
        let (mut gateway, mut now) = (issuer.gateway(), NOW);
        for _ in 0..4 {
            assert_refused(&show(&mut gateway, 7, "k1", now), 503, "issuer-unavailable", what);
            pass(&mut gateway, &mut now, 5);
        }
        let exchange = show(&mut gateway, 7, "k1", now);
        assert!(exchange.client.unwrap().get("retry-after").is_some(), "{what}");
        issuer.answers(good());
        wait(&mut gateway, 7, "k1", &mut now, 60);
    }
}

#[test]
fn an_issuer_that_fails_later_leaves_the_last_good_keys_for_as_long_as_they_may_be_kept() {
    for (what, answer) in failures() {
        let issuer = Issuer::new(good());
        let (mut gateway, mut now) = (issuer.gateway(), NOW);
        wait(&mut gateway, 7, "k1", &mut now, 10);
        issuer.answers(answer);
        pass(&mut gateway, &mut now, 2 * REFRESH);
        assert_eq!(show(&mut gateway, 7, "k1", now).status(), 200, "{what}: still fresh enough");
        // What it did not sign is refused meanwhile, as ever.
        let forged = show(&mut gateway, 8, "k1", now);
        assert_refused(&forged, 401, "bad-signature", what);
        pass(&mut gateway, &mut now, KEEP);
        assert_refused(&show(&mut gateway, 7, "k1", now), 503, "issuer-unavailable", what);
        let asked = issuer.asked.load(Ordering::SeqCst);
        assert!(asked < 400, "{what}: asked {asked} times in {} s", now - NOW);
        issuer.answers(good());
        wait(&mut gateway, 7, "k1", &mut now, 60);
    }
}

#[test]
fn a_key_that_the_issuer_took_away_verifies_no_more() {
    let issuer = Issuer::new(good());
    let (mut gateway, mut now) = (issuer.gateway(), NOW);
    wait(&mut gateway, 7, "k1", &mut now, 10);
    issuer.answers(serve(&keys(9, "k2")));
    pass(&mut gateway, &mut now, 2 * REFRESH);
    assert_eq!(show(&mut gateway, 9, "k2", now).status(), 200);
    // Once the issuer was asked for it in vain.
    let old = show(&mut gateway, 7, "k1", now);
    assert_refused(&old, 503, "issuer-unavailable", "the old key, asked for");
    pass(&mut gateway, &mut now, 1);
    assert_refused(&show(&mut gateway, 7, "k1", now), 401, "unknown-key", "the old key");
    // Another key under the name of the one before.
    issuer.answers(serve(&keys(11, "k2")));
    pass(&mut gateway, &mut now, 2 * REFRESH);
    assert_refused(&show(&mut gateway, 9, "k2", now), 401, "bad-signature", "the name remains");
    assert_eq!(show(&mut gateway, 11, "k2", now).status(), 200);
}

#[test]
fn keys_that_come_for_another_policy_are_nobodys() {
    let issuer = Issuer::new(CalloutAnswer::ByHand);
    let mut gateway = issuer.gateway();
    gateway.advance(1);
    // The policy changes while the keys of the one before are on their way.
    let other = "{ remote: { cluster: idp, url: \"https://idp.example.com/k\", refresh: 61s, keep_stale: 600s } }";
    assert!(gateway.reconfigure(policy(other)));
    assert!(gateway.answer_root(0, serve(&keys(8, "k1"))), "a fetch was under way");
    assert_refused(&show(&mut gateway, 8, "k1", NOW), 503, "issuer-unavailable", "too late");
    issuer.answers(good());
    let mut now = NOW + 1;
    wait(&mut gateway, 7, "k1", &mut now, 60);
    assert_refused(&show(&mut gateway, 8, "k1", now), 401, "bad-signature", "never its key");
}

#[test]
fn keys_that_come_when_nothing_waits_for_them_are_dropped() {
    let issuer = Issuer::new(CalloutAnswer::ByHand);
    let mut gateway = issuer.gateway();
    gateway.advance(1);
    // Past the fetch's own end, and past the next one's begin.
    for _ in 0..40 {
        gateway.advance(1);
    }
    let mut answered = 0;
    while gateway.answer_root(0, CalloutAnswer::Reset) {
        answered += 1;
    }
    assert!(answered >= 1);
    issuer.answers(good());
    let mut now = NOW + 41;
    wait(&mut gateway, 7, "k1", &mut now, 60);
    assert!(module().callbacks().contains(&"proxy_on_http_call_response".to_owned()));
}
