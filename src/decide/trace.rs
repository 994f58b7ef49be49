//! Why a request was decided as it was: what each ceiling and each rule said of it.
//!
//! The decision is [`decide`]'s, and every answer within is given by the functions it asks itself.

mod ceilings;
mod recorded;
mod rule;
mod stage;

use super::actor::{self, Acting};
use super::ceiling::Granted;
use super::facts::RequestFacts;
use super::{decide, identified};
use crate::decision::Decision;
use crate::policy::compiled::{Policy, ResourceEntry};
use crate::policy::condition::Truth;
use crate::request::{AccessRequest, Action, Credential, Mapped};
use crate::time::Timestamp;
pub use ceilings::{Ceiling, CeilingOf, ScopeWord, SubjectSays};
pub use recorded::{Outlook, Recorded, RecordedError, Reviewed};
pub use rule::RuleTrace;
pub use stage::Stage;
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

/// Decides as [`decide`], and says why.
#[must_use]
pub fn trace(policy: &Policy, request: &AccessRequest<'_>, now: Timestamp) -> Trace {
    let decision = decide(policy, request, now);
    let stage = match request.credential {
        Credential::Missing | Credential::Refused(_) => Stage::Credential,
        Credential::Verified(_) => Stage::of(decision.reason),
    };
    let acting = acting(policy, request, now);
    let ceilings = match (&acting, place(policy, request)) {
        (Some(acting), Some((mapped, resource))) => {
            let granted = Granted::now(request.grant, now);
            ceilings::trace(policy, acting, mapped.action, resource.target, granted)
        }
        _ => Vec::new(),
    };
    assemble(policy, request, now, acting.as_ref(), (decision, stage, ceilings, false))
}

/// All of it; with `gaps`, what the token does not tell may still be known.
fn assemble(
    policy: &Policy,
    request: &AccessRequest<'_>,
    now: Timestamp,
    acting: Option<&Acting<'_>>,
    (decision, stage, ceilings, gaps): (Decision, Stage, Vec<Ceiling>, bool),
) -> Trace {
    let place = place(policy, request);
    let chain: Vec<String> =
        acting.iter().flat_map(|acting| acting.chain.iter().map(|(_, id)| id.to_owned())).collect();
    let facts = acting.zip(place).map(|(acting, (mapped, resource))| RequestFacts {
        request,
        acting,
        resource,
        mapped,
        chain: &chain,
        now,
        missed: Cell::new(false),
        gaps,
    });
    let rules = (0..)
        .zip(&policy.rule_pairs())
        .map(|(number, pairs)| {
            rule::trace(policy, (number, pairs), place, facts.as_ref(), &decision)
        })
        .collect();
    Trace {
        stage,
        subject: acting
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

fn place<'a>(
    policy: &'a Policy,
    request: &AccessRequest<'a>,
) -> Option<(Mapped<'a>, &'a ResourceEntry)> {
    request
        .mapped
        .and_then(|mapped| Some((mapped, policy.resources.get(mapped.resource as usize)?)))
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

const fn truth(is: bool) -> Truth {
    if is { Truth::True } else { Truth::False }
}
