//! A record as it stands in a log: one line of JSON (`docs/record.md`), read strictly.

use ambit::request::json::{self, Json, JsonLimits};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::fmt;

/// The longest text that is taken for a record; the core writes 2,048 bytes at most.
const LIMITS: JsonLimits = JsonLimits { bytes: 65_536, depth: 8, nodes: 1_000 };

/// Bytes of an id that name the boot.
pub const BOOT: usize = 10;

/// Members of version 1, those of objects with a dot.
const MEMBERS: [&str; 37] = [
    "action",
    "actors",
    "approval",
    "approval.digest",
    "approval.id",
    "approval.tier",
    "boot",
    "client",
    "effect",
    "http",
    "http.host",
    "http.method",
    "http.path",
    "http.query",
    "id",
    "issuer",
    "outcome",
    "outcome.bytes",
    "outcome.duration_ms",
    "outcome.forwarded",
    "outcome.status",
    "policy",
    "policy.hash",
    "policy.name",
    "reason",
    "resource",
    "resource.id",
    "resource.type",
    "rules",
    "shadow",
    "subject",
    "subject.id",
    "subject.realm",
    "time",
    "token",
    "trunc",
    "v",
];

/// One record. What it does not say is empty, or `None` where empty would mean something.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Recorded {
    /// Version of the format.
    pub v: u64,
    /// This record's id.
    pub id: String,
    /// One life of one worker: the first part of the id, where the record does not say it.
    #[serde(default)]
    pub boot: String,
    /// When the request began, milliseconds since the epoch.
    pub time: i64,
    /// What was decided.
    pub effect: Effect,
    /// Reason code.
    pub reason: String,
    /// Ids of the rules that determined it.
    #[serde(default)]
    pub rules: Vec<String>,
    /// The policy in force.
    pub policy: InForce,
    /// Whether the decision did not bind.
    #[serde(default)]
    pub shadow: bool,
    /// Whose authority was used.
    #[serde(default)]
    pub subject: Option<Subject>,
    /// Who acted, outermost first.
    #[serde(default)]
    pub actors: Vec<String>,
    /// The OAuth client the token was issued to. Empty also where it is the only actor's id, which is
    /// not said twice.
    #[serde(default)]
    pub client: String,
    /// The token's issuer; empty without a verified token.
    #[serde(default)]
    pub issuer: String,
    /// Digest of the token's `jti`.
    #[serde(default)]
    pub token: String,
    /// Action class; empty where nothing of the policy was meant.
    #[serde(default)]
    pub action: String,
    /// What was meant.
    #[serde(default)]
    pub resource: Resource,
    /// The request.
    pub http: Http,
    /// The approval that was asked for.
    #[serde(default)]
    pub approval: Option<Approval>,
    /// What came of it.
    pub outcome: Outcome,
    /// Names of members that are not whole.
    #[serde(default)]
    pub trunc: Vec<String>,
}

/// What was decided.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It may pass.
    Allow,
    /// It may not.
    #[default]
    Deny,
}

impl Effect {
    /// As a record writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// A policy, by what records call it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct InForce {
    /// Its name.
    pub name: String,
    /// base64url SHA-256 of what it says.
    pub hash: String,
}

/// Whose authority was used.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Subject {
    /// Where the id counts; the issuer, where the record does not say it.
    #[serde(default)]
    pub realm: String,
    /// The id.
    #[serde(default)]
    pub id: String,
}

/// What was meant.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Resource {
    /// The type.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// The path's variables, joined with `/`.
    #[serde(default)]
    pub id: String,
}

/// The request.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Http {
    /// As sent.
    #[serde(default)]
    pub method: String,
    /// In lower case.
    #[serde(default)]
    pub host: String,
    /// Canonical, or as it came where it was refused.
    #[serde(default)]
    pub path: String,
    /// As sent; `None` at level metadata, and without one.
    #[serde(default)]
    pub query: Option<String>,
}

/// The approval that was asked for.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Approval {
    /// Its id.
    #[serde(default)]
    pub id: String,
    /// Of the exact request.
    #[serde(default)]
    pub digest: String,
    /// How strong the yes must be.
    #[serde(default)]
    pub tier: String,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Outcome {
    /// What the client got, 0 when nothing; `None` where only the gateway's own log says it.
    #[serde(default)]
    pub status: Option<u16>,
    /// Bytes of response body.
    pub bytes: u64,
    /// From the first byte in to the last byte out, where the record says it.
    #[serde(default)]
    pub duration_ms: Option<u64>,
    /// Whether the request was sent to the upstream.
    pub forwarded: bool,
}

/// A record with the text it was read from.
#[derive(Clone, Debug)]
pub struct Read {
    /// What it says.
    pub record: Recorded,
    /// The same as JSON.
    pub json: Json,
    /// Members that version 1 does not have.
    pub unknown: Vec<String>,
}

/// Why a text is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError(String);

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RecordError {}

impl Read {
    /// Reads one record.
    ///
    /// # Errors
    /// It is not JSON, has a member twice, lacks one that every record has, or has one of another
    /// type than it should be.
    pub fn of(text: &str) -> Result<Self, RecordError> {
        let json = json::parse(text.as_bytes(), LIMITS)
            .map_err(|error| RecordError(format!("not JSON: {}", error.what)))?;
        Self::typed(json, text)
    }

    /// Reads a record that stands as an object inside another.
    ///
    /// # Errors
    /// As [`Read::of`].
    pub fn inside(json: Json) -> Result<Self, RecordError> {
        let text =
            json.to_jcs().map_err(|error| RecordError(format!("not a record: {}", error.what)))?;
        Self::typed(json, &text)
    }

