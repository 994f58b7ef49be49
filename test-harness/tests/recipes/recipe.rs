//! One recipe: its text, the settings it has, and an Envoy that runs it.

use crate::wire;
use ambit::identity::issue::SigningKey;
use ambit::policy::read::{read_yaml, to_json};
use ambit_test_harness::demo::gateway::{Gateway, Listener, Settings};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The ports that recipes name, in the order of those they get in a test.
const PORTS: [&str; 4] = ["10000", "10001", "9901", "443"];
/// 32 bytes in base64url.
const SIGNING_KEY: &str = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk";

pub const NAMES: [&str; 6] = ["capabilities", "mtls", "remote-jwks", "shadow", "smallest", "tag"];

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What a recipe says.
pub fn text(name: &str) -> String {
    std::fs::read_to_string(root().join(format!("envoy/recipes/{name}.yaml"))).unwrap()
}

pub fn parsed(text: &str) -> Value {
    to_json(&read_yaml("recipe", text).unwrap().root)
}

/// A recipe with this test's ports, files and keys in it.
pub struct Recipe {
    pub gateway: u16,
    pub upstream: u16,
    pub admin: u16,
    /// Where a recipe fetches keys.
    pub issuer: u16,
    pub folder: PathBuf,
    name: &'static str,
}

impl Recipe {
    /// With four ports of its own from `port` on.
    pub fn new(name: &'static str, port: u16) -> Self {
        let folder = root().join("target/recipes").join(format!("{name}-{port}"));
        std::fs::create_dir_all(&folder).unwrap();
        Self { gateway: port, upstream: port + 1, admin: port + 2, issuer: port + 3, folder, name }
    }

    pub fn certificates(&self) -> PathBuf {
        self.folder.join("certs")
    }

    /// The text, with nothing changed but what a reader of it changes too.
    fn filled(&self) -> String {
        let mut text = text(self.name);
        let ports = [self.gateway, self.upstream, self.admin, self.issuer];
        for (written, port) in PORTS.iter().zip(ports) {
            text =
                text.replace(&format!("port_value: {written}}}"), &format!("port_value: {port}}}"));
        }
        text.replace("address: idp.example.com,", "address: 127.0.0.1,")
            .replace("filename: certs/", &format!("filename: {}/", self.certificates().display()))
            .replace("dist/ambit.wasm", &root().join("dist/ambit.wasm").display().to_string())
            .replace(r#""keys": []"#, &format!(r#""keys": [{}]"#, key().jwk("k1")))
    }

    /// Starts Envoy with it, and waits until it answers.
    pub async fn start(&self) -> Gateway {
        let settings = Settings {
            listeners: vec![Listener {
                port: self.gateway,
                policy: String::new(),
                records: self.folder.join("envoy.log"),
            }],
            admin: self.admin,
            signing_key: SIGNING_KEY.to_owned(),
            clusters: Vec::new(),
            module: root().join("dist/ambit.wasm"),
            workers: 1,
        };
        let configuration = parsed(&self.filled());
        let gateway = Gateway::spawn(&root(), &self.folder, &settings, &configuration).unwrap();
        for _ in 0..300 {
            let ready = wire::ask(self.admin, None, "GET", "/ready", &[]).await;
            if ready.is_ok_and(|(status, _)| status == 200) {
                return gateway;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{}", self.log());
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("envoy.log")).unwrap()
    }

    /// Waits until Envoy's log says something.
    pub async fn logged(&self, what: &str) {
        for _ in 0..200 {
            if self.log().contains(what) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not logged: {what}: {}", self.log());
    }

    /// The records so far; the recipes write them to Envoy's standard output.
    pub async fn records(&self, at_least: usize) -> Vec<Value> {
        for _ in 0..100 {
            let log = self.log();
            let lines = log.lines().filter(|line| line.starts_with('{'));
            let found: Vec<Value> =
                lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
            if found.len() >= at_least {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no {at_least} records: {}", self.log());
    }
}

/// The test issuer's key.
pub fn key() -> SigningKey {
    SigningKey::es256_from_seed(&[7; 32]).unwrap()
}

/// An `Authorization` header with alice's token for an agent.
pub fn bearer(key: &SigningKey, agent: &str, scope: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": "https://idp.example.com", "sub": "alice", "client_id": agent,
        "aud": "https://api.example.com", "scope": scope, "iat": now, "exp": now + 300, "jti": "t1",
    });
    let token = key.sign(&json!({ "alg": key.algorithm(), "typ": "at+jwt", "kid": "k1" }), &claims);
    format!("Bearer {token}")
}
