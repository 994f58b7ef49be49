//! [`Syntax`] to [`Node`]: names are resolved and types checked, and every error is reported.

mod operand;
mod relation;

use super::syntax::Syntax;
use super::tree::{Node, Operand};
use super::{ConditionError, Declarations, Slot};
use crate::policy::value::ValueType;

/// Checks a whole condition; gives its tree and the facts it reads, sorted.
pub(super) fn check(
    syntax: &Syntax,
    declarations: &Declarations<'_>,
) -> Result<(Node, Box<[Slot]>), Vec<ConditionError>> {
    let mut checker =
        Checker { declarations, errors: Vec::new(), slots: Vec::new(), variables: Vec::new() };
    match checker.test(syntax) {
        Some(root) if checker.errors.is_empty() => Ok((root, checker.slots.into())),
        _ => Err(checker.errors),
    }
}

/// Everything here answers `None` only where it has reported an error.
struct Checker<'a> {
    declarations: &'a Declarations<'a>,
    errors: Vec<ConditionError>,
    /// Sorted.
    slots: Vec<Slot>,
    /// Loop variables in force, outermost first.
    variables: Vec<(&'a str, ValueType)>,
}

impl<'a> Checker<'a> {
    /// An expression where a bool must stand.
    fn test(&mut self, syntax: &'a Syntax) -> Option<Node> {
        match syntax {
            Syntax::And(parts) => self.tests(parts).map(Node::All),
            Syntax::Bool(value) => Some(Node::Constant(*value)),
            Syntax::Compare { operator, left, right } => self.compare(*operator, left, right),
            Syntax::Fold { every, list, variable, test } => self.fold(*every, list, variable, test),
            Syntax::Has(member) => self.has(member),
            Syntax::In { item, list } => self.contained(item, list),
            Syntax::Not(inner) => self.test(inner).map(|node| Node::Not(Box::new(node))),
            Syntax::Or(parts) => self.tests(parts).map(Node::Any),
            Syntax::Text { test, text, part } => self.text(*test, text, part),
            _ => self.flag(syntax),
        }
    }

    fn tests(&mut self, parts: &'a [Syntax]) -> Option<Box<[Node]>> {
        let nodes: Vec<Option<Node>> = parts.iter().map(|part| self.test(part)).collect();
        nodes.into_iter().collect()
    }

    fn flag(&mut self, syntax: &'a Syntax) -> Option<Node> {
        if matches!(syntax, Syntax::Null) {
            return self.refuse("`null` is no test", "a bool");
        }
        let (operand, value_type) = self.operand(syntax)?;
        match value_type {
            ValueType::Bool => Some(Node::Flag(operand)),
            ValueType::Dyn => self.refuse(
                format!("`{syntax}` is dyn, and may not be a bool"),
                format!("a comparison, such as `{syntax} == true`"),
            ),
            other => self.refuse(format!("`{syntax}` is {other}"), "a bool"),
        }
    }

    fn fold(
        &mut self,
        every: bool,
        list: &'a Syntax,
        variable: &'a str,
        test: &'a Syntax,
    ) -> Option<Node> {
        let checked = self.operand(list);
        if super::names::root(variable).is_some()
            || self.variables.iter().any(|(name, _)| *name == variable)
        {
            return self.refuse(
                format!("the loop variable `{variable}` hides another name"),
                "a name of its own",
            );
        }
        let (list, element) = match checked {
            // Without a list there is no type to check the test by.
            None => return None,
            Some((operand, ValueType::List(element))) => (operand, *element),
            Some((operand, ValueType::Dyn)) => (operand, ValueType::Dyn),
            Some((_, other)) => {
                return self.refuse(format!("`{list}` is {other}"), "a list");
            }
        };
        self.variables.push((variable, element));
        let test = self.test(test);
        self.variables.pop();
        Some(Node::Fold { every, list, test: Box::new(test?) })
    }

    fn has(&mut self, member: &'a Syntax) -> Option<Node> {
        let (operand, _) = self.operand(member)?;
        match operand {
            Operand::Slot(_) | Operand::Path(_) => Some(Node::Has(operand)),
            _ => self.refuse(
                format!("`has({member})` is not of a member"),
                "a member, such as `has(subject.tenant)`",
            ),
        }
    }

    fn refuse<T>(&mut self, message: impl Into<String>, expected: impl Into<String>) -> Option<T> {
        let error = ConditionError::new(message, expected);
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
        None
    }
}
