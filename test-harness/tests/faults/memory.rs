//! A module that has no memory left.

use super::world::{ask, assert_never_open, assert_works, gateway, inline};
use ambit_test_harness::proxy_host::{Gateway, Request};

const PAGE: usize = 65_536;

/// With as many pages as it takes to start and to serve, and so many more.
fn scarce(more: usize) -> Gateway {
    (16..512).find_map(|pages| serves_in(pages + more)).unwrap()
}

fn serves_in(pages: usize) -> Option<Gateway> {
    let built = gateway(&inline()).memory_limit(pages * PAGE).buffer_limit(usize::MAX);
    let mut gateway = built.build().ok()?;
    let serves = ["/l/1", "/h/1"].iter().all(|target| gateway.send(ask(target)).status() == 200);
    serves.then_some(gateway)
}

/// The pages of memory that the module starts and serves in.
pub fn enough() -> usize {
    (16..512).find(|pages| serves_in(*pages).is_some()).unwrap()
}

/// A request whose body decides.
fn large() -> Request {
    let mut request = ask("/a/1").header(":method", "PUT");
    for _ in 0..4 {
        request = request.chunk(vec![b'x'; 1 << 20]);
    }
    request
}

#[test]
fn a_module_out_of_memory_closes_and_a_new_one_serves() {
    let mut trapped = 0;
    for more in [0, 2, 8] {
        let mut gateway = scarce(more);
        assert_works(&mut gateway);
        for _ in 0..4 {
            let exchange = gateway.send(large());
            assert!(exchange.upstream.is_none() && exchange.status() >= 400, "{exchange}");
            trapped += usize::from(exchange.trapped);
        }
        assert_never_open(&mut gateway, "after it had no memory");
        assert!(gateway.restart(0, inline()).unwrap());
        assert_works(&mut gateway);
    }
    assert!(trapped >= 3, "the memory was to be too small");
}

#[test]
fn memory_that_is_too_little_to_start_in_serves_nothing() {
    assert!(gateway(&inline()).memory_limit(PAGE).build().is_err());
}

#[test]
fn a_body_that_is_refused_leaves_no_memory_behind() {
    let mut gateway = scarce(80);
    for _ in 0..200 {
        let exchange = gateway.send(large());
        assert_eq!((exchange.trapped, exchange.status()), (false, 413));
    }
    assert_works(&mut gateway);
}
