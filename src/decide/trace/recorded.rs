//! A record of an earlier request, looked at again: what it lacks is not known, and may not matter.

use super::{Ceiling, CeilingOf, Stage, Trace, assemble, ceilings, truth};
use crate::decide::actor::{Acting, Chain};
use crate::decide::ceiling::Granted;
use crate::decide::facts::RequestFacts;
use crate::decide::rules::{self, could_allow};
use crate::decision::{Decision, Effect, Reason};
use crate::enforcement::lookup;
use crate::identity::{Principal, VerifiedToken};
use crate::policy::compiled::{IssuerTerms, Policy};
use crate::policy::condition::Truth;
use crate::policy::document::{ActorSource, Tier, TokenScopes};
use crate::policy::routes::Match;
use crate::policy::scope::Target;
use crate::request::{AccessRequest, Action, Credential, HostAbilities, HttpFacts, Mapped, path};
use std::cell::Cell;

mod read;

pub use read::{Recorded, RecordedError};

/// What a record's request would come to.
#[derive(Clone, Debug)]
pub struct Reviewed {
    /// What is known of each part. Where the outlook depends, its decision is the deny that would come
    /// if nothing more were known.
    pub trace: Trace,
    /// What would come of it.
    pub outlook: Outlook,
    /// Whether the policy is the one that was in force, so that the record itself tells the rest.
    pub same_policy: bool,
}

/// What would come of a request of which not everything is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It would pass, whatever is not known.
    Allow,
    /// It would be refused, whatever is not known.
    Deny,
    /// It depends on these, in words.
    Depends(Vec<String>),
}

impl Recorded {
    /// What the request would come to under `policy`. Nobody's approval is assumed.
    #[must_use]
    pub fn review(&self, policy: &Policy) -> Reviewed {
        let same_policy = !self.policy.1.is_empty() && self.policy.1 == policy.hash;
        let token = self.token(policy);
        let found = self.place(policy);
        let (mapped, attributes) = match &found {
            Some(found) => (Some(found.mapped()), found.attributes.as_slice()),
            None => (None, &[][..]),
        };
        let [method, host, path] = &self.http;
        let request = AccessRequest {
            credential: token.as_ref().map_or(Credential::Missing, Credential::Verified),
            peer: &[],
            sender_proved: true,
            mapped,
            attributes,
            http: HttpFacts { method, host, path },
            approval: Tier::None,
            grant: None,
            host: HostAbilities { tag: policy.approvals.signing_key.is_some() },
        };
        let mut reviewed = match (&token, self.refused_before()) {
            (_, None) if self.reason == Reason::AllowedPublic.code() => {
                let allowed =
                    Decision { effect: Effect::Allow, ..Decision::deny(Reason::AllowedPublic) };
                let made = (allowed, Stage::Request, Vec::new(), true);
                let trace = assemble(policy, &request, self.time, None, made);
                Reviewed { trace, outlook: Outlook::Allow, same_policy }
            }
            (_, Some(reason)) => {
                let stage = Stage::of(reason);
                let made = (Decision::deny(reason), stage, Vec::new(), true);
                let trace = assemble(policy, &request, self.time, None, made);
                Reviewed { trace, outlook: Outlook::Deny, same_policy }
            }
            (None, None) => {
                let made =
                    (Decision::deny(Reason::UnknownIssuer), Stage::Credential, Vec::new(), true);
                let trace = assemble(policy, &request, self.time, None, made);
                Reviewed { trace, outlook: Outlook::Deny, same_policy }
            }
            (Some(token), None) => match self.acting(policy, token) {
                Ok(acting) => self.judged(policy, &request, &acting, same_policy),
                Err(reason) => {
                    let made = (Decision::deny(reason), Stage::Identity, Vec::new(), true);
                    let trace = assemble(policy, &request, self.time, None, made);
                    Reviewed { trace, outlook: Outlook::Deny, same_policy }
                }
            },
        };
        if same_policy {
            self.tell_what_was(policy, &mut reviewed);
        }
        reviewed
    }

    /// Why it was refused, where that came before everything a policy says of agents and rules.
    fn refused_before(&self) -> Option<Reason> {
        let reason = Reason::ALL.iter().copied().find(|reason| reason.code() == self.reason)?;
        let before = Stage::of(reason) < Stage::Identity || reason == Reason::WrongAudience;
        (before && !self.allowed).then_some(reason)
    }

    /// The token, as far as the record tells of it.
    fn token(&self, policy: &Policy) -> Option<VerifiedToken> {
        let issuer = policy.issuers.iter().position(|known| known.issuer == self.issuer)?;
        let (_, id) = self.subject.as_ref()?;
        Some(VerifiedToken {
            issuer: u32::try_from(issuer).ok()?,
            person: Some(id.clone()),
            sub: Some(id.clone()),
            principal: Principal::User,
            ..VerifiedToken::default()
        })
    }

