//! Names and types: what cannot mean anything does not load.

use super::names::{self, ROOTS};
use super::parse::{Comparison, Tree};
use super::typed::{Condition, Term, Test, TextTest};
use super::{ConditionError, Declarations, Slot, parse_timestamp};
use crate::policy::value::{Value, ValueType};

/// Quantifiers within quantifiers.
const MAX_QUANTIFIERS: usize = 4;

pub(super) fn check(
    text: &str,
    tree: &Tree,
    declarations: &Declarations<'_>,
) -> Result<Condition, Vec<ConditionError>> {
    let mut checker =
        Checker { declarations, errors: Vec::new(), slots: Vec::new(), variables: Vec::new() };
    let root = checker.test(tree);
    let Checker { errors, mut slots, .. } = checker;
    match root {
        Some(root) if errors.is_empty() => {
            slots.sort_unstable();
            slots.dedup();
            Ok(Condition { text: text.to_owned(), slots, root })
        }
        _ => Err(errors),
    }
}

struct Checker<'a> {
    declarations: &'a Declarations<'a>,
    errors: Vec<ConditionError>,
    slots: Vec<Slot>,
    /// Variables in scope, outermost first.
    variables: Vec<(String, Type)>,
}

/// A type; `Null` fits only `dyn`, and an empty list fits any list.
#[derive(Clone, Debug, PartialEq)]
enum Type {
    EmptyList,
    Null,
    Of(ValueType),
}

impl Type {
    fn name(&self) -> String {
        match self {
            Self::EmptyList => "an empty list".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Of(value_type) => format!("`{value_type}`"),
        }
    }

    const fn is_dyn(&self) -> bool {
        matches!(self, Self::Of(ValueType::Dyn))
    }

    const fn is_number(&self) -> bool {
        matches!(self, Self::Of(ValueType::Int | ValueType::Double))
    }

    /// Whether a value of this and one of `other` can be equal.
    fn fits(&self, other: &Self) -> bool {
        self == other
            || self.is_dyn()
            || other.is_dyn()
            || (self.is_number() && other.is_number())
            || matches!(
                (self, other),
                (Self::EmptyList, Self::Of(ValueType::List(_)))
                    | (Self::Of(ValueType::List(_)), Self::EmptyList)
            )
    }
}

