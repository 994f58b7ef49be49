//! Evaluation: total, three-valued, bounded by counted steps, allocating nothing.

use super::parse::Comparison;
use super::typed::{Condition, Term, Test, TextTest};
use super::{Facts, Truth, Verdict};
use crate::policy::value::{Fact, Sources, Value, ValueRef};
use crate::request::json::Json;
use std::cmp::Ordering;

impl Condition {
    /// What the condition comes to. Takes from `steps`; where none are left, what remains is
    /// unknown for good.
    #[must_use]
    pub fn evaluate(&self, facts: &impl Facts, steps: &mut u32) -> Verdict {
        Evaluation { facts, steps }.test(&self.root, None)
    }
}

struct Evaluation<'f, 's, F> {
    facts: &'f F,
    steps: &'s mut u32,
}

/// The variables in scope, innermost first.
#[derive(Clone, Copy)]
struct Scope<'a> {
    value: Found<'a>,
    outer: Option<&'a Scope<'a>>,
}

/// A value, or why there is none.
#[derive(Clone, Copy)]
enum Found<'a> {
    Null,
    /// Known to be absent: a member that an object does not have.
    Absent,
    Unknown(Sources),
    /// A literal list, whose elements are still terms.
    Terms(&'a [Term]),
    Value(ValueRef<'a>),
}

const fn settled(truth: bool) -> Verdict {
    Verdict { truth: if truth { Truth::True } else { Truth::False }, waits_for: Sources::NONE }
}

const fn unknown(waits_for: Sources) -> Verdict {
    Verdict { truth: Truth::Unknown, waits_for }
}

/// Both, where one false settles it (`decisive` false), or either, where one true does.
fn join(a: Verdict, b: Verdict, decisive: Truth) -> Verdict {
    match (a.truth, b.truth) {
        (truth, _) | (_, truth) if truth == decisive => {
            Verdict { truth, waits_for: Sources::NONE }
        }
        (Truth::Unknown, Truth::Unknown) => unknown(a.waits_for.union(b.waits_for)),
        (Truth::Unknown, _) => a,
        _ => b,
    }
}

impl<'f, F: Facts> Evaluation<'f, '_, F> {
    /// Takes one step; false when there is none left.
    fn step(&mut self) -> bool {
        match self.steps.checked_sub(1) {
            Some(left) => {
                *self.steps = left;
                true
            }
            None => false,
        }
    }

    fn test<'a>(&mut self, test: &'a Test, scope: Option<&Scope<'a>>) -> Verdict
    where
        'f: 'a,
    {
        if !self.step() {
            return unknown(Sources::NONE);
        }
        match test {
            Test::And(a, b) => {
                let first = self.test(a, scope);
                if first.truth == Truth::False {
                    return first;
                }
                let second = self.test(b, scope);
                join(first, second, Truth::False)
            }
            Test::Or(a, b) => {
                let first = self.test(a, scope);
                if first.truth == Truth::True {
                    return first;
                }
                let second = self.test(b, scope);
                join(first, second, Truth::True)
            }
            Test::Not(inner) => {
                let verdict = self.test(inner, scope);
                match verdict.truth {
                    Truth::True => settled(false),
                    Truth::False => settled(true),
                    Truth::Unknown => verdict,
                }
            }
            Test::Constant(value) => settled(*value),
            Test::Compare(comparison, a, b) => {
                let (a, b) = (self.term(a, scope), self.term(b, scope));
                self.compare(*comparison, a, b)
            }
            Test::Has(term) => match self.term(term, scope) {
                Found::Absent => settled(false),
                Found::Unknown(waits) => unknown(waits),
                Found::Null | Found::Terms(_) | Found::Value(_) => settled(true),
            },
            Test::In(item, list) => {
                let item = self.term(item, scope);
                let list = self.term(list, scope);
                self.quantify(list, false, |evaluation, element| {
                    evaluation.compare(Comparison::Equal, item, element)
                }, scope)
            }
            Test::InStrings(item, texts) => match scalar(self.term(item, scope)) {
                Found::Value(ValueRef::String(text)) => {
                    settled(texts.binary_search_by(|known| (**known).cmp(text)).is_ok())
                }
                Found::Unknown(waits) => unknown(waits),
                _ => unknown(Sources::NONE),
            },
            Test::Quantified { every, list, body } => {
                let list = self.term(list, scope);
                self.quantify(list, *every, |evaluation, value| {
                    let inner = Scope { value, outer: scope };
                    evaluation.test(body, Some(&inner))
                }, scope)
            }
            Test::Term(term) => match scalar(self.term(term, scope)) {
                Found::Value(ValueRef::Bool(value)) => settled(value),
                Found::Unknown(waits) => unknown(waits),
                _ => unknown(Sources::NONE),
            },
            Test::Text(test, a, b) => {
                match (scalar(self.term(a, scope)), scalar(self.term(b, scope))) {
                    (Found::Value(ValueRef::String(a)), Found::Value(ValueRef::String(b))) => {
                        settled(match test {
                            TextTest::Contains => a.contains(b),
                            TextTest::EndsWith => a.ends_with(b),
                            TextTest::StartsWith => a.starts_with(b),
                        })
                    }
                    (a, b) => undecided(a, b),
                }
            }
        }
    }

    /// Folds a test over a list's elements: every one, or some one.
    fn quantify<'a>(
        &mut self,
        list: Found<'a>,
        every: bool,
        mut body: impl FnMut(&mut Self, Found<'a>) -> Verdict,
        scope: Option<&Scope<'a>>,
    ) -> Verdict
    where
        'f: 'a,
    {
        let decisive = if every { Truth::False } else { Truth::True };
        let mut so_far = settled(every);
        let length = match list {
            Found::Terms(terms) => terms.len(),
            Found::Value(ValueRef::List(values)) => values.len(),
            Found::Value(ValueRef::Strings(texts)) => texts.len(),
            Found::Value(ValueRef::Dyn(Json::Array(elements))) => elements.len(),
            Found::Unknown(waits) => return unknown(waits),
            _ => return unknown(Sources::NONE),
        };
        for at in 0..length {
            if !self.step() {
                return join(so_far, unknown(Sources::NONE), decisive);
            }
            let element = match list {
                Found::Terms(terms) => terms.get(at).map(|term| self.term(term, scope)),
                Found::Value(ValueRef::List(values)) => {
                    values.get(at).map(|value| Found::Value(value.into()))
                }
                Found::Value(ValueRef::Strings(texts)) => {
                    texts.get(at).map(|text| Found::Value(ValueRef::String(text)))
                }
                Found::Value(ValueRef::Dyn(Json::Array(elements))) => {
                    elements.get(at).map(|element| Found::Value(ValueRef::Dyn(element)))
                }
                _ => None,
            };
            let Some(element) = element else { return unknown(Sources::NONE) };
            let verdict = body(self, element);
            so_far = join(so_far, verdict, decisive);
            if so_far.truth == decisive {
                return so_far;
            }
        }
        so_far
    }

    fn term<'a>(&mut self, term: &'a Term, scope: Option<&Scope<'a>>) -> Found<'a>
    where
        'f: 'a,
    {
        if !self.step() {
            return Found::Unknown(Sources::NONE);
        }
        match term {
            Term::Literal(value) => Found::Value(value.into()),
            Term::Null => Found::Null,
            Term::List(terms) => Found::Terms(terms),
            Term::Slot(slot) => match self.facts.fact(*slot) {
                Fact::Known(value) => Found::Value(value),
                Fact::Pending(source) => Found::Unknown(Sources::only(source)),
                Fact::Unknown => Found::Unknown(Sources::NONE),
            },
            Term::Variable(out) => {
                let mut at = scope;
                for _ in 0..*out {
                    at = at.and_then(|scope| scope.outer);
                }
                at.map_or(Found::Unknown(Sources::NONE), |scope| scope.value)
            }
            Term::Member(inner, name) => match self.term(inner, scope) {
                Found::Value(ValueRef::Dyn(object @ Json::Object(_))) => {
                    object.member(name).map_or(Found::Absent, |json| Found::Value(ValueRef::Dyn(json)))
                }
                Found::Unknown(waits) => Found::Unknown(waits),
                Found::Absent => Found::Absent,
                _ => Found::Unknown(Sources::NONE),
            },
            Term::Element(inner, at) => match self.term(inner, scope) {
                Found::Value(ValueRef::Dyn(Json::Array(elements))) => elements
                    .get(*at)
                    .map_or(Found::Absent, |json| Found::Value(ValueRef::Dyn(json))),
                Found::Unknown(waits) => Found::Unknown(waits),
                Found::Absent => Found::Absent,
                _ => Found::Unknown(Sources::NONE),
            },
        }
    }

    fn compare(&mut self, comparison: Comparison, a: Found<'_>, b: Found<'_>) -> Verdict {
        let (a, b) = (scalar(a), scalar(b));
        match comparison {
            Comparison::Equal => self.equal(a, b),
            Comparison::NotEqual => {
                let verdict = self.equal(a, b);
                match verdict.truth {
                    Truth::True => settled(false),
                    Truth::False => settled(true),
                    Truth::Unknown => verdict,
                }
            }
            _ => match order(a, b) {
                Some(order) => settled(match comparison {
                    Comparison::Greater => order == Ordering::Greater,
                    Comparison::GreaterOrEqual => order != Ordering::Less,
                    Comparison::Less => order == Ordering::Less,
                    _ => order != Ordering::Greater,
                }),
                None => undecided(a, b),
            },
        }
    }

    fn equal(&mut self, a: Found<'_>, b: Found<'_>) -> Verdict {
        match (a, b) {
            (Found::Unknown(_) | Found::Absent, _) | (_, Found::Unknown(_) | Found::Absent) => {
                undecided(a, b)
            }
            (Found::Null, Found::Null) => settled(true),
            (Found::Null, _) | (_, Found::Null) => settled(false),
            (Found::Value(ValueRef::Bool(a)), Found::Value(ValueRef::Bool(b))) => settled(a == b),
            _ => match (order(a, b), length(a), length(b)) {
                (Some(order), ..) => settled(order == Ordering::Equal),
                (None, Some(a_length), Some(b_length)) => {
                    if a_length != b_length {
                        return settled(false);
                    }
                    let mut so_far = settled(true);
                    for at in 0..a_length {
                        if !self.step() {
                            return join(so_far, unknown(Sources::NONE), Truth::False);
                        }
                        let (x, y) = (element(self, a, at), element(self, b, at));
                        so_far = join(so_far, self.compare(Comparison::Equal, x, y), Truth::False);
                    }
                    so_far
                }
                // Of different types, as only `dyn` values can be: nothing is said.
                _ => unknown(Sources::NONE),
            },
        }
    }
}

