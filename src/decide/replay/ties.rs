//! What two policies have in common, so that what a record proves under one holds under the other.

use super::Told;
use crate::identity::Issuer;
use crate::policy::compiled::{ActorNames, Policy, ResourceEntry};
use crate::policy::document::ActorMode;
use crate::policy::{Loaded, condition::Condition, condition::Slot};
use std::collections::BTreeMap;

/// The policy that was in force, beside the one that is asked.
#[derive(Debug)]
pub(super) struct Was<'a> {
    pub(super) loaded: &'a Loaded,
    /// Issuers whose tokens are read alike.
    issuers: Vec<String>,
    /// Whether every issuer is one of these, in both.
    pub(super) all_issuers: bool,
    /// Whether hosts and paths mean the same.
    pub(super) routes: bool,
}

impl<'a> Was<'a> {
    pub(super) fn new(was: &'a Loaded, new: &Loaded) -> Self {
        let settings = |issuer: &Issuer| issuer.expanded().to_jcs().ok();
        let issuers: Vec<String> = was
            .issuers
            .iter()
            .filter(|issuer| {
                let other = new.issuers.iter().find(|other| other.issuer == issuer.issuer);
                other.is_some_and(|other| {
                    settings(issuer).is_some() && settings(issuer) == settings(other)
                })
            })
            .map(|issuer| issuer.issuer.clone())
            .collect();
        let all_issuers = issuers.len() == was.issuers.len() && issuers.len() == new.issuers.len();
        let routes = |policy: &Policy| {
            let names: Vec<&str> =
                policy.resources.iter().map(|resource| resource.id.as_str()).collect();
            format!("{names:?} {:?} {:?}", policy.routes, policy.routes.hosts())
        };
        let routes = routes(&was.policy) == routes(&new.policy);
        Self { loaded: was, issuers, all_issuers, routes }
    }

    pub(super) const fn policy(&self) -> &'a Policy {
        &self.loaded.policy
    }

    /// Whether tokens of this issuer are read alike, their types, claims and times.
    pub(super) fn reads_alike(&self, issuer: &str) -> bool {
        self.issuers.iter().any(|name| name == issuer)
    }

    /// Whether the names of the agents of a chain mean the same agents, of the same modes, and no
    /// name that is new could be this user's.
    pub(super) fn names_alike(&self, new: &Policy, told: &Told<'_>, person_is_sub: bool) -> bool {
        let was = self.policy();
        if was.actor_from != new.actor_from || was.limits.actor_chain > new.limits.actor_chain {
            return false;
        }
        let concerned = |id: &str| told.actors.iter().any(|actor| actor == id);
        let named = |policy: &Policy, entry: u32| -> Option<(String, ActorMode)> {
            policy.actors.get(entry as usize).map(|actor| (actor.id.clone(), actor.mode))
        };
        let kept = |was_names: &BTreeMap<String, u32>, new_names: &BTreeMap<String, u32>| {
            was_names.iter().all(|(name, entry)| {
                let agent = named(was, *entry);
                let dynamic = told.client == name;
                let matters = agent.as_ref().is_some_and(|(id, _)| concerned(id)) || dynamic;
                !matters || new_names.get(name).and_then(|entry| named(new, *entry)) == agent
            })
        };
        let dynamic = |policy: &Policy, names: &ActorNames| {
            let mut all: Vec<_> = names
                .dynamic
                .iter()
                .map(|(entry, claims)| (named(policy, *entry), claims.clone()))
                .collect();
            all.sort_by_key(|entry| format!("{entry:?}"));
            all
        };
        for (at, issuer) in was.issuers.iter().enumerate() {
            let place = new.issuers.iter().position(|other| other.issuer == issuer.issuer);
            let (Some(before), Some(after)) =
                (was.names.get(at), place.and_then(|at| new.names.get(at)))
            else {
                if issuer.issuer == told.issuer {
                    return false;
                }
                continue;
            };
            if !kept(&before.client_ids, &after.client_ids)
                || !kept(&before.subs, &after.subs)
                || dynamic(was, before) != dynamic(new, after)
            {
                return false;
            }
            if issuer.issuer == told.issuer && !fits_no_new_name(before, after, told, person_is_sub)
            {
                return false;
            }
        }
        kept(&was.spiffe, &new.spiffe)
    }

    /// Whether a condition that stands in both says the same of one request in both.
    pub(super) fn condition_alike(
        when: &Condition,
        was: &ResourceEntry,
        new: &ResourceEntry,
    ) -> bool {
        let reads_record =
            when.slots().iter().any(|slot| matches!(slot, Slot::ResourceAttribute(_)));
        !reads_record || attributes(was) == attributes(new)
    }
}

/// A resource's attributes, with where each comes from.
fn attributes(resource: &ResourceEntry) -> Vec<String> {
    let mut all: Vec<String> = resource
        .attributes
        .iter()
        .map(|entry| format!("{} {:?} {:?}", entry.name, entry.value_type, entry.from))
        .collect();
    all.sort();
    all
}

/// A user's token whose `sub` is an agent's name proves no user; a name that was added may be it.
fn fits_no_new_name(
    before: &ActorNames,
    after: &ActorNames,
    told: &Told<'_>,
    person_is_sub: bool,
) -> bool {
    let known =
        |name: &String| before.client_ids.contains_key(name) || before.subs.contains_key(name);
    let mut added = after.client_ids.keys().chain(after.subs.keys()).filter(|name| !known(name));
    match told.subject {
        Some((_, id)) if person_is_sub && told.is_whole("subject.id") => {
            added.all(|name| name != id)
        }
        _ => added.next().is_none(),
    }
}
