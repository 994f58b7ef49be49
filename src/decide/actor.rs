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
    pub(crate) chain: Chain<'a>,
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
        let (_, id) = self.chain.outermost;
        id
    }
}

/// The actors, outermost first: entry of the policy, and the id it goes by.
#[derive(Debug)]
pub(crate) struct Chain<'a> {
    outermost: (u32, &'a str),
    nested: Vec<(u32, &'a str)>,
}

impl<'a> Chain<'a> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &'a str)> {
        std::iter::once(self.outermost).chain(self.nested.iter().copied())
    }

    /// The ids alone.
    pub(crate) fn with_ids<T>(&self, use_them: impl FnOnce(&[&'a str]) -> T) -> T {
        match self.nested.is_empty() {
            true => use_them(&[self.outermost.1]),
            false => use_them(&self.iter().map(|(_, id)| id).collect::<Vec<_>>()),
        }
    }
}

/// What the sources that are present say of who acts now.
struct Named<'a> {
    names: &'a ActorNames,
    first: Option<(u32, &'a str)>,
    differ: bool,
    /// The first name that is not a client id which the policy lists.
    unlisted: Option<&'a str>,
}

impl<'a> Named<'a> {
    fn take(&mut self, (entry, name): (u32, &'a str)) {
        self.differ |= self.first.is_some_and(|(first, _)| first != entry);
        self.first.get_or_insert((entry, name));
        if !self.names.dynamic.is_empty() && self.unlisted.is_none() {
            self.unlisted = Some(name).filter(|name| self.names.client(name).is_none());
        }
    }

    /// The id in records: the policy's name for the agent, or the real client id of one of many
    /// installations, so that one can be told from another and shut off alone.
    fn id(&self, policy: &'a Policy, entry: u32) -> &'a str {
        let dynamic = self.names.dynamic.iter().any(|(number, _)| *number == entry);
        match (dynamic, self.unlisted) {
            (true, Some(name)) => name,
            _ => policy.actors.get(entry as usize).map_or("", |actor| &actor.id),
        }
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
    let mut named = Named { names, first: None, differ: false, unlisted: None };
    if let Some(outermost) = token.act.first() {
        if !policy.actor_from.contains(&ActorSource::Act) {
            return Err(Reason::ActorMismatch);
        }
        named.take(member(policy, issuer, token, outermost)?);
    }
    if policy.actor_from.contains(&ActorSource::ClientId) {
        match &token.client_id {
            ClientId::Agreed(id) => {
                let found = names.client(id).or_else(|| names.marked(&token.markers));
                named.take((found.ok_or(Reason::UnknownActor)?, id));
            }
            ClientId::Missing if own => {
                let sub = token.sub.as_deref().ok_or(Reason::UnknownActor)?;
                named.take((names.any(sub).ok_or(Reason::UnknownActor)?, sub));
            }
            ClientId::Missing | ClientId::Conflict => {}
        }
    }
    if policy.actor_from.contains(&ActorSource::Mtls) {
        for uri in peer.iter().filter(|uri| uri.starts_with("spiffe://")) {
            named.take((*policy.spiffe.get(uri).ok_or(Reason::UnknownActor)?, uri));
        }
    }
    let (first, _) = named.first.ok_or(Reason::UnknownActor)?;
    if named.differ {
        return Err(Reason::ActorMismatch);
    }
    let mut nesting = Vec::new();
    for nested in token.act.iter().skip(1) {
        let (entry, name) = member(policy, issuer, token, nested)?;
        let own_name = policy.actors.get(entry as usize).map_or(name, |actor| actor.id.as_str());
        nesting.push((entry, own_name));
    }
    let chain = Chain { outermost: (first, named.id(policy, first)), nested: nesting };
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
