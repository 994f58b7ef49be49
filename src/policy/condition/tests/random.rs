//! Random well-typed conditions and random facts, made from a run of random bytes.

use super::*;
use crate::Timestamp;
use crate::policy::condition::syntax::{Comparison, Syntax, TextTest};

/// Bytes that decide; where they run out, everything takes its simplest form.
pub(super) struct Choices<'a>(pub(super) &'a [u8]);

const STRING_FACTS: [&str; 5] =
    ["subject.id", "subject.tenant", "resource.tenant", "resource.owner", "actor.id"];
const NUMBER_FACTS: [&str; 3] = ["subject.level", "resource.amount", "resource.price"];
const TIME_FACTS: [&str; 2] = ["request.time", "resource.created"];
const FLAG_FACTS: [&str; 2] = ["subject.admin", "resource.public"];
const DYN_FACTS: [&str; 3] = ["args", "subject.profile", "resource.meta"];
const STRING_LIST_FACTS: [&str; 3] = ["subject.groups", "resource.labels", "actor.chain"];
const NUMBER_LIST_FACTS: [&str; 1] = ["resource.scores"];

/// What an expression is to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Dyn,
    Number,
    String,
    Time,
}

impl Choices<'_> {
    fn pick(&mut self, among: usize) -> usize {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        usize::from(*first) % among
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.pick(of.len())]
    }

    fn name(&mut self, of: &[&str]) -> Syntax {
        let name = self.one(of);
        match name.split_once('.') {
            Some((root, member)) => {
                Syntax::Member(Box::new(Syntax::Name(root.to_owned())), member.to_owned())
            }
            None => Syntax::Name(name.to_owned()),
        }
    }
}

/// A test of at most this depth, with the loop variables that stand around it.
pub(super) fn test(choices: &mut Choices<'_>, depth: u32) -> Syntax {
    Maker { choices, variables: Vec::new() }.test(depth)
}

struct Maker<'c, 'b> {
    choices: &'c mut Choices<'b>,
    variables: Vec<(String, Wanted)>,
}

impl Maker<'_, '_> {
    fn test(&mut self, depth: u32) -> Syntax {
        let inner = depth.saturating_sub(1);
        match self.choices.pick(if depth == 0 { 7 } else { 15 }) {
            0 => Syntax::Bool(self.choices.pick(2) == 1),
            1 => self.choices.name(&FLAG_FACTS),
            2 => self.compare(),
            3 => self.contained(),
            4 => {
                let test = self.choices.one(&[
                    TextTest::Contains,
                    TextTest::EndsWith,
                    TextTest::StartsWith,
                ]);
                let text = Box::new(self.value(Wanted::String));
                Syntax::Text { test, text, part: Box::new(self.value(Wanted::String)) }
            }
            5 => Syntax::Has(Box::new(match self.choices.pick(2) {
                0 => self.choices.name(&STRING_FACTS),
                _ => {
                    let base = Box::new(self.dynamic());
                    Syntax::Member(base, self.choices.one(&["a", "b", "list"]).to_owned())
                }
            })),
            6 => {
                let operator = self.choices.one(&[Comparison::Equal, Comparison::NotEqual]);
                let left = Box::new(self.value(Wanted::Dyn));
                Syntax::Compare { operator, left, right: Box::new(Syntax::Null) }
            }
            7 => Syntax::And(self.several(inner, |part| matches!(part, Syntax::And(_)))),
            8 => Syntax::Or(self.several(inner, |part| matches!(part, Syntax::Or(_)))),
            9 => Syntax::Not(Box::new(self.test(inner))),
            10 => {
                let left = Box::new(self.test(inner));
                let operator = self.choices.one(&[Comparison::Equal, Comparison::NotEqual]);
                Syntax::Compare { operator, left, right: Box::new(self.test(inner)) }
            }
            _ => self.fold(inner),
        }
    }

