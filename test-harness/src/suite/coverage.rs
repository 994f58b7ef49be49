//! What of a policy its tests decide by.

use super::PolicyLines;
use crate::scenario::Observed;
use ambit::policy::Policy;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the tests of some policies reached.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// By policy file.
    policies: BTreeMap<String, Vec<RuleCoverage>>,
    current: String,
}

/// What the tests reached of one rule.
#[derive(Clone, Debug)]
pub struct RuleCoverage {
    /// Its id.
    pub id: String,
    /// `file:line`.
    pub place: String,
    /// Whether some request was decided by it.
    pub decisive: bool,
}

impl Coverage {
    /// Nothing of a policy yet.
    pub(super) fn of(file: &str, policy: &Policy, lines: &PolicyLines) -> Self {
        let rule = |id: &str| RuleCoverage {
            id: id.to_owned(),
            place: lines.place(id),
            decisive: false,
        };
        let rules = policy.rule_ids().map(rule).collect();
        Self {
            policies: BTreeMap::from([(file.to_owned(), rules)]),
            current: file.to_owned(),
        }
    }

    /// Counts what one request reached.
    pub(super) fn count(&mut self, observed: &Observed) {
        let rules = observed.rules();
        for known in self.policies.get_mut(&self.current).into_iter().flatten() {
            known.decisive |= rules.contains(&known.id);
        }
    }

    /// Adds what other suites reached, of the same policies or of others.
    pub fn merge(&mut self, other: &Self) {
        for (file, rules) in &other.policies {
            match self.policies.get_mut(file) {
                None => {
                    self.policies.insert(file.clone(), rules.clone());
                }
                Some(known) => {
                    for (known, more) in known.iter_mut().zip(rules) {
                        known.decisive |= more.decisive;
                    }
                }
            }
        }
    }

    /// Every rule of every policy.
    pub fn rules(&self) -> impl Iterator<Item = &RuleCoverage> {
        self.policies.values().flatten()
    }

    /// How much of the rules was reached, of 100.
    #[must_use]
    pub fn percent(&self) -> f64 {
        let all = self.rules().count();
        let reached = all.saturating_sub(self.never_decisive().count());
        let as_float = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        if all == 0 { 100.0 } else { as_float(reached) * 100.0 / as_float(all) }
    }

    /// What was reached, in a line, and what was not.
    #[must_use]
    pub fn described(&self) -> String {
        let all = self.rules().count();
        let silent: Vec<&RuleCoverage> = self.never_decisive().collect();
        let mut text = format!("rules: {}/{all} decisive\n", all.saturating_sub(silent.len()));
        for rule in silent {
            text.push_str(&format!("  never decisive: `{}` ({})\n", rule.id, rule.place));
        }
        text
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let rules: Vec<Value> = self
            .rules()
            .map(|rule| json!({ "rule": rule.id, "place": rule.place, "decisive": rule.decisive }))
            .collect();
        json!({ "percent": self.percent(), "rules": rules })
    }

    /// Rules that decided nothing.
    pub fn never_decisive(&self) -> impl Iterator<Item = &RuleCoverage> {
        self.rules().filter(|rule| !rule.decisive)
    }
}
