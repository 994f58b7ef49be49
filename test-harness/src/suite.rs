//! Policy tests as tables: every subject with every actor and every target of a case, of which what
//! is not listed must be refused.
//!
//! ```yaml
//! policy_path: policy.yaml
//! subjects: { alice: { groups: [support] }, bob: { groups: [] } }      # claims; null: no token
//! actors: { assistant: { client_id: assistant } }                      # claims over the subject's
//! targets: { ticket: { path: /v1/tickets/7 }, deleting: { method: DELETE, path: /v1/tickets/7 } }
//! cases:
//!   - name: who may read
//!     subjects: [alice, bob]
//!     actors: [assistant]
//!     targets: [ticket, deleting]
//!     expect:
//!       - { subject: alice, target: ticket, rules: [own-tickets] }     # allowed; all else is refused
//!       - { subject: bob, effect: deny, reason: beyond-ceiling }
//! ```

use crate::scenario::{Ask, Engine as _, Expect, Native, Observed, ScenarioFile, Scripted};
use ambit::policy::Policy;
use ambit::policy::node::{Kind, Node};
use ambit::policy::read::read_yaml;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// What is asked for, by whomever.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Method.
    #[serde(default = "crate::scenario::get")]
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers: name and value.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(default)]
    pub body: String,
    /// Another answer of the upstream than the file's.
    #[serde(default)]
    pub upstream: Option<Scripted>,
}

/// A table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// A sentence.
    pub name: String,
    /// Names from the file's `subjects`.
    pub subjects: Vec<String>,
    /// Names from the file's `actors`.
    pub actors: Vec<String>,
    /// Names from the file's `targets`.
    pub targets: Vec<String>,
    /// What is allowed, and refusals of which more is asked than that they are refusals.
    #[serde(default)]
    pub expect: Vec<Row>,
}

/// What must come of some cells of a table; a name left out stands for all.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Whose authority is used.
    #[serde(default)]
    pub subject: Option<String>,
    /// Who acts.
    #[serde(default)]
    pub actor: Option<String>,
    /// What is asked for.
    #[serde(default)]
    pub target: Option<String>,
    /// What must come of it.
    #[serde(default)]
    pub effect: Effect,
    /// Reason code.
    #[serde(default)]
    pub reason: Option<String>,
    /// Status the client gets.
    #[serde(default)]
    pub status: Option<u16>,
    /// The rules that determined it.
    #[serde(default)]
    pub rules: Option<Vec<String>>,
}

/// What was decided.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The request passed.
    #[default]
    Allow,
    /// It was refused.
    Deny,
}

impl Effect {
    const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// What a table says of one request; without a row it must be refused.
#[derive(Clone, Debug)]
pub struct Cell(Option<Row>);

/// How the tests of one policy went.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Requests that were asked.
    pub checks: usize,
    /// What did not hold: request, expected, got, deciding rule.
    pub failures: Vec<String>,
    /// Rules that determined no decision.
    pub never_decisive: Vec<String>,
}

/// Runs the tests in a file through the core.
///
/// # Errors
/// The file is not of the format, names what it does not have, asks for nothing, or its policy does
/// not load.
pub fn run(path: &Path) -> Result<Report, String> {
    let file = ScenarioFile::read(path)?;
    let policy = Policy::load(&file.policy_path, file.compiled()?.as_bytes())
        .map_err(|errors| errors.to_string())?
        .policy;
    let mut silent: BTreeSet<String> = policy.rule_ids().map(str::to_owned).collect();
    let mut engine = Native::new(&file)?;
    let mut report = Report::default();
    for ask in &file.requests {
        let observed = engine.ask(ask, ask.mint().as_deref())?;
        for rule in rules(&observed) {
            silent.remove(&rule);
        }
        report.checks = report.checks.saturating_add(1);
        report.failures.extend(failure(&file, ask, &observed));
    }
    report.never_decisive = silent.into_iter().collect();
    Ok(report)
}

/// What of a request's expectation does not hold, as a paragraph.
#[must_use]
pub fn failure(file: &ScenarioFile, ask: &Ask, observed: &Observed) -> Option<String> {
    let (expected, holds) = match &ask.cell {
        None => {
            let wrong = observed.broken(&ask.expect);
            (wrong.join("; "), wrong.is_empty())
        }
        Some(Cell(row)) => (described(row.as_ref()), kept(row.as_ref(), observed)),
    };
    if holds {
        return None;
    }
    let deciding: Vec<String> = rules(observed).iter().map(|rule| placed(file, rule)).collect();
    let deciding = if deciding.is_empty() { "no rule".to_owned() } else { deciding.join(", ") };
    Some(format!(
        "{} ({} {})\n    expected  {expected}\n    got       {} {} {}\n    decided   {deciding}",
        ask.name,
        ask.method,
        ask.path,
        said(observed, "effect"),
        observed.status,
        said(observed, "reason"),
    ))
}

