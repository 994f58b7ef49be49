//! What of a policy its tests reach: rules that decide, conditions' parts seen true and false, and
//! permissions that are asked for.

use crate::scenario::Observed;
use ambit::matrix::{Field, Outcome, matrix};
use ambit::policy::Policy;
use ambit::policy::condition::{PartKind, Truth};
use ambit::request::Action;
use ambit::trace::Trace;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the tests of some policies reached, by policy file.
#[derive(Clone, Debug, Default)]
pub struct Coverage(BTreeMap<String, PolicyCoverage>);

/// What the tests reached of one policy.
#[derive(Clone, Debug, Default)]
struct PolicyCoverage {
    rules: Vec<RuleCoverage>,
    permissions: Vec<PermissionCoverage>,
}

/// Whether the tests asked for something that an agent may do, or may do at times.
#[derive(Clone, Debug)]
pub struct PermissionCoverage {
    /// The agent.
    pub actor: String,
    /// What it may do.
    pub action: Action,
    /// To what.
    pub resource: String,
    /// The policy's file.
    pub file: String,
    /// Whether some request asked for it.
    pub asked: bool,
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
        let permission = |field: Field| PermissionCoverage {
            actor: field.actor,
            action: field.action,
            resource: field.resource,
            file: file.to_owned(),
            asked: false,
        };
        let fields = matrix(policy).into_iter();
        let possible = fields.filter(|field| !matches!(field.outcome, Outcome::Deny(_)));
        let policy = PolicyCoverage {
            rules: (0..).zip(policy.rule_ids()).map(rule).collect(),
            permissions: possible.map(permission).collect(),
        };
        Self(BTreeMap::from([(file.to_owned(), policy)]))
    }

    /// Counts what one request reached of a policy.
    pub(super) fn count(&mut self, file: &str, observed: &Observed, trace: &Trace) {
        let decisive = observed.rules();
        let seen = trace.seen();
        let Some(policy) = self.0.get_mut(file) else { return };
        let record = observed.record();
        let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str);
        for permission in &mut policy.permissions {
            permission.asked |= text("/action") == Some(permission.action.name())
                && text("/resource/type") == Some(&permission.resource)
                && text("/actors/0") == Some(&permission.actor)
                && text("/actors/1").is_none();
        }
        for (number, rule) in (0..).zip(&mut policy.rules) {
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
        for (file, policy) in &other.0 {
            let Some(known) = self.0.get_mut(file) else {
                self.0.insert(file.clone(), policy.clone());
                continue;
            };
            for (known, more) in known.permissions.iter_mut().zip(&policy.permissions) {
                known.asked |= more.asked;
            }
            for (known, more) in known.rules.iter_mut().zip(&policy.rules) {
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
        self.0.values().flat_map(|policy| &policy.rules)
    }

    /// Everything that an agent may do, or may do at times.
    pub fn permissions(&self) -> impl Iterator<Item = &PermissionCoverage> {
        self.0.values().flat_map(|policy| &policy.permissions)
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

    /// Reached and all: rules, truths of conditions' parts, permissions.
    #[must_use]
    pub fn counts(&self) -> [(usize, usize); 3] {
        let rules = (self.rules().filter(|rule| rule.decisive).count(), self.rules().count());
        let branches = || self.rules().flat_map(|rule| &rule.branches);
        let seen = branches().filter(|branch| branch.seen_true).count();
        let seen = seen.saturating_add(branches().filter(|branch| branch.seen_false).count());
        let asked = self.permissions().filter(|permission| permission.asked).count();
        [rules, (seen, branches().count().saturating_mul(2)), (asked, self.permissions().count())]
    }

    /// How much was reached, of 100.
    #[must_use]
    pub fn percent(&self) -> f64 {
        let counts = self.counts();
        let reached = counts.iter().fold(0_usize, |sum, (reached, _)| sum.saturating_add(*reached));
        let all = counts.iter().fold(0_usize, |sum, (_, all)| sum.saturating_add(*all));
        let as_float = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        if all == 0 { 100.0 } else { as_float(reached) * 100.0 / as_float(all) }
    }

    /// What was reached, in a line, and what was not.
    #[must_use]
    pub fn described(&self) -> String {
        let [(decisive, rules), (seen, truths), (asked, permissions)] = self.counts();
        let mut text = format!("rules: {decisive}/{rules} decisive");
        if truths > 0 {
            text.push_str(&format!("   conditions: {seen}/{truths} truths seen"));
        }
        text.push_str(&format!("   permissions: {asked}/{permissions} asked\n"));
        for rule in self.never_decisive() {
            text.push_str(&format!("  never decisive: `{}` ({})\n", rule.id, rule.place));
        }
        for (rule, part, which) in self.never_seen() {
            text.push_str(&format!(
                "  never {which}: `{part}` of `{}` ({})\n",
                rule.id, rule.place
            ));
        }
        for PermissionCoverage { actor, action, resource, file, .. } in
            self.permissions().filter(|permission| !permission.asked)
        {
            text.push_str(&format!("  never asked: `{actor}` {action} `{resource}` ({file})\n"));
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
        let permission = |permission: &PermissionCoverage| {
            json!({
                "policy": permission.file, "actor": permission.actor,
                "action": permission.action.name(), "resource": permission.resource,
                "asked": permission.asked,
            })
        };
        json!({
            "percent": self.percent(),
            "rules": self.rules().map(rule).collect::<Vec<Value>>(),
            "permissions": self.permissions().map(permission).collect::<Vec<Value>>(),
        })
    }
}
