//! What everybody may have without a token: resource metadata, the gateway's key, CORS preflights.

use super::asked::Asked;
use super::engine::Engine;
use super::{Reply, reply};
use crate::approval::request::KEY_ID;
use crate::policy::document::Mode;
use crate::request::path;
use serde_json::json;

/// Where the gateway's public key is served.
const KEYS_PATH: &str = "/.well-known/ambit/jwks";

/// The answer, where the request asks for one of these. Shadow mode answers nothing.
pub(super) fn answer(engine: &Engine, asked: &Asked) -> Option<Reply> {
    if engine.policy.mode == Mode::Shadow {
        return None;
    }
    if asked.method == "OPTIONS" {
        return preflight(engine, asked);
    }
    // The host leaves the body of an answer to HEAD out.
    if !matches!(&*asked.method, "GET" | "HEAD") || asked.query.is_some() {
        return None;
    }
    if asked.path == KEYS_PATH {
        let keys: Vec<_> = engine.signing_key().map(|key| key.jwk(KEY_ID)).into_iter().collect();
        return Some(document(json!({ "keys": keys }).to_string().into_bytes()));
    }
    engine.metadata().find(&asked.host, &asked.path).map(|found| document(found.to_vec()))
}

fn document(body: Vec<u8>) -> Reply {
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("access-control-allow-origin".to_owned(), "*".to_owned()),
        ("cache-control".to_owned(), "max-age=300".to_owned()),
    ];
    reply::public(200, headers, body)
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
