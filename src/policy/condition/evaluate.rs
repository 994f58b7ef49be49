//! Evaluation in three values (Kleene), by counted steps, without allocating.

#[cfg(feature = "author")]
pub(super) mod trace;
mod values;

use super::compare::Known;
use super::syntax::{Comparison, TextTest};
use super::tree::{Node, Operand};
use super::{Facts, Truth, Verdict};
use crate::policy::value::Sources;
use values::Inside;

/// Evaluates a whole condition.
pub(super) fn evaluate(root: &Node, facts: &impl Facts, steps: &mut u32) -> Verdict {
    let mut run = Run { facts, steps };
    match run.test(root, None) {
        Ok(Answer::False) => Verdict { truth: Truth::False, waits_for: Sources::NONE },
        Ok(Answer::True) => Verdict { truth: Truth::True, waits_for: Sources::NONE },
        Ok(Answer::Unknown(waits_for)) => Verdict { truth: Truth::Unknown, waits_for },
        Err(OutOfSteps) => Verdict { truth: Truth::Unknown, waits_for: Sources::NONE },
    }
}

/// A truth, and for the unknown what could still settle it. Unknown without sources is final:
/// nothing that is still pending can change it.
#[derive(Clone, Copy, Debug)]
enum Answer {
    False,
    True,
    Unknown(Sources),
}

/// What no source can tell: absent, withheld, or of a type that does not fit.
const NEVER: Answer = Answer::Unknown(Sources::NONE);

impl From<bool> for Answer {
    fn from(truth: bool) -> Self {
        if truth { Self::True } else { Self::False }
    }
}

impl From<Option<bool>> for Answer {
    fn from(truth: Option<bool>) -> Self {
        truth.map_or(NEVER, Self::from)
    }
}

impl Answer {
    const fn negated(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::True => Self::False,
            Self::Unknown(sources) => Self::Unknown(sources),
        }
    }

    /// `&&` (decided by a false) or `||` (decided by a true) over all answers.
    fn gather(
        decided_by: bool,
        answers: impl Iterator<Item = Result<Self, OutOfSteps>>,
    ) -> Result<Self, OutOfSteps> {
        let mut unknown: Option<Sources> = None;
        for answer in answers {
            match (answer?, decided_by) {
                (Self::Unknown(sources), _) => {
                    unknown = Some(unknown.map_or(sources, |before| before.union(sources)));
                }
                (Self::False, false) | (Self::True, true) => return Ok(decided_by.into()),
                (Self::False, true) | (Self::True, false) => {}
            }
        }
        Ok(unknown.map_or_else(|| (!decided_by).into(), Self::Unknown))
    }
}

/// A value, or what could still tell it. Without sources it is never told.
#[derive(Clone, Copy, Debug)]
enum Seen<'a> {
    Known(Known<'a>),
    Unknown(Sources),
}

impl<'a> Seen<'a> {
    /// Asks a known value; an unknown one answers nothing.
    fn ask(self, question: impl FnOnce(Known<'a>) -> Answer) -> Answer {
        match self {
            Self::Known(known) => question(known),
            Self::Unknown(sources) => Answer::Unknown(sources),
        }
    }
}

/// Two values that a test needs both of, or what could still tell them: where one is never told,
/// the other is not worth asking for.
fn both<'a>(left: Seen<'a>, right: Seen<'a>) -> Result<(Known<'a>, Known<'a>), Sources> {
    match (left, right) {
        (Seen::Known(left), Seen::Known(right)) => Ok((left, right)),
        (Seen::Unknown(sources), Seen::Known(_)) | (Seen::Known(_), Seen::Unknown(sources)) => {
            Err(sources)
        }
        (Seen::Unknown(left), Seen::Unknown(right)) if left.is_empty() || right.is_empty() => {
            Err(Sources::NONE)
        }
        (Seen::Unknown(left), Seen::Unknown(right)) => Err(left.union(right)),
    }
}

/// The budget is spent; the condition stays unknown.
#[derive(Debug)]
struct OutOfSteps;

/// The value of a loop's variable, and the loop around it.
struct Scope<'s, 'a> {
    value: Seen<'a>,
    outer: Option<&'s Self>,
}

/// The loops an expression stands in, innermost first.
type Loops<'s, 'a> = Option<&'s Scope<'s, 'a>>;

struct Run<'a, F> {
    facts: &'a F,
    steps: &'a mut u32,
}

