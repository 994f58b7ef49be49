//! One policy's view of a recorded request: what it maps to, and what each rule says of it as far as
//! the record tells.

mod completion;
mod gaps;

use super::Told;
use super::identity::Chain;
use super::place::Place;
use crate::decide::actor::{self, Acting};
use crate::decide::ceiling::{Ceilings, Granted, within_subjects};
use crate::decide::facts::RequestFacts;
use crate::decide::judged;
use crate::decide::rules::verdict;
use crate::decision::Decision;
use crate::enforcement::lookup;
use crate::identity::{ClaimState, VerifiedToken};
use crate::policy::compiled::{CompiledSource, IssuerTerms, Policy, ResourceEntry, RuleEntry};
use crate::policy::condition::{Condition, MAX_STEPS, Slot, Truth, Verdict};
use crate::policy::document::{ActorMode, Effect as RuleEffect, Mode, Tier, TokenScopes};
use crate::policy::scope::Target;
use crate::policy::value::{Source, Sources, Value};
use crate::request::{
    AccessRequest, Action, ActionSet, AttributeState, Credential, HostAbilities, HttpFacts, Mapped,
};
pub(super) use completion::Completion;
use gaps::Heard;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// A policy, and what it sees of the request.
pub(super) struct Side<'a> {
    pub(super) policy: &'a Policy,
    told: &'a Told<'a>,
    outermost: (u32, String),
    nested: Chain,
    mode: ActorMode,
    issuer: u32,
    terms: &'a IssuerTerms,
    pub(super) resource: &'a ResourceEntry,
    place: u32,
    route: u32,
    pub(super) action: Action,
    id: String,
    attributes: Vec<AttributeState>,
    /// What each rule says that speaks of the action on the resource.
    said: BTreeMap<u32, Said<'a>>,
}

/// What one rule says.
enum Said<'a> {
    /// This, whatever the record leaves out.
    Settled(Verdict),
    /// It depends.
    Open(Open<'a>),
}

/// When a condition that asks for several things is settled.
#[derive(Clone, Copy)]
enum Settled {
    /// Once all are told.
    Late,
    /// By look-ups, the answer not needed.
    AfterLookUp,
    /// By the token alone.
    AtOnce,
}

impl Settled {
    const ALL: [Self; 3] = [Self::Late, Self::AfterLookUp, Self::AtOnce];
}

/// Conditions that ask for several things of which each way to be settled is tried; of more, the
/// reason that is given may be another, and never the effect.
const MIXED: usize = 3;

/// A condition that the record does not settle.
#[derive(Clone, Copy)]
pub(super) struct Open<'a> {
    pub(super) when: &'a Condition,
    /// What the gateway would ask for it.
    sources: Sources,
    /// Whether it asks for more than one thing, so that it may be settled before all are told.
    mixed: bool,
}

impl<'a> Side<'a> {
    /// `None` where the place is none of the policy's.
    pub(super) fn new(
        policy: &'a Policy,
        told: &'a Told<'a>,
        chain: Chain,
        place: Place,
        same_person: bool,
    ) -> Option<Self> {
        let Place::Found { resource: at, route, action, id } = place else { return None };
        let resource = policy.resources.get(at as usize)?;
        let issuer = policy.issuers.iter().position(|issuer| issuer.issuer == told.issuer)?;
        let terms = policy.issuers.get(issuer)?;
        let mut nested = chain.into_iter();
        let outermost = nested.next()?;
        let mode = policy.actors.get(outermost.0 as usize)?.mode;
        let can_hold = action == Action::Read && told.method == "GET";
        let attributes = match policy.routes.route(route) {
            Some(route) => {
                lookup::initial(resource, &route.variables, &route.values(&id), can_hold)
            }
            // The path is not whole, so nothing that stands in it is known.
            None => resource
                .attributes
                .iter()
                .map(|_| AttributeState::Pending(Source::Lookup))
                .collect(),
        };
        let mut side = Self {
            policy,
            told,
            outermost,
            nested: nested.collect(),
            mode,
            issuer: u32::try_from(issuer).ok()?,
            terms,
            resource,
            place: at,
            route,
            action,
            id,
            attributes,
            said: BTreeMap::new(),
        };
        side.said = side.listen(same_person);
        Some(side)
    }

