//! Somebody else's filter under test: any proxy-wasm 0.2.1 module can be, in any language.
//!
//! `cargo run -p ambit-test-harness --example foreign` sends two requests and prints what came of
//! them; `cargo test -p ambit-test-harness --example foreign` runs the tests below, which are what a
//! plugin's author would write. Here the module is assembled from text; a built one is read with
//! `std::fs::read("target/wasm32-wasip1/release/my_filter.wasm")`.

use ambit_test_harness::proxy_host::{Builder, Gateway, HostError, Module, Request, Response};

/// A gateway with the filter in it, in front of an upstream that answers everything.
fn gateway() -> Result<Builder, HostError> {
    let bytes = wat::parse_str(include_str!("key_check.wat"));
    let module = Module::compile(&bytes.map_err(|error| HostError(error.to_string()))?)?;
    let answer = Response::new(200).header("server", "apache").body("hello");
    Ok(Gateway::builder(&module).plugin("key-check").upstream(move |_| answer.clone()))
}

fn main() -> Result<(), HostError> {
    let mut gateway = gateway()?.build()?;
    let with = gateway.send(Request::get("/").header("x-api-key", "k1"));
    let without = gateway.send(Request::get("/"));
    println!("with a key: {with}\nwithout one: {without}\ncounted: {:?}", gateway.metrics());
    println!("calls of the host:");
    for (import, times) in gateway.calls_made() {
        println!("  {times:>3} {import}");
    }
    println!("instructions: {}", gateway.take_fuel());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `BadArgument` of the ABI.
    const BAD_ARGUMENT: i32 = 2;

    #[test]
    fn a_request_with_a_key_is_marked_counted_and_passed_on_without_it() {
        let mut gateway = gateway().unwrap().build().unwrap();
        let exchange = gateway.send(Request::get("/a").header("x-api-key", "k1"));
        let seen = exchange.upstream.clone().expect("it reaches the upstream");
        assert_eq!(seen.get("x-checked").as_deref(), Some("yes"));
        assert_eq!(seen.get("x-api-key"), None);
        let client = exchange.client.expect("it is answered");
        assert_eq!((client.status, client.get("server")), (200, None));
        assert_eq!(gateway.metrics(), [("checked".to_owned(), 1)]);
    }

    #[test]
    fn a_request_without_a_key_reaches_nobody() {
        let mut gateway = gateway().unwrap().build().unwrap();
        for request in [Request::get("/a"), Request::get("/a").header("x-api-key", "")] {
            let exchange = gateway.send(request);
            assert_eq!(exchange.status(), 401);
            assert!(exchange.upstream.is_none());
        }
    }

    #[test]
    fn it_closes_where_the_host_fails_it() {
        for import in ["proxy_get_header_map_value", "proxy_remove_header_map_value"] {
            let broken = gateway().unwrap().fault(import, 0, BAD_ARGUMENT);
            let exchange = broken.build().unwrap().send(Request::get("/").header("x-api-key", "k"));
            assert!(exchange.upstream.is_none(), "{import}: {exchange}");
        }
        let refused = gateway().unwrap().fault("proxy_define_metric", 0, BAD_ARGUMENT).build();
        assert!(refused.is_err(), "without its counter it does not start");
    }

    #[test]
    fn workers_count_together_and_a_request_takes_few_instructions() {
        let mut gateway = gateway().unwrap().workers(4).build().unwrap();
        gateway.take_fuel();
        let request = || Request::get("/").header("x-api-key", "k");
        let answers = gateway.send_at_once((0..4).map(|_| vec![request(), request()]).collect());
        assert!(answers.iter().flatten().all(|exchange| exchange.status() == 200));
        assert_eq!(gateway.metrics(), [("checked".to_owned(), 8)]);
        assert!(gateway.take_fuel() < 8 * 200, "more than 200 instructions a request");
    }

    #[test]
    fn a_body_passes_whole_in_pieces_and_with_trailers() {
        let mut gateway = gateway().unwrap().build().unwrap();
        let request = Request::new("POST", "/a").header("x-api-key", "k");
        let exchange = gateway.send(request.chunk("one ").chunk("two").trailer("sum", "3"));
        let seen = exchange.upstream.expect("it reaches the upstream");
        assert_eq!((seen.body, seen.trailers.len(), seen.whole), (b"one two".to_vec(), 1, true));
    }
}