    fn typed(json: Json, text: &str) -> Result<Self, RecordError> {
        if json.member("v").and_then(Json::as_i64).is_some_and(|version| version != 1) {
            return Err(RecordError("a record of another version; expected `v` 1".to_owned()));
        }
        let mut record: Recorded = serde_json::from_str(text).map_err(|error| {
            // The place in a line of one line says nothing.
            let what = error.to_string();
            let what = what.split(" at line ").next().unwrap_or(&what);
            RecordError(format!("not a record: {what}"))
        })?;
        record.complete();
        let unknown = unknown(&json);
        Ok(Self { record, json, unknown })
    }
}

fn unknown(json: &Json) -> Vec<String> {
    let mut names = Vec::new();
    for (name, value) in json.as_object().unwrap_or_default() {
        names.push(name.to_string());
        let inner = value.as_object().unwrap_or_default();
        names.extend(inner.iter().map(|(inner, _)| format!("{name}.{inner}")));
    }
    names.retain(|name| !MEMBERS.contains(&name.as_str()));
    names
}

impl Recorded {
    /// What is left out because another member says it.
    fn complete(&mut self) {
        if self.boot.is_empty()
            && let Ok(id) = URL_SAFE_NO_PAD.decode(&self.id)
            && let Some(boot) = id.get(..BOOT)
        {
            self.boot = URL_SAFE_NO_PAD.encode(boot);
        }
        let whole = self.is_whole("subject.realm");
        if let Some(subject) = self.subject.as_mut().filter(|one| whole && one.realm.is_empty()) {
            subject.realm.clone_from(&self.issuer);
        }
    }

    /// Whether a member, named as in `trunc`, is whole.
    #[must_use]
    pub fn is_whole(&self, member: &str) -> bool {
        !self.trunc.iter().any(|name| name == member)
    }

    /// Who acted, for people: the outermost first, else the client.
    #[must_use]
    pub fn who(&self) -> String {
        match (self.actors.is_empty(), self.client.is_empty()) {
            (false, _) => self.actors.join(" ← "),
            // The token names a client; which actor that is was not settled.
            (true, false) => format!("{}?", self.client),
            (true, true) => "-".to_owned(),
        }
    }

    /// For whom: the subject's id.
    #[must_use]
    pub fn whom(&self) -> &str {
        self.subject.as_ref().map_or("-", |subject| &subject.id)
    }

    /// Action and resource type, or method and path where nothing of the policy was meant.
    #[must_use]
    pub fn what(&self) -> (String, String) {
        if self.resource.kind.is_empty() {
            return (self.http.method.clone(), format!("{}{}", self.http.host, self.http.path));
        }
        (self.action.clone(), self.resource.kind.clone())
    }
}

/// A record as the core writes it.
#[cfg(test)]
pub(crate) const LINE: &str = r#"{"action":"read","actors":["bot"],"boot":"8rky5yKHm1hQ5A","effect":"allow","http":{"host":"api","method":"GET","path":"/d/7"},"id":"8rky5yKHm1hQ5AAAAAAAAg","outcome":{"bytes":5,"duration_ms":3,"forwarded":true,"status":200},"policy":{"hash":"h","name":"p"},"reason":"allowed-by-rule","resource":{"id":"7","type":"d"},"subject":{"id":"alice","realm":"r"},"time":1800000000000,"v":1}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_whole() {
        let read = Read::of(LINE).unwrap();
        assert_eq!(read.record.who(), "bot");
        assert_eq!(read.record.what(), ("read".to_owned(), "d".to_owned()));
        assert_eq!(read.unknown, Vec::<String>::new());
        assert_eq!(Read::inside(read.json).unwrap().record, read.record);
    }

    #[test]
    fn the_documented_records_are_read_whole() {
        let docs = include_str!("../../docs/record.md");
        let lines: Vec<&str> =
            docs.lines().filter(|line| line.starts_with("{\"action\"")).collect();
        assert_eq!(lines.len(), 2);
        for line in lines {
            let read = Read::of(line).unwrap();
            assert_eq!(read.unknown, Vec::<String>::new());
            assert_eq!(read.json.to_jcs().unwrap(), line);
            assert_eq!(read.record.subject.unwrap().realm, "https://idp.example.com");
        }
    }

    #[test]
    fn what_is_no_record_of_version_1_is_refused() {
        for (from, to, why) in [
            (r#""v":1"#, r#""v":2"#, "another version"),
            (r#""v":1"#, r#""v":1,"v":1"#, "not JSON"),
            (r#""effect":"allow""#, r#""effect":"perhaps""#, "perhaps"),
            (r#""time":1800000000000,"#, "", "missing field `time`"),
            (r#""status":200"#, r#""status":"200""#, "invalid type"),
            (r#""forwarded":true,"#, "", "missing field `forwarded`"),
            ("}", "", "not JSON"),
        ] {
            let error = Read::of(&LINE.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn what_another_member_says_is_filled_in() {
        let short = LINE
            .replace(r#""boot":"8rky5yKHm1hQ5A","#, "")
            .replace(r#","realm":"r""#, "")
            .replace(r#","status":200"#, "")
            .replace(r#""outcome""#, r#""issuer":"https://idp","outcome""#);
        let record = Read::of(&short).unwrap().record;
        assert_eq!(record.boot, "8rky5yKHm1hQ5A");
        assert_eq!(record.subject.unwrap().realm, "https://idp");
        assert_eq!(record.outcome.status, None);
    }

    #[test]
    fn members_nobody_knows_are_named() {
        let line = LINE.replace(r#""v":1"#, r#""extra":1,"v":1"#).replace("\"host\"", "\"hast\"");
        assert_eq!(Read::of(&line).unwrap().unknown, ["http.hast", "extra"]);
    }
}
