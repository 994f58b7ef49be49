//! What an engine was seen to do, in a form that engines can be compared by.

use super::format::{Expect, Sighting};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Headers of a client's answer that Ambit sets.
const CLIENT: [&str; 7] = [
    "access-control-allow-headers",
    "access-control-allow-origin",
    "cache-control",
    "content-type",
    "retry-after",
    "vary",
    "www-authenticate",
];

/// Headers that a gateway adds or rewrites by itself.
fn gateways_own(name: &str) -> bool {
    name.starts_with(':')
        || name.starts_with("x-envoy-")
        || name.starts_with("x-forwarded-")
        || matches!(
            name,
            "connection" | "content-length" | "host" | "te" | "transfer-encoding" | "x-request-id"
        )
}

/// A request as it reached the upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Body, as text.
    pub body: String,
    /// Headers that are not the gateway's own, sorted.
    pub headers: Vec<(String, String)>,
    /// Trailers, sorted.
    pub trailers: Vec<(String, String)>,
}

impl Reached {
    /// What is compared of it: without what a gateway adds, ids behind placeholders.
    fn comparable(mut self) -> Self {
        self.headers.retain(|(name, _)| !gateways_own(name));
        for (name, value) in &mut self.headers {
            if name == "ambit" {
                *value = header_without_ids(value);
            }
        }
        self.headers.sort();
        self.trailers.sort();
        self
    }
}

/// What one request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Status the client got; 0 when none.
    pub status: u16,
    /// Headers that Ambit sets, with what the client got.
    pub client: BTreeMap<String, String>,
    /// The client's body, ids and times behind placeholders where it is JSON.
    pub body: String,
    /// What the upstream saw.
    pub upstream: Option<Reached>,
    /// The record, ids and times behind placeholders.
    pub record: String,
}

impl Observed {
    /// From what an engine saw.
    #[must_use]
    pub fn new(
        status: u16,
        headers: &[(String, String)],
        body: &[u8],
        upstream: Option<Reached>,
        record: Option<&Value>,
    ) -> Self {
        let client = headers.iter().filter(|(name, _)| CLIENT.contains(&name.as_str()));
        Self {
            status,
            client: client.cloned().collect(),
            body: without_ids(body),
            upstream: upstream.map(Reached::comparable),
            record: record
                .map_or_else(String::new, |record| without_ids(record.to_string().as_bytes())),
        }
    }

    /// The record; null where none was written.
    #[must_use]
    pub fn record(&self) -> Value {
        serde_json::from_str(&self.record).unwrap_or_default()
    }

    /// A text of the record, by JSON pointer; `none` where it has none.
    #[must_use]
    pub fn said(&self, pointer: &str) -> String {
        self.record().pointer(pointer).and_then(Value::as_str).unwrap_or("none").to_owned()
    }

    /// The rules that determined the decision.
    #[must_use]
    pub fn rules(&self) -> Vec<String> {
        let record = self.record();
        let rules = record.get("rules").and_then(Value::as_array);
        rules.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// What the gateway was seen to do for the allow to count.
    #[must_use]
    pub fn obligations(&self) -> Vec<String> {
        let headers = self.upstream.iter().flat_map(|reached| &reached.headers);
        let tagged = headers
            .filter(|(name, _)| name == "ambit")
            .any(|(_, value)| value.contains("approval=required"));
        Vec::from_iter(tagged.then(|| "tag".to_owned()))
    }

    /// In what this differs from what another engine was seen to do: `what: this, not that`.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let (here, there) = (self.parts(), other.parts());
        let names: BTreeSet<&String> = here.keys().chain(there.keys()).collect();
        for name in names {
            let value = |parts: &BTreeMap<String, String>| {
                parts.get(name).map_or_else(|| "nothing".to_owned(), |value| format!("`{value}`"))
            };
            if here.get(name) != there.get(name) {
                lines.push(format!("{name}: {}, not {}", value(&here), value(&there)));
            }
        }
        lines
    }

    /// Everything that was seen, by name.
    fn parts(&self) -> BTreeMap<String, String> {
        let mut parts = BTreeMap::from([
            ("status".to_owned(), self.status.to_string()),
            ("body to the client".to_owned(), self.body.clone()),
        ]);
        for (name, value) in &self.client {
            parts.insert(format!("header `{name}` to the client"), value.clone());
        }
        if let Some(reached) = &self.upstream {
            let line = format!("{} {}", reached.method, reached.path);
            parts.insert("at the upstream".to_owned(), line);
            parts.insert("body at the upstream".to_owned(), reached.body.clone());
            for (kind, fields) in [("header", &reached.headers), ("trailer", &reached.trailers)] {
                for (name, value) in fields {
                    let all = parts.entry(format!("{kind} `{name}` at the upstream")).or_default();
                    all.push_str(value);
                }
            }
        }
        if let Value::Object(members) = self.record() {
            let members = members.into_iter();
            parts.extend(
                members.map(|(name, it)| (format!("`{name}` of the record"), it.to_string())),
            );
        }
        parts
    }

