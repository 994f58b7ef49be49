//! The naive evaluator: `docs/semantics.md` read aloud. Slow, string by string, no index, no code
//! shared with the fast one. Where the two differ, one of them is wrong.

use crate::world::{AUDIENCES, Ask, Cond, ISSUERS, Known, NOW, RESOURCES, Tok, World, WorldRule};
use ambit::decision::Reason;
use ambit::identity::Principal;
use ambit::policy::document::{ActorMode, ActorSource, Effect, Tier};
use ambit::policy::value::Source;
use ambit::request::Action;

/// What the naive evaluator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    Allow(Reason),
    Deny(Reason),
    /// Not settled: look-up, response.
    Waits(bool, bool),
}

pub fn decide(world: &World, ask: &Ask) -> Says {
    use Says::Deny;
    if let Some(reason) = ask.refused {
        return Deny(reason);
    }
    let Some(token) = &ask.token else { return Deny(Reason::NoToken) };
    if let Some(reason) = times(token) {
        return Deny(reason);
    }
    if (token.bound || world.bound[token.issuer]) && !(token.bound && ask.sender_proved) {
        return Deny(Reason::SenderNotProved);
    }
    if token.client == Some(Err(())) {
        return Deny(Reason::ClientConflict);
    }
    if token.principal == Principal::Unclear {
        return Deny(Reason::UnclearPrincipal);
    }
    let chain = match actors(world, ask, token) {
        Ok(chain) => chain,
        Err(reason) => return Deny(reason),
    };
    let Some((resource, action)) = ask.mapped else { return Deny(Reason::UnmappedRequest) };
    if !token.audiences.contains(&AUDIENCES[resource]) {
        return Deny(Reason::WrongAudience);
    }
    if token.scopes.iter().any(|scope| scope.to_lowercase().starts_with("no:") && !is_scope(scope))
    {
        return Deny(Reason::BadScope);
    }
    let name = RESOURCES[resource];
    let mode = world.actors[chain[0]].mode;
    if !ceilings(world, ask, token, &chain, action, name) {
        return Deny(Reason::BeyondCeiling);
    }
    let said = rules(world, ask, token, &chain, action, name);
    if world.unlimited[token.issuer] || allows(&token.scopes, action, name) {
        return said;
    }
    let _ = mode;
    match said {
        Says::Deny(reason) if reason != Reason::ApprovalRequired => Says::Deny(reason),
        _ => Deny(Reason::InsufficientScope),
    }
}

fn times(token: &Tok) -> Option<Reason> {
    let _ = NOW;
    if token.ends + 30 <= 0 {
        return Some(Reason::Expired);
    }
    if token.begins.is_some_and(|at| at - 30 > 0) || token.issued.is_some_and(|at| at - 30 > 0) {
        return Some(Reason::NotYetValid);
    }
    match token.issued {
        Some(issued) if token.ends >= issued && token.ends - issued <= 900 => None,
        _ => Some(Reason::TokenLifetime),
    }
}

