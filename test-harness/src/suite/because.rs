//! The values that decided, of a trace.

use ambit::decision::Effect;
use ambit::policy::condition::{Looked, Part, PartKind, Shown, Truth};
use ambit::policy::error::Place;
use ambit::trace::{Ceiling, CeilingOf, RuleTrace, Stage, SubjectSays, Trace};

/// Lines that say why it was decided so: ceilings that leave no room; else what each condition that
/// speaks of the request came to, and by which values.
pub(super) fn because(file: &str, trace: &Trace) -> Vec<String> {
    let place = |place: Place| match (file, place.line) {
        (_, 0) => String::new(),
        (file, line) => format!(" ({file}:{line})"),
    };
    match trace.stage {
        Stage::Ceilings | Stage::TokenScopes => {
            let narrow = trace.ceilings.iter().filter(|ceiling| ceiling.within != Truth::True);
            narrow.map(|ceiling| format!("{}{}", narrowed(ceiling), place(ceiling.place))).collect()
        }
        Stage::Rules => {
            let conditions: Vec<&RuleTrace> = trace
                .rules
                .iter()
                .filter(|rule| rule.condition.is_some())
                .filter(|rule| rule.determines || trace.decision.effect == Effect::Deny)
                .collect();
            let lines = conditions.into_iter().flat_map(|rule| {
                let tests = rule.condition.iter().flat_map(tests);
                tests.map(|test| format!("`{}`: {test}{}", rule.id, place(rule.place)))
            });
            lines.collect()
        }
        Stage::Request | Stage::Credential | Stage::Times | Stage::Identity | Stage::Mapping => {
            vec![format!("it ended at {}", trace.stage.name())]
        }
    }
}

/// The tests of a condition that were needed, each with what it looked at.
fn tests(condition: &Part) -> Vec<String> {
    let mut lines = Vec::new();
    condition.walk(&mut |part| {
        if part.reached && matches!(part.kind, PartKind::Test) {
            let truth = match part.truth {
                Truth::False => "is false",
                Truth::True => "is true",
                Truth::Unknown if part.out_of_steps => "took too many steps",
                Truth::Unknown => "is not known",
            };
            let values: Vec<String> = part.values.iter().map(value).collect();
            let values =
                if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
            lines.push(format!("{} {truth}{values}", part.text));
        }
    });
    lines
}

fn value(looked: &Looked) -> String {
    match &looked.value {
        Shown::Known(text) => format!("{} = {text}", looked.name),
        Shown::Pending(_) => format!("{} not asked for yet", looked.name),
        Shown::Unknown => format!("{} unknown", looked.name),
    }
}

fn narrowed(ceiling: &Ceiling) -> String {
    let takes: Vec<&str> = ceiling
        .scopes
        .iter()
        .filter(|scope| scope.subtracts && scope.speaks)
        .map(|scope| scope.text.as_str())
        .collect();
    let scopes: Vec<&str> = ceiling.scopes.iter().map(|scope| scope.text.as_str()).collect();
    let has = if scopes.is_empty() { "none".to_owned() } else { scopes.join(" ") };
    let has = if takes.is_empty() { has } else { format!("{has}, of which {}", takes.join(" ")) };
    match &ceiling.of {
        CeilingOf::Actor(name) => format!("actor `{name}` has scopes {has}"),
        CeilingOf::Subject => subject(&ceiling.entries),
        CeilingOf::Token => format!("the token has scopes {has}"),
        CeilingOf::TokenSubtracts => format!("the token takes away {has}"),
    }
}

fn subject(entries: &[SubjectSays]) -> String {
    let about = |truth: Truth| {
        let named: Vec<String> = entries
            .iter()
            .filter(|entry| entry.applies == truth)
            .map(|entry| {
                let scopes: Vec<&str> = entry.scopes.iter().map(|it| it.text.as_str()).collect();
                let groups =
                    entry.groups.as_ref().map_or_else(|| "everyone".to_owned(), |g| g.join(", "));
                format!("{groups}: {}", scopes.join(" "))
            })
            .collect();
        named.join("; ")
    };
    let (sure, open) = (about(Truth::True), about(Truth::Unknown));
    match (sure.is_empty(), open.is_empty()) {
        (true, true) => "no entry of `subjects` is about this user".to_owned(),
        (true, false) => "the user's groups are withheld".to_owned(),
        (false, _) => format!("`subjects` gives this user {sure}"),
    }
}
