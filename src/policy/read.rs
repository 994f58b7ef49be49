//! Bytes -> spanned tree. The gateway reads JSON and protobuf; only a laptop reads YAML.

mod json;
mod protobuf;
#[cfg(feature = "author")]
mod yaml;

use super::error::{Located, Place, PolicyErrors, Problem};
use super::node::{Entry, Kind, Node};
use crate::request::json::Json;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Nesting of a policy.
const MAX_DEPTH: usize = 64;

/// A policy as read, and how to find places in what its author wrote.
#[derive(Clone, Debug)]
pub struct Source {
    /// The tree, the member `source` taken out.
    pub root: Node,
    file: String,
    /// Places in the author's file, where this was compiled from one.
    spans: Option<BTreeMap<String, Place>>,
}

/// Reads what a gateway is given: JSON text, or the bytes of a `google.protobuf.Struct`.
///
/// # Errors
/// One error: what cannot be read further is not guessed at.
pub fn read(file: &str, bytes: &[u8]) -> Result<Source, PolicyErrors> {
    let first = bytes.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    let root = match (bytes.first(), first) {
        // A line break before JSON, or the first member of a `Struct` being 123 bytes long.
        (Some(0x0a), Some(b'{')) => json::read(bytes).or_else(|e| protobuf::read(bytes).or(Err(e))),
        (Some(0x0a), Some(_)) => protobuf::read(bytes),
        _ => json::read(bytes),
    };
    match root {
        Ok(root) => Ok(Source::new(file, root)),
        Err((place, problem)) => {
            Err(PolicyErrors(vec![Located { file: file.to_owned(), place, problem }]))
        }
    }
}

/// Reads what an author writes.
///
/// # Errors
/// One error, as [`read`].
#[cfg(feature = "author")]
pub fn read_yaml(file: &str, text: &str) -> Result<Source, PolicyErrors> {
    match yaml::read(text) {
        Ok(root) => Ok(Source { root, file: file.to_owned(), spans: None }),
        Err((place, problem)) => {
            Err(PolicyErrors(vec![Located { file: file.to_owned(), place, problem }]))
        }
    }
}

impl Source {
    fn new(file: &str, mut root: Node) -> Self {
        let mut entry = None;
        if let Kind::Map(entries) = &mut root.kind
            && let Some(at) = entries.iter().position(|entry| entry.name == "source")
        {
            entry = Some(entries.remove(at));
        }
        match entry.as_ref().and_then(spans) {
            Some((file, spans)) => Self { root, file, spans: Some(spans) },
            None => Self { root, file: file.to_owned(), spans: None },
        }
    }

    /// The problems with their places, sorted, each once.
    #[must_use]
    pub fn locate(&self, problems: Vec<Problem>) -> Vec<Located> {
        let mut located: Vec<Located> = problems
            .into_iter()
            .map(|problem| Located {
                file: self.file.clone(),
                place: self.place(&problem),
                problem,
            })
            .collect();
        located.sort_by(|a, b| {
            (a.place, &a.problem.pointer, &a.problem.message).cmp(&(
                b.place,
                &b.problem.pointer,
                &b.problem.message,
            ))
        });
        located.dedup();
        located
    }

    fn place(&self, problem: &Problem) -> Place {
        self.place_of(&problem.pointer, problem.at_key)
    }

    /// The author's file.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The place a JSON pointer names in the author's file, as [`Node::locate`]; 0 where unknown.
    #[must_use]
    pub fn place_of(&self, pointer: &str, at_key: bool) -> Place {
        let Some(spans) = &self.spans else {
            return self.root.locate(pointer, at_key);
        };
        let mut pointer = pointer;
        loop {
            let key = if at_key { format!("{pointer}#") } else { pointer.to_owned() };
            if let Some(place) = spans.get(&key).or_else(|| spans.get(pointer)) {
                return *place;
            }
            match pointer.rsplit_once('/') {
                Some((parent, _)) => pointer = parent,
                None => return Place::default(),
            }
        }
    }

    /// base64url SHA-256 of what the policy says, the same for YAML, JSON and protobuf.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        feed(&self.root, &mut hash);
        URL_SAFE_NO_PAD.encode(hash.finalize())
    }

    /// The policy as a gateway is given it: pretty JSON, with the author's file and places.
    #[cfg(feature = "author")]
    #[must_use]
    pub fn to_compiled_json(&self) -> String {
        let mut spans = serde_json::Map::new();
        collect_spans(&self.root, &mut String::new(), &mut spans);
        let mut document = match to_json(&self.root) {
            serde_json::Value::Object(members) => members,
            other => serde_json::Map::from_iter([("policy".to_owned(), other)]),
        };
        let source = serde_json::json!({ "file": self.file, "spans": spans });
        document.insert("source".to_owned(), source);
        serde_json::to_string_pretty(&document).unwrap_or_default()
    }
}

