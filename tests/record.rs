//! The record as `docs/record.md` describes it.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit::Timestamp;
use ambit::enforcement::{Enforcement, Engine, Event, Ids, Outcome, SignatureVerdict, Step};
use ambit::identity::issue::SigningKey;
use ambit::policy::Policy;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::rc::Rc;

const NOW: i64 = 1_800_000_000;

const POLICY: &str = r#"
apiVersion: ambit/v1
name: documents
MODE
identity: { issuers: [{ issuer: "https://idp.example.com", jwks: { inline: { keys: [JWK] } } }] }
actors: { support-assistant: { match: { client_id: support-assistant }, scopes: ["read:*", "write:*"] } }
resources:
  document: { audience: "https://api.example.com", credentials: keep, http: [{ path: "/v1/documents/{id}" }] }
rules:
  - { id: documents, effect: allow, actions: [read, write], resources: [document] }
  - { id: legal-hold, effect: deny, actions: [read], resources: [document], when: 'resource.id == "9"' }
audit: { AUDIT }
"#;

/// One request.
struct Asked<'a> {
    mode: &'a str,
    method: &'a str,
    path: &'a str,
    token: bool,
    /// The agent's name, or `policy`'s default, and what is audited.
    told: (&'a str, &'a str),
    more: &'a [(&'a str, &'a str)],
}

/// The agent goes by its client id, and its users are the issuer's.
const PLAIN: (&str, &str) = ("policy", "level: request");

const READ: Asked<'_> =
    Asked { mode: "", method: "GET", path: "/v1/documents/7", token: true, told: PLAIN, more: &[] };

impl Asked<'_> {
    /// Its record, as it is logged.
    fn line(&self) -> String {
        let key = SigningKey::es256_from_seed(&[7; 32]).unwrap();
        let text = POLICY.replace("MODE", self.mode).replace("AUDIT", self.told.1);
        let text = match self.told.0 {
            "agent" => text
                .replace("actors: { support-assistant:", "actors: { agent:")
                .replace("JWK] } }", "JWK] } }, person: { realm: corp }"),
            _ => text,
        };
        let text = text.replace("JWK", &key.jwk("k1").to_string());
        let loaded = Policy::load_yaml("policy.yaml", &text).unwrap();
        let engine = Rc::new(Engine::with(loaded, &|_| None).unwrap());
        let (record, boot) = ("8rky5yKHm1hQ5AAAAAAAAg".to_owned(), "8rky5yKHm1hQ5A".to_owned());
        let mut enforcement = Enforcement::new(engine, Ids { record, boot: boot.into() });
        let claims = json!({
            "iss": "https://idp.example.com", "sub": "alice", "client_id": "support-assistant",
            "aud": "https://api.example.com", "scope": "*:*", "jti": "t1", "iat": NOW, "exp": NOW + 300,
        });
        let token = key.sign(&json!({ "alg": "ES256", "typ": "at+jwt", "kid": "k1" }), &claims);
        let mut headers = vec![
            (":method", self.method),
            (":scheme", "https"),
            (":authority", "api.example.com"),
            (":path", self.path),
        ];
        let bearer = format!("Bearer {token}");
        if self.token {
            headers.push(("authorization", &bearer));
        }
        headers.extend(self.more);
        let headers: Vec<(&[u8], &[u8])> =
            headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let now = Timestamp::from_secs(NOW);
        let event = Event::RequestHeaders { headers: &headers, peer: &[], end: true };
        let mut step = enforcement.on(now, event);
        if let Step::CheckSignature(check) = step {
            assert!(check.verify());
            step = enforcement.on_signature(now, *check, SignatureVerdict::Valid);
        }
        let outcome = match step {
            Step::Forward(..) => {
                Outcome { status: 200, response_bytes: 52, duration_ms: 3, ..Outcome::default() }
            }
            Step::Reply(reply) => Outcome {
                status: reply.status,
                response_bytes: reply.body.len() as u64,
                duration_ms: 1,
                ..Outcome::default()
            },
            other => panic!("{other:?}"),
        };
        let line = enforcement.record(outcome);
        assert!(!line.contains(&token));
        line
    }

    fn record(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }
}

/// Requests whose records have, between them, every member.
fn all() -> [Asked<'static>; 7] {
    [
        READ,
        Asked { path: "/v1/documents/9", ..READ },
        Asked { method: "PUT", path: "/v1/documents/7?a=1", ..READ },
        Asked { mode: "mode: shadow", token: false, ..READ },
        Asked { told: ("policy", "level: request, outcome: record"), ..READ },
        // An agent of another name than its client's, for somebody of a realm with a name.
        Asked { told: ("agent", "level: request"), ..READ },
        Asked { path: LONG, token: false, ..READ },
    ]
}

const LONG: &str = concat!(
    "/v1/",
    "0123456789012345678901234567890123456789012345678901234567890123456789",
    "0123456789012345678901234567890123456789012345678901234567890123456789",
    "0123456789012345678901234567890123456789012345678901234567890123456789",
    "0123456789012345678901234567890123456789012345678901234567890123456789",
);

fn members(record: &Value, inside: &str, found: &mut BTreeSet<String>) {
    let Value::Object(record) = record else { return };
    for (name, value) in record {
        let path = if inside.is_empty() { name.clone() } else { format!("{inside}.{name}") };
        match value {
            Value::Object(_) => members(value, &path, found),
            _ => _ = found.insert(path),
        }
    }
}

#[test]
fn every_member_of_a_record_is_documented_and_no_other() {
    let mut written = BTreeSet::new();
    for asked in all() {
        members(&asked.record(), "", &mut written);
    }
    let documented: BTreeSet<String> = include_str!("../docs/record.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('|').next())
        .flat_map(|cell| cell.split(['`', ',', ' ']).filter(|name| !name.is_empty()))
        .map(str::to_owned)
        .collect();
    assert_eq!(documented, written);
}

#[test]
fn the_documented_examples_are_records() {
    let documentation = include_str!("../docs/record.md");
    for asked in [READ, Asked { path: "/v1/documents/9", ..READ }] {
        let line = asked.line();
        assert!(documentation.contains(&line), "docs/record.md lacks\n{line}");
    }
}

#[test]
fn at_level_request_the_query_is_recorded() {
    let asked = Asked { path: "/v1/documents/7?a=1", ..READ };
    assert_eq!(asked.record()["http"]["query"], "a=1");
}

#[test]
fn no_record_holds_a_token_that_came_in_the_query() {
    for path in
        ["/v1/documents/7?access_token=s3cret", "/v1/documents/7?a=1&acces%73_token=s3cret&b=2"]
    {
        let alone = Asked { path, token: false, ..READ }.record();
        assert_eq!(alone["reason"], "token-in-url");
        // Refused for another reason first, it is no less a token.
        let more: &[_] = &[("host", "api.example.com")];
        let twice = Asked { path, token: false, more, ..READ }.record();
        assert_eq!(twice["reason"], "malformed-request");
        for record in [alone, twice] {
            assert_eq!(record["trunc"], json!(["http.query"]));
            assert!(!record.to_string().contains("s3cret"), "{record}");
        }
    }
}
