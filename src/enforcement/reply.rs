//! The one map from a decision to what the caller is told (RFC 9457, RFC 6750 §3).
//!
//! Callers get a stable reason code and the record's id: no rule, no threshold, no policy.

use super::Reply;
use super::challenge::{Schemes, challenges};
use crate::decision::{Decision, Reason, ReasonKind};
use serde_json::{Map, Value};

/// Seconds a client should wait before it tries an unavailable dependency again.
const RETRY_AFTER: &str = "5";
/// The header that brings a nonce (RFC 9449 §8.2).
const NONCE: &str = "dpop-nonce";

/// What a refusal may tell beyond its reason.
#[derive(Debug, Default)]
pub(super) struct Told<'a> {
    /// The record's id.
    pub(super) record: &'a str,
    /// Where the resource's metadata is (RFC 9728 §5.1), for challenges.
    pub(super) metadata: Option<&'a str>,
    /// By which schemes the caller may come back.
    pub(super) schemes: Schemes,
    /// What its next proof must hold (RFC 9449 §8).
    pub(super) nonce: Option<String>,
    /// What to ask a person for.
    pub(super) approval: Option<Map<String, Value>>,
    /// The caller's origin, where the resource allows it to read answers.
    pub(super) origin: Option<&'a str>,
}

/// The refusal that a denied `decision` becomes.
pub(super) fn refusal(decision: &Decision, told: Told<'_>) -> Reply {
    let reason = decision.reason;
    let status = status(reason);
    let mut headers = vec![("content-type".to_owned(), "application/problem+json".to_owned())];
    headers.push(("cache-control".to_owned(), "no-store".to_owned()));
    for challenge in challenges(decision, told.schemes, told.metadata) {
        headers.push(("www-authenticate".to_owned(), challenge));
    }
    let exposed = told.nonce.is_some();
    if let Some(nonce) = told.nonce {
        headers.push((NONCE.to_owned(), nonce));
    }
    if reason.kind() == ReasonKind::Unavailable {
        headers.push(("retry-after".to_owned(), RETRY_AFTER.to_owned()));
    }
    if let Some(origin) = told.origin {
        headers.push(("access-control-allow-origin".to_owned(), origin.to_owned()));
        headers.push(("vary".to_owned(), "Origin".to_owned()));
        if exposed {
            headers.push(("access-control-expose-headers".to_owned(), NONCE.to_owned()));
        }
    }
    let mut problem = Map::new();
    problem.insert("type".to_owned(), format!("urn:ambit:reason:{}", reason.code()).into());
    problem.insert("title".to_owned(), title(reason.kind()).into());
    problem.insert("status".to_owned(), status.into());
    problem.insert("reason".to_owned(), reason.code().into());
    problem.insert("decision".to_owned(), told.record.into());
    if let Some(approval) = told.approval {
        problem.insert("approval".to_owned(), approval.into());
    }
    Reply {
        status,
        headers,
        body: Value::Object(problem).to_string().into_bytes(),
        details: details(reason),
    }
}

/// An answer to everybody.
pub(super) fn public(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Reply {
    Reply { status, headers, body, details: details(Reason::AllowedPublic) }
}

/// The code in the gateway's log.
fn details(reason: Reason) -> String {
    format!("ambit_{}", reason.code().replace('-', "_"))
}

const fn status(reason: Reason) -> u16 {
    match reason.kind() {
        ReasonKind::Allowed => 200,
        ReasonKind::Malformed => 400,
        ReasonKind::Unauthenticated => 401,
        ReasonKind::Forbidden => 403,
        ReasonKind::TooLarge => 413,
        ReasonKind::Unavailable => 503,
    }
}

const fn title(kind: ReasonKind) -> &'static str {
    match kind {
        ReasonKind::Allowed => "allowed",
        ReasonKind::Malformed => "the request is malformed or ambiguous",
        ReasonKind::Unauthenticated => "no valid token proves who is asking",
        ReasonKind::Forbidden => "the policy does not allow this",
        ReasonKind::TooLarge => "the body is too large to decide on",
        ReasonKind::Unavailable => "something the decision needs is not available",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
        reply.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn no_credentials_get_a_challenge_without_an_error_code() {
        let reply = refusal(&Decision::deny(Reason::NoToken), Told::default());
        assert_eq!((reply.status, header(&reply, "www-authenticate")), (401, Some("Bearer")));
    }

    #[test]
    fn insufficient_scope_names_the_scope_and_other_refusals_do_not_challenge() {
        let decision = Decision {
            missing_scopes: vec!["write:ticket".to_owned()],
            ..Decision::deny(Reason::InsufficientScope)
        };
        let reply = refusal(&decision, Told::default());
        let wanted = "Bearer error=\"insufficient_scope\", scope=\"write:ticket\"";
        assert_eq!((reply.status, header(&reply, "www-authenticate")), (403, Some(wanted)));
        let reply = refusal(&Decision::deny(Reason::NotAllowed), Told::default());
        assert_eq!(header(&reply, "www-authenticate"), None);
    }

    #[test]
    fn every_refusal_has_a_status_of_its_kind() {
        for reason in Reason::ALL.iter().filter(|r| r.kind() != ReasonKind::Allowed) {
            let reply = refusal(&Decision::deny(*reason), Told::default());
            assert!(reply.status >= 400, "{}", reason.code());
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(body["reason"], reason.code());
        }
    }
}
