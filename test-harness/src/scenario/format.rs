//! The file format.

use super::token::{key, rsa_key, sender};
use crate::proof::{self, About, Proof};
use crate::suite::{Case, Cell, Target};
use ambit::policy::node::{Kind, Node};
use ambit::policy::read::{read_yaml, to_json};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// One file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// The policy, in YAML; `JWK` stands for the test issuer's key.
    #[serde(default)]
    pub policy: String,
    /// Instead: a policy beside this file, whose issuers all get the test issuer's key.
    #[serde(default)]
    pub policy_path: String,
    /// Claims of every token of this file, over the good ones.
    #[serde(default)]
    pub token_defaults: Map<String, Value>,
    /// Members of the header of every token of this file, over the good ones; null takes one away.
    /// With `alg: RS256` the test issuer has an RSA key, else one on P-256.
    #[serde(default)]
    pub token_header_defaults: Map<String, Value>,
    /// The host of every request that says none.
    #[serde(default = "host")]
    pub host: String,
    /// What clusters answer: cluster, then path (`*` for every other).
    #[serde(default)]
    pub clusters: BTreeMap<String, BTreeMap<String, Scripted>>,
    /// What the upstream answers.
    #[serde(default)]
    pub upstream: Scripted,
    /// Single requests, each with what must come of it.
    #[serde(default)]
    pub requests: Vec<Ask>,
    /// For `cases`: users by name, with the claims they add to a token; null is nobody's, no token.
    #[serde(default)]
    pub subjects: BTreeMap<String, Option<Map<String, Value>>>,
    /// For `cases`: agents by name, with the claims they add over the user's.
    #[serde(default)]
    pub actors: BTreeMap<String, Map<String, Value>>,
    /// For `cases`: what is asked for, by name.
    #[serde(default)]
    pub targets: BTreeMap<String, Target>,
    /// Tables of subjects, actors and targets; they become requests when the file is read.
    #[serde(default)]
    pub cases: Vec<Case>,
}

/// A scripted answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scripted {
    /// Status.
    #[serde(default = "ok")]
    pub status: u16,
    /// Headers beside `content-type: application/json`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Body.
    #[serde(default)]
    pub body: String,
    /// Trailers.
    #[serde(default)]
    pub trailers: BTreeMap<String, String>,
    /// Milliseconds before it comes.
    #[serde(default)]
    pub delay: u64,
    /// Whether instead the connection is closed without a word.
    #[serde(default)]
    pub reset: bool,
}

const fn ok() -> u16 {
    200
}

impl Default for Scripted {
    fn default() -> Self {
        Self {
            status: 200,
            headers: BTreeMap::new(),
            body: "{}".to_owned(),
            trailers: BTreeMap::new(),
            delay: 0,
            reset: false,
        }
    }
}

/// One request, and what must come of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// A sentence.
    pub name: String,
    /// Claims of the token, over the good ones of alice's agent `bot`; null takes one away. None
    /// without a token.
    #[serde(default)]
    pub token: Option<Map<String, Value>>,
    /// `forged`: signed by another key. `header`: header members over the good ones.
    #[serde(default)]
    pub forged: bool,
    /// Members of the token's header over the good ones.
    #[serde(default)]
    pub token_header: Map<String, Value>,
    /// A proof of possession that comes with the token; without one it is a bearer token.
    #[serde(default)]
    pub dpop: Option<Proof>,
    /// Method.
    #[serde(default = "get")]
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Host.
    #[serde(default)]
    pub host: String,
    /// More headers: name and value; `\xNN` in a value is that byte.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body in pieces.
    #[serde(default)]
    pub chunks: Vec<String>,
    /// Trailers.
    #[serde(default)]
    pub trailers: Vec<(String, String)>,
    /// Another answer of the upstream than the file's.
    #[serde(default)]
    pub upstream: Option<Scripted>,
    /// What must come of it.
    pub expect: Expect,
    /// Instead: what the table it comes from says of it.
    #[serde(skip)]
    pub cell: Option<Cell>,
}

pub(crate) fn get() -> String {
    "GET".to_owned()
}

fn host() -> String {
    "api.example.com".to_owned()
}

/// What must come of a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Status the client gets.
    pub status: u16,
    /// Reason code in the record.
    pub reason: String,
    /// What the upstream must see; nothing may reach it where this is left out.
    #[serde(default)]
    pub upstream: Option<Sighting>,
    /// Texts the client's answer must hold, headers or body.
    #[serde(default)]
    pub client: Vec<String>,
    /// Rules that determined the decision.
    #[serde(default)]
    pub rules: Vec<String>,
    /// Members of the record, by JSON pointer.
    #[serde(default)]
    pub record: BTreeMap<String, Value>,
}

/// What the upstream must see.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sighting {
    /// Path and query.
    pub path: String,
    /// Body.
    #[serde(default)]
    pub body: String,
    /// Texts that headers of these names must hold.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Texts that trailers of these names must hold.
    #[serde(default)]
    pub trailers: BTreeMap<String, String>,
    /// Names that must be neither among the headers nor among the trailers.
    #[serde(default)]
    pub absent: Vec<String>,
}

