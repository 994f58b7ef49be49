//! The steps of a decision after identity, each asked with every way the record can be completed
//! that fits what was recorded.

use super::identity::Chain;
use super::side::{Completion, Place, Side, place, recorded_place};
use super::{Answer, Assume, Possible, Replay, Told};
use crate::decide::replay::ties::Was;
use crate::decision::{Decision, Effect, Reason};
use crate::policy::condition::{Condition, Truth};
use crate::policy::document::{Effect as RuleEffect, Tier};
use std::collections::{BTreeMap, BTreeSet};

/// Conditions whose truths are tried in every combination.
const CONDITIONS: usize = 5;

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
        let (mut within, mut beyond) = (BTreeSet::new(), BTreeSet::new());
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
        if !beyond.is_empty() && !within.is_empty() {
            let by = |of: fn(&(Option<Vec<String>>, bool)) -> String| {
                within.iter().chain(&beyond).map(of).collect::<BTreeSet<_>>().len() > 1
            };
            if by(|(groups, _)| format!("{groups:?}")) {
                answer.lacks("groups");
            }
            if by(|(_, subtracts)| subtracts.to_string()) {
                answer.lacks("token scopes");
            }
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

    fn rules(&self, groups: &[Option<Vec<String>>], answer: &mut Answer) {
        // Groups decide nothing beyond the ceilings but what conditions ask, which are tried apart.
        let groups = groups.first().cloned().flatten();
        let open: Vec<&Condition> = self.new.open().map(|open| open.when).collect();
        let found = self.outcomes(&groups, &open);
        let effects: BTreeSet<bool> =
            found.iter().map(|(_, decision)| decision.effect == Effect::Allow).collect();
        let mut reaching: BTreeMap<bool, BTreeSet<Possible>> = BTreeMap::new();
        for (reaches, decision) in &found {
            reaching.entry(*reaches).or_default().insert(possible(decision));
        }
        if effects.len() > 1 || found.len() > 1 {
            for when in &open {
                self.new.lacks(when).iter().for_each(|name| answer.lacks(name));
            }
        }
        let mut sets = reaching.values();
        if let (Some(one), Some(other)) = (sets.next(), sets.next())
            && one != other
        {
            answer.lacks("token scopes");
        }
        answer.possible.extend(reaching.into_values().flatten());
    }

    /// Every decision that can be, and whether the token reached.
    fn outcomes(&self, groups: &Option<Vec<String>>, open: &[&Condition]) -> Vec<(bool, Decision)> {
        let mut texts: Vec<Key> = Vec::new();
        for when in open {
            push(&mut texts, self.key(when, true));
        }
        for open in self.was.iter().flat_map(Side::open) {
            push(&mut texts, self.key(open.when, false));
        }
        if texts.len() > CONDITIONS {
            return self.extremes(groups, open);
        }
        let fitting = self.tried(groups, &texts, true);
        // A record that its policy does not explain proves nothing.
        if fitting.is_empty() { self.tried(groups, &texts, false) } else { fitting }
    }

    /// All completions, of those that fit what was recorded.
    fn tried(
        &self,
        groups: &Option<Vec<String>>,
        texts: &[Key],
        must_fit: bool,
    ) -> Vec<(bool, Decision)> {
        let mut found: Vec<(bool, Decision)> = Vec::new();
        let unlimited = self.new.unlimited();
        for truths in assignments(texts.len()) {
            for missed in self.failures() {
                let good =
                    Completion { groups: groups.clone(), missed: *missed, ..Completion::GOOD };
                for reached in [true, false] {
                    let was = Completion { reaches: reached, ..good.clone() };
                    if must_fit && !self.fits_rules(&was, texts, &truths) {
                        continue;
                    }
                    let all = [true, false];
                    let reaches: &[bool] = match (unlimited, self.scopes_tied()) {
                        (true, _) => &[true],
                        (false, true) => {
                            if reached {
                                &[true]
                            } else {
                                &[false]
                            }
                        }
                        (false, false) => &all,
                    };
                    for reaches in reaches {
                        let new = Completion { reaches: *reaches, ..good.clone() };
                        let truth = |when: &Condition, _| self.truth(when, true, texts, &truths);
                        for decision in self.new.decide(&new, &truth) {
                            let one = (*reaches, decision);
                            if !found.contains(&one) {
                                found.push(one);
                            }
                        }
                    }
                }
            }
        }
        found
    }

    /// Whether a look-up failed: as may be.
    fn failures(&self) -> &'static [bool] {
        let asked = self.new.asks_look_ups() || self.was.as_ref().is_some_and(Side::asks_look_ups);
        if asked { &[false, true] } else { &[false] }
    }

    /// Whether the rules that were in force decide so.
    fn fits_rules(&self, was: &Completion, texts: &[Key], truths: &[Truth]) -> bool {
        if self.came_to != Some(Gate::Rules) {
            return true;
        }
        let Some(side) = &self.was else {
            // How far the token reached is told by the outcome alone.
            return match self.told.reason {
                "allowed-by-rule" | "allowed-with-tag" | "approval-required" => {
                    was.reaches || !self.assumed
                }
                "insufficient-scope" => !was.reaches || !self.assumed,
                _ => true,
            };
        };
        let was = Completion { reaches: was.reaches || side.unlimited(), ..was.clone() };
        let truth = |when: &Condition, _| self.truth(when, false, texts, truths);
        side.decide(&was, &truth).iter().any(|decision| {
            decision.effect == self.told.effect()
                && decision.reason.code() == self.told.reason
                && self.rules_fit(side, decision)
        })
    }

    fn rules_fit(&self, side: &Side<'_>, decision: &Decision) -> bool {
        let ids: Vec<&str> =
            decision.rules.iter().filter_map(|rule| side.policy.rule_id(*rule)).collect();
        !self.told.is_whole("rules") || ids == self.told.rules
    }

    /// What a condition is called: those that say the same in both policies by one name.
    fn key(&self, when: &Condition, new: bool) -> Key {
        let alike = self.was.as_ref().is_some_and(|was| {
            self.same && Was::condition_alike(when, was.resource, self.new.resource)
        });
        Key { text: when.source().to_owned(), new: alike || new }
    }

    fn truth(&self, when: &Condition, new: bool, texts: &[Key], truths: &[Truth]) -> Truth {
        let key = self.key(when, new);
        let at = texts.iter().position(|known| *known == key);
        at.and_then(|at| truths.get(at)).copied().unwrap_or(Truth::Unknown)
    }

    /// Where there are too many conditions to try all: what shows whether both effects can be. Allows
    /// and denies push one way each, but for approvals, which each allow may ask for.
    fn extremes(&self, groups: &Option<Vec<String>>, open: &[&Condition]) -> Vec<(bool, Decision)> {
        let mut found = Vec::new();
        for missed in self.failures() {
            for reaches in [true, false] {
                let (groups, missed) = (groups.clone(), *missed);
                let completion = Completion { groups, missed, reaches, ..Completion::GOOD };
                let mut add = |truth: &dyn Fn(&Condition, RuleEffect) -> Truth| {
                    found.extend(
                        self.new.decide(&completion, truth).into_iter().map(|one| (reaches, one)),
                    );
                };
                let is = |truth: bool| if truth { Truth::True } else { Truth::False };
                add(&|_, effect| is(effect == RuleEffect::Allow));
                add(&|_, _| Truth::False);
                add(&|_, _| Truth::Unknown);
                add(&|_, effect| is(effect == RuleEffect::Deny));
                for one in open {
                    add(&|when, effect| {
                        is(effect == RuleEffect::Allow && when.source() == one.source())
                    });
                }
            }
        }
        found
    }
}

