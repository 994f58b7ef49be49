//! A gateway with everything around it: a development issuer, an upstream with real records, a real
//! Envoy with Ambit in it, and a tour that tells what is allowed and what is not.

pub mod gateway;
#[cfg(feature = "wasm-host")]
mod here;
pub mod issuer;
pub mod live;
mod tour;
mod upstream;
pub mod web;

pub use tour::{print_commands, take};
pub use upstream::Seen;

use gateway::Gateway;
use issuer::Issuer;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use upstream::Upstream;

/// Where everything listens.
pub mod ports {
    /// Envoy with Ambit: what agents talk to.
    pub const GATEWAY: u16 = 10000;
    /// The documents and tickets APIs, and the documents' index.
    pub const UPSTREAM: u16 = 10001;
    /// The development issuer: keys and tokens.
    pub const ISSUER: u16 = 10002;
    /// What the upstream saw since it was last asked, as JSON.
    pub const SEEN: u16 = 10003;
    /// Envoy's own administration.
    pub const ADMIN: u16 = 10004;

    /// Each port with what it is for.
    const ALL: [(u16, &str); 5] = [
        (GATEWAY, "Envoy with Ambit"),
        (UPSTREAM, "the upstream"),
        (ISSUER, "the development issuer"),
        (SEEN, "what the upstream saw"),
        (ADMIN, "Envoy's administration"),
    ];

    /// Whether all can be had. Envoy would share its port with another Envoy and say nothing: the
    /// kernel would then give each of them every other request.
    pub(super) fn free() -> std::io::Result<()> {
        let taken: Vec<String> = ALL
            .iter()
            .filter(|(port, _)| std::net::TcpListener::bind(("127.0.0.1", *port)).is_err())
            .map(|(port, what)| format!("127.0.0.1:{port} ({what})"))
            .collect();
        if taken.is_empty() {
            return Ok(());
        }
        Err(std::io::Error::other(format!(
            "in use by another program: {}; end it (another `make run`?) and try again",
            taken.join(", ")
        )))
    }
}

/// Everything that runs; the issuer and the upstream end with the process.
#[derive(Debug)]
pub struct Demo {
    /// Envoy; nothing where it cannot be had and the module runs in wasmtime instead.
    pub envoy: Option<Gateway>,
    /// The file that each decision's record is appended to, one a line.
    pub records: PathBuf,
    #[cfg(feature = "wasm-host")]
    here: Option<crate::serve::Server>,
}

impl Demo {
    /// Starts the issuer, the upstream and Envoy, and waits until a request is decided. Without Envoy
    /// a build that has wasmtime runs the module in that.
    ///
    /// # Errors
    /// A port is taken, the policy does not load, or Envoy does not start; the message says which.
    pub async fn start(root: &Path) -> io::Result<Self> {
        ports::free()?;
        let issuer = Arc::new(Issuer::new(root)?);
        let upstream = Arc::new(Upstream::default());
        issuer::serve(issuer, ports::ISSUER).await?;
        upstream::serve(Arc::clone(&upstream), ports::UPSTREAM).await?;
        let demo = Self::start_gateway(root).await?;
        // Last, because whoever finds it takes everything for ready.
        let records = std::fs::canonicalize(&demo.records)?;
        upstream::serve_seen(upstream, records, ports::SEEN).await?;
        Ok(demo)
    }

    async fn start_gateway(root: &Path) -> io::Result<Self> {
        #[cfg(feature = "wasm-host")]
        if gateway::envoy(root).is_err() {
            let records = root.join(gateway::RECORDS);
            return Ok(Self { envoy: None, records, here: Some(here::start(root).await?) });
        }
        let envoy = Gateway::start(root, "policies/demo/policy.yaml").await?;
        gateway::wait_until_it_has_keys(ports::GATEWAY, &envoy.records).await?;
        Ok(Self {
            records: envoy.records.clone(),
            envoy: Some(envoy),
            #[cfg(feature = "wasm-host")]
            here: None,
        })
    }

    /// When the gateway ends by itself: why.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub async fn ended(&mut self) -> io::Result<std::process::ExitStatus> {
        match &mut self.envoy {
            Some(envoy) => envoy.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Ends the gateway and waits for its end.
    pub async fn stop(self) {
        if let Some(envoy) = self.envoy {
            envoy.stop().await;
        }
        #[cfg(feature = "wasm-host")]
        if let Some(here) = self.here {
            here.stop().await;
        }
    }

    /// Where another `ambit run` on this machine writes its records, when one has everything
    /// running already.
    pub async fn running() -> Option<PathBuf> {
        upstream::records().await.ok()
    }
}