/// Which actor each present source names; all must name one.
fn actors(world: &World, ask: &Ask, token: &Tok) -> Result<Vec<usize>, Reason> {
    let by_client = |issuer: usize, name: &str| {
        world.actors.iter().position(|a| a.issuer == issuer && a.client_ids.contains(&name))
    };
    let by_sub = |issuer: usize, name: &str| {
        world
            .actors
            .iter()
            .position(|a| a.issuer == issuer && a.subs.contains(&name))
            .or_else(|| by_client(issuer, name))
    };
    let member = |(iss, sub, client): &(Option<&str>, Option<&str>, Option<&str>)| {
        let issuer = match iss {
            None => token.issuer,
            Some(iss) => ISSUERS.iter().position(|known| known == iss).unwrap(),
        };
        if issuer != token.issuer && !world.may_name_other[token.issuer] {
            return Err(Reason::UnknownActor);
        }
        let sub = sub.map(|sub| by_sub(issuer, sub).ok_or(Reason::UnknownActor)).transpose()?;
        let client =
            client.map(|id| by_client(issuer, id).ok_or(Reason::UnknownActor)).transpose()?;
        match (sub, client) {
            (Some(a), Some(b)) if a != b => Err(Reason::ActorMismatch),
            (Some(a), _) | (None, Some(a)) => Ok(a),
            (None, None) => Err(Reason::UnknownActor),
        }
    };
    let own = token.principal == Principal::Own;
    if own && !token.act.is_empty() {
        return Err(Reason::UnclearPrincipal);
    }
    if token.act.len() > 4 {
        return Err(Reason::ChainTooDeep);
    }
    let reads = |source| world.sources.contains(&source);
    let mut named = Vec::new();
    if let Some(outermost) = token.act.first() {
        if !reads(ActorSource::Act) {
            return Err(Reason::ActorMismatch);
        }
        named.push(member(outermost)?);
    }
    if reads(ActorSource::ClientId) {
        match token.client {
            Some(Ok(id)) => named.push(by_client(token.issuer, id).ok_or(Reason::UnknownActor)?),
            None if own => {
                let sub = token.sub.ok_or(Reason::UnknownActor)?;
                named.push(by_sub(token.issuer, sub).ok_or(Reason::UnknownActor)?);
            }
            _ => {}
        }
    }
    if reads(ActorSource::Mtls) {
        for uri in &ask.peer {
            let at = world.actors.iter().position(|a| a.spiffe.contains(uri));
            named.push(at.ok_or(Reason::UnknownActor)?);
        }
    }
    let Some(first) = named.first().copied() else { return Err(Reason::UnknownActor) };
    if named.iter().any(|other| *other != first) {
        return Err(Reason::ActorMismatch);
    }
    let mut chain = vec![first];
    for nested in token.act.iter().skip(1) {
        chain.push(member(nested)?);
    }
    match (world.actors[first].mode, own) {
        (ActorMode::Delegated, true) | (ActorMode::Independent, false) => Err(Reason::ActorMode),
        (ActorMode::Delegated, false) => match token.sub {
            Some(sub) if by_sub(token.issuer, sub).is_none() => Ok(chain),
            _ => Err(Reason::UnclearPrincipal),
        },
        (ActorMode::Independent, true) => Ok(chain),
    }
}

/// Splits a scope into (subtracts, action, target); none where it is not of the grammar.
fn split(scope: &str) -> Option<(bool, &str, &str)> {
    let (no, rest) = match scope.strip_prefix("no:") {
        Some(rest) => (true, rest),
        None => (false, scope),
    };
    let (action, target) = match rest.split_once(':') {
        Some(parts) => parts,
        None if no => (rest, "*"),
        None => return None,
    };
    let known = ["read", "write", "delete", "admin", "*"].contains(&action)
        && (target == "*" || RESOURCES.contains(&target));
    known.then_some((no, action, target))
}

fn is_scope(scope: &str) -> bool {
    split(scope).is_some()
}

fn has(scopes: &[String], no: bool, action: Action, resource: &str) -> bool {
    scopes.iter().filter_map(|scope| split(scope)).any(|(subtracts, named, target)| {
        subtracts == no
            && (named == "*" || named == action.name())
            && (target == "*" || target == resource)
    })
}

fn allows(scopes: &[String], action: Action, resource: &str) -> bool {
    has(scopes, false, action, resource)
}

fn subtracts(scopes: &[String], action: Action, resource: &str) -> bool {
    has(scopes, true, action, resource)
}

