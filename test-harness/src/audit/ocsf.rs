//! A record as OCSF has it: API Activity (class 6003 of OCSF 1.9), with the profiles `ai_operation`
//! and `security_control`, and `delegation` where an agent acts for somebody. The record itself
//! stands whole under `unmapped.ambit`, so nothing is lost.

use super::{date, verify};
use crate::recorded::{Effect, Read, Recorded};
use ambit::decision::{Reason, ReasonKind};
use serde_json::{Map, Value, json};

/// The event of one record. `source` is the client's address, where the access log has it.
#[must_use]
pub fn event(read: &Read, source: Option<&str>) -> Value {
    let record = &read.record;
    let (activity, activity_name) = activity(record);
    let allowed = record.effect == Effect::Allow;
    let mut event = json!({
        "category_uid": 6,
        "category_name": "Application Activity",
        "class_uid": 6003,
        "class_name": "API Activity",
        "activity_id": activity,
        "activity_name": activity_name,
        "type_uid": 600_300 + activity,
        "severity_id": if allowed { 1 } else { 2 },
        "time": record.time,
        "status_id": if allowed { 1 } else { 2 },
        "status_code": record.reason,
        "metadata": metadata(record),
        "actor": actor(record),
        "api": {
            "operation": record.http.method,
            "service": { "name": service(record) },
            "request": { "uid": record.id },
        },
        "src_endpoint": source.map_or_else(|| json!({ "name": "not recorded" }), endpoint),
        "dst_endpoint": { "hostname": record.http.host },
        "http_request": { "http_method": record.http.method, "url": url(record) },
        "policy": policy(record),
        "unmapped": { "ambit": unmapped(read) },
    });
    let Value::Object(members) = &mut event else { return event };
    if let Some(status) = record.outcome.status {
        members.insert("http_response".to_owned(), json!({ "code": status }));
        if let Some(Value::Object(api)) = members.get_mut("api") {
            api.insert("response".to_owned(), json!({ "code": status }));
        }
    }
    if let Some(duration) = record.outcome.duration_ms {
        members.insert("duration".to_owned(), json!(duration));
    }
    members.extend(control(record));
    if let Some(agent) = record.actors.first() {
        members.insert("ai_agent".to_owned(), json!({ "uid": agent, "name": agent, "type_id": 0 }));
        members.insert(
            "message_context".to_owned(),
            json!({ "uid": record.id, "ai_role_id": 0, "service": { "name": service(record) } }),
        );
    }
    if let Some(delegation) = delegation(record) {
        members.insert("delegation".to_owned(), delegation);
    }
    if !record.resource.kind.is_empty() {
        let mut resource = Map::from_iter([
            ("type".to_owned(), json!(record.resource.kind)),
            ("name".to_owned(), json!(record.resource.kind)),
        ]);
        if !record.resource.id.is_empty() {
            resource.insert("uid".to_owned(), json!(record.resource.id));
        }
        members.insert("resources".to_owned(), json!([resource]));
    }
    event
}

/// Create is told apart from Update by nobody: the policy's class `write` is both.
fn activity(record: &Recorded) -> (u32, &'static str) {
    match record.action.as_str() {
        "read" => (2, "Read"),
        "write" => (3, "Update"),
        "delete" => (4, "Delete"),
        "admin" => (99, "Admin"),
        _ => (0, "Unknown"),
    }
}

fn metadata(record: &Recorded) -> Value {
    let mut profiles = vec!["security_control"];
    if !record.actors.is_empty() {
        profiles.push("ai_operation");
    }
    if delegation(record).is_some() {
        profiles.push("delegation");
    }
    let mut metadata = json!({
        "version": "1.9.0",
        "uid": record.id,
        "event_code": "decision",
        "log_name": "ambit.audit",
        "log_version": format!("ambit.record/{}", record.v),
        "original_time": date(record.time),
        "is_truncated": !record.trunc.is_empty(),
        "profiles": profiles,
        "product": { "vendor_name": "Ambit", "name": "ambit", "uid": record.boot },
    });
    if let (Some(number), Value::Object(members)) =
        (verify::number(&record.boot, &record.id), &mut metadata)
    {
        members.insert("sequence".to_owned(), json!(number));
    }
    metadata
}

