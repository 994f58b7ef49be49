//! A real Envoy with Ambit in it, as a child of this process.

use super::ports;
use ambit::policy::Policy;
use ambit::policy::read::read_yaml;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// How long Envoy may take to compile the module and open its ports.
const START_TRIES: u32 = 300;
/// How often it is asked for keys, and how many answers in a row mean that all workers have them.
const KEY_TRIES: u32 = 250;
const READY_IN_A_ROW: u32 = 16;
/// Envoy writes its access log with a delay.
const LOG_DELAY: Duration = Duration::from_millis(150);

/// Where the demo's records go, below the project's folder.
pub const RECORDS: &str = ".run/records.log";

/// A running Envoy. It ends when this value does.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    /// The file that each decision's record is appended to, one a line.
    pub records: PathBuf,
}

/// One listener: a port, the policy behind it, and where its records go.
#[derive(Clone, Debug)]
pub struct Listener {
    /// The port agents talk to.
    pub port: u16,
    /// The compiled policy, as the module is given it.
    pub policy: String,
    /// The file that each decision's record is appended to.
    pub records: PathBuf,
}

/// What an Envoy is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its listeners.
    pub listeners: Vec<Listener>,
    /// Envoy's administration.
    pub admin: u16,
    /// `AMBIT_SIGNING_KEY`: an Ed25519 seed in base64url.
    pub signing_key: String,
    /// Cluster names with the ports they stand for, all on 127.0.0.1; `upstream` gets the requests.
    pub clusters: Vec<(String, u16)>,
    /// The module.
    pub module: PathBuf,
    /// Worker threads.
    pub workers: u32,
}

impl Gateway {
    /// Loads the policy, writes Envoy's configuration, starts it, and waits until it decides.
    ///
    /// # Errors
    /// The policy does not load, the module or Envoy is missing, or Envoy ends early.
    pub async fn start(root: &Path, policy: &str) -> io::Result<Self> {
        let folder = root.join(".run");
        let listener = Listener {
            port: ports::GATEWAY,
            policy: compiled(root, policy)?,
            records: root.join(RECORDS),
        };
        let settings = Settings {
            listeners: vec![listener],
            admin: ports::ADMIN,
            signing_key: URL_SAFE_NO_PAD.encode(super::issuer::seed()?),
            clusters: vec![
                ("upstream".to_owned(), ports::UPSTREAM),
                ("docs-index".to_owned(), ports::UPSTREAM),
                ("issuer".to_owned(), ports::ISSUER),
            ],
            module: root.join("dist/ambit.wasm"),
            workers: 2,
        };
        Self::start_with(root, &folder, &settings).await
    }

    /// As [`Gateway::start`], with everything said.
    ///
    /// # Errors
    /// As there.
    pub async fn start_with(root: &Path, folder: &Path, settings: &Settings) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        for listener in &settings.listeners {
            std::fs::write(&listener.records, "")?;
        }
        Self::launch(root, folder, settings, &configuration_of(settings)).await
    }

    /// Starts Envoy with a configuration of the caller's, and waits for the settings' listeners.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub async fn launch(
        root: &Path,
        folder: &Path,
        settings: &Settings,
        configuration: &Value,
    ) -> io::Result<Self> {
        let mut gateway = Self::spawn(root, folder, settings, configuration)?;
        for listener in &settings.listeners {
            gateway.wait_until_it_decides(listener.port, folder).await?;
            std::fs::write(&listener.records, "")?;
        }
        Ok(gateway)
    }

    /// Starts Envoy with a configuration of the caller's, and waits for nothing.
    ///
    /// # Errors
    /// The module or Envoy is missing, or a file cannot be written.
    pub fn spawn(
        root: &Path,
        folder: &Path,
        settings: &Settings,
        configuration: &Value,
    ) -> io::Result<Self> {
        let file = folder.join("envoy.json");
        std::fs::write(&file, serde_json::to_string_pretty(configuration)?)?;
        if !settings.module.is_file() {
            return Err(io::Error::other(format!(
                "{} is not there: run `make module`",
                settings.module.display()
            )));
        }
        let envoy = envoy(root)?;
        let log = std::fs::File::create(folder.join("envoy.log"))?;
        let child = Command::new(envoy)
            .arg("-c")
            .arg(&file)
            .args([
                "--use-dynamic-base-id",
                "--log-level",
                "info",
                "--file-flush-interval-msec",
                "50",
            ])
            .arg("--concurrency")
            .arg(settings.workers.to_string())
            .env("AMBIT_SIGNING_KEY", &settings.signing_key)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A Ctrl-C at the terminal is this process's to handle; it ends Envoy itself.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let first = settings.listeners.first().map(|listener| listener.records.clone());
        Ok(Self { child, records: first.unwrap_or_default() })
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for Envoy's own end.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub async fn ended(&mut self) -> io::Result<std::process::ExitStatus> {
        self.child.wait().await
    }

    /// Ends Envoy and waits for its end.
    pub async fn stop(mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.child.kill().await;
    }

    /// Waits until something but a 503 comes back: a filter without its module answers 503.
    async fn wait_until_it_decides(&mut self, port: u16, folder: &Path) -> io::Result<()> {
        let unknown = "Bearer e30.e30.e30".to_owned();
        for _ in 0..START_TRIES {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!(
                    "Envoy ended ({status}); the end of {}:\n{}",
                    folder.join("envoy.log").display(),
                    tail(&folder.join("envoy.log"))
                )));
            }
            let headers = [("authorization".to_owned(), unknown.clone())];
            let asked = super::web::send(port, "GET", "/ready", &headers, "");
            if let Ok(Ok(answer)) = tokio::time::timeout(Duration::from_secs(2), asked).await
                // 503 is an Envoy whose module is not there yet. In shadow mode everything passes.
                && answer.status() != 503
            {
                // Envoy writes its access log with a delay; what it wrote of this is dropped.
                tokio::time::sleep(LOG_DELAY).await;
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(io::Error::other("Envoy did not become ready within 30 seconds"))
    }
}

