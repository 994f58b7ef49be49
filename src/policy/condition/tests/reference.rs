//! A second evaluator, slow and plain, that works on the text's tree and on owned values.

use super::random::names;
use super::*;
use crate::policy::condition::parse_rfc3339;
use crate::policy::condition::syntax::{Comparison, Syntax, TextTest};
use std::cmp::Ordering;

/// A value; lists may have members that are not known.
#[derive(Clone, Debug)]
enum Plain {
    Bool(bool),
    List(Vec<Option<Self>>),
    Null,
    Number(f64),
    Object(BTreeMap<String, Self>),
    Text(String),
    Time(i64),
    /// A number nobody can hold.
    Vast,
}

type Variables = BTreeMap<String, Option<Plain>>;

/// The truth of a condition; `None` is unknown.
pub(super) fn truth(syntax: &Syntax, world: &World) -> Option<bool> {
    test(syntax, world, &Variables::new())
}

fn test(syntax: &Syntax, world: &World, variables: &Variables) -> Option<bool> {
    let value = |syntax: &Syntax| value(syntax, world, variables);
    match syntax {
        Syntax::And(parts) => all(parts.iter().map(|part| test(part, world, variables))),
        Syntax::Or(parts) => any(parts.iter().map(|part| test(part, world, variables))),
        Syntax::Not(inner) => test(inner, world, variables).map(|truth| !truth),
        Syntax::Bool(value) => Some(*value),
        Syntax::Compare { operator, left, right } if **right == Syntax::Null => {
            let is_null = matches!(value(left)?, Plain::Null);
            Some(is_null == (*operator == Comparison::Equal))
        }
        Syntax::Compare { operator, left, right } => {
            let (left, right) = (value(left)?, value(right)?);
            match operator {
                Comparison::Equal => equal(&left, &right),
                Comparison::NotEqual => equal(&left, &right).map(|same| !same),
                Comparison::Less => Some(order(&left, &right)? == Ordering::Less),
                Comparison::LessOrEqual => Some(order(&left, &right)? != Ordering::Greater),
                Comparison::Greater => Some(order(&left, &right)? == Ordering::Greater),
                Comparison::GreaterOrEqual => Some(order(&left, &right)? != Ordering::Less),
            }
        }
        Syntax::In { item, list } => {
            let item = value(item);
            let Plain::List(elements) = value(list)? else {
                return None;
            };
            any(elements.into_iter().map(|one| equal(&one?, item.as_ref()?)))
        }
        Syntax::Text { test, text, part } => {
            let (Plain::Text(text), Plain::Text(part)) = (value(text)?, value(part)?) else {
                return None;
            };
            Some(match test {
                TextTest::Contains => text.contains(&part),
                TextTest::EndsWith => text.ends_with(&part),
                TextTest::StartsWith => text.starts_with(&part),
            })
        }
        Syntax::Fold { every, list, variable, test: inner } => {
            let Plain::List(elements) = value(list)? else {
                return None;
            };
            let answers = elements.into_iter().map(|element| {
                let mut variables = variables.clone();
                variables.insert(variable.clone(), element);
                test(inner, world, &variables)
            });
            if *every { all(answers) } else { any(answers) }
        }
        Syntax::Has(member) => has(member, world, variables),
        other => match value(other)? {
            Plain::Bool(truth) => Some(truth),
            _ => None,
        },
    }
}

fn any(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let answers: Vec<_> = answers.collect();
    if answers.contains(&Some(true)) {
        return Some(true);
    }
    if answers.contains(&None) { None } else { Some(false) }
}

fn all(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    any(answers.map(|answer| answer.map(|truth| !truth))).map(|truth| !truth)
}

/// Whether a member is there: `Some(false)` where an object on the way lacks it.
fn has(member: &Syntax, world: &World, variables: &Variables) -> Option<bool> {
    if let Some(known) = fact(member, world) {
        return known.map(|_| true);
    }
    match member {
        Syntax::Name(name) => variables[name].as_ref().map(|_| true),
        Syntax::Member(base, name) => {
            match (has(base, world, variables)?, value(base, world, variables)) {
                (false, _) => Some(false),
                (true, Some(Plain::Object(members))) => Some(members.contains_key(name)),
                (true, _) => None,
            }
        }
        Syntax::Element(base, at) => {
            match (has(base, world, variables)?, value(base, world, variables)) {
                (false, _) => Some(false),
                (true, Some(Plain::List(elements))) => Some((*at as usize) < elements.len()),
                (true, _) => None,
            }
        }
        other => panic!("{other}"),
    }
}

