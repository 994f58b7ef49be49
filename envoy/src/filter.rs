//! One request at Envoy: its callbacks, and what each may let go on.

mod body;
mod exchange;
mod last_resort;
mod properties;

use crate::host::{self, Half};
use crate::plugin::{FIRST_TICK, Worker, tick_every};
use exchange::Exchange;
use proxy_wasm::traits::{Context as HostContext, HttpContext};
use proxy_wasm::types::{Action as FilterAction, LogLevel};
use std::rc::Rc;

/// Envoy's view of one request.
///
/// In the request half the default is to hold, in the response half to pass: nothing comes back
/// from an upstream that nothing was sent to, so an answer nobody asked the enforcement about is
/// Envoy's own or the filter's.
#[derive(Debug)]
pub(crate) struct Filter {
    worker: Option<Rc<Worker>>,
    exchange: Option<Exchange>,
}

impl Filter {
    /// Without a worker, no policy is in force and every request is refused.
    pub(crate) const fn new(worker: Option<Rc<Worker>>) -> Self {
        Self { worker, exchange: None }
    }
}

impl HostContext for Filter {
    fn on_http_call_response(
        &mut self,
        token: u32,
        headers: usize,
        body_size: usize,
        _trailers: usize,
    ) {
        if let Some(exchange) = &mut self.exchange {
            exchange.on_callout(token, headers, body_size);
        }
    }
}

impl HttpContext for Filter {
    fn on_http_request_headers(&mut self, _count: usize, end: bool) -> FilterAction {
        match (&self.worker, &self.exchange) {
            (Some(worker), None) => {
                let exchange = self.exchange.insert(Exchange::new(Rc::clone(worker)));
                let action = exchange.on_request_headers(end);
                if worker.engine.take_hurry() {
                    tick_every(FIRST_TICK);
                }
                action
            }
            _ => {
                host::log(LogLevel::Error, "ambit: a request without a policy, or told twice");
                last_resort::refuse();
                FilterAction::Pause
            }
        }
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> FilterAction {
        match &mut self.exchange {
            Some(exchange) => exchange.on_body(Half::Request, size, end),
            None => FilterAction::Pause,
        }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> FilterAction {
        match &mut self.exchange {
            Some(exchange) => exchange.on_trailers(Half::Request),
            None => FilterAction::Pause,
        }
    }

    fn on_http_response_headers(&mut self, _count: usize, end: bool) -> FilterAction {
        match &mut self.exchange {
            Some(exchange) => exchange.on_response_headers(end),
            None => FilterAction::Continue,
        }
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> FilterAction {
        match &mut self.exchange {
            Some(exchange) => exchange.on_body(Half::Response, size, end),
            None => FilterAction::Continue,
        }
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> FilterAction {
        match &mut self.exchange {
            Some(exchange) => exchange.on_trailers(Half::Response),
            None => FilterAction::Continue,
        }
    }

    fn on_log(&mut self) {
        if let Some(exchange) = &mut self.exchange {
            exchange.on_log();
        }
    }
}

#[cfg(test)]
mod tests {
    //! Outside WebAssembly every call of the host fails, replies and resets included.

    use super::*;
    use crate::counters::Counters;
    use crate::ids::Mint;
    use crate::signatures::Signatures;
    use ambit::enforcement::Engine;

    const POLICY: &[u8] = br#"{
        "apiVersion": "ambit/v1", "name": "test",
        "identity": {"issuers": [
            {"issuer": "https://idp.example", "profile": "rfc9068", "jwks": {"inline": {"keys": []}}}
        ]},
        "actors": {"a": {"mode": "delegated", "match": {"client_id": "a"}, "scopes": ["read:*"]}},
        "resources": {"document": {
            "audience": "https://api.example", "by_scope": ["read"], "credentials": "keep",
            "http": [{"path": "/v1/documents/{id}"}]
        }}
    }"#;

    fn holds(mut filter: Filter) {
        assert_eq!(filter.on_http_request_headers(3, false), FilterAction::Pause);
        assert_eq!(filter.on_http_request_body(7, false), FilterAction::Pause);
        filter.on_http_call_response(1, 3, 0, 0);
        assert_eq!(filter.on_http_request_body(9, true), FilterAction::Pause);
        assert_eq!(filter.on_http_request_trailers(1), FilterAction::Pause);
        // Envoy's own answer, to a request that times out.
        assert_eq!(filter.on_http_response_headers(3, false), FilterAction::Continue);
        assert_eq!(filter.on_http_response_body(5, true), FilterAction::Continue);
        filter.on_log();
        assert_eq!(filter.on_http_request_body(11, true), FilterAction::Pause);
    }

    #[test]
    fn without_a_policy_nothing_is_let_go() {
        holds(Filter::new(None));
    }

    #[test]
    fn with_a_host_that_fails_at_everything_nothing_is_let_go() {
        let engine = Engine::load(POLICY, &|_| None).unwrap();
        holds(Filter::new(Some(Rc::new(Worker {
            engine: Rc::new(engine),
            mint: Mint::new().unwrap(),
            signatures: Signatures::default(),
            counters: Rc::new(Counters::default()),
        }))));
    }
}
