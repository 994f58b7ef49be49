//! What each ceiling leaves room for.

use crate::decide::actor::Acting;
use crate::decide::ceiling::{Granted, is_member, within_actor, within_subjects};
use crate::policy::compiled::Policy;
use crate::policy::condition::Truth;
use crate::policy::document::{ActorMode, TokenScopes};
use crate::policy::error::Place;
use crate::policy::scope::{ScopeSet, Target, TargetId};
use crate::request::Action;

/// One ceiling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// Whose.
    pub of: CeilingOf,
    /// Whether it leaves room for what is asked.
    pub within: Truth,
    /// Whether a grant lifted it.
    pub lifted: bool,
    /// Its scopes.
    pub scopes: Vec<ScopeWord>,
    /// For the subject's: its entries in `subjects`, each with whether it is about this user.
    pub entries: Vec<SubjectSays>,
    /// Where it stands in the author's file; 0 where unknown, or where it came in the token.
    pub place: Place,
}

/// Whose ceiling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CeilingOf {
    /// The policy's entry for an actor of the chain.
    Actor(String),
    /// `subjects`; also where there is none, and the token's scopes alone say what a user may do.
    Subject,
    /// The token's scopes: checked last, for more scope would help.
    Token,
    /// What the token's `no:` scopes leave.
    TokenSubtracts,
}

/// A scope, and whether it speaks of what is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeWord {
    /// As a policy would write it.
    pub text: String,
    /// Whether it takes and does not give.
    pub subtracts: bool,
    /// Whether it speaks of the action on the resource.
    pub speaks: bool,
}

/// An entry of `subjects`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectSays {
    /// Its groups; `None` is every user.
    pub groups: Option<Vec<String>>,
    /// Whether this user is in one of them; unknown where the groups are withheld.
    pub applies: Truth,
    /// Its scopes.
    pub scopes: Vec<ScopeWord>,
    /// Where it stands in the author's file; 0 where unknown.
    pub place: Place,
}

impl Ceiling {
    /// One that came in the token.
    pub(super) fn of_token(of: CeilingOf, within: bool, scopes: Vec<ScopeWord>) -> Self {
        Self {
            of,
            within: super::truth(within),
            lifted: false,
            scopes,
            entries: Vec::new(),
            place: Place::default(),
        }
    }
}

pub(super) fn trace(
    policy: &Policy,
    acting: &Acting<'_>,
    action: Action,
    resource: TargetId,
    granted: Granted<'_>,
) -> Vec<Ceiling> {
    let target = Target { resource, tool: None };
    let words = |set: &ScopeSet| words(policy, set, action, target);
    let mut ceilings = Vec::new();
    if acting.mode == ActorMode::Delegated {
        ceilings.push(subject(policy, acting, action, target));
    }
    for (entry, _) in acting.chain.iter() {
        let Some(actor) = policy.actors.get(entry as usize) else { continue };
        let own = actor.ceiling.covers(action, target);
        ceilings.push(Ceiling {
            of: CeilingOf::Actor(actor.id.clone()),
            within: super::truth(within_actor(actor, acting.mode, granted, action, target)),
            lifted: !own && granted.lifts(acting.mode, action, target),
            scopes: words(&actor.ceiling),
            entries: Vec::new(),
            place: policy.place_of(&format!("/actors/{}", actor.id)),
        });
    }
    let scopes = &acting.token.scopes;
    let (takes, gives): (Vec<_>, Vec<_>) = words(scopes).into_iter().partition(|w| w.subtracts);
    let token = Ceiling::of_token;
    let subtracted = acting.token.bad_scope || scopes.subtracts(action, target);
    if subtracted || !takes.is_empty() {
        ceilings.push(token(CeilingOf::TokenSubtracts, !subtracted, takes));
    }
    if acting.issuer.token_scopes == TokenScopes::Claims {
        ceilings.push(token(CeilingOf::Token, scopes.covers(action, target), gives));
    }
    ceilings
}

fn subject(policy: &Policy, acting: &Acting<'_>, action: Action, target: Target) -> Ceiling {
    let subjects = policy.subjects.as_deref();
    let groups = &acting.token.groups;
    let entries = (0..).zip(subjects.unwrap_or_default()).map(|(at, entry): (usize, _)| {
        let applies = entry.groups.as_ref().map_or(Some(true), |wanted| is_member(groups, wanted));
        SubjectSays {
            groups: entry.groups.clone(),
            applies: applies.map_or(Truth::Unknown, super::truth),
            scopes: words(policy, &entry.scopes, action, target),
            place: policy.place_of(&format!("/subjects/{at}")),
        }
    });
    Ceiling {
        of: CeilingOf::Subject,
        within: super::truth(
            subjects.is_none_or(|all| within_subjects(all, groups, action, target)),
        ),
        lifted: false,
        scopes: Vec::new(),
        entries: entries.collect(),
        place: subjects.map_or(Place::default(), |_| policy.place_of("/subjects")),
    }
}

fn words(policy: &Policy, set: &ScopeSet, action: Action, target: Target) -> Vec<ScopeWord> {
    let name =
        |id| policy.targets.iter().find(|(_, known)| **known == id).map(|(name, _)| name.as_str());
    set.scopes(&name)
        .map(|(text, reach)| ScopeWord {
            text,
            subtracts: reach.subtracts,
            speaks: reach.speaks_of(action, target),
        })
        .collect()
}
