//! An Envoy whose listeners come through discovery, so that one that is refused stops no other.

use super::world::{key, root};
use ambit_test_harness::demo::gateway::{Gateway, Listener, Settings, configuration_of, listener};
use ambit_test_harness::demo::web;
use ambit_test_harness::scenario::raw::{self, Chunked, Fields, Message};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What an upstream has seen: the request, and whether it came whole.
pub type Seen = Arc<Mutex<Vec<(Message, bool)>>>;

/// Ports: the first is the administration's, then upstream, issuer and index; listeners follow.
pub struct Discovered {
    pub gateway: Gateway,
    pub settings: Settings,
    pub folder: PathBuf,
    pub seen: Seen,
    version: u32,
}

/// Headers or trailers.
pub fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect()
}

/// An answer in JSON.
pub fn says(status: u16, body: &str) -> Chunked {
    let line = format!("HTTP/1.1 {status} As-Told");
    let headers = fields(&[("content-type", "application/json")]);
    let head = Message { line, headers, ..Message::default() };
    let (first, second) = body.as_bytes().split_at(body.len() / 2);
    let chunks = vec![first.to_vec(), second.to_vec()];
    Chunked { head, chunks, trailers: Vec::new() }
}

/// A header of Ambit's token, good from now on for five minutes.
pub fn token() -> (String, Vec<u8>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let token = key(7).sign(
        &json!({ "alg": "ES256", "typ": "at+jwt", "kid": "k1" }),
        &json!({
            "iss": "https://idp.example.com", "sub": "alice", "client_id": "bot", "jti": "d",
            "aud": "https://api.example.com", "scope": "*:*", "iat": now, "exp": now + 300,
        }),
    );
    ("authorization".to_owned(), format!("Bearer {token}").into_bytes())
}

/// Status and body; 0 where no whole answer came.
pub fn ask(
    port: u16,
    line: &str,
    more: Fields,
    chunks: &[Vec<u8>],
    ends: &Fields,
) -> (u16, String) {
    let patience = Duration::from_secs(3);
    let headers: Fields = fields(&[("host", "api.example.com")]).into_iter().chain(more).collect();
    match raw::send(port, line, &headers, chunks, ends, patience) {
        Ok(answer) => (answer.status(), String::from_utf8_lossy(&answer.body).into_owned()),
        Err(error) => (0, error.to_string()),
    }
}

impl Discovered {
    /// Starts it with these listeners, once the first of them decides. Every record is `owner`'s,
    /// and the index takes `after` to say so.
    pub async fn start(
        name: &str,
        first: u16,
        workers: u32,
        owner: &'static str,
        after: Duration,
        listeners: &[Value],
    ) -> Self {
        let folder = root().join("target").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let seen = Seen::default();
        let record = json!({ "owner": owner }).to_string();
        let (told, answer) = (Arc::clone(&seen), record.clone());
        raw::serve(first + 1, move |request, whole| {
            let trailers = request.all("x-trailers");
            let pad = request.all("x-pad").first().map(|pad| pad.parse::<usize>().unwrap());
            told.lock().unwrap().push((request, whole));
            let padded = format!("{answer}{}", " ".repeat(pad.unwrap_or_default()));
            let mut answer = says(200, &padded);
            answer.trailers = fields(&[("x-sum", "1")][..trailers.len().min(1)]);
            Some(answer)
        })
        .unwrap();
        raw::serve(first + 3, move |_, _| {
            std::thread::sleep(after);
            Some(says(200, &record))
        })
        .unwrap();
        let mut settings = settings(name, first, workers);
        let mut configuration = configuration_of(&settings);
        let all = configuration.as_object_mut().unwrap();
        let resources = all.get_mut("static_resources").unwrap();
        resources.as_object_mut().unwrap().remove("listeners");
        for cluster in resources["clusters"].as_array_mut().unwrap() {
            cluster["typed_extension_protocol_options"] = with_trailers();
        }
        let path = json!({ "path": folder.join("lds.json") });
        all.insert("node".to_owned(), json!({ "id": "test", "cluster": "test" }));
        let lds = json!({ "lds_config": { "path_config_source": path } });
        all.insert("dynamic_resources".to_owned(), lds);
        write(&folder, 0, listeners);
        settings.workers = workers;
        let gateway = Gateway::launch(&root(), &folder, &settings, &configuration).await.unwrap();
        let envoy = Self { gateway, settings, folder, seen, version: 0 };
        envoy.wait_for_updates(1).await;
        envoy
    }

