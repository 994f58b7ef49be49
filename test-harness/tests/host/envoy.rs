//! The probe in a real Envoy.

use super::grpc;
use super::probe::{Answer, Case, Heard, Setting, shortened};
use ambit_test_harness::demo::gateway::{Gateway, Listener, Settings, configuration_of};
use ambit_test_harness::scenario::raw::{self, Chunked, Fields, Message};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;

const ADMIN: u16 = 13130;
const UPSTREAM: u16 = 13131;
const LOOKUP: u16 = 13132;
const DOWN: u16 = 13133;
const FIRST: u16 = 13134;
const GRPC: u16 = 13137;
/// How long the cluster `lookup` takes; the probe waits for half a second.
const ANSWERS_AFTER: Duration = Duration::from_millis(200);
const NEVER: Duration = Duration::from_millis(900);
/// What hangs, hangs for longer.
const PATIENCE: Duration = Duration::from_millis(1200);
/// What Envoy may hold of a body.
pub const LIMIT: usize = 16_384;

/// What stands around Envoy: the case in hand, and what the upstream got.
#[derive(Debug, Default)]
struct Around {
    case: Option<Case>,
    seen: Vec<(Message, bool)>,
}

pub struct Envoy {
    _runtime: Runtime,
    _gateway: Gateway,
    around: Arc<Mutex<Around>>,
    log: PathBuf,
}

pub fn port(setting: Setting) -> u16 {
    FIRST + setting as u16
}

fn chunked(answer: &Answer) -> Chunked {
    let fields = |pairs: &[(&str, &str)]| -> Fields {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect()
    };
    let line = format!("HTTP/1.1 {} As-Scripted", answer.status);
    let head = Message { line, headers: fields(&answer.headers), ..Message::default() };
    Chunked { head, chunks: answer.chunks.clone(), trailers: fields(&answer.trailers) }
}

impl Envoy {
    pub fn start(module: &[u8]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let folder = root.join("target/probe");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("probe.wasm"), module).unwrap();
        let around = Arc::new(Mutex::new(Around::default()));
        let upstream = Arc::clone(&around);
        raw::serve(UPSTREAM, move |request, whole| {
            let mut around = upstream.lock().unwrap();
            around.seen.push((request, whole));
            let upstream = around.case.as_ref().map(|case| case.upstream.clone());
            Some(upstream.as_ref().map_or_else(ready, chunked))
        })
        .unwrap();
        let lookup = Arc::clone(&around);
        raw::serve(LOOKUP, move |_, _| {
            let scripted = lookup.lock().unwrap().case.as_ref().unwrap().lookup.clone();
            // The whole request comes before its look-up is answered, or gives up.
            std::thread::sleep(if scripted.is_some() { ANSWERS_AFTER } else { NEVER });
            scripted.as_ref().map(chunked)
        })
        .unwrap();
        let listeners =
            [Setting::Holding, Setting::NotHolding, Setting::Doomed].map(|setting| Listener {
                port: port(setting),
                policy: "probe".to_owned(),
                records: folder.join("records.log"),
            });
        let settings = Settings {
            listeners: listeners.to_vec(),
            admin: ADMIN,
            signing_key: String::new(),
            clusters: vec![
                ("upstream".to_owned(), UPSTREAM),
                ("lookup".to_owned(), LOOKUP),
                ("down".to_owned(), DOWN),
                ("grpc".to_owned(), GRPC),
            ],
            module: folder.join("probe.wasm"),
            workers: 1,
        };
        let mut configuration = configuration_of(&settings);
        adjust(&mut configuration);
        std::fs::write(folder.join("records.log"), "").unwrap();
        let runtime = Runtime::new().unwrap();
        runtime.block_on(grpc::serve(GRPC));
        let started = Gateway::launch(root, &folder, &settings, &configuration);
        let gateway = runtime.block_on(started).unwrap();
        Self { _runtime: runtime, _gateway: gateway, around, log: folder.join("envoy.log") }
    }

    pub fn ask(&self, case: &Case) -> Heard {
        {
            let mut around = self.around.lock().unwrap();
            around.case = Some(case.clone());
            around.seen.clear();
        }
        let before = std::fs::read(&self.log).unwrap().len();
        let mut headers: Fields = vec![("host".to_owned(), b"api.example.com".to_vec())];
        let script = [("x-script", case.script)];
        let pairs = case.headers.iter().chain(script.iter());
        headers.extend(pairs.map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())));
        let trailers: Fields =
            case.trailers.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect();
        let line = format!("{} /probe", case.method);
        let answered =
            raw::send(port(case.setting), &line, &headers, &case.chunks, &trailers, PATIENCE).ok();
        let mut trace = Vec::new();
        for _ in 0..40 {
            std::thread::sleep(Duration::from_millis(25));
            let log = std::fs::read(&self.log).unwrap();
            trace = lines(log.get(before..).unwrap());
            let count = |text: &str| trace.iter().filter(|line| line.starts_with(text)).count();
            if count("delete") == 1 && count("- call=0") == count("callout") {
                break;
            }
        }
        let text = |fields: &Fields| -> Vec<String> {
            fields.iter().map(|(n, v)| format!("{n}={}", String::from_utf8_lossy(v))).collect()
        };
        let seen = std::mem::take(&mut self.around.lock().unwrap().seen);
        Heard {
            trace,
            client: answered.map(|answer| {
                let body = shortened(&answer.body);
                (answer.status(), answer.all("x-dup"), body, text(&answer.trailers))
            }),
            upstream: seen.first().map(|(request, whole)| {
                let body = shortened(&request.body);
                (*whole, request.all("x-dup"), body, text(&request.trailers))
            }),
        }
    }
}

fn ready() -> Chunked {
    let line = "HTTP/1.1 200 OK".to_owned();
    Chunked { head: Message { line, ..Message::default() }, ..Chunked::default() }
}

/// What the probe said, without Envoy's words around it.
fn lines(log: &[u8]) -> Vec<String> {
    let log = String::from_utf8_lossy(log).into_owned();
    let said = log.lines().filter_map(|line| line.split_once("probe|"));
    said.map(|(_, line)| line.to_owned()).collect()
}

/// Trailers both ways, a small buffer, and each setting's own.
fn adjust(configuration: &mut Value) {
    let resources = configuration.get_mut("static_resources").unwrap();
    let trailers = json!({ "enable_trailers": true });
    for (number, listener) in listeners(resources).enumerate() {
        listener["per_connection_buffer_limit_bytes"] = json!(LIMIT);
        let manager = listener.pointer_mut("/filter_chains/0/filters/0/typed_config").unwrap();
        manager["http_protocol_options"] = trailers.clone();
        let filter = manager.pointer_mut("/http_filters/0/typed_config/config").unwrap();
        filter["allow_on_headers_stop_iteration"] = json!(number != 1);
        if number == 2 {
            filter["vm_config"]["vm_id"] = json!("doomed");
        }
    }
    for cluster in resources["clusters"].as_array_mut().unwrap() {
        cluster["per_connection_buffer_limit_bytes"] = json!(LIMIT);
        let spoken = match cluster["name"] == "grpc" {
            true => json!({ "http2_protocol_options": {} }),
            false => json!({ "http_protocol_options": trailers }),
        };
        cluster["typed_extension_protocol_options"] = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": spoken,
            },
        });
    }
}

fn listeners(resources: &mut Value) -> impl Iterator<Item = &mut Value> {
    resources["listeners"].as_array_mut().unwrap().iter_mut()
}