/// A condition, and whether it is the new policy's alone or the old one's alone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    text: String,
    new: bool,
}

fn push(texts: &mut Vec<Key>, key: Key) {
    if !texts.contains(&key) {
        texts.push(key);
    }
}

fn possible(decision: &Decision) -> Possible {
    Possible {
        allowed: decision.effect == Effect::Allow,
        reason: Some(decision.reason),
        rules: decision.rules.clone(),
        tier: decision.approval.map_or(Tier::None, |need| need.tier),
    }
}

/// Every subset of the groups, and that they are withheld.
fn combinations(names: &BTreeSet<&str>) -> Vec<Option<Vec<String>>> {
    if names.is_empty() || names.len() > GROUPS {
        return vec![None];
    }
    let mut all = vec![Some(Vec::new())];
    for name in names {
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

/// Every assignment of truths to so many conditions.
fn assignments(count: usize) -> Vec<Vec<Truth>> {
    let mut all = vec![Vec::new()];
    for _ in 0..count {
        all = all
            .into_iter()
            .flat_map(|truths: Vec<Truth>| {
                [Truth::True, Truth::False, Truth::Unknown]
                    .into_iter()
                    .map(move |truth| truths.iter().copied().chain([truth]).collect::<Vec<_>>())
            })
            .collect();
    }
    all
}
