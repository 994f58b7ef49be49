//! Every scenario over real sockets: as expected, and as the core alone decides it.

use super::upstream::{self, Answer, Asked};
use super::{client, module, root, start};
use ambit_test_harness::demo::live::Records;
use ambit_test_harness::scenario::{
    Ask, Engine as _, Native, Observed, Reached, ScenarioFile, Scripted, raw,
};
use ambit_test_harness::serve::{Cluster, Server, Settings};
use ambit_test_harness::suite;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// The scenarios, and the tests of every example policy.
fn files() -> Vec<(String, ScenarioFile)> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let tests = suite::suites(&[root().join("policies")]).unwrap().files;
    let scenarios = list(&root().join("test-harness/scenarios")).into_iter();
    scenarios
        .chain(tests)
        .map(|path| (path.display().to_string(), ScenarioFile::read(&path).unwrap()))
        .collect()
}

/// What the upstream answers, and what it saw.
#[derive(Default)]
struct Around {
    answer: Scripted,
    seen: Vec<Reached>,
}

struct Served {
    server: Server,
    around: Arc<Mutex<Around>>,
    records: PathBuf,
    http2: bool,
}

fn scripted(answer: &Scripted) -> Answer {
    let mut headers: Vec<(String, String)> =
        answer.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    if !answer.headers.contains_key("content-type") {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    let trailers = answer.trailers.iter().map(|(name, value)| (name.clone(), value.clone()));
    Answer {
        status: answer.status,
        headers,
        pieces: Vec::from([answer.body.clone().into_bytes()])
            .into_iter()
            .filter(|piece| !piece.is_empty())
            .collect(),
        trailers: trailers.collect(),
        delay: Duration::from_millis(answer.delay),
        reset: answer.reset,
        ..Answer::default()
    }
}

impl Served {
    async fn start(file: &ScenarioFile, number: usize, http2: bool) -> Self {
        let folder = root().join("target/serve");
        std::fs::create_dir_all(&folder).unwrap();
        let own = format!("{number}-{http2}");
        let records = folder.join(format!("records-{own}.log"));
        std::fs::write(&records, "").unwrap();
        let policy = folder.join(format!("policy-{own}.json"));
        std::fs::write(&policy, file.compiled().unwrap()).unwrap();
        let around: Arc<Mutex<Around>> = Arc::default();
        let scheme = if http2 { "h2c" } else { "http" };
        let seen = Arc::clone(&around);
        let upstream = upstream::serve(http2, move |asked| {
            let mut around = seen.lock().unwrap();
            around.seen.push(reached(asked));
            scripted(&around.answer)
        })
        .await;
        let mut clusters = BTreeMap::new();
        for name in file.clusters.keys() {
            let (file, cluster) = (file.clone(), name.clone());
            let address = upstream::serve(http2, move |asked| {
                let unknown = Scripted { status: 503, ..Scripted::default() };
                scripted(file.cluster(&cluster, &asked.path).unwrap_or(&unknown))
            })
            .await;
            let url = format!("{scheme}://{address}");
            clusters.insert(name.clone(), Cluster::try_from(url).unwrap());
        }
        let settings = Settings {
            policy,
            listen: "127.0.0.1:0".parse().unwrap(),
            upstream: Some(Cluster::try_from(format!("{scheme}://{upstream}")).unwrap()),
            clusters,
            records: Some(records.clone()),
            ..Settings::default()
        };
        Self { server: start(settings).await, around, records, http2 }
    }

    async fn ask(&self, ask: &Ask, standard: &Scripted, token: Option<&str>) -> Observed {
        {
            let mut around = self.around.lock().unwrap();
            around.answer = ask.upstream.clone().unwrap_or_else(|| standard.clone());
            around.seen.clear();
        }
        let mut records = Records::after(&self.records).unwrap();
        let port = self.server.address().port();
        let (status, headers, body) = match self.http2 {
            true => client::over_http2(port, ask, token).await,
            false => over_http1(port, ask, token).await,
        };
        let record = newest(&mut records).await;
        let seen = std::mem::take(&mut self.around.lock().unwrap().seen);
        assert!(seen.len() <= 1, "the upstream saw {} requests", seen.len());
        let upstream = seen.into_iter().next();
        Observed::new(status, &headers, &body, upstream, Some(&record))
    }
}

async fn newest(records: &mut Records) -> Value {
    for _ in 0..1000 {
        if let Some(record) = records.newest().unwrap().pop() {
            return record;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Value::Null
}

async fn over_http1(
    port: u16,
    ask: &Ask,
    token: Option<&str>,
) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let mut headers = vec![("host".to_owned(), ask.host.clone().into_bytes())];
    headers.extend(ask.header_bytes(token));
    let line = format!("{} {}", ask.method, ask.path);
    let chunks: Vec<Vec<u8>> = ask.chunks.iter().map(|chunk| chunk.clone().into_bytes()).collect();
    let trailers: raw::Fields = ask
        .trailers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        .collect();
    let send = move || raw::send(port, &line, &headers, &chunks, &trailers, PATIENCE);
    let answer = tokio::task::spawn_blocking(send).await.unwrap().unwrap_or_default();
    let text = |(name, value): &(String, Vec<u8>)| {
        (name.clone(), String::from_utf8_lossy(value).into_owned())
    };
    (answer.status(), answer.headers.iter().map(text).collect(), answer.body)
}

fn reached(asked: Asked) -> Reached {
    Reached {
        method: asked.method,
        path: asked.path,
        body: String::from_utf8_lossy(&asked.body).into_owned(),
        headers: asked.headers,
        trailers: asked.trailers,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_over_sockets_is_decided_as_the_core_alone_does() {
    let (mut asked, mut wrong) = (0, Vec::new());
    let _ = module();
    for (number, (name, file)) in files().iter().enumerate() {
        let plain = Served::start(file, number, false).await;
        let second = Served::start(file, number, true).await;
        let mut native = Native::new(file).unwrap();
        for ask in &file.requests {
            let token = ask.mint();
            let expected = native.ask(ask, token.as_deref()).unwrap();
            for served in [&plain, &second] {
                let mut seen = served.ask(ask, &file.upstream, token.as_deref()).await;
                let mut expected = expected.clone();
                // hyper drops trailers of HTTP/1.1 that were not announced, as Envoy does by default.
                if !served.http2 {
                    let both = [&mut seen.upstream, &mut expected.upstream];
                    both.into_iter().flatten().for_each(|reached| reached.trailers.clear());
                } else {
                    wrong.extend(
                        suite::failure(file, ask, &seen).map(|why| format!("{name}: {why}")),
                    );
                }
                if seen != expected {
                    let http = if served.http2 { "HTTP/2" } else { "HTTP/1.1" };
                    wrong.push(format!(
                        "{name}: {} ({http}):\n  {seen:?}\n  {expected:?}",
                        ask.name
                    ));
                }
                asked += 1;
            }
        }
        plain.server.stop().await;
        second.server.stop().await;
    }
    assert!(asked >= 540, "only {asked} requests were asked");
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
}
