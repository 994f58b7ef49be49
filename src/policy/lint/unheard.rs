//! What nobody listed: paths that lead to an action of which nothing ever allows, and agents that may
//! do nothing.

use super::{Lint, listed, member};
use crate::policy::document::Effect;
use crate::request::Action;
use std::collections::BTreeSet;

impl Lint<'_> {
    pub(super) fn unheard(&mut self) {
        let numbers: Vec<u32> = (0..).zip(&self.policy.resources).map(|(at, _)| at).collect();
        for number in numbers {
            let routes = self.kinds.routes(number).iter();
            let reached: BTreeSet<Action> = routes.flat_map(|route| route.actions()).collect();
            let allowed = |action: &Action| {
                self.policy.rules_for(number, *action).iter().any(|at| {
                    let rule = self.policy.rules.get(*at as usize);
                    rule.is_some_and(|rule| rule.effect == Effect::Allow)
                })
            };
            let (heard, unheard): (Vec<Action>, Vec<Action>) =
                reached.into_iter().partition(allowed);
            let id = self.resource(number).to_owned();
            let pointer = member("/resources", &id);
            if heard.is_empty() {
                self.add(
                    "unlisted",
                    &pointer,
                    format!("nobody listed `{id}`: every request for it is refused"),
                    "what neither `by_scope` nor a rule allows is denied",
                    "`by_scope: [read]`, a rule that speaks of it, or take it out",
                );
                continue;
            }
            self.unlisted_methods(&pointer, number, &id, &unheard);
        }
        self.powerless();
    }

    /// Methods that an author named himself, for an action that nothing allows.
    fn unlisted_methods(&mut self, pointer: &str, number: u32, id: &str, unheard: &[Action]) {
        let Some(written) = self.document.resources.get(id) else { return };
        let mut found = Vec::new();
        for (at, route) in written.http.iter().enumerate() {
            for (method, action) in route.methods.iter().flatten() {
                if unheard.contains(action) {
                    let place = format!("{pointer}/http/{at}/methods/{method}");
                    found.push((place, method.clone(), *action));
                }
            }
        }
        for (place, method, action) in found {
            let message = format!(
                "nobody listed `{action}` on `{}`: every {method} of this path is refused",
                self.resource(number)
            );
            self.add(
                "unlisted",
                &place,
                message,
                "the path says what the method means, and neither `by_scope` nor a rule allows that",
                format!("a rule for `{action}`, or take the method out, which refuses it as well"),
            );
        }
    }

    /// Agents whose ceiling covers nothing.
    fn powerless(&mut self) {
        let idle: Vec<String> = self
            .policy
            .actors
            .iter()
            .filter(|actor| {
                !self.policy.resources.iter().any(|entry| {
                    let target =
                        crate::policy::scope::Target { resource: entry.target, tool: None };
                    Action::ALL.into_iter().any(|action| {
                        actor.ceiling.covers(action, target)
                            && !actor.ceiling.subtracts(action, target)
                    })
                })
            })
            .map(|actor| actor.id.clone())
            .collect();
        if !idle.is_empty() && !self.policy.resources.is_empty() {
            for id in idle {
                self.add(
                    "powerless",
                    &member("/actors", &id),
                    format!("{} may do nothing", listed([id.as_str()])),
                    "a ceiling without scopes leaves no room, whatever rules allow",
                    "`scopes: [\"read:*\"]`, or take the agent out",
                );
            }
        }
    }
}
