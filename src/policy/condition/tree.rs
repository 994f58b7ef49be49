//! A condition, resolved and checked: what is evaluated.

use super::Slot;
use super::syntax::{Comparison, TextTest};
use crate::policy::value::Value;
use std::fmt;

/// A test.
#[derive(Clone, Debug)]
pub(super) enum Node {
    All(Box<[Self]>),
    Any(Box<[Self]>),
    Compare {
        operator: Comparison,
        left: Operand,
        right: Operand,
    },
    Constant(bool),
    /// `exists`, or with `every` `all`; the test reads the element as variable 0.
    Fold {
        every: bool,
        list: Operand,
        test: Box<Self>,
    },
    /// A value that is a bool by its type.
    Flag(Operand),
    Has(Operand),
    In {
        item: Operand,
        list: Operand,
    },
    /// `in` a literal list of strings, which is sorted.
    InStrings {
        item: Operand,
        strings: Box<[Box<str>]>,
    },
    IsNull(Operand),
    Not(Box<Self>),
    Text {
        test: TextTest,
        text: Operand,
        part: Operand,
    },
}

/// What a test looks at.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// A list with members that are not literals.
    List(Box<[Self]>),
    /// A member or an element of something.
    Path(Box<Path>),
    Slot(Slot),
    /// A test taken as a value.
    Truth(Box<Node>),
    Value(Value),
    /// A loop variable; 0 is the innermost loop's.
    Variable(u32),
}

/// The way from a value to something inside it.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) base: Operand,
    pub(super) steps: Box<[Step]>,
}

/// One step of a way.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Element(u32),
    Member(Box<str>),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element(at) => write!(f, "[{at}]"),
            Self::Member(name) => write!(f, ".{name}"),
        }
    }
}
