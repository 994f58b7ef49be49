use super::super::stops;
use super::*;
use ambit::approval::request::{ApprovalRequest, KEY_ID};
use ambit::identity::issue::SigningKey;
use serde_json::json;

fn stop(title: &str) -> Stop {
    stops::all().into_iter().find(|stop| stop.title == title).unwrap()
}

fn seen(line: (&str, &str), headers: &[(&str, &str)]) -> Seen {
    Seen {
        method: line.0.to_owned(),
        target: line.1.to_owned(),
        headers: headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        body: String::new(),
    }
}

const TOLD: (&str, &str) = ("ambit", "id=\"r1\", sub=\"alice\", act=(\"support-assistant\")");

fn read() -> (Stop, Outcome) {
    let outcome = Outcome {
        status: 200,
        answer: json!({ "id": "1" }),
        record: json!({ "effect": "allow", "reason": "allowed-by-rule" }),
        seen: vec![seen(("GET", "/v1/documents/1"), &[TOLD])],
        keys: Value::Null,
    };
    (stop("its user's record"), outcome)
}

fn refusal() -> (Stop, Outcome) {
    let outcome = Outcome {
        status: 403,
        answer: json!({ "reason": "not-allowed", "decision": "r1" }),
        record: json!({ "effect": "deny", "reason": "not-allowed" }),
        seen: Vec::new(),
        keys: Value::Null,
    };
    (stop("another user's record"), outcome)
}

fn write(digest_of: &str) -> (Stop, Outcome) {
    let stop = stop("a write");
    let key = SigningKey::ed25519_from_seed(&[7; 32]).unwrap();
    let digest = HttpRequest {
        audience: AUDIENCE,
        host: "127.0.0.1:10000",
        method: "PUT",
        path: "/v1/tickets/7",
        content_type: Some("application/json"),
        body: digest_of.as_bytes(),
        ..HttpRequest::default()
    }
    .digest();
    let request = ApprovalRequest {
        id: "a1",
        gateway: ("demo", "boot"),
        subject: ("realm", "alice"),
        actors: &["support-assistant"],
        action: "write",
        resource: ("ticket", "7"),
        digest: &digest,
        policy: "hash",
        tier: "presence",
        times: (0, 1),
        use_within: 1,
    };
    let outcome = Outcome {
        status: 403,
        answer: json!({ "reason": "approval-required", "decision": "r1", "approval": {
            "id": "a1", "digest": digest, "request": request.sign(&key) } }),
        record: json!({ "effect": "deny", "reason": "approval-required",
            "approval": { "digest": digest } }),
        seen: Vec::new(),
        keys: json!({ "keys": [key.jwk(KEY_ID)] }),
    };
    (stop, outcome)
}

#[test]
fn a_promise_that_is_kept_is_not_called_broken() {
    let body = stop("a write").body;
    for (stop, outcome) in [read(), refusal(), write(body)] {
        assert_eq!(broken(&stop, &outcome), Vec::<String>::new(), "{}", stop.title);
    }
}

#[test]
fn a_refusal_that_reaches_the_upstream_is_seen_whatever_the_status_says() {
    let (stop, mut outcome) = refusal();
    outcome.seen = vec![seen(("GET", "/v1/documents/2"), &[TOLD])];
    assert!(broken(&stop, &outcome).concat().contains("the upstream saw"));
}

#[test]
fn an_allow_that_never_reached_the_upstream_is_seen() {
    let (stop, mut outcome) = read();
    outcome.seen.clear();
    assert_eq!(broken(&stop, &outcome), ["the upstream saw []"]);
}

#[test]
fn a_wrong_status_reason_or_effect_is_seen() {
    let (stop, good) = refusal();
    let mut status = good.clone();
    status.status = 200;
    assert_eq!(broken(&stop, &status).len(), 1);
    let mut record = good.clone();
    record.record = json!({ "effect": "allow", "reason": "allowed-by-rule" });
    assert_eq!(broken(&stop, &record).len(), 2);
    let mut answer = good;
    answer.answer = json!({ "reason": "denied", "decision": "r1" });
    assert_eq!(broken(&stop, &answer), ["the answer does not say not-allowed"]);
}

#[test]
fn an_upstream_that_is_told_something_else_is_seen() {
    for headers in [
        &[][..],
        &[("ambit", "sub=\"root\", act=(\"support-assistant\")")],
        &[("ambit", "sub=\"alice\", act=(\"another\")")],
        &[TOLD, ("ambit-sub", "root")],
        &[TOLD, ("x-http-method-override", "DELETE")],
        &[TOLD, ("authorization", "Bearer x")],
    ] {
        let (stop, mut outcome) = read();
        outcome.seen = vec![seen(("GET", "/v1/documents/1"), headers)];
        assert_eq!(broken(&stop, &outcome).len(), 1, "{headers:?}");
    }
}

#[test]
fn a_token_that_should_go_on_and_does_not_is_seen() {
    let (_, mut outcome) = read();
    outcome.seen = vec![seen(("GET", "/v1/tickets/7"), &[TOLD])];
    assert_eq!(
        broken(&stop("a ticket"), &outcome),
        ["the user's token did not reach the upstream"]
    );
}

#[test]
fn an_approval_request_for_another_request_or_by_another_key_is_seen() {
    let (stop, other) = write("another body");
    assert!(broken(&stop, &other).concat().contains("promised digest"));
    let (stop, mut forged) = write(stop.body);
    let key = SigningKey::ed25519_from_seed(&[8; 32]).unwrap();
    forged.keys = json!({ "keys": [key.jwk(KEY_ID)] });
    assert!(broken(&stop, &forged).concat().contains("not signed by a key"));
    forged.answer = json!({ "reason": "approval-required", "decision": "r1" });
    assert_eq!(broken(&stop, &forged).len(), 2);
}

#[test]
fn a_record_is_found_by_what_the_client_or_else_the_upstream_was_told() {
    let told = [seen(("GET", "/"), &[TOLD])];
    assert_eq!(Outcome::record_id(&json!({ "decision": "r2" }), &told).as_deref(), Some("r2"));
    assert_eq!(Outcome::record_id(&json!({}), &told).as_deref(), Some("r1"));
    assert_eq!(Outcome::record_id(&json!({}), &[]), None);
}
