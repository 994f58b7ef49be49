use super::*;
use crate::policy::error::PolicyErrors;

const POLICY: &str = r#"apiVersion: ambit/v1
name: tickets
identity:
  issuers:
    - issuer: https://idp.example.com
      jwks: { remote: { cluster: idp, url: "https://idp.example.com/jwks" } }
subjects:
  - { groups: [support], scopes: ["*:*"] }
actors:
  bot: { match: { client_id: bot-1 }, scopes: ["*:ticket"] }
  indexer: { mode: independent, match: { client_id: indexer }, scopes: ["read:ticket"] }
  installed: { match: { registered: dynamic, claim: { software_id: acme } }, scopes: ["read:*"] }
resources:
  ticket:
    audience: https://api.example.com
    credentials: keep
    http: [{ path: "/v1/tickets/{id}" }]
rules:
  - { id: reads, effect: allow, actions: [read], resources: [ticket] }
  - { id: mine, effect: allow, actions: [write], resources: [ticket], when: resource.id == "7", approval: none }
  - { id: frozen, effect: deny, actions: [write], resources: [ticket], when: '"frozen" in subject.groups' }
"#;

fn policy() -> Policy {
    let loaded: Result<_, PolicyErrors> = Policy::load_yaml("policy.yaml", POLICY);
    loaded.unwrap_or_else(|errors| panic!("{errors}")).policy
}

fn line(changes: &[(&str, &str)]) -> String {
    let mut line = r#"{"v":1,"id":"r1","time":1800000000000,"effect":"allow","reason":"allowed-by-rule","rules":["reads"],"policy":{"name":"old","hash":"x"},"subject":{"realm":"https://idp.example.com","id":"alice"},"actors":["bot"],"client":"bot-1","issuer":"https://idp.example.com","action":"read","resource":{"type":"ticket","id":"7"},"http":{"method":"GET","host":"api.example.com","path":"/v1/tickets/7"}}"#.to_owned();
    for (from, to) in changes {
        assert!(line.contains(from), "{from}");
        line = line.replace(from, to);
    }
    line
}

fn outlook(changes: &[(&str, &str)]) -> (Outlook, Reason) {
    let reviewed = Recorded::read(&line(changes)).unwrap().review(&policy());
    (reviewed.outlook, reviewed.trace.decision.reason)
}

#[test]
fn what_a_record_lacks_is_said_where_it_matters() {
    let groups = vec!["the user's groups".to_owned()];
    assert_eq!(outlook(&[]), (Outlook::Depends(groups), Reason::AllowedByRule));
    // Nobody's groups matter to an agent of its own, and what its token reached it reaches.
    let own =
        [("\"bot\"", "\"indexer\""), ("\"bot-1\"", "\"indexer\""), ("\"alice\"", "\"indexer\"")];
    assert_eq!(outlook(&own), (Outlook::Allow, Reason::AllowedByRule));
    // An agent that reads at most writes nothing, whatever else is not known.
    let write = [("\"action\":\"read\"", "\"action\":\"write\""), ("GET", "PUT")];
    let writes = [&own[..], &write[..]].concat();
    assert_eq!(outlook(&writes), (Outlook::Deny, Reason::BeyondCeiling));
    let Outlook::Depends(on) = outlook(&write).0 else { panic!("{:?}", outlook(&write)) };
    assert_eq!(on, ["the user's groups", "values that conditions read"]);
    // No rule of this policy speaks of deleting.
    let delete = [("\"action\":\"read\"", "\"action\":\"delete\""), ("GET", "DELETE")];
    assert_eq!(outlook(&delete), (Outlook::Deny, Reason::NotAllowed));
}

#[test]
fn who_and_what_are_looked_for_in_the_policy_of_today() {
    assert_eq!(outlook(&[("\"bot\"", "\"renamed\"")]).1, Reason::AllowedByRule, "by its client id");
    let gone = [("\"bot\"", "\"gone\""), ("\"bot-1\"", "\"gone-1\"")];
    // One of many installations goes by its client id; that is all a record has of it.
    assert_eq!(outlook(&gone).1, Reason::AllowedByRule);
    let moved = [("/v1/tickets/7", "/v2/tickets/7")];
    assert_eq!(outlook(&moved), (Outlook::Deny, Reason::UnmappedRequest));
    let stranger = [("\"issuer\":\"https://idp", "\"issuer\":\"https://other")];
    assert_eq!(outlook(&stranger), (Outlook::Deny, Reason::UnknownIssuer));
}

