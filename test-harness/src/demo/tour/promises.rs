//! What was promised and not kept, by the answer, the record and the upstream's own log.

use super::stops::Stop;
use crate::demo::issuer::AUDIENCE;
use crate::demo::upstream::Seen;
use ambit::approval::digest::HttpRequest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::Value;

/// What came of one stop.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// Status the client got.
    pub(super) status: u16,
    /// The answer's body, where it is JSON.
    pub(super) answer: Value,
    /// The record.
    pub(super) record: Value,
    /// What the upstream saw.
    pub(super) seen: Vec<Seen>,
    /// The keys that the gateway serves.
    pub(super) keys: Value,
}

impl Outcome {
    /// The id of its record, as the client was told, or else as the upstream was.
    pub(super) fn record_id(answer: &Value, seen: &[Seen]) -> Option<String> {
        if let Some(id) = answer.get("decision").and_then(Value::as_str) {
            return Some(id.to_owned());
        }
        let told = seen.first()?.header("ambit")?;
        Some(told.strip_prefix("id=\"")?.split('"').next()?.to_owned())
    }

    fn recorded(&self, pointer: &str) -> &str {
        self.record.pointer(pointer).and_then(Value::as_str).unwrap_or("nothing")
    }
}

/// Every promise of the stop that was not kept; empty when all were.
pub(super) fn broken(stop: &Stop, outcome: &Outcome) -> Vec<String> {
    let mut wrong = Vec::new();
    if outcome.status != stop.status {
        wrong.push(format!("promised {}, answered {}", stop.status, outcome.status));
    }
    if outcome.recorded("/reason") != stop.reason {
        wrong.push(format!("promised {}, recorded {}", stop.reason, outcome.recorded("/reason")));
    }
    let effect = if stop.reaches.is_some() { "allow" } else { "deny" };
    if outcome.recorded("/effect") != effect {
        wrong.push(format!("promised {effect}, recorded {}", outcome.recorded("/effect")));
    }
    if stop.reaches.is_none()
        && outcome.answer.get("reason").and_then(Value::as_str) != Some(stop.reason)
    {
        wrong.push(format!("the answer does not say {}", stop.reason));
    }
    let lines: Vec<String> =
        outcome.seen.iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect();
    if lines != stop.reaches.map(str::to_owned).into_iter().collect::<Vec<_>>() {
        wrong.push(format!("the upstream saw {lines:?}"));
    }
    for seen in &outcome.seen {
        wrong.extend(told_wrongly(stop, seen));
    }
    if stop.reason == "approval-required" {
        wrong.extend(not_approvable(stop, outcome));
    }
    wrong
}

/// The upstream must be told who asks, by Ambit and by nobody else.
fn told_wrongly(stop: &Stop, seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    let told: Vec<&str> = seen
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("ambit"))
        .map(|(_, value)| value.as_str())
        .collect();
    let names = stop
        .token
        .as_ref()
        .map(|token| (format!("sub=\"{}\"", token.subject), format!("act=(\"{}\")", token.agent)));
    let as_promised = match (told.as_slice(), names) {
        ([value], Some((subject, actor))) => value.contains(&subject) && value.contains(&actor),
        _ => false,
    };
    if !as_promised {
        wrong.push(format!("the upstream was told {told:?}"));
    }
    if seen.header("x-http-method-override").is_some() {
        wrong.push("a method override reached the upstream".to_owned());
    }
    match (stop.keeps_token, seen.header("authorization").is_some()) {
        (false, true) => wrong.push("the token reached an upstream it is not for".to_owned()),
        (true, false) => wrong.push("the user's token did not reach the upstream".to_owned()),
        _ => {}
    }
    wrong
}

/// The refusal must carry what a person can say yes to: signed by the gateway, bound to this exact
/// request by a digest that anybody can compute.
fn not_approvable(stop: &Stop, outcome: &Outcome) -> Vec<String> {
    let mut wrong = Vec::new();
    let given = |member: &str| {
        outcome.answer.pointer(&format!("/approval/{member}")).and_then(Value::as_str)
    };
    let content_type =
        stop.headers.iter().find(|(name, _)| *name == "content-type").map(|(_, value)| *value);
    let digest = HttpRequest {
        audience: AUDIENCE,
        host: AUDIENCE.trim_start_matches("http://"),
        method: stop.method,
        path: stop.target,
        content_type,
        body: stop.body.as_bytes(),
        ..HttpRequest::default()
    }
    .digest();
    if given("digest") != Some(digest.as_str()) {
        wrong.push(format!("promised digest {digest}, answered {:?}", given("digest")));
    }
    if outcome.recorded("/approval/digest") != digest {
        wrong.push("the record has another digest".to_owned());
    }
    let Some(claims) = given("request").and_then(|jws| signed(jws, &outcome.keys)) else {
        wrong
            .push("the approval request is not signed by a key that the gateway serves".to_owned());
        return wrong;
    };
    let subject = stop.token.as_ref().map(|token| token.subject.as_str());
    let claimed = |pointer: &str| claims.pointer(pointer).and_then(Value::as_str);
    for (what, claimed, promised) in [
        ("id", claimed("/id"), given("id")),
        ("digest", claimed("/digest"), Some(digest.as_str())),
        ("subject", claimed("/subject/id"), subject),
        ("actor", claimed("/actors/0"), stop.token.as_ref().map(|token| token.agent.as_str())),
    ] {
        if claimed != promised {
            wrong.push(format!("the approval request's {what} is {claimed:?}"));
        }
    }
    wrong
}

/// The claims of an EdDSA JWS, where one of the served keys signed it.
fn signed(jws: &str, keys: &Value) -> Option<Value> {
    let (message, signature) = jws.rsplit_once('.')?;
    let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    let by = |key: &Value| -> Option<VerifyingKey> {
        let point = URL_SAFE_NO_PAD.decode(key.get("x")?.as_str()?).ok()?;
        VerifyingKey::from_bytes(point.as_slice().try_into().ok()?).ok()
    };
    let keys = keys.get("keys")?.as_array()?;
    keys.iter()
        .filter_map(by)
        .find(|key| key.verify_strict(message.as_bytes(), &signature).is_ok())?;
    let claims = URL_SAFE_NO_PAD.decode(message.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&claims).ok()
}

#[cfg(test)]
mod tests;
