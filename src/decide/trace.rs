//! Why a request was decided as it was: what each ceiling and each rule said of it.
//!
//! The decision is [`decide`]'s, and every answer within is given by the functions it asks itself.

mod ceilings;

use super::actor::{self, Acting};
use super::ceiling::Granted;
use super::facts::RequestFacts;
use super::rules::{asked, verdict};
use super::{decide, identified};
use crate::decision::{ApprovalNeed, Decision, Reason};
use crate::policy::compiled::{Policy, ResourceEntry};
use crate::policy::condition::{Part, Truth};
use crate::policy::document::{Effect, Tier};
use crate::policy::error::Place;
use crate::policy::value::Sources;
use crate::request::{AccessRequest, Action, Credential, Mapped};
use crate::time::Timestamp;
pub use ceilings::{Ceiling, CeilingOf, ScopeWord, SubjectSays};
use std::cell::Cell;

/// One decision, and everything that led to it.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The decision.
    pub decision: Decision,
    /// Where it was made.
    pub stage: Stage,
    /// Realm and id of whoever's authority is used, once that is settled.
    pub subject: Option<(String, String)>,
    /// The agents that act, outermost first.
    pub actors: Vec<String>,
    /// What is asked for, where the policy knows it.
    pub asked: Option<Wanted>,
    /// What each ceiling leaves room for; empty where nobody was identified or nothing is meant.
    pub ceilings: Vec<Ceiling>,
    /// Every rule of the policy, in its order.
    pub rules: Vec<RuleTrace>,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What is done.
    pub action: Action,
    /// To what.
    pub resource: String,
    /// To which one; empty where the path names none.
    pub id: String,
    /// Whom a token must be for.
    pub audience: String,
}

/// The steps of a decision, in their order; see `docs/semantics.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The request itself, before anything is decided on.
    Request,
    /// The credential.
    Credential,
    /// Its times and its sender.
    Times,
    /// Who acts for whom.
    Identity,
    /// What is meant, and whether the token is for it.
    Mapping,
    /// The ceilings.
    Ceilings,
    /// The rules.
    Rules,
    /// The token's own scopes.
    TokenScopes,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 8] = [
        Self::Request,
        Self::Credential,
        Self::Times,
        Self::Identity,
        Self::Mapping,
        Self::Ceilings,
        Self::Rules,
        Self::TokenScopes,
    ];

    /// What is looked at, in a few words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "the request",
            Self::Credential => "the credential",
            Self::Times => "its times and its sender",
            Self::Identity => "who acts for whom",
            Self::Mapping => "what is asked for",
            Self::Ceilings => "the ceilings",
            Self::Rules => "the rules",
            Self::TokenScopes => "the token's own scopes",
        }
    }

    /// Where a decision for `reason` about a verified token is made.
    const fn of(reason: Reason) -> Self {
        match reason {
            Reason::Expired
            | Reason::NotYetValid
            | Reason::TokenLifetime
            | Reason::SenderNotProved => Self::Times,
            Reason::ClientConflict
            | Reason::UnclearPrincipal
            | Reason::ChainTooDeep
            | Reason::UnknownActor
            | Reason::ActorMismatch
            | Reason::ActorMode => Self::Identity,
            Reason::UnmappedRequest | Reason::WrongAudience => Self::Mapping,
            Reason::BadScope | Reason::BeyondCeiling => Self::Ceilings,
            Reason::AllowedByRule
            | Reason::AllowedWithTag
            | Reason::Denied
            | Reason::LookupUnavailable
            | Reason::NotAllowed
            | Reason::ApprovalRequired
            | Reason::ObligationUnsupported => Self::Rules,
            Reason::InsufficientScope => Self::TokenScopes,
            Reason::NoToken
            | Reason::MalformedToken
            | Reason::UnknownIssuer
            | Reason::UnknownKey
            | Reason::BadSignature
            | Reason::AlgorithmRefused
            | Reason::WrongTokenType
            | Reason::BadProof
            | Reason::ProofNonce
            | Reason::ProofReplayed
            | Reason::IssuerUnavailable
            | Reason::ReplayMemoryFull => Self::Credential,
            Reason::AllowedPublic
            | Reason::MalformedRequest
            | Reason::TokenInUrl
            | Reason::BodyTooLarge
            | Reason::HostFailure => Self::Request,
        }
    }
}

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