    /// What of the expectation does not hold.
    #[must_use]
    pub fn broken(&self, expect: &Expect) -> Vec<String> {
        let mut wrong = Vec::new();
        let record: Value = serde_json::from_str(&self.record).unwrap_or_default();
        let reason = record.get("reason").and_then(Value::as_str).unwrap_or("no record");
        if self.status != expect.status || reason != expect.reason {
            wrong.push(format!(
                "expected {} {}, got {} {reason}",
                expect.status, expect.reason, self.status
            ));
        }
        let rules: Vec<&str> = record
            .get("rules")
            .and_then(Value::as_array)
            .map(|rules| rules.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        if !expect.rules.is_empty() && rules != expect.rules {
            wrong.push(format!("expected rules {:?}, got {rules:?}", expect.rules));
        }
        let answer = format!("{:?} {}", self.client, self.body);
        for text in expect.client.iter().filter(|text| !answer.contains(*text)) {
            wrong.push(format!("the client's answer lacks `{text}`: {answer}"));
        }
        for (pointer, value) in &expect.record {
            let found = record.pointer(pointer);
            if found != Some(value) {
                wrong.push(format!("`{pointer}` of the record is {found:?}, not {value}"));
            }
        }
        match (&self.upstream, &expect.upstream) {
            (None, None) => {}
            (Some(seen), None) => wrong.push(format!("the upstream saw {seen:?}")),
            (None, Some(_)) => wrong.push("nothing reached the upstream".to_owned()),
            (Some(reached), Some(sighting)) => wrong.extend(missed(reached, sighting)),
        }
        wrong
    }
}

/// What of a sighting does not hold.
fn missed(reached: &Reached, sighting: &Sighting) -> Vec<String> {
    let mut wrong = Vec::new();
    if reached.path != sighting.path || reached.body != sighting.body {
        wrong.push(format!("the upstream saw {} `{}`", reached.path, reached.body));
    }
    let wanted = sighting.headers.iter().map(|wanted| (wanted, &reached.headers));
    let trailers = sighting.trailers.iter().map(|wanted| (wanted, &reached.trailers));
    for ((name, text), fields) in wanted.chain(trailers) {
        let found = fields.iter().find(|(known, _)| known == name);
        if !found.is_some_and(|(_, value)| value.contains(text)) {
            wrong.push(format!("`{name}` at the upstream: {found:?}"));
        }
    }
    for name in &sighting.absent {
        let mut all = reached.headers.iter().chain(&reached.trailers);
        if all.any(|(known, _)| known == name) {
            wrong.push(format!("`{name}` reached the upstream"));
        }
    }
    wrong
}

/// A JSON text with ids and times behind placeholders; other text as it is.
fn without_ids(text: &[u8]) -> String {
    match serde_json::from_slice::<Value>(text) {
        Ok(mut value) => {
            hide(&mut value, "");
            value.to_string()
        }
        Err(_) => String::from_utf8_lossy(text).into_owned(),
    }
}

fn hide(value: &mut Value, inside: &str) {
    let Value::Object(members) = value else { return };
    for (name, value) in members {
        let hidden = match (inside, name.as_str()) {
            ("" | "approval", "id" | "request" | "url" | "decision" | "boot") => Some("<id>"),
            (_, "time" | "duration_ms" | "expires") => Some("<time>"),
            // Bytes of a refusal depend on the length of its id.
            ("outcome", "bytes") => Some("<bytes>"),
            _ => None,
        };
        match hidden {
            Some(placeholder) => *value = Value::String(placeholder.to_owned()),
            None => hide(value, name),
        }
    }
}

/// The `ambit` header with the values of `id=` (but a resource's) and `request=` behind a placeholder.
fn header_without_ids(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    let resource = value.find("res=").unwrap_or(usize::MAX);
    while let Some(at) = ["id=\"", "request=\""].iter().filter_map(|name| rest.find(name)).min() {
        let consumed = value.len().saturating_sub(rest.len()).saturating_add(at);
        let (before, from) = rest.split_at(at);
        let (name, tail) = from.split_once('"').unwrap_or((from, ""));
        let (id, tail) = tail.split_once('"').unwrap_or((tail, ""));
        let approval = value.find("approval=").unwrap_or(usize::MAX);
        let of_resource = consumed > resource && consumed < approval;
        out.push_str(before);
        out.push_str(name);
        out.push_str(&format!("\"{}\"", if of_resource { id } else { "<id>" }));
        rest = tail;
    }
    out + rest
}