    fn acting<'a>(
        &'a self,
        policy: &'a Policy,
        token: &'a VerifiedToken,
    ) -> Result<Acting<'a>, Reason> {
        let issuer: &IssuerTerms =
            policy.issuers.get(token.issuer as usize).ok_or(Reason::UnknownIssuer)?;
        let by_client = policy
            .names
            .get(token.issuer as usize)
            .and_then(|names| names.client_ids.get(&self.client).copied());
        let by_name = |name: &String| {
            let at = policy.actors.iter().position(|actor| actor.id == *name);
            at.and_then(|at| u32::try_from(at).ok())
        };
        // One of many installations goes by its client id, and its claims are not recorded.
        let names = policy.names.get(token.issuer as usize);
        let installation = names.and_then(|names| match names.dynamic.as_slice() {
            [(only, _)] => Some(*only),
            _ => None,
        });
        // A client that is recorded and that nobody lists is nobody.
        let listed = by_client.is_some() || installation.is_some() || self.client.is_empty();
        if !listed && policy.actor_from.contains(&ActorSource::ClientId) {
            return Err(Reason::UnknownActor);
        }
        let mut chain: Vec<(u32, &str)> = Vec::new();
        for (at, name) in self.actors.iter().enumerate() {
            let client = by_client.filter(|_| at == 0 && self.actors.len() == 1);
            let entry = by_name(name).or(client).or(installation).ok_or(Reason::UnknownActor)?;
            chain.push((entry, name));
        }
        if let (true, Some(entry)) = (chain.is_empty(), by_client) {
            // The policy of that time did not know the client; this one does.
            chain.push((entry, policy.actors.get(entry as usize).map_or("", |actor| &actor.id)));
        }
        let (first, _) = chain.first().copied().ok_or(Reason::UnknownActor)?;
        let mode = policy.actors.get(first as usize).ok_or(Reason::UnknownActor)?.mode;
        let chain = Chain::of(chain.into_iter()).ok_or(Reason::UnknownActor)?;
        Ok(Acting { token, issuer, chain, mode })
    }

    /// What the request maps to: by its path, or, where that is not whole, as the record says.
    fn place(&self, policy: &Policy) -> Option<Found> {
        let [method, host, raw] = &self.http;
        if raw.is_empty() {
            let (kind, id) = self.resource.clone()?;
            let at = policy.resources.iter().position(|entry| entry.id == kind)?;
            let attributes = lookup::initial(policy.resources.get(at)?, &[], &[], true);
            let resource = u32::try_from(at).ok()?;
            return Some(Found { resource, route: 0, action: self.action?, id, attributes });
        }
        let decoded = path::decode(raw);
        let Match::Found { route: number, action, id } = policy.routes.find(host, &decoded, method)
        else {
            return None;
        };
        let route = policy.routes.route(number)?;
        let entry = policy.resources.get(route.resource as usize)?;
        let can_hold = action == Action::Read && method == "GET";
        let attributes = lookup::initial(entry, &route.variables, &route.values(&id), can_hold);
        Some(Found { resource: route.resource, route: number, action, id, attributes })
    }

    /// The ceilings and the rules, as far as they can be told.
    fn judged(
        &self,
        policy: &Policy,
        request: &AccessRequest<'_>,
        acting: &Acting<'_>,
        same_policy: bool,
    ) -> Reviewed {
        let Some((mapped, resource)) = super::place(policy, request) else {
            let made = (Decision::deny(Reason::UnmappedRequest), Stage::Mapping, Vec::new(), true);
            let trace = assemble(policy, request, self.time, Some(acting), made);
            return Reviewed { trace, outlook: Outlook::Deny, same_policy };
        };
        let granted = Granted::now(None, self.time);
        let mut all = ceilings::trace(policy, acting, mapped.action, resource.target, granted);
        let target = Target { resource: resource.target, tool: None };
        let same_aim = self.action == Some(mapped.action)
            && self.resource.as_ref().is_some_and(|(kind, _)| *kind == resource.id);
        if acting.issuer.token_scopes == TokenScopes::None {
            // No ceiling, and yet a `no:` of it would count.
            all.push(Ceiling::of_token(CeilingOf::TokenSubtracts, true, Vec::new()));
        }
        for ceiling in &mut all {
            self.weaken(ceiling, policy, (mapped.action, target), same_aim);
        }
        let chain: Vec<String> = self.actors.clone();
        let facts = RequestFacts {
            request,
            acting,
            resource,
            mapped,
            chain: &chain,
            now: self.time,
            missed: Cell::new(false),
            gaps: true,
        };
        let ruled = rules::count(policy, &facts, |_, rule, facts| rules::verdict(rule, facts));
        let outlook = outlook(&all, &ruled);
        let barred = |of_token: bool| {
            all.iter()
                .any(|one| one.within == Truth::False && (one.of == CeilingOf::Token) == of_token)
        };
        let (decision, stage) = if barred(false) {
            (Decision::deny(Reason::BeyondCeiling), Stage::Ceilings)
        } else if barred(true) && could_allow(&ruled) {
            (Decision::deny(Reason::InsufficientScope), Stage::TokenScopes)
        } else if outlook == Outlook::Allow || ruled.effect == Effect::Deny {
            (ruled, Stage::Rules)
        } else {
            (Decision { effect: Effect::Deny, ..ruled }, Stage::Rules)
        };
        let trace =
            assemble(policy, request, self.time, Some(acting), (decision, stage, all, true));
        Reviewed { trace, outlook, same_policy }
    }

    /// A ceiling whose scopes or groups are not in the record is unknown, but for what the outcome
    /// tells of the token.
    fn weaken(
        &self,
        ceiling: &mut Ceiling,
        policy: &Policy,
        (action, target): (Action, Target),
        same_aim: bool,
    ) {
        match ceiling.of {
            CeilingOf::Actor(_) => {}
            CeilingOf::Subject => {
                let Some(subjects) = &policy.subjects else { return };
                let may = subjects.iter().any(|entry| entry.scopes.covers(action, target))
                    && !subjects.iter().any(|entry| {
                        entry.groups.is_none() && entry.scopes.subtracts(action, target)
                    });
                if ceiling.within != Truth::True && may {
                    ceiling.within = Truth::Unknown;
                }
            }
            // One aim, one token: what it reached then it reaches now.
            CeilingOf::Token | CeilingOf::TokenSubtracts => {
                ceiling.within = match self.reason.as_str() {
                    "allowed-by-rule" | "allowed-with-tag" | "approval-required" if same_aim => {
                        Truth::True
                    }
                    "insufficient-scope" if same_aim => truth(ceiling.of != CeilingOf::Token),
                    _ => Truth::Unknown,
                };
            }
        }
    }

    /// Under the same policy, what was decided then is what is decided.
    fn tell_what_was(&self, policy: &Policy, reviewed: &mut Reviewed) {
        reviewed.outlook = if self.allowed { Outlook::Allow } else { Outlook::Deny };
        let trace = &mut reviewed.trace;
        let Some(reason) = Reason::ALL.iter().copied().find(|one| one.code() == self.reason) else {
            return;
        };
        trace.stage = Stage::of(reason);
        let numbers = (0..).zip(policy.rule_ids());
        let rules: Vec<u32> = numbers
            .filter(|(_, id)| self.rules.iter().any(|rule| rule == id))
            .map(|(number, _)| number)
            .collect();
        for rule in &mut trace.rules {
            rule.determines = rules.contains(&rule.number);
            if rule.determines && (self.allowed || reason == Reason::ApprovalRequired) {
                rule.truth = Truth::True;
            }
        }
        for ceiling in &mut trace.ceilings {
            if trace.stage > Stage::Ceilings && ceiling.of != CeilingOf::Token {
                ceiling.within = Truth::True;
            }
        }
        let effect = if self.allowed { Effect::Allow } else { Effect::Deny };
        let approval = trace.decision.approval;
        trace.decision = Decision { effect, rules, approval, ..Decision::deny(reason) };
    }
}