#[test]
fn what_was_refused_before_any_rule_stays_refused() {
    for (code, reason) in [
        ("expired", Reason::Expired),
        ("no-token", Reason::NoToken),
        ("malformed-request", Reason::MalformedRequest),
        ("wrong-audience", Reason::WrongAudience),
    ] {
        let changes = [("\"allow\"", "\"deny\""), ("allowed-by-rule", code)];
        assert_eq!(outlook(&changes), (Outlook::Deny, reason));
    }
    let public =
        [("allowed-by-rule", "allowed-public"), ("\"issuer\":\"https://idp.example.com\",", "")];
    assert_eq!(outlook(&public), (Outlook::Allow, Reason::AllowedPublic));
}

#[test]
fn the_policy_that_decided_decides_the_same() {
    let policy = policy();
    let hash = policy.hash().to_owned();
    let record = line(&[("\"hash\":\"x\"", &format!("\"hash\":\"{hash}\""))]);
    let reviewed = Recorded::read(&record).unwrap().review(&policy);
    assert!(reviewed.same_policy);
    assert_eq!((reviewed.outlook, reviewed.trace.decision.rules), (Outlook::Allow, vec![0]));
}

#[test]
fn a_value_that_is_not_whole_is_not_there() {
    let trunc =
        [("\"v\":1", "\"trunc\":[\"http.path\"],\"v\":1"), ("/v1/tickets/7", "/v1/tic…99:abc")];
    let record = Recorded::read(&line(&trunc)).unwrap();
    assert_eq!(record.http[2], "");
    let reviewed = record.review(&policy());
    assert_eq!(reviewed.trace.asked.unwrap().resource, "ticket", "as the record says");
}

#[test]
fn what_is_not_said_twice_is_known() {
    let short = r#"{"reason":"denied","effect":"deny","issuer":"https://idp.example.com","actors":["bot"],"subject":{"id":"alice"}}"#;
    let record = Recorded::read(short).unwrap();
    assert_eq!(record.client, "bot");
    assert_eq!(record.subject, Some(("https://idp.example.com".to_owned(), "alice".to_owned())));
}

#[test]
fn a_record_that_lacks_anything_or_says_it_otherwise_is_reviewed_or_refused() {
    let whole: serde_json::Value = serde_json::from_str(&line(&[])).unwrap();
    let members = [
        "/v",
        "/id",
        "/time",
        "/effect",
        "/reason",
        "/rules",
        "/policy",
        "/policy/hash",
        "/subject",
        "/subject/id",
        "/actors",
        "/client",
        "/issuer",
        "/action",
        "/resource",
        "/resource/type",
        "/http",
        "/http/method",
        "/http/host",
        "/http/path",
    ];
    let policy = policy();
    let mut reviewed = 0;
    for member in members {
        for other in
            ["null", "7", "-1.5e300", "\"\"", "\"\\u0000/%ff\"", "[]", "[[1]]", "{}", "true"]
        {
            let mut changed = whole.clone();
            *changed.pointer_mut(member).unwrap() = serde_json::from_str(other).unwrap();
            if let Ok(record) = Recorded::read(&changed.to_string()) {
                let outlook = record.review(&policy).outlook;
                // What is lacking never makes sure of an allow that the whole record left open.
                assert!(outlook != Outlook::Allow, "{member} {other}");
                reviewed += 1;
            }
        }
    }
    assert!(reviewed > 100, "{reviewed}");
}

#[test]
fn what_is_no_record_says_why() {
    for (line, says) in [
        ("", "not JSON"),
        ("{}", "a record without `reason`"),
        ("{\"v\": 2}", "a record of another version; expected 1"),
        ("{\"v\": 1}", "a record without `reason`"),
        ("{\"ambit\": \"-\"}", "`ambit` is not JSON"),
    ] {
        let error = Recorded::read(line).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
