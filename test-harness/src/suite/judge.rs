//! Whether a request came to what was expected, and what to say where it did not.

use super::{Cell, Effect, Passing, Row};
use crate::scenario::{Ask, Observed, ScenarioFile};
use serde_json::Value;
use std::fmt;

/// A request that did not come to what was expected.
#[derive(Clone, Debug, Default)]
pub struct Failure {
    /// The engine that was asked: `native`, `wasmtime`.
    pub engine: String,
    /// The request, as the suite names it.
    pub name: String,
    /// Method and path.
    pub request: String,
    /// What was expected.
    pub expected: String,
    /// What came of it: effect, status, reason.
    pub got: String,
    /// What else does not hold.
    pub wrong: Vec<String>,
    /// The rules that determined it, each with its place.
    pub decided: Vec<String>,
    /// The values that determined it.
    pub because: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.request)?;
        for (label, text) in self.lines() {
            write!(f, "\n    {label:<9} {text}")?;
        }
        Ok(())
    }
}

impl Failure {
    /// What it says, each line with its label.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![("expected", self.expected.clone()), ("got", self.got.clone())];
        lines.extend(self.wrong.iter().map(|text| ("", text.clone())));
        let decided = match self.decided.is_empty() {
            true => "no rule".to_owned(),
            false => self.decided.join(", "),
        };
        lines.push(("decided", decided));
        let because = self.because.iter().enumerate();
        lines
            .extend(because.map(|(at, text)| (if at == 0 { "because" } else { "" }, text.clone())));
        lines
    }
}

/// What of a request's expectation does not hold.
#[must_use]
pub fn failure(file: &ScenarioFile, ask: &Ask, observed: &Observed) -> Option<Failure> {
    let (expected, wrong) = match &ask.cell {
        None => {
            let wrong = observed.broken(&ask.expect);
            let expect = &ask.expect;
            let mut expected = format!("{} {}", expect.status, expect.reason);
            expected.push_str(if expect.upstream.is_some() {
                ", reaching the upstream"
            } else {
                ""
            });
            (expected, wrong)
        }
        Some(cell) => (described(cell.row.as_ref()), broken(cell, ask, observed)),
    };
    if wrong.is_empty() {
        return None;
    }
    let place = |rule: &String| match file.rule_lines.get(rule) {
        None => format!("`{rule}`"),
        Some(line) => format!("`{rule}` ({}:{line})", file.policy_path),
    };
    Some(Failure {
        engine: String::new(),
        name: ask.name.clone(),
        request: format!("{} {}", ask.method, ask.path),
        expected,
        got: got(observed),
        wrong: wrong.into_iter().filter(|text| !text.is_empty()).collect(),
        decided: observed.rules().iter().map(place).collect(),
        because: Vec::new(),
    })
}

/// Effect, status and reason.
pub(super) fn got(observed: &Observed) -> String {
    let reached = match (&observed.upstream, observed.said("/effect").as_str()) {
        (Some(_), "deny") => ", after it reached the upstream",
        (None, "allow") => ", and never reached the upstream",
        _ => "",
    };
    let (effect, reason) = (observed.said("/effect"), observed.said("/reason"));
    format!("{effect} {} {reason}{reached}", observed.status)
}

fn described(row: Option<&Row>) -> String {
    let Some(row) = row else { return "deny, for no row lists it".to_owned() };
    let mut text = row.effect.name().to_owned();
    if let Some(status) = row.status {
        text.push_str(&format!(" {status}"));
    }
    if let Some(reason) = &row.reason {
        text.push_str(&format!(" {reason}"));
    }
    if let Some(approval) = &row.approval {
        text.push_str(&format!(" approval {approval}"));
    }
    match row.obligations.as_deref() {
        None => {}
        Some([]) => text.push_str(" without obligations"),
        Some(names) => text.push_str(&format!(" with obligation {}", names.join(", "))),
    }
    match row.rules.as_deref() {
        None => {}
        Some([]) => text.push_str(" by no rule"),
        Some(rules) => {
            let rules: Vec<String> = rules.iter().map(|rule| format!("`{rule}`")).collect();
            text.push_str(&format!(" by {}", rules.join(", ")));
        }
    }
    text
}

