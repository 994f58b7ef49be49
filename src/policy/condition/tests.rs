//! Conditions as a whole: text in, verdict out.

mod bounds;
mod errors;
mod operators;
mod properties;
mod random;
mod reference;

use super::{Condition, Declarations, Facts, Slot, Truth, Verdict, compile};
use crate::policy::value::{Fact, Source, Sources, Value, ValueType};
use crate::request::json::Json;
use std::collections::BTreeMap;

type Claims = Vec<(String, ValueType)>;
type Attributes = Vec<(String, ValueType, u32)>;

/// What a test's policy declares: every type there is, on both sides.
fn declared() -> (Claims, Attributes) {
    let spelled = |text| ValueType::parse(text).unwrap();
    let claims = [("admin", "bool"), ("level", "int"), ("profile", "dyn"), ("tenant", "string")];
    let attributes = [
        ("amount", "int"),
        ("created", "timestamp"),
        ("labels", "[string]"),
        ("meta", "dyn"),
        ("owner", "string"),
        ("price", "double"),
        ("public", "bool"),
        ("scores", "[int]"),
        ("tenant", "string"),
    ];
    (
        claims.map(|(name, text)| (name.to_owned(), spelled(text))).to_vec(),
        (100..)
            .zip(attributes)
            .map(|(number, (name, text))| (name.to_owned(), spelled(text), number))
            .collect(),
    )
}

fn try_compile(text: &str) -> Result<Condition, Vec<super::ConditionError>> {
    let (claims, attributes) = declared();
    compile(text, &Declarations { claims: &claims, attributes: &attributes })
}

fn compiled(text: &str) -> Condition {
    try_compile(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

/// The slot a name stands for.
fn slot(name: &str) -> Slot {
    match compiled(&format!("{name} == {name}")).slots() {
        [slot] => *slot,
        other => panic!("{name}: {other:?}"),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Given {
    Known(Value),
    Pending(Source),
    Strings(Vec<String>),
}

/// Facts of a test; everything not given is unknown.
#[derive(Clone, Debug, Default)]
struct World(BTreeMap<Slot, Given>);

impl World {
    fn with(mut self, name: &str, given: impl Into<Given>) -> Self {
        self.0.insert(slot(name), given.into());
        self
    }
}

impl Facts for World {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        match self.0.get(&slot) {
            Some(Given::Known(value)) => Fact::Known(value.into()),
            Some(Given::Pending(source)) => Fact::Pending(*source),
            Some(Given::Strings(strings)) => {
                Fact::Known(crate::policy::value::ValueRef::Strings(strings))
            }
            None => Fact::Unknown,
        }
    }
}

impl From<Source> for Given {
    fn from(source: Source) -> Self {
        Self::Pending(source)
    }
}

impl From<&str> for Given {
    fn from(text: &str) -> Self {
        Self::Known(Value::String(text.to_owned()))
    }
}

impl From<Value> for Given {
    fn from(value: Value) -> Self {
        Self::Known(value)
    }
}

impl From<&[&str]> for Given {
    fn from(strings: &[&str]) -> Self {
        Self::Strings(strings.iter().map(|text| (*text).to_owned()).collect())
    }
}

fn strings(texts: &[&str]) -> Value {
    Value::List(texts.iter().map(|text| Value::String((*text).to_owned())).collect())
}

fn dyn_json(text: &str) -> Value {
    Value::Dyn(json(&serde_json::from_str(text).unwrap()))
}

fn json(value: &serde_json::Value) -> Json {
    match value {
        serde_json::Value::Null => Json::Null,
        serde_json::Value::Bool(value) => Json::Bool(*value),
        serde_json::Value::Number(number) => Json::Number(number.to_string().into()),
        serde_json::Value::String(text) => Json::String(text.as_str().into()),
        serde_json::Value::Array(elements) => Json::Array(elements.iter().map(json).collect()),
        serde_json::Value::Object(members) => Json::Object(
            members.iter().map(|(name, value)| (name.as_str().into(), json(value))).collect(),
        ),
    }
}

fn verdict(text: &str, world: &World) -> Verdict {
    compiled(text).evaluate(world, &mut super::MAX_STEPS.clone())
}

const FINAL: Verdict = Verdict { truth: Truth::Unknown, waits_for: Sources::NONE };

fn waits(source: Source) -> Verdict {
    Verdict { truth: Truth::Unknown, waits_for: Sources::only(source) }
}

fn is(truth: bool) -> Verdict {
    let truth = if truth { Truth::True } else { Truth::False };
    Verdict { truth, waits_for: Sources::NONE }
}
