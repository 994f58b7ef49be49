//! The module in a real Envoy: one process, one listener for each scenario file.

use super::format::{Ask, ScenarioFile, Scripted};
use super::native::{SIGNING_KEY, response_headers};
use super::observed::Reached;
use super::raw::{self, Chunked, Message};
use super::{Engine, Observed};
use crate::demo::gateway::{Gateway, Listener, Settings, configuration_of};
use crate::demo::live::Records;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;

/// Ports: Envoy's administration, the upstream, the first listener, and the first cluster.
const ADMIN: u16 = 13000;
const UPSTREAM: u16 = 13001;
/// Nothing listens here.
const DOWN: u16 = 13003;
const FIRST: u16 = 13010;
const CLUSTERS: u16 = 13080;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Scripts in force, and what the upstream saw.
#[derive(Debug, Default)]
struct Around {
    answer: Scripted,
    file: Option<ScenarioFile>,
    seen: Vec<Reached>,
}

/// A running Envoy with every scenario file's policy.
#[derive(Debug)]
pub struct Envoy {
    runtime: Runtime,
    _gateway: Gateway,
    around: Arc<Mutex<Around>>,
    listeners: Vec<(ScenarioFile, u16, PathBuf)>,
    current: usize,
}

impl Envoy {
    /// Starts Envoy, the upstream and the clusters.
    ///
    /// # Errors
    /// A policy does not load, a port is taken, or Envoy does not start.
    pub fn start(root: &Path, files: &[ScenarioFile]) -> Result<Self, String> {
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        let around = Arc::new(Mutex::new(Around::default()));
        let folder = root.join("target/scenarios");
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let mut listeners = Vec::new();
        let mut settings = Settings {
            listeners: Vec::new(),
            admin: ADMIN,
            signing_key: SIGNING_KEY.to_owned(),
            clusters: vec![("upstream".into(), UPSTREAM), ("down".into(), DOWN)],
            module: root.join("dist/ambit.wasm"),
            workers: 1,
        };
        for (port, file) in (FIRST..).zip(files) {
            let records = folder.join(format!("records-{port}.log"));
            std::fs::write(&records, "").map_err(|error| error.to_string())?;
            listeners.push((file.clone(), port, records.clone()));
            settings.listeners.push(Listener { port, policy: file.compiled()?, records });
        }
        let upstream = Arc::clone(&around);
        raw::serve(UPSTREAM, move |request, _| answer(&upstream, &request))
            .map_err(|error| error.to_string())?;
        let names: BTreeSet<&String> = files.iter().flat_map(|file| file.clusters.keys()).collect();
        for (port, name) in (CLUSTERS..).zip(names) {
            settings.clusters.push((name.clone(), port));
            let (clusters, name) = (Arc::clone(&around), name.clone());
            raw::serve(port, move |request, _| look_up(&clusters, &name, &request))
                .map_err(|error| error.to_string())?;
        }
        let configuration = with_trailers(configuration_of(&settings));
        let gateway = runtime.block_on(Gateway::launch(root, &folder, &settings, &configuration));
        let gateway = gateway.map_err(|error| error.to_string())?;
        Ok(Self { runtime, _gateway: gateway, around, listeners, current: 0 })
    }

    /// Which file's requests come next.
    pub fn choose(&mut self, file: usize) {
        self.current = file;
        let chosen = self.listeners.get(file).map(|(file, ..)| file.clone());
        self.around.lock().unwrap_or_else(PoisonError::into_inner).file = chosen;
    }
}

/// The upstream: notes what it got, and answers as scripted.
fn answer(around: &Mutex<Around>, request: &Message) -> Option<Chunked> {
    let mut around = around.lock().unwrap_or_else(PoisonError::into_inner);
    let mut line = request.line.split(' ').map(str::to_owned);
    around.seen.push(Reached {
        method: line.next().unwrap_or_default(),
        path: line.next().unwrap_or_default(),
        body: String::from_utf8_lossy(&request.body).into_owned(),
        headers: text(&request.headers),
        trailers: text(&request.trailers),
    });
    scripted(&around.answer)
}

