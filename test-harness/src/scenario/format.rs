//! The file format.

use super::token::sender;
use crate::proof::{self, About, Proof};
use crate::suite::{Case, Cell, Fixture, Target};
use ambit::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// One file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// Its name in reports; its folder's where it says none.
    #[serde(default)]
    pub suite: String,
    /// The policy, in YAML; `JWK` stands for the test issuer's key.
    #[serde(default)]
    pub policy: String,
    /// Instead: a policy beside this file, whose issuers all get a test key. A file `x_test.yaml` that
    /// says neither tests `x.yaml`.
    #[serde(default)]
    pub policy_path: String,
    /// The time of every request (RFC 3339); without it the clock's.
    #[serde(default)]
    pub now: Option<String>,
    /// Claims of every token of this file, over the good ones.
    #[serde(default)]
    pub token_defaults: Map<String, Value>,
    /// Members of the header of every token of this file, over the good ones; null takes one away.
    /// With `alg: RS256` the test issuer has an RSA key, else one on P-256.
    #[serde(default)]
    pub token_header_defaults: Map<String, Value>,
    /// The host of every request that says none; the policy's first audience's where it is left out.
    #[serde(default)]
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
    /// For `cases`: things to which actions are done, by name.
    #[serde(default)]
    pub resources: BTreeMap<String, Fixture>,
    /// Tables of subjects, actors and what they do; they become requests when the file is read.
    #[serde(default)]
    pub cases: Vec<Case>,
    /// What the policy's issuers look like: the first is a token's where it names none.
    #[serde(skip)]
    pub(crate) issuers: Vec<TestIssuer>,
    /// The environment variable that the policy reads its signing key from.
    #[serde(skip)]
    pub(crate) signing_key: String,
    /// The line of each rule in the file at `policy_path`.
    #[serde(skip)]
    pub(crate) rule_lines: BTreeMap<String, u32>,
}

/// An issuer of the policy under test, for which the harness signs.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestIssuer {
    /// Its `iss`.
    pub(crate) name: String,
    /// The algorithm the harness signs with for it; empty is ES256.
    pub(crate) algorithm: String,
    /// The `typ` of its tokens' headers.
    pub(crate) token_type: Option<String>,
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
    /// The name of a user among the file's `subjects`, whose claims the token has.
    #[serde(default)]
    pub subject: Option<String>,
    /// The name of an agent, whose claims the token has over the user's.
    #[serde(default)]
    pub actor: Option<String>,
    /// The time it is sent at (RFC 3339), where not the file's.
    #[serde(default)]
    pub now: Option<String>,
    /// Why it is not asked.
    #[serde(default)]
    pub skip: Option<String>,
    /// What must come of it.
    pub expect: Expect,
    /// Instead: what the table it comes from says of it.
    #[serde(skip)]
    pub cell: Option<Cell>,
    /// When it is sent; `None` is now.
    #[serde(skip)]
    pub at: Option<Timestamp>,
    /// Whose key signs its token.
    #[serde(skip)]
    pub(crate) signer: Signer,
}

/// An issuer's place in the policy, and the algorithm the harness signs with for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signer {
    /// The place.
    pub(crate) issuer: usize,
    /// The algorithm; empty is ES256.
    pub(crate) algorithm: String,
}

pub(crate) fn get() -> String {
    "GET".to_owned()
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

impl Ask {
    /// When it is sent.
    #[must_use]
    pub fn clock(&self) -> Timestamp {
        self.at.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
        })
    }

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
            let now = u64::try_from(self.clock().secs()).unwrap_or_default();
            let value = proof.sign_at(now, &sender(proof.forged), &about);
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