impl Checker<'_> {
    fn wrong<T>(&mut self, message: impl Into<String>, expected: impl Into<String>) -> Option<T> {
        self.errors.push(ConditionError::new(message, expected));
        None
    }

    fn test(&mut self, tree: &Tree) -> Option<Test> {
        Some(match tree {
            Tree::And(a, b) => {
                let (a, b) = (self.test(a), self.test(b));
                Test::And(Box::new(a?), Box::new(b?))
            }
            Tree::Or(a, b) => {
                let (a, b) = (self.test(a), self.test(b));
                Test::Or(Box::new(a?), Box::new(b?))
            }
            Tree::Not(inner) => Test::Not(Box::new(self.test(inner)?)),
            Tree::Bool(value) => Test::Constant(*value),
            Tree::Compare(comparison, a, b) => self.compare(*comparison, a, b)?,
            Tree::In(item, list) => self.membership(item, list)?,
            Tree::Has(operand, field) => self.has(operand, field)?,
            Tree::Method(receiver, name, argument) => {
                let test = match name.as_str() {
                    "startsWith" => TextTest::StartsWith,
                    "endsWith" => TextTest::EndsWith,
                    _ => TextTest::Contains,
                };
                let (a, b) = (self.text(receiver, name), self.text(argument, name));
                Test::Text(test, a?, b?)
            }
            Tree::Quantified { every, list, variable, body } => {
                self.quantified(*every, list, variable, body)?
            }
            other => {
                let (term, found) = self.term(other)?;
                if found != Type::Of(ValueType::Bool) {
                    let name = found.name();
                    return self.wrong(format!("this is {name} and not a truth value"), "a `bool`");
                }
                Test::Term(term)
            }
        })
    }

    fn compare(&mut self, comparison: Comparison, a: &Tree, b: &Tree) -> Option<Test> {
        let (a, b) = (self.term(a), self.term(b));
        let ((a, left), (b, right)) = (a?, b?);
        let ordered = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        let has_order = |found: &Type| {
            matches!(
                found,
                Type::Of(
                    ValueType::Int
                        | ValueType::Double
                        | ValueType::String
                        | ValueType::Timestamp
                        | ValueType::Dyn
                )
            )
        };
        if ordered && !(has_order(&left) && has_order(&right)) {
            let odd = if has_order(&left) { right } else { left };
            return self
                .wrong(format!("{} has no order", odd.name()), "numbers, strings or timestamps");
        }
        if !left.fits(&right) {
            return self.wrong(
                format!("{} and {} can never be compared", left.name(), right.name()),
                "two of one type",
            );
        }
        Some(Test::Compare(comparison, a, b))
    }

    fn membership(&mut self, item: &Tree, list: &Tree) -> Option<Test> {
        let (item, list_term) = (self.term(item), self.term(list));
        let ((item, found), (list_term, list_type)) = (item?, list_term?);
        let element = match &list_type {
            Type::Of(ValueType::List(element)) => Type::Of((**element).clone()),
            Type::Of(ValueType::Dyn) => Type::Of(ValueType::Dyn),
            Type::EmptyList => return Some(Test::Constant(false)),
            other => {
                let name = other.name();
                return self.wrong(format!("`in` looks into {name}"), "a list on its right");
            }
        };
        if !found.fits(&element) {
            return self.wrong(
                format!("{} is never in a list of {}", found.name(), element.name()),
                "an element's type",
            );
        }
        if found == Type::Of(ValueType::String)
            && let Term::List(elements) = &list_term
        {
            let texts = elements.iter().map(|element| match element {
                Term::Literal(Value::String(text)) => Some(Box::from(text.as_str())),
                _ => None,
            });
            if let Some(mut texts) = texts.collect::<Option<Vec<Box<str>>>>() {
                texts.sort_unstable();
                return Some(Test::InStrings(item, texts));
            }
        }
        Some(Test::In(item, list_term))
    }

    fn has(&mut self, operand: &Tree, field: &str) -> Option<Test> {
        let selected = Tree::Select(Box::new(operand.clone()), field.to_owned());
        let (term, _) = self.term(&selected)?;
        Some(Test::Has(term))
    }

    fn text(&mut self, tree: &Tree, method: &str) -> Option<Term> {
        let (term, found) = self.term(tree)?;
        if found == Type::Of(ValueType::String) || found.is_dyn() {
            return Some(term);
        }
        let name = found.name();
        self.wrong(format!("`{method}` is asked of {name}"), "a `string`")
    }

    fn quantified(
        &mut self,
        every: bool,
        list: &Tree,
        variable: &str,
        body: &Tree,
    ) -> Option<Test> {
        let (list, found) = self.term(list)?;
        let element = match found {
            Type::Of(ValueType::List(element)) => Type::Of(*element),
            Type::Of(ValueType::Dyn) | Type::EmptyList => Type::Of(ValueType::Dyn),
            other => {
                let name = other.name();
                return self.wrong(format!("`exists` and `all` are asked of {name}"), "a list");
            }
        };
        let taken = self.variables.iter().any(|(name, _)| name == variable);
        if taken || ROOTS.contains(&variable) {
            return self.wrong(format!("`{variable}` already means something"), "another name");
        }
        if self.variables.len() >= MAX_QUANTIFIERS {
            return self.wrong(
                "too many `exists` and `all` within each other",
                format!("at most {MAX_QUANTIFIERS}"),
            );
        }
        self.variables.push((variable.to_owned(), element));
        let body = self.test(body);
        self.variables.pop();
        Some(Test::Quantified { every, list, body: Box::new(body?) })
    }

    fn term(&mut self, tree: &Tree) -> Option<(Term, Type)> {
        let of = |value, value_type| Some((Term::Literal(value), Type::Of(value_type)));
        match tree {
            Tree::Bool(value) => of(Value::Bool(*value), ValueType::Bool),
            Tree::Double(value) => of(Value::Double(*value), ValueType::Double),
            Tree::Int(value) => of(Value::Int(*value), ValueType::Int),
            Tree::Null => Some((Term::Null, Type::Null)),
            Tree::String(text) => of(Value::String(text.clone()), ValueType::String),
            Tree::Timestamp(inner) => match &**inner {
                Tree::String(text) => match parse_timestamp(text) {
                    Some(time) => of(Value::Timestamp(time), ValueType::Timestamp),
                    None => self.wrong(
                        format!("`{text}` is not a time"),
                        "RFC 3339, such as `2027-01-15T08:00:00Z`",
                    ),
                },
                _ => self
                    .wrong("`timestamp` is asked of something else than text", "a string literal"),
            },
            Tree::List(elements) => self.list(elements),
            Tree::Name(name) => self.name(name),
            Tree::Select(operand, field) => self.select(operand, field),
            Tree::Index(operand, index) => self.index(operand, index),
            Tree::And(..)
            | Tree::Compare(..)
            | Tree::Has(..)
            | Tree::In(..)
            | Tree::Method(..)
            | Tree::Not(..)
            | Tree::Or(..)
            | Tree::Quantified { .. } => {
                self.wrong("a test stands where a value is expected", "a name or a literal")
            }
        }
    }

    fn list(&mut self, elements: &[Tree]) -> Option<(Term, Type)> {
        let checked: Vec<_> = elements.iter().map(|element| self.term(element)).collect();
        let checked: Vec<(Term, Type)> = checked.into_iter().collect::<Option<_>>()?;
        let Some((_, first)) = checked.first() else {
            return Some((Term::List(Vec::new()), Type::EmptyList));
        };
        if let Some((_, odd)) = checked.iter().find(|(_, found)| !found.fits(first)) {
            let message = format!("a list mixes {} and {}", first.name(), odd.name());
            return self.wrong(message, "elements of one type");
        }
        let Type::Of(element) = first.clone() else {
            return self.wrong("a list of nulls", "elements with a value");
        };
        if matches!(element, ValueType::List(_)) {
            return self.wrong("a list of lists", "a list of simple values");
        }
        let terms = checked.into_iter().map(|(term, _)| term).collect();
        Some((Term::List(terms), Type::Of(ValueType::List(Box::new(element)))))
    }

    fn name(&mut self, name: &str) -> Option<(Term, Type)> {
        let place = self.variables.iter().rev().position(|(variable, _)| variable == name);
        if let Some(out) = place
            && let Some((_, found)) = self.variables.iter().rev().nth(out)
        {
            return Some((Term::Variable(out), found.clone()));
        }
        match name {
            "action" => Some((self.slot(Slot::Action), Type::Of(ValueType::String))),
            "args" => Some((self.slot(Slot::Args), Type::Of(ValueType::Dyn))),
            root if ROOTS.contains(&root) => {
                self.wrong(format!("`{root}` has no value of its own"), format!("`{root}.…`"))
            }
            _ => {
                self.errors.push(names::unknown(name, name, &ROOTS, str::to_owned));
                None
            }
        }
    }

    fn slot(&mut self, slot: Slot) -> Term {
        self.slots.push(slot);
        Term::Slot(slot)
    }

    fn select(&mut self, operand: &Tree, field: &str) -> Option<(Term, Type)> {
        if let Tree::Name(root) = operand
            && ROOTS.contains(&root.as_str())
            && !matches!(root.as_str(), "action" | "args")
            && !self.variables.iter().any(|(variable, _)| variable == root)
        {
            return match names::field(root, field, self.declarations) {
                Ok((slot, value_type)) => Some((self.slot(slot), Type::Of(value_type))),
                Err(error) => {
                    self.errors.push(error);
                    None
                }
            };
        }
        let (term, found) = self.term(operand)?;
        if !found.is_dyn() {
            let name = found.name();
            return self.wrong(format!("{name} has no member `{field}`"), "a `dyn` value");
        }
        Some((Term::Member(Box::new(term), field.into()), Type::Of(ValueType::Dyn)))
    }

    fn index(&mut self, operand: &Tree, index: &Tree) -> Option<(Term, Type)> {
        let (term, found) = self.term(operand)?;
        if !found.is_dyn() {
            let name = found.name();
            return self.wrong(format!("{name} is not looked into by `[…]`"), "a `dyn` value");
        }
        let term = match index {
            Tree::String(field) => Term::Member(Box::new(term), field.as_str().into()),
            Tree::Int(at) => match usize::try_from(*at) {
                Ok(at) => Term::Element(Box::new(term), at),
                Err(_) => return self.wrong("a negative index", "0 or more"),
            },
            _ => return self.wrong("an index that is computed", "a literal"),
        };
        Some((term, Type::Of(ValueType::Dyn)))
    }
}
