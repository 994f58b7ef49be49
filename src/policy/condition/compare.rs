//! Values as they are met at evaluation, and how two of them compare.
//!
//! What is `dyn` has its type only here. Types that do not go together compare to nothing, and so
//! never settle a condition.

use super::parse_rfc3339;
use super::tree::Operand;
use crate::Timestamp;
use crate::policy::value::{Value, ValueRef};
use crate::request::json::Json;
use std::cmp::Ordering;

/// A known value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Known<'a> {
    Bool(bool),
    Double(f64),
    Int(i64),
    List(List<'a>),
    Null,
    /// A JSON object, by its members.
    Object(&'a [(Box<str>, Json)]),
    String(&'a str),
    Timestamp(Timestamp),
    /// A JSON number that neither an int nor a finite double holds, or that is absurdly long.
    Unreadable,
}

/// A list, where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) enum List<'a> {
    Json(&'a [Json]),
    /// As written in the condition; its members have to be evaluated.
    Operands(&'a [Operand]),
    Strings(&'a [String]),
    Values(&'a [Value]),
}

impl List<'_> {
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Json(list) => list.len(),
            Self::Operands(list) => list.len(),
            Self::Strings(list) => list.len(),
            Self::Values(list) => list.len(),
        }
    }
}

impl<'a> From<ValueRef<'a>> for Known<'a> {
    fn from(value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::Bool(value) => Self::Bool(value),
            ValueRef::Double(value) => Self::Double(value),
            ValueRef::Dyn(json) => json.into(),
            ValueRef::Int(value) => Self::Int(value),
            ValueRef::List(list) => Self::List(List::Values(list)),
            ValueRef::String(text) => Self::String(text),
            ValueRef::Strings(list) => Self::List(List::Strings(list)),
            ValueRef::Timestamp(value) => Self::Timestamp(value),
        }
    }
}

impl<'a> From<&'a Value> for Known<'a> {
    fn from(value: &'a Value) -> Self {
        ValueRef::from(value).into()
    }
}

impl<'a> From<&'a Json> for Known<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Array(elements) => Self::List(List::Json(elements)),
            Json::Bool(value) => Self::Bool(*value),
            Json::Null => Self::Null,
            Json::Number(text) => number(text),
            Json::Object(members) => Self::Object(members),
            Json::String(text) => Self::String(text),
        }
    }
}

/// A JSON number: an int where it is written as one and fits, else the nearest double.
fn number<'a>(text: &str) -> Known<'a> {
    /// Longer than any int and than any double written in full precision.
    const LONGEST: usize = 64;
    if text.len() > LONGEST {
        return Known::Unreadable;
    }
    if let Ok(value) = text.parse() {
        return Known::Int(value);
    }
    match text.parse() {
        Ok(value) if f64::is_finite(value) => Known::Double(value),
        _ => Known::Unreadable,
    }
}

/// Whether two single values are equal; `None` where their types do not go together. Lists are
/// compared by the caller, who counts the steps; objects are not compared.
pub(super) fn equal(left: Known<'_>, right: Known<'_>) -> Option<bool> {
    match (left, right) {
        (Known::String(left), Known::String(right)) => Some(left == right),
        (Known::Bool(left), Known::Bool(right)) => Some(left == right),
        (Known::Null, Known::Null) => Some(true),
        _ => order(left, right).map(Ordering::is_eq),
    }
}

/// How two values are ordered; `None` where they have no order.
pub(super) fn order(left: Known<'_>, right: Known<'_>) -> Option<Ordering> {
    match (left, right) {
        (Known::Int(left), Known::Int(right)) => Some(left.cmp(&right)),
        (Known::Double(left), Known::Double(right)) => left.partial_cmp(&right),
        (Known::Int(left), Known::Double(right)) => order_int_double(left, right),
        (Known::Double(left), Known::Int(right)) => {
            order_int_double(right, left).map(Ordering::reverse)
        }
        (Known::String(left), Known::String(right)) => Some(left.cmp(right)),
        (Known::Timestamp(left), Known::Timestamp(right)) => Some(left.cmp(&right)),
        // JSON has no timestamps; text beside a timestamp is one, or compares to nothing.
        (Known::Timestamp(left), Known::String(right)) => Some(left.cmp(&parse_rfc3339(right)?)),
        (Known::String(left), Known::Timestamp(right)) => Some(parse_rfc3339(left)?.cmp(&right)),
        _ => None,
    }
}

