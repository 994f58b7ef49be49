//! What an engine was seen to do, in a form that engines can be compared by.

use super::format::Expect;
use serde_json::Value;
use std::collections::BTreeMap;

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

/// What an upstream saw: method, path, body, headers.
pub type Sighting<B> = (String, String, B, Vec<(String, String)>);

/// What one request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Status the client got; 0 when none.
    pub status: u16,
    /// Headers that Ambit sets, with what the client got.
    pub client: BTreeMap<String, String>,
    /// The client's body, ids and times behind placeholders where it is JSON.
    pub body: String,
    /// What the upstream saw: method, path, body, headers that are not the gateway's own.
    pub upstream: Option<Sighting<String>>,
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
        upstream: Option<Sighting<Vec<u8>>>,
        record: Option<&Value>,
    ) -> Self {
        let client = headers.iter().filter(|(name, _)| CLIENT.contains(&name.as_str()));
        Self {
            status,
            client: client.cloned().collect(),
            body: without_ids(body),
            upstream: upstream.map(|(method, path, body, headers)| {
                let mut headers: Vec<(String, String)> = headers
                    .into_iter()
                    .filter(|(name, _)| !gateways_own(name))
                    .map(|(name, value)| {
                        let value =
                            if name == "ambit" { header_without_ids(&value) } else { value };
                        (name, value)
                    })
                    .collect();
                headers.sort();
                (method, path, String::from_utf8_lossy(&body).into_owned(), headers)
            }),
            record: record
                .map_or_else(String::new, |record| without_ids(record.to_string().as_bytes())),
        }
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
        match (&self.upstream, &expect.upstream) {
            (None, None) => {}
            (Some(seen), None) => wrong.push(format!("the upstream saw {seen:?}")),
            (None, Some(_)) => wrong.push("nothing reached the upstream".to_owned()),
            (Some((_, path, body, headers)), Some(sighting)) => {
                if *path != sighting.path || *body != sighting.body {
                    wrong.push(format!("the upstream saw {path} `{body}`"));
                }
                for (name, text) in &sighting.headers {
                    let found = headers.iter().find(|(known, _)| known == name);
                    if !found.is_some_and(|(_, value)| value.contains(text)) {
                        wrong.push(format!("`{name}` at the upstream: {found:?}"));
                    }
                }
                for name in &sighting.absent {
                    if headers.iter().any(|(known, _)| known == name) {
                        wrong.push(format!("`{name}` reached the upstream"));
                    }
                }
            }
        }
        wrong
    }
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