fn ceilings(
    world: &World,
    ask: &Ask,
    token: &Tok,
    chain: &[usize],
    action: Action,
    resource: &str,
) -> bool {
    let mode = world.actors[chain[0]].mode;
    let granted = ask.grant.as_ref().is_some_and(|grant| {
        grant.proved
            && grant.ends_in > 0
            && allows(&grant.scopes, action, resource)
            && (mode == ActorMode::Delegated || allows(&grant.may, action, resource))
    });
    for at in chain {
        let ceiling = &world.actors[*at].scopes;
        if subtracts(ceiling, action, resource) || !(granted || allows(ceiling, action, resource)) {
            return false;
        }
    }
    if subtracts(&token.scopes, action, resource) {
        return false;
    }
    let Some(subjects) = world.subjects.as_ref().filter(|_| mode == ActorMode::Delegated) else {
        return true;
    };
    let mut enough = false;
    for (wanted, scopes) in subjects {
        let member = match (wanted, &token.groups) {
            (None, _) => Some(true),
            (Some(_), None) => None,
            (Some(wanted), Some(groups)) => Some(groups.iter().any(|g| wanted.contains(g))),
        };
        if member != Some(false) && subtracts(scopes, action, resource) {
            return false;
        }
        enough |= member == Some(true) && allows(scopes, action, resource);
    }
    enough
}

/// A truth with what it would take to settle it.
#[derive(Clone, Copy, PartialEq)]
enum Tri {
    Yes,
    No,
    Maybe { lookup: bool, response: bool, missed: bool },
}

/// Kleene logic by trying every resolution of what is pending: the truth is definite when all agree.
fn truth(cond: &Cond, ask: &Ask, token: &Tok, actor: &str, subject: &str) -> Tri {
    let worlds = |known: Known, values: [&'static str; 2]| match known {
        Known::Value(value) => vec![Some(value)],
        Known::Pending(_) => vec![Some(values[0]), Some(values[1]), Some("zzz"), None],
        Known::Unavailable | Known::Unknown => vec![None],
    };
    let mut seen = Vec::new();
    for owner in worlds(ask.owner, ["alice", "bob"]) {
        for tenant in worlds(ask.tenant, ["t1", "t2"]) {
            seen.push(kleene(cond, ask, token, actor, subject, owner, tenant));
        }
    }
    if seen.iter().all(|value| *value == Some(true)) {
        return Tri::Yes;
    }
    if seen.iter().all(|value| *value == Some(false)) {
        return Tri::No;
    }
    // What could settle it: the pending facts the condition reads.
    let reads = |word: &str| cond.text().contains(word);
    let (mut lookup, mut response, mut missed) = (false, false, false);
    // Where every resolution comes to the same, nothing is worth asking.
    let open = ask.lax || seen.iter().any(|value| *value != seen[0]);
    for (known, word) in [(ask.owner, "resource.owner"), (ask.tenant, "resource.tenant")] {
        match known {
            Known::Pending(Source::Lookup) if open && reads(word) => lookup = true,
            Known::Pending(Source::Response) if open && reads(word) => response = true,
            Known::Unavailable if reads(word) => missed = true,
            _ => {}
        }
    }
    Tri::Maybe { lookup, response, missed }
}

