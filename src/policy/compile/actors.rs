//! Actors: every agent under all its names.

use super::{escape, known, scopes};
use crate::policy::compiled::{ActorEntry, ActorNames};
use crate::policy::document::{Actor, Document};
use crate::policy::error::Problem;
use crate::policy::scope::TargetId;
use std::collections::BTreeMap;

pub(super) struct Agents {
    pub(super) entries: Vec<ActorEntry>,
    pub(super) names: Vec<ActorNames>,
    pub(super) spiffe: BTreeMap<String, u32>,
}

pub(super) fn compile(
    document: &Document,
    targets: &BTreeMap<String, TargetId>,
    problems: &mut Vec<Problem>,
) -> Agents {
    let issuers = &document.identity.issuers;
    let mut agents = Agents {
        entries: Vec::with_capacity(document.actors.len()),
        names: vec![ActorNames::default(); issuers.len()],
        spiffe: BTreeMap::new(),
    };
    for (number, (id, written)) in (0..).zip(&document.actors) {
        let pointer = format!("/actors/{}", escape(id));
        let ceiling = scopes(&written.scopes, &format!("{pointer}/scopes"), targets, problems);
        agents.entries.push(ActorEntry { id: id.clone(), mode: written.mode, ceiling });
        agents.name(number, document, written, &pointer, problems);
    }
    // `act.sub` is looked up among both, so a name may not be one agent's `sub` and another's client id.
    for names in &agents.names {
        for (name, number) in &names.subs {
            if let Some(other) = names.client_ids.get(name).filter(|other| *other != number)
                && let Some(entry) = agents.entries.get(*number as usize)
            {
                let place = format!("/actors/{}/match/sub", escape(&entry.id));
                clash(&agents.entries, name, *other, &place, problems);
            }
        }
    }
    agents
}

impl Agents {
    fn name(
        &mut self,
        number: u32,
        document: &Document,
        written: &Actor,
        pointer: &str,
        problems: &mut Vec<Problem>,
    ) {
        let matches = &written.matches;
        for (at, name) in matches.spiffe.iter().enumerate() {
            if let Some(other) = self.spiffe.insert(name.clone(), number) {
                self.twice(name, other, &format!("{pointer}/match/spiffe/{at}"), problems);
            }
        }
        if matches.client_id.is_empty() && matches.sub.is_empty() && !matches.dynamic {
            return;
        }
        let Some(issuer) = issuer_of(document, written, pointer, problems) else { return };
        let entries = &self.entries;
        let Some(names) = self.names.get_mut(issuer) else { return };
        let mut clashes = Vec::new();
        for (list, map, key) in [
            (&matches.client_id, &mut names.client_ids, "client_id"),
            (&matches.sub, &mut names.subs, "sub"),
        ] {
            for (at, name) in list.iter().enumerate() {
                if let Some(other) = map.insert(name.clone(), number) {
                    clashes.push((name, other, format!("{pointer}/match/{key}/{at}")));
                }
            }
        }
        for (name, other, place) in clashes {
            clash(entries, name, other, &place, problems);
        }
        if matches.dynamic {
            let claims = matches.claim.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
            names.dynamic.push((number, claims));
            names.markers.extend(matches.claim.keys().cloned());
            names.markers.sort_unstable();
            names.markers.dedup();
        }
    }

    fn twice(&self, name: &str, other: u32, place: &str, problems: &mut Vec<Problem>) {
        clash(&self.entries, name, other, place, problems);
    }
}

fn clash(entries: &[ActorEntry], name: &str, other: u32, place: &str, problems: &mut Vec<Problem>) {
    let other = entries.get(other as usize).map_or("another actor", |entry| entry.id.as_str());
    problems.push(Problem::error(
        place,
        format!("`{name}` already names `{other}`"),
        "one name for one actor",
    ));
}

/// Whose names these are: said, or the only issuer there is.
fn issuer_of(
    document: &Document,
    written: &Actor,
    pointer: &str,
    problems: &mut Vec<Problem>,
) -> Option<usize> {
    let issuers = &document.identity.issuers;
    let expected = || known(issuers.iter().map(|issuer| &issuer.issuer));
    match &written.matches.issuer {
        Some(name) => {
            let found = issuers.iter().position(|issuer| issuer.issuer == *name);
            if found.is_none() {
                problems.push(Problem::error(
                    format!("{pointer}/match/issuer"),
                    format!("`{name}` is not an issuer of this policy"),
                    expected(),
                ));
            }
            found
        }
        None if issuers.len() <= 1 => Some(0).filter(|_| !issuers.is_empty()),
        None => {
            problems.push(Problem::error(
                format!("{pointer}/match"),
                "with several issuers a name counts only with its issuer",
                format!("`issuer`, one of {}", expected()),
            ));
            None
        }
    }
}
