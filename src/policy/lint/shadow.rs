//! Rules that another rule makes idle.

use super::{Lint, Pair};
use crate::policy::compiled::RuleEntry;
use crate::policy::condition::Condition;
use crate::policy::document::{Effect, Tier};
use std::collections::BTreeMap;

/// Rules with the same tests on one pair that are looked at, and tests of which every choice is tried.
const MAX_ALIKE: usize = 64;
const MAX_TESTS: usize = 8;

/// Rules by a pair they speak of and all the tests of their condition.
type ByTests<'a> = BTreeMap<(Pair, Vec<&'a str>), Vec<u32>>;

impl Lint<'_> {
    pub(super) fn shadowed(&mut self) {
        let tests: Vec<Vec<String>> = self.policy.rules.iter().map(tests).collect();
        let mut by_tests: ByTests<'_> = BTreeMap::new();
        for ((at, pairs), tests) in (0..).zip(&self.spoken).zip(&tests) {
            for pair in pairs {
                let key = (*pair, tests.iter().map(String::as_str).collect());
                by_tests.entry(key).or_default().push(at);
            }
        }
        let rules = self.rules();
        let idle: Vec<(String, String, String, bool)> = rules
            .iter()
            .filter_map(|(number, rule, pointer)| {
                let tests = tests.get(*number as usize)?;
                let by = self.shadow_of(*number, rule, tests, &by_tests)?;
                let by = self.policy.rules.get(by as usize)?;
                let denied = rule.effect == Effect::Allow && by.effect == Effect::Deny;
                Some((pointer.clone(), rule.id.clone(), by.id.clone(), denied))
            })
            .collect();
        for (pointer, id, by, denied) in idle {
            let (message, why) = match denied {
                true => (
                    format!("`{id}` is shadowed by `{by}`, which denies all that it allows"),
                    "a deny beats every allow, wherever it stands".to_owned(),
                ),
                false => (
                    format!(
                        "`{id}` is shadowed by `{by}`, which says the same of all it speaks of"
                    ),
                    "the order of rules never matters, so it changes no decision".to_owned(),
                ),
            };
            let fix = match denied {
                true => format!("narrow `{by}` with a condition, or take `{id}` out"),
                false => format!("take `{id}` out, or narrow `{by}`"),
            };
            self.add("shadowed", &pointer, message, why, fix);
        }
    }

    /// A rule that makes this one idle: it matches wherever this one does, for it asks for nothing that
    /// this one does not ask for too.
    fn shadow_of(
        &self,
        number: u32,
        rule: &RuleEntry,
        tests: &[String],
        by_tests: &ByTests<'_>,
    ) -> Option<u32> {
        let first = self.pairs(number).first()?;
        choices(tests).into_iter().find_map(|choice| {
            let whole = choice.len() == tests.len();
            let alike = by_tests.get(&(*first, choice))?;
            alike.iter().copied().take(MAX_ALIKE).find(|other| {
                let Some(by) = self.policy.rules.get(*other as usize) else { return false };
                *other != number
                    && self.makes_idle((*other, by), (number, rule))
                    // Of two that say the same, the later one is idle.
                    && (*other < number || !whole || !self.makes_idle((number, rule), (*other, by)))
            })
        })
    }

    /// Whether `rule`, where it matches only with `by`, changes no decision as long as that stands.
    fn makes_idle(
        &self,
        (other, by): (u32, &RuleEntry),
        (number, rule): (u32, &RuleEntry),
    ) -> bool {
        let approvals_hold = || {
            // The strictest approval applies, so one that asks for more is never idle.
            rule.actions.iter().all(|action| {
                let (own, others) = (rule.approval_for(action), by.approval_for(action));
                own.tier <= others.tier
                    && (own.tier == Tier::None
                        || (own.approve_within >= others.approve_within
                            && own.use_within >= others.use_within))
            })
        };
        let beats = match (rule.effect, by.effect) {
            (Effect::Allow, Effect::Allow) => approvals_hold(),
            (Effect::Allow | Effect::Deny, Effect::Deny) => true,
            (Effect::Deny, Effect::Allow) => false,
        };
        // Both in order.
        let spoken = self.pairs(other);
        beats && self.pairs(number).iter().all(|pair| spoken.binary_search(pair).is_ok())
    }
}

/// The tests of a rule's condition, in order; none where it always matches.
fn tests(rule: &RuleEntry) -> Vec<String> {
    let mut tests = rule.when.as_ref().map(Condition::conjuncts).unwrap_or_default();
    tests.retain(|test| test != "true");
    tests
}

/// Every choice of some of the tests; of many tests only none, each, and all.
fn choices(tests: &[String]) -> Vec<Vec<&str>> {
    let words: Vec<&str> = tests.iter().map(String::as_str).collect();
    if words.len() > MAX_TESTS {
        let single = words.iter().map(|word| vec![*word]);
        return std::iter::once(Vec::new()).chain(single).chain([words.clone()]).collect();
    }
    let mut choices = vec![Vec::new()];
    for word in words {
        let with: Vec<Vec<&str>> =
            choices.iter().map(|choice| [choice.as_slice(), &[word]].concat()).collect();
        choices.extend(with);
    }
    choices
}