fn element<'a, F: Facts>(
    evaluation: &mut Evaluation<'_, '_, F>,
    list: Found<'a>,
    at: usize,
) -> Found<'a> {
    let missing = Found::Unknown(Sources::NONE);
    match list {
        Found::Terms(terms) => match terms.get(at) {
            Some(Term::Literal(value)) => Found::Value(value.into()),
            Some(Term::Slot(slot)) => match evaluation.facts.fact(*slot) {
                Fact::Pending(source) => Found::Unknown(Sources::only(source)),
                // The fact outlives this call only by its own borrow; its value is compared here
                // through the quantifier instead, so equality of literal lists knows literals only.
                Fact::Known(_) | Fact::Unknown => missing,
            },
            _ => missing,
        },
        Found::Value(ValueRef::List(values)) => {
            values.get(at).map_or(missing, |value| Found::Value(value.into()))
        }
        Found::Value(ValueRef::Strings(texts)) => {
            texts.get(at).map_or(missing, |text| Found::Value(ValueRef::String(text)))
        }
        Found::Value(ValueRef::Dyn(Json::Array(elements))) => {
            elements.get(at).map_or(missing, |json| Found::Value(ValueRef::Dyn(json)))
        }
        _ => missing,
    }
}

fn length(found: Found<'_>) -> Option<usize> {
    match found {
        Found::Terms(terms) => Some(terms.len()),
        Found::Value(ValueRef::List(values)) => Some(values.len()),
        Found::Value(ValueRef::Strings(texts)) => Some(texts.len()),
        Found::Value(ValueRef::Dyn(Json::Array(elements))) => Some(elements.len()),
        _ => None,
    }
}

