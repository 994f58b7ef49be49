//! A real local gateway without Envoy: the shipped module in the wasmtime host, hyper on its sockets.
//!
//! HTTP/1.1 and HTTP/2 (prior knowledge) on one port, workers in threads, callouts to real clusters,
//! records as they are written, a policy that is read anew when its file changes. What the module is
//! told, and when, is the host's own business ([`crate::proxy_host::Live`]), so that a decision and
//! its bytes are Envoy's; what stands around it (forwarded headers, timeouts, what is said of an
//! upstream that is down) follows Envoy 1.40 with the configuration in `envoy/envoy.yaml`.

mod cluster;
mod connection;
mod exchange;
mod gate;
mod pipe;
mod records;
mod settings;
mod trust;
mod worker;

pub use records::{Records, Shown};
pub use settings::{Cluster, Settings, UPSTREAM};

use crate::proxy_host::{Callout, CalloutAnswer, Gateway, Module, Response};
use cluster::Connections;
use connection::Listening;
use http_body_util::{BodyExt as _, Limited};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use worker::{Common, Event};

/// The most of a callout's answer.
const ANSWER_MOST: usize = 32 << 20;
/// How long exchanges that are on their way may take when the gateway ends.
const GRACE: Duration = Duration::from_secs(10);

/// A gateway that listens. Dropped without [`Server::stop`] it ends at once.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    settings: Settings,
    workers: Vec<Sender<Event>>,
    threads: Vec<JoinHandle<()>>,
    ending: watch::Sender<bool>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Compiles the policy, starts the workers and listens. `environment` reaches the module, `log`
    /// is told its lines (worker, level, line).
    ///
    /// # Errors
    /// The policy does not compile, the module does not take it, or the address is in use.
    pub async fn start(
        settings: Settings,
        module: &Module,
        environment: &[(String, String)],
        records: Records,
        log: impl Fn(usize, u32, &str) + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let settings = settings.checked()?;
        let policy = settings.compiled()?;
        let clusters = settings.all_clusters();
        let mut builder = Gateway::builder(module)
            .configuration(policy)
            .workers(settings.workers)
            .buffer_limit(settings.buffer_limit)
            .log_to(log);
        for (name, value) in environment {
            builder = builder.environment(name, value);
        }
        let names = clusters.keys().cloned().collect();
        let (live, shared) = builder.build_live(names).map_err(|error| error.to_string())?;
        let tls = match clusters.values().any(|cluster| cluster.tls) {
            true => Some(trust::connector(settings.ca.as_deref())?),
            false => None,
        };
        let clusters: BTreeMap<String, Arc<Connections>> = clusters
            .into_iter()
            .map(|(name, cluster)| {
                let tls = tls.clone().filter(|_| cluster.tls);
                (name, Arc::new(Connections::to(cluster, tls)))
            })
            .collect();
        let upstream = clusters.get(UPSTREAM).cloned().ok_or("no upstream")?;
        let listener = TcpListener::bind(settings.listen).await;
        let listener = listener.map_err(|error| format!("{}: {error}", settings.listen))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let channels = live.iter().map(|_| std::sync::mpsc::channel());
        let (workers, events): (Vec<_>, Vec<_>) = channels.unzip();
        let runtime = tokio::runtime::Handle::current();
        let send_callout = move |callout: Callout, token: u32, worker: Sender<Event>| {
            let cluster = clusters.get(&callout.cluster).cloned();
            runtime.spawn(async move {
                let answer = match cluster {
                    Some(cluster) => ask(&cluster, callout).await,
                    None => CalloutAnswer::Reset,
                };
                // A worker that has ended waits for no answer.
                let _ = worker.send(Event::CalloutEnded(token, answer));
            });
        };
        let common = Common {
            shared,
            records: Arc::new(records),
            send_callout: Arc::new(send_callout),
            all: workers.clone(),
        };
        let mut threads = Vec::new();
        for ((number, live), (itself, events)) in
            live.into_iter().enumerate().zip(workers.iter().zip(events))
        {
            let (itself, common): (Sender<Event>, Common) = (itself.clone(), common.clone());
            let thread = std::thread::Builder::new().name(format!("ambit-worker-{number}"));
            let run = move || worker::run(live, &events, itself, common);
            threads.push(thread.spawn(run).map_err(|error| error.to_string())?);
        }
        let (ending, end) = watch::channel(false);
        let listening = Listening {
            workers: workers.clone(),
            upstream,
            within: settings.within(),
            idle: Duration::from_secs(settings.idle_timeout),
            address,
        };
        let accepting = tokio::spawn(connection::accept(listener, listening, end));
        Ok(Self { address, settings, workers, threads, ending, accepting })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads the policy's file anew. Where it does not compile, or the module would not take it, the
    /// one in force stays.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn reload(&self) -> Result<(), String> {
        let policy: Arc<[u8]> = self.settings.compiled()?.into_bytes().into();
        let first = self.workers.first().ok_or("there is no worker")?;
        let (told, taken) = oneshot::channel();
        first
            .send(Event::WouldTake(Arc::clone(&policy), told))
            .map_err(|_| "a worker has ended")?;
        if !taken.await.map_err(|error| error.to_string())? {
            return Err("the module does not take the policy".to_owned());
        }
        for worker in &self.workers {
            let (told, taken) = oneshot::channel();
            let event = Event::Configure(Arc::clone(&policy), told);
            worker.send(event).map_err(|_| "a worker has ended")?;
            if !taken.await.map_err(|error| error.to_string())?? {
                return Err("a worker does not take the policy".to_owned());
            }
        }
        Ok(())
    }

    /// Accepts no more, lets what is on its way come to its end, for ten seconds at most, and ends the
    /// workers.
    pub async fn stop(mut self) {
        // Where nobody accepts any more there is nobody to be told.
        let _ = self.ending.send(true);
        if tokio::time::timeout(GRACE, &mut self.accepting).await.is_err() {
            self.accepting.abort();
        }
        for worker in &self.workers {
            let _ = worker.send(Event::Stop);
        }
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || {
            threads.into_iter().filter_map(|thread| thread.join().err()).count()
        });
        if joined.await.unwrap_or_default() > 0 {
            eprintln!("ambit: a worker did not end in order");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        for worker in &self.workers {
            // One that has ended needs no telling.
            let _ = worker.send(Event::Stop);
        }
    }
}

/// Sends a callout and reads its answer, as Envoy's client would tell of it.
async fn ask(cluster: &Connections, callout: Callout) -> CalloutAnswer {
    let timeout = Duration::from_millis(u64::from(callout.timeout));
    let asked = async {
        let body = pipe::Piped::whole(callout.body);
        let answer = match cluster.send(&callout.headers, body).await {
            Ok(answer) => answer,
            Err(unanswered) => return CalloutAnswer::Response(unanswered.reply()),
        };
        let (parts, body) = answer.into_parts();
        let Ok(collected) = Limited::new(body, ANSWER_MOST).collect().await else {
            return CalloutAnswer::Reset;
        };
        let trailers = collected.trailers().map(cluster::headers_of).unwrap_or_default();
        CalloutAnswer::Response(Response {
            headers: cluster::headers_of(&parts.headers),
            body: collected.to_bytes().to_vec(),
            trailers,
            ..Response::new(parts.status.as_u16())
        })
    };
    match timeout.is_zero() {
        true => asked.await,
        false => {
            tokio::time::timeout(timeout, asked).await.unwrap_or_else(|_| CalloutAnswer::late())
        }
    }
}
