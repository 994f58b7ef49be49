//! A gateway with everything around it: a development issuer, an upstream with real records, a real
//! Envoy with Ambit in it, and a tour that tells what is allowed and what is not.

pub mod gateway;
pub mod issuer;
pub mod live;
mod tour;
mod upstream;
pub mod web;

pub use tour::{print_commands, take};

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
    /// Envoy's own administration.
    pub const ADMIN: u16 = 10004;
}

/// Everything that runs.
#[derive(Debug)]
pub struct Demo {
    /// The development issuer.
    pub issuer: Arc<Issuer>,
    /// The upstream, with all it saw.
    pub upstream: Arc<Upstream>,
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
        issuer::serve(Arc::clone(&issuer), ports::ISSUER).await?;
        upstream::serve(Arc::clone(&upstream), ports::UPSTREAM).await?;
        let gateway = Gateway::start(root, "policies/demo/policy.yaml").await?;
        Ok(Self { issuer, upstream, gateway })
    }
}
