//! The module in a real Envoy: one process, one listener for each scenario file.

use super::format::{Ask, ScenarioFile, Scripted};
use super::native::{SIGNING_KEY, response_headers};
use super::observed::Sighting;
use super::{Engine, Observed, raw};
use crate::demo::gateway::{Gateway, Listener, Settings};
use crate::demo::live::Records;
use crate::demo::web;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;

/// Ports: Envoy's administration, the upstream, the clusters, and the first listener.
const ADMIN: u16 = 13000;
const UPSTREAM: u16 = 13001;
const CLUSTERS: u16 = 13002;
/// Nothing listens here.
const DOWN: u16 = 13003;
const FIRST: u16 = 13010;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Scripts in force, and what the upstream saw.
#[derive(Debug, Default)]
struct Around {
    answer: Scripted,
    file: Option<ScenarioFile>,
    seen: Vec<Sighting<Vec<u8>>>,
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
            clusters: vec![
                ("upstream".into(), UPSTREAM),
                ("down".into(), DOWN),
                ("index".into(), CLUSTERS),
            ],
            module: root.join("dist/ambit.wasm"),
            workers: 1,
        };
        for (port, file) in (FIRST..).zip(files) {
            let records = folder.join(format!("records-{port}.log"));
            listeners.push((file.clone(), port, records.clone()));
            settings.listeners.push(Listener { port, policy: file.compiled()?, records });
        }
        let gateway = runtime.block_on(async {
            let upstream = Arc::clone(&around);
            web::serve(UPSTREAM, move |request| answer(&upstream, &request)).await?;
            let clusters = Arc::clone(&around);
            web::serve(CLUSTERS, move |request| look_up(&clusters, &request)).await?;
            Gateway::start_with(root, &folder, &settings).await
        });
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

fn answer(around: &Mutex<Around>, request: &web::Asked) -> web::Answer {
    let mut around = around.lock().unwrap_or_else(PoisonError::into_inner);
    let headers = request.headers().iter().map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    around.seen.push((
        request.method().to_string(),
        request.uri().to_string(),
        request.body().to_vec(),
        headers.collect(),
    ));
    scripted(&around.answer)
}

fn look_up(around: &Mutex<Around>, request: &web::Asked) -> web::Answer {
    let found = {
        let around = around.lock().unwrap_or_else(PoisonError::into_inner);
        let file = around.file.as_ref();
        file.and_then(|file| file.cluster("index", &request.uri().to_string()).cloned())
    };
    let found = found.unwrap_or(Scripted { status: 503, ..Scripted::default() });
    std::thread::sleep(Duration::from_millis(found.delay));
    scripted(&found)
}

fn scripted(answer: &Scripted) -> web::Answer {
    let mut response = Response::new(Full::new(Bytes::from(answer.body.clone())));
    *response.status_mut() = hyper::StatusCode::from_u16(answer.status).unwrap_or_default();
    for (name, value) in response_headers(answer) {
        if let (Ok(name), Ok(value)) =
            (hyper::header::HeaderName::from_bytes(name.as_bytes()), value.parse())
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
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
        let text: Vec<(String, String)> = answer
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into_owned()))
            .collect();
        Ok(Observed::new(answer.status(), &text, &answer.body, upstream, Some(&record)))
    }
}
