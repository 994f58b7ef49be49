//! Reading a file: its policy, shared fixtures, and what a token says where the file does not.

use super::format::{Ask, ScenarioFile, Scripted, Signer, TestIssuer};
use super::token::{key, test_key};
use crate::suite::{self, fixtures};
use ambit::Timestamp;
use ambit::policy::document::{ActorMode, Document};
use ambit::policy::node::{Kind, Node};
use ambit::policy::read::{read_yaml, to_json};
use ambit::policy::walk::walk;
use ambit::policy::{Policy, document};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use serde_path_to_error::Segment;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

/// Why a file cannot be used.
#[derive(Clone, Debug)]
pub enum ReadError {
    /// It, or what it names, cannot be read or is not of the format.
    File(String),
    /// Its policy does not compile: every error with its place.
    Policy(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(text) | Self::Policy(text) => f.write_str(text),
        }
    }
}

impl From<String> for ReadError {
    fn from(text: String) -> Self {
        Self::File(text)
    }
}

impl ScenarioFile {
    /// Reads a file, and beside it the policy and the fixtures it names.
    ///
    /// # Errors
    /// It cannot be read, is not of the format, or its policy does not compile.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
        let mut file: Self = typed(&name, &text)?;
        fixtures::share(path, &mut file)?;
        file.find_policy(path)?;
        file.know_policy(path)?;
        let named = |error: String| format!("{name}: {error}");
        let cells = suite::expand(&file).map_err(named)?;
        file.requests.extend(cells);
        if file.requests.is_empty() {
            return Err(named("no request is asked".to_owned()).into());
        }
        let mut requests = std::mem::take(&mut file.requests);
        for ask in &mut requests {
            file.complete(ask).map_err(named)?;
        }
        file.requests = requests;
        Ok(file)
    }

    fn find_policy(&mut self, path: &Path) -> Result<(), ReadError> {
        if self.policy.is_empty() && self.policy_path.is_empty() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let stem = name.strip_suffix("_test.yaml").ok_or_else(|| {
                format!("{}: say `policy_path`, the policy it tests", path.display())
            })?;
            self.policy_path = format!("{stem}.yaml");
        }
        if !self.policy_path.is_empty() {
            let beside = path.with_file_name(&self.policy_path);
            self.policy_path = beside.display().to_string();
            self.policy = std::fs::read_to_string(&beside)
                .map_err(|error| format!("{}: {error}", beside.display()))?;
        }
        Ok(())
    }

    /// Takes from the policy what tokens and requests have where the file says nothing.
    fn know_policy(&mut self, path: &Path) -> Result<(), ReadError> {
        if self.policy_path.is_empty() {
            // Written for the test issuer, whose tokens are known.
            self.issuers = vec![TestIssuer::default()];
            if self.host.is_empty() {
                self.host = "api.example.com".to_owned();
            }
        } else {
            let loaded = Policy::load_yaml(&self.policy_path, &self.policy)
                .map_err(|errors| ReadError::Policy(errors.to_string()))?;
            self.issuers = loaded.issuers.iter().map(TestIssuer::of).collect();
            let policy = &loaded.policy;
            let line = |(at, id): (u32, &str)| (id.to_owned(), policy.rule_place(at).line);
            self.rule_lines = (0..).zip(policy.rule_ids()).map(line).collect();
            let document = self.document()?;
            self.signing_key = document.approvals.signing_key.clone().unwrap_or_default();
            self.follow(&document);
        }
        if self.suite.is_empty() {
            let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            let folder = whole.parent().and_then(Path::file_name).unwrap_or_default();
            self.suite = folder.to_string_lossy().into_owned();
        }
        Ok(())
    }

    /// The policy as its author wrote it; one that loads.
    fn document(&self) -> Result<Document, ReadError> {
        let source = read_yaml(&self.policy_path, &self.policy)
            .map_err(|errors| ReadError::Policy(errors.to_string()))?;
        Ok(walk(&source).0)
    }

    fn follow(&mut self, document: &Document) {
        let audiences: BTreeSet<&String> =
            document.resources.values().filter_map(|it| it.audience.as_ref()).collect();
        let host = |url: &String| {
            let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            rest.split('/').next().unwrap_or_default().to_owned()
        };
        if self.host.is_empty() {
            self.host = audiences.first().map(|url| host(url)).unwrap_or_default();
        }
        if let Some(issuer) = self.issuers.first() {
            let own = json!(issuer.name);
            self.token_defaults.entry("iss").or_insert(own);
        }
        let all: Vec<&String> = audiences.into_iter().collect();
        let own = if let [one] = all.as_slice() { json!(one) } else { json!(all) };
        self.token_defaults.entry("aud").or_insert(own);
        for (name, actor) in &document.actors {
            if !self.actors.contains_key(name) {
                self.actors.insert(name.clone(), claims_of(actor));
            }
        }
    }

    /// Fills in what a request does not say itself.
    fn complete(&self, ask: &mut Ask) -> Result<(), String> {
        if ask.host.is_empty() {
            ask.host.clone_from(&self.host);
        }
        if let Some(now) = ask.now.as_ref().or(self.now.as_ref()) {
            let at = Timestamp::parse_rfc3339(now)
                .ok_or_else(|| format!("`now: {now}` is no time such as 2026-01-15T09:00:00Z"))?;
            ask.at = Some(at);
        }
        if ask.skip.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
            return Err(format!("`{}`: `skip` says why", ask.name));
        }
        self.present(ask)?;
        let own = std::mem::replace(&mut ask.token_header, self.token_header_defaults.clone());
        ask.token_header.extend(own);
        let issuer =
            ask.token.as_ref().and_then(|claims| claims.get("iss")).and_then(Value::as_str);
        let place = self.issuers.iter().position(|known| Some(known.name.as_str()) == issuer);
        let place = place.unwrap_or_default();
        if let (Some(issuer), false) = (self.issuers.get(place), self.policy_path.is_empty()) {
            ask.token_header.entry("alg").or_insert(json!(issuer.algorithm));
            ask.token_header.entry("typ").or_insert(json!(issuer.token_type));
            ask.signer = Signer { issuer: place, algorithm: issuer.algorithm.clone() };
        }
        Ok(())
    }

    /// The token's claims: the file's, over them the user's, the agent's, and the request's own.
    fn present(&self, ask: &mut Ask) -> Result<(), String> {
        let mut claims = self.token_defaults.clone();
        if let Some(name) = &ask.subject {
            let found = self.subjects.get(name).ok_or_else(|| {
                format!("`{}`: `{name}` is not among the file's `subjects`", ask.name)
            })?;
            match found {
                Some(found) => claims.extend(found.clone()),
                None => return Ok(()),
            }
        }
        if let Some(name) = &ask.actor {
            let found = self.actors.get(name).ok_or_else(|| {
                format!("`{}`: `{name}` is not among the file's `actors`", ask.name)
            })?;
            claims.extend(found.clone());
        }
        let named = ask.subject.is_some() || ask.actor.is_some();
        if ask.token.is_some() || named {
            claims.extend(ask.token.take().unwrap_or_default());
            ask.token = Some(claims);
        }
        Ok(())
    }

    /// The policy with the test issuer's key in it, in YAML.
    #[must_use]
    pub fn policy(&self) -> String {
        self.policy.replace("JWK", &key().jwk("k1").to_string())
    }

    /// The policy as a gateway is given it, with test keys in it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn compiled(&self) -> Result<String, String> {
        let name = if self.policy_path.is_empty() { "policy" } else { &self.policy_path };
        let mut source = read_yaml(name, &self.policy()).map_err(|errors| errors.to_string())?;
        if !self.policy_path.is_empty() {
            let said = self.token_header_defaults.get("alg").and_then(Value::as_str);
            let written = issuers(&mut source.root).into_iter().zip(&self.issuers);
            for (place, (issuer, test)) in written.enumerate() {
                let rsa = said == Some("RS256");
                let algorithm = if rsa { "RS256" } else { &test.algorithm };
                let key = test_key(algorithm, place, false);
                let keys = format!("inline: {{ keys: [{}] }}", key.jwk("k1"));
                let keys = read_yaml("keys", &keys).map_err(|errors| errors.to_string())?;
                if let Some(jwks) = member(issuer, "jwks") {
                    *jwks = keys.root;
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

impl TestIssuer {
    fn of(issuer: &ambit::identity::Issuer) -> Self {
        let written: Value = issuer
            .expanded()
            .to_jcs()
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        let words = |member: &str| -> Vec<String> {
            let words = written.get(member).and_then(Value::as_array);
            words.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let algorithms = words("algorithms");
        let types = words("token_types");
        let accepts = |name: &str| types.iter().any(|known| known == name);
        Self {
            name: issuer.issuer.clone(),
            algorithm: ["ES256", "RS256"]
                .into_iter()
                .find(|wanted| algorithms.iter().any(|name| name == wanted))
                .map(str::to_owned)
                .or_else(|| algorithms.first().cloned())
                .unwrap_or_default(),
            token_type: match accepts("at+jwt") {
                true => Some("at+jwt".to_owned()),
                false if accepts("none") => None,
                false => types.first().cloned(),
            },
        }
    }
}

/// YAML text as a value of the harness's own format.
///
/// # Errors
/// It is not of the format: `file:line:column: what`.
pub(crate) fn typed<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, String> {
    let plain = |errors: String| errors.replace("; expected a policy in YAML", "");
    let source = read_yaml(name, text).map_err(|errors| plain(errors.to_string()))?;
    serde_path_to_error::deserialize(to_json(&source.root)).map_err(|error| {
        let mut pointer = String::new();
        for segment in error.path() {
            match segment {
                Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
                Segment::Map { key } => {
                    pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")));
                }
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let place = source.root.locate(&pointer, true);
        format!("{name}:{}:{}: {}", place.line, place.column, error.inner())
    })
}

/// The claims by which the policy knows an agent; an independent one is its own subject.
fn claims_of(actor: &document::Actor) -> Map<String, Value> {
    let mut claims = Map::new();
    if let Some(issuer) = &actor.matches.issuer {
        claims.insert("iss".to_owned(), json!(issuer));
    }
    if let Some(client) = actor.matches.client_id.first() {
        claims.insert("client_id".to_owned(), json!(client));
        if actor.mode == ActorMode::Independent {
            claims.insert("sub".to_owned(), json!(client));
            claims.insert("groups".to_owned(), Value::Null);
        }
    }
    let marks = actor.matches.claim.iter().map(|(name, text)| (name.clone(), json!(text)));
    claims.extend(marks);
    claims
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

/// Names with what each fixture adds, for messages.
pub(crate) fn known_names<T>(map: &BTreeMap<String, T>) -> String {
    let names: Vec<String> = map.keys().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
