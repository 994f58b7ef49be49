//! What is answered before anybody is asked who they are: malformed requests, and what is everybody's.

use super::{Answer, Possible, Replay, Told};
use crate::decision::Reason;
use crate::enforcement::KEYS_PATH;
use crate::enforcement::metadata::Metadata;
use crate::policy::Policy;
use crate::policy::document::{AuditLevel, Mode, Tier};
use crate::policy::routes::Match;
use crate::request::path;

/// Adds what may be answered without a token; says whether that is all.
pub(super) fn answer(
    replay: &Replay<'_>,
    told: &Told<'_>,
    recorded: Option<Reason>,
    answer: &mut Answer,
) -> bool {
    let policy = &replay.new.policy;
    if let Some(reason @ (Reason::MalformedRequest | Reason::TokenInUrl | Reason::HostFailure)) =
        recorded
        && told.issuer.is_empty()
    {
        answer.deny(Some(reason));
        let routes_alike = replay.was().is_some_and(|was| was.routes);
        // A variable that one template bounds may fit another.
        if reason != Reason::MalformedRequest || routes_alike || !may_fit(policy, told) {
            return true;
        }
        answer.lacks("token");
        answer.possible.insert(public(Reason::AllowedByRule));
        return true;
    }
    match public_for(replay, told, recorded) {
        Public::Yes => {
            answer.possible.insert(public(Reason::AllowedPublic));
            return true;
        }
        Public::Perhaps(what) => {
            answer.possible.insert(public(Reason::AllowedPublic));
            answer.lacks(what);
        }
        Public::No => {}
    }
    if told.is_whole("http.path") && matches!(find(policy, told, told.method), Found::TooLong) {
        answer.deny(Some(Reason::MalformedRequest));
        return true;
    }
    if recorded == Some(Reason::AllowedPublic) {
        // Nobody looked whether there was a token.
        answer.deny(None);
        if !matches!(find(policy, told, told.method), Found::Unmapped) {
            answer.possible.insert(public(Reason::AllowedByRule));
            answer.lacks("token");
        }
        return true;
    }
    false
}

enum Public {
    Yes,
    /// It depends on what is named.
    Perhaps(&'static str),
    No,
}

fn public(reason: Reason) -> Possible {
    Possible { allowed: true, reason: Some(reason), rules: Vec::new(), tier: Tier::None }
}

fn public_for(replay: &Replay<'_>, told: &Told<'_>, recorded: Option<Reason>) -> Public {
    let policy = &replay.new.policy;
    if policy.mode == Mode::Shadow {
        return Public::No;
    }
    let was_public = recorded == Some(Reason::AllowedPublic);
    if told.method == "OPTIONS" {
        let origins = origins(policy, told);
        if origins.is_empty() {
            return Public::No;
        }
        let was = replay.was().filter(|was| was.policy().mode != Mode::Shadow);
        return match was.map(|was| self::origins(was.policy(), told)) {
            Some(before) if before == origins && was_public => Public::Yes,
            Some(before) if before == origins => Public::No,
            _ => Public::Perhaps("header `origin`"),
        };
    }
    if !matches!(told.method, "GET" | "HEAD") || told.query.is_some() {
        return Public::No;
    }
    let served = |policy: &Policy| {
        told.path == KEYS_PATH || Metadata::of(policy).find(told.host, told.path).is_some()
    };
    if !(told.path == KEYS_PATH || told.path.starts_with("/.well-known/")) || !served(policy) {
        return Public::No;
    }
    match replay.was() {
        _ if was_public => Public::Yes,
        Some(was) if was.policy().audit.level == AuditLevel::Request => Public::Yes,
        Some(was) if was.policy().mode != Mode::Shadow && served(was.policy()) => Public::No,
        _ => Public::Perhaps("query"),
    }
}

/// The origins that a preflight for the path may come from, by what it may ask for.
fn origins(policy: &Policy, told: &Told<'_>) -> Vec<Vec<String>> {
    ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]
        .into_iter()
        .filter_map(|method| match find(policy, told, method) {
            Found::Resource(at) => policy.resources.get(at as usize),
            Found::TooLong | Found::Unmapped => None,
        })
        .map(|resource| resource.cors_origins.clone())
        .filter(|origins| !origins.is_empty())
        .collect()
}

enum Found {
    Resource(u32),
    TooLong,
    Unmapped,
}

fn find(policy: &Policy, told: &Told<'_>, method: &str) -> Found {
    match policy.routes.find(told.host, &path::decode(told.path), method) {
        Match::Found { route, .. } => policy
            .routes
            .route(route)
            .map_or(Found::Unmapped, |route| Found::Resource(route.resource)),
        Match::TooLong => Found::TooLong,
        Match::Unmapped => Found::Unmapped,
    }
}

/// Whether a malformed request may be malformed for the length of a variable alone.
fn may_fit(policy: &Policy, told: &Told<'_>) -> bool {
    if !told.is_whole("http.path") {
        return true;
    }
    path::canonical(told.path).is_ok_and(|canonical| canonical == told.path)
        && told.path.split('/').any(|segment| path::decode(segment).len() > 256)
        && matches!(find(policy, told, told.method), Found::Resource(_))
}
