//! Operators in three values, types, and the laws evaluation keeps.

use super::*;
use crate::Timestamp;
use crate::policy::value::{Source, Value, ValueRef};
use crate::request::json::{Json, JsonLimits, parse};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Facts by slot; a missing one is unknown.
#[derive(Clone, Debug, Default)]
struct Known(BTreeMap<Slot, Held>);

#[derive(Clone, Debug)]
enum Held {
    Value(Value),
    Pending(Source),
}

impl Facts for Known {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        match self.0.get(&slot) {
            Some(Held::Value(value)) => Fact::Known(ValueRef::from(value)),
            Some(Held::Pending(source)) => Fact::Pending(*source),
            None => Fact::Unknown,
        }
    }
}

fn declared() -> (Vec<(String, ValueType)>, Vec<(String, ValueType, u32)>) {
    let strings = ValueType::List(Box::new(ValueType::String));
    (
        vec![("age".into(), ValueType::Int), ("tenant".into(), ValueType::String)],
        vec![
            ("due".into(), ValueType::Timestamp, 0),
            ("labels".into(), strings, 1),
            ("open".into(), ValueType::Bool, 2),
            ("size".into(), ValueType::Double, 3),
            ("tenant".into(), ValueType::String, 4),
        ],
    )
}

fn compiled(text: &str) -> Result<Condition, Vec<ConditionError>> {
    let (claims, attributes) = declared();
    compile(text, &Declarations { claims: &claims, attributes: &attributes })
}

fn text(value: &str) -> Held {
    Held::Value(Value::String(value.into()))
}

fn strings(values: &[&str]) -> Held {
    Held::Value(Value::List(values.iter().map(|v| Value::String((*v).into())).collect()))
}

fn facts() -> Known {
    let args = parse(
        br#"{"amount": 400, "note": "hi", "list": [1, 2.5, "x"], "deep": {"a": null}, "big": 9007199254740993}"#,
        JsonLimits::default(),
    )
    .unwrap();
    Known(BTreeMap::from([
        (Slot::Action, text("read")),
        (Slot::Args, Held::Value(Value::Dyn(args))),
        (Slot::RequestTime, Held::Value(Value::Timestamp(Timestamp::from_secs(1_800_000_000)))),
        (Slot::ResourceAttribute(0), Held::Value(Value::Timestamp(Timestamp::from_secs(1_700_000_000)))),
        (Slot::ResourceAttribute(1), strings(&["legal-hold", "x"])),
        (Slot::ResourceAttribute(2), Held::Value(Value::Bool(true))),
        (Slot::ResourceAttribute(3), Held::Value(Value::Double(2.5))),
        (Slot::ResourceAttribute(4), Held::Pending(Source::Lookup)),
        (Slot::SubjectClaim(0), Held::Value(Value::Int(30))),
        (Slot::SubjectGroups, strings(&["support", "sales"])),
        (Slot::SubjectId, text("alice")),
    ]))
}

fn judge(condition: &str) -> Verdict {
    compiled(condition)
        .unwrap_or_else(|errors| panic!("{condition}: {errors:?}"))
        .evaluate(&facts(), &mut MAX_STEPS.clone())
}

