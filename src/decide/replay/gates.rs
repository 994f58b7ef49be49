//! The steps of a decision after identity, each asked with every way the record can be completed
//! that fits what was recorded.

mod rules;

use super::identity::Chain;
use super::place::{Place, place, recorded_place};
use super::side::{Completion, Side};
use super::{Answer, Assume, Replay, Told};
use crate::decide::replay::ties::Was;
use crate::decision::Reason;
use std::collections::BTreeSet;

/// Somebody's groups, and whether the token subtracts what is asked.
type Way = (Option<Vec<String>>, bool);

/// Groups that are tried in every combination.
const GROUPS: usize = 8;

/// The steps of a decision after identity, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Gate {
    Mapping,
    Audience,
    BadScope,
    Ceilings,
    Rules,
}

/// How far a recorded request came, and whether it failed there. `None` where the record does not
/// say.
fn came_to(recorded: Option<Reason>) -> Option<Gate> {
    Some(match recorded? {
        Reason::UnmappedRequest => Gate::Mapping,
        Reason::WrongAudience => Gate::Audience,
        Reason::BadScope => Gate::BadScope,
        Reason::BeyondCeiling => Gate::Ceilings,
        Reason::AllowedByRule
        | Reason::AllowedWithTag
        | Reason::ApprovalRequired
        | Reason::Denied
        | Reason::InsufficientScope
        | Reason::LookupUnavailable
        | Reason::NotAllowed
        | Reason::ObligationUnsupported => Gate::Rules,
        _ => return None,
    })
}

/// The new policy's view, and the old one's where it helps.
struct Judging<'a> {
    told: &'a Told<'a>,
    came_to: Option<Gate>,
    new: Side<'a>,
    was: Option<Side<'a>>,
    /// Whether the token is read as it was, so that its scopes and audiences are what they were.
    same: bool,
    assumed: bool,
}

impl<'r> Replay<'r> {
    pub(super) fn judge(
        &self,
        told: &Told<'_>,
        recorded: Option<Reason>,
        (chain, same): (&Chain, bool),
        assume: Assume,
        answer: &mut Answer,
    ) {
        let routes_alike = self.was().is_some_and(|was| was.routes);
        let new_place = match place(&self.new.policy, told) {
            Place::Unknown if routes_alike => recorded_place(&self.new.policy, told),
            other => other,
        };
        match &new_place {
            Place::Found { .. } => {}
            Place::Unmapped => return answer.deny(Some(Reason::UnmappedRequest)),
            Place::Unknown => {
                answer.lacks("path");
                answer.deny(None);
                answer.allow_perhaps();
                return;
            }
        }
        let Some(new) = Side::new(&self.new.policy, told, chain.clone(), new_place, same) else {
            return answer.deny(Some(Reason::UnmappedRequest));
        };
        let was = self.was().filter(|_| same).and_then(|was| was_side(was, told));
        let judging = Judging {
            told,
            came_to: came_to(recorded),
            new,
            was,
            same,
            assumed: self.was().is_none() && assume == Assume::Identity,
        };
        // What was refused for its own bytes after it was decided would be again, if it came so far.
        if let (None, Some(reason)) = (judging.came_to, recorded)
            && !told.actors.is_empty()
        {
            answer.deny(Some(reason));
            answer.lacks("body and headers");
        }
        judging.pass(answer);
    }
}

/// What the policy that was in force made of the request.
fn was_side<'a>(was: &Was<'a>, told: &'a Told<'a>) -> Option<Side<'a>> {
    let policy = was.policy();
    let by_id = |id: &str| (0..).zip(&policy.actors).find(|(_, actor)| actor.id == id);
    let chain: Option<Chain> = told
        .actors
        .iter()
        .enumerate()
        .map(|(at, id)| match by_id(id) {
            Some((entry, _)) => Some((entry, id.clone())),
            // An installation goes by its own name; where several agents are told by claims, which
            // of them it is stands in no record.
            None if at == 0 => {
                let issuer =
                    policy.issuers.iter().position(|issuer| issuer.issuer == told.issuer)?;
                match policy.names.get(issuer)?.dynamic.as_slice() {
                    [(entry, _)] => Some((*entry, id.clone())),
                    _ => None,
                }
            }
            None => None,
        })
        .collect();
    let found = match place(policy, told) {
        Place::Unknown => recorded_place(policy, told),
        other => other,
    };
    Side::new(policy, told, chain?, found, true)
}

