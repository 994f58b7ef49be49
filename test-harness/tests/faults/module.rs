//! A module that traps.

use super::world::{GOOD, ask, assert_never_open, assert_works, gateway, inline, reason};
use ambit_test_harness::proxy_host::Request;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn a_module_that_traps_at_any_moment_closes_and_a_new_one_serves() {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    let mut moments = 0;
    for target in GOOD {
        for steps in 0..40 {
            let mut gateway = gateway(&inline())
                .upstream(|_| {
                    SEEN.fetch_add(1, Ordering::SeqCst);
                    super::world::record_of("alice")
                })
                .build()
                .unwrap();
            let flight = gateway.open_for(steps, ask(target).chunk("a").chunk("b"));
            if flight.is_over() {
                break;
            }
            let before = SEEN.load(Ordering::SeqCst);
            // The next callback is its last.
            gateway.set_fuel(1);
            let exchange = gateway.finish(flight);
            let what = format!("{target} after {steps}: {exchange}");
            assert!(exchange.trapped, "{what}");
            if exchange.upstream.is_none() {
                assert_eq!(exchange.status(), 503, "{what}");
                assert_eq!(SEEN.load(Ordering::SeqCst), before, "{what}");
            }
            // What is shown was let go before the fall, whole.
            if let Some(client) = exchange.client.filter(|client| client.status == 200) {
                assert_eq!(client.body, super::world::HERS.as_bytes());
            }
            gateway.set_fuel(20_000_000_000);
            let next = gateway.send(ask("/p/1"));
            assert_eq!((next.status(), next.upstream), (503, None), "{what}");
            assert_never_open(&mut gateway, &what);
            assert!(gateway.restart(0, inline()).unwrap());
            assert_works(&mut gateway);
            moments += 1;
        }
    }
    assert!(moments > 8, "only {moments} moments");
}

#[test]
fn a_worker_that_fell_takes_no_other_with_it() {
    let mut gateway =
        gateway(&inline()).workers(2).fault("proxy_set_effective_context", 0, 2).build().unwrap();
    assert!(gateway.send_to(0, ask("/l/1")).trapped);
    assert_eq!(gateway.send_to(0, ask("/p/1")).status(), 503);
    assert_eq!(gateway.send_to(1, ask("/p/1")).status(), 200);
    assert_eq!(gateway.send_to(1, Request::get("/p/1")).status(), 401);
}

#[test]
fn random_headers_and_bodies_neither_trap_nor_pass() {
    let mut gateway = gateway(&inline()).build().unwrap();
    let mut dice = 0x9e37_79b9_u32;
    let mut roll = move || {
        dice ^= dice << 13;
        dice ^= dice >> 17;
        dice ^= dice << 5;
        dice
    };
    let names = [
        ":path",
        ":method",
        ":authority",
        "authorization",
        "ambit",
        "content-type",
        "x",
        "te",
        "dpop",
    ];
    for round in 0..4000 {
        let mut request = Request::new("GET", "/p/1");
        for _ in 0..roll() % 6 {
            let name = names[roll() as usize % names.len()];
            let value: Vec<u8> = (0..roll() % 24).map(|_| (roll() & 0xff) as u8).collect();
            request = request.header(name, value);
        }
        for _ in 0..roll() % 3 {
            let size = roll() % 64;
            request = request.chunk((0..size).map(|_| (roll() & 0xff) as u8).collect::<Vec<_>>());
        }
        let exchange = gateway.send(request);
        assert!(!exchange.trapped, "round {round}: {:?}", gateway.logs().last());
        assert!(exchange.upstream.is_none(), "round {round}: {}", reason(&exchange));
    }
    assert_works(&mut gateway);
}
