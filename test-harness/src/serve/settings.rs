//! What a local gateway is started with: one small file, or the command line alone.

use ambit::policy::Policy;
use ambit::policy::read::{read_yaml, to_json};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The cluster that allowed requests go to.
pub const UPSTREAM: &str = "upstream";

/// A gateway's file. Paths in it are relative to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The policy, in YAML, or as `ambit compile` prints it where its name ends in `.json`.
    pub policy: PathBuf,
    /// Where agents connect, HTTP/1.1 and HTTP/2 on one port.
    pub listen: SocketAddr,
    /// Where allowed requests go.
    pub upstream: Option<Cluster>,
    /// Where the policy's issuers and look-ups are, by the names that the policy has for them.
    pub clusters: BTreeMap<String, Cluster>,
    /// Authorities that are trusted beside the machine's own, in PEM.
    pub ca: Option<PathBuf>,
    /// Worker threads, each with an instance of the module.
    pub workers: usize,
    /// The module; `dist/ambit.wasm` of the project's folder if nothing is said.
    pub module: Option<PathBuf>,
    /// A file that records are appended to, one a line; without it they are printed.
    pub records: Option<PathBuf>,
    /// What may be held of a body, in bytes (Envoy's `per_connection_buffer_limit_bytes`).
    pub buffer_limit: usize,
    /// Seconds from a whole request to its whole answer (Envoy's route `timeout`); 0 for streams
    /// without end.
    pub timeout: u64,
    /// Seconds in which nothing of an exchange moves (Envoy's `stream_idle_timeout`).
    pub idle_timeout: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policy: PathBuf::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 10000)),
            upstream: None,
            clusters: BTreeMap::new(),
            ca: None,
            workers: 2,
            module: None,
            records: None,
            buffer_limit: 1 << 20,
            timeout: 15,
            idle_timeout: 300,
        }
    }
}

/// An address that requests are sent to: `http://host:port`, `https://host:port`, or `h2c://host:port`
/// for HTTP/2 without TLS.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Cluster {
    /// Host and port.
    pub address: String,
    /// Whether HTTP/2 is spoken.
    pub http2: bool,
    /// Whether over TLS.
    pub tls: bool,
}

impl TryFrom<String> for Cluster {
    type Error = String;

    fn try_from(url: String) -> Result<Self, String> {
        let wrong = || format!("`{url}`: expected `http://`, `https://` or `h2c://` and host:port");
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let (http2, tls, port) = match scheme {
            "http" => (false, false, 80),
            "h2c" => (true, false, 80),
            "https" => (false, true, 443),
            _ => return Err(wrong()),
        };
        let host = rest.strip_suffix('/').unwrap_or(rest);
        let address = match host.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => host.to_owned(),
            None => format!("{host}:{port}"),
            Some(_) => return Err(wrong()),
        };
        if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
            return Err(wrong());
        }
        Ok(Self { address, http2, tls })
    }
}

impl Settings {
    /// Reads a gateway's file.
    ///
    /// # Errors
    /// It cannot be read, or is not of the format; the message says what was expected.
    pub fn read(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
        let source = read_yaml(&name, &text).map_err(|errors| errors.to_string())?;
        let mut settings: Self = serde_json::from_value(to_json(&source.root))
            .map_err(|error| format!("{name}: {error}"))?;
        let beside = |file: &mut PathBuf| *file = path.with_file_name("").join(&*file);
        beside(&mut settings.policy);
        settings.module.iter_mut().for_each(beside);
        settings.records.iter_mut().for_each(beside);
        settings.ca.iter_mut().for_each(beside);
        Ok(settings)
    }

    /// What of it cannot be.
    ///
    /// # Errors
    /// One sentence.
    pub fn checked(self) -> Result<Self, String> {
        if self.policy.as_os_str().is_empty() {
            return Err("no policy: expected `policy: policy.yaml`, or POLICY".to_owned());
        }
        if self.upstream.is_none() && !self.clusters.contains_key(UPSTREAM) {
            return Err(
                "no upstream: expected `upstream: http://host:port`, or --upstream".to_owned()
            );
        }
        if self.workers == 0 || self.buffer_limit == 0 || self.idle_timeout == 0 {
            return Err("`workers`, `buffer_limit` and `idle_timeout` are at least 1".to_owned());
        }
        Ok(self)
    }

    /// Every cluster by name, the upstream among them.
    #[must_use]
    pub fn all_clusters(&self) -> BTreeMap<String, Cluster> {
        let mut all = self.clusters.clone();
        all.extend(self.upstream.clone().map(|upstream| (UPSTREAM.to_owned(), upstream)));
        all
    }

    /// The policy as the module is given it.
    ///
    /// # Errors
    /// It cannot be read or does not compile: every error with its line.
    pub fn compiled(&self) -> Result<String, String> {
        let name = self.policy.display().to_string();
        let text =
            std::fs::read_to_string(&self.policy).map_err(|error| format!("{name}: {error}"))?;
        if self.policy.extension().is_some_and(|kind| kind == "json") {
            Policy::load(&name, text.as_bytes()).map_err(|errors| errors.to_string())?;
            return Ok(text);
        }
        Policy::load_yaml(&name, &text).map_err(|errors| errors.to_string())?;
        let source = read_yaml(&name, &text).map_err(|errors| errors.to_string())?;
        Ok(source.to_compiled_json())
    }

    /// From a whole request to its whole answer.
    pub(super) const fn within(&self) -> Option<Duration> {
        match self.timeout {
            0 => None,
            seconds => Some(Duration::from_secs(seconds)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(url: &str) -> Result<Cluster, String> {
        Cluster::try_from(url.to_owned())
    }

    #[test]
    fn a_cluster_is_a_host_and_a_port() {
        let plain = cluster("http://127.0.0.1:8080").unwrap();
        assert_eq!((plain.address.as_str(), plain.http2), ("127.0.0.1:8080", false));
        assert_eq!(cluster("http://api.example/").unwrap().address, "api.example:80");
        assert!(cluster("h2c://[::1]:9").unwrap().http2);
        let idp = cluster("https://idp.example").unwrap();
        assert_eq!((idp.address.as_str(), idp.tls), ("idp.example:443", true));
        for wrong in ["127.0.0.1:80", "ftp://a:443", "http://a:x", "http://a/b", "http://"] {
            assert!(cluster(wrong).unwrap_err().contains("expected"), "{wrong}");
        }
    }

    #[test]
    fn a_file_that_says_too_little_or_too_much_is_refused() {
        let parsed = |text: &str| {
            let source = read_yaml("gateway.yaml", text).unwrap();
            let settings: Result<Settings, _> = serde_json::from_value(to_json(&source.root));
            settings.map_err(|error| error.to_string()).and_then(Settings::checked)
        };
        let good = "policy: p.yaml\nupstream: http://a:1\nclusters: { idp: \"http://b:2\" }\n";
        assert_eq!(parsed(good).unwrap().all_clusters().len(), 2);
        assert!(parsed("policy: p.yaml").unwrap_err().contains("no upstream"));
        assert!(parsed("upstream: http://a:1").unwrap_err().contains("no policy"));
        assert!(parsed(&format!("{good}polcy: x")).unwrap_err().contains("polcy"));
        assert!(parsed(&format!("{good}workers: 0")).unwrap_err().contains("at least 1"));
    }
}