    /// What each rule says with what is known.
    fn listen(&self, same_person: bool) -> BTreeMap<u32, Said<'a>> {
        let policy: &'a Policy = self.policy;
        let mut said = BTreeMap::new();
        self.with(&Completion::GOOD, |request, acting| {
            let chain: Vec<String> = acting.chain.iter().map(|(_, id)| id.to_owned()).collect();
            let facts = RequestFacts {
                request,
                acting,
                resource: self.resource,
                mapped: self.mapped(),
                chain: &chain,
                now: self.told.time,
                missed: Cell::new(false),
                gaps: false,
            };
            for number in policy.rules_for(self.place, self.action) {
                let Some(rule) = policy.rules.get(*number as usize) else { continue };
                said.insert(*number, self.hear(rule, &facts, same_person));
            }
        });
        said
    }

    fn hear(&self, rule: &'a RuleEntry, facts: &RequestFacts<'_>, same_person: bool) -> Said<'a> {
        let Some(when) = &rule.when else { return Said::Settled(verdict(rule, facts)) };
        let open = |slot: Slot| self.leaves_out(slot, same_person);
        let heard = Heard { facts, open: &open };
        let settled = when.evaluate(&heard, &mut MAX_STEPS.clone());
        if settled.truth != Truth::Unknown || settled.waits_for.is_empty() {
            return Said::Settled(settled);
        }
        let sources = when.slots().iter().fold(Sources::NONE, |sum, slot| {
            match self.attribute(*slot).filter(|_| open(*slot)).map(|entry| &entry.from) {
                Some(CompiledSource::Lookup(_)) => sum.union(Sources::only(Source::Lookup)),
                Some(CompiledSource::Response(_)) => sum.union(Sources::only(Source::Response)),
                Some(CompiledSource::Path(_)) | None => sum,
            }
        });
        let by_token = when
            .slots()
            .iter()
            .any(|slot| open(*slot) && !matches!(slot, Slot::ResourceAttribute(_)));
        let mixed = (by_token && !sources.is_empty()) || (sources.lookup && sources.response);
        Said::Open(Open { when, sources, mixed })
    }

    const fn mapped(&self) -> Mapped<'_> {
        Mapped {
            resource: self.place,
            route: self.route,
            action: self.action,
            id: self.id.as_str(),
        }
    }

    /// The request as it is when the record is completed so.
    fn with<T>(
        &self,
        completion: &Completion,
        use_it: impl FnOnce(&AccessRequest<'_>, &Acting<'_>) -> T,
    ) -> T {
        let mut token = VerifiedToken {
            issuer: self.issuer,
            person: self.told.subject.map(|(_, id)| id.to_owned()),
            bad_scope: completion.bad_scope,
            groups: match &completion.groups {
                Some(groups) => ClaimState::Known(Value::List(
                    groups.iter().map(|group| Value::String(group.clone())).collect(),
                )),
                None => ClaimState::Unknown,
            },
            ..VerifiedToken::default()
        };
        let asked = ActionSet::only(self.action);
        if completion.reaches {
            token.scopes.allow(asked, Some(self.resource.target));
        }
        if completion.subtracts {
            token.scopes.subtract(asked, Some(self.resource.target));
        }
        if completion.audience {
            token.audiences.push(self.resource.audience.clone());
        }
        let request = AccessRequest {
            credential: Credential::Verified(&token),
            peer: &[],
            sender_proved: true,
            mapped: Some(self.mapped()),
            attributes: &self.attributes,
            http: HttpFacts {
                method: self.told.method,
                host: self.told.host,
                path: self.told.path,
            },
            approval: Tier::None,
            grant: None,
            host: HostAbilities {
                tag: self.policy.approvals.signing_key.is_some() && !completion.held,
            },
        };
        let (at, id) = &self.outermost;
        let nested = self.nested.iter().map(|(at, id)| (*at, id.as_str())).collect();
        let chain = actor::Chain::led_by((*at, id.as_str()), nested);
        use_it(&request, &Acting { token: &token, issuer: self.terms, chain, mode: self.mode })
    }

    /// What is decided when the record is completed so, and open conditions come to this once
    /// everything they ask for is told. The gateway asks only for what can matter, and decides by
    /// what it has asked for.
    pub(super) fn decide(
        &self,
        completion: &Completion,
        truths: &dyn Fn(&Condition, RuleEffect) -> Truth,
    ) -> Vec<Decision> {
        let mixed: Vec<u32> = self
            .said
            .iter()
            .filter(|(_, said)| matches!(said, Said::Open(open) if open.mixed))
            .map(|(number, _)| *number)
            .take(MIXED)
            .collect();
        let mut ways = vec![BTreeMap::new()];
        for number in mixed {
            ways = ways
                .into_iter()
                .flat_map(|way| {
                    Settled::ALL.map(|settled| {
                        let mut way: BTreeMap<u32, Settled> = way.clone();
                        way.insert(number, settled);
                        way
                    })
                })
                .collect();
        }
        ways.iter().map(|way| self.asked_for(completion, truths, way)).collect()
    }

    /// As [`Side::decide`]; `early` says when conditions are settled that ask for several things.
    fn asked_for(
        &self,
        completion: &Completion,
        truths: &dyn Fn(&Condition, RuleEffect) -> Truth,
        early: &BTreeMap<u32, Settled>,
    ) -> Decision {
        let mut told = Sources::NONE;
        let first = self.decide_with(completion, truths, told, early);
        if self.policy.mode == Mode::Shadow {
            // Shadow asks nobody.
            return first;
        }
        let mut decision = first;
        if decision.waits_for.lookup {
            told.lookup = true;
            decision = self.decide_with(completion, truths, told, early);
        }
        if decision.waits_for.response {
            told.response = true;
            decision = self.decide_with(completion, truths, told, early);
        }
        decision
    }

    fn decide_with(
        &self,
        completion: &Completion,
        truths: &dyn Fn(&Condition, RuleEffect) -> Truth,
        told: Sources,
        early: &BTreeMap<u32, Settled>,
    ) -> Decision {
        let completion = Completion { held: told.response, ..completion.clone() };
        self.with(&completion, |request, acting| {
            let heard = |number: u32, rule: &RuleEntry, facts: &RequestFacts<'_>| {
                let open = match self.said.get(&number) {
                    Some(Said::Settled(verdict)) => return *verdict,
                    Some(Said::Open(open)) => open,
                    None => return verdict(rule, facts),
                };
                let waits_for = Sources {
                    lookup: open.sources.lookup && !told.lookup,
                    response: open.sources.response && !told.response,
                };
                let heard_early = match early.get(&number) {
                    None | Some(Settled::Late) => false,
                    Some(Settled::AfterLookUp) => told.lookup,
                    Some(Settled::AtOnce) => true,
                };
                if !waits_for.is_empty() && !heard_early {
                    return Verdict { truth: Truth::Unknown, waits_for };
                }
                if completion.missed && open.sources.lookup {
                    facts.missed.set(true);
                }
                Verdict { truth: truths(open.when, rule.effect), waits_for: Sources::NONE }
            };
            judged(self.policy, request, acting, self.told.time, heard)
                .unwrap_or_else(Decision::deny)
        })
    }

    /// Whether the ceilings that no further scope could lift leave room.
    pub(super) fn within(&self, completion: &Completion) -> bool {
        self.with(completion, |_, acting| {
            let none = Granted::now(None, self.told.time);
            Ceilings::of(self.policy, acting, self.action, self.resource.target, none).within
        })
    }

    /// Whether the user may do it at most, the actors' ceilings aside.
    pub(super) fn subject_within(&self, completion: &Completion) -> bool {
        self.with(completion, |_, acting| match (&self.policy.subjects, self.mode) {
            (Some(subjects), ActorMode::Delegated) => {
                let target = Target { resource: self.resource.target, tool: None };
                within_subjects(subjects, &acting.token.groups, self.action, target)
            }
            (None, ActorMode::Delegated) | (_, ActorMode::Independent) => true,
        })
    }

    /// Whether the token's scopes set no ceiling.
    pub(super) fn unlimited(&self) -> bool {
        self.terms.token_scopes == TokenScopes::None
    }

    /// The groups that decide what this user may do at most.
    pub(super) fn groups(&self) -> BTreeSet<&'a str> {
        let subjects = match self.mode {
            ActorMode::Delegated => self.policy.subjects.as_deref().unwrap_or_default(),
            ActorMode::Independent => &[],
        };
        subjects
            .iter()
            .flat_map(|entry| entry.groups.iter().flatten())
            .map(String::as_str)
            .collect()
    }

    /// Conditions that the record does not settle.
    pub(super) fn open(&self) -> impl Iterator<Item = Open<'a>> + '_ {
        self.said.values().filter_map(|said| match said {
            Said::Open(open) => Some(*open),
            Said::Settled(_) => None,
        })
    }

    /// Whether a look-up may have failed.
    pub(super) fn asks_look_ups(&self) -> bool {
        self.open().any(|open| open.sources.lookup)
    }
}