    /// Parts of which none is what the parser would flatten into the whole.
    fn several(&mut self, depth: u32, flattens: fn(&Syntax) -> bool) -> Vec<Syntax> {
        let count = 2 + self.choices.pick(2);
        (0..count)
            .map(|_| {
                let part = self.test(depth);
                if flattens(&part) { Syntax::Not(Box::new(part)) } else { part }
            })
            .collect()
    }

    fn compare(&mut self) -> Syntax {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let operator =
            self.choices.one(&[Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual]);
        if operator.is_equality() && self.choices.pick(4) == 3 {
            let (left, right) = (self.list(Wanted::String), self.list(Wanted::String));
            return Syntax::Compare { operator, left: Box::new(left), right: Box::new(right) };
        }
        let wanted = self.wanted();
        let left = Box::new(self.value(wanted));
        let right = match self.choices.pick(3) {
            0 => Wanted::Dyn,
            _ => wanted,
        };
        Syntax::Compare { operator, left, right: Box::new(self.value(right)) }
    }

    fn contained(&mut self) -> Syntax {
        let wanted = self.wanted();
        let item = Box::new(self.value(wanted));
        Syntax::In { item, list: Box::new(self.list(wanted)) }
    }

    fn fold(&mut self, depth: u32) -> Syntax {
        let wanted = self.wanted();
        let list = Box::new(self.list(wanted));
        let element = if matches!(*list, Syntax::Name(_) | Syntax::Member(..) | Syntax::Element(..))
            && self.is_dyn(&list)
        {
            Wanted::Dyn
        } else {
            wanted
        };
        let variable = format!("v{}", self.variables.len());
        self.variables.push((variable.clone(), element));
        let test = Box::new(self.test(depth));
        self.variables.pop();
        Syntax::Fold { every: self.choices.pick(2) == 1, list, variable, test }
    }

    fn is_dyn(&self, syntax: &Syntax) -> bool {
        let text = syntax.to_string();
        DYN_FACTS.iter().any(|name| text.starts_with(name))
            || self.variables.iter().any(|(name, _)| text.starts_with(name))
    }

    fn wanted(&mut self) -> Wanted {
        if let Some((_, wanted)) = self.variables.last()
            && self.choices.pick(3) > 0
        {
            return *wanted;
        }
        self.choices.one(&[Wanted::String, Wanted::Number, Wanted::Dyn, Wanted::Time])
    }

    fn value(&mut self, wanted: Wanted) -> Syntax {
        let variables: Vec<String> = self
            .variables
            .iter()
            .filter(|(_, is)| *is == wanted)
            .map(|(name, _)| name.clone())
            .collect();
        if !variables.is_empty() && self.choices.pick(2) == 0 {
            return Syntax::Name(variables[self.choices.pick(variables.len())].clone());
        }
        match (wanted, self.choices.pick(2)) {
            (Wanted::Dyn, _) => self.dynamic(),
            (Wanted::Number, 0) => self.choices.name(&NUMBER_FACTS),
            (Wanted::Number, _) => match self.choices.pick(2) {
                0 => Syntax::Int(self.choices.one(&[0, 1, 2, -1])),
                _ => Syntax::Double(self.choices.one(&[0.0, 1.0, 1.5, -1.0])),
            },
            (Wanted::String, 0) => self.choices.name(&STRING_FACTS),
            (Wanted::String, _) => {
                Syntax::String(self.choices.one(&["a", "b", "ab", "", "\"\\\n\u{7f}é"]).to_owned())
            }
            (Wanted::Time, 0) => self.choices.name(&TIME_FACTS),
            (Wanted::Time, _) => Syntax::Timestamp(self.choices.one(&INSTANTS).to_owned()),
        }
    }

