//! One request at Envoy: its callbacks, and what each may let go on.

mod body;
mod edits;
mod exchange;

use crate::host::{self, Half};
use crate::plugin::Worker;
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
                self.exchange.insert(Exchange::new(Rc::clone(worker))).on_request_headers(end)
            }
            _ => {
                host::log(LogLevel::Error, "ambit: a request without a policy, or told twice");
                exchange::refuse();
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
    use super::*;

    /// Outside WebAssembly every call of the host fails.
    #[test]
    fn without_a_policy_and_without_a_host_nothing_is_let_go() {
        let mut filter = Filter::new(None);
        assert_eq!(filter.on_http_request_headers(3, false), FilterAction::Pause);
        assert_eq!(filter.on_http_request_body(7, true), FilterAction::Pause);
        assert_eq!(filter.on_http_request_trailers(1), FilterAction::Pause);
    }
}
