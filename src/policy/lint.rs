//! What is suspicious about a policy that loads: each finding with its place, why, and a fix.

mod audience;
pub mod checklist;
mod dead;
mod names;
mod possible;
mod shadow;
mod tier;
mod unheard;

use super::compiled::{Policy, RuleEntry};
use super::document::Document;
use super::error::Place;
use super::walk;
use crate::request::Action;
use possible::Kinds;

/// One thing that is suspicious.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable, in kebab-case.
    pub code: &'static str,
    /// JSON pointer (RFC 6901) of what it is about.
    pub pointer: String,
    /// Where that stands; 0 where unknown.
    pub place: Place,
    /// What is suspicious: lower case, no full stop, the author's words in backticks.
    pub message: String,
    /// Why it matters.
    pub why: String,
    /// What to do about it.
    pub fix: String,
}

/// Every finding about a policy that was read from what an author wrote, by place. A policy that was
/// made and not read has none.
#[must_use]
pub fn lint(policy: &Policy) -> Vec<Finding> {
    let Some(source) = policy.source.clone() else { return Vec::new() };
    lint_document(policy, &walk::walk(&source).0)
}

/// As [`lint`], of a policy and the document it was compiled from.
#[must_use]
pub fn lint_document(policy: &Policy, document: &Document) -> Vec<Finding> {
    let mut lint = Lint::of(policy, document);
    lint.dead();
    lint.shadowed();
    lint.wider_than_names();
    lint.tiers();
    lint.unheard();
    lint.audiences();
    lint.subjects();
    lint.unequal();
    let mut found = lint.found;
    found.sort_by(|a, b| {
        (a.place, a.code, &a.pointer, &a.message).cmp(&(b.place, b.code, &b.pointer, &b.message))
    });
    found
}

/// A policy under review.
struct Lint<'a> {
    policy: &'a Policy,
    document: &'a Document,
    /// What each rule speaks of, in order.
    spoken: Vec<Vec<Pair>>,
    kinds: Kinds<'a>,
    found: Vec<Finding>,
}

/// A resource of the policy by its number, and an action.
type Pair = (u32, Action);

impl<'a> Lint<'a> {
    fn of(policy: &'a Policy, document: &'a Document) -> Self {
        let (spoken, kinds) = (policy.rule_pairs(), Kinds::of(policy));
        Self { policy, document, spoken, kinds, found: Vec::new() }
    }
}

impl Lint<'_> {
    fn add(
        &mut self,
        code: &'static str,
        pointer: &str,
        message: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.found.push(Finding {
            code,
            pointer: pointer.to_owned(),
            place: self.policy.place_of(pointer),
            message: message.into(),
            why: why.into(),
            fix: fix.into(),
        });
    }

    /// Every rule with its number and pointer.
    fn rules(&self) -> Vec<(u32, &RuleEntry, String)> {
        (0..)
            .zip(&self.policy.rules)
            .filter_map(|(at, rule)| Some((at, rule, self.policy.rule_pointer(at)?)))
            .collect()
    }

    /// What a rule speaks of.
    fn pairs(&self, number: u32) -> &[Pair] {
        self.spoken.get(number as usize).map_or(&[], Vec::as_slice)
    }

    fn resource(&self, number: u32) -> &str {
        self.policy.resources.get(number as usize).map_or("", |entry| &entry.id)
    }

    /// The load warns of both; here they have a name, a reason and a fix.
    fn subjects(&mut self) {
        let delegated =
            |actor: &super::document::Actor| actor.mode == super::document::ActorMode::Delegated;
        if self.document.subjects.is_none() && self.document.actors.values().any(delegated) {
            self.add(
                "no-subjects",
                "/identity",
                "nothing here says what a user may do",
                "without `subjects` the scopes of a token alone are the user's ceiling, and whoever \
                 issues tokens decides how far each agent reaches",
                "add `subjects:` with the groups of your directory and the scopes of each",
            );
        }
    }

    fn unequal(&mut self) {
        for number in (0_u32..).zip(&self.policy.resources).map(|(at, _)| at).collect::<Vec<_>>() {
            for action in Action::ALL {
                let numbers = self.policy.rules_for(number, action);
                let mut tiers: Vec<_> = numbers
                    .iter()
                    .filter_map(|at| Some((*at, self.policy.rules.get(*at as usize)?)))
                    .filter(|(_, rule)| rule.effect == super::document::Effect::Allow)
                    .map(|(at, rule)| (rule.approval_for(action).tier, rule.id.clone(), at))
                    .collect();
                tiers.sort_unstable();
                let (Some(weak), Some(strict)) = (tiers.first(), tiers.last()) else { continue };
                if weak.0 == strict.0 {
                    continue;
                }
                let pointer = self.policy.rule_pointer(weak.2).unwrap_or_default();
                let message = format!(
                    "`{}` asks for less approval than `{}` for `{action}` on `{}`",
                    weak.1,
                    strict.1,
                    self.resource(number)
                );
                self.add(
                    "unequal-approvals",
                    &pointer,
                    message,
                    "where both match the stricter applies, and it goes when its rule goes: taking a \
                     rule out would then allow more",
                    format!("give both `approval: {}`, or conditions that never hold together", strict.0.name()),
                );
            }
        }
    }
}

/// The JSON pointer of a member.
fn member(parent: &str, name: &str) -> String {
    format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// `a`, `b` and `c`, each in backticks.
fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests;