impl ScenarioFile {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is not of the format.
    pub fn read(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
        let source = read_yaml(&name, &text).map_err(|errors| errors.to_string())?;
        let mut file: Self = serde_json::from_value(to_json(&source.root))
            .map_err(|error| format!("{name}: {error}"))?;
        if !file.policy_path.is_empty() {
            let beside = path.with_file_name(&file.policy_path);
            file.policy_path = beside.display().to_string();
            file.policy = std::fs::read_to_string(&beside)
                .map_err(|error| format!("{}: {error}", beside.display()))?;
        }
        let cells = crate::suite::expand(&file).map_err(|error| format!("{name}: {error}"))?;
        file.requests.extend(cells);
        for ask in &mut file.requests {
            if ask.host.is_empty() {
                ask.host.clone_from(&file.host);
            }
            if let Some(claims) = &mut ask.token {
                let own = std::mem::replace(claims, file.token_defaults.clone());
                claims.extend(own);
            }
            let own = std::mem::replace(&mut ask.token_header, file.token_header_defaults.clone());
            ask.token_header.extend(own);
        }
        if file.requests.is_empty() {
            return Err(format!("{name}: no request is asked"));
        }
        Ok(file)
    }

    /// The policy with the test issuer's key in it, in YAML.
    #[must_use]
    pub fn policy(&self) -> String {
        self.policy.replace("JWK", &key().jwk("k1").to_string())
    }

    /// The policy as a gateway is given it, with the test issuer's key in it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn compiled(&self) -> Result<String, String> {
        let name = if self.policy_path.is_empty() { "policy" } else { &self.policy_path };
        let mut source = read_yaml(name, &self.policy()).map_err(|errors| errors.to_string())?;
        if !self.policy_path.is_empty() {
            let rsa =
                self.token_header_defaults.get("alg").and_then(Value::as_str) == Some("RS256");
            let key = if rsa { rsa_key(false) } else { key() };
            let keys = format!("inline: {{ keys: [{}] }}", key.jwk("k1"));
            let keys = read_yaml("keys", &keys).map_err(|errors| errors.to_string())?;
            for issuer in issuers(&mut source.root) {
                if let Some(jwks) = member(issuer, "jwks") {
                    *jwks = keys.root.clone();
                }
            }
        }
        Ok(source.to_compiled_json())
    }

    /// What a cluster answers for a path.
    #[must_use]
    pub fn cluster(&self, cluster: &str, path: &str) -> Option<&Scripted> {
        let paths = self.clusters.get(cluster)?;
        paths.get(path).or_else(|| paths.get("*"))
    }
}

/// The issuers of a policy's tree.
fn issuers(root: &mut Node) -> Vec<&mut Node> {
    let issuers = member(root, "identity").and_then(|identity| member(identity, "issuers"));
    match issuers.map(|node| &mut node.kind) {
        Some(Kind::List(list)) => list.iter_mut().collect(),
        _ => Vec::new(),
    }
}

fn member<'a>(node: &'a mut Node, name: &str) -> Option<&'a mut Node> {
    match &mut node.kind {
        Kind::Map(entries) => {
            entries.iter_mut().find(|entry| entry.name == name).map(|entry| &mut entry.value)
        }
        _ => None,
    }
}

impl Ask {
    /// As [`Ask::header_bytes`], as a gateway hands them on: names in lower case.
    #[must_use]
    pub fn lower_headers(&self, token: Option<&str>) -> Vec<(String, Vec<u8>)> {
        let lower = |(name, value): (String, Vec<u8>)| (name.to_ascii_lowercase(), value);
        self.header_bytes(token).into_iter().map(lower).collect()
    }

    /// Its headers as bytes, the token among them.
    #[must_use]
    pub fn header_bytes(&self, token: Option<&str>) -> Vec<(String, Vec<u8>)> {
        let mut headers = Vec::new();
        let scheme = self.dpop.as_ref().map_or("Bearer", |proof| &proof.scheme);
        if let Some(token) = token {
            headers.push(("authorization".to_owned(), format!("{scheme} {token}").into_bytes()));
        }
        if let (Some(token), Some(proof)) = (token, self.dpop.as_ref().filter(|p| !p.missing)) {
            let path = self.path.split('?').next().unwrap_or_default();
            let uri = format!("http://{}{path}", self.host);
            let about = About { token, method: &self.method, uri: &uri, id: &self.name };
            let mut proof = proof.clone();
            if proof.header.get("jwk").and_then(Value::as_str) == Some("SENDER") {
                proof.header.insert("jwk".to_owned(), proof::public(&sender(false)));
            }
            let value = proof.sign(&sender(proof.forged), &about);
            headers.push(("dpop".to_owned(), value.into_bytes()));
        }
        headers.extend(self.headers.iter().map(|(name, value)| (name.clone(), bytes(value))));
        headers
    }
}

/// Text with `\xNN` for bytes that YAML cannot hold.
fn bytes(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        out.extend(u8::from_str_radix(digits, 16));
        out.extend(rest.as_bytes());
    }
    out
}