/// Decides as [`decide`], and says why.
#[must_use]
pub fn trace(policy: &Policy, request: &AccessRequest<'_>, now: Timestamp) -> Trace {
    let decision = decide(policy, request, now);
    let stage = match request.credential {
        Credential::Missing | Credential::Refused(_) => Stage::Credential,
        Credential::Verified(_) => Stage::of(decision.reason),
    };
    let acting = acting(policy, request, now);
    let place = request
        .mapped
        .and_then(|mapped| Some((mapped, policy.resources.get(mapped.resource as usize)?)));
    let ceilings = match (&acting, place) {
        (Some(acting), Some((mapped, resource))) => ceilings::trace(
            policy,
            acting,
            mapped.action,
            resource.target,
            Granted::now(request.grant, now),
        ),
        _ => Vec::new(),
    };
    let chain: Vec<String> = acting
        .iter()
        .flat_map(|acting| acting.chain.iter().map(|(_, id)| (*id).to_owned()))
        .collect();
    let rules = {
        let facts = acting.as_ref().zip(place).map(|(acting, (mapped, resource))| RequestFacts {
            request,
            acting,
            resource,
            mapped,
            chain: &chain,
            now,
            missed: Cell::new(false),
        });
        (0..)
            .zip(&policy.rules)
            .map(|(number, _)| rule(policy, number, place, facts.as_ref(), &decision))
            .collect()
    };
    Trace {
        stage,
        subject: acting
            .as_ref()
            .map(|acting| (acting.subject_realm().to_owned(), acting.subject_id().to_owned())),
        actors: chain,
        asked: place.map(|(mapped, resource)| Wanted {
            action: mapped.action,
            resource: resource.id.clone(),
            id: mapped.id.to_owned(),
            audience: resource.audience.clone(),
        }),
        ceilings,
        rules,
        decision,
    }
}

/// Who acts for whom; also for a token that is out of its times, so that the rest can be told.
fn acting<'a>(
    policy: &'a Policy,
    request: &AccessRequest<'a>,
    now: Timestamp,
) -> Option<Acting<'a>> {
    identified(policy, request, now).ok().or_else(|| {
        let Credential::Verified(token) = request.credential else { return None };
        let issuer = policy.issuers.get(token.issuer as usize)?;
        actor::resolve(policy, issuer, token, request.peer).ok()
    })
}

fn rule(
    policy: &Policy,
    number: u32,
    place: Option<(Mapped<'_>, &ResourceEntry)>,
    facts: Option<&RequestFacts<'_>>,
    decision: &Decision,
) -> RuleTrace {
    let at = number as usize;
    let Some(rule) = policy.rules.get(at) else { return RuleTrace::none(number) };
    let speaks = |resource: u32| {
        rule.actions.iter().any(|action| policy.rules_for(resource, action).contains(&number))
    };
    let resources = (0..)
        .zip(&policy.resources)
        .filter(|(place, _)| speaks(*place))
        .map(|(_, entry)| entry.id.clone())
        .collect();
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

impl Trace {
    /// What each part of a condition that was needed came to: the rule's number, the part's, and its
    /// truth. The parts there are stand in [`Policy::branches`].
    #[must_use]
    pub fn seen(&self) -> Vec<(u32, u32, Truth)> {
        let mut seen = Vec::new();
        for rule in &self.rules {
            if let Some(condition) = &rule.condition {
                condition.walk(&mut |part| {
                    if part.reached {
                        seen.push((rule.number, part.number, part.truth));
                    }
                });
            }
        }
        seen
    }

    /// The same, where `made` was decided without asking further.
    pub(crate) fn overruled(mut self, made: Decision) -> Self {
        self.stage = Stage::Request;
        for rule in &mut self.rules {
            rule.determines = made.rules.contains(&rule.number);
        }
        self.decision = made;
        self
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

const fn truth(is: bool) -> Truth {
    if is { Truth::True } else { Truth::False }
}
