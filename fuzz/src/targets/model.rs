//! JSON as another reader sees it: `serde_json`, with what Ambit adds counted.

use ambit::request::json::Json;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;

/// How `serde_json` hands over a number that it keeps as it was written.
const NUMBER: &str = "$serde_json::private::Number";

/// A value with what may make it one that Ambit does not read.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) value: Json,
    /// Nesting of arrays and objects.
    pub(super) depth: usize,
    /// Values in all.
    pub(super) nodes: usize,
    /// Whether an object has a member twice.
    pub(super) twice: bool,
    /// Whether it has a member that `serde_json` could have made of a number.
    pub(super) strange: bool,
}

/// What `serde_json` reads.
pub(super) fn read(text: &[u8]) -> Option<Model> {
    serde_json::from_slice(text).ok()
}

/// The value with exponents spelt as `serde_json` spells them.
pub(super) fn spelt_alike(value: &Json) -> Json {
    match value {
        Json::Number(text) => Json::Number(text.to_lowercase().replace("e+", "e").into()),
        Json::Array(elements) => Json::Array(elements.iter().map(spelt_alike).collect()),
        Json::Object(members) => Json::Object(
            members.iter().map(|(name, value)| (name.clone(), spelt_alike(value))).collect(),
        ),
        other => other.clone(),
    }
}

impl Model {
    fn of(value: Json) -> Self {
        Self { value, depth: 0, nodes: 1, twice: false, strange: false }
    }

    fn holding(parts: &[Self]) -> Self {
        Self {
            value: Json::Null,
            depth: 1 + parts.iter().map(|part| part.depth).max().unwrap_or_default(),
            nodes: 1 + parts.iter().map(|part| part.nodes).sum::<usize>(),
            twice: parts.iter().any(|part| part.twice),
            strange: parts.iter().any(|part| part.strange),
        }
    }
}

impl<'de> Deserialize<'de> for Model {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Model;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Model, E> {
        Ok(Model::of(Json::Bool(value)))
    }

    fn visit_unit<E: Error>(self) -> Result<Model, E> {
        Ok(Model::of(Json::Null))
    }

    // Integers that fit come as numbers, and have one spelling.
    fn visit_u64<E: Error>(self, number: u64) -> Result<Model, E> {
        Ok(Model::of(Json::Number(number.to_string().into())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Model, E> {
        Ok(Model::of(Json::Number(number.to_string().into())))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Model, E> {
        Ok(Model::of(Json::String(text.into())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Model, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = from.next_element::<Model>()? {
            parts.push(part);
        }
        let whole = Model::holding(&parts);
        let value = Json::Array(parts.into_iter().map(|part| part.value).collect());
        Ok(Model { value, ..whole })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Model, A::Error> {
        let (mut names, mut parts) = (Vec::<String>::new(), Vec::new());
        while let Some(name) = from.next_key::<String>()? {
            let strange = name == NUMBER;
            let part = from.next_value::<Model>()?;
            if let (true, Json::String(text)) = (strange && names.is_empty(), &part.value) {
                // Whether it was a number or an object is not told.
                return Ok(Model::of(Json::Number(text.clone())));
            }
            names.push(name);
            parts.push(Model { strange: part.strange || strange, ..part });
        }
        let mut whole = Model::holding(&parts);
        whole.twice |= names.iter().collect::<BTreeSet<_>>().len() < names.len();
        let members = names.into_iter().map(String::into_boxed_str);
        let values = parts.into_iter().map(|part| part.value);
        Ok(Model { value: Json::Object(members.zip(values).collect()), ..whole })
    }
}
