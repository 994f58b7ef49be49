//! Rules 1, 4, 5 and 8: default deny, deny over allow, read-only default, approvals, obligations.

use super::actor::Acting;
use super::facts::RequestFacts;
use crate::decision::{ApprovalNeed, Decision, Effect, Obligation, Reason};
use crate::policy::compiled::{Policy, ResourceEntry, RuleEntry};
use crate::policy::condition::{Condition, MAX_STEPS, Truth, Verdict};
use crate::policy::document::{ActorMode, ApprovalMode, Effect as RuleEffect, RuleApproval, Tier};
use crate::policy::value::Sources;
use crate::request::{AccessRequest, Mapped};
use crate::time::Timestamp;
use std::cell::Cell;

/// What the rules of one action and resource came to, before approvals.
#[derive(Default)]
struct Tally {
    denying: Vec<u32>,
    /// Denies that nothing will ever settle.
    unsettled: Vec<u32>,
    allowing: Vec<u32>,
    /// What a deny still waits for.
    deny_waits: Sources,
    /// The strictest approval among the allows.
    approval: Option<RuleApproval>,
    /// Allows that still wait: what they wait for, and the approval each would ask for.
    waiting: Vec<(Sources, RuleApproval)>,
}

pub(super) fn apply(
    policy: &Policy,
    request: &AccessRequest<'_>,
    acting: &Acting<'_>,
    resource: &ResourceEntry,
    mapped: Mapped<'_>,
    now: Timestamp,
    verdict: impl Fn(u32, &RuleEntry, &RequestFacts<'_>) -> Verdict,
) -> Decision {
    let numbers = policy.rules_for(mapped.resource, mapped.action);
    let chain = chain_names(policy, numbers, acting);
    let facts = RequestFacts {
        request,
        acting,
        resource,
        mapped,
        chain: &chain,
        now,
        missed: Cell::new(false),
        #[cfg(feature = "author")]
        gaps: false,
    };
    count(policy, &facts, verdict)
}

/// What the rules on the action and resource come to together.
pub(super) fn count(
    policy: &Policy,
    facts: &RequestFacts<'_>,
    verdict: impl Fn(u32, &RuleEntry, &RequestFacts<'_>) -> Verdict,
) -> Decision {
    let mut tally = Tally::default();
    for number in policy.rules_for(facts.mapped.resource, facts.mapped.action) {
        let Some(rule) = policy.rules.get(*number as usize) else { continue };
        let verdict = verdict(*number, rule, facts);
        tally.count(*number, rule, facts, verdict);
    }
    tally.decide(policy, facts.request, facts.missed.get())
}

/// The chain as a list of strings, built only where a condition reads it.
fn chain_names(policy: &Policy, numbers: &[u32], acting: &Acting<'_>) -> Vec<String> {
    let read = numbers
        .iter()
        .filter_map(|number| policy.rules.get(*number as usize))
        .any(|rule| rule.when.as_ref().is_some_and(Condition::reads_chain));
    if read { acting.chain.iter().map(|(_, id)| id.to_owned()).collect() } else { Vec::new() }
}

impl Tally {
    fn count(&mut self, number: u32, rule: &RuleEntry, facts: &RequestFacts<'_>, verdict: Verdict) {
        let (mapped, mode) = (facts.mapped, facts.acting.mode);
        let Verdict { truth, waits_for: waits } = verdict;
        match (rule.effect, truth) {
            (_, Truth::False) => {}
            (RuleEffect::Deny, Truth::Unknown) if !waits.is_empty() => {
                self.deny_waits = self.deny_waits.union(waits);
            }
            (RuleEffect::Deny, Truth::True) => self.denying.push(number),
            // Only a definite false spares.
            (RuleEffect::Deny, Truth::Unknown) => self.unsettled.push(number),
            (RuleEffect::Allow, Truth::True) => {
                self.allowing.push(number);
                let asked = asked(rule, mapped, mode);
                let strictest = match self.approval {
                    Some(other) => stricter(other, asked),
                    None => asked,
                };
                self.approval = Some(strictest);
            }
            (RuleEffect::Allow, Truth::Unknown) if !waits.is_empty() => {
                self.waiting.push((waits, asked(rule, mapped, mode)));
            }
            // Only a definite true allows.
            (RuleEffect::Allow, Truth::Unknown) => {}
        }
    }

    fn decide(mut self, policy: &Policy, request: &AccessRequest<'_>, missed: bool) -> Decision {
        if !self.denying.is_empty() || !self.unsettled.is_empty() {
            let reason = if self.denying.is_empty() && missed {
                Reason::LookupUnavailable
            } else {
                Reason::Denied
            };
            self.denying.append(&mut self.unsettled);
            self.denying.sort_unstable();
            return Decision { rules: self.denying, ..Decision::deny(reason) };
        }
        let waits = self.waits(request.approval);
        if !waits.is_empty() {
            return Decision { waits_for: waits, ..Decision::deny(Reason::NotAllowed) };
        }
        let Some(approval) = self.approval else {
            let reason = if missed { Reason::LookupUnavailable } else { Reason::NotAllowed };
            return Decision::deny(reason);
        };
        self.allowing.sort_unstable();
        let need = (approval.tier != Tier::None).then(|| ApprovalNeed {
            tier: approval.tier,
            approve_within_secs: approval.approve_within.secs(),
            use_within_secs: approval.use_within.secs(),
        });
        let decision = Decision {
            effect: Effect::Allow,
            rules: self.allowing,
            approval: need,
            ..Decision::deny(Reason::AllowedByRule)
        };
        if approval.tier <= request.approval {
            return decision;
        }
        match policy.approvals.mode {
            ApprovalMode::Hold => {
                Decision { effect: Effect::Deny, reason: Reason::ApprovalRequired, ..decision }
            }
            ApprovalMode::Tag if request.host.tag => Decision {
                reason: Reason::AllowedWithTag,
                obligations: vec![Obligation::Tag],
                ..decision
            },
            ApprovalMode::Tag => {
                Decision { effect: Effect::Deny, reason: Reason::ObligationUnsupported, ..decision }
            }
        }
    }

    /// What is worth asking before the outcome is final.
    fn waits(&self, approved: Tier) -> Sources {
        // An allow that waits matters only where it could allow at all, or ask for a stricter yes
        // than was given.
        let settled = self.approval.map(|approval| approval.tier.max(approved));
        self.waiting.iter().filter(|(_, asked)| settled.is_none_or(|tier| asked.tier > tier)).fold(
            if settled.is_some() || !self.waiting.is_empty() {
                self.deny_waits
            } else {
                // Nothing can allow, so what a deny would say changes nothing.
                Sources::NONE
            },
            |sum, (waits, _)| sum.union(*waits),
        )
    }
}

/// Whether the rule speaks of the request, its action and resource given.
pub(super) fn verdict(rule: &RuleEntry, facts: &RequestFacts<'_>) -> Verdict {
    match &rule.when {
        None => Verdict { truth: Truth::True, waits_for: Sources::NONE },
        // A budget for each rule, so that the order of rules never matters.
        Some(when) => when.evaluate(facts, &mut MAX_STEPS.clone()),
    }
}

/// The approval this allow asks for. Nobody stands behind an independent actor, so its yes comes
/// from a second person.
pub(super) fn asked(rule: &RuleEntry, mapped: Mapped<'_>, mode: ActorMode) -> RuleApproval {
    let asked = rule.approval_for(mapped.action);
    if mode == ActorMode::Independent && asked.tier != Tier::None {
        RuleApproval { tier: Tier::SecondPerson, ..asked }
    } else {
        asked
    }
}

/// The stricter of two in each respect.
fn stricter(a: RuleApproval, b: RuleApproval) -> RuleApproval {
    match (a.tier, b.tier) {
        (Tier::None, _) => b,
        (_, Tier::None) => a,
        _ => RuleApproval {
            tier: a.tier.max(b.tier),
            approve_within: a.approve_within.min(b.approve_within),
            use_within: a.use_within.min(b.use_within),
            reversible: a.reversible && b.reversible,
        },
    }
}

/// Whether this decision is, or could become, one that a person or nobody stands in the way of.
pub(super) fn could_allow(decision: &Decision) -> bool {
    decision.effect == Effect::Allow
        || decision.reason == Reason::ApprovalRequired
        || !decision.waits_for.is_empty()
}
