//! Policies that come while requests are under way, and policies that are none.

use super::world::{
    GOOD, POLICY, ask, assert_never_open, assert_works, compiled, gateway, inline, keys, reason,
    record_of,
};
use ambit_test_harness::proxy_host::{CalloutAnswer, Request};

/// The same, but nothing is allowed.
fn stricter() -> String {
    let jwks = format!("{{ inline: {} }}", keys(7, "k1"));
    let denies = POLICY.replace("by_scope: [read]", "by_scope: [delete]");
    compiled(&denies.replace("effect: allow", "effect: deny").replace("JWKS", &jwks))
}

/// A request with everything that takes time: a look-up, a body in pieces, trailers, a held answer.
fn long(target: &str) -> Request {
    ask(target).chunk("a").chunk("b").trailer("x", "1")
}

#[test]
fn a_request_under_way_ends_by_the_policy_it_began_with_at_whatever_moment_another_comes() {
    for target in GOOD {
        let (mut moments, mut over) = (0, false);
        while !over {
            let mut gateway = gateway(&inline()).build().unwrap();
            let flight = gateway.open_for(moments, long(target));
            over = flight.is_over();
            assert!(gateway.reconfigure(stricter()), "{:?}", gateway.logs());
            let exchange = gateway.finish(flight);
            let what = format!("{target} after {moments}: {}", reason(&exchange));
            assert!(!exchange.trapped, "{what}");
            // The module makes its filter before the first thing happens, so this one is of the old.
            assert_eq!((exchange.status(), exchange.upstream.is_some()), (200, true), "{what}");
            let next = gateway.send(ask(target));
            assert_eq!((next.status(), next.upstream.is_some()), (403, false), "{what}");
            moments += 1;
            assert!(moments < 50, "it never ends");
        }
        assert!(moments > 4, "{target}: only {moments} moments were tried");
    }
}

#[test]
fn a_request_that_the_old_policy_refused_is_not_saved_by_a_new_one() {
    let mut gateway = gateway(&stricter()).clusters(|_| CalloutAnswer::ByHand).build().unwrap();
    let mut waits = gateway.open(ask("/l/1"));
    assert!(gateway.reconfigure(inline()));
    gateway.answer(&mut waits, CalloutAnswer::Response(record_of("alice")));
    let exchange = gateway.finish(waits);
    assert_eq!((exchange.status(), exchange.upstream), (403, None));
    assert_eq!(gateway.send(ask("/p/1")).status(), 200);
}

#[test]
fn a_bad_configuration_keeps_the_last_good_one() {
    let good = inline();
    let mut gateway = gateway(&good).workers(2).build().unwrap();
    for bad in [
        "",
        "{",
        "{}",
        "\u{0}",
        &good.replace("\"read\"", "\"reed\""),
        &good.replace("enforced", "f!"),
        &good.replace("index", ""),
        &good.replace("resource.owner", "resource.ower"),
        &format!("{good}{good}"),
        &"[".repeat(100_000),
    ] {
        assert!(!gateway.reconfigure(bad), "{bad:.40}");
        assert_works(&mut gateway);
        assert_works(&mut gateway);
    }
    let logs = gateway.logs();
    let told = |text: &str| logs.iter().any(|(_, line)| line.contains(text));
    assert!(told("policy.yaml:") && told("`reed` is not known here"), "{logs:#?}");
    let refused = gateway.metrics().into_iter().find(|(name, _)| name == "ambit.policy.refused");
    assert!(refused.is_some_and(|(_, count)| count >= 10));
    assert!(gateway.reconfigure(good.replace("enforced", "renamed")));
    assert_eq!(gateway.send(ask("/p/1")).record().unwrap()["policy"]["name"], "renamed");
}

#[test]
fn a_bad_configuration_at_the_start_lets_nothing_through() {
    for bad in ["", "[]", "{\"apiVersion\":\"ambit/v1\"}", "\u{0}"] {
        assert!(gateway(bad).build().is_err(), "a gateway that checks does not start: {bad}");
        // One that starts all the same has a filter without a policy.
        let mut gateway = gateway(&inline()).build().unwrap();
        assert!(!gateway.restart(0, bad).unwrap(), "{bad}");
        for target in GOOD {
            let exchange = gateway.send(ask(target).body("x"));
            assert_eq!((exchange.status(), exchange.upstream), (503, None), "{bad}");
        }
        assert_never_open(&mut gateway, bad);
        assert!(gateway.reconfigure(inline()));
        assert_works(&mut gateway);
    }
}

#[test]
fn a_worker_that_starts_anew_decides_as_before() {
    let mut gateway = gateway(&inline()).workers(2).build().unwrap();
    assert_works(&mut gateway);
    let id = |gateway: &mut ambit_test_harness::proxy_host::Gateway| {
        let record = gateway.send_to(0, ask("/p/1")).record().unwrap();
        record["id"].as_str().unwrap().to_owned()
    };
    let before = id(&mut gateway);
    assert!(gateway.restart(0, inline()).unwrap());
    for worker in [0, 1] {
        for target in GOOD {
            assert_eq!(gateway.send_to(worker, ask(target)).status(), 200);
            assert_eq!(gateway.send_to(worker, Request::get(target)).status(), 401);
        }
    }
    assert_ne!(before, id(&mut gateway));
}