/// A comparison that cannot be made now: never, where one side stays unknown whatever comes.
fn undecided(a: Found<'_>, b: Found<'_>) -> Verdict {
    let waits = |found| match found {
        Found::Unknown(waits) if !waits.is_empty() => Some(waits),
        Found::Unknown(_) | Found::Absent => None,
        Found::Null | Found::Terms(_) | Found::Value(_) => Some(Sources::NONE),
    };
    match (waits(a), waits(b)) {
        (Some(a), Some(b)) => unknown(a.union(b)),
        _ => unknown(Sources::NONE),
    }
}

/// A `dyn` value as what it turns out to be.
fn scalar(found: Found<'_>) -> Found<'_> {
    match found {
        Found::Value(ValueRef::Dyn(json)) => match json {
            Json::Bool(value) => Found::Value(ValueRef::Bool(*value)),
            Json::Null => Found::Null,
            Json::Number(_) => match (json.as_i64(), json.as_f64()) {
                (Some(number), _) => Found::Value(ValueRef::Int(number)),
                (None, Some(number)) => Found::Value(ValueRef::Double(number)),
                (None, None) => Found::Unknown(Sources::NONE),
            },
            Json::String(text) => Found::Value(ValueRef::String(text)),
            Json::Array(_) | Json::Object(_) => found,
        },
        Found::Value(value) => Found::Value(value),
        other => other,
    }
}

fn order(a: Found<'_>, b: Found<'_>) -> Option<Ordering> {
    let (Found::Value(a), Found::Value(b)) = (a, b) else { return None };
    match (a, b) {
        (ValueRef::String(a), ValueRef::String(b)) => Some(a.cmp(b)),
        (ValueRef::Int(a), ValueRef::Int(b)) => Some(a.cmp(&b)),
        (ValueRef::Double(a), ValueRef::Double(b)) => a.partial_cmp(&b),
        (ValueRef::Int(a), ValueRef::Double(b)) => int_to_double(a, b),
        (ValueRef::Double(a), ValueRef::Int(b)) => int_to_double(b, a).map(Ordering::reverse),
        (ValueRef::Timestamp(a), ValueRef::Timestamp(b)) => Some(a.cmp(&b)),
        _ => None,
    }
}

/// Exactly, also beyond 2^53 where a double cannot hold every integer.
fn int_to_double(a: i64, b: f64) -> Option<Ordering> {
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    if b.is_nan() {
        return None;
    }
    if b >= TWO_63 {
        return Some(Ordering::Less);
    }
    if b < -TWO_63 {
        return Some(Ordering::Greater);
    }
    #[expect(clippy::cast_possible_truncation, reason = "in range, and the fraction is compared apart")]
    let whole = b.trunc() as i64;
    Some(a.cmp(&whole).then_with(|| 0.0_f64.partial_cmp(&b.fract()).unwrap_or(Ordering::Equal)))
}

/// A list of values, for lists that are built and not borrowed.
impl<'a> From<&'a [Value]> for Found<'a> {
    fn from(values: &'a [Value]) -> Self {
        Found::Value(ValueRef::List(values))
    }
}
