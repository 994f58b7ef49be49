//! Conditions: whatever text compiles obeys the laws of three-valued logic, for all facts.

use ambit::Timestamp;
use ambit::policy::condition::{
    Condition, Declarations, Facts, MAX_STEPS, Slot, Truth, Verdict, compile,
};
use ambit::policy::value::{Fact, Source, ValueRef, ValueType};
use ambit::request::json::{Json, JsonLimits, parse};

const CLAIMS: [(&str, &str); 4] =
    [("admin", "bool"), ("level", "int"), ("profile", "dyn"), ("tenant", "string")];
const ATTRIBUTES: [(&str, &str); 8] = [
    ("amount", "int"),
    ("created", "timestamp"),
    ("labels", "[string]"),
    ("meta", "dyn"),
    ("owner", "string"),
    ("price", "double"),
    ("public", "bool"),
    ("tenant", "string"),
];
const TEXTS: [&str; 5] = ["", "a", "alice", "ab", "é"];

/// Facts that a seed chooses.
struct Chosen {
    seed: u8,
    strings: Vec<String>,
    dynamic: Json,
}

impl Chosen {
    fn new(seed: u8) -> Self {
        let text = [r#"{"a":{"b":1},"x":"a"}"#, r#"{"a":"b"}"#, "[1,\"a\"]", "null", "1.5"];
        let dynamic = text.get(usize::from(seed) % 5).copied().unwrap_or("null");
        Self {
            seed,
            strings: TEXTS
                .iter()
                .take(usize::from(seed) % 4)
                .map(|text| (*text).to_owned())
                .collect(),
            dynamic: parse(dynamic.as_bytes(), JsonLimits::default()).unwrap_or(Json::Null),
        }
    }

    fn known(&self, value_type: &str, salt: u8) -> ValueRef<'_> {
        let pick = self.seed.wrapping_mul(31).wrapping_add(salt);
        match value_type {
            "bool" => ValueRef::Bool(pick.is_multiple_of(2)),
            "int" => ValueRef::Int(i64::from(pick) - 3),
            "double" => ValueRef::Double(f64::from(pick) / 2.0),
            "dyn" => ValueRef::Dyn(&self.dynamic),
            "timestamp" => {
                ValueRef::Timestamp(Timestamp::from_secs(1_800_000_000 + i64::from(pick)))
            }
            "string" => ValueRef::String(TEXTS.get(usize::from(pick) % 5).copied().unwrap_or("")),
            _ => ValueRef::Strings(&self.strings),
        }
    }
}

impl Facts for Chosen {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        let (name, salt) = match slot {
            Slot::ResourceAttribute(at) => {
                (ATTRIBUTES.get(at as usize).map_or("string", |one| one.1), at as u8)
            }
            Slot::SubjectClaim(at) => {
                (CLAIMS.get(at as usize).map_or("string", |one| one.1), at as u8 + 16)
            }
            Slot::ActorChain | Slot::SubjectGroups | Slot::SubjectScopes => ("[string]", 40),
            Slot::Args => ("dyn", 41),
            Slot::RequestTime => ("timestamp", 42),
            _ => ("string", 43),
        };
        // Some facts are unknown, for good or for now.
        match self.seed.wrapping_add(salt.wrapping_mul(7)) % 5 {
            0 => Fact::Unknown,
            1 => Fact::Pending(Source::Lookup),
            _ if name == "[string]" && matches!(slot, Slot::ResourceAttribute(_)) => {
                Fact::Known(ValueRef::Strings(&self.strings))
            }
            _ => Fact::Known(self.known(name, salt)),
        }
    }
}

fn compiled(text: &str) -> Option<Condition> {
    let typed = |text: &str| ValueType::parse(text).unwrap_or(ValueType::Dyn);
    let claims = CLAIMS.map(|(name, of)| (name.to_owned(), typed(of)));
    let attributes: Vec<(String, ValueType, u32)> =
        (0..).zip(ATTRIBUTES).map(|(at, (name, of))| (name.to_owned(), typed(of), at)).collect();
    let compiled = compile(text, &Declarations { claims: &claims, attributes: &attributes });
    if let Err(errors) = &compiled {
        assert!(!errors.is_empty(), "refused without a word");
        assert!(errors.iter().all(|error| !error.message.is_empty()), "an error that says nothing");
    }
    compiled.ok()
}

const fn not(truth: Truth) -> Truth {
    match truth {
        Truth::False => Truth::True,
        Truth::True => Truth::False,
        Truth::Unknown => Truth::Unknown,
    }
}

/// A text, and behind NUL the seeds of the facts it is asked with.
pub(super) fn condition(bytes: &[u8]) -> bool {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let Ok(text) = std::str::from_utf8(parts.next().unwrap_or_default()) else { return false };
    let seeds = parts.next().unwrap_or_default();
    let Some(condition) = compiled(text) else { return false };
    // A condition in brackets may be too long or too deep.
    let negated = compiled(&format!("!({text})"));
    let twice = compiled(&format!("({text}) && ({text})"));
    let either = compiled(&format!("({text}) || false"));
    for seed in seeds.iter().take(8).chain(&[0, 1, 2, 3, 4, 5, 6, 7]) {
        let facts = Chosen::new(*seed);
        let ask = |condition: &Condition| -> (Verdict, u32) {
            let mut steps = MAX_STEPS * 10;
            let verdict = condition.evaluate(&facts, &mut steps);
            (verdict, MAX_STEPS * 10 - steps)
        };
        let (verdict, took) = ask(&condition);
        assert_eq!(ask(&condition).0.truth, verdict.truth, "asked twice, two answers");
        if let Some(negated) = &negated {
            assert_eq!(ask(negated).0.truth, not(verdict.truth), "its negation");
        }
        for same in [&twice, &either].into_iter().flatten() {
            assert_eq!(ask(same).0.truth, verdict.truth, "with itself, or with false");
        }
        if verdict.truth != Truth::Unknown {
            assert!(verdict.waits_for.is_empty(), "settled, and waits");
        }
        if took > 0 {
            let mut fewer = took - 1;
            let cut = condition.evaluate(&facts, &mut fewer).truth;
            assert!(cut == Truth::Unknown || cut == verdict.truth, "cut short, another answer");
        }
    }
    true
}
