//! An explanation as JSON.

use super::Explained;
use ambit::policy::condition::{Part, PartKind, Shown, Truth};
use ambit::policy::document::Effect as RuleEffect;
use ambit::policy::error::Place;
use ambit::trace::{Ceiling, CeilingOf, Outlook, RuleTrace, ScopeWord};
use serde_json::{Value, json};

pub(super) fn json(explained: &Explained) -> Value {
    let trace = &explained.trace;
    let decision = &trace.decision;
    let ids = trace.rules.iter().filter(|rule| rule.determines).map(|rule| rule.id.as_str());
    let (outlook, on) = match &explained.outlook {
        Outlook::Allow => ("allow", Vec::new()),
        Outlook::Deny => ("deny", Vec::new()),
        Outlook::Depends(on) => ("depends", on.clone()),
    };
    let approval = decision.approval.map(|need| {
        json!({
            "tier": need.tier.name(),
            "approve_within_secs": need.approve_within_secs,
            "use_within_secs": need.use_within_secs,
        })
    });
    json!({
        "policy": {
            "file": explained.policy.file,
            "name": explained.policy.name,
            "hash": explained.policy.hash,
        },
        "request": explained.request,
        "assumed": explained.assumed,
        "outlook": outlook,
        "depends_on": on,
        "reason": decision.reason.code(),
        "stage": trace.stage.name(),
        "rules_that_decide": ids.collect::<Vec<_>>(),
        "approval": approval,
        "missing_scopes": decision.missing_scopes,
        "subject": trace.subject.as_ref().map(|(realm, id)| json!({ "realm": realm, "id": id })),
        "actors": trace.actors,
        "asked": trace.asked.as_ref().map(|asked| json!({
            "action": asked.action.name(),
            "resource": asked.resource,
            "id": asked.id,
            "audience": asked.audience,
        })),
        "ceilings": trace.ceilings.iter().map(ceiling).collect::<Vec<_>>(),
        "rules": trace.rules.iter().map(rule).collect::<Vec<_>>(),
    })
}

fn ceiling(ceiling: &Ceiling) -> Value {
    let (of, name) = match &ceiling.of {
        CeilingOf::Actor(id) => ("actor", id.as_str()),
        CeilingOf::Subject => ("subject", ""),
        CeilingOf::Token => ("token", ""),
        CeilingOf::TokenSubtracts => ("token-no", ""),
    };
    let entries = ceiling.entries.iter().map(|entry| {
        json!({
            "groups": entry.groups,
            "applies": truth(entry.applies),
            "scopes": scopes(&entry.scopes),
            "place": place(entry.place),
        })
    });
    json!({
        "of": of,
        "name": name,
        "within": truth(ceiling.within),
        "lifted": ceiling.lifted,
        "scopes": scopes(&ceiling.scopes),
        "entries": entries.collect::<Vec<_>>(),
        "place": place(ceiling.place),
    })
}

fn scopes(words: &[ScopeWord]) -> Vec<Value> {
    words.iter().map(|word| json!({ "scope": word.text, "speaks": word.speaks })).collect()
}

fn rule(rule: &RuleTrace) -> Value {
    json!({
        "id": rule.id,
        "place": place(rule.place),
        "effect": match rule.effect {
            RuleEffect::Allow => "allow",
            RuleEffect::Deny => "deny",
        },
        "action": truth(rule.action),
        "resource": truth(rule.resource),
        "matches": truth(rule.truth),
        "waits_for": { "lookup": rule.waits_for.lookup, "response": rule.waits_for.response },
        "when": rule.when,
        "condition": rule.condition.as_ref().map(part),
        "approval": rule.approval.map(|need| need.tier.name()),
        "decides": rule.determines,
    })
}

fn part(one: &Part) -> Value {
    let values = one.values.iter().map(|looked| {
        let (known, value) = match &looked.value {
            Shown::Known(value) => ("known", Some(value)),
            Shown::Pending(_) => ("pending", None),
            Shown::Unknown => ("unknown", None),
        };
        json!({ "name": looked.name, "state": known, "value": value })
    });
    json!({
        "number": one.number,
        "kind": match one.kind {
            PartKind::All => "all",
            PartKind::Any => "any",
            PartKind::Constant => "constant",
            PartKind::Every => "every",
            PartKind::Not => "not",
            PartKind::Some => "some",
            PartKind::Test => "test",
        },
        "text": one.text,
        "truth": truth(one.truth),
        "needed": one.reached,
        "values": values.collect::<Vec<_>>(),
        "parts": one.parts.iter().map(part).collect::<Vec<_>>(),
        "omitted": one.omitted,
    })
}

const fn truth(truth: Truth) -> &'static str {
    match truth {
        Truth::True => "true",
        Truth::False => "false",
        Truth::Unknown => "unknown",
    }
}

fn place(place: Place) -> Option<Value> {
    (place.line > 0).then(|| json!({ "line": place.line, "column": place.column }))
}
