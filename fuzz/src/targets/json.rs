//! JSON and its canonical form.

use super::model;
use ambit::request::json::{Json, JsonLimits, parse};

const LIMITS: JsonLimits = JsonLimits { bytes: 3000, depth: 12, nodes: 200 };

/// Read alike by `serde_json`; refused only for what Ambit says it refuses.
pub(super) fn json(text: &[u8]) -> bool {
    if text.windows(7).any(|seven| seven == b"private") {
        return false;
    }
    let read = parse(text, LIMITS);
    match (&read, model::read(text)) {
        (_, Some(model)) if model.strange => {}
        (Ok(value), Some(model)) => {
            assert_eq!(model::spelt_alike(value), model::spelt_alike(&model.value), "two readers");
            assert!(!model.twice, "a member twice");
            assert!(
                model.depth <= LIMITS.depth && model.nodes <= LIMITS.nodes,
                "beyond its limits"
            );
            assert!(text.len() <= LIMITS.bytes, "too long");
        }
        (Ok(value), None) => panic!("accepted what is no JSON: {value:?}"),
        (Err(error), Some(model)) => assert!(
            model.twice
                || model.depth > LIMITS.depth
                || model.nodes > LIMITS.nodes
                || text.len() > LIMITS.bytes,
            "refused without a reason: {}",
            error.what
        ),
        (Err(_), None) => {}
    }
    read.is_ok()
}

/// The canonical form is a form of the same value, and its own.
pub(super) fn jcs(text: &[u8]) -> bool {
    let Ok(value) = parse(text, LIMITS) else { return false };
    let Ok(canonical) = value.to_jcs() else { return false };
    let again = parse(canonical.as_bytes(), JsonLimits { bytes: 1 << 20, ..LIMITS });
    let Ok(again) = again else {
        panic!("not JSON: {canonical}");
    };
    assert!(same(&value, &again), "another value: {canonical}");
    assert_eq!(again.to_jcs().ok().as_ref(), Some(&canonical), "not its own canonical form");
    let mut out = String::new();
    write(&again, &mut out);
    assert_eq!(out, canonical, "another writer writes otherwise");
    true
}

/// Equal, members in any order and numbers by their value.
fn same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => {
            one.parse::<f64>().ok() == other.parse::<f64>().ok()
        }
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Json::Object(members), Json::Object(others)) => {
            members.len() == others.len()
                && members
                    .iter()
                    .all(|(name, value)| other.member(name).is_some_and(|other| same(value, other)))
        }
        (one, other) => one == other,
    }
}

/// JCS by `serde_json`'s strings, with names in the order of their UTF-16 text.
fn write(value: &Json, out: &mut String) {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match value {
        Json::Array(elements) => {
            out.push('[');
            for (at, element) in elements.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                write(element, out);
            }
            out.push(']');
        }
        Json::Object(members) => {
            let mut sorted: Vec<(Vec<u16>, &str, &Json)> = members
                .iter()
                .map(|(name, value)| (name.encode_utf16().collect(), &**name, value))
                .collect();
            sorted.sort_by(|(one, ..), (other, ..)| one.cmp(other));
            out.push('{');
            for (at, (_, name, value)) in sorted.into_iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                out.push_str(&quoted(name));
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Json::String(text) => out.push_str(&quoted(text)),
        Json::Number(text) => out.push_str(text),
        Json::Bool(value) => out.push_str(&value.to_string()),
        Json::Null => out.push_str("null"),
    }
}
