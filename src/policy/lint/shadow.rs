//! Rules that another rule makes idle.

use super::Lint;
use crate::policy::compiled::RuleEntry;
use crate::policy::document::Effect;

impl Lint<'_> {
    pub(super) fn shadowed(&mut self) {
        let rules = self.rules();
        let idle: Vec<(String, String, String, bool)> = rules
            .iter()
            .filter_map(|(number, rule, pointer)| {
                let by = rules.iter().find(|(other, shadow, _)| {
                    other != number
                        && self.makes_idle((*other, shadow), (*number, rule))
                        // Of two that say the same, the later one is idle.
                        && (*other < *number
                            || !self.makes_idle((*number, rule), (*other, shadow)))
                })?;
                let denied = rule.effect == Effect::Allow && by.1.effect == Effect::Deny;
                Some((pointer.clone(), rule.id.clone(), by.1.id.clone(), denied))
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

    /// Whether `rule` changes no decision as long as `other` stands.
    fn makes_idle(
        &self,
        (other, by): (u32, &RuleEntry),
        (number, rule): (u32, &RuleEntry),
    ) -> bool {
        let pairs = self.pairs(number);
        let approvals_hold = || {
            // The strictest approval applies, so one that asks for more is never idle.
            rule.actions.iter().all(|action| {
                let (own, others) = (rule.approval_for(action), by.approval_for(action));
                own.tier <= others.tier
                    && (own.tier == crate::policy::document::Tier::None
                        || (own.approve_within >= others.approve_within
                            && own.use_within >= others.use_within))
            })
        };
        let beats = match (rule.effect, by.effect) {
            (Effect::Allow, Effect::Allow) => approvals_hold(),
            (Effect::Allow | Effect::Deny, Effect::Deny) => true,
            (Effect::Deny, Effect::Allow) => false,
        };
        beats && !pairs.is_empty() && pairs.is_subset(&self.pairs(other)) && implies(rule, by)
    }
}

/// Whether `by` matches wherever `rule` does: it asks for nothing that `rule` does not ask for too.
fn implies(rule: &RuleEntry, by: &RuleEntry) -> bool {
    let tests =
        |rule: &RuleEntry| rule.when.as_ref().map(|when| when.conjuncts()).unwrap_or_default();
    let own = tests(rule);
    tests(by).iter().all(|test| own.contains(test) || test == "true")
}
