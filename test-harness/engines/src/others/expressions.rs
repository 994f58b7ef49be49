//! The `cel` crate's interpreter: a program a rule, compiled once; all tried until one is true, and with
//! a table by action and type that the application keeps, for the crate has no notion of rules.

use super::said;
use ambit_engines::{Engine, Question};
use cel::{Context, Env, Program, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// Every rule's program, tried in turn.
pub(crate) struct Expressions {
    env: Arc<Env>,
    programs: Vec<Program>,
}

/// The programs that speak of an action on a type.
pub(crate) struct ExpressionsByType {
    env: Arc<Env>,
    programs: HashMap<(String, u32), Vec<Program>>,
}

/// Variables, and what the table is looked up by.
pub(crate) struct Asked {
    place: (String, u32),
    context: Context<'static, 'static>,
}

impl Expressions {
    pub(crate) fn load(rules: u32) -> Result<Self, String> {
        let env = Arc::new(Env::stdlib());
        let program = |kind| {
            let name = Question::type_name(kind);
            env.compile(&format!(
                "action == \"read\" && resource.type == \"{name}\" \
                 && resource.tenant == subject.tenant"
            ))
            .map_err(said)
        };
        let programs = (0..rules).map(program).collect::<Result<_, String>>()?;
        Ok(Self { env, programs })
    }
}

impl ExpressionsByType {
    pub(crate) fn load(rules: u32) -> Result<Self, String> {
        let env = Arc::new(Env::stdlib());
        let programs = |kind| {
            let program = env.compile("resource.tenant == subject.tenant").map_err(said)?;
            Ok((("read".to_owned(), kind), vec![program]))
        };
        let programs = (0..rules).map(programs).collect::<Result<_, String>>()?;
        Ok(Self { env, programs })
    }
}

fn asked(env: &Arc<Env>, question: &Question) -> Asked {
    let map = |members: &[(&str, &str)]| -> Value {
        let members = members.iter().map(|(name, value)| ((*name).to_owned(), *value));
        members.collect::<HashMap<String, &str>>().into()
    };
    let mut context = Context::with_env(Arc::clone(env));
    let kind = Question::type_name(question.kind);
    let resource = [("type", kind.as_str()), ("id", &question.id), ("tenant", &question.owner)];
    let subject = [("id", question.subject.as_str()), ("tenant", &question.tenant)];
    context.add_variable_from_value("action", question.action.as_str());
    context.add_variable_from_value("resource", map(&resource));
    context.add_variable_from_value("subject", map(&subject));
    Asked { place: (question.action.clone(), question.kind), context }
}

fn one_is_true(programs: &[Program], asked: &Asked) -> bool {
    programs.iter().any(|program| program.execute(&asked.context) == Ok(Value::Bool(true)))
}

impl Engine for Expressions {
    type Input = Asked;

    fn prepare(&self, question: &Question) -> Asked {
        asked(&self.env, question)
    }

    fn decide(&self, input: &Asked) -> bool {
        one_is_true(&self.programs, input)
    }
}

impl Engine for ExpressionsByType {
    type Input = Asked;

    fn prepare(&self, question: &Question) -> Asked {
        asked(&self.env, question)
    }

    fn decide(&self, input: &Asked) -> bool {
        self.programs.get(&input.place).is_some_and(|programs| one_is_true(programs, input))
    }
}