    /// Hands Envoy other listeners, and waits until it has dealt with them.
    pub async fn replace(&mut self, listeners: &[Value]) {
        let before = self.updates().await;
        self.version += 1;
        write(&self.folder, self.version, listeners);
        self.wait_for_updates(before + 1).await;
    }

    async fn wait_for_updates(&self, wanted: u64) {
        for _ in 0..1200 {
            if self.updates().await >= wanted {
                // Workers get theirs after the main thread.
                tokio::time::sleep(Duration::from_millis(300)).await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("Envoy takes no notice of new listeners");
    }

    async fn updates(&self) -> u64 {
        let count = async |name: &str| self.stat(&format!("listener_manager.lds.{name}")).await;
        count("update_success").await + count("update_rejected").await
    }

    /// A number of Envoy's statistics page; 0 where it is not there.
    pub async fn stat(&self, name: &str) -> u64 {
        let target = format!("/stats?filter={name}");
        let answer = web::send(self.settings.admin, "GET", &target, &[], "").await.unwrap();
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
    }

    /// What the upstream saw whose line has this text, taken away.
    pub fn take_seen(&self, text: &str) -> Vec<(Message, bool)> {
        let mut seen = self.seen.lock().unwrap();
        let (those, rest) = seen.drain(..).partition(|(request, _)| request.line.contains(text));
        *seen = rest;
        those
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("envoy.log")).unwrap()
    }
}

/// With one listener, the first behind those ports that are the world's.
fn settings(name: &str, first: u16, workers: u32) -> Settings {
    let records = root().join("target").join(name).join("records.log");
    Settings {
        listeners: vec![Listener { port: first + 4, policy: String::new(), records }],
        admin: first,
        signing_key: String::new(),
        clusters: vec![
            ("upstream".to_owned(), first + 1),
            ("idp".to_owned(), first + 2),
            ("index".to_owned(), first + 3),
        ],
        module: root().join("dist/ambit.wasm"),
        workers,
    }
}

fn with_trailers() -> Value {
    let kind = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": kind,
        "explicit_http_config": { "http_protocol_options": { "enable_trailers": true } },
    } })
}

/// The listener at the `number`-th port of this test, with a change to its plugin.
pub fn at(name: &str, first: u16, number: u16, policy: &str, change: impl Fn(&mut Value)) -> Value {
    let settings = settings(name, first, 1);
    let one = Listener {
        port: first + 4 + number,
        policy: policy.to_owned(),
        records: settings.listeners[0].records.clone(),
    };
    let mut listener = listener(&settings, &one);
    let kind = "type.googleapis.com/envoy.config.listener.v3.Listener";
    listener["@type"] = kind.into();
    let manager = listener.pointer_mut("/filter_chains/0/filters/0/typed_config").unwrap();
    manager["http_protocol_options"] = json!({ "enable_trailers": true });
    change(manager.pointer_mut("/http_filters/0/typed_config/config").unwrap());
    listener
}

fn write(folder: &std::path::Path, version: u32, listeners: &[Value]) {
    let text = json!({ "version_info": version.to_string(), "resources": listeners }).to_string();
    std::fs::write(folder.join("lds.new"), text).unwrap();
    // Envoy sees a file that is moved into place.
    std::fs::rename(folder.join("lds.new"), folder.join("lds.json")).unwrap();
}
