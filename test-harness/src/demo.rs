//! A gateway with everything around it: a development issuer, an upstream with real records, a real
//! Envoy with Ambit in it, and a tour that tells what is allowed and what is not.

pub mod gateway;
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
use std::path::Path;
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
}

/// Everything that runs; the issuer and the upstream end with the process.
#[derive(Debug)]
pub struct Demo {
    /// Envoy.
    pub gateway: Gateway,
}

impl Demo {
    /// Starts the issuer, the upstream and Envoy, and waits until a request is decided.
    ///
    /// # Errors
    /// A port is taken, the policy does not load, or Envoy does not start; the message says which.
    pub async fn start(root: &Path) -> io::Result<Self> {
        let issuer = Arc::new(Issuer::new()?);
        let upstream = Arc::new(Upstream::default());
        issuer::serve(issuer, ports::ISSUER).await?;
        upstream::serve(Arc::clone(&upstream), ports::UPSTREAM).await?;
        upstream::serve_seen(upstream, ports::SEEN).await?;
        let gateway = Gateway::start(root, "policies/demo/policy.yaml").await?;
        Ok(Self { gateway })
    }

    /// Whether another `ambit run` on this machine has everything running already.
    pub async fn is_running() -> bool {
        upstream::take_seen().await.is_ok()
    }
}
