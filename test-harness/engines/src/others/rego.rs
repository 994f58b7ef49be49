//! `regorus`: a compiled policy, reused, by its interpreter and by its virtual machine; a Rego rule for
//! each rule, and the rules as data that one Rego rule finds by key.

use super::said;
use ambit_engines::{Engine, Question};
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::RegoVM;
use regorus::{CompiledPolicy, PolicyLengthConfig, Value};
use std::cell::RefCell;
use std::fmt::Write as _;

const ENTRY: &str = "data.bench.allow";

/// How the rules are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As data, by type.
    ByType,
    /// One by one.
    Each,
}

/// The interpreter.
pub(crate) struct Rego(CompiledPolicy);

/// The virtual machine.
pub(crate) struct Machine(RefCell<RegoVM>);

fn compiled(rules: u32, shape: Shape) -> Result<(CompiledPolicy, Value), String> {
    let mut text = "package bench\nimport rego.v1\ndefault allow := false\n".to_owned();
    let mut data = serde_json::Map::new();
    for kind in 0..rules {
        let name = Question::type_name(kind);
        match shape {
            Shape::Each => {
                let _ = write!(
                    text,
                    "allow if {{\n  input.action == \"read\"\n  input.resource.type == \"{name}\"\n  \
                     input.resource.tenant == input.subject.tenant\n}}\n"
                );
            }
            Shape::ByType => {
                data.insert(name, serde_json::json!({ "actions": ["read"] }));
            }
        }
    }
    if shape == Shape::ByType {
        text.push_str(
            "allow if {\n  rule := data.rules[input.resource.type]\n  input.action in rule.actions\n  \
             input.resource.tenant == input.subject.tenant\n}\n",
        );
    }
    let data = serde_json::json!({ "rules": data }).to_string();
    let data = Value::from_json_str(&data).map_err(said)?;
    let mut engine = regorus::Engine::new();
    engine.set_policy_length_config(lengths());
    engine.add_policy("bench.rego".to_owned(), text).map_err(said)?;
    engine.add_data(data.clone()).map_err(said)?;
    let policy = engine.compile_with_entrypoint(&ENTRY.into()).map_err(said)?;
    Ok((policy, data))
}

/// Its default length of a file ends before ten thousand rules do.
const fn lengths() -> PolicyLengthConfig {
    use std::num::{NonZeroU32, NonZeroUsize};
    PolicyLengthConfig {
        max_col: NonZeroU32::MAX,
        max_file_bytes: NonZeroUsize::MAX,
        max_lines: NonZeroUsize::MAX,
    }
}

impl Rego {
    pub(crate) fn load(rules: u32, shape: Shape) -> Result<Self, String> {
        Ok(Self(compiled(rules, shape)?.0))
    }
}

impl Machine {
    pub(crate) fn load(rules: u32, shape: Shape) -> Result<Self, String> {
        let (policy, data) = compiled(rules, shape)?;
        let program = Compiler::compile_from_policy(&policy, &[ENTRY]).map_err(said)?;
        let mut machine = RegoVM::new_with_policy(policy);
        machine.load_program(program);
        machine.set_data(data).map_err(said)?;
        // Its default stops before ten thousand rules are looked at.
        machine.set_max_instructions(usize::MAX);
        Ok(Self(RefCell::new(machine)))
    }
}

fn input(question: &Question) -> Value {
    let object = |members: Vec<(&str, Value)>| {
        let members = members.into_iter().map(|(name, value)| (Value::from(name), value));
        Value::from(members.collect::<std::collections::BTreeMap<Value, Value>>())
    };
    let text = |text: &str| Value::from(text);
    object(vec![
        ("action", text(&question.action)),
        (
            "resource",
            object(vec![
                ("type", text(&Question::type_name(question.kind))),
                ("id", text(&question.id)),
                ("tenant", text(&question.owner)),
            ]),
        ),
        (
            "subject",
            object(vec![("id", text(&question.subject)), ("tenant", text(&question.tenant))]),
        ),
    ])
}

impl Engine for Rego {
    type Input = Value;

    fn prepare(&self, question: &Question) -> Value {
        input(question)
    }

    fn decide(&self, input: &Value) -> bool {
        self.0.eval_with_input(input.clone()).is_ok_and(|answer| answer == Value::from(true))
    }
}

impl Engine for Machine {
    type Input = Value;

    fn prepare(&self, question: &Question) -> Value {
        input(question)
    }

    fn decide(&self, input: &Value) -> bool {
        let mut machine = self.0.borrow_mut();
        machine.set_input(input.clone());
        machine.execute().is_ok_and(|answer| answer == Value::from(true))
    }
}
