//! What a condition demands at once: the tests joined by `&&`, and whether they can hold together.

use super::Condition;
use super::syntax::{Comparison, Syntax};
use crate::identity::parse_timestamp;
use std::cmp::Ordering;

impl Condition {
    /// The tests that must all be true for it to be, as text, each written in one way.
    #[must_use]
    pub fn conjuncts(&self) -> Vec<String> {
        let syntax = self.syntax();
        let mut found: Vec<String> = flat(&syntax).into_iter().map(normal).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Two of those tests that cannot be true together, whatever the request.
    #[must_use]
    pub fn contradiction(&self) -> Option<(String, String)> {
        let syntax = self.syntax();
        let tests = flat(&syntax);
        for (at, one) in tests.iter().enumerate() {
            for other in tests.iter().skip(at.saturating_add(1)) {
                if contradict(one, other) {
                    return Some((one.to_string(), other.to_string()));
                }
            }
        }
        None
    }
}

fn flat(syntax: &Syntax) -> Vec<&Syntax> {
    match syntax {
        Syntax::And(parts) => parts.iter().flat_map(flat).collect(),
        one => vec![one],
    }
}

/// The text of a test; an equality with its sides in order.
fn normal(syntax: &Syntax) -> String {
    match syntax {
        Syntax::Compare { operator, left, right } if operator.is_equality() => {
            let (left, right) = (left.to_string(), right.to_string());
            let (one, other) = if left <= right { (left, right) } else { (right, left) };
            format!("{one} {} {other}", operator.symbol())
        }
        other => other.to_string(),
    }
}

/// What a test says of one value: the value's text, and how it compares with a literal.
struct Bound<'a> {
    of: String,
    operator: Comparison,
    literal: &'a Syntax,
}

fn bound(syntax: &Syntax) -> Option<Bound<'_>> {
    let Syntax::Compare { operator, left, right } = syntax else { return None };
    let (of, operator, literal) = match (is_literal(left), is_literal(right)) {
        (false, true) => (left, *operator, right),
        (true, false) => (right, turned(*operator), left),
        _ => return None,
    };
    Some(Bound { of: of.to_string(), operator, literal })
}

const fn is_literal(syntax: &Syntax) -> bool {
    matches!(
        syntax,
        Syntax::Int(_)
            | Syntax::Double(_)
            | Syntax::String(_)
            | Syntax::Timestamp(_)
            | Syntax::Bool(_)
    )
}

const fn turned(operator: Comparison) -> Comparison {
    match operator {
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        same @ (Comparison::Equal | Comparison::NotEqual) => same,
    }
}

/// Whether two tests can never both be true. A no is no promise that they can.
fn contradict(one: &Syntax, other: &Syntax) -> bool {
    if opposite(one, other) || opposite(other, one) {
        return true;
    }
    if let (Some(one), Some(list)) = (bound(one), among(other)) {
        return outside(&one, &list);
    }
    if let (Some(one), Some(list)) = (bound(other), among(one)) {
        return outside(&one, &list);
    }
    let (Some(one), Some(other)) = (bound(one), bound(other)) else { return false };
    if one.of != other.of {
        return false;
    }
    let Some(order) = order(one.literal, other.literal) else { return false };
    // Whether some value is on the right side of both literals.
    let possible = |value: Ordering, of_other: Ordering| {
        holds(one.operator, value) && holds(other.operator, of_other)
    };
    let satisfiable = match order {
        Ordering::Equal => [Ordering::Less, Ordering::Equal, Ordering::Greater]
            .into_iter()
            .any(|value| possible(value, value)),
        Ordering::Less => spread(possible),
        Ordering::Greater => spread(|value, of_other| possible(of_other, value)),
    };
    !satisfiable
}

/// Whether a value can stand somewhere about two literals, the first of which is less.
fn spread(possible: impl Fn(Ordering, Ordering) -> bool) -> bool {
    use Ordering::{Equal, Greater, Less};
    [(Less, Less), (Equal, Less), (Greater, Less), (Greater, Equal), (Greater, Greater)]
        .into_iter()
        .any(|(first, second)| possible(first, second))
}

