//! Clocks that are set, jump or stand still.

use super::world::{
    NOW, POLICY, ask_with, compiled, gateway, inline, keys, policy, reason, token_by,
};
use ambit_test_harness::proxy_host::{CalloutAnswer, Response};
use std::sync::{Arc, Mutex};

#[test]
fn a_clock_that_jumps_makes_no_token_valid_that_is_not() {
    let mut gateway = gateway(&inline()).build().unwrap();
    let token = token_by(7, "k1", NOW);
    // Once verified, it is remembered; its times are asked every time.
    for (at, status, why) in [
        (NOW, 200, "allowed-by-rule"),
        (NOW + 86_400, 401, "expired"),
        (NOW - 86_400, 401, "not-yet-valid"),
        (NOW + 100, 200, "allowed-by-rule"),
        (0, 401, "not-yet-valid"),
        (u64::MAX, 401, "expired"),
        (NOW + 10, 200, "allowed-by-rule"),
    ] {
        gateway.set_clock(at);
        let exchange = gateway.send(ask_with(&token, "/p/1"));
        assert!(!exchange.trapped, "{at}");
        assert_eq!((exchange.status(), reason(&exchange).as_str()), (status, why), "{at}");
    }
}

#[test]
fn a_clock_that_is_set_back_while_a_request_is_under_way_is_no_fault() {
    let jwks = format!("{{ inline: {} }}", keys(7, "k1"));
    let policy =
        compiled(&format!("{}\naudit: {{ outcome: record }}\n", POLICY.replace("JWKS", &jwks)));
    let mut gateway = gateway(&policy).clusters(|_| CalloutAnswer::ByHand).build().unwrap();
    let mut waits = gateway.open(ask_with(&token_by(7, "k1", NOW - 60), "/l/1"));
    gateway.set_clock(NOW - 30);
    gateway.answer(&mut waits, CalloutAnswer::Response(super::world::record_of("alice")));
    let exchange = gateway.finish(waits);
    assert_eq!((exchange.status(), exchange.trapped), (200, false), "{}", reason(&exchange));
    assert_eq!(exchange.record().unwrap()["outcome"]["duration_ms"], 0);
}

#[test]
fn keys_are_renewed_after_the_clock_was_set_back() {
    let served = Arc::new(Mutex::new(keys(7, "k1")));
    let script = Arc::clone(&served);
    let remote = "{ remote: { cluster: idp, url: \"https://idp.example.com/k\", refresh: 60s, keep_stale: 600s } }";
    let mut gateway = gateway(&policy(remote))
        .clusters(move |_| {
            CalloutAnswer::Response(Response::new(200).body(script.lock().unwrap().to_string()))
        })
        .build()
        .unwrap();
    let step = |gateway: &mut ambit_test_harness::proxy_host::Gateway| {
        for _ in 0..130 {
            gateway.advance(1);
        }
    };
    step(&mut gateway);
    assert_eq!(gateway.send(ask_with(&token_by(7, "k1", NOW + 130), "/p/1")).status(), 200);
    // The issuer takes its key away, and the clock goes back by a day.
    *served.lock().unwrap() = keys(9, "k2");
    let then = NOW - 86_400;
    gateway.set_clock(then);
    step(&mut gateway);
    // Once the issuer was asked for it in vain.
    let old = || ask_with(&token_by(7, "k1", then + 130), "/p/1");
    assert_eq!(gateway.send(old()).status(), 503);
    gateway.advance(0);
    let old = gateway.send(old());
    assert_eq!((old.status(), reason(&old).as_str()), (401, "unknown-key"));
    assert_eq!(gateway.send(ask_with(&token_by(9, "k2", then + 130), "/p/1")).status(), 200);
}
