//! Rule 3: rights are an intersection, and `no:` always subtracts.

use super::actor::Acting;
use crate::identity::ClaimState;
use crate::policy::compiled::{Policy, SubjectCeiling};
use crate::policy::document::{ActorMode, TokenScopes};
use crate::policy::scope::{Target, TargetId};
use crate::policy::value::Value;
use crate::request::{Action, Grant};
use crate::time::Timestamp;

/// Whether the ceilings leave room for one action on one type.
pub(super) struct Ceilings {
    /// Every ceiling that no further scope in a token could lift leaves room.
    pub(super) within: bool,
    /// So do the token's own scopes.
    pub(super) token_reaches: bool,
}

impl Ceilings {
    pub(super) fn of(
        policy: &Policy,
        acting: &Acting<'_>,
        action: Action,
        resource: TargetId,
        granted: Granted<'_>,
    ) -> Self {
        let target = Target { resource, tool: None };
        let token = &acting.token.scopes;
        let actors = acting.chain.iter().all(|(entry, _)| {
            policy.actors.get(entry as usize).is_some_and(|actor| {
                let covers = actor.ceiling.covers(action, target)
                    || granted.lifts(acting.mode, action, target);
                covers && !actor.ceiling.subtracts(action, target)
            })
        });
        let subject = match (&policy.subjects, acting.mode) {
            (Some(subjects), ActorMode::Delegated) => {
                within_subjects(subjects, &acting.token.groups, action, target)
            }
            (None, ActorMode::Delegated) | (_, ActorMode::Independent) => true,
        };
        let unlimited = acting.issuer.token_scopes == TokenScopes::None;
        Self {
            within: actors && subject && !token.subtracts(action, target),
            token_reaches: unlimited || token.covers(action, target),
        }
    }
}

/// Rule 7: a grant lifts actor ceilings while it lasts, and nothing else.
#[derive(Clone, Copy)]
pub(super) struct Granted<'a>(Option<&'a Grant>);

impl<'a> Granted<'a> {
    /// The grant, if it counts now: in time, and with proof of its key in the same request.
    pub(super) fn now(grant: Option<&'a Grant>, now: Timestamp) -> Self {
        Self(
            grant.filter(|grant| grant.proved && now >= grant.not_before && now < grant.expires_at),
        )
    }

    /// Whether it lifts an actor's ceiling here. What a user's agent gains stays within the
    /// subject's and the token's scopes, which are checked apart; nobody's scopes bound an
    /// independent actor, so its grant is bounded by what the grant's issuer may give.
    fn lifts(self, mode: ActorMode, action: Action, target: Target) -> bool {
        self.0.is_some_and(|grant| {
            let may = match mode {
                ActorMode::Delegated => true,
                ActorMode::Independent => grant.may_grant.covers(action, target),
            };
            may && grant.scopes.covers(action, target)
        })
    }
}

/// What a user's groups allow together. Groups that are withheld give nothing, and may still take:
/// an entry that subtracts counts unless it is known not to apply.
fn within_subjects(
    subjects: &[SubjectCeiling],
    groups: &ClaimState,
    action: Action,
    target: Target,
) -> bool {
    let mut covered = false;
    for entry in subjects {
        let applies = match &entry.groups {
            None => Some(true),
            Some(wanted) => is_member(groups, wanted),
        };
        if applies != Some(false) && entry.scopes.subtracts(action, target) {
            return false;
        }
        covered |= applies == Some(true) && entry.scopes.covers(action, target);
    }
    covered
}

/// `None` where the groups are not known.
fn is_member(groups: &ClaimState, wanted: &[String]) -> Option<bool> {
    let ClaimState::Known(Value::List(groups)) = groups else { return None };
    Some(groups.iter().any(|group| match group {
        Value::String(group) => wanted.contains(group),
        _ => false,
    }))
}
