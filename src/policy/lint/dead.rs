//! Rules that can never matter: nothing leads to them, nobody comes so far, or their condition is
//! never true.

use super::possible::Possible;
use super::{Lint, listed, member};
use crate::policy::compiled::RuleEntry;
use crate::policy::condition::{Condition, Part, Shown, Truth};
use crate::policy::document::Effect;

impl Lint<'_> {
    pub(super) fn dead(&mut self) {
        for number in 0..u32::try_from(self.policy.rules.len()).unwrap_or(u32::MAX) {
            self.dead_rule(number);
        }
    }

    fn dead_rule(&mut self, number: u32) {
        let Some(rule) = self.policy.rules.get(number as usize) else { return };
        let Some(pointer) = self.policy.rule_pointer(number) else { return };
        let pairs = self.pairs(number);
        let kinds = || self.kinds.meaning(pairs);
        if kinds().next().is_none() {
            if self.policy.actors.is_empty() {
                return;
            }
            let actions: Vec<&str> = rule.actions.iter().map(|action| action.name()).collect();
            let resources: Vec<&str> = {
                let mut names: Vec<&str> = pairs.iter().map(|(at, _)| self.resource(*at)).collect();
                names.dedup();
                names
            };
            let message = format!(
                "`{}` can never match: no path leads to {} on {}",
                rule.id,
                listed(actions),
                listed(resources)
            );
            let why = "an action is what a path's `methods` make of a method; without them GET and HEAD \
                       are read, POST, PUT and PATCH write, DELETE delete, and nothing is admin";
            let fix = "name the method under `methods` of a path, or take the rule out";
            let pointer =
                if pointer.starts_with("/rules/") { member(&pointer, "actions") } else { pointer };
            self.add("never-matches", &pointer, message, why, fix);
            return;
        }
        let when = rule.when.as_ref();
        let contradiction = when.and_then(Condition::contradiction);
        let open = contradiction.is_none() && kinds().any(|kind| kind.can_be_true(when));
        match (rule.effect, open) {
            (Effect::Allow, false) => self.never_true(number, contradiction),
            (Effect::Deny, false) => {
                let definite = contradiction.is_some()
                    || kinds().all(|kind| kind.verdict(when).truth == Truth::False);
                match definite {
                    true => self.never_true(number, contradiction),
                    false => self.always_denies(number),
                }
            }
            (Effect::Allow, true) => {
                let reaches =
                    |kind: &Possible<'_>| kind.can_be_true(when) && kind.is_within(self.policy);
                if !kinds().any(|kind| reaches(&kind)) {
                    self.beyond(rule, &pointer);
                }
            }
            (Effect::Deny, true) => {}
        }
    }

    fn never_true(&mut self, number: u32, contradiction: Option<(String, String)>) {
        let Some(rule) = self.policy.rules.get(number as usize) else { return };
        let Some(pointer) = self.policy.rule_pointer(number) else { return };
        let at = member(&pointer, "when");
        let effect = match rule.effect {
            Effect::Allow => "allows",
            Effect::Deny => "denies",
        };
        let why = format!("only a condition that is true {effect}, so the rule says nothing");
        if let Some((one, other)) = contradiction {
            let message = format!(
                "`{}` can never match: `{one}` and `{other}` are never true together",
                rule.id
            );
            let fix = "write `||` where either is meant, or take one of them out";
            return self.add("never-matches", &at, message, why, fix);
        }
        let Some(when) = &rule.when else { return };
        let (blamed, unknown) = self.blame(when, number);
        match unknown.as_slice() {
            [] => {
                let message = format!(
                    "`{}` can never match: `{blamed}` is false of every request it \
                                       speaks of",
                    rule.id
                );
                let fix = "compare with a value that can occur, or take the rule out";
                self.add("never-matches", &at, message, why, fix);
            }
            names => {
                let names = listed(names.iter().map(String::as_str));
                let message = format!(
                    "`{}` can never match: {names} is never known where it speaks",
                    rule.id
                );
                let fix = "declare where it comes from for these actions (`lookup` tells before a request \
                           is forwarded, `response` only of a GET), or speak of other actions";
                self.add("never-matches", &at, message, why, fix);
            }
        }
    }

    fn always_denies(&mut self, number: u32) {
        let Some(rule) = self.policy.rules.get(number as usize) else { return };
        let Some(pointer) = self.policy.rule_pointer(number) else { return };
        let Some(when) = &rule.when else { return };
        let (_, unknown) = self.blame(when, number);
        let names = listed(unknown.iter().map(String::as_str));
        let subject = if names.is_empty() { "what it asks for".to_owned() } else { names };
        self.add(
            "always-denies",
            &member(&pointer, "when"),
            format!("`{}` denies everything it speaks of: {subject} is never known there", rule.id),
            "a deny whose condition is unknown denies, for only a definite false spares",
            "declare where it comes from for these actions, or write the deny without a condition if it \
             is meant",
        );
    }

    fn beyond(&mut self, rule: &RuleEntry, pointer: &str) {
        let actions: Vec<&str> = rule.actions.iter().map(|action| action.name()).collect();
        self.add(
            "beyond-every-agent",
            pointer,
            format!("`{}` allows what no agent may do: {}", rule.id, listed(actions)),
            "scopes are ceilings that are checked whichever rule allows, and those of `actors` and \
             `subjects` leave no room for it; only a grant could lift an agent's",
            "give an agent and its users the scope, or take the rule out",
        );
    }
}

impl Lint<'_> {
    /// The test that keeps a rule's condition from being true, and the names in it that are never
    /// known.
    fn blame(&self, when: &Condition, number: u32) -> (String, Vec<String>) {
        let mut kinds = self.kinds.meaning(self.pairs(number));
        let Some(kind) = kinds.find(|kind| !kind.can_be_true(Some(when))) else {
            return (when.source().to_owned(), Vec::new());
        };
        let mut part = when.trace(&kind);
        // Down to what settles it: a part that is not true, and waits for nothing.
        while let Some(inner) = part.parts.iter().find(|inner| settles(&part, inner)) {
            part = inner.clone();
        }
        let unknown = part.values.iter().filter(|looked| looked.value == Shown::Unknown);
        let unknown = unknown.map(|looked| looked.name.clone()).collect();
        (part.text, if part.truth == Truth::Unknown { unknown } else { Vec::new() })
    }
}

fn settles(whole: &Part, inner: &Part) -> bool {
    use crate::policy::condition::PartKind;
    let negated = whole.kind == PartKind::Not;
    let bad = if negated { Truth::True } else { Truth::False };
    inner.truth == bad || (inner.truth == Truth::Unknown && inner.waits_for.is_empty())
}