/// The author's file and places, as `ambit compile` wrote them; nothing of a policy depends on them.
fn spans(entry: &Entry) -> Option<(String, BTreeMap<String, Place>)> {
    let Kind::String(file) = &entry.value.member("file")?.value.kind else { return None };
    let Kind::Map(written) = &entry.value.member("spans")?.value.kind else { return None };
    let mut spans = BTreeMap::new();
    for entry in written {
        if let Kind::List(pair) = &entry.value.kind
            && let [line, column] = pair.as_slice()
            && let (Kind::Number(line), Kind::Number(column)) = (&line.kind, &column.kind)
            && let (Ok(line), Ok(column)) = (line.parse(), column.parse())
        {
            spans.insert(entry.name.clone(), Place { line, column });
        }
    }
    Some((file.clone(), spans))
}

#[cfg(feature = "author")]
fn collect_spans(
    node: &Node,
    pointer: &mut String,
    spans: &mut serde_json::Map<String, serde_json::Value>,
) {
    let pair = |place: Place| serde_json::json!([place.line, place.column]);
    spans.insert(pointer.clone(), pair(node.place));
    let length = pointer.len();
    match &node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                pointer.push('/');
                pointer.push_str(&entry.name.replace('~', "~0").replace('/', "~1"));
                spans.insert(format!("{pointer}#"), pair(entry.place));
                collect_spans(&entry.value, pointer, spans);
                pointer.truncate(length);
            }
        }
        Kind::List(elements) => {
            for (at, element) in elements.iter().enumerate() {
                pointer.push('/');
                pointer.push_str(&at.to_string());
                collect_spans(element, pointer, spans);
                pointer.truncate(length);
            }
        }
        Kind::Bool(_) | Kind::Null | Kind::Number(_) | Kind::String(_) => {}
    }
}

/// A tree as a JSON value, places left out.
#[cfg(feature = "author")]
#[must_use]
pub fn to_json(node: &Node) -> serde_json::Value {
    use serde_json::{Number, Value};
    match &node.kind {
        Kind::Bool(value) => Value::Bool(*value),
        Kind::List(elements) => elements.iter().map(to_json).collect(),
        Kind::Map(entries) => {
            let members = entries.iter().map(|entry| (entry.name.clone(), to_json(&entry.value)));
            Value::Object(members.collect())
        }
        Kind::Null => Value::Null,
        // As it was written: `1e5` read by `serde_json` becomes `1e+5`, and another digest.
        Kind::Number(text) => match serde_json::from_str::<Number>(text) {
            Ok(_) => Value::Number(Number::from_string_unchecked(text.clone())),
            Err(_) => Value::String(text.clone()),
        },
        Kind::String(text) => Value::String(text.clone()),
    }
}

/// Feeds a tree to a hash: every value with its kind and length, so that no two trees feed alike.
fn feed(node: &Node, hash: &mut Sha256) {
    let mut text = |kind: u8, text: &str| {
        hash.update([kind]);
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    match &node.kind {
        Kind::Bool(value) => text(b'b', if *value { "1" } else { "0" }),
        Kind::Null => text(b'0', ""),
        Kind::Number(number) => text(b'n', number),
        Kind::String(string) => text(b's', string),
        Kind::List(elements) => {
            hash.update([b'l']);
            hash.update((elements.len() as u64).to_be_bytes());
            elements.iter().for_each(|element| feed(element, hash));
        }
        Kind::Map(entries) => {
            // The order of members says nothing.
            let mut sorted: Vec<&Entry> = entries.iter().collect();
            sorted.sort_by(|a, b| a.name.cmp(&b.name));
            hash.update([b'm']);
            hash.update((sorted.len() as u64).to_be_bytes());
            for entry in sorted {
                hash.update((entry.name.len() as u64).to_be_bytes());
                hash.update(&entry.name);
                feed(&entry.value, hash);
            }
        }
    }
}

/// A text as JSON reads it, for values that stay JSON (key sets).
#[must_use]
pub(crate) fn as_json(node: &Node) -> Json {
    match &node.kind {
        Kind::Bool(value) => Json::Bool(*value),
        Kind::List(elements) => Json::Array(elements.iter().map(as_json).collect()),
        Kind::Map(entries) => Json::Object(
            entries
                .iter()
                .map(|entry| (entry.name.as_str().into(), as_json(&entry.value)))
                .collect(),
        ),
        Kind::Null => Json::Null,
        Kind::Number(text) => Json::Number(text.as_str().into()),
        Kind::String(text) => Json::String(text.as_str().into()),
    }
}

#[cfg(all(test, feature = "author"))]
mod tests;
