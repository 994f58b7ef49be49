//! `ambit serve`.

use ambit_test_harness::proxy_host::Module;
use ambit_test_harness::serve::{Cluster, Records, Server, Settings, Shown};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// How often it is looked whether the policy's file has changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const DOES_NOT_COMPILE: u8 = 3;
const USAGE: u8 = 2;
const WARN: u32 = 3;

/// What is said on the command line goes before what the file says.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// The policy, in YAML.
    policy: Option<PathBuf>,
    /// A gateway's file: policy, listen, upstream, clusters, ca, workers, module, records, buffer_limit,
    /// timeout, idle_timeout.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Where allowed requests go: `http://host:port`, `https://…`, or `h2c://…`.
    #[arg(long)]
    upstream: Option<String>,
    /// Where an issuer or a look-up of the policy is, by its cluster's name; may be repeated.
    #[arg(long, value_name = "NAME=URL")]
    cluster: Vec<String>,
    /// Where agents connect [default: 127.0.0.1:10000].
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Worker threads [default: 2].
    #[arg(long)]
    workers: Option<usize>,
    /// The module [default: dist/ambit.wasm in the project's folder].
    #[arg(long)]
    module: Option<PathBuf>,
    /// Append records to this file, one a line; without it they are printed.
    #[arg(long)]
    records: Option<PathBuf>,
    /// Seconds from a whole request to its whole answer, 0 for no end [default: 15].
    #[arg(long)]
    timeout: Option<u64>,
}

impl Asked {
    fn settings(&self, root: &Path) -> Result<Settings, String> {
        let mut settings = match &self.config {
            Some(path) => Settings::read(path)?,
            None => Settings::default(),
        };
        if let Some(policy) = &self.policy {
            settings.policy.clone_from(policy);
        }
        if let Some(url) = &self.upstream {
            settings.upstream = Some(Cluster::try_from(url.clone())?);
        }
        for pair in &self.cluster {
            let (name, url) = pair
                .split_once('=')
                .ok_or_else(|| format!("`{pair}`: expected `name=http://host:port`"))?;
            settings.clusters.insert(name.to_owned(), Cluster::try_from(url.to_owned())?);
        }
        settings.listen = self.listen.unwrap_or(settings.listen);
        settings.workers = self.workers.unwrap_or(settings.workers);
        settings.timeout = self.timeout.unwrap_or(settings.timeout);
        settings.records = self.records.clone().or(settings.records);
        let module = self.module.clone().or(settings.module);
        settings.module = Some(module.unwrap_or_else(|| root.join("dist/ambit.wasm")));
        settings.checked()
    }
}

pub(super) fn run(root: &Path, asked: &Asked) -> io::Result<ExitCode> {
    let settings = match asked.settings(root) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("ambit: {error}");
            return Ok(ExitCode::from(USAGE));
        }
    };
    if let Err(error) = settings.compiled() {
        eprintln!("{error}");
        return Ok(ExitCode::from(DOES_NOT_COMPILE));
    }
    let path = settings.module.clone().unwrap_or_default();
    let bytes = std::fs::read(&path).map_err(|error| {
        io::Error::new(error.kind(), format!("{}: {error}; see `make module`", path.display()))
    })?;
    let module = Module::compile(&bytes).map_err(io::Error::other)?;
    Runtime::new()?.block_on(serve(settings, &module))
}

async fn serve(settings: Settings, module: &Module) -> io::Result<ExitCode> {
    let shown = match (io::stdout().is_terminal(), &settings.records) {
        (true, _) => Shown::Lines(super::paint()),
        (false, None) => Shown::Records,
        (false, Some(_)) => Shown::Nothing,
    };
    let records = Records::new(settings.records.as_deref(), shown)?;
    let environment = environment(&settings)?;
    let log = |worker: usize, level: u32, line: &str| {
        if level >= WARN {
            eprintln!("worker {worker}: {line}");
        }
    };
    let policy = settings.policy.clone();
    // Before it is said that it listens: who reads that may end it at once.
    let mut hang_up = signal(SignalKind::hangup())?;
    let server = Server::start(settings, module, &environment, records, log).await;
    let server = server.map_err(io::Error::other)?;
    eprintln!(
        "ambit: {} on http://{}, HTTP/1.1 and HTTP/2; the module runs in wasmtime, without Envoy; \
         Ctrl-C ends it",
        policy.display(),
        server.address()
    );
    let mut seen = changed(&policy);
    let mut ended = std::pin::pin!(ended());
    loop {
        let again = tokio::select! {
            ended = ended.as_mut() => {
                ended?;
                break;
            }
            _ = hang_up.recv() => true,
            () = tokio::time::sleep(LOOK_EVERY) => changed(&policy) != seen,
        };
        if again {
            seen = changed(&policy);
            match server.reload().await {
                Ok(()) => eprintln!("ambit: {} is in force anew", policy.display()),
                Err(error) => eprintln!("ambit: the last good policy stays in force: {error}"),
            }
        }
    }
    eprintln!("ambit: what is on its way comes to its end");
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// The variable that the policy has its signing key from: as it is set, or else a key of this run's.
fn environment(settings: &Settings) -> io::Result<Vec<(String, String)>> {
    let policy = settings.compiled().map_err(io::Error::other)?;
    let policy: serde_json::Value = serde_json::from_str(&policy).map_err(io::Error::other)?;
    let name = policy.pointer("/approvals/signing_key/env").and_then(serde_json::Value::as_str);
    let Some(name) = name else { return Ok(Vec::new()) };
    let key = match std::env::var(name) {
        Ok(key) => key,
        Err(_) => {
            eprintln!("ambit: `{name}` is not set: approvals are signed with a key of this run's");
            URL_SAFE_NO_PAD.encode(ambit_test_harness::demo::issuer::seed()?)
        }
    };
    Ok(vec![(name.to_owned(), key)])
}

/// When the file was written last, and its length; nothing while there is none.
fn changed(policy: &Path) -> Option<(SystemTime, u64)> {
    let about = std::fs::metadata(policy).ok()?;
    Some((about.modified().ok()?, about.len()))
}

/// Ctrl-C, or a supervisor's signal; a hang-up reads the policy anew.
async fn ended() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
