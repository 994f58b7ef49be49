//! The shipped module in wasmtime.

use super::format::{Ask, ScenarioFile, Scripted};
use super::native::{SIGNING_KEY, response_headers};
use super::observed::Reached;
use super::{Engine, Observed};
use crate::proxy_host::{CalloutAnswer, CasDialect, Framing, Gateway, Module, Request, Response};
use std::sync::{Arc, Mutex, PoisonError};

/// A gateway of two workers with one scenario file's policy.
#[derive(Debug)]
pub struct Wasmtime {
    gateway: Gateway,
    answer: Arc<Mutex<Scripted>>,
    standard: Scripted,
    elsewhere: bool,
}

impl Wasmtime {
    /// Starts the gateway.
    ///
    /// # Errors
    /// The policy does not load in the module.
    pub fn new(module: &Module, file: &ScenarioFile) -> Result<Self, String> {
        Self::start(module, file, false)
    }

    /// A host that differs from Envoy and HTTP/1.1 where hosts do: the last piece of a body says that
    /// it is, callouts end before a body comes, nothing checks signatures for the module, and shared
    /// data has another dialect.
    ///
    /// # Errors
    /// As [`Wasmtime::new`].
    pub fn elsewhere(module: &Module, file: &ScenarioFile) -> Result<Self, String> {
        Self::start(module, file, true)
    }

    fn start(module: &Module, file: &ScenarioFile, elsewhere: bool) -> Result<Self, String> {
        let answer = Arc::new(Mutex::new(file.upstream.clone()));
        let (scripts, scripted) = (file.clone(), Arc::clone(&answer));
        let begin = file.requests.first().map_or(0, |ask| ask.clock().secs());
        let now = u64::try_from(begin).unwrap_or_default();
        let mut builder = Gateway::builder(module);
        if elsewhere {
            builder = builder.framing(Framing::EndWithLast).cas(CasDialect::Nginx);
            builder = builder.without_verify_signature();
        }
        if !file.signing_key.is_empty() {
            builder = builder.environment(&file.signing_key, SIGNING_KEY);
        }
        let gateway = builder
            .configuration(file.compiled()?)
            .environment("AMBIT_SIGNING_KEY", SIGNING_KEY)
            .workers(2)
            .now(now)
            .clusters(move |callout| {
                let Some(scripted) = scripts.cluster(&callout.cluster, &callout.path()) else {
                    return CalloutAnswer::down();
                };
                match scripted.delay > u64::from(callout.timeout) {
                    _ if scripted.reset => CalloutAnswer::down(),
                    true => CalloutAnswer::late(),
                    false => CalloutAnswer::Response(response(scripted)),
                }
            })
            .upstream(move |_| response(&scripted.lock().unwrap_or_else(PoisonError::into_inner)))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { gateway, answer, standard: file.upstream.clone(), elsewhere })
    }
}

fn response(scripted: &Scripted) -> Response {
    let mut response = Response::new(scripted.status).body(&scripted.body);
    for (name, value) in response_headers(scripted) {
        response = response.header(&name, &value);
    }
    for (name, value) in &scripted.trailers {
        response = response.trailer(name, value);
    }
    response
}

impl Engine for Wasmtime {
    fn name(&self) -> &'static str {
        if self.elsewhere { "wasmtime, elsewhere" } else { "wasmtime" }
    }

    fn ask(&mut self, ask: &Ask, token: Option<&str>) -> Result<Observed, String> {
        let answer = ask.upstream.clone().unwrap_or_else(|| self.standard.clone());
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
        if let Some(at) = ask.at {
            self.gateway.set_clock(u64::try_from(at.secs()).unwrap_or_default());
        }
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
            request = request.trailer(&name.to_ascii_lowercase(), value);
        }
        request.callouts_first = self.elsewhere;
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
        let upstream = exchange.upstream.as_ref().map(|seen| Reached {
            method: seen.get(":method").unwrap_or_default(),
            path: seen.get(":path").unwrap_or_default(),
            body: String::from_utf8_lossy(&seen.body).into_owned(),
            headers: text(&seen.headers),
            trailers: text(&seen.trailers),
        });
        let client = exchange.client.unwrap_or_else(|| Response::new(0));
        Ok(Observed::new(
            client.status,
            &text(&client.headers),
            &client.body,
            upstream,
            record.as_ref(),
        ))
    }
}
