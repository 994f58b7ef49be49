//! The demo's gateway where Envoy cannot be had: the same module in wasmtime, behind hyper.

use super::{gateway, issuer, ports};
use crate::proxy_host::Module;
use crate::serve::{Cluster, Records, Server, Settings, Shown};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::io;
use std::path::Path;

/// From a line of the module's log on that people want to see.
const WARN: u32 = 3;

/// Starts it with the demo's policy, on the demo's ports.
pub(super) async fn start(root: &Path) -> io::Result<Server> {
    let file = root.join("dist/ambit.wasm");
    let bytes = std::fs::read(&file).map_err(|error| {
        io::Error::new(error.kind(), format!("{}: {error}; run `make module`", file.display()))
    })?;
    let module = Module::compile(&bytes).map_err(io::Error::other)?;
    let records = root.join(gateway::RECORDS);
    std::fs::create_dir_all(root.join(".run"))?;
    std::fs::write(&records, "")?;
    let at = |port: u16| Cluster { address: format!("127.0.0.1:{port}"), http2: false, tls: false };
    let settings = Settings {
        policy: root.join("policies/demo/policy.yaml"),
        listen: ([127, 0, 0, 1], ports::GATEWAY).into(),
        upstream: Some(at(ports::UPSTREAM)),
        clusters: [("docs-index", ports::UPSTREAM), ("issuer", ports::ISSUER)]
            .map(|(name, port)| (name.to_owned(), at(port)))
            .into(),
        records: Some(records.clone()),
        ..Settings::default()
    };
    let key = URL_SAFE_NO_PAD.encode(issuer::seed()?);
    let environment = [("AMBIT_SIGNING_KEY".to_owned(), key)];
    let log = |worker: usize, level: u32, line: &str| {
        if level >= WARN {
            eprintln!("worker {worker}: {line}");
        }
    };
    let kept = Records::new(Some(&records), Shown::Nothing)?;
    let server = Server::start(settings, &module, &environment, kept, log).await;
    let server = server.map_err(io::Error::other)?;
    gateway::wait_until_it_has_keys(ports::GATEWAY, &records).await?;
    Ok(server)
}
