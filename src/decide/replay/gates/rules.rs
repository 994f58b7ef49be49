//! What the rules come to, with every truth of the conditions that the record leaves open.

use super::{Gate, Judging};
use crate::decide::replay::side::{Completion, Side};
use crate::decide::replay::ties::Was;
use crate::decide::replay::{Answer, Possible};
use crate::decision::{Decision, Effect};
use crate::policy::condition::{Condition, Truth};
use crate::policy::document::{Effect as RuleEffect, Tier};
use std::collections::{BTreeMap, BTreeSet};

/// Conditions whose truths are tried in every combination.
const CONDITIONS: usize = 5;

impl Judging<'_> {
    pub(super) fn rules(&self, groups: &[Option<Vec<String>>], answer: &mut Answer) {
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