impl Judging<'_> {
    fn pass(&self, answer: &mut Answer) {
        if !self.gate(
            Gate::Audience,
            "token audience",
            Reason::WrongAudience,
            self.audience_tied(),
            answer,
        ) || !self.gate(
            Gate::BadScope,
            "token scopes",
            Reason::BadScope,
            self.bad_scope_tied(),
            answer,
        ) {
            return;
        }
        let groups = self.ceilings(answer);
        if let Some(groups) = groups {
            self.rules(&groups, answer);
        }
    }

    /// A step that the token alone decides, one way or the other: whether it may be passed.
    fn gate(
        &self,
        gate: Gate,
        lacks: &str,
        reason: Reason,
        tied: bool,
        answer: &mut Answer,
    ) -> bool {
        match self.came_to.filter(|_| tied) {
            Some(came_to) if came_to > gate => true,
            Some(came_to) if came_to == gate => {
                answer.deny(Some(reason));
                false
            }
            _ => {
                answer.deny(Some(reason));
                answer.lacks(lacks);
                true
            }
        }
    }

    fn audience_tied(&self) -> bool {
        let assumed = self.assumed && self.told.resource == self.new.resource.id;
        let alike = |was: &Side<'_>| was.resource.audience == self.new.resource.audience;
        self.same && (assumed || self.was.as_ref().is_some_and(alike))
    }

    fn bad_scope_tied(&self) -> bool {
        let known = |was: &Side<'_>| {
            let names =
                |side: &Side<'_>| side.policy.targets.keys().cloned().collect::<BTreeSet<_>>();
            let (before, after) = (names(was), names(&self.new));
            match self.came_to {
                // A type that is new may be what was not understood.
                Some(Gate::BadScope) => before == after,
                _ => before.is_subset(&after),
            }
        };
        self.same && (self.assumed || self.was.as_ref().is_some_and(known))
    }

    /// Whether the token's scopes say of what is asked now what they said of what was recorded.
    fn scopes_tied(&self) -> bool {
        self.same
            && self.told.action == self.new.action.name()
            && self.told.resource == self.new.resource.id
            && (self.assumed || self.was.is_some())
    }

    /// The groups with which the ceilings leave room; `None` where they never do.
    fn ceilings(&self, answer: &mut Answer) -> Option<Vec<Option<Vec<String>>>> {
        let mut names = self.new.groups();
        names.extend(self.was.iter().flat_map(Side::groups));
        let combinations = combinations(&names);
        let (mut within, mut beyond) = (BTreeSet::<Way>::new(), BTreeSet::<Way>::new());
        let mut consistent = false;
        for groups in &combinations {
            for subtracted in [false, true] {
                let was = Completion {
                    groups: groups.clone(),
                    subtracts: subtracted,
                    ..Completion::GOOD
                };
                if !self.fits_ceilings(&was) {
                    continue;
                }
                consistent = true;
                let subtracts: &[bool] =
                    if self.scopes_tied() { &[subtracted] } else { &[false, true] };
                for subtracts in subtracts {
                    let new = Completion { subtracts: *subtracts, ..was.clone() };
                    let side = if self.new.within(&new) { &mut within } else { &mut beyond };
                    side.insert((groups.clone(), *subtracts));
                }
            }
        }
        if !consistent || names.len() > GROUPS {
            // Too many to try, or a record that its policy does not explain: it proves nothing.
            within.insert((None, false));
            beyond.insert((None, true));
        }
        if !beyond.is_empty() {
            answer.deny(Some(Reason::BeyondCeiling));
        }
        // What is lacking is what alone makes the difference.
        let differ = |alike: fn(&Way, &Way) -> bool| {
            within.iter().any(|one| beyond.iter().any(|other| alike(one, other)))
        };
        if differ(|one, other| one.1 == other.1) {
            answer.lacks("groups");
        }
        if differ(|one, other| one.0 == other.0) {
            answer.lacks("token scopes");
        }
        (!within.is_empty()).then(|| within.into_iter().map(|(groups, _)| groups).collect())
    }

    /// Whether the ceilings that were in force let the request come as far as it came.
    fn fits_ceilings(&self, was: &Completion) -> bool {
        let side = match &self.was {
            Some(side) => side,
            None if self.assumed => {
                let passed = self.came_to.is_some_and(|gate| gate > Gate::Ceilings);
                // Ceilings of actors may be what changed; the user's and the token's did not.
                return !passed || (!was.subtracts && self.new.subject_within(was));
            }
            None => return true,
        };
        match self.came_to {
            Some(Gate::Ceilings) => !side.within(was),
            Some(Gate::Rules) => side.within(was),
            _ => true,
        }
    }
}

/// Every subset of the groups, and that they are withheld.
fn combinations(names: &BTreeSet<&str>) -> Vec<Option<Vec<String>>> {
    // That somebody is in no group is known of those whose groups are.
    let mut all = vec![Some(Vec::new())];
    for name in names.iter().filter(|_| names.len() <= GROUPS) {
        let with: Vec<_> = all
            .iter()
            .flatten()
            .map(|groups: &Vec<String>| {
                Some(groups.iter().cloned().chain([(*name).to_owned()]).collect())
            })
            .collect();
        all.extend(with);
    }
    all.push(None);
    all
}
