//! A condition with its names resolved and its types checked.

use super::Slot;
use super::parse::Comparison;
use crate::policy::value::Value;
use std::fmt;

/// A condition that loads.
#[derive(Clone, Debug)]
pub struct Condition {
    pub(super) text: String,
    pub(super) slots: Vec<Slot>,
    pub(super) root: Test,
}

impl Condition {
    /// What it reads: sorted, each once.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The author's text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Something true, false or unknown.
#[derive(Clone, Debug)]
pub(super) enum Test {
    And(Box<Self>, Box<Self>),
    Compare(Comparison, Term, Term),
    Constant(bool),
    Has(Term),
    In(Term, Term),
    /// `text in ["…", …]`: the list is sorted.
    InStrings(Term, Vec<Box<str>>),
    Not(Box<Self>),
    Or(Box<Self>, Box<Self>),
    Quantified {
        every: bool,
        list: Term,
        body: Box<Self>,
    },
    /// A term of type `bool`.
    Term(Term),
    Text(TextTest, Term, Term),
}

/// A test on text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextTest {
    Contains,
    EndsWith,
    StartsWith,
}

/// Something with a value.
#[derive(Clone, Debug)]
pub(super) enum Term {
    /// An element of a `dyn` list.
    Element(Box<Self>, usize),
    List(Vec<Self>),
    Literal(Value),
    /// A member of a `dyn` object.
    Member(Box<Self>, Box<str>),
    Null,
    Slot(Slot),
    /// The variable of the quantifier this many levels out.
    Variable(usize),
}
