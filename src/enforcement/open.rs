//! What everybody may have without a token: resource metadata, the gateway's key, CORS preflights.

use super::asked::Asked;
use super::engine::Engine;
use super::{Reply, reply};
use crate::approval::request::KEY_ID;
use crate::identity::dpop;
use crate::policy::compiled::ResourceEntry;
use crate::policy::document::Mode;
use crate::request::{host, path};
use serde_json::json;

/// Where the gateway's public key is served.
const KEYS_PATH: &str = "/.well-known/ambit/jwks";
/// RFC 9728 §3.1.
const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// The answer, where the request asks for one of these. Shadow mode answers nothing.
pub(super) fn answer(engine: &Engine, asked: &Asked) -> Option<Reply> {
    if engine.policy.mode == Mode::Shadow {
        return None;
    }
    if asked.method == "OPTIONS" {
        return preflight(engine, asked);
    }
    if asked.method != "GET" || asked.query.is_some() {
        return None;
    }
    if asked.path == KEYS_PATH {
        let keys: Vec<_> = engine.signing_key().map(|key| key.jwk(KEY_ID)).into_iter().collect();
        return Some(document(json!({ "keys": keys })));
    }
    let path = asked.path.strip_prefix(METADATA_PATH)?;
    let resource = engine.policy.resources.iter().find(|entry| {
        host::from_audience(&entry.audience).is_ok_and(|host| host == asked.host)
            && audience_path(&entry.audience) == path
    })?;
    Some(document(metadata(engine, resource)))
}

/// Where the metadata of the resource is, for challenges (RFC 9728 §5.1).
pub(super) fn metadata_url(resource: &ResourceEntry) -> Option<String> {
    let (scheme, rest) = resource.audience.split_once("://")?;
    let host = rest.split('/').next()?;
    Some(format!("{scheme}://{host}{METADATA_PATH}{}", audience_path(&resource.audience)))
}

fn audience_path(audience: &str) -> &str {
    let rest = audience.split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("").trim_end_matches('/')
}

fn metadata(engine: &Engine, resource: &ResourceEntry) -> serde_json::Value {
    let policy = &engine.policy;
    let issuers: Vec<&str> = policy.issuers.iter().map(|issuer| issuer.issuer.as_str()).collect();
    let mut scopes: Vec<String> = Vec::new();
    let same = |entry: &&ResourceEntry| entry.audience == resource.audience;
    for entry in policy.resources.iter().filter(same) {
        let at = (0..).zip(&policy.resources).find(|(_, other)| other.id == entry.id);
        for action in crate::request::Action::ALL {
            if at.is_some_and(|(at, _)| !policy.rules_for(at, action).is_empty()) {
                scopes.push(format!("{action}:{}", entry.id));
            }
        }
    }
    json!({
        "resource": resource.audience,
        "authorization_servers": issuers,
        "scopes_supported": scopes,
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": dpop::ALGORITHMS.map(|algorithm| algorithm.name()),
    })
}

fn document(body: serde_json::Value) -> Reply {
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("access-control-allow-origin".to_owned(), "*".to_owned()),
        ("cache-control".to_owned(), "max-age=300".to_owned()),
    ];
    reply::public(200, headers, body.to_string().into_bytes())
}

/// A preflight for a path whose resource allows the origin; everything else needs a token, and a
/// preflight never has one, so it is refused like any request without.
fn preflight(engine: &Engine, asked: &Asked) -> Option<Reply> {
    let (origin, method) = (asked.origin.as_deref()?, asked.requested_method.as_deref()?);
    let resource = engine.resource_for(&asked.host, &path::decode(&asked.path), method)?;
    if !resource.cors_origins.iter().any(|allowed| allowed == origin) {
        return None;
    }
    let headers = vec![
        ("access-control-allow-origin".to_owned(), origin.to_owned()),
        ("access-control-allow-methods".to_owned(), method.to_owned()),
        (
            "access-control-allow-headers".to_owned(),
            "authorization, content-type, dpop, if-match, if-none-match, ambit-approval, ambit-grant"
                .to_owned(),
        ),
        ("access-control-max-age".to_owned(), "600".to_owned()),
        ("vary".to_owned(), "Origin".to_owned()),
    ];
    Some(reply::public(204, headers, Vec::new()))
}
