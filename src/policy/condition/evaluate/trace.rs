//! What each part of a condition came to, for people: every answer is the evaluator's own.

mod pairs;
mod shown;

use super::{Answer, Loops, OutOfSteps, Run, Scope, Seen};
use crate::policy::condition::compare::Known;
use crate::policy::condition::syntax::Syntax;
use crate::policy::condition::tree::{Node, Operand};
use crate::policy::condition::{Condition, Facts, MAX_STEPS, Truth, parse};
use crate::policy::value::Sources;
use pairs::{Pair, children, kind, list, named, operands, size};
pub use shown::Shown;

/// Parts that are looked at, and elements of one list that are shown.
const MAX_PARTS: u32 = 20_000;
const MAX_SHOWN: usize = 16;

/// One part of a condition, and what it came to: the whole, or a test within it.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its number within the condition: 0 is the whole, parts are counted as they are read. The test
    /// of a loop has one number, whichever element it looks at.
    pub number: u32,
    /// How its parts make it.
    pub kind: PartKind,
    /// The text.
    pub text: String,
    /// What it came to.
    pub truth: Truth,
    /// For `Unknown`: what could still settle it.
    pub waits_for: Sources,
    /// Whether it was needed: nothing before it had settled what it is a part of.
    pub reached: bool,
    /// Whether its budget of steps ran out.
    pub out_of_steps: bool,
    /// What it looked at: names as written, and their values.
    pub values: Vec<Looked>,
    /// Its parts.
    pub parts: Vec<Self>,
    /// Elements of a loop that are not among the parts.
    pub omitted: usize,
}

/// How the parts of a condition make the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// `&&`: a false settles it.
    All,
    /// `||`: a true settles it.
    Any,
    /// `true` or `false`
    Constant,
    /// `all`: its parts are elements, and a false settles it.
    Every,
    /// `!`
    Not,
    /// `exists`: its parts are elements, and a true settles it.
    Some,
    /// One test.
    Test,
}

/// A value that was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Looked {
    /// The name as it is written in the condition: `resource.owner`.
    pub name: String,
    /// Its value.
    pub value: Shown,
}

/// A part of a condition, whatever a request makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Its number, as [`Part::number`].
    pub number: u32,
    /// How its parts make it.
    pub kind: PartKind,
    /// The text.
    pub text: String,
}

impl Part {
    /// The part and all within it, each after what it is a part of.
    pub fn walk(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        for part in &self.parts {
            part.walk(visit);
        }
    }
}

impl Condition {
    /// What each part came to under `facts`, with the budget of steps that deciding gives.
    #[must_use]
    pub fn trace(&self, facts: &impl Facts) -> Part {
        let mut steps = MAX_STEPS;
        let syntax = self.syntax();
        let run = Run { facts, steps: &mut steps };
        let mut tracer = Tracer { run, left: MAX_PARTS };
        tracer.part((&syntax, &self.root), None, 0, true)
    }

    /// Every part there is, in the order of their numbers.
    #[must_use]
    pub fn branches(&self) -> Vec<Branch> {
        let mut found = Vec::new();
        let syntax = self.syntax();
        list((&syntax, &self.root), &mut found);
        found
    }

    /// The text was read before, so it can be read again.
    pub(in crate::policy::condition) fn syntax(&self) -> Syntax {
        parse::parse(&self.source).unwrap_or(Syntax::Invalid)
    }
}

struct Tracer<'a, F> {
    run: Run<'a, F>,
    /// Parts that may still be looked at in loops.
    left: u32,
}

