//! Attributes of the record: which to ask for, and what an answer says.

use super::{Callout, CalloutReply};
use crate::policy::compiled::{AttributeEntry, CompiledSource, Policy, ResourceEntry};
use crate::policy::condition::Slot;
use crate::policy::routes::Variable;
use crate::policy::value::{Source, Value, ValueType};
use crate::request::json::{self, Json, JsonLimits};
use crate::request::{Action, AttributeState};
use crate::time::Timestamp;

/// Bounds on what a look-up or a response may say.
pub(super) const ANSWER: JsonLimits = JsonLimits { bytes: 262_144, depth: 32, nodes: 20_000 };

/// The states of a resource's attributes before anything was asked.
pub(super) fn initial(
    resource: &ResourceEntry,
    variables: &[Variable],
    values: &[&str],
    response_can_tell: bool,
) -> Vec<AttributeState> {
    let state = |entry: &AttributeEntry| match &entry.from {
        CompiledSource::Path(name) => variables
            .iter()
            .position(|variable| variable.name == *name)
            .and_then(|at| values.get(at))
            .and_then(|text| match entry.value_type {
                ValueType::Int => text.parse().ok().map(Value::Int),
                _ => Some(Value::String((*text).to_owned())),
            })
            .map_or(AttributeState::Unknown, AttributeState::Known),
        CompiledSource::Lookup(_) => AttributeState::Pending(Source::Lookup),
        CompiledSource::Response(_) if response_can_tell => {
            AttributeState::Pending(Source::Response)
        }
        CompiledSource::Response(_) => AttributeState::Unknown,
    };
    resource.attributes.iter().map(state).collect()
}

/// The look-ups that some rule on this action and resource reads: a callout, and the attributes it
/// tells. Attributes that come from one address share one callout.
pub(super) fn needed(
    policy: &Policy,
    resource: (u32, &ResourceEntry),
    action: Action,
    variables: &[Variable],
    values: &[&str],
) -> Vec<(Callout, Vec<usize>)> {
    let (number, entry) = resource;
    let read = |attribute: &AttributeEntry| {
        policy.rules_for(number, action).iter().any(|rule| {
            let when = policy.rules.get(*rule as usize).and_then(|rule| rule.when.as_ref());
            when.is_some_and(|when| {
                when.slots().contains(&Slot::ResourceAttribute(attribute.number))
            })
        })
    };
    let mut asked: Vec<(Callout, Vec<usize>)> = Vec::new();
    for (at, attribute) in entry.attributes.iter().enumerate() {
        let CompiledSource::Lookup(lookup) = &attribute.from else { continue };
        if !read(attribute) {
            continue;
        }
        let Some(path) = fill(&lookup.path, variables, values) else { continue };
        let same = asked
            .iter_mut()
            .find(|(callout, _)| callout.cluster == lookup.cluster && callout.path == path);
        if let Some((_, places)) = same {
            places.push(at);
            continue;
        }
        let callout = Callout {
            number: u32::try_from(asked.len()).unwrap_or(u32::MAX),
            cluster: lookup.cluster.clone(),
            authority: lookup.host.clone().unwrap_or_else(|| lookup.cluster.clone()),
            path,
            timeout: policy.limits.lookup_timeout,
        };
        asked.push((callout, vec![at]));
    }
    asked
}

/// The template with each variable as it stands in the canonical path: still encoded, so that a
/// record's id cannot become another path.
fn fill(template: &str, variables: &[Variable], values: &[&str]) -> Option<String> {
    let mut path = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}')?;
        let at = variables.iter().position(|variable| variable.name == name)?;
        path.push_str(before);
        path.push_str(&crate::request::path::encode(values.get(at)?));
        rest = tail;
    }
    path.push_str(rest);
    Some(path)
}

/// What a look-up's answer says of the attributes at `places`.
///
/// 404 is an answer: there is no such record, and nothing is known of it. Everything else but a
/// well-formed 200 is a failure, which is told apart so that clients do not take it for a no.
pub(super) fn answered(
    resource: &ResourceEntry,
    places: &[usize],
    reply: CalloutReply<'_>,
    states: &mut [AttributeState],
) {
    let parsed = match reply.status {
        Some(200) => json::parse(reply.body, ANSWER).ok(),
        Some(404) => Some(Json::Null),
        _ => None,
    };
    for place in places {
        let (Some(entry), Some(state)) = (resource.attributes.get(*place), states.get_mut(*place))
        else {
            continue;
        };
        *state = match (&parsed, &entry.from) {
            (Some(document), CompiledSource::Lookup(lookup)) => {
                tell(document, &lookup.pointer, &entry.value_type)
            }
            _ => AttributeState::Unavailable,
        };
    }
}

/// What a held response says of the attributes that come from it; all unknown where there is none.
pub(super) fn from_response(
    resource: &ResourceEntry,
    body: Option<&Json>,
    states: &mut [AttributeState],
) {
    for (entry, state) in resource.attributes.iter().zip(states) {
        if let CompiledSource::Response(pointer) = &entry.from {
            *state =
                body.map_or(AttributeState::Unknown, |body| tell(body, pointer, &entry.value_type));
        }
    }
}

fn tell(document: &Json, pointer: &str, value_type: &ValueType) -> AttributeState {
    document
        .pointer(pointer)
        .and_then(|found| typed(found, value_type))
        .map_or(AttributeState::Unknown, AttributeState::Known)
}

/// A JSON value as the declared type; `None` when it is of another.
pub(crate) fn typed(found: &Json, value_type: &ValueType) -> Option<Value> {
    Some(match value_type {
        ValueType::Bool => Value::Bool(found.as_bool()?),
        ValueType::Double => Value::Double(found.as_f64().filter(|number| number.is_finite())?),
        ValueType::Dyn => Value::Dyn(found.clone()),
        ValueType::Int => Value::Int(found.as_i64()?),
        ValueType::List(inner) => {
            let members = found.as_array()?.iter().map(|member| typed(member, inner));
            Value::List(members.collect::<Option<Vec<_>>>()?)
        }
        ValueType::String => Value::String(found.as_str()?.to_owned()),
        ValueType::Timestamp => match found.as_str() {
            Some(text) => Value::Timestamp(crate::policy::condition::parse_rfc3339(text)?),
            None => Value::Timestamp(Timestamp::from_secs(found.as_i64()?)),
        },
    })
}
