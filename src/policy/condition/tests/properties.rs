//! Properties that hold for every condition and all facts.

use super::random::{Choices, known, names, test, world};
use super::*;
use crate::policy::condition::syntax::Syntax;
use crate::policy::condition::{check, parse};
use proptest::collection::vec;
use proptest::prelude::*;

const ENOUGH: u32 = 1_000_000;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..120)
}

fn condition(choices: &[u8]) -> (Syntax, Condition) {
    let syntax = test(&mut Choices(choices), 3);
    let text = syntax.to_string();
    let condition = try_compile(&text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
    (syntax, condition)
}

fn evaluate(condition: &Condition, world: &World) -> Verdict {
    condition.evaluate(world, &mut ENOUGH.clone())
}

fn truth(verdict: Verdict) -> Option<bool> {
    match verdict.truth {
        Truth::False => Some(false),
        Truth::True => Some(true),
        Truth::Unknown => None,
    }
}

/// The same facts, and of the ones not known that `may_learn` names, some random ones known now.
fn learn(before: &World, choices: &[u8], may_learn: impl Fn(Option<Source>) -> bool) -> World {
    let mut choices = Choices(choices);
    let mut after = before.clone();
    for (name, slot) in names() {
        let source = match before.0.get(slot) {
            Some(Given::Pending(source)) => Some(*source),
            Some(_) => continue,
            None => None,
        };
        if may_learn(source) {
            let learnt = known(&mut choices, name);
            // Learnt to stay unknown, now and then.
            if matches!(&learnt, Given::Known(Value::String(text)) if text.is_empty()) {
                after.0.remove(slot);
            } else {
                after.0.insert(*slot, learnt);
            }
        }
    }
    after
}

/// The operands of every `&&`, `||`, and `==` the other way round.
fn turned(syntax: &Syntax) -> Syntax {
    let turned_all = |parts: &[Syntax]| parts.iter().rev().map(turned).collect();
    match syntax {
        Syntax::And(parts) => Syntax::And(turned_all(parts)),
        Syntax::Or(parts) => Syntax::Or(turned_all(parts)),
        Syntax::Not(inner) => Syntax::Not(Box::new(turned(inner))),
        Syntax::Compare { operator, left, right } if operator.is_equality() => Syntax::Compare {
            operator: *operator,
            left: Box::new(turned(right)),
            right: Box::new(turned(left)),
        },
        Syntax::Fold { every, list, variable, test } => Syntax::Fold {
            every: *every,
            list: list.clone(),
            variable: variable.clone(),
            test: Box::new(turned(test)),
        },
        other => other.clone(),
    }
}

/// By De Morgan: the negation, pushed inwards.
fn negated(syntax: &Syntax) -> Syntax {
    let negated_all = |parts: &[Syntax]| parts.iter().map(negated).collect();
    match syntax {
        Syntax::And(parts) => Syntax::Or(negated_all(parts)),
        Syntax::Or(parts) => Syntax::And(negated_all(parts)),
        Syntax::Not(inner) => (**inner).clone(),
        Syntax::Fold { every, list, variable, test } => Syntax::Fold {
            every: !every,
            list: list.clone(),
            variable: variable.clone(),
            test: Box::new(negated(test)),
        },
        other => Syntax::Not(Box::new(other.clone())),
    }
}

fn of_tree(syntax: &Syntax) -> Condition {
    let (claims, attributes) = declared();
    let declarations = Declarations { claims: &claims, attributes: &attributes };
    let (root, slots) = check::check(syntax, &declarations).unwrap();
    Condition { source: syntax.to_string().into(), root, slots, reads_chain: false }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_is_printed_parses_to_the_same(choices in bytes()) {
        let syntax = test(&mut Choices(&choices), 3);
        prop_assert_eq!(parse::parse(&syntax.to_string()).unwrap(), syntax);
    }

    #[test]
    fn a_plain_evaluator_agrees(choices in bytes(), facts in bytes()) {
        let (syntax, condition) = condition(&choices);
        let world = world(&mut Choices(&facts));
        let verdict = evaluate(&condition, &world);
        prop_assert_eq!(truth(verdict), reference::truth(&syntax, &world), "{}", condition);
    }

    #[test]
    fn learning_more_never_overturns_a_truth(choices in bytes(), facts in bytes(), more in bytes()) {
        let (_, condition) = condition(&choices);
        let before = world(&mut Choices(&facts));
        let first = evaluate(&condition, &before);
        if first.truth != Truth::Unknown {
            let after = learn(&before, &more, |_| true);
            prop_assert_eq!(first, evaluate(&condition, &after), "{}", condition);
        }
    }

    #[test]
    fn what_a_verdict_does_not_wait_for_cannot_settle_it(
        choices in bytes(), facts in bytes(), more in bytes()
    ) {
        let (_, condition) = condition(&choices);
        let before = world(&mut Choices(&facts));
        let Verdict { truth, waits_for } = evaluate(&condition, &before);
        if truth == Truth::Unknown {
            let after = learn(&before, &more, |source| match source {
                Some(Source::Lookup) => !waits_for.lookup,
                Some(Source::Response) => !waits_for.response,
                None => false,
            });
            prop_assert_eq!(evaluate(&condition, &after).truth, Truth::Unknown, "{}", condition);
        } else {
            prop_assert!(waits_for.is_empty());
        }
    }

    #[test]
    fn the_order_of_operands_does_not_matter(choices in bytes(), facts in bytes()) {
        let (syntax, condition) = condition(&choices);
        let world = world(&mut Choices(&facts));
        let turned = of_tree(&turned(&syntax));
        prop_assert_eq!(evaluate(&condition, &world), evaluate(&turned, &world), "{}", condition);
    }

    #[test]
    fn a_negation_pushed_inwards_is_the_same(choices in bytes(), facts in bytes()) {
        let (syntax, _) = condition(&choices);
        let world = world(&mut Choices(&facts));
        let whole = of_tree(&Syntax::Not(Box::new(syntax.clone())));
        let pushed = of_tree(&negated(&syntax));
        prop_assert_eq!(evaluate(&whole, &world), evaluate(&pushed, &world), "{}", whole);
    }

    #[test]
    fn facts_outside_the_slots_are_not_looked_at(choices in bytes(), facts in bytes()) {
        let (_, condition) = condition(&choices);
        let world = world(&mut Choices(&facts));
        let mut less = world.clone();
        less.0.retain(|slot, _| condition.slots().contains(slot));
        prop_assert_eq!(evaluate(&condition, &world), evaluate(&condition, &less), "{}", condition);
    }

    #[test]
    fn a_smaller_budget_gives_the_same_verdict_or_none(
        choices in bytes(), facts in bytes(), budget in 0..50_u32
    ) {
        let (_, condition) = condition(&choices);
        let world = world(&mut Choices(&facts));
        let whole = evaluate(&condition, &world);
        let mut left = budget;
        let verdict = condition.evaluate(&world, &mut left);
        prop_assert!(left <= budget);
        if left > 0 {
            prop_assert_eq!(verdict, whole);
        } else {
            prop_assert!(verdict == whole || verdict == FINAL);
        }
    }
}
