use super::*;
use crate::request::json::{JsonLimits, parse};

fn json(text: &str) -> Json {
    parse(text.as_bytes(), JsonLimits { bytes: 4096, depth: 16, nodes: 256 }).unwrap()
}

fn strings() -> ValueType {
    ValueType::List(Box::new(ValueType::String))
}

fn list(names: &[&str]) -> ClaimState {
    ClaimState::Known(Value::List(
        names.iter().map(|name| Value::String((*name).to_owned())).collect(),
    ))
}

fn state(payload: &str, from: &[&str], value_type: ValueType, absent: Absent) -> ClaimState {
    let from = from.iter().map(|name| (*name).to_owned()).collect();
    ClaimRule { from, value_type, absent }.state(&json(payload))
}

#[test]
fn a_dotted_name_is_a_claim_before_it_is_a_path() {
    let payload = json(r#"{"a.b":1,"a":{"b":2,"c.d":3},"https://x.example/roles":4}"#);
    let number = |name: &str| find(&payload, name).and_then(text_of);
    assert_eq!(number("a.b"), Some("1"));
    assert_eq!(number("a.c.d"), Some("3"));
    assert_eq!(number("https://x.example/roles"), Some("4"));
    for name in ["", ".", "a.", ".a", "b", "a.b.c", "a..b", "a.x"] {
        assert_eq!(find(&payload, name), None, "{name}");
    }
}

#[test]
fn sources_are_united_and_one_unknown_makes_all_unknown() {
    let both = |payload: &str, absent| state(payload, &["groups", "roles"], strings(), absent);
    let full = r#"{"groups":["a","b"],"roles":["b","c"]}"#;
    assert_eq!(both(full, Absent::Unknown), list(&["a", "b", "c"]));
    let half = r#"{"groups":["a"]}"#;
    assert_eq!(both(half, Absent::Empty), list(&["a"]));
    assert_eq!(both(half, Absent::Unknown), ClaimState::Unknown);
    assert_eq!(both("{}", Absent::Empty), list(&[]));
    assert_eq!(both("{}", Absent::Unknown), ClaimState::Unknown);
    for wrong in [
        r#"{"groups":["a"],"roles":"b"}"#,
        r#"{"groups":["a"],"roles":null}"#,
        r#"{"groups":["a",1],"roles":[]}"#,
        r#"{"groups":["a"],"roles":[],"_claim_names":{"roles":"s"}}"#,
        r#"{"roles":[],"groups":["a"],"hasgroups":false}"#,
    ] {
        assert_eq!(both(wrong, Absent::Empty), ClaimState::Unknown, "{wrong}");
    }
}

#[test]
fn of_several_single_values_all_must_agree() {
    let tenant =
        |payload: &str| state(payload, &["tid", "tenant"], ValueType::String, Absent::Empty);
    let acme = ClaimState::Known(Value::String("acme".to_owned()));
    assert_eq!(tenant(r#"{"tid":"acme","tenant":"acme"}"#), acme);
    assert_eq!(tenant(r#"{"tenant":"acme"}"#), acme);
    assert_eq!(tenant(r#"{"tid":"acme","tenant":"other"}"#), ClaimState::Unknown);
}

#[test]
fn a_path_into_a_withheld_claim_is_withheld() {
    let payload = r#"{"realm_access":{"roles":["a"]},"_claim_names":{"realm_access":"s"}}"#;
    let roles = state(payload, &["realm_access.roles"], strings(), Absent::Empty);
    assert_eq!(roles, ClaimState::Unknown);
}

#[test]
fn values_are_of_the_declared_type_or_nothing() {
    let read = |text: &str, value_type: &str| {
        value_of(&json(text), &ValueType::parse(value_type).unwrap())
    };
    assert_eq!(read("true", "bool"), Some(Value::Bool(true)));
    assert_eq!(read("-7", "int"), Some(Value::Int(-7)));
    assert_eq!(read("9223372036854775807", "int"), Some(Value::Int(i64::MAX)));
    assert_eq!(read("0.5", "double"), Some(Value::Double(0.5)));
    assert_eq!(read("7", "double"), Some(Value::Double(7.0)));
    assert_eq!(read("[1,2]", "[int]"), Some(Value::List(vec![Value::Int(1), Value::Int(2)])));
    assert_eq!(read("{\"a\":1}", "dyn"), Some(Value::Dyn(json("{\"a\":1}"))));
    let date = Value::Timestamp(Timestamp::from_secs(951_825_600));
    assert_eq!(read("951825600", "timestamp"), Some(date.clone()));
    assert_eq!(read("\"2000-02-29T12:00:00Z\"", "timestamp"), Some(date));
    for (text, value_type) in [
        ("\"true\"", "bool"),
        ("1", "bool"),
        ("1.0", "int"),
        ("1e3", "int"),
        ("9223372036854775808", "int"),
        ("\"1\"", "int"),
        ("1e999", "double"),
        ("1", "string"),
        ("null", "string"),
        ("\"a\"", "[string]"),
        ("[\"a\",1]", "[string]"),
        ("-1", "timestamp"),
        ("\"yesterday\"", "timestamp"),
    ] {
        assert_eq!(read(text, value_type), None, "{text} as {value_type}");
    }
}

#[test]
fn dates_are_bounded_and_keep_milliseconds() {
    let millis = |text| numeric_date(text).map(Timestamp::millis);
    assert_eq!(millis("0"), Some(0));
    assert_eq!(millis("1300819380"), Some(1_300_819_380_000));
    assert_eq!(millis("1.3008193805e9"), Some(1_300_819_380_500));
    assert_eq!(millis("0.0009"), Some(0));
    assert_eq!(millis("253402300799"), Some(253_402_300_799_000));
    for text in ["-1", "-0", "-0.1", "253402300800", "1e15", "1e400", "NaN", "inf", ""] {
        assert_eq!(millis(text), None, "{text}");
    }
}