impl<'a, F: Facts> Tracer<'a, F> {
    fn part(&mut self, pair: Pair<'a>, loops: Loops<'_, 'a>, number: u32, reached: bool) -> Part {
        let (syntax, node) = pair;
        let answer = self.afresh(|run| run.test(node, loops));
        let out_of_steps = answer.is_err();
        let (truth, waits_for) = match answer {
            Ok(Answer::False) => (Truth::False, Sources::NONE),
            Ok(Answer::True) => (Truth::True, Sources::NONE),
            Ok(Answer::Unknown(waits_for)) => (Truth::Unknown, waits_for),
            Err(OutOfSteps) => (Truth::Unknown, Sources::NONE),
        };
        let mut part = Part {
            number,
            kind: kind(pair),
            text: syntax.to_string(),
            truth,
            waits_for,
            reached,
            out_of_steps,
            values: self.values(pair, loops),
            parts: Vec::new(),
            omitted: 0,
        };
        self.parts(pair, loops, &mut part);
        part
    }

    fn parts(&mut self, pair: Pair<'a>, loops: Loops<'_, 'a>, whole: &mut Part) {
        let settled_by = match whole.kind {
            PartKind::All | PartKind::Every => Some(Truth::False),
            PartKind::Any | PartKind::Some => Some(Truth::True),
            PartKind::Constant | PartKind::Not | PartKind::Test => None,
        };
        let mut next = whole.number.saturating_add(1);
        if let (Syntax::Fold { variable, test, .. }, Node::Fold { list, test: node, .. }) = pair {
            self.elements((test, node), list, (variable, loops), settled_by, whole);
            next = next.saturating_add(size((test, node)));
        }
        let mut open = whole.reached;
        for child in children(pair) {
            let part = self.part(child, loops, next, open);
            open &= Some(part.truth) != settled_by;
            next = next.saturating_add(size(child));
            whole.parts.push(part);
        }
    }

    /// The test of a loop, on each element; where there are many, those that matter are shown.
    fn elements(
        &mut self,
        test: Pair<'a>,
        list: &'a Operand,
        (variable, outer): (&str, Loops<'_, 'a>),
        settled_by: Option<Truth>,
        whole: &mut Part,
    ) {
        let Ok(Seen::Known(Known::List(list))) = self.afresh(|run| run.value(list, outer)) else {
            return;
        };
        let number = whole.number.saturating_add(1);
        let mut open = whole.reached;
        for at in 0..list.len() {
            let value = match self.afresh(|run| run.element(list, at, outer)) {
                Ok(value) if self.left > 0 => value,
                _ => {
                    whole.omitted = whole.omitted.saturating_add(1);
                    continue;
                }
            };
            self.left = self.left.saturating_sub(1);
            let mut part = self.part(test, Some(&Scope { value, outer }), number, open);
            open &= Some(part.truth) != settled_by;
            let neutral =
                settled_by.is_some_and(|truth| truth != part.truth) && part.truth != Truth::Unknown;
            if whole.parts.len() >= MAX_SHOWN || (neutral && whole.parts.len() >= MAX_SHOWN / 2) {
                whole.omitted = whole.omitted.saturating_add(1);
                continue;
            }
            if !part.values.iter().any(|looked| looked.name == variable) {
                let value = self.shown(Ok(value), outer);
                part.values.insert(0, Looked { name: variable.to_owned(), value });
            }
            whole.parts.push(part);
        }
    }

    /// What the part itself looks at.
    fn values(&mut self, pair: Pair<'a>, loops: Loops<'_, 'a>) -> Vec<Looked> {
        let mut values: Vec<Looked> = Vec::new();
        for (syntax, operand) in operands(pair) {
            for (syntax, operand) in named(syntax, operand) {
                let name = syntax.to_string();
                if values.iter().all(|looked| looked.name != name) {
                    let seen = self.afresh(|run| run.value(operand, loops));
                    values.push(Looked { name, value: self.shown(seen, loops) });
                }
            }
        }
        values
    }

    /// Asks the evaluator, with its budget whole.
    fn afresh<T>(&mut self, ask: impl FnOnce(&mut Run<'a, F>) -> T) -> T {
        *self.run.steps = MAX_STEPS;
        ask(&mut self.run)
    }
}

#[cfg(test)]
mod tests;