/// Waits until every worker has its issuer's keys, which it fetches at its first tick.
///
/// # Errors
/// It still has none after ten seconds.
pub(super) async fn wait_until_it_has_keys(port: u16, records: &Path) -> io::Result<()> {
    // Connections fall on workers as the kernel likes: none of many says it has no keys.
    let mut ready: u32 = 0;
    for _ in 0..KEY_TRIES {
        let token = super::issuer::Wanted::new("nobody", "nobody").fetch().await?;
        let headers = [("authorization".to_owned(), format!("Bearer {token}"))];
        let answer = super::web::send(port, "GET", "/ready", &headers, "").await?;
        ready = if answer.status() == 503 { 0 } else { ready.saturating_add(1) };
        if ready == READY_IN_A_ROW {
            tokio::time::sleep(LOG_DELAY).await;
            return std::fs::write(records, "");
        }
        if ready == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Err(io::Error::other("the gateway has no keys of its issuer; see .run/envoy.log, or above"))
}

/// The policy as a gateway is given it, checked first; all errors at once.
///
/// # Errors
/// The file cannot be read, or the policy does not load.
pub fn compiled(root: &Path, policy: &str) -> io::Result<String> {
    let text = read(root, policy)?;
    Policy::load_yaml(policy, &text).map_err(|errors| io::Error::other(errors.to_string()))?;
    let source = read_yaml(policy, &text).map_err(|errors| io::Error::other(errors.to_string()))?;
    Ok(source.to_compiled_json())
}

/// A file of the project's folder, with its name in the error.
pub(super) fn read(root: &Path, file: &str) -> io::Result<String> {
    let path = root.join(file);
    std::fs::read_to_string(&path).map_err(|error| {
        io::Error::new(error.kind(), format!("{}: {error}; see --root", path.display()))
    })
}

/// Where Envoy is: `AMBIT_ENVOY`, or where `make envoy` puts it.
///
/// # Errors
/// It is not there.
pub fn envoy(root: &Path) -> io::Result<PathBuf> {
    let path = std::env::var_os("AMBIT_ENVOY")
        .map_or_else(|| root.join(".run/envoy-1.40.0/envoy/_bin/envoy"), PathBuf::from);
    match path.is_file() {
        true => Ok(path),
        false => Err(io::Error::other(format!("no Envoy at {}: run `make envoy`", path.display()))),
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().rev().take(15).rev().copied().collect::<Vec<_>>().join("\n")
}

/// Envoy's configuration. What each setting is for stands in envoy/README.md.
#[must_use]
pub fn configuration_of(settings: &Settings) -> Value {
    let listeners: Vec<Value> =
        settings.listeners.iter().map(|one| listener(settings, one)).collect();
    let clusters: Vec<Value> = settings
        .clusters
        .iter()
        .map(|(name, port)| {
            json!({
                "name": name,
                "connect_timeout": "1s",
                "type": "STATIC",
                "load_assignment": {
                    "cluster_name": name,
                    "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(*port) } }] }],
                },
            })
        })
        .collect();
    json!({
        "admin": { "address": address(settings.admin) },
        "static_resources": { "listeners": listeners, "clusters": clusters },
    })
}

fn address(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}

/// One listener's configuration.
#[must_use]
pub fn listener(settings: &Settings, listener: &Listener) -> Value {
    let record = json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": listener.records,
            "log_format": {
                "text_format_source": {
                    "inline_string": "%FILTER_STATE(wasm.ambit_record:PLAIN)%\n"
                }
            },
        },
    });
    let ambit = json!({
        "name": "ambit",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "ambit",
                "root_id": "ambit",
                "failure_policy": "FAIL_CLOSED",
                "allow_on_headers_stop_iteration": true,
                "vm_config": {
                    "vm_id": "ambit",
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": settings.module } },
                    "environment_variables": { "host_env_keys": ["AMBIT_SIGNING_KEY"] },
                },
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": listener.policy,
                },
            },
        },
    });
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
        },
    });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.\
                  http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "agents",
        "use_remote_address": true,
        "normalize_path": false,
        "merge_slashes": false,
        "http2_protocol_options": { "max_concurrent_streams": 100 },
        "access_log": [record],
        "route_config": {
            "virtual_hosts": [{
                "name": "upstream",
                "domains": ["*"],
                "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "upstream" } }],
            }],
        },
        "http_filters": [ambit, router],
    });
    json!({
        "name": format!("agents-{}", listener.port),
        "address": address(listener.port),
        "per_connection_buffer_limit_bytes": 1_048_576,
        "filter_chains": [{
            "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager,
            }],
        }],
    })
}
