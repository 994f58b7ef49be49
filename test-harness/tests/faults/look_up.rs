//! The service that is asked about a record.

use super::world::{ask, assert_refused, assert_works, gateway, inline, record_of};
use ambit_test_harness::proxy_host::{CalloutAnswer, Response};

fn body(bytes: impl AsRef<[u8]>) -> CalloutAnswer {
    CalloutAnswer::Response(Response::new(200).body(bytes))
}

/// It could not be asked, or not understood.
fn failures() -> Vec<(&'static str, CalloutAnswer)> {
    let status = |code| CalloutAnswer::Response(Response { status: code, ..record_of("alice") });
    vec![
        ("down", CalloutAnswer::down()),
        ("slow", CalloutAnswer::late()),
        ("reset", CalloutAnswer::Reset),
        ("no such cluster", CalloutAnswer::UnknownCluster),
        ("503", status(503)),
        ("500", status(500)),
        ("201", status(201)),
        ("206", status(206)),
        ("302", status(302)),
        ("403", status(403)),
        ("status 0", status(0)),
        ("two statuses", CalloutAnswer::Response(record_of("alice").header(":status", "200"))),
        ("nothing", body("")),
        ("garbage", body([0xff, 0xfe])),
        ("cut short", body(r#"{"owner":"ali"#)),
        ("more than one document", body(r#"{"owner":"alice"}{}"#)),
        ("two readings", body(r#"{"owner":"bob","owner":"alice"}"#)),
        ("deep", body(vec![b'['; 100_000])),
        ("huge", body(format!(r#"{{"x":"{}","owner":"alice"}}"#, "x".repeat(300_000)))),
        (
            "larger than is read",
            body(format!(r#"{{"owner":"alice","x":"{}"}}"#, "x".repeat(2 << 20))),
        ),
    ]
}

/// It answered, and what it says tells nothing of what was asked.
fn empty_answers() -> Vec<(&'static str, CalloutAnswer)> {
    vec![
        ("no such record", CalloutAnswer::Response(Response::new(404))),
        ("another's", body(r#"{"owner":"bob"}"#)),
        ("another type", body(r#"{"owner":1}"#)),
        ("a list", body(r#"{"owner":["alice"]}"#)),
        ("an object", body(r#"{"owner":{"":"alice"}}"#)),
        ("null", body(r#"{"owner":null}"#)),
        ("true", body("true")),
        ("another name", body(r#"{"Owner":"alice","owner ":"alice"}"#)),
        ("deeper", body(r#"{"data":{"owner":"alice"}}"#)),
        ("a longer name", body(r#"{"owner":"alice\u0000"}"#)),
    ]
}

#[test]
fn a_look_up_that_fails_closes_however_it_fails() {
    for (what, answer) in failures() {
        for early in [false, true] {
            let scripted = answer.clone();
            let mut gateway =
                gateway(&inline()).clusters(move |_| scripted.clone()).build().unwrap();
            // Before the body is there, and after.
            let mut request = ask("/l/1").chunk("a").chunk("b");
            request.callouts_first = early;
            assert_refused(&gateway.send(request), 503, "lookup-unavailable", what);
            assert_eq!(gateway.send(ask("/p/1")).status(), 200, "{what}: what needs none passes");
        }
    }
}

#[test]
fn a_look_up_that_tells_nothing_allows_nothing() {
    for (what, answer) in empty_answers() {
        let scripted = answer.clone();
        let mut gateway = gateway(&inline()).clusters(move |_| scripted.clone()).build().unwrap();
        assert_refused(&gateway.send(ask("/l/1")), 403, "not-allowed", what);
        assert_eq!(gateway.send(ask("/p/1")).status(), 200, "{what}");
    }
}

#[test]
fn a_look_up_that_recovers_is_believed_again() {
    for (what, answer) in failures() {
        let mut gateway = gateway(&inline()).clusters(|_| CalloutAnswer::ByHand).build().unwrap();
        for (answer, status) in [(answer, 503), (CalloutAnswer::Response(record_of("alice")), 200)]
        {
            let mut flight = gateway.open(ask("/l/1"));
            // What the host does not even send ends at once.
            gateway.answer(&mut flight, answer);
            let exchange = gateway.finish(flight);
            assert_eq!(exchange.status(), status, "{what}");
        }
    }
}

#[test]
fn a_look_up_that_is_never_answered_holds_one_request_alone() {
    let mut gateway = gateway(&inline()).clusters(|_| CalloutAnswer::Never).build().unwrap();
    let exchange = gateway.send(ask("/l/1"));
    assert!(exchange.client.is_none() && exchange.upstream.is_none());
    assert_eq!(exchange.callouts.len(), 1);
    let timeout = exchange.callouts[0].timeout;
    assert!((1..=30_000).contains(&timeout), "a host ends it by itself: {timeout} ms");
    assert_eq!(gateway.send(ask("/p/1")).status(), 200, "and the next request is served");
}

#[test]
fn an_answer_that_comes_when_its_request_is_gone_reaches_no_other() {
    let mut gateway = gateway(&inline()).clusters(|_| CalloutAnswer::ByHand).build().unwrap();
    for answer in [
        CalloutAnswer::Response(record_of("alice")),
        CalloutAnswer::Reset,
        CalloutAnswer::late(),
        body([0xff]),
    ] {
        let gone = gateway.open(ask("/l/1"));
        let exchange = gateway.disconnect(gone);
        assert_eq!((exchange.status(), exchange.upstream), (0, None));
        let mut waits = gateway.open(ask("/l/2"));
        // Told to the root context, whose filter is deleted.
        assert!(gateway.answer_late(answer));
        assert_eq!(gateway.waiting(&waits), 1);
        assert!(gateway.answer(&mut waits, CalloutAnswer::Response(record_of("bob"))));
        assert_refused(&gateway.finish(waits), 403, "not-allowed", "another's answer");
        // One that comes while its request is answered already: it timed out.
        let timed_out = gateway.open(ask("/l/3"));
        let exchange = gateway.answer_by_host(timed_out, 504);
        assert_eq!((exchange.status(), exchange.upstream, exchange.trapped), (504, None, false));
        gateway.answer_late(CalloutAnswer::Response(record_of("alice")));
    }
    assert_eq!(gateway.send(ask("/p/1")).status(), 200);
}

#[test]
fn an_answer_told_twice_closes_the_worker() {
    let mut gateway = gateway(&inline()).build().unwrap();
    assert_works(&mut gateway);
    // No host does this that keeps to the ABI; the dispatcher of the SDK ends the worker.
    gateway.answer_nobody(1, CalloutAnswer::Response(record_of("alice")));
    for target in ["/p/1", "/l/1", "/h/1"] {
        let exchange = gateway.send(ask(target));
        assert_eq!((exchange.status(), exchange.upstream), (503, None));
    }
    assert!(gateway.restart(0, inline()).unwrap());
    assert_works(&mut gateway);
}
