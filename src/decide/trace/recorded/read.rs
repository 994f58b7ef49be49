//! Reading a record.

use crate::request::Action;
use crate::request::json::{self, Json, JsonLimits};
use crate::time::Timestamp;
use std::fmt;

/// What a record (`docs/record.md`) tells of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// The record's id.
    pub id: String,
    /// When the request began.
    pub time: Timestamp,
    /// Whether it was allowed.
    pub allowed: bool,
    /// Reason code.
    pub reason: String,
    /// The rules that determined it.
    pub rules: Vec<String>,
    /// Name and hash of the policy that was in force.
    pub policy: (String, String),
    /// Realm and id of whoever's authority was used.
    pub subject: Option<(String, String)>,
    /// Who acted, outermost first.
    pub actors: Vec<String>,
    /// The OAuth client.
    pub client: String,
    /// The token's issuer.
    pub issuer: String,
    /// The action, where the request mapped to one.
    pub action: Option<Action>,
    /// Type and id of the resource.
    pub resource: Option<(String, String)>,
    /// Method, host and canonical path; empty where not whole.
    pub http: [String; 3],
}

/// Why something is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedError(String);

impl fmt::Display for RecordedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RecordedError {}

impl Recorded {
    /// Reads one record: a line as `docs/record.md` has it, or an access-log line that holds one under
    /// `ambit`, as text or as an object.
    ///
    /// # Errors
    /// It is not JSON, or not a record of version 1.
    pub fn read(line: &str) -> Result<Self, RecordedError> {
        let error = |what: String| RecordedError(what);
        let parsed = json::parse(line.trim().as_bytes(), JsonLimits::default())
            .map_err(|e| error(format!("not JSON: {}", e.what)))?;
        let inner = match parsed.member("ambit") {
            Some(Json::String(text)) => json::parse(text.as_bytes(), JsonLimits::default())
                .map_err(|e| error(format!("`ambit` is not JSON: {}", e.what)))?,
            Some(inner) => inner.clone(),
            None => parsed,
        };
        if inner.member("v").is_some_and(|version| version.as_i64() != Some(1)) {
            return Err(error("a record of another version; expected 1".to_owned()));
        }
        let trunc = inner.member("trunc").map(texts).unwrap_or_default();
        let text = |pointer: &str| {
            let name = pointer.trim_start_matches('/').replace('/', ".");
            let found =
                inner.pointer(pointer).and_then(Json::as_str).filter(|text| !text.is_empty());
            found.filter(|_| !trunc.contains(&name)).map(str::to_owned)
        };
        let words = |name: &str| inner.member(name).map(texts).unwrap_or_default();
        let pair = |one: &str, other: &str| Some((text(one)?, text(other).unwrap_or_default()));
        let action = text("/action").and_then(|name| Action::parse(&name));
        let issuer = text("/issuer").unwrap_or_default();
        let actors = words("actors");
        // What would be said twice is said once.
        let realm = text("/subject/realm").unwrap_or_else(|| issuer.clone());
        let client = text("/client").or_else(|| match actors.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        });
        Ok(Self {
            id: text("/id").unwrap_or_default(),
            time: Timestamp::from_millis(
                inner.member("time").and_then(Json::as_i64).unwrap_or_default(),
            ),
            allowed: text("/effect").as_deref() == Some("allow"),
            reason: text("/reason").ok_or_else(|| error("a record without `reason`".to_owned()))?,
            rules: words("rules"),
            policy: pair("/policy/name", "/policy/hash").unwrap_or_default(),
            subject: text("/subject/id").map(|id| (realm, id)),
            actors,
            client: client.unwrap_or_default(),
            issuer,
            action,
            resource: pair("/resource/type", "/resource/id"),
            http: ["/http/method", "/http/host", "/http/path"]
                .map(|pointer| text(pointer).unwrap_or_default()),
        })
    }
}

fn texts(list: &Json) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten().filter_map(Json::as_str);
    texts.map(str::to_owned).collect()
}
