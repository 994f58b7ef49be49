//! The probe in the wasmtime host.

use super::envoy::LIMIT;
use super::probe::{Answer, Case, Heard, Setting, shortened};
use ambit_test_harness::proxy_host::{
    CalloutAnswer, Gateway, GrpcAnswer, GrpcResponse, Headers, Module, Request, Response,
};
use std::sync::{Arc, Mutex};

pub struct Here {
    gateways: [Gateway; 3],
    case: Arc<Mutex<Option<Case>>>,
}

fn response(answer: &Answer) -> Response {
    let mut response = Response::new(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    for chunk in &answer.chunks {
        response = response.chunk(chunk);
    }
    for (name, value) in &answer.trailers {
        response = response.trailer(name, value);
    }
    response
}

impl Here {
    pub fn start(module: &[u8]) -> Self {
        let case: Arc<Mutex<Option<Case>>> = Arc::default();
        let module = Module::compile(module).unwrap();
        let settings = [Setting::Holding, Setting::NotHolding, Setting::Doomed];
        let gateways = settings.map(|setting| {
            let (clusters, upstream) = (Arc::clone(&case), Arc::clone(&case));
            Gateway::builder(&module)
                .configuration("probe")
                .buffer_limit(LIMIT)
                .holds_headers(setting != Setting::NotHolding)
                .clusters(move |callout| match callout.cluster.as_str() {
                    "lookup" => {
                        let case = clusters.lock().unwrap();
                        let lookup = case.as_ref().and_then(|case| case.lookup.as_ref());
                        lookup.map_or_else(CalloutAnswer::late, |answer| {
                            CalloutAnswer::Response(response(answer))
                        })
                    }
                    "down" => CalloutAnswer::down(),
                    _ => CalloutAnswer::UnknownCluster,
                })
                .grpc(|call| match call.target.as_slice() {
                    b"grpc" if call.message.is_none() => GrpcAnswer::Nothing,
                    b"grpc" => GrpcAnswer::Answer(GrpcResponse {
                        initial: Some(vec![("x-dup".to_owned(), b"r1".to_vec())]),
                        messages: vec![b"pong".to_vec()],
                        trailing: Some(vec![("x-sum".to_owned(), b"1".to_vec())]),
                        close: Some((0, String::new())),
                    }),
                    b"down" => GrpcAnswer::Answer(GrpcResponse {
                        close: Some((14, "remote connection failure".to_owned())),
                        ..GrpcResponse::default()
                    }),
                    _ => GrpcAnswer::UnknownCluster,
                })
                .upstream(move |_| response(&upstream.lock().unwrap().as_ref().unwrap().upstream))
                .build()
                .unwrap()
        });
        Self { gateways, case }
    }

    pub fn ask(&mut self, case: &Case) -> Heard {
        *self.case.lock().unwrap() = Some(case.clone());
        let gateway = &mut self.gateways[case.setting as usize];
        let before = gateway.logs().len();
        let mut request = Request::new(case.method, "/probe").header("x-script", case.script);
        for (name, value) in &case.headers {
            request = request.header(name, value);
        }
        for chunk in &case.chunks {
            request = request.chunk(chunk);
        }
        for (name, value) in &case.trailers {
            request = request.trailer(name, value);
        }
        let exchange = gateway.send(request);
        let logs = gateway.logs();
        let said = logs[before..].iter().filter_map(|(_, line)| line.strip_prefix("probe|"));
        Heard {
            trace: said.map(str::to_owned).collect(),
            client: exchange.client.map(|client| {
                let body = shortened(&client.body);
                (client.status, dup(&client.headers), body, text(&client.trailers))
            }),
            upstream: exchange.upstream.map(|seen| {
                // A body in parts is not compared: the socket decides how much of it came.
                let body = if seen.whole { shortened(&seen.body) } else { String::new() };
                (seen.whole, dup(&seen.headers), body, text(&seen.trailers))
            }),
        }
    }
}

fn dup(headers: &Headers) -> Vec<String> {
    let found = headers.iter().filter(|(name, _)| name == "x-dup");
    found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

fn text(fields: &Headers) -> Vec<String> {
    fields.iter().map(|(n, v)| format!("{n}={}", String::from_utf8_lossy(v))).collect()
}