fn kleene(
    cond: &Cond,
    ask: &Ask,
    token: &Tok,
    actor: &str,
    subject: &str,
    owner: Option<&str>,
    tenant: Option<&str>,
) -> Option<bool> {
    let again = |inner| kleene(inner, ask, token, actor, subject, owner, tenant);
    match cond {
        Cond::Always | Cond::Before => Some(true),
        Cond::OwnerIsSubject => owner.map(|owner| owner == subject),
        Cond::TenantIsSubjects => Some(tenant? == token.tenant?),
        Cond::InGroup(group) => token.groups.as_ref().map(|groups| groups.contains(group)),
        Cond::ActorIs(id) => Some(actor == *id),
        Cond::MethodIsGet => Some(ask.method == "GET"),
        Cond::Not(inner) => again(inner).map(|value| !value),
        Cond::And(a, b) => match (again(a), again(b)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        Cond::Or(a, b) => match (again(a), again(b)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
    }
}

fn rules(
    world: &World,
    ask: &Ask,
    token: &Tok,
    chain: &[usize],
    action: Action,
    resource: &'static str,
) -> Says {
    let mode = world.actors[chain[0]].mode;
    let actor = format!("agent-{}", chain[0]);
    let subject = match mode {
        ActorMode::Delegated => token.sub.unwrap().to_owned(),
        ActorMode::Independent => actor.clone(),
    };
    let at = RESOURCES.iter().position(|name| *name == resource).unwrap();
    let mut all = world.rules.clone();
    if world.by_scope[at].contains(&action) {
        all.push(WorldRule {
            effect: Effect::Allow,
            actions: vec![action],
            resources: vec![resource],
            when: None,
            approval: None,
        });
    }
    all.retain(|rule| rule.actions.contains(&action) && rule.resources.contains(&resource));
    let judged: Vec<(WorldRule, Tri)> = all
        .into_iter()
        .map(|rule| {
            let tri = rule
                .when
                .as_ref()
                .map_or(Tri::Yes, |when| truth(when, ask, token, &actor, &subject));
            (rule, tri)
        })
        .collect();
    let settled =
        |tri: &Tri| !matches!(tri, Tri::Maybe { lookup, response, .. } if *lookup || *response);
    let denies = || judged.iter().filter(|(rule, _)| rule.effect == Effect::Deny);
    let grants = || judged.iter().filter(|(rule, _)| rule.effect == Effect::Allow);
    // Something a rule asked for could not be had.
    let missed = judged.iter().any(|(rule, _)| {
        rule.when.as_ref().is_some_and(|when| asks_in_vain(when, ask, token, &actor, &subject))
    });
    if denies().any(|(_, tri)| *tri == Tri::Yes) {
        return Says::Deny(Reason::Denied);
    }
    if denies().any(|(_, tri)| *tri != Tri::No && settled(tri)) {
        return Says::Deny(if missed { Reason::LookupUnavailable } else { Reason::Denied });
    }
    let tier = |rule: &WorldRule| {
        let written = rule.approval.unwrap_or(match action {
            Action::Read => Tier::None,
            _ => Tier::Presence,
        });
        match (mode, written) {
            (ActorMode::Independent, Tier::Device | Tier::Presence) => Tier::SecondPerson,
            (_, tier) => tier,
        }
    };
    let strictest = grants().filter(|(_, tri)| *tri == Tri::Yes).map(|(rule, _)| tier(rule)).max();
    let waiting: Vec<_> = grants().filter(|(_, tri)| !settled(tri)).collect();
    let mut waits = (false, false);
    let mut add = |tri: &Tri| {
        if let Tri::Maybe { lookup, response, .. } = tri {
            waits = (waits.0 | lookup, waits.1 | response);
        }
    };
    waiting
        .iter()
        .filter(|(rule, _)| {
            strictest.is_none_or(|so_far| tier(rule) > so_far && tier(rule) > ask.approval)
        })
        .for_each(|(_, tri)| add(tri));
    if strictest.is_some() || !waiting.is_empty() {
        denies().filter(|(_, tri)| !settled(tri)).for_each(|(_, tri)| add(tri));
    }
    if waits != (false, false) {
        return Says::Waits(waits.0, waits.1);
    }
    match strictest {
        None if missed => Says::Deny(Reason::LookupUnavailable),
        None => Says::Deny(Reason::NotAllowed),
        Some(tier) if tier <= ask.approval => Says::Allow(Reason::AllowedByRule),
        Some(_) if !world.tag => Says::Deny(Reason::ApprovalRequired),
        Some(_) if ask.host_tags => Says::Allow(Reason::AllowedWithTag),
        Some(_) => Says::Deny(Reason::ObligationUnsupported),
    }
}

/// Whether evaluating from left to right, stopping where the answer is certain, asks for an
/// attribute whose look-up failed.
fn asks_in_vain(cond: &Cond, ask: &Ask, token: &Tok, actor: &str, subject: &str) -> bool {
    let again = |inner| asks_in_vain(inner, ask, token, actor, subject);
    let value = |inner: &Cond| truth(inner, ask, token, actor, subject);
    match cond {
        Cond::OwnerIsSubject => ask.owner == Known::Unavailable,
        Cond::TenantIsSubjects => ask.tenant == Known::Unavailable,
        Cond::Not(inner) => again(inner),
        Cond::And(a, b) => again(a) || (value(a) != Tri::No && again(b)),
        Cond::Or(a, b) => again(a) || (value(a) != Tri::Yes && again(b)),
        _ => false,
    }
}
