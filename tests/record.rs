//! The record as `docs/record.md` describes it.

use ambit::Timestamp;
use ambit::enforcement::{Enforcement, Engine, Event, Ids, Outcome};
use ambit::policy::Policy;
use serde_json::Value;
use std::rc::Rc;

const POLICY: &str = r#"
apiVersion: ambit/v1
name: documents
identity: { issuers: [{ issuer: "https://idp.example.com", jwks: { remote: { cluster: idp, url: "https://idp.example.com/jwks" } } }] }
actors: { bot: { match: { client_id: bot }, scopes: ["read:*"] } }
resources:
  document: { audience: "https://api.example.com", by_scope: [read], credentials: keep, http: [{ path: "/v1/documents/{id}" }] }
audit: { level: request }
"#;

/// The record of a request without an `authorization` header.
fn record(path: &str, more: &[(&str, &str)]) -> Value {
    let loaded = Policy::load_yaml("policy.yaml", POLICY).unwrap();
    let engine = Rc::new(Engine::with(loaded, &|_| None).unwrap());
    let ids = Ids { record: "r1".to_owned(), boot: "b1".to_owned() };
    let mut enforcement = Enforcement::new(engine, ids);
    let mut headers: Vec<(&[u8], &[u8])> = vec![
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":authority", b"api.example.com"),
        (b":path", path.as_bytes()),
    ];
    headers.extend(more.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    let now = Timestamp::from_secs(1_800_000_000);
    let _ = enforcement.on(now, Event::RequestHeaders { headers: &headers, peer: &[], end: true });
    let line = enforcement.record(Outcome { status: 400, ..Outcome::default() });
    serde_json::from_str(&line).unwrap()
}

#[test]
fn at_level_request_the_query_is_recorded() {
    assert_eq!(record("/v1/documents/7?a=1", &[])["http"]["query"], "a=1");
}

#[test]
fn no_record_holds_a_token_that_came_in_the_query() {
    for path in
        ["/v1/documents/7?access_token=s3cret", "/v1/documents/7?a=1&acces%73_token=s3cret&b=2"]
    {
        let alone = record(path, &[]);
        assert_eq!(alone["reason"], "token-in-url");
        // Refused for another reason first, it is no less a token.
        let twice = record(path, &[("host", "api.example.com")]);
        assert_eq!(twice["reason"], "malformed-request");
        for record in [alone, twice] {
            assert!(!record.to_string().contains("s3cret"), "{record}");
        }
    }
}
