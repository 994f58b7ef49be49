//! Values: literals, names, and the way to something inside them.

use super::Checker;
use crate::policy::condition::Slot;
use crate::policy::condition::names::{self, Named};
use crate::policy::condition::parse_rfc3339;
use crate::policy::condition::syntax::Syntax;
use crate::policy::condition::tree::{Operand, Path, Step};
use crate::policy::value::{Value, ValueType};

impl<'a> Checker<'a> {
    /// An expression where a value must stand, and its type.
    pub(super) fn operand(&mut self, syntax: &'a Syntax) -> Option<(Operand, ValueType)> {
        let (value, value_type) = match syntax {
            Syntax::Double(value) => (Value::Double(*value), ValueType::Double),
            Syntax::Int(value) => (Value::Int(*value), ValueType::Int),
            Syntax::String(text) => (Value::String(text.clone()), ValueType::String),
            Syntax::Timestamp(text) => {
                let Some(instant) = parse_rfc3339(text) else {
                    return self.refuse(
                        format!("`{syntax}` is no instant"),
                        "RFC 3339 with an offset, such as `2026-11-24T09:30:00Z`",
                    );
                };
                (Value::Timestamp(instant), ValueType::Timestamp)
            }
            Syntax::Null => {
                return self.refuse(
                    "`null` stands where it means nothing",
                    "`null` only beside `==` or `!=`, with a dyn value",
                );
            }
            Syntax::Invalid => return None,
            Syntax::List(elements) => return self.list(elements),
            Syntax::Element(..) | Syntax::Member(..) | Syntax::Name(_) => return self.path(syntax),
            Syntax::Bool(value) => (Value::Bool(*value), ValueType::Bool),
            _ => {
                let node = self.test(syntax)?;
                return Some((Operand::Truth(Box::new(node)), ValueType::Bool));
            }
        };
        Some((Operand::Value(value), value_type))
    }

    fn list(&mut self, elements: &'a [Syntax]) -> Option<(Operand, ValueType)> {
        let checked: Vec<_> = elements.iter().map(|element| self.operand(element)).collect();
        let checked: Vec<(Operand, ValueType)> = checked.into_iter().collect::<Option<_>>()?;
        let mut element_type = ValueType::Dyn;
        for ((_, value_type), element) in checked.iter().zip(elements) {
            if matches!(value_type, ValueType::List(_)) {
                return self
                    .refuse(format!("`{element}` is a list inside a list"), "single values");
            }
            if !agree(&element_type, value_type) {
                return self.refuse(
                    format!("a list holds {element_type} and, with `{element}`, {value_type}"),
                    "values of one type",
                );
            }
            if element_type == ValueType::Dyn {
                element_type = value_type.clone();
            }
        }
        let list_type = ValueType::List(Box::new(element_type));
        let is_literal = checked.iter().all(|(operand, _)| matches!(operand, Operand::Value(_)));
        let operands = checked.into_iter().map(|(operand, _)| operand);
        let operand = if is_literal {
            Operand::Value(Value::List(
                operands
                    .filter_map(|operand| match operand {
                        Operand::Value(value) => Some(value),
                        _ => None,
                    })
                    .collect(),
            ))
        } else {
            Operand::List(operands.collect())
        };
        Some((operand, list_type))
    }

    /// A name, with the members and elements after it.
    fn path(&mut self, syntax: &'a Syntax) -> Option<(Operand, ValueType)> {
        let mut steps = Vec::new();
        let mut base = syntax;
        let name = loop {
            base = match base {
                Syntax::Element(inner, at) => {
                    steps.push((base, Step::Element(*at)));
                    inner
                }
                Syntax::Member(inner, member) => {
                    steps.push((base, Step::Member(member.as_str().into())));
                    inner
                }
                Syntax::Name(name) => break name,
                Syntax::Invalid => return None,
                other => {
                    return self
                        .refuse(format!("`{other}` has no members"), "a name before `.` or `[`");
                }
            };
        };
        steps.reverse();
        let mut steps = steps.into_iter();
        let (operand, value_type) = self.named(name, &mut steps)?;
        self.inside(operand, value_type, base, steps)
    }

    /// What a name stands for; takes the first step where the name itself is no value.
    fn named(
        &mut self,
        name: &'a str,
        steps: &mut impl Iterator<Item = (&'a Syntax, Step)>,
    ) -> Option<(Operand, ValueType)> {
        let loops = self.variables.iter().rev();
        if let Some((at, (_, value_type))) = (0..).zip(loops).find(|(_, loop_)| loop_.0 == name) {
            return Some((Operand::Variable(at), value_type.clone()));
        }
        let found = match names::root(name) {
            None => Err(names::unknown_root(name)),
            Some(Named::Action) => Ok((Slot::Action, ValueType::String)),
            Some(Named::Args) => Ok((Slot::Args, ValueType::Dyn)),
            Some(Named::Members(root)) => match steps.next() {
                Some((_, Step::Member(member))) => root.member(&member, self.declarations),
                _ => {
                    let expected = root.expected_members(self.declarations);
                    return self.refuse(format!("`{name}` is no value by itself"), expected);
                }
            },
        };
        match found {
            Ok((slot, value_type)) => {
                if let Err(at) = self.slots.binary_search(&slot) {
                    self.slots.insert(at, slot);
                }
                Some((Operand::Slot(slot), value_type))
            }
            Err(error) => self.refuse(error.message, error.expected),
        }
    }

    /// Follows the steps by type.
    fn inside(
        &mut self,
        base: Operand,
        base_type: ValueType,
        root: &'a Syntax,
        steps: impl Iterator<Item = (&'a Syntax, Step)>,
    ) -> Option<(Operand, ValueType)> {
        let mut value_type = base_type;
        let mut inside = Vec::new();
        let mut before = root;
        for (whole, step) in steps {
            value_type = match (value_type, &step) {
                (ValueType::Dyn, _) => ValueType::Dyn,
                (ValueType::List(element), Step::Element(_)) => *element,
                (other, step) => {
                    // After the first member of a root, what came before is not `root` any more.
                    let owner = match whole {
                        Syntax::Element(inner, _) | Syntax::Member(inner, _) => inner.as_ref(),
                        _ => before,
                    };
                    let wanted = match step {
                        Step::Element(_) => "a list or dyn before `[`",
                        Step::Member(_) => "dyn before `.`",
                    };
                    return self
                        .refuse(format!("`{owner}` is {other}, and has no `{step}`"), wanted);
                }
            };
            before = whole;
            inside.push(step);
        }
        if inside.is_empty() {
            return Some((base, value_type));
        }
        Some((Operand::Path(Box::new(Path { base, steps: inside.into() })), value_type))
    }
}

/// Whether values of two types can be compared at all.
pub(super) fn agree(one: &ValueType, other: &ValueType) -> bool {
    match (one, other) {
        (ValueType::Dyn, _) | (_, ValueType::Dyn) => true,
        (ValueType::Int, ValueType::Double) | (ValueType::Double, ValueType::Int) => true,
        (ValueType::List(one), ValueType::List(other)) => agree(one, other),
        _ => one == other,
    }
}
