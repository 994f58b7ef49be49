//! Who takes part, each with the same policy, and all of one mind before anything is measured.

use crate::others::{
    Cedar, CedarByType, Expressions, ExpressionsByType, Guest, Machine, Rego, Shape,
};
use ambit_engines::{Ambit, Engine, Question};
use std::rc::Rc;
use std::time::{Duration, Instant};
use wasmtime::Module;

/// The most rules, each its own, that the virtual machine of `regorus` takes.
const VM_RULES: u32 = 3_800;

/// Decides the question with this number.
pub(crate) type Decide = Box<dyn FnMut(usize) -> bool>;

/// One engine with a policy.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    /// How it comes by its answers, in a few words.
    pub(crate) says: &'static str,
    /// How long the policy took to load.
    pub(crate) load: Duration,
    /// From the question's texts to the answer.
    pub(crate) whole: Decide,
    /// The decision alone: the engine's own input was made before.
    pub(crate) ready: Decide,
}

/// Everybody, with a policy of so many rules.
///
/// # Errors
/// A policy does not load, or two engines answer one question differently.
pub(crate) fn all(
    module: &Module,
    rules: u32,
    questions: &Rc<Vec<Question>>,
) -> Result<Vec<Contestant>, String> {
    let q = questions;
    let mut all = vec![
        of("ambit", "native", q, || Ambit::load(rules))?,
        guest(module, rules, q)?,
        of("cedar", "one policy set", q, || Cedar::load(rules))?,
        of("cedar_by_type", "a policy set a type, by hand", q, || CedarByType::load(rules))?,
        of("regorus", "interpreter, a rule each", q, || Rego::load(rules, Shape::Each))?,
        of("regorus_by_type", "interpreter, rules as data", q, || {
            Rego::load(rules, Shape::ByType)
        })?,
        of("regorus_vm_by_type", "virtual machine, rules as data", q, || {
            Machine::load(rules, Shape::ByType)
        })?,
        of("cel", "every program", q, || Expressions::load(rules))?,
        of("cel_by_type", "programs by type, by hand", q, || ExpressionsByType::load(rules))?,
    ];
    // Its programs hold 65,535 instructions, and seventeen make a rule.
    if rules <= VM_RULES {
        let machine = || Machine::load(rules, Shape::Each);
        all.push(of("regorus_vm", "virtual machine, a rule each", q, machine)?);
    }
    for one in &mut all {
        agree(one, rules, questions)?;
    }
    Ok(all)
}

fn of<E: Engine + 'static>(
    name: &'static str,
    says: &'static str,
    questions: &Rc<Vec<Question>>,
    load: impl FnOnce() -> Result<E, String>,
) -> Result<Contestant, String> {
    let begun = Instant::now();
    let engine = Rc::new(load().map_err(|error| format!("{name}: {error}"))?);
    let load = begun.elapsed();
    let inputs: Vec<E::Input> = questions.iter().map(|one| engine.prepare(one)).collect();
    let (other, asked) = (Rc::clone(&engine), Rc::clone(questions));
    Ok(Contestant {
        name,
        says,
        load,
        whole: Box::new(move |at| {
            asked.get(at).is_some_and(|question| other.decide(&other.prepare(question)))
        }),
        ready: Box::new(move |at| inputs.get(at).is_some_and(|input| engine.decide(input))),
    })
}

/// The guest keeps every question that is prepared, so whole ones are not prepared there.
fn guest(module: &Module, rules: u32, questions: &Rc<Vec<Question>>) -> Result<Contestant, String> {
    let says = "the core in wasmtime, a call a decision";
    let whole = Guest::load(module, rules)?;
    let asked = Rc::clone(questions);
    let contestant = of("ambit_wasm", says, questions, || Guest::load(module, rules))?;
    let decide =
        move |at: usize| asked.get(at).is_some_and(|question| whole.whole(question) == Ok(true));
    Ok(Contestant { whole: Box::new(decide), ..contestant })
}

fn agree(one: &mut Contestant, rules: u32, questions: &[Question]) -> Result<(), String> {
    for (at, question) in questions.iter().enumerate() {
        let answer = question.answer(rules);
        if (one.whole)(at) != answer || (one.ready)(at) != answer {
            let name = one.name;
            return Err(format!("{name} does not say {answer} of {rules} rules to {question:?}"));
        }
    }
    Ok(())
}