/// What a recorded request maps to.
struct Found {
    resource: u32,
    route: u32,
    action: Action,
    id: String,
    attributes: Vec<crate::request::AttributeState>,
}

impl Found {
    fn mapped(&self) -> Mapped<'_> {
        Mapped { resource: self.resource, route: self.route, action: self.action, id: &self.id }
    }
}

fn outlook(ceilings: &[Ceiling], ruled: &Decision) -> Outlook {
    if ceilings.iter().any(|one| one.within == Truth::False) {
        return Outlook::Deny;
    }
    let open = !ruled.waits_for.is_empty();
    if ruled.effect == Effect::Deny && !open {
        return Outlook::Deny;
    }
    let mut on: Vec<String> = ceilings
        .iter()
        .filter(|one| one.within == Truth::Unknown)
        .map(|one| match &one.of {
            CeilingOf::Subject => "the user's groups".to_owned(),
            CeilingOf::Actor(id) => format!("the scopes of `{id}`"),
            CeilingOf::Token | CeilingOf::TokenSubtracts => "the token's scopes".to_owned(),
        })
        .collect();
    on.dedup();
    if open {
        on.push("values that conditions read".to_owned());
    }
    if on.is_empty() { Outlook::Allow } else { Outlook::Depends(on) }
}

#[cfg(test)]
mod tests;
