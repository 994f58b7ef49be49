//! What could be true of some request: everything the policy fixes is known, all else still open.

use super::Pair;
use crate::policy::compiled::ResourceEntry;
use crate::policy::compiled::{ActorEntry, AttributeEntry, CompiledSource, Policy};
use crate::policy::condition::{Condition, Facts, MAX_STEPS, Slot, Truth, Verdict};
use crate::policy::document::ActorMode;
use crate::policy::routes::Route;
use crate::policy::scope::Target;
use crate::policy::value::{Fact, Source, ValueRef};
use crate::request::Action;

/// A kind of request: which agent, by which method, of which template.
#[derive(Clone, Copy)]
pub(super) struct Possible<'a> {
    pub(super) action: Action,
    pub(super) resource: &'a ResourceEntry,
    pub(super) route: &'a Route,
    pub(super) method: &'a str,
    pub(super) actor: &'a ActorEntry,
    dynamic: bool,
    issuer: Option<&'a str>,
}

/// What is needed to tell the kinds of request there are.
pub(super) struct Kinds<'a> {
    policy: &'a Policy,
    /// The routes of each resource.
    routes: Vec<Vec<&'a Route>>,
    /// The agents, each with whether it is one of many installations.
    actors: Vec<(&'a ActorEntry, bool)>,
    issuer: Option<&'a str>,
}

impl<'a> Kinds<'a> {
    pub(super) fn of(policy: &'a Policy) -> Self {
        let mut routes = vec![Vec::new(); policy.resources.len()];
        for route in policy.routes.all() {
            if let Some(own) = routes.get_mut(route.resource as usize) {
                own.push(route);
            }
        }
        let dynamic = |number: u32| {
            policy.names.iter().any(|names| names.dynamic.iter().any(|(entry, _)| *entry == number))
        };
        let actors = (0..).zip(&policy.actors).map(|(at, actor)| (actor, dynamic(at))).collect();
        let issuer = match policy.issuers.as_slice() {
            [only] => Some(only.issuer.as_str()),
            _ => None,
        };
        Self { policy, routes, actors, issuer }
    }

    /// The routes of a resource.
    pub(super) fn routes(&self, resource: u32) -> &[&'a Route] {
        self.routes.get(resource as usize).map_or(&[], Vec::as_slice)
    }

    /// Every kind of request that means one of the pairs, found as it is asked for.
    pub(super) fn meaning<'k>(&'k self, pairs: &'k [Pair]) -> impl Iterator<Item = Possible<'k>> {
        pairs.iter().copied().flat_map(move |(number, action)| {
            let resource = self.policy.resources.get(number as usize);
            let methods = self.routes(number).iter().flat_map(move |route| {
                let leading =
                    route.methods().into_iter().filter(move |(_, leads)| *leads == action);
                leading.map(move |(method, _)| (*route, method))
            });
            methods.flat_map(move |(route, method)| {
                self.actors.iter().filter_map(move |(actor, dynamic)| {
                    let (dynamic, issuer) = (*dynamic, self.issuer);
                    resource.map(|resource| Possible {
                        action,
                        resource,
                        route,
                        method,
                        actor,
                        dynamic,
                        issuer,
                    })
                })
            })
        })
    }
}

impl Possible<'_> {
    /// What a condition could come to: unknown that waits is open, unknown that waits for nothing is
    /// never settled.
    pub(super) fn verdict(&self, when: Option<&Condition>) -> Verdict {
        match when {
            None => Verdict { truth: Truth::True, waits_for: crate::policy::value::Sources::NONE },
            Some(when) => when.evaluate(self, &mut MAX_STEPS.clone()),
        }
    }

    /// Whether a condition can be true.
    pub(super) fn can_be_true(&self, when: Option<&Condition>) -> bool {
        let verdict = self.verdict(when);
        verdict.truth == Truth::True
            || (verdict.truth == Truth::Unknown && !verdict.waits_for.is_empty())
    }

    /// Whether the agent's ceiling, and some user's, leave room; grants aside.
    pub(super) fn is_within(&self, policy: &Policy) -> bool {
        let target = Target { resource: self.resource.target, tool: None };
        let ceiling = &self.actor.ceiling;
        let own = ceiling.covers(self.action, target) && !ceiling.subtracts(self.action, target);
        let users = match (&policy.subjects, self.actor.mode) {
            (Some(subjects), ActorMode::Delegated) => {
                subjects.iter().any(|entry| entry.scopes.covers(self.action, target))
                    && !subjects.iter().any(|entry| {
                        entry.groups.is_none() && entry.scopes.subtracts(self.action, target)
                    })
            }
            _ => true,
        };
        own && users
    }

    /// Whether an attribute can ever be known of such a request.
    fn can_know(&self, attribute: &AttributeEntry) -> bool {
        let has = |name: &str| self.route.variables.iter().any(|variable| variable.name == name);
        match &attribute.from {
            CompiledSource::Path(name) => has(name),
            CompiledSource::Lookup(lookup) => {
                crate::policy::compile::variables(&lookup.path).all(has)
            }
            CompiledSource::Response(_) => self.action == Action::Read && self.method == "GET",
        }
    }
}

impl Facts for Possible<'_> {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        let text = |text| Fact::Known(ValueRef::String(text));
        let open = Fact::Pending(Source::Lookup);
        match slot {
            Slot::Action => text(self.action.name()),
            Slot::ActorId if self.dynamic => open,
            Slot::ActorId => text(&self.actor.id),
            Slot::ActorMode => text(match self.actor.mode {
                ActorMode::Delegated => "delegated",
                ActorMode::Independent => "independent",
            }),
            Slot::ActorIssuer | Slot::SubjectIssuer => self.issuer.map_or(open, text),
            // Arguments exist for tools only.
            Slot::Args => Fact::Unknown,
            Slot::RequestMethod => text(self.method),
            Slot::ResourceType => text(&self.resource.id),
            Slot::ResourceId if self.route.variables.is_empty() => Fact::Unknown,
            Slot::ResourceAttribute(number) => {
                let found = self.resource.attributes.iter().find(|entry| entry.number == number);
                if found.is_some_and(|attribute| self.can_know(attribute)) {
                    open
                } else {
                    Fact::Unknown
                }
            }
            Slot::ActorChain
            | Slot::RequestHost
            | Slot::RequestPath
            | Slot::RequestTime
            | Slot::ResourceId
            | Slot::SubjectClaim(_)
            | Slot::SubjectGroups
            | Slot::SubjectId
            | Slot::SubjectRealm
            | Slot::SubjectScopes => open,
        }
    }
}