/// Exact, also where an int has no double of its own.
fn order_int_double(int: i64, double: f64) -> Option<Ordering> {
    /// 2^63, the first double above every int.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() {
        return None;
    }
    if double >= BEYOND {
        return Some(Ordering::Less);
    }
    if double < -BEYOND {
        return Some(Ordering::Greater);
    }
    let whole = double.trunc();
    // In range, and without a fraction: the cast is exact.
    let by_whole = int.cmp(&(whole as i64));
    Some(by_whole.then_with(|| whole.partial_cmp(&double).unwrap_or(Ordering::Equal)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ints_and_doubles_compare_exactly() {
        const P53: i64 = 1 << 53;
        for (int, double, expected) in [
            (1, 1.0, Ordering::Equal),
            (0, -0.0, Ordering::Equal),
            (1, 1.5, Ordering::Less),
            (-1, -1.5, Ordering::Greater),
            (2, 1.5, Ordering::Greater),
            (P53 + 1, P53 as f64, Ordering::Greater),
            (P53, P53 as f64, Ordering::Equal),
            (i64::MAX, 9_223_372_036_854_775_808.0, Ordering::Less),
            (i64::MIN, -9_223_372_036_854_775_808.0, Ordering::Equal),
            (i64::MIN, -9_223_372_036_854_777_856.0, Ordering::Greater),
            (i64::MAX, f64::INFINITY, Ordering::Less),
        ] {
            assert_eq!(order_int_double(int, double), Some(expected), "{int} {double}");
            assert_eq!(order(Known::Double(double), Known::Int(int)), Some(expected.reverse()));
        }
        assert_eq!(order_int_double(0, f64::NAN), None);
    }

    #[test]
    fn json_numbers_keep_what_was_written() {
        let is = |text: &str, other: Known<'_>| equal(number(text), other);
        assert_eq!(is("9007199254740993", Known::Int(9_007_199_254_740_993)), Some(true));
        assert_eq!(is("9007199254740993", Known::Double(9_007_199_254_740_992.0)), Some(false));
        assert_eq!(is("1e2", Known::Int(100)), Some(true));
        assert_eq!(is("-0", Known::Int(0)), Some(true));
        assert_eq!(
            is("18446744073709551616", Known::Double(18_446_744_073_709_551_616.0)),
            Some(true)
        );
        assert_eq!(is("1e999", Known::Int(1)), None);
        assert_eq!(is(&"1".repeat(65), Known::Int(1)), None);
    }

    #[test]
    fn types_that_do_not_go_together_compare_to_nothing() {
        let text = Known::String("1");
        for other in [Known::Int(1), Known::Bool(true), Known::Null, Known::Object(&[])] {
            assert_eq!(equal(text, other), None);
            assert_eq!(order(text, other), None);
        }
        assert_eq!(equal(Known::Object(&[]), Known::Object(&[])), None);
        assert_eq!(order(Known::Bool(true), Known::Bool(false)), None);
    }

    #[test]
    fn text_beside_a_timestamp_is_read_as_one() {
        let epoch = Known::Timestamp(Timestamp::from_secs(0));
        assert_eq!(order(Known::String("1970-01-01T01:00:00+01:00"), epoch), Some(Ordering::Equal));
        assert_eq!(order(epoch, Known::String("1970-01-02T00:00:00Z")), Some(Ordering::Less));
        assert_eq!(order(epoch, Known::String("yesterday")), None);
    }
}
