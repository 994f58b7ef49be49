//! The shipped module in wasmtime.

use super::format::{Ask, ScenarioFile, Scripted};
use super::native::{SIGNING_KEY, response_headers};
use super::{Engine, Observed};
use crate::proxy_host::{CalloutAnswer, Gateway, Module, Request, Response};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// A gateway of two workers with one scenario file's policy.
#[derive(Debug)]
pub struct Wasmtime {
    gateway: Gateway,
    answer: Arc<Mutex<Scripted>>,
    standard: Scripted,
}

impl Wasmtime {
    /// Starts the gateway.
    ///
    /// # Errors
    /// The policy does not load in the module.
    pub fn new(module: &Module, file: &ScenarioFile) -> Result<Self, String> {
        let answer = Arc::new(Mutex::new(file.upstream.clone()));
        let (scripts, scripted) = (file.clone(), Arc::clone(&answer));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let gateway = Gateway::builder(module)
            .configuration(file.compiled()?)
            .environment("AMBIT_SIGNING_KEY", SIGNING_KEY)
            .workers(2)
            .now(now)
            .clusters(move |callout| {
                let Some(scripted) = scripts.cluster(&callout.cluster, &callout.path()) else {
                    return CalloutAnswer::Response(Response::new(503));
                };
                match scripted.delay > u64::from(callout.timeout) {
                    true => CalloutAnswer::Response(Response::new(504)),
                    false => CalloutAnswer::Response(response(scripted)),
                }
            })
            .upstream(move |_| response(&scripted.lock().unwrap_or_else(PoisonError::into_inner)))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { gateway, answer, standard: file.upstream.clone() })
    }
}

fn response(scripted: &Scripted) -> Response {
    let mut response = Response::new(scripted.status).body(&scripted.body);
    for (name, value) in response_headers(scripted) {
        response = response.header(&name, &value);
    }
    response
}

impl Engine for Wasmtime {
    fn name(&self) -> &'static str {
        "wasmtime"
    }

    fn ask(&mut self, ask: &Ask, token: Option<&str>) -> Result<Observed, String> {
        let answer = ask.upstream.clone().unwrap_or_else(|| self.standard.clone());
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
        let mut request = Request::new(&ask.method, &ask.path)
            .header(":authority", &ask.host)
            .header(":scheme", "http");
        for (name, value) in ask.lower_headers(token) {
            request = request.header(&name, value);
        }
        for chunk in &ask.chunks {
            request = request.chunk(chunk);
        }
        for (name, value) in &ask.trailers {
            request = request.trailer(name, value);
        }
        let exchange = self.gateway.send(request);
        if exchange.trapped {
            return Err(format!("the module trapped: {:?}", self.gateway.logs().last()));
        }
        let record = exchange.record();
        let text = |headers: &[(String, Vec<u8>)]| -> Vec<(String, String)> {
            let pair =
                |(n, v): &(String, Vec<u8>)| (n.clone(), String::from_utf8_lossy(v).into_owned());
            headers.iter().map(pair).collect()
        };
        let upstream = exchange.upstream.as_ref().map(|seen| {
            let one = |name: &str| seen.get(name).unwrap_or_default();
            (one(":method"), one(":path"), seen.body.clone(), text(&seen.headers))
        });
        let mut client = exchange.client.unwrap_or_else(|| Response::new(0));
        if ask.method == "HEAD" {
            // No gateway sends a body with it.
            client.body.clear();
        }
        Ok(Observed::new(
            client.status,
            &text(&client.headers),
            &client.body,
            upstream,
            record.as_ref(),
        ))
    }
}
