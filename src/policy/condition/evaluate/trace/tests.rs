use super::*;
use crate::policy::condition::{Declarations, Slot, compile};
use crate::policy::value::{Fact, Source, Value, ValueRef, ValueType};
use crate::request::json;

/// `subject.id` is alice, `subject.groups` [eng, support], the attributes `owner` bob, `labels`
/// pending, `size` unknown; `args` as given.
struct World(json::Json);

impl Facts for World {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        match slot {
            Slot::SubjectId => Fact::Known(ValueRef::String("alice")),
            Slot::SubjectGroups => Fact::Known(ValueRef::List(groups())),
            Slot::ResourceAttribute(0) => Fact::Known(ValueRef::String("bob")),
            Slot::ResourceAttribute(1) => Fact::Pending(Source::Lookup),
            Slot::Args => Fact::Known(ValueRef::Dyn(&self.0)),
            _ => Fact::Unknown,
        }
    }
}

fn groups() -> &'static [Value] {
    static GROUPS: std::sync::OnceLock<Vec<Value>> = std::sync::OnceLock::new();
    GROUPS.get_or_init(|| vec![Value::String("eng".into()), Value::String("support".into())])
}

fn condition(text: &str) -> Condition {
    let strings = ValueType::List(Box::new(ValueType::String));
    let attributes = [
        ("owner".to_owned(), ValueType::String, 0),
        ("labels".to_owned(), strings, 1),
        ("size".to_owned(), ValueType::Int, 2),
    ];
    compile(text, &Declarations { claims: &[], attributes: &attributes }).unwrap()
}

/// One line a part: number, depth, `!` where it was not reached, truth, text, values.
fn told(text: &str, args: &str) -> String {
    fn line(part: &Part, depth: usize, out: &mut String) {
        let truth = match part.truth {
            Truth::False => "false",
            Truth::True => "true",
            Truth::Unknown if part.waits_for.is_empty() => "unknown",
            Truth::Unknown => "waits",
        };
        let values: Vec<String> = part
            .values
            .iter()
            .map(|looked| match &looked.value {
                Shown::Known(value) => format!(" {}={value}", looked.name),
                Shown::Pending(_) => format!(" {}=…", looked.name),
                Shown::Unknown => format!(" {}=?", looked.name),
            })
            .collect();
        let reached = if part.reached { "" } else { "(" };
        let omitted = if part.omitted > 0 { format!(" +{}", part.omitted) } else { String::new() };
        out.push_str(&format!(
            "{}{} {reached}{truth} {}{}{omitted}\n",
            "  ".repeat(depth),
            part.number,
            part.text,
            values.concat()
        ));
        part.parts.iter().for_each(|part| line(part, depth + 1, out));
    }
    let args = json::parse(args.as_bytes(), json::JsonLimits::default()).unwrap();
    let mut out = String::new();
    line(&condition(text).trace(&World(args)), 0, &mut out);
    out
}

/// A condition, the arguments, and what it comes to.
fn assert_told(cases: &[(&str, &str, &[&str])]) {
    for (text, args, lines) in cases {
        assert_eq!(told(text, args), lines.join("\n") + "\n", "{text}");
    }
}

#[test]
fn every_part_has_its_truth_and_the_values_that_made_it() {
    assert_told(&[
        (
            "resource.owner == subject.id || !(resource.size > 3 && 'x' in resource.labels)",
            "{}",
            &[
                "0 waits resource.owner == subject.id || !(resource.size > 3 && \"x\" in resource.labels)",
                "  1 false resource.owner == subject.id resource.owner=\"bob\" subject.id=\"alice\"",
                "  2 waits !(resource.size > 3 && \"x\" in resource.labels)",
                "    3 waits resource.size > 3 && \"x\" in resource.labels",
                "      4 unknown resource.size > 3 resource.size=?",
                "      5 waits \"x\" in resource.labels resource.labels=…",
            ],
        ),
        // The first settles it; what the rest would have come to is told all the same.
        (
            "subject.id == 'alice' || resource.owner == 'bob'",
            "{}",
            &[
                "0 true subject.id == \"alice\" || resource.owner == \"bob\"",
                "  1 true subject.id == \"alice\" subject.id=\"alice\"",
                "  2 (true resource.owner == \"bob\" resource.owner=\"bob\"",
            ],
        ),
        (
            "args.to != null && has(args.cc) && args.n.startsWith('x')",
            r#"{"to": {"a": [1, 2.5, null]}, "n": 7}"#,
            &[
                "0 false args.to != null && has(args.cc) && args.n.startsWith(\"x\")",
                "  1 true args.to != null args.to={\"a\": [1, 2.5, null]}",
                "  2 false has(args.cc) args.cc=?",
                "  3 (unknown args.n.startsWith(\"x\") args.n=7",
            ],
        ),
        (
            "(subject.id == 'alice') == (resource.owner in ['alice', 'bob'])",
            "{}",
            &[
                "0 true (subject.id == \"alice\") == (resource.owner in [\"alice\", \"bob\"])",
                "  1 true subject.id == \"alice\" subject.id=\"alice\"",
                "  2 true resource.owner in [\"alice\", \"bob\"] resource.owner=\"bob\"",
            ],
        ),
    ]);
}

