//! Allows of more than reading that do not say who must say yes, or that nobody need.

use super::{Lint, listed, member};
use crate::policy::document::{Effect, Tier};
use crate::request::Action;

impl Lint<'_> {
    pub(super) fn tiers(&mut self) {
        let document = self.document;
        for (at, rule) in document.rules.iter().enumerate() {
            if rule.effect != Effect::Allow {
                continue;
            }
            let pointer = format!("/rules/{at}");
            let beyond: Vec<&str> = rule
                .actions
                .iter()
                .filter(|action| **action != Action::Read)
                .map(|action| action.name())
                .collect();
            if beyond.is_empty() {
                continue;
            }
            match rule.approval.map(|approval| approval.tier) {
                None => self.add(
                    "no-tier",
                    &pointer,
                    format!("`{}` allows {} and names no approval", rule.id, listed(beyond)),
                    "it falls to the default, a passkey (`presence`) within 30 minutes: a reader cannot \
                     tell that a person is asked, nor which one",
                    "write `approval: presence` (or `second-person`), or `approval: none` if nobody need \
                     be asked",
                ),
                Some(Tier::None) => {
                    let grave: Vec<&str> =
                        beyond.into_iter().filter(|name| matches!(*name, "delete" | "admin")).collect();
                    if !grave.is_empty() {
                        self.add(
                            "unattended",
                            &member(&pointer, "approval"),
                            format!("`{}` allows {} without asking anybody", rule.id, listed(grave)),
                            "what is deleted or reconfigured by mistake is not undone by the next request",
                            "`approval: presence`, or `second-person`; or let a rule of its own hold the \
                             part that is harmless",
                        );
                    }
                }
                Some(Tier::Device | Tier::Presence | Tier::SecondPerson) => {}
            }
        }
    }
}