/// What does not hold, in what was done as in what was recorded: an allowed request reached the
/// upstream, and a refused one got a refusal for an answer. An empty text where `got` says it all.
fn broken(cell: &Cell, ask: &Ask, observed: &Observed) -> Vec<String> {
    let row = cell.row.clone().unwrap_or(Row { effect: Effect::Deny, ..Row::default() });
    let mut wrong = Vec::new();
    let shown = |holds: bool, wrong: &mut Vec<String>| {
        if !holds {
            wrong.push(String::new());
        }
    };
    shown(observed.said("/effect") == row.effect.name() && done(&row, observed), &mut wrong);
    shown(row.status.is_none_or(|status| status == observed.status), &mut wrong);
    shown(row.reason.is_none_or(|reason| reason == observed.said("/reason")), &mut wrong);
    shown(row.rules.is_none_or(|rules| rules == observed.rules()), &mut wrong);
    let tier = observed.said("/approval/tier");
    if let Some(wanted) = row.approval.filter(|wanted| *wanted != tier) {
        wrong.push(format!("approval `{tier}`, not `{wanted}`"));
    }
    let obligations = observed.obligations();
    if let Some(wanted) = row.obligations.filter(|wanted| *wanted != obligations) {
        wrong.push(format!("obligations {obligations:?}, not {wanted:?}"));
    }
    if let Some(action) = &cell.action {
        let mapped = observed.said("/action");
        if mapped != "none" && mapped != *action {
            wrong.push(format!(
                "the policy takes {} {} for `{mapped}`, not `{action}`; give `{}` its `methods`",
                ask.method, ask.path, cell.thing
            ));
        }
    }
    if let Some(passing) = &row.upstream {
        wrong.extend(missed(passing, observed));
    }
    let answer = format!("{:?} {}", observed.client, observed.body);
    for text in row.client.iter().filter(|text| !answer.contains(*text)) {
        wrong.push(format!("the client's answer lacks `{text}`: {answer}"));
    }
    for (pointer, value) in &row.record {
        let found = observed.record().pointer(pointer).cloned();
        if found.as_ref() != Some(value) {
            let found = found.map_or_else(|| "absent".to_owned(), |found| found.to_string());
            wrong.push(format!("`{pointer}` of the record is {found}, not {value}"));
        }
    }
    wrong
}

/// Whether what was done is what was decided; where the policy only watches, everything passes.
fn done(row: &Row, observed: &Observed) -> bool {
    let refused = observed.status >= 400
        && observed.client.get("content-type").is_some_and(|t| t == "application/problem+json");
    let shadow = observed.record().get("shadow").and_then(Value::as_bool) == Some(true);
    match row.effect {
        _ if shadow => observed.upstream.is_some(),
        Effect::Allow => observed.upstream.is_some() && !refused,
        Effect::Deny => refused,
    }
}

fn missed(passing: &Passing, observed: &Observed) -> Vec<String> {
    let Some(reached) = &observed.upstream else {
        return vec!["nothing reached the upstream".to_owned()];
    };
    let mut wrong = Vec::new();
    for (what, wanted, found) in
        [("path", &passing.path, &reached.path), ("body", &passing.body, &reached.body)]
    {
        if let Some(wanted) = wanted.as_ref().filter(|wanted| *wanted != found) {
            wrong.push(format!("{what} `{found}` at the upstream, not `{wanted}`"));
        }
    }
    for (name, text) in &passing.headers {
        let value = reached.headers.iter().find(|(known, _)| known == name);
        match value {
            Some((_, value)) if value.contains(text) => {}
            Some((_, value)) => wrong
                .push(format!("header `{name}: {value}` at the upstream, which lacks `{text}`")),
            None => wrong.push(format!("no header `{name}` at the upstream")),
        }
    }
    for name in &passing.absent {
        if reached.headers.iter().any(|(known, _)| known == name) {
            wrong.push(format!("header `{name}` reached the upstream"));
        }
    }
    wrong
}
