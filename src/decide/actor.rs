//! Rule 2: from a verified token to the subject and the chain of actors.

use crate::decision::Reason;
use crate::identity::{ActMember, ClientId, Principal, VerifiedToken};
use crate::policy::compiled::{ActorNames, IssuerTerms, Policy};
use crate::policy::document::{ActorMode, ActorSource};

/// Who acts, and for whom.
#[derive(Debug)]
pub(crate) struct Acting<'a> {
    pub(crate) token: &'a VerifiedToken,
    pub(crate) issuer: &'a IssuerTerms,
    /// The actors, outermost first: entry of the policy, and the id it goes by. Never empty.
    pub(crate) chain: Vec<(u32, &'a str)>,
    pub(crate) mode: ActorMode,
}

impl<'a> Acting<'a> {
    /// The subject's realm: an independent actor is its own subject, at its issuer.
    pub(crate) fn subject_realm(&self) -> &'a str {
        match self.mode {
            ActorMode::Delegated => &self.issuer.realm,
            ActorMode::Independent => &self.issuer.issuer,
        }
    }

    /// The subject's id within its realm.
    pub(crate) fn subject_id(&self) -> &'a str {
        match self.mode {
            ActorMode::Delegated => self.token.person.as_deref().unwrap_or_default(),
            ActorMode::Independent => self.actor_id(),
        }
    }

    /// The acting actor's id.
    pub(crate) fn actor_id(&self) -> &'a str {
        self.chain.first().map_or("", |(_, id)| id)
    }
}

/// Resolves the actors; every source that is present must name the same entry.
pub(super) fn resolve<'a>(
    policy: &'a Policy,
    issuer: &'a IssuerTerms,
    token: &'a VerifiedToken,
    peer: &'a [String],
) -> Result<Acting<'a>, Reason> {
    let names = policy.names.get(token.issuer as usize).ok_or(Reason::UnknownIssuer)?;
    let own = token.principal == Principal::Own;
    if own && !token.act.is_empty() {
        // Its own subject and acting for somebody: proof of both is proof of neither.
        return Err(Reason::UnclearPrincipal);
    }
    if token.act.len() as u64 > policy.limits.actor_chain {
        return Err(Reason::ChainTooDeep);
    }
    let mut candidates: Vec<(u32, &'a str)> = Vec::with_capacity(3);
    if let Some(outermost) = token.act.first() {
        if !policy.actor_from.contains(&ActorSource::Act) {
            return Err(Reason::ActorMismatch);
        }
        candidates.push(member(policy, issuer, token, outermost)?);
    }
    if policy.actor_from.contains(&ActorSource::ClientId) {
        match &token.client_id {
            ClientId::Agreed(id) => {
                let found = names.client(id).or_else(|| names.marked(&token.markers));
                candidates.push((found.ok_or(Reason::UnknownActor)?, id));
            }
            ClientId::Missing if own => {
                let sub = token.sub.as_deref().ok_or(Reason::UnknownActor)?;
                candidates.push((names.any(sub).ok_or(Reason::UnknownActor)?, sub));
            }
            ClientId::Missing | ClientId::Conflict => {}
        }
    }
    if policy.actor_from.contains(&ActorSource::Mtls) {
        for uri in peer.iter().filter(|uri| uri.starts_with("spiffe://")) {
            candidates.push((*policy.spiffe.get(uri).ok_or(Reason::UnknownActor)?, uri));
        }
    }
    let (first, _) = *candidates.first().ok_or(Reason::UnknownActor)?;
    if candidates.iter().any(|(entry, _)| *entry != first) {
        return Err(Reason::ActorMismatch);
    }
    let mut chain = vec![(first, id(policy, names, first, &candidates))];
    for nested in token.act.iter().skip(1) {
        let (entry, name) = member(policy, issuer, token, nested)?;
        let own_name = policy.actors.get(entry as usize).map_or(name, |actor| actor.id.as_str());
        chain.push((entry, own_name));
    }
    let mode = policy.actors.get(first as usize).ok_or(Reason::UnknownActor)?.mode;
    match (mode, own) {
        (ActorMode::Delegated, true) | (ActorMode::Independent, false) => {
            return Err(Reason::ActorMode);
        }
        (ActorMode::Delegated, false) => {
            // A service account's token that some client presents is no proof of a user: an agent
            // must not become the subject of another.
            let agent = token.sub.as_deref().is_some_and(|sub| names.any(sub).is_some());
            if agent || token.person.is_none() {
                return Err(Reason::UnclearPrincipal);
            }
        }
        (ActorMode::Independent, true) => {}
    }
    Ok(Acting { token, issuer, chain, mode })
}

/// The id in records: the policy's name for the agent, or the real client id of one of many
/// installations, so that one can be told from another and shut off alone.
fn id<'a>(
    policy: &'a Policy,
    names: &ActorNames,
    entry: u32,
    candidates: &[(u32, &'a str)],
) -> &'a str {
    let dynamic = names.dynamic.iter().any(|(number, _)| *number == entry);
    let real = candidates.iter().map(|(_, name)| *name).find(|name| names.client(name).is_none());
    match (dynamic, real) {
        (true, Some(name)) => name,
        _ => policy.actors.get(entry as usize).map_or("", |actor| &actor.id),
    }
}

/// One member of an `act` chain; an unlisted one denies.
fn member<'a>(
    policy: &Policy,
    issuer: &IssuerTerms,
    token: &VerifiedToken,
    member: &'a ActMember,
) -> Result<(u32, &'a str), Reason> {
    let at = match &member.issuer {
        None => token.issuer,
        Some(name) if *name == issuer.issuer => token.issuer,
        // Another issuer's names count only where this one may speak for it.
        Some(name) => *issuer
            .may_name_actors_of
            .iter()
            .find(|at| policy.issuers.get(**at as usize).is_some_and(|other| other.issuer == *name))
            .ok_or(Reason::UnknownActor)?,
    };
    let names = policy.names.get(at as usize).ok_or(Reason::UnknownActor)?;
    let by_sub = match &member.sub {
        Some(sub) => Some((names.any(sub).ok_or(Reason::UnknownActor)?, sub.as_str())),
        None => None,
    };
    let by_client = match &member.client_id {
        Some(id) => Some((names.client(id).ok_or(Reason::UnknownActor)?, id.as_str())),
        None => None,
    };
    match (by_sub, by_client) {
        (Some(a), Some(b)) if a.0 != b.0 => Err(Reason::ActorMismatch),
        (Some(found), _) | (None, Some(found)) => Ok(found),
        (None, None) => Err(Reason::UnknownActor),
    }
}

impl ActorNames {
    fn client(&self, id: &str) -> Option<u32> {
        self.client_ids.get(id).copied()
    }

    /// As a `sub`, or as a client id: issuers use either as the `sub` of an agent.
    fn any(&self, name: &str) -> Option<u32> {
        self.subs.get(name).or_else(|| self.client_ids.get(name)).copied()
    }

    /// The one dynamically registered actor whose claims all equal; none where two would.
    fn marked(&self, markers: &[(String, String)]) -> Option<u32> {
        let mut found = self.dynamic.iter().filter(|(_, claims)| {
            !claims.is_empty() && claims.iter().all(|claim| markers.contains(claim))
        });
        let (number, _) = found.next()?;
        found.next().is_none().then_some(*number)
    }
}
