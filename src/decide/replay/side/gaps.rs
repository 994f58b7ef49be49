//! What a record leaves out.

use super::Side;
use crate::decide::facts::RequestFacts;
use crate::policy::compiled::{AttributeEntry, CompiledSource};
use crate::policy::condition::{Condition, Facts, Slot};
use crate::policy::value::{Fact, Source};
use crate::request::AttributeState;
use std::collections::BTreeSet;

impl<'a> Side<'a> {
    /// Whether a record leaves this out.
    pub(super) fn leaves_out(&self, slot: Slot, same_person: bool) -> bool {
        let whole = |member| self.told.is_whole(member);
        match slot {
            Slot::SubjectClaim(_) | Slot::SubjectGroups | Slot::SubjectScopes => true,
            Slot::ActorChain | Slot::ActorId => !whole("actors"),
            Slot::ResourceAttribute(number) => {
                let at = self.resource.attributes.iter().position(|entry| entry.number == number);
                let state = at.and_then(|at| self.attributes.get(at));
                matches!(state, Some(AttributeState::Pending(_)))
            }
            Slot::ResourceId => !whole("http.path"),
            Slot::RequestHost => !whole("http.host"),
            Slot::RequestPath => !whole("http.path"),
            Slot::SubjectId => !same_person || !whole("subject.id"),
            Slot::SubjectRealm => !same_person || !whole("subject.realm"),
            Slot::Action
            | Slot::ActorIssuer
            | Slot::ActorMode
            | Slot::Args
            | Slot::RequestMethod
            | Slot::RequestTime
            | Slot::ResourceType
            | Slot::SubjectIssuer => false,
        }
    }

    pub(super) fn attribute(&self, slot: Slot) -> Option<&'a AttributeEntry> {
        let Slot::ResourceAttribute(number) = slot else { return None };
        self.resource.attributes.iter().find(|entry| entry.number == number)
    }

    /// What a condition asks for that the record lacks, by name.
    pub(in crate::decide::replay) fn lacks(&self, when: &Condition) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for slot in when.slots().iter().filter(|slot| self.leaves_out(**slot, true)) {
            let name = match slot {
                Slot::ResourceAttribute(_) => match self.attribute(*slot) {
                    Some(entry) => match &entry.from {
                        CompiledSource::Lookup(_) => format!("look-up `{}`", entry.name),
                        CompiledSource::Response(_) => format!("response `{}`", entry.name),
                        CompiledSource::Path(_) => "path".to_owned(),
                    },
                    None => continue,
                },
                Slot::SubjectClaim(_) => {
                    names.extend(claims(when.source()));
                    continue;
                }
                Slot::SubjectGroups => "groups".to_owned(),
                Slot::SubjectScopes => "token scopes".to_owned(),
                Slot::ActorChain | Slot::ActorId => "actors".to_owned(),
                Slot::SubjectId | Slot::SubjectRealm => "subject".to_owned(),
                Slot::RequestHost => "host".to_owned(),
                _ => "path".to_owned(),
            };
            names.insert(name);
        }
        names
    }
}

/// The claims that a condition's text names.
fn claims(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split("subject.").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = rest.get(..end)?;
        let known = matches!(name, "id" | "realm" | "issuer" | "groups" | "scopes" | "");
        (!known).then(|| format!("claim `{name}`"))
    })
}

/// Facts of which some are left out.
pub(super) struct Heard<'a> {
    pub(super) facts: &'a RequestFacts<'a>,
    pub(super) open: &'a dyn Fn(Slot) -> bool,
}

impl Facts for Heard<'_> {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        // Whoever knows more than the record could still tell.
        if (self.open)(slot) { Fact::Pending(Source::Lookup) } else { self.facts.fact(slot) }
    }
}
