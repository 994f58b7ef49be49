//! Values: read, followed inside, and compared.

use super::{Answer, Loops, NEVER, OutOfSteps, Run, Seen, both};
use crate::policy::condition::Facts;
use crate::policy::condition::compare::{self, Known, List};
use crate::policy::condition::syntax::Comparison;
use crate::policy::condition::tree::{Operand, Path, Step};
use crate::policy::value::{Fact, Sources, Value, ValueRef};
use std::cmp::Ordering;

/// Arrays inside arrays that are compared; deeper ones compare to nothing.
const MAX_ARRAYS: u32 = 32;

/// What stands at the end of a way into a value.
pub(super) enum Inside<'a> {
    /// Nothing: there is no such member or element.
    Absent,
    /// Nothing can: what should have had the member is no object, or no list.
    Misfit,
    Seen(Seen<'a>),
}

impl<'a, F: Facts> Run<'a, F> {
    pub(super) fn value(
        &mut self,
        operand: &'a Operand,
        loops: Loops<'_, 'a>,
    ) -> Result<Seen<'a>, OutOfSteps> {
        Ok(match operand {
            Operand::Slot(slot) => match self.facts.fact(*slot) {
                Fact::Known(value) => Seen::Known(value.into()),
                Fact::Pending(source) => Seen::Unknown(Sources::only(source)),
                Fact::Unknown => Seen::Unknown(Sources::NONE),
            },
            Operand::Value(value) => Seen::Known(value.into()),
            Operand::Path(path) => match self.inside(path, loops)? {
                Inside::Seen(seen) => seen,
                Inside::Absent | Inside::Misfit => Seen::Unknown(Sources::NONE),
            },
            Operand::Variable(depth) => variable(*depth, loops),
            Operand::List(operands) => Seen::Known(Known::List(List::Operands(operands))),
            Operand::Truth(node) => match self.test(node, loops)? {
                Answer::False => Seen::Known(Known::Bool(false)),
                Answer::True => Seen::Known(Known::Bool(true)),
                Answer::Unknown(sources) => Seen::Unknown(sources),
            },
        })
    }

    /// A fact or a literal that is a known string.
    #[inline]
    pub(super) fn string(&self, operand: &'a Operand) -> Option<&'a str> {
        match operand {
            Operand::Slot(slot) => match self.facts.fact(*slot) {
                Fact::Known(ValueRef::String(text)) => Some(text),
                _ => None,
            },
            Operand::Value(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Follows a way as far as it goes.
    pub(super) fn inside(
        &mut self,
        path: &'a Path,
        loops: Loops<'_, 'a>,
    ) -> Result<Inside<'a>, OutOfSteps> {
        let mut seen = self.value(&path.base, loops)?;
        for step in &path.steps {
            let Seen::Known(known) = seen else { break };
            seen = match (known, step) {
                (Known::Object(members), Step::Member(name)) => {
                    self.spend(u32::try_from(members.len() / 16).unwrap_or(u32::MAX))?;
                    match members.iter().find(|member| member.0 == *name) {
                        Some((_, json)) => Seen::Known(json.into()),
                        None => return Ok(Inside::Absent),
                    }
                }
                (Known::List(list), Step::Element(at)) => {
                    match usize::try_from(*at).ok().filter(|at| *at < list.len()) {
                        Some(at) => self.element(list, at, loops)?,
                        None => return Ok(Inside::Absent),
                    }
                }
                _ => return Ok(Inside::Misfit),
            };
        }
        Ok(Inside::Seen(seen))
    }

    /// One element of a list; takes a step.
    pub(super) fn element(
        &mut self,
        list: List<'a>,
        at: usize,
        loops: Loops<'_, 'a>,
    ) -> Result<Seen<'a>, OutOfSteps> {
        self.spend(1)?;
        let known = match list {
            List::Json(list) => list.get(at).map(Known::from),
            List::Operands(list) => match list.get(at) {
                Some(operand) => return self.value(operand, loops),
                None => None,
            },
            List::Strings(list) => list.get(at).map(|text| Known::String(text)),
            List::Values(list) => list.get(at).map(Known::from),
        };
        Ok(known.map_or(Seen::Unknown(Sources::NONE), Seen::Known))
    }

    pub(super) fn compare(
        &mut self,
        operator: Comparison,
        left: Seen<'a>,
        right: Seen<'a>,
        loops: Loops<'_, 'a>,
    ) -> Result<Answer, OutOfSteps> {
        let holds: fn(Ordering) -> bool = match operator {
            Comparison::Equal => return self.equal(left, right, loops, 0),
            Comparison::NotEqual => return Ok(self.equal(left, right, loops, 0)?.negated()),
            Comparison::Greater => Ordering::is_gt,
            Comparison::GreaterOrEqual => Ordering::is_ge,
            Comparison::Less => Ordering::is_lt,
            Comparison::LessOrEqual => Ordering::is_le,
        };
        match both(left, right) {
            Ok((left, right)) => {
                self.spend_pair(left, right)?;
                Ok(compare::order(left, right).map(holds).into())
            }
            Err(sources) => Ok(Answer::Unknown(sources)),
        }
    }

    /// `depth` counts the arrays that were entered.
    pub(super) fn equal(
        &mut self,
        left: Seen<'a>,
        right: Seen<'a>,
        loops: Loops<'_, 'a>,
        depth: u32,
    ) -> Result<Answer, OutOfSteps> {
        match both(left, right) {
            Ok((Known::List(left), Known::List(right))) => {
                if left.len() != right.len() {
                    return Ok(Answer::False);
                }
                if depth == MAX_ARRAYS {
                    return Ok(NEVER);
                }
                let answers = (0..left.len()).map(|at| {
                    let left = self.element(left, at, loops)?;
                    let right = self.element(right, at, loops)?;
                    self.equal(left, right, loops, depth + 1)
                });
                Answer::gather(false, answers)
            }
            Ok((left, right)) => {
                self.spend_pair(left, right)?;
                Ok(compare::equal(left, right).into())
            }
            Err(sources) => Ok(Answer::Unknown(sources)),
        }
    }

    fn spend_pair(&mut self, left: Known<'_>, right: Known<'_>) -> Result<(), OutOfSteps> {
        match (left, right) {
            (Known::String(left), Known::String(right)) => self.spend_strings(left, right),
            _ => Ok(()),
        }
    }

    pub(super) fn spend_strings(&mut self, left: &str, right: &str) -> Result<(), OutOfSteps> {
        self.spend_bytes(left.len().min(right.len()))
    }
}

fn variable<'a>(depth: u32, loops: Loops<'_, 'a>) -> Seen<'a> {
    let mut scope = loops;
    for _ in 0..depth {
        scope = scope.and_then(|inner| inner.outer);
    }
    scope.map_or(Seen::Unknown(Sources::NONE), |scope| scope.value)
}
