//! Claims: where they stand, what is known of them, and what type they are of.

use super::ClaimState;
use super::rfc3339;
use crate::policy::document::Absent;
use crate::policy::value::{Value, ValueType};
use crate::request::json::Json;
use crate::time::Timestamp;

/// Where a declared claim is read from.
#[derive(Clone, Debug)]
pub(super) struct ClaimRule {
    /// The claims it is united from.
    pub(super) from: Vec<String>,
    /// What it must be.
    pub(super) value_type: ValueType,
    /// What a token without it means.
    pub(super) absent: Absent,
}

impl ClaimRule {
    /// What the token tells. Several sources are united, and one that is unknown (withheld, absent
    /// without a declared meaning, of a wrong type) makes all unknown: a deny must not pass
    /// because half of a list was missing.
    pub(super) fn state(&self, payload: &Json) -> ClaimState {
        let mut united: Option<Value> = None;
        for name in &self.from {
            let value = match find(payload, name) {
                _ if is_withheld(payload, name) => None,
                Some(json) => value_of(json, &self.value_type),
                None if self.absent == Absent::Empty => continue,
                None => None,
            };
            united = match (united, value) {
                (_, None) => return ClaimState::Unknown,
                (None, value) => value,
                (Some(united), Some(value)) => match unite(united, value) {
                    Some(united) => Some(united),
                    None => return ClaimState::Unknown,
                },
            };
        }
        united.or_else(|| empty(&self.value_type)).map_or(ClaimState::Unknown, ClaimState::Known)
    }
}

/// Whether a type has an empty value, so that `absent: empty` can be said of it.
pub(super) fn empty(value_type: &ValueType) -> Option<Value> {
    match value_type {
        ValueType::List(_) => Some(Value::List(Vec::new())),
        ValueType::String => Some(Value::String(String::new())),
        _ => None,
    }
}

/// Lists become one list without repetitions; of anything else, all must say the same.
fn unite(one: Value, other: Value) -> Option<Value> {
    match (one, other) {
        (Value::List(mut one), Value::List(other)) => {
            for element in other {
                if !one.contains(&element) {
                    one.push(element);
                }
            }
            Some(Value::List(one))
        }
        (one, other) => (one == other).then_some(one),
    }
}

/// Finds a claim: the member called `name`, or, where there is none, member `b` of `a` for `a.b`.
pub(super) fn find<'a>(payload: &'a Json, name: &str) -> Option<&'a Json> {
    let (mut object, mut name) = (payload, name);
    loop {
        if let Some(value) = object.member(name) {
            return Some(value);
        }
        let (head, rest) = name.split_once('.')?;
        object = object.member(head)?;
        name = rest;
    }
}

/// Whether the issuer says that it left the claim out because it is too long: OpenID Connect Core
/// §5.6.2 `_claim_names`, as Entra's overage writes it, and Entra's `hasgroups`.
pub(super) fn is_withheld(payload: &Json, name: &str) -> bool {
    let by_names = match payload.member("_claim_names") {
        None => false,
        Some(names) => {
            let head = name.split('.').next().unwrap_or(name);
            names.as_object().is_none()
                || names.member(name).is_some()
                || names.member(head).is_some()
        }
    };
    by_names || (name == "groups" && payload.member("hasgroups").is_some())
}

/// Reads a JSON value as one of the declared type; `None` where it is not.
pub(crate) fn value_of(json: &Json, value_type: &ValueType) -> Option<Value> {
    match (value_type, json) {
        (ValueType::Dyn, json) => Some(Value::Dyn(json.clone())),
        (ValueType::Bool, Json::Bool(value)) => Some(Value::Bool(*value)),
        (ValueType::Int, Json::Number(text)) => text.parse().ok().map(Value::Int),
        (ValueType::Double, Json::Number(text)) => {
            text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Double)
        }
        (ValueType::String, Json::String(text)) => Some(Value::String(text.to_string())),
        (ValueType::Timestamp, Json::Number(text)) => numeric_date(text).map(Value::Timestamp),
        (ValueType::Timestamp, Json::String(text)) => rfc3339::parse(text).map(Value::Timestamp),
        (ValueType::List(inner), Json::Array(elements)) => elements
            .iter()
            .map(|element| value_of(element, inner))
            .collect::<Option<_>>()
            .map(Value::List),
        _ => None,
    }
}

/// The last second of the year 9999: what lies beyond is no date anybody meant.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// Reads a NumericDate (RFC 7519 §2): seconds since the epoch, perhaps with a fraction, of which
/// milliseconds are kept. `None` for what is negative or absurd.
pub(super) fn numeric_date(text: &str) -> Option<Timestamp> {
    let seconds: f64 = text.parse().ok()?;
    if text.starts_with('-') || !(0.0..=LAST_SECOND).contains(&seconds) {
        return None;
    }
    // In range, so the conversion is exact but for the fraction, which is rounded down.
    #[expect(clippy::cast_possible_truncation, reason = "bounded by LAST_SECOND")]
    let millis = (seconds * 1000.0).floor() as i64;
    Some(Timestamp::from_millis(millis))
}

/// The words that a claim says: a string's, split at spaces, a list's elements, a number or a
/// truth value as it is written.
pub(super) fn says(json: &Json, word: &str) -> bool {
    match json {
        Json::String(text) => **text == *word || text.split(' ').any(|part| part == word),
        Json::Array(elements) => elements.iter().any(|element| text_of(element) == Some(word)),
        other => text_of(other) == Some(word),
    }
}

/// The text of a string, a number or a truth value.
pub(super) fn text_of(json: &Json) -> Option<&str> {
    match json {
        Json::String(text) | Json::Number(text) => Some(text),
        Json::Bool(true) => Some("true"),
        Json::Bool(false) => Some("false"),
        Json::Array(_) | Json::Null | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
