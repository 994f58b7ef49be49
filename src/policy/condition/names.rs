//! The names a condition may use.

use super::{ConditionError, Declarations, Slot};
use crate::policy::value::ValueType;

/// The roots of all names.
pub(super) const ROOTS: [&str; 6] = ["action", "actor", "args", "request", "resource", "subject"];

fn strings() -> ValueType {
    ValueType::List(Box::new(ValueType::String))
}

/// `root.field` as a slot and its type.
pub(super) fn field(
    root: &str,
    field: &str,
    declarations: &Declarations<'_>,
) -> Result<(Slot, ValueType), ConditionError> {
    let fixed: &[(&str, Slot, ValueType)] = match root {
        "actor" => &[
            ("chain", Slot::ActorChain, strings()),
            ("id", Slot::ActorId, ValueType::String),
            ("issuer", Slot::ActorIssuer, ValueType::String),
            ("mode", Slot::ActorMode, ValueType::String),
        ],
        "request" => &[
            ("host", Slot::RequestHost, ValueType::String),
            ("method", Slot::RequestMethod, ValueType::String),
            ("path", Slot::RequestPath, ValueType::String),
            ("time", Slot::RequestTime, ValueType::Timestamp),
        ],
        "resource" => &[
            ("id", Slot::ResourceId, ValueType::String),
            ("type", Slot::ResourceType, ValueType::String),
        ],
        "subject" => &[
            ("groups", Slot::SubjectGroups, strings()),
            ("id", Slot::SubjectId, ValueType::String),
            ("issuer", Slot::SubjectIssuer, ValueType::String),
            ("realm", Slot::SubjectRealm, ValueType::String),
            ("scopes", Slot::SubjectScopes, strings()),
        ],
        _ => &[],
    };
    if let Some((_, slot, value_type)) = fixed.iter().find(|(name, ..)| *name == field) {
        return Ok((*slot, value_type.clone()));
    }
    let mut known: Vec<&str> = fixed.iter().map(|(name, ..)| *name).collect();
    match root {
        "subject" => {
            let mut claims = (0..).zip(declarations.claims);
            if let Some((at, (_, value_type))) = claims.find(|(_, (name, _))| name == field) {
                return Ok((Slot::SubjectClaim(at), value_type.clone()));
            }
            known.extend(declarations.claims.iter().map(|(name, _)| name.as_str()));
        }
        "resource" => {
            let mut attributes = declarations.attributes.iter();
            if let Some((_, value_type, number)) = attributes.find(|(name, ..)| name == field) {
                return Ok((Slot::ResourceAttribute(*number), value_type.clone()));
            }
            known.extend(declarations.attributes.iter().map(|(name, ..)| name.as_str()));
        }
        _ => {}
    }
    known.sort_unstable();
    Err(unknown(&format!("{root}.{field}"), field, &known, |name| format!("{root}.{name}")))
}

/// A name nobody declared, with the nearest one where one is near.
pub(super) fn unknown(
    written: &str,
    short: &str,
    known: &[&str],
    full: impl Fn(&str) -> String,
) -> ConditionError {
    let expected = match nearest(short, known) {
        Some(name) => format!("did you mean `{}`?", full(name)),
        None => {
            let names: Vec<String> = known.iter().map(|name| format!("`{}`", full(name))).collect();
            format!("one of {}", names.join(", "))
        }
    };
    ConditionError::new(format!("`{written}` is not declared"), expected)
}

/// The name that was meant, perhaps.
pub(crate) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (distance(written, name), *name))
        .min()
        .filter(|(distance, name)| *distance <= 2 && *distance < name.len())
        .map(|(_, name)| name)
}

/// Levenshtein's distance, of names short enough to be worth comparing.
fn distance(a: &str, b: &str) -> usize {
    if a.len() > 64 || b.len() > 64 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, x) in a.chars().enumerate() {
        let mut next = vec![at.saturating_add(1)];
        for (column, y) in b.iter().enumerate() {
            let corner = row.get(column).copied().unwrap_or(0);
            let above = row.get(column.saturating_add(1)).copied().unwrap_or(0);
            let left = next.last().copied().unwrap_or(0);
            let changed = corner.saturating_add(usize::from(x != *y));
            next.push(changed.min(above.saturating_add(1)).min(left.saturating_add(1)));
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}
