//! Requests that the module sends to clusters, and how they end.

use super::message::{Headers, Response, first};

/// A request that the module sends to a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callout {
    /// The cluster's name.
    pub cluster: String,
    /// Headers, pseudo headers among them.
    pub headers: Headers,
    /// Body.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: Headers,
    /// When the module gives up, in milliseconds.
    pub timeout: u32,
}

impl Callout {
    /// `:path`.
    #[must_use]
    pub fn path(&self) -> String {
        first(&self.headers, ":path").unwrap_or_default()
    }
}

/// How a callout ends.
#[derive(Clone, Debug)]
pub enum CalloutAnswer {
    /// With this response.
    Response(Response),
    /// Without one: a reset, or an answer larger than the buffer.
    Reset,
    /// When the test says ([`super::Gateway::answer`]).
    ByHand,
    /// Not at all.
    Never,
    /// The call is not even sent: the gateway does not know the cluster.
    UnknownCluster,
}

impl CalloutAnswer {
    /// What Envoy tells of a cluster where nobody listens.
    #[must_use]
    pub fn down() -> Self {
        let body = "upstream connect error or disconnect/reset before headers. \
                    reset reason: remote connection failure";
        Self::Response(Response::new(503).header("content-type", "text/plain").body(body))
    }

    /// What Envoy tells of an answer that did not come in time.
    #[must_use]
    pub fn late() -> Self {
        let answer = Response::new(504).header("content-type", "text/plain");
        Self::Response(answer.body("upstream request timeout"))
    }

    /// Whether the host can tell its end by itself.
    pub(super) const fn is_scripted(&self) -> bool {
        matches!(self, Self::Response(_) | Self::Reset)
    }
}
