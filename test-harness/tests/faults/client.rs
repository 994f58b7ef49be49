//! Clients that leave, wait too long, or send too much.

use super::world::{GOOD, ask, assert_works, gateway, inline, reason, record_of, told};
use ambit_test_harness::proxy_host::{CalloutAnswer, Gateway, Request, Response};
use serde_json::Value;

/// Requests that take their time, with whether they may reach the upstream.
fn requests() -> Vec<(Request, bool)> {
    let slow = |target: &str| ask(target).chunk("a").chunk("b").trailer("x", "1");
    vec![
        (slow("/p/1"), true),
        (slow("/l/1"), true),
        (ask("/h/1"), true),
        (slow("/a/1").header(":method", "PUT"), false),
        (slow("/nothing"), false),
        (Request::get("/p/1").chunk("a"), false),
    ]
}

fn fresh() -> Gateway {
    gateway(&inline()).build().unwrap()
}

#[test]
fn a_client_that_leaves_at_any_moment_leaves_a_record_and_nothing_else() {
    let mut gateway = fresh();
    let mut moments = 0;
    for (request, good) in requests() {
        for steps in 1.. {
            let flight = gateway.open_for(steps, request.clone());
            let over = flight.is_over();
            let exchange = gateway.disconnect(flight);
            let what = format!("after {steps}: {exchange}");
            assert!(!exchange.trapped, "{what}");
            assert!(good || exchange.upstream.is_none(), "{what}");
            let record = exchange.record().unwrap_or_else(|| panic!("{what}: no record"));
            assert_eq!(record["outcome"]["forwarded"], exchange.upstream.is_some(), "{record}");
            if !good {
                assert_eq!(record["effect"], "deny", "{record}");
            }
            moments += 1;
            if over {
                break;
            }
        }
        while gateway.answer_late(CalloutAnswer::Response(record_of("alice"))) {}
        assert_works(&mut gateway);
    }
    assert!(moments > 20, "only {moments} moments");
}

#[test]
fn a_request_that_the_gateway_itself_ends_is_let_go_by_nobody_later() {
    for status in [408, 504] {
        let mut gateway = gateway(&inline()).clusters(|_| CalloutAnswer::ByHand).build().unwrap();
        for steps in 1..6 {
            let flight = gateway.open_for(steps, ask("/l/1").chunk("a").chunk("b"));
            let exchange = gateway.answer_by_host(flight, status);
            assert!(!exchange.trapped, "after {steps}");
            assert_eq!((exchange.status(), exchange.upstream.as_ref()), (status, None), "{steps}");
            let record = exchange.record().unwrap();
            assert_eq!(record["effect"], "deny", "{record}");
            assert_eq!(record["outcome"]["forwarded"], false, "{record}");
            while gateway.answer_late(CalloutAnswer::Response(record_of("alice"))) {}
        }
        assert_eq!(gateway.send(ask("/p/1")).status(), 200);
    }
}

#[test]
fn a_body_larger_than_may_be_held_is_refused_where_it_decides_and_passes_where_it_does_not() {
    let mut gateway = gateway(&inline()).buffer_limit(16 << 20).build().unwrap();
    let body = |target: &str| ask(target).chunk(vec![b'x'; 400_000]);
    let exchange = gateway.send(body("/a/1").header(":method", "PUT"));
    assert_eq!(told(&exchange), (413, "body-too-large".to_owned(), false));
    for target in ["/p/1", "/l/1"] {
        let exchange = gateway.send(body(target));
        assert_eq!((exchange.status(), exchange.upstream.unwrap().body.len()), (200, 400_000));
    }
    assert_works(&mut gateway);
}

#[test]
fn a_body_larger_than_the_gateway_holds_is_the_gateways_refusal() {
    let mut gateway = gateway(&inline()).buffer_limit(1000).build().unwrap();
    let exchange = gateway.send(ask("/a/1").header(":method", "PUT").chunk(vec![b'x'; 4000]));
    assert_eq!(
        (exchange.status(), exchange.upstream.as_ref()),
        (413, None),
        "{}",
        reason(&exchange)
    );
    assert_eq!(exchange.record().unwrap()["effect"], "deny");
    // An answer that decides and cannot be held.
    let mut gateway = gateway_with_large_answer();
    let exchange = gateway.send(ask("/h/large"));
    assert_eq!((exchange.status(), exchange.trapped), (500, false));
    let record = exchange.record().unwrap();
    assert_eq!(record["effect"], "deny", "{record}");
    assert_eq!(record["outcome"]["forwarded"], true, "{record}");
    for target in GOOD {
        assert_eq!(gateway.send(ask(target)).status(), 200);
    }
}

fn gateway_with_large_answer() -> Gateway {
    let large = format!("{{\"owner\":\"alice\",\"x\":\"{}\"}}", "x".repeat(8000));
    gateway(&inline())
        .buffer_limit(2000)
        .upstream(move |seen| match seen.get(":path").as_deref() {
            Some("/h/large") => {
                Response::new(200).header("content-type", "application/json").body(&large)
            }
            _ => record_of("alice"),
        })
        .build()
        .unwrap()
}

#[test]
fn a_body_that_decides_is_read_whole_and_once() {
    let mut gateway = fresh();
    let mut digest = |chunks: &[&str], trailer: bool| {
        let mut request = ask("/a/1").header(":method", "PUT");
        for chunk in chunks {
            request = request.chunk(chunk);
        }
        if trailer {
            request = request.trailer("x", "1");
        }
        let exchange = gateway.send(request);
        assert_eq!((exchange.status(), exchange.upstream.is_some()), (403, false));
        let body: Value = serde_json::from_slice(&exchange.client.unwrap().body).unwrap();
        body["approval"]["digest"].as_str().unwrap().to_owned()
    };
    let whole = digest(&["hello"], false);
    assert_eq!(whole, digest(&["h", "e", "l", "l", "o"], false));
    assert_eq!(whole, digest(&["hel", "lo"], true), "trailers end a body too");
    assert_ne!(whole, digest(&["hellp"], false));
}