#[test]
fn operators_in_three_values() {
    // `subject.tenant` is unknown for good, `resource.tenant` pending.
    for (condition, truth) in [
        ("true", Truth::True),
        ("!true", Truth::False),
        ("subject.id == \"alice\"", Truth::True),
        ("subject.id != \"alice\"", Truth::False),
        ("subject.id == subject.tenant", Truth::Unknown),
        ("!(subject.id == subject.tenant)", Truth::Unknown),
        ("subject.tenant == \"a\" && false", Truth::False),
        ("false && subject.tenant == \"a\"", Truth::False),
        ("subject.tenant == \"a\" || true", Truth::True),
        ("subject.tenant == \"a\" || false", Truth::Unknown),
        ("subject.age >= 30 && subject.age < 31 && subject.age > 29.5", Truth::True),
        ("resource.size == 2.5 && resource.size <= 2.5", Truth::True),
        ("resource.open", Truth::True),
        ("\"support\" in subject.groups", Truth::True),
        ("\"Support\" in subject.groups", Truth::False),
        ("subject.id in [\"bob\", \"alice\"]", Truth::True),
        ("subject.tenant in [\"a\"]", Truth::Unknown),
        ("\"a\" in [subject.tenant, \"a\"]", Truth::True),
        ("\"a\" in [subject.tenant, \"b\"]", Truth::Unknown),
        ("1 in []", Truth::False),
        ("resource.labels.exists(l, l == \"legal-hold\")", Truth::True),
        ("resource.labels.all(l, l.startsWith(\"legal\"))", Truth::False),
        ("[].all(x, x == 1)", Truth::True),
        ("resource.labels.exists(l, l == subject.tenant)", Truth::Unknown),
        ("subject.groups.exists(g, resource.labels.exists(l, l == g))", Truth::False),
        ("subject.id.startsWith(\"al\") && subject.id.endsWith(\"ce\") && subject.id.contains(\"lic\")", Truth::True),
        ("has(subject.age)", Truth::True),
        ("has(subject.tenant)", Truth::Unknown),
        ("has(args.note) && !has(args.nothing)", Truth::True),
        ("args.amount <= 500", Truth::True),
        ("args.amount == 400.0", Truth::True),
        ("args.note <= 500", Truth::Unknown),
        ("args.nothing == 1", Truth::Unknown),
        ("args.list[1] == 2.5 && args.list[2] == \"x\"", Truth::True),
        ("args.list[9] == 1", Truth::Unknown),
        ("args.deep[\"a\"] == null", Truth::True),
        ("args.note == null", Truth::False),
        ("args.big == 9007199254740992.0", Truth::False),
        ("args.big > 9007199254740992.0", Truth::True),
        ("request.time > resource.due", Truth::True),
        ("resource.due < timestamp(\"2027-01-15T08:00:00Z\")", Truth::True),
        ("action == \"read\"", Truth::True),
        ("resource.labels == [\"legal-hold\", \"x\"]", Truth::True),
        ("resource.labels == [\"x\"]", Truth::False),
    ] {
        assert_eq!(judge(condition).truth, truth, "{condition}");
    }
}

#[test]
fn what_could_still_tell_is_named() {
    for (condition, lookup) in [
        ("resource.tenant == \"a\"", true),
        ("resource.tenant == subject.tenant", false),
        ("subject.tenant == \"a\"", false),
        ("resource.tenant == \"a\" && subject.tenant == \"a\"", true),
        ("resource.tenant in [\"a\"]", true),
        ("has(resource.tenant)", true),
    ] {
        let verdict = judge(condition);
        assert_eq!((verdict.truth, verdict.waits_for.lookup), (Truth::Unknown, lookup), "{condition}");
    }
    assert!(judge("resource.tenant == \"a\" && false").waits_for.is_empty());
}