/// The requests of a file's tables.
pub(crate) fn expand(file: &ScenarioFile) -> Result<Vec<Ask>, String> {
    let mut asks = Vec::new();
    for case in &file.cases {
        known(&case.name, "subjects", &case.subjects, |name| file.subjects.contains_key(name))?;
        known(&case.name, "actors", &case.actors, |name| file.actors.contains_key(name))?;
        known(&case.name, "targets", &case.targets, |name| file.targets.contains_key(name))?;
        for row in &case.expect {
            for (what, name, names) in [
                ("subject", &row.subject, &case.subjects),
                ("actor", &row.actor, &case.actors),
                ("target", &row.target, &case.targets),
            ] {
                if let Some(name) = name.as_ref().filter(|name| !names.contains(name)) {
                    let case = &case.name;
                    return Err(format!("case `{case}` expects {what} `{name}`, which it lacks"));
                }
            }
        }
        for subject in &case.subjects {
            for actor in &case.actors {
                for target in &case.targets {
                    asks.push(ask(file, case, [subject, actor, target])?);
                }
            }
        }
    }
    Ok(asks)
}

fn known(
    case: &str,
    list: &str,
    names: &[String],
    is_known: impl Fn(&str) -> bool,
) -> Result<(), String> {
    if names.is_empty() {
        return Err(format!("case `{case}` has no {list}"));
    }
    match names.iter().find(|name| !is_known(name)) {
        Some(name) => Err(format!("case `{case}`: `{name}` is not among the file's `{list}`")),
        None => Ok(()),
    }
}

fn ask(file: &ScenarioFile, case: &Case, names: [&String; 3]) -> Result<Ask, String> {
    let [subject, actor, target] = names;
    let name = format!("{}: {subject} · {actor} · {target}", case.name);
    let all_or = |wanted: &Option<String>, name: &String| wanted.as_ref().is_none_or(|w| w == name);
    let mut rows = case.expect.iter().filter(|row| {
        all_or(&row.subject, subject) && all_or(&row.actor, actor) && all_or(&row.target, target)
    });
    let row = rows.next().cloned();
    if rows.next().is_some() {
        return Err(format!("{name}: two rows of `expect` speak of it"));
    }
    let claims = file.subjects.get(subject).cloned().flatten();
    let token = claims.map(|mut claims| {
        claims.extend(file.actors.get(actor).cloned().unwrap_or_default());
        claims
    });
    let Some(target) = file.targets.get(target) else {
        return Err(format!("{name}: unknown"));
    };
    Ok(Ask {
        name,
        token,
        forged: false,
        token_header: serde_json::Map::new(),
        dpop: None,
        method: target.method.clone(),
        path: target.path.clone(),
        host: String::new(),
        headers: target.headers.clone(),
        chunks: Some(&target.body).filter(|body| !body.is_empty()).cloned().into_iter().collect(),
        trailers: Vec::new(),
        upstream: target.upstream.clone(),
        expect: Expect::default(),
        cell: Some(Cell(row)),
    })
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
    if let Some(rules) = &row.rules {
        text.push_str(&format!(" by {rules:?}"));
    }
    text
}

/// Whether the request came to what the row says, in what was done as in what was recorded: an
/// allowed one reached the upstream, and a refused one got a refusal for an answer.
fn kept(row: Option<&Row>, observed: &Observed) -> bool {
    let effect = row.map_or(Effect::Deny, |row| row.effect);
    let refused = observed.status >= 400
        && observed.client.get("content-type").is_some_and(|t| t == "application/problem+json");
    let done = match effect {
        Effect::Allow => observed.upstream.is_some() && !refused,
        Effect::Deny => refused,
    };
    done && said(observed, "effect") == effect.name()
        && row.is_none_or(|row| {
            row.status.is_none_or(|status| status == observed.status)
                && row.reason.as_ref().is_none_or(|reason| *reason == said(observed, "reason"))
                && row.rules.as_ref().is_none_or(|wanted| *wanted == rules(observed))
        })
}

/// A text of the record.
fn said(observed: &Observed, member: &str) -> String {
    let record: Value = serde_json::from_str(&observed.record).unwrap_or_default();
    record.get(member).and_then(Value::as_str).unwrap_or("no record").to_owned()
}

/// The record's rules.
fn rules(observed: &Observed) -> Vec<String> {
    let record: Value = serde_json::from_str(&observed.record).unwrap_or_default();
    let rules = record.get("rules").and_then(Value::as_array);
    rules.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A rule, with where it stands.
fn placed(file: &ScenarioFile, rule: &str) -> String {
    let Ok(source) = read_yaml(&file.policy_path, &file.policy()) else { return rule.to_owned() };
    let pointer = match rule.strip_prefix("by-scope:").and_then(|rest| rest.split_once(':')) {
        Some((_, resource)) => format!("/resources/{resource}/by_scope"),
        None => format!("/rules/{}", position(&source.root, rule).unwrap_or_default()),
    };
    let line = source.root.locate(&pointer, false).line;
    let name = Path::new(&file.policy_path).file_name().map(|name| name.to_string_lossy());
    format!("`{rule}` ({}:{line})", name.unwrap_or_else(|| "policy".into()))
}

fn position(root: &Node, id: &str) -> Option<usize> {
    let Kind::List(rules) = &root.member("rules")?.value.kind else { return None };
    rules.iter().position(|rule| {
        rule.member("id").is_some_and(|entry| entry.value.kind == Kind::String(id.to_owned()))
    })
}