/// Outer `None`: not the name of a fact.
fn fact(syntax: &Syntax, world: &World) -> Option<Option<Plain>> {
    let text = syntax.to_string();
    let (_, slot) = names().iter().find(|(name, _)| *name == text)?;
    Some(match world.0.get(slot) {
        Some(Given::Known(value)) => Some(plain(value)),
        Some(Given::Strings(strings)) => {
            Some(Plain::List(strings.iter().map(|text| Some(Plain::Text(text.clone()))).collect()))
        }
        Some(Given::Pending(_)) | None => None,
    })
}

fn value(syntax: &Syntax, world: &World, variables: &Variables) -> Option<Plain> {
    if let Some(known) = fact(syntax, world) {
        return known;
    }
    match syntax {
        Syntax::Bool(value) => Some(Plain::Bool(*value)),
        Syntax::Double(value) => Some(Plain::Number(*value)),
        Syntax::Int(value) => Some(Plain::Number(*value as f64)),
        Syntax::String(text) => Some(Plain::Text(text.clone())),
        Syntax::Timestamp(text) => parse_rfc3339(text).map(|time| Plain::Time(time.millis())),
        Syntax::Name(name) => variables[name].clone(),
        Syntax::List(elements) => Some(Plain::List(
            elements.iter().map(|element| value(element, world, variables)).collect(),
        )),
        Syntax::Member(base, name) => match value(base, world, variables)? {
            Plain::Object(members) => members.get(name).cloned(),
            _ => None,
        },
        Syntax::Element(base, at) => match value(base, world, variables)? {
            Plain::List(elements) => elements.get(*at as usize).cloned()?,
            _ => None,
        },
        other => test(other, world, variables).map(Plain::Bool),
    }
}

fn plain(value: &Value) -> Plain {
    match value {
        Value::Bool(value) => Plain::Bool(*value),
        Value::Double(value) => Plain::Number(*value),
        Value::Dyn(json) => plain_json(json),
        Value::Int(value) => Plain::Number(*value as f64),
        Value::List(elements) => Plain::List(elements.iter().map(|one| Some(plain(one))).collect()),
        Value::String(text) => Plain::Text(text.clone()),
        Value::Timestamp(time) => Plain::Time(time.millis()),
    }
}

fn plain_json(json: &Json) -> Plain {
    match json {
        Json::Array(elements) => {
            Plain::List(elements.iter().map(|one| Some(plain_json(one))).collect())
        }
        Json::Bool(value) => Plain::Bool(*value),
        Json::Null => Plain::Null,
        Json::Number(text) => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Plain::Number(value),
            _ => Plain::Vast,
        },
        Json::Object(members) => Plain::Object(
            members.iter().map(|(name, value)| (name.to_string(), plain_json(value))).collect(),
        ),
        Json::String(text) => Plain::Text(text.to_string()),
    }
}

fn equal(left: &Plain, right: &Plain) -> Option<bool> {
    match (left, right) {
        (Plain::Bool(left), Plain::Bool(right)) => Some(left == right),
        (Plain::Null, Plain::Null) => Some(true),
        (Plain::List(left), Plain::List(right)) if left.len() != right.len() => Some(false),
        (Plain::List(left), Plain::List(right)) => {
            all(left.iter().zip(right).map(|(left, right)| equal(left.as_ref()?, right.as_ref()?)))
        }
        _ => order(left, right).map(Ordering::is_eq),
    }
}

fn order(left: &Plain, right: &Plain) -> Option<Ordering> {
    match (left, right) {
        (Plain::Number(left), Plain::Number(right)) => left.partial_cmp(right),
        (Plain::Text(left), Plain::Text(right)) => Some(left.cmp(right)),
        (Plain::Time(left), Plain::Time(right)) => Some(left.cmp(right)),
        (Plain::Time(left), Plain::Text(right)) => Some(left.cmp(&parse_rfc3339(right)?.millis())),
        (Plain::Text(left), Plain::Time(right)) => Some(parse_rfc3339(left)?.millis().cmp(right)),
        _ => None,
    }
}