/// Who: the subject, the session that is the token, and the client as the application.
fn actor(record: &Recorded) -> Value {
    let mut actor = Map::new();
    let user = match &record.subject {
        Some(subject) => {
            json!({ "uid": subject.id, "domain": subject.realm, "type_id": user_type(record) })
        }
        None => json!({ "name": "unknown", "type_id": 0 }),
    };
    actor.insert("user".to_owned(), user);
    if !record.issuer.is_empty() {
        let mut session = Map::from_iter([("issuer".to_owned(), json!(record.issuer))]);
        if !record.token.is_empty() {
            session.insert("uid".to_owned(), json!(record.token));
        }
        actor.insert("session".to_owned(), Value::Object(session));
    }
    if !record.client.is_empty() {
        actor.insert("app_uid".to_owned(), json!(record.client));
    }
    Value::Object(actor)
}

/// User, or Service where an agent acts for itself.
fn user_type(record: &Recorded) -> u32 {
    if acts_for_itself(record) { 4 } else { 1 }
}

fn acts_for_itself(record: &Recorded) -> bool {
    record.subject.as_ref().is_some_and(|subject| record.actors.first() == Some(&subject.id))
}

/// The token an agent acts with for somebody; its issuer says so, never the agent.
fn delegation(record: &Recorded) -> Option<Value> {
    let delegated = !record.actors.is_empty() && !acts_for_itself(record);
    (delegated && !record.token.is_empty())
        .then(|| json!({ "uid": record.token, "issuer_uid": record.issuer }))
}

fn service(record: &Recorded) -> &str {
    if record.http.host.is_empty() { "unknown" } else { &record.http.host }
}

fn url(record: &Recorded) -> Value {
    let mut url = Map::from_iter([
        ("hostname".to_owned(), json!(record.http.host)),
        ("path".to_owned(), json!(record.http.path)),
    ]);
    if let Some(query) = &record.http.query {
        url.insert("query_string".to_owned(), json!(query));
    }
    Value::Object(url)
}

/// An address as an access log writes it: `203.0.113.7:4242`, `[2001:db8::1]:4242`, or bare.
fn endpoint(text: &str) -> Value {
    let with_port = text.parse::<std::net::SocketAddr>();
    match (with_port, text.parse::<std::net::IpAddr>()) {
        (Ok(at), _) => json!({ "ip": at.ip().to_string(), "port": at.port() }),
        (_, Ok(ip)) => json!({ "ip": ip.to_string() }),
        _ => json!({ "name": text }),
    }
}

fn policy(record: &Recorded) -> Value {
    json!({ "uid": record.policy.name, "version": record.policy.hash, "is_applied": !record.shadow })
}