#[test]
fn mistakes_are_told_with_what_was_expected() {
    for (condition, message) in [
        ("subject.tennant == \"a\"", "`subject.tennant` is not declared; did you mean `subject.tenant`?"),
        ("user.id == \"a\"", "`user` is not declared; one of `action`, `actor`, `args`, `request`, `resource`, `subject`"),
        ("subject.id == 1", "`string` and `int` can never be compared; two of one type"),
        ("subject.id", "this is `string` and not a truth value; a `bool`"),
        ("subject == \"a\"", "`subject` has no value of its own; `subject.…`"),
        ("subject.groups < 1", "`[string]` has no order; numbers, strings or timestamps"),
        ("1 in subject.groups", "`int` is never in a list of `string`; an element's type"),
        ("subject.id in subject.id", "`in` looks into `string`; a list on its right"),
        ("subject.age.contains(\"a\")", "`contains` is asked of `int`; a `string`"),
        ("subject.id.exists(x, true)", "`exists` and `all` are asked of `string`; a list"),
        ("subject.groups.exists(subject, true)", "`subject` already means something; another name"),
        ("timestamp(\"yesterday\") < request.time", "`yesterday` is not a time; RFC 3339, such as `2027-01-15T08:00:00Z`"),
        ("subject.id.size == 1", "`string` has no member `size`; a `dyn` value"),
        ("args.list[-1] == 1", "a negative index; 0 or more"),
        ("[1, \"a\"].exists(x, true)", "a list mixes `int` and `string`; elements of one type"),
        ("args == 1 && args", "this is `dyn` and not a truth value; a `bool`"),
    ] {
        let errors = compiled(condition).expect_err(condition);
        let told = format!("{}; {}", errors[0].message, errors[0].expected);
        assert_eq!(told, message, "{condition}");
    }
    for condition in [
        "1 + 1 == 2", "subject.age > 1 ? true : false", "subject.groups.map(g, g) == []", "{\"a\": 1} == {}",
        "subject.groups.exists_one(g, true)", "size(subject.groups) == 1", "subject.id.matches(\"a\")",
        "b\"a\" == b\"a\"", "1u == 1u", "subject.?id == \"a\"", "-subject.age == 1", "dyn(1) == 1",
    ] {
        let errors = compiled(condition).expect_err(condition);
        assert!(!errors.is_empty(), "{condition}");
    }
    for condition in ["", "(", "subject.", "&&", "subject.id ==", "'", "subject.id == \"a", "))"] {
        assert!(compiled(condition).is_err(), "{condition}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let errors = compiled("subject.x == 1 && resource.y == 2 || actor.z == 3").unwrap_err();
    assert_eq!(errors.len(), 3);
}

#[test]
fn what_is_read_is_known_beforehand() {
    let condition = compiled("resource.tenant == subject.tenant && resource.tenant != \"\"").unwrap();
    assert_eq!(condition.slots(), [Slot::ResourceAttribute(4), Slot::SubjectClaim(1)]);
}

#[test]
fn nesting_that_would_exhaust_a_stack_does_not_load() {
    let deep = [
        "(".repeat(2000) + "true" + &")".repeat(2000),
        "!".repeat(4000) + "true",
        "[".repeat(1900) + &"]".repeat(1900),
        "args".to_owned() + &".a".repeat(2000) + " == 1",
        "args".to_owned() + &"[0]".repeat(1300) + " == 1",
        "-".repeat(4000) + "1 == 1",
        "a".to_owned() + &".exists(x, x".repeat(300),
    ];
    let thread = std::thread::Builder::new().stack_size(768 * 1024).spawn(move || {
        for condition in deep {
            if let Ok(condition) = compiled(&condition) {
                // Repeated `!` and parentheses fall away while parsing; what is left is shallow.
                let _ = condition.evaluate(&Known::default(), &mut MAX_STEPS.clone());
                assert!(condition.source().starts_with(['!', '(', '-']), "{:.40}", condition.source());
            }
        }
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn steps_bound_the_work() {
    let condition = compiled("subject.groups.exists(a, subject.groups.exists(b, a == b && a == \"no\"))").unwrap();
    let mut known = facts();
    known.0.insert(Slot::SubjectGroups, strings(&["y"; 500]));
    let mut steps = MAX_STEPS;
    let verdict = condition.evaluate(&known, &mut steps);
    assert_eq!((verdict.truth, steps), (Truth::Unknown, 0));
    assert!(verdict.waits_for.is_empty());
}

fn random_condition() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "true", "false", "subject.id == \"alice\"", "subject.tenant == resource.tenant",
        "subject.age > 18", "\"support\" in subject.groups", "resource.open",
        "resource.labels.exists(l, l == subject.tenant)", "subject.groups.all(g, g != resource.tenant)",
        "has(resource.tenant)", "args.amount < 500", "resource.size >= 2", "subject.tenant in [\"a\", \"b\"]",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

fn random_facts() -> impl Strategy<Value = Known> {
    let texts = || prop::option::of(prop::sample::select(vec!["a", "b", "alice"]));
    (texts(), texts(), texts(), any::<Option<bool>>(), prop::option::of(0_i64..40), any::<u8>()).prop_map(
        |(id, tenant, other, open, age, pending)| {
            let mut known = facts();
            let mut set = |slot, value: Option<Value>| match value {
                Some(value) => known.0.insert(slot, Held::Value(value)),
                None => known.0.remove(&slot),
            };
            let string = |v: Option<&str>| v.map(|v| Value::String(v.into()));
            set(Slot::SubjectId, string(id));
            set(Slot::SubjectClaim(1), string(tenant));
            set(Slot::ResourceAttribute(4), string(other));
            set(Slot::ResourceAttribute(2), open.map(Value::Bool));
            set(Slot::SubjectClaim(0), age.map(Value::Int));
            if pending % 2 == 0 {
                known.0.insert(Slot::ResourceAttribute(4), Held::Pending(Source::Lookup));
            }
            if pending % 3 == 0 {
                known.0.insert(Slot::ResourceAttribute(2), Held::Pending(Source::Response));
            }
            if pending % 5 == 0 {
                known.0.remove(&Slot::SubjectGroups);
            }
            known
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn learning_more_never_flips_what_was_settled(condition in random_condition(), known in random_facts(), learnt in random_facts()) {
        let condition = compiled(&condition).unwrap();
        let before = condition.evaluate(&known, &mut MAX_STEPS.clone());
        let mut more = known.clone();
        for slot in condition.slots() {
            if !matches!(known.0.get(slot), Some(Held::Value(_)))
                && let Some(Held::Value(value)) = learnt.0.get(slot)
            {
                // An empty `waits_for` promises that pending facts change nothing.
                more.0.insert(*slot, Held::Value(value.clone()));
            }
        }
        let after = condition.evaluate(&more, &mut MAX_STEPS.clone());
        if before.truth != Truth::Unknown {
            prop_assert_eq!(before.truth, after.truth);
        }
    }

    #[test]
    fn where_nothing_is_waited_for_pending_facts_change_nothing(condition in random_condition(), known in random_facts(), learnt in random_facts()) {
        let condition = compiled(&condition).unwrap();
        let before = condition.evaluate(&known, &mut MAX_STEPS.clone());
        if before.waits_for.is_empty() {
            let mut more = known.clone();
            for (slot, held) in &known.0 {
                if let (Held::Pending(_), Some(Held::Value(value))) = (held, learnt.0.get(slot)) {
                    more.0.insert(*slot, Held::Value(value.clone()));
                }
            }
            prop_assert_eq!(before.truth, condition.evaluate(&more, &mut MAX_STEPS.clone()).truth);
        }
    }

    #[test]
    fn the_order_of_operands_does_not_matter(a in random_condition(), b in random_condition(), known in random_facts()) {
        for operator in ["&&", "||"] {
            let one = compiled(&format!("({a}) {operator} ({b})")).unwrap();
            let other = compiled(&format!("({b}) {operator} ({a})")).unwrap();
            let (one, other) = (one.evaluate(&known, &mut MAX_STEPS.clone()), other.evaluate(&known, &mut MAX_STEPS.clone()));
            prop_assert_eq!(one, other);
        }
    }

    #[test]
    fn no_text_panics(condition in ".{0,80}") {
        let _ = compiled(&condition);
    }

    #[test]
    fn no_pieces_of_cel_panic(pieces in prop::collection::vec(prop::sample::select(vec![
        "subject", ".", "id", "(", ")", "[", "]", "&&", "||", "!", "==", "<", "in", "\"a\"", "1", "2.5", ",", "has",
        "exists", "x", "args", "?", ":", "-", "null", "{", "}", "timestamp",
    ]), 0..24)) {
        let _ = compiled(&pieces.join(" "));
        let _ = compiled(&pieces.concat());
    }
}

/// A value that the compiler keeps alive: conditions never read a `dyn` that is gone.
#[test]
fn a_dyn_value_of_another_type_says_nothing() {
    let mut known = facts();
    known.0.insert(Slot::Args, Held::Value(Value::Dyn(Json::String("not an object".into()))));
    for condition in ["args.amount <= 500", "args.amount > 500", "!(args.amount <= 500)", "has(args.amount)"] {
        let verdict = compiled(condition).unwrap().evaluate(&known, &mut MAX_STEPS.clone());
        assert_eq!(verdict.truth, Truth::Unknown, "{condition}");
    }
}
