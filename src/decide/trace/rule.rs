//! What one rule said of a request.

use super::truth;
use crate::decide::facts::RequestFacts;
use crate::decide::rules::{asked, verdict};
use crate::decision::{ApprovalNeed, Decision};
use crate::policy::compiled::{Policy, ResourceEntry};
use crate::policy::condition::{Part, Truth};
use crate::policy::document::{Effect, Tier};
use crate::policy::error::Place;
use crate::policy::value::Sources;
use crate::request::{Action, Mapped};

/// One rule, and what it said of the request.
#[derive(Clone, Debug)]
pub struct RuleTrace {
    /// Its number in the policy, as [`Decision::rules`] names it.
    pub number: u32,
    /// Its id.
    pub id: String,
    /// Where it stands in the author's file; 0 where unknown.
    pub place: Place,
    /// Allow or deny.
    pub effect: Effect,
    /// The actions it speaks of, and whether the request's is among them.
    pub actions: Vec<Action>,
    /// Whether it speaks of the action; unknown where the request maps to nothing.
    pub action: Truth,
    /// The resources it speaks of.
    pub resources: Vec<String>,
    /// Whether it speaks of the resource.
    pub resource: Truth,
    /// Its condition as written.
    pub when: Option<String>,
    /// What each part of its condition came to, where action and resource match and somebody was
    /// identified.
    pub condition: Option<Part>,
    /// Whether it speaks of the request.
    pub truth: Truth,
    /// For `Unknown`: what could still settle it.
    pub waits_for: Sources,
    /// For an allow that speaks of action and resource: the approval it asks for.
    pub approval: Option<ApprovalNeed>,
    /// Whether it is one of those that determined the decision.
    pub determines: bool,
}

pub(super) fn trace(
    policy: &Policy,
    (number, pairs): (u32, &[(u32, Action)]),
    place: Option<(Mapped<'_>, &ResourceEntry)>,
    facts: Option<&RequestFacts<'_>>,
    decision: &Decision,
) -> RuleTrace {
    let Some(rule) = policy.rules.get(number as usize) else { return RuleTrace::none(number) };
    let speaks = |resource: u32| pairs.iter().any(|(spoken, _)| *spoken == resource);
    let mut spoken: Vec<u32> = pairs.iter().map(|(resource, _)| *resource).collect();
    spoken.dedup();
    let entries = spoken.iter().filter_map(|resource| policy.resources.get(*resource as usize));
    let resources = entries.map(|entry| entry.id.clone()).collect();
    let (action, resource) = match place {
        None => (Truth::Unknown, Truth::Unknown),
        Some((mapped, _)) => {
            (truth(rule.actions.contains(mapped.action)), truth(speaks(mapped.resource)))
        }
    };
    let concerned = action == Truth::True && resource == Truth::True;
    let facts = facts.filter(|_| concerned);
    let condition = rule.when.as_ref().zip(facts).map(|(when, facts)| when.trace(facts));
    let (whole, waits_for) = match (facts, &rule.when) {
        _ if action == Truth::False || resource == Truth::False => (Truth::False, Sources::NONE),
        (Some(facts), _) => {
            let verdict = verdict(rule, facts);
            (verdict.truth, verdict.waits_for)
        }
        (None, None) if concerned => (Truth::True, Sources::NONE),
        (None, _) => (Truth::Unknown, Sources::NONE),
    };
    let approval = facts
        .filter(|_| rule.effect == Effect::Allow)
        .map(|facts| asked(rule, facts.mapped, facts.acting.mode))
        .filter(|approval| approval.tier != Tier::None)
        .map(|approval| ApprovalNeed {
            tier: approval.tier,
            approve_within_secs: approval.approve_within.secs(),
            use_within_secs: approval.use_within.secs(),
        });
    RuleTrace {
        number,
        id: rule.id.clone(),
        place: policy.rule_place(number),
        effect: rule.effect,
        actions: rule.actions.iter().collect(),
        action,
        resources,
        resource,
        when: rule.when.as_ref().map(|when| when.source().to_owned()),
        condition,
        truth: whole,
        waits_for,
        approval,
        determines: decision.rules.contains(&number),
    }
}

impl RuleTrace {
    fn none(number: u32) -> Self {
        Self {
            number,
            id: String::new(),
            place: Place::default(),
            effect: Effect::Deny,
            actions: Vec::new(),
            action: Truth::Unknown,
            resources: Vec::new(),
            resource: Truth::Unknown,
            when: None,
            condition: None,
            truth: Truth::Unknown,
            waits_for: Sources::NONE,
            approval: None,
            determines: false,
        }
    }
}