#[test]
fn a_loop_shows_its_elements_and_its_test_has_one_number() {
    assert_told(&[
        (
            "subject.groups.exists(g, g == 'eng' || g == 'x') && resource.owner == 'bob'",
            "{}",
            &[
                "0 true subject.groups.exists(g, g == \"eng\" || g == \"x\") && resource.owner == \"bob\"",
                "  1 true subject.groups.exists(g, g == \"eng\" || g == \"x\") subject.groups=[\"eng\", \"support\"]",
                "    2 true g == \"eng\" || g == \"x\" g=\"eng\"",
                "      3 true g == \"eng\" g=\"eng\"",
                "      4 (false g == \"x\" g=\"eng\"",
                "    2 (false g == \"eng\" || g == \"x\" g=\"support\"",
                "      3 (false g == \"eng\" g=\"support\"",
                "      4 (false g == \"x\" g=\"support\"",
                "  5 true resource.owner == \"bob\" resource.owner=\"bob\"",
            ],
        ),
        (
            "resource.labels.all(l, l != 'secret') || args.a.exists(x, x > 1)",
            r#"{"a": []}"#,
            &[
                "0 waits resource.labels.all(l, l != \"secret\") || args.a.exists(x, x > 1)",
                "  1 waits resource.labels.all(l, l != \"secret\") resource.labels=…",
                "  3 false args.a.exists(x, x > 1) args.a=[]",
            ],
        ),
    ]);
}

#[test]
fn of_a_long_list_what_matters_is_shown() {
    let mut numbers: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    numbers.push("1000".to_owned());
    let args = format!(r#"{{"a": [{}]}}"#, numbers.join(","));
    let args = json::parse(args.as_bytes(), json::JsonLimits::default()).unwrap();
    let part = condition("args.a.exists(x, x > 999)").trace(&World(args));
    assert_eq!(part.truth, Truth::True);
    assert_eq!((part.parts.len(), part.omitted), (9, 92));
    assert_eq!(part.parts[8].truth, Truth::True);
    assert_eq!(part.parts[8].values[0].value, Shown::Known("1000".to_owned()));
}

#[test]
fn what_costs_too_many_steps_says_so() {
    let list = vec!["1"; 600].join(",");
    let args = format!(r#"{{"a": [{list}]}}"#);
    let args = json::parse(args.as_bytes(), json::JsonLimits::default()).unwrap();
    let part = condition("args.a.all(x, !args.a.exists(y, y > x))").trace(&World(args));
    assert_eq!((part.truth, part.out_of_steps), (Truth::Unknown, true));
}

#[test]
fn branches_are_numbered_as_the_parts_are() {
    let condition = condition("subject.groups.exists(g, g == 'x') && !(resource.size > 3)");
    let told: Vec<(u32, String)> =
        condition.branches().into_iter().map(|branch| (branch.number, branch.text)).collect();
    let texts = [
        "subject.groups.exists(g, g == \"x\") && !(resource.size > 3)",
        "subject.groups.exists(g, g == \"x\")",
        "g == \"x\"",
        "!(resource.size > 3)",
        "resource.size > 3",
    ];
    assert_eq!(told, (0..).zip(texts.map(str::to_owned)).collect::<Vec<_>>());
}
