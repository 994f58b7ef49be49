//! One Envoy with three listeners: Ambit with the hardening that `envoy/envoy.yaml` recommends, Ambit
//! alone with Envoy's defaults, and the native filters.

use super::native;
use super::upstream::{self, Upstream};
use super::world::{self, Keys};
use crate::demo::gateway::{Gateway, Listener, Settings, configuration_of};
use serde_json::{Value, json};
use std::io;
use std::path::Path;

const ADMIN: u16 = 13200;
const INDEX: u16 = 13201;

/// A listener with an upstream of its own.
#[derive(Debug)]
pub(super) struct Target {
    /// Its name in the results.
    pub(super) name: &'static str,
    /// Where it listens.
    pub(super) port: u16,
    /// The header in which it tells the upstream who asks.
    pub(super) identity: &'static str,
    /// What gets its requests.
    pub(super) upstream: Upstream,
}

/// The running gateways.
#[derive(Debug)]
pub(super) struct Envoys {
    pub(super) targets: Vec<Target>,
    gateway: Gateway,
}

/// Name, listener, upstream, identity header.
const TARGETS: [(&str, u16, u16, &str); 3] = [
    ("ambit", 13210, 13211, "ambit"),
    ("ambit_alone", 13212, 13213, "ambit"),
    ("native", 13214, 13215, "x-auth-sub"),
];

impl Envoys {
    /// Starts everything.
    ///
    /// # Errors
    /// A port is taken, the module or Envoy is missing, or Envoy does not take its configuration.
    pub(super) async fn start(root: &Path, folder: &Path, keys: &Keys) -> io::Result<Self> {
        let policy = world::policy(keys).map_err(io::Error::other)?;
        upstream::serve(INDEX, |request| {
            let document = request.target.rsplit('/').next().unwrap_or_default();
            match world::tenant_of(document) {
                Some(tenant) => (200, json!({ "tenant": tenant }).to_string()),
                None => (404, "{}".to_owned()),
            }
        })?;
        let mut targets = Vec::new();
        let mut clusters = vec![("index".to_owned(), INDEX)];
        for (name, port, behind, identity) in TARGETS {
            targets.push(Target { name, port, identity, upstream: Upstream::start(behind)? });
            clusters.push((cluster(name), behind));
        }
        let listeners = targets
            .iter()
            .map(|target| Listener {
                port: target.port,
                policy: policy.clone(),
                records: folder.join(format!("records-{}.log", target.name)),
            })
            .collect();
        let settings = Settings {
            listeners,
            admin: ADMIN,
            signing_key: "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk".to_owned(),
            clusters,
            module: root.join("dist/ambit.wasm"),
            workers: 1,
        };
        std::fs::create_dir_all(folder)?;
        let mut configuration = configuration_of(&settings);
        configure(&mut configuration, keys);
        let gateway = Gateway::launch(root, folder, &settings, &configuration).await?;
        Ok(Self { targets, gateway })
    }

    /// Ends Envoy.
    pub(super) async fn stop(self) {
        self.gateway.stop().await;
    }
}

fn cluster(name: &str) -> String {
    format!("upstream-{name}")
}

/// Each listener gets its upstream and what makes it differ.
fn configure(configuration: &mut Value, keys: &Keys) {
    let listeners = configuration.pointer_mut("/static_resources/listeners");
    let listeners = listeners.and_then(Value::as_array_mut).into_iter().flatten();
    for (listener, (name, ..)) in listeners.zip(TARGETS) {
        let manager = listener.pointer_mut("/filter_chains/0/filters/0/typed_config");
        let Some(Value::Object(manager)) = manager else { continue };
        let hosts = match name {
            "native" => native::virtual_hosts(&cluster(name)),
            _ => json!([{
                "name": "upstream",
                "domains": ["*"],
                "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": cluster(name) } }],
            }]),
        };
        manager.insert("route_config".to_owned(), json!({ "virtual_hosts": hosts }));
        if name == "ambit_alone" {
            // Trailers of HTTP/1.1 reach it, and the upstream, too.
            manager.insert("http_protocol_options".to_owned(), json!({ "enable_trailers": true }));
            continue;
        }
        manager.insert("path_with_escaped_slashes_action".to_owned(), json!("REJECT_REQUEST"));
        manager.insert(
            "common_http_protocol_options".to_owned(),
            json!({ "headers_with_underscores_action": "REJECT_REQUEST" }),
        );
        manager.insert("request_headers_timeout".to_owned(), json!("10s"));
        manager.insert("stream_idle_timeout".to_owned(), json!("60s"));
        if name == "native" {
            manager.insert("normalize_path".to_owned(), json!(true));
            manager.insert("merge_slashes".to_owned(), json!(true));
            manager.insert("server_header_transformation".to_owned(), json!("OVERWRITE"));
            let router = manager.get("http_filters").and_then(|filters| filters.get(1).cloned());
            let filters: Vec<Value> = native::filters(keys).into_iter().chain(router).collect();
            manager.insert("http_filters".to_owned(), json!(filters));
        }
    }
    let clusters = configuration.pointer_mut("/static_resources/clusters");
    for cluster in clusters.and_then(Value::as_array_mut).into_iter().flatten() {
        if cluster.get("name").and_then(Value::as_str) == Some("upstream-ambit_alone") {
            let kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
            let options = json!({ kind: {
                "@type": format!("type.googleapis.com/{kind}"),
                "explicit_http_config": { "http_protocol_options": { "enable_trailers": true } },
            } });
            if let Some(cluster) = cluster.as_object_mut() {
                cluster.insert("typed_extension_protocol_options".to_owned(), options);
            }
        }
    }
}