    fn dynamic(&mut self) -> Syntax {
        let mut value = self.choices.name(&DYN_FACTS);
        for _ in 0..self.choices.pick(3) {
            value = match self.choices.pick(4) {
                0 => Syntax::Member(Box::new(value), "a".to_owned()),
                1 => Syntax::Member(Box::new(value), "b-c".to_owned()),
                2 => Syntax::Member(Box::new(value), "list".to_owned()),
                _ => Syntax::Element(Box::new(value), u32::from(self.choices.pick(2) == 1)),
            };
        }
        value
    }

    fn list(&mut self, wanted: Wanted) -> Syntax {
        match (self.choices.pick(4), wanted) {
            (0, _) => self.dynamic(),
            (1, Wanted::String) => self.choices.name(&STRING_LIST_FACTS),
            (1, Wanted::Number) => self.choices.name(&NUMBER_LIST_FACTS),
            _ => {
                let count = self.choices.pick(4);
                Syntax::List((0..count).map(|_| self.value(wanted)).collect())
            }
        }
    }
}

const INSTANTS: [&str; 2] = ["1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z"];

const JSON: [&str; 14] = [
    "null",
    "true",
    "1",
    "1.5",
    "1e400",
    "\"a\"",
    "\"ab\"",
    "\"1970-01-01T00:00:01Z\"",
    "[]",
    "[\"a\", \"b\"]",
    "[1, \"a\", null, [\"a\"]]",
    "{}",
    "{\"a\": \"a\", \"list\": [\"a\", \"ab\"], \"b-c\": {\"a\": 1}}",
    "{\"a\": {\"a\": [1, 2]}, \"list\": [{\"a\": \"b\"}, {}], \"b\": null}",
];

/// Random facts: of each name, known, pending, or unknown.
pub(super) fn world(choices: &mut Choices<'_>) -> World {
    let mut world = World::default();
    for (name, slot) in names() {
        let given = match choices.pick(5) {
            0 => continue,
            1 => Given::Pending(choices.one(&[Source::Lookup, Source::Response])),
            _ => known(choices, name),
        };
        world.0.insert(*slot, given);
    }
    world
}

/// A random known value for the fact `name`.
pub(super) fn known(choices: &mut Choices<'_>, name: &str) -> Given {
    let texts = ["a", "b", "ab", ""];
    Given::Known(if STRING_FACTS.contains(&name) {
        Value::String(choices.one(&texts).to_owned())
    } else if FLAG_FACTS.contains(&name) {
        Value::Bool(choices.pick(2) == 1)
    } else if TIME_FACTS.contains(&name) {
        Value::Timestamp(Timestamp::from_secs(choices.one(&[0, 1, 2])))
    } else if DYN_FACTS.contains(&name) {
        dyn_json(choices.one(&JSON))
    } else if name == "resource.price" {
        Value::Double(choices.one(&[0.0, 1.0, 1.5, 2.0]))
    } else if NUMBER_FACTS.contains(&name) {
        Value::Int(choices.one(&[0, 1, 2, -1]))
    } else if NUMBER_LIST_FACTS.contains(&name) {
        let count = choices.pick(3);
        Value::List((0..count).map(|_| Value::Int(choices.one(&[0, 1, 2]))).collect())
    } else {
        let count = choices.pick(3);
        let chosen: Vec<&str> = (0..count).map(|_| choices.one(&texts)).collect();
        if choices.pick(2) == 0 {
            return chosen.as_slice().into();
        }
        strings(&chosen)
    })
}

/// Every name that random conditions read, with its slot.
pub(super) fn names() -> &'static [(&'static str, Slot)] {
    static NAMES: std::sync::LazyLock<Vec<(&'static str, Slot)>> = std::sync::LazyLock::new(|| {
        [
            STRING_FACTS.as_slice(),
            &NUMBER_FACTS,
            &TIME_FACTS,
            &FLAG_FACTS,
            &DYN_FACTS,
            &STRING_LIST_FACTS,
            &NUMBER_LIST_FACTS,
        ]
        .concat()
        .into_iter()
        .map(|name| (name, slot(name)))
        .collect()
    });
    &NAMES
}
