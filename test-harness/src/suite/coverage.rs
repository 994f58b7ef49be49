//! What of a policy its tests reach: rules that decide, and conditions' parts seen true and false.

use crate::scenario::Observed;
use ambit::policy::Policy;
use ambit::policy::condition::{PartKind, Truth};
use ambit::trace::Trace;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the tests of some policies reached, by policy file.
#[derive(Clone, Debug, Default)]
pub struct Coverage(BTreeMap<String, Vec<RuleCoverage>>);

/// What the tests reached of one rule.
#[derive(Clone, Debug)]
pub struct RuleCoverage {
    /// Its id.
    pub id: String,
    /// `file:line`.
    pub place: String,
    /// Whether some request was decided by it.
    pub decisive: bool,
    /// The parts of its condition.
    pub branches: Vec<BranchCoverage>,
}

/// What the tests reached of one part of a condition.
#[derive(Clone, Debug)]
pub struct BranchCoverage {
    number: u32,
    /// The text.
    pub text: String,
    /// Whether it was needed, and true.
    pub seen_true: bool,
    /// Whether it was needed, and false.
    pub seen_false: bool,
}

impl Coverage {
    /// Nothing of a policy yet.
    pub(super) fn of(file: &str, policy: &Policy) -> Self {
        let branches = policy.branches();
        let rule = |(number, id): (u32, &str)| RuleCoverage {
            id: id.to_owned(),
            place: format!("{file}:{}", policy.rule_place(number).line),
            decisive: false,
            branches: branches
                .iter()
                .filter(|branch| branch.rule == number && branch.part.kind != PartKind::Constant)
                .map(|branch| BranchCoverage {
                    number: branch.part.number,
                    text: branch.part.text.clone(),
                    seen_true: false,
                    seen_false: false,
                })
                .collect(),
        };
        Self(BTreeMap::from([(file.to_owned(), (0..).zip(policy.rule_ids()).map(rule).collect())]))
    }

    /// Counts what one request reached of a policy.
    pub(super) fn count(&mut self, file: &str, observed: &Observed, trace: Option<&Trace>) {
        let decisive = observed.rules();
        let seen = trace.map(Trace::seen).unwrap_or_default();
        let Some(rules) = self.0.get_mut(file) else { return };
        for (number, rule) in (0..).zip(rules) {
            rule.decisive |= decisive.contains(&rule.id);
            for (_, part, truth) in seen.iter().filter(|(of, ..)| *of == number) {
                let branch = rule.branches.iter_mut().find(|branch| branch.number == *part);
                if let Some(branch) = branch {
                    branch.seen_true |= *truth == Truth::True;
                    branch.seen_false |= *truth == Truth::False;
                }
            }
        }
    }

    /// Adds what another suite reached, of the same policy or of another.
    pub fn merge(&mut self, other: &Self) {
        for (file, rules) in &other.0 {
            let Some(known) = self.0.get_mut(file) else {
                self.0.insert(file.clone(), rules.clone());
                continue;
            };
            for (known, more) in known.iter_mut().zip(rules) {
                known.decisive |= more.decisive;
                for (known, more) in known.branches.iter_mut().zip(&more.branches) {
                    known.seen_true |= more.seen_true;
                    known.seen_false |= more.seen_false;
                }
            }
        }
    }

    /// Every rule of every policy.
    pub fn rules(&self) -> impl Iterator<Item = &RuleCoverage> {
        self.0.values().flatten()
    }

    /// Rules that decided nothing.
    pub fn never_decisive(&self) -> impl Iterator<Item = &RuleCoverage> {
        self.rules().filter(|rule| !rule.decisive)
    }

    /// Parts of conditions that were never seen true, or never false: the rule, the text, and which.
    pub fn never_seen(&self) -> impl Iterator<Item = (&RuleCoverage, &str, &'static str)> {
        self.rules().flat_map(|rule| {
            rule.branches.iter().filter_map(move |branch| {
                let which = match (branch.seen_true, branch.seen_false) {
                    (true, true) => return None,
                    (false, true) => "true",
                    (true, false) => "false",
                    (false, false) => "true nor false",
                };
                Some((rule, branch.text.as_str(), which))
            })
        })
    }

    /// Rules that decided and all rules; truths of conditions' parts that were seen, and all.
    #[must_use]
    pub fn counts(&self) -> [usize; 4] {
        let decisive = self.rules().filter(|rule| rule.decisive).count();
        let branches = || self.rules().flat_map(|rule| &rule.branches);
        let seen = branches().filter(|branch| branch.seen_true).count();
        let seen = seen.saturating_add(branches().filter(|branch| branch.seen_false).count());
        [decisive, self.rules().count(), seen, branches().count().saturating_mul(2)]
    }

    /// How much of the rules and of the truths of conditions' parts was reached, of 100.
    #[must_use]
    pub fn percent(&self) -> f64 {
        let [decisive, rules, seen, truths] = self.counts();
        let as_float = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let (reached, all) = (decisive.saturating_add(seen), rules.saturating_add(truths));
        if all == 0 { 100.0 } else { as_float(reached) * 100.0 / as_float(all) }
    }

    /// What was reached, in a line, and what was not.
    #[must_use]
    pub fn described(&self) -> String {
        let [decisive, rules, seen, truths] = self.counts();
        let mut text = format!("rules: {decisive}/{rules} decisive");
        if truths > 0 {
            text.push_str(&format!("   conditions: {seen}/{truths} truths seen"));
        }
        text.push('\n');
        for rule in self.never_decisive() {
            text.push_str(&format!("  never decisive: `{}` ({})\n", rule.id, rule.place));
        }
        for (rule, part, which) in self.never_seen() {
            text.push_str(&format!(
                "  never {which}: `{part}` of `{}` ({})\n",
                rule.id, rule.place
            ));
        }
        text
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let branch = |branch: &BranchCoverage| json!({ "text": branch.text, "true": branch.seen_true, "false": branch.seen_false });
        let rule = |rule: &RuleCoverage| {
            json!({
                "rule": rule.id, "place": rule.place, "decisive": rule.decisive,
                "branches": rule.branches.iter().map(branch).collect::<Vec<Value>>(),
            })
        };
        json!({ "percent": self.percent(), "rules": self.rules().map(rule).collect::<Vec<Value>>() })
    }
}