/// What was done about it (profile `security_control`).
fn control(record: &Recorded) -> Map<String, Value> {
    let reason = Reason::ALL.iter().find(|reason| reason.code() == record.reason);
    let (action, action_name) = match (record.shadow, record.effect) {
        (true, _) => (3, "Observed"),
        (false, Effect::Allow) => (1, "Allowed"),
        (false, Effect::Deny) => (2, "Denied"),
    };
    let (disposition, disposition_name) = match (record.shadow, reason.map(|reason| reason.kind()))
    {
        (true, _) => (17, "Logged"),
        (false, Some(ReasonKind::Allowed)) if record.reason == "allowed-with-tag" => (18, "Tagged"),
        (false, Some(ReasonKind::Allowed)) => (1, "Allowed"),
        (false, Some(ReasonKind::Malformed | ReasonKind::TooLarge)) => (2, "Blocked"),
        (false, Some(ReasonKind::Forbidden | ReasonKind::Unauthenticated)) => (26, "Unauthorized"),
        (false, Some(ReasonKind::Unavailable)) => (27, "Error"),
        // A reason of another version.
        (false, None) => (0, "Unknown"),
    };
    let authorization = |rule: Option<&String>| {
        let mut policy = policy(record);
        if let (Some(rule), Value::Object(members)) = (rule, &mut policy) {
            members.insert("name".to_owned(), json!(rule));
        }
        json!({ "decision": record.effect.name(), "policy": policy })
    };
    let authorizations: Vec<Value> = match record.rules.as_slice() {
        [] => vec![authorization(None)],
        rules => rules.iter().map(|rule| authorization(Some(rule))).collect(),
    };
    Map::from_iter([
        ("action_id".to_owned(), json!(action)),
        ("action".to_owned(), json!(action_name)),
        ("disposition_id".to_owned(), json!(disposition)),
        ("disposition".to_owned(), json!(disposition_name)),
        ("is_alert".to_owned(), json!(false)),
        ("authorizations".to_owned(), json!(authorizations)),
    ])
}

/// The record as it is.
fn unmapped(read: &Read) -> Value {
    let text = read.json.to_jcs().unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::LINE;

    /// What API Activity and its base require.
    const REQUIRED: [&str; 10] = [
        "actor",
        "api",
        "src_endpoint",
        "metadata",
        "severity_id",
        "time",
        "activity_id",
        "category_uid",
        "class_uid",
        "type_uid",
    ];

    fn of(line: &str) -> Value {
        event(&Read::of(line).unwrap(), Some("203.0.113.7:4242"))
    }

    #[test]
    fn an_event_has_what_the_class_requires_and_the_whole_record() {
        let event = of(LINE);
        for member in REQUIRED {
            assert!(!event[member].is_null(), "{member}");
        }
        assert_eq!(event["type_uid"], 600_302);
        assert_eq!(event["metadata"]["sequence"], 2);
        assert_eq!(event["actor"]["user"]["uid"], "alice");
        assert_eq!(event["ai_agent"]["uid"], "bot");
        assert_eq!(event["src_endpoint"], json!({ "ip": "203.0.113.7", "port": 4242 }));
        assert_eq!(event["unmapped"]["ambit"], serde_json::from_str::<Value>(LINE).unwrap());
        assert_eq!(
            (event["action_id"].clone(), event["disposition_id"].clone()),
            (json!(1), json!(1))
        );
    }

    #[test]
    fn what_was_done_about_a_request_is_told() {
        for (effect, reason, shadow, action, disposition) in [
            ("deny", "denied", false, 2, 26),
            ("deny", "no-token", false, 2, 26),
            ("deny", "malformed-request", false, 2, 2),
            ("deny", "lookup-unavailable", false, 2, 27),
            ("deny", "of-tomorrow", false, 2, 0),
            ("allow", "allowed-with-tag", false, 1, 18),
            ("deny", "denied", true, 3, 17),
        ] {
            let line = LINE
                .replace("\"allow\"", &format!("\"{effect}\""))
                .replace("allowed-by-rule", reason)
                .replace(
                    "\"subject\"",
                    if shadow { "\"shadow\":true,\"subject\"" } else { "\"subject\"" },
                );
            let event = of(&line);
            assert_eq!(event["action_id"], action, "{line}");
            assert_eq!(event["disposition_id"], disposition, "{line}");
        }
    }

    #[test]
    fn an_agent_that_acts_for_itself_is_a_service_and_delegates_nothing() {
        let token = "\"time\":1800000000000,\"token\":\"t\"";
        let line = LINE.replace("\"time\":1800000000000", token);
        assert_eq!(of(&line)["delegation"]["uid"], "t");
        let own = of(&line.replace("\"alice\"", "\"bot\""));
        assert_eq!(
            (own["actor"]["user"]["type_id"].clone(), own["delegation"].clone()),
            (json!(4), Value::Null)
        );
    }
}