impl<'a, F: Facts> Run<'a, F> {
    fn test(&mut self, node: &'a Node, loops: Loops<'_, 'a>) -> Result<Answer, OutOfSteps> {
        self.spend(1)?;
        Ok(match node {
            Node::All(tests) => {
                Answer::gather(false, tests.iter().map(|test| self.test(test, loops)))?
            }
            Node::Any(tests) => {
                Answer::gather(true, tests.iter().map(|test| self.test(test, loops)))?
            }
            // What nearly every condition is; worth its own way through.
            Node::Compare { operator, left, right }
                if operator.is_equality()
                    && let (Some(left), Some(right)) = (self.string(left), self.string(right)) =>
            {
                self.spend_strings(left, right)?;
                ((left == right) == (*operator == Comparison::Equal)).into()
            }
            Node::Compare { operator, left, right } => {
                let left = self.value(left, loops)?;
                let right = self.value(right, loops)?;
                self.compare(*operator, left, right, loops)?
            }
            Node::Constant(value) => (*value).into(),
            Node::Fold { every, list, test } => self.fold(*every, list, test, loops)?,
            Node::Flag(operand) => self.value(operand, loops)?.ask(|known| match known {
                Known::Bool(value) => value.into(),
                _ => NEVER,
            }),
            Node::Has(operand) => self.has(operand, loops)?,
            Node::In { item, list } => self.contained(item, list, loops)?,
            Node::InStrings { item, strings } => {
                self.value(item, loops)?.ask(|known| match known {
                    Known::String(text) => {
                        strings.binary_search_by(|string| (**string).cmp(text)).is_ok().into()
                    }
                    _ => NEVER,
                })
            }
            Node::IsNull(operand) => {
                self.value(operand, loops)?.ask(|known| matches!(known, Known::Null).into())
            }
            Node::Not(inner) => self.test(inner, loops)?.negated(),
            Node::Text { test, text, part } => self.text(*test, text, part, loops)?,
        })
    }

    fn fold(
        &mut self,
        every: bool,
        list: &'a Operand,
        test: &'a Node,
        loops: Loops<'_, 'a>,
    ) -> Result<Answer, OutOfSteps> {
        self.each(!every, list, loops, |this, value| {
            this.test(test, Some(&Scope { value, outer: loops }))
        })
    }

    /// `item in list` is `list.exists(one, one == item)`.
    fn contained(
        &mut self,
        item: &'a Operand,
        list: &'a Operand,
        loops: Loops<'_, 'a>,
    ) -> Result<Answer, OutOfSteps> {
        let item = self.value(item, loops)?;
        self.each(true, list, loops, |this, one| this.equal(one, item, loops, 0))
    }

    /// Tests the members of a list, until one is `decisive`.
    fn each(
        &mut self,
        decisive: bool,
        list: &'a Operand,
        loops: Loops<'_, 'a>,
        mut test: impl FnMut(&mut Self, Seen<'a>) -> Result<Answer, OutOfSteps>,
    ) -> Result<Answer, OutOfSteps> {
        let list = match self.value(list, loops)? {
            Seen::Known(Known::List(list)) => list,
            Seen::Known(_) => return Ok(NEVER),
            Seen::Unknown(sources) => return Ok(Answer::Unknown(sources)),
        };
        let answers = (0..list.len()).map(|at| {
            let member = self.element(list, at, loops)?;
            test(self, member)
        });
        Answer::gather(decisive, answers)
    }

    fn has(&mut self, member: &'a Operand, loops: Loops<'_, 'a>) -> Result<Answer, OutOfSteps> {
        let Operand::Path(path) = member else {
            return Ok(self.value(member, loops)?.ask(|_| Answer::True));
        };
        Ok(match self.inside(path, loops)? {
            Inside::Absent => Answer::False,
            Inside::Misfit => NEVER,
            Inside::Seen(seen) => seen.ask(|_| Answer::True),
        })
    }

    fn text(
        &mut self,
        test: TextTest,
        text: &'a Operand,
        part: &'a Operand,
        loops: Loops<'_, 'a>,
    ) -> Result<Answer, OutOfSteps> {
        let text = self.value(text, loops)?;
        let part = self.value(part, loops)?;
        match both(text, part) {
            Ok((Known::String(text), Known::String(part))) => {
                self.spend_bytes(text.len())?;
                Ok(match test {
                    TextTest::Contains => text.contains(part),
                    TextTest::EndsWith => text.ends_with(part),
                    TextTest::StartsWith => text.starts_with(part),
                }
                .into())
            }
            Ok(_) => Ok(NEVER),
            Err(sources) => Ok(Answer::Unknown(sources)),
        }
    }

    fn spend(&mut self, steps: u32) -> Result<(), OutOfSteps> {
        match self.steps.checked_sub(steps) {
            Some(left) => {
                *self.steps = left;
                Ok(())
            }
            None => {
                *self.steps = 0;
                Err(OutOfSteps)
            }
        }
    }

    /// One step for every 64 bytes looked through.
    fn spend_bytes(&mut self, bytes: usize) -> Result<(), OutOfSteps> {
        self.spend(u32::try_from(bytes / 64).unwrap_or(u32::MAX))
    }
}