const fn holds(operator: Comparison, value: Ordering) -> bool {
    match operator {
        Comparison::Equal => value.is_eq(),
        Comparison::NotEqual => value.is_ne(),
        Comparison::Greater => value.is_gt(),
        Comparison::GreaterOrEqual => value.is_ge(),
        Comparison::Less => value.is_lt(),
        Comparison::LessOrEqual => value.is_le(),
    }
}

/// `a == b` beside `a != b`, or a test beside its negation.
fn opposite(one: &Syntax, other: &Syntax) -> bool {
    match (one, other) {
        (test, Syntax::Not(inner)) => normal(test) == normal(inner),
        (
            Syntax::Compare { operator: Comparison::Equal, left, right },
            Syntax::Compare { operator: Comparison::NotEqual, left: a, right: b },
        ) => (left == a && right == b) || (left == b && right == a),
        _ => false,
    }
}

/// `x in [literals]`.
fn among(syntax: &Syntax) -> Option<(String, &[Syntax])> {
    match syntax {
        Syntax::In { item, list } => match &**list {
            Syntax::List(all) if all.iter().all(is_literal) => Some((item.to_string(), all)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether no member of the list is where the bound says.
fn outside(bound: &Bound<'_>, (of, list): &(String, &[Syntax])) -> bool {
    bound.of == *of
        && list.iter().all(|member| {
            order(member, bound.literal).is_some_and(|order| !holds(bound.operator, order))
        })
}

/// How two literals of one kind compare.
fn order(one: &Syntax, other: &Syntax) -> Option<Ordering> {
    match (one, other) {
        (Syntax::Int(one), Syntax::Int(other)) => Some(one.cmp(other)),
        (Syntax::Double(one), Syntax::Double(other)) => one.partial_cmp(other),
        (Syntax::String(one), Syntax::String(other)) => Some(one.cmp(other)),
        (Syntax::Bool(one), Syntax::Bool(other)) => Some(one.cmp(other)),
        (Syntax::Timestamp(one), Syntax::Timestamp(other)) => {
            Some(parse_timestamp(one)?.cmp(&parse_timestamp(other)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::condition::{Condition, Declarations, compile};
    use crate::policy::value::ValueType;

    fn condition(text: &str) -> Condition {
        let attributes =
            [("owner".to_owned(), ValueType::String, 0), ("size".to_owned(), ValueType::Int, 1)];
        compile(text, &Declarations { claims: &[], attributes: &attributes }).unwrap()
    }

    #[test]
    fn what_cannot_hold_together_is_seen() {
        for text in [
            "resource.owner == 'a' && resource.owner == 'b'",
            "resource.owner == 'a' && 'a' != resource.owner",
            "resource.owner == 'a' && (subject.id == 'x' && resource.owner != 'a')",
            "resource.size < 5 && resource.size > 5",
            "resource.size < 5 && 5 <= resource.size",
            "resource.size > 5 && resource.size == 5",
            "resource.owner in ['a', 'b'] && resource.owner == 'c'",
            "resource.size in [1, 2] && resource.size > 2",
            "!(resource.owner == 'a') && 'a' == resource.owner",
            "request.time < timestamp('2026-01-01T00:00:00Z') && request.time > timestamp('2026-01-01T00:00:00Z')",
        ] {
            assert!(condition(text).contradiction().is_some(), "{text}");
        }
    }

    #[test]
    fn what_can_hold_together_is_let_be() {
        for text in [
            "resource.owner == 'a' && subject.id == 'b'",
            "resource.owner == 'a' || resource.owner == 'b'",
            "resource.owner != 'a' && resource.owner != 'b'",
            "resource.size <= 5 && resource.size >= 5",
            "resource.size > 4 && resource.size < 6",
            "resource.size > 4 && resource.size != 4",
            "resource.owner in ['a', 'b'] && resource.owner == 'b'",
            "resource.owner > 'a' && resource.owner < 'b'",
        ] {
            assert_eq!(condition(text).contradiction(), None, "{text}");
        }
    }

    #[test]
    fn tests_are_told_in_one_way() {
        let one = condition("subject.id == resource.owner && resource.size > 1").conjuncts();
        let other = condition("resource.size > 1 && (resource.owner == subject.id)").conjuncts();
        assert_eq!(one, other);
        assert_eq!(one, ["resource.owner == subject.id", "resource.size > 1"]);
    }
}