fn look_up(around: &Mutex<Around>, cluster: &str, request: &Message) -> Option<Chunked> {
    let found = {
        let around = around.lock().unwrap_or_else(PoisonError::into_inner);
        let path = request.line.split(' ').nth(1).unwrap_or_default();
        around.file.as_ref().and_then(|file| file.cluster(cluster, path).cloned())
    };
    let found = found.unwrap_or(Scripted { status: 503, ..Scripted::default() });
    std::thread::sleep(Duration::from_millis(found.delay));
    scripted(&found)
}

fn scripted(answer: &Scripted) -> Option<Chunked> {
    if answer.reset {
        return None;
    }
    let bytes = |(name, value): (&String, &String)| (name.clone(), value.clone().into_bytes());
    let headers = response_headers(answer);
    let line = format!("HTTP/1.1 {} As-Scripted", answer.status);
    let head = Message {
        line,
        headers: headers.iter().map(|(name, value)| bytes((name, value))).collect(),
        ..Message::default()
    };
    let chunks = Vec::from([answer.body.clone().into_bytes()]);
    let chunks = chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect();
    Some(Chunked { head, chunks, trailers: answer.trailers.iter().map(bytes).collect() })
}

fn text(fields: &raw::Fields) -> Vec<(String, String)> {
    let pair = |(name, value): &(String, Vec<u8>)| {
        (name.clone(), String::from_utf8_lossy(value).into_owned())
    };
    fields.iter().map(pair).collect()
}

/// Trailers pass in both directions; without being told Envoy drops those of HTTP/1.1.
fn with_trailers(mut configuration: Value) -> Value {
    let options = json!({ "enable_trailers": true });
    let list = |configuration: &mut Value, kind: &str, change: &dyn Fn(&mut Value)| {
        let found = configuration.pointer_mut(&format!("/static_resources/{kind}"));
        found.and_then(Value::as_array_mut).into_iter().flatten().for_each(change);
    };
    let (here, there) = (options.clone(), options);
    list(&mut configuration, "listeners", &|listener| {
        let manager = listener.pointer_mut("/filter_chains/0/filters/0/typed_config");
        if let Some(manager) = manager.and_then(Value::as_object_mut) {
            manager.insert("http_protocol_options".to_owned(), here.clone());
        }
    });
    list(&mut configuration, "clusters", &|cluster| {
        let kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
        let options = json!({ kind: {
            "@type": format!("type.googleapis.com/{kind}"),
            "explicit_http_config": { "http_protocol_options": there.clone() },
        } });
        if let Some(cluster) = cluster.as_object_mut() {
            cluster.insert("typed_extension_protocol_options".to_owned(), options);
        }
    });
    configuration
}

impl Engine for Envoy {
    fn name(&self) -> &'static str {
        "envoy"
    }

    fn ask(&mut self, ask: &Ask, token: Option<&str>) -> Result<Observed, String> {
        let (file, port, records) =
            self.listeners.get(self.current).ok_or_else(|| "no such file".to_owned())?;
        {
            let mut around = self.around.lock().unwrap_or_else(PoisonError::into_inner);
            around.answer = ask.upstream.clone().unwrap_or_else(|| file.upstream.clone());
            around.seen.clear();
        }
        let mut records = Records::after(records).map_err(|error| error.to_string())?;
        let mut headers = vec![("host".to_owned(), ask.host.clone().into_bytes())];
        headers.extend(ask.header_bytes(token));
        let line = format!("{} {}", ask.method, ask.path);
        let chunks: Vec<Vec<u8>> =
            ask.chunks.iter().map(|chunk| chunk.clone().into_bytes()).collect();
        let trailers: raw::Fields = ask
            .trailers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
            .collect();
        let answer = raw::send(*port, &line, &headers, &chunks, &trailers, PATIENCE)
            .map_err(|error| error.to_string())?;
        let record = self.runtime.block_on(records.wait()).map_err(|error| error.to_string())?;
        let mut around = self.around.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = std::mem::take(&mut around.seen);
        if seen.len() > 1 {
            return Err(format!("the upstream saw {} requests", seen.len()));
        }
        let upstream = seen.into_iter().next();
        let headers = text(&answer.headers);
        Ok(Observed::new(answer.status(), &headers, &answer.body, upstream, Some(&record)))
    }
}
