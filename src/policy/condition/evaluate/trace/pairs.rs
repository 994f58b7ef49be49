//! A condition as written beside what is evaluated of it: both are of one shape.

use super::{Branch, PartKind};
use crate::policy::condition::syntax::Syntax;
use crate::policy::condition::tree::{Node, Operand};

/// A part as written and as evaluated.
pub(super) type Pair<'a> = (&'a Syntax, &'a Node);

/// Lists a part and all within it.
pub(super) fn list(pair: Pair<'_>, found: &mut Vec<Branch>) {
    let number = u32::try_from(found.len()).unwrap_or(u32::MAX);
    found.push(Branch { number, kind: kind(pair), text: pair.0.to_string() });
    if let (Syntax::Fold { test, .. }, Node::Fold { test: node, .. }) = pair {
        list((test, node), found);
    }
    for child in children(pair) {
        list(child, found);
    }
}

/// How many parts a part is, itself among them.
pub(super) fn size(pair: Pair<'_>) -> u32 {
    let mut found = Vec::new();
    list(pair, &mut found);
    u32::try_from(found.len()).unwrap_or(u32::MAX)
}

pub(super) const fn kind(pair: Pair<'_>) -> PartKind {
    match pair {
        (Syntax::And(_), _) => PartKind::All,
        (Syntax::Or(_), _) => PartKind::Any,
        (Syntax::Not(_), _) => PartKind::Not,
        (Syntax::Fold { every: true, .. }, _) => PartKind::Every,
        (Syntax::Fold { every: false, .. }, _) => PartKind::Some,
        (_, Node::Constant(_)) => PartKind::Constant,
        _ => PartKind::Test,
    }
}

/// The tests a part is made of, those of a loop's elements aside.
pub(super) fn children<'a>(pair: Pair<'a>) -> Vec<Pair<'a>> {
    match pair {
        (Syntax::And(parts), Node::All(nodes)) | (Syntax::Or(parts), Node::Any(nodes)) => {
            parts.iter().zip(nodes).collect()
        }
        (Syntax::Not(inner), Node::Not(node)) => vec![(inner, node)],
        _ => operands(pair).into_iter().flat_map(|(syntax, one)| truths(syntax, one)).collect(),
    }
}

/// The values a part looks at, as written and as evaluated.
pub(super) fn operands<'a>((syntax, node): Pair<'a>) -> Vec<(&'a Syntax, &'a Operand)> {
    match (syntax, node) {
        (
            Syntax::Compare { left, right, .. },
            Node::Compare { left: left_operand, right: right_operand, .. },
        ) => vec![(left, left_operand), (right, right_operand)],
        // `!= null` is the opposite of `== null`.
        (Syntax::Compare { .. }, Node::Not(inner)) => operands((syntax, inner)),
        (Syntax::Compare { left, right, .. }, Node::IsNull(operand)) => {
            vec![(if matches!(**left, Syntax::Null) { right } else { left }, operand)]
        }
        (Syntax::In { item, list }, Node::In { item: item_operand, list: list_operand }) => {
            vec![(item, item_operand), (list, list_operand)]
        }
        (Syntax::In { item, .. }, Node::InStrings { item: operand, .. }) => vec![(item, operand)],
        (Syntax::Fold { list, .. }, Node::Fold { list: operand, .. }) => vec![(list, operand)],
        (Syntax::Has(member), Node::Has(operand)) => vec![(member, operand)],
        (
            Syntax::Text { text, part, .. },
            Node::Text { text: text_operand, part: part_operand, .. },
        ) => vec![(text, text_operand), (part, part_operand)],
        (_, Node::Flag(operand)) => vec![(syntax, operand)],
        _ => Vec::new(),
    }
}

/// Tests that are taken as values.
fn truths<'a>(syntax: &'a Syntax, operand: &'a Operand) -> Vec<Pair<'a>> {
    match (syntax, operand) {
        (_, Operand::Truth(node)) => vec![(syntax, node)],
        (Syntax::List(elements), Operand::List(operands)) => {
            elements.iter().zip(operands).flat_map(|(one, operand)| truths(one, operand)).collect()
        }
        _ => Vec::new(),
    }
}

/// What has a name, and so a value that is not plain from the text.
pub(super) fn named<'a>(
    syntax: &'a Syntax,
    operand: &'a Operand,
) -> Vec<(&'a Syntax, &'a Operand)> {
    match (syntax, operand) {
        (_, Operand::Path(_) | Operand::Slot(_) | Operand::Variable(_)) => vec![(syntax, operand)],
        (Syntax::List(elements), Operand::List(operands)) => {
            elements.iter().zip(operands).flat_map(|(one, operand)| named(one, operand)).collect()
        }
        _ => Vec::new(),
    }
}
