//! `ambit explain` and `ambit check` as a user sees them: their words are snapshots beside this file,
//! which `UPDATE_SNAPSHOTS=1` writes anew, and the program is run as a program.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit_test_harness::demo::live::Paint;
use ambit_test_harness::explain::asked::{Wanted, read_request};
use ambit_test_harness::explain::{self, Asked, Explained, Format};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

mod same;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn policy(name: &str) -> (String, String) {
    let file = format!("policies/{name}/policy.yaml");
    let text = std::fs::read_to_string(root().join(&file)).unwrap();
    (file, text)
}

/// A request in JSON, explained at a fixed time.
fn explained(name: &str, request: &str) -> Explained {
    let (file, text) = policy(name);
    match read_request(request, None).unwrap() {
        Wanted::Request(asked) => {
            let at = asked.at.clone().or(Some("2026-11-24T12:00:00Z".to_owned()));
            explain::explain(&file, &text, &Asked { at, ..*asked }, 0).unwrap()
        }
        Wanted::Record(record) => explain::review(&file, &text, &record).unwrap(),
    }
}

fn snapshot(name: &str, told: &str) {
    let path = root().join("test-harness/tests/explain").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, told).unwrap();
        return;
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(known == told, "{name} says otherwise; UPDATE_SNAPSHOTS=1 writes this:\n{told}");
}

const TENANT: &str = r#"{"method": "DELETE", "url": "/v1/documents/7", "claims": {"tid": "acme"},
    "attributes": {"tenant": "acme", "labels": ["legal-hold"]}}"#;

#[test]
fn every_step_ceiling_and_rule_is_told() {
    let cases = [
        ("a deny that look-ups lead to", "tenant-isolation", TENANT),
        (
            "what depends on a look-up",
            "tenant-isolation",
            r#"{"url": "https://api.example.com/v1/documents/7", "claims": {"tid": "acme"}}"#,
        ),
        (
            "a claim that the token lacks",
            "tenant-isolation",
            r#"{"url": "/v1/documents/7", "attributes": {"tenant": "acme"}}"#,
        ),
        (
            "the record's owner in the answer",
            "owner-in-response",
            r#"{"url": "/v1/notes/7", "subject": "bob", "attributes": {"owner": "bob", "public": false}}"#,
        ),
        (
            "a chain of agents",
            "delegated-agent",
            r#"{"method": "PUT", "url": "/v1/tickets/7", "actors": ["planner", "searcher"], "groups": ["support"]}"#,
        ),
        (
            "scopes that do not reach",
            "read-only-agent",
            r#"{"url": "/v1/documents/7", "scope": "read:nothing"}"#,
        ),
        ("a path that means nothing", "read-only-agent", r#"{"url": "/v2/documents/7"}"#),
        (
            "an agent nobody listed",
            "delegated-agent",
            r#"{"url": "/v1/tickets/7", "actor": "stranger"}"#,
        ),
        ("nobody", "read-only-agent", r#"{"url": "/v1/documents/7", "anonymous": true}"#),
        (
            "a token out of its time",
            "read-only-agent",
            r#"{"url": "/v1/documents/7", "claims": {"iat": 1, "exp": 2}}"#,
        ),
        (
            "an agent by itself",
            "background-agent",
            r#"{"method": "DELETE", "url": "/v1/documents/7"}"#,
        ),
        (
            "what needs a person",
            "approval-required",
            r#"{"method": "PUT", "url": "/v1/refunds/7", "body": {"amount": 1}}"#,
        ),
        (
            "groups that are withheld",
            "entra",
            r#"{"url": "/v1/documents/7", "actor": "assistant", "claims": {"_claim_names": {"groups": "src1"}}}"#,
        ),
    ];
    let mut told = String::new();
    for (name, policy, request) in cases {
        let tree = explained(policy, request).write(Format::Tree, Paint(false));
        told.push_str(&format!("# {name}\n{tree}\n"));
    }
    snapshot("trees.txt", &told);
}

#[test]
fn an_agent_comes_with_its_own_certificate_or_with_another() {
    let text = r#"apiVersion: ambit/v1
name: mtls
identity:
  actor_from: [client_id, mtls]
  issuers: [{ issuer: "https://idp", jwks: { remote: { cluster: idp, url: "https://idp/jwks" } } }]
actors:
  a: { match: { client_id: a, spiffe: "spiffe://x/a" }, scopes: ["*:*"] }
  b: { match: { client_id: b, spiffe: "spiffe://x/b" }, scopes: ["*:*"] }
resources:
  doc: { audience: "https://api", credentials: keep, by_scope: [read], http: [{ path: "/d/{id}" }] }
"#;
    for (peer, reason) in [(vec![], "allowed-by-rule"), (vec!["spiffe://x/b"], "actor-mismatch")] {
        let asked = Asked {
            url: "/d/7".to_owned(),
            actors: vec!["a".to_owned()],
            peer: peer.iter().map(|name| (*name).to_owned()).collect(),
            ..Asked::default()
        };
        let explained = explain::explain("mtls.yaml", text, &asked, 1_800_000_000_000).unwrap();
        assert_eq!(explained.trace.decision.reason.code(), reason);
    }
}

/// A record of a policy, with its hash in place of `HASH`.
fn record(policy_name: &str, line: &str) -> String {
    let (file, text) = policy(policy_name);
    let loaded = ambit::policy::Policy::load_yaml(&file, &text).unwrap();
    line.replace("HASH", loaded.policy.hash())
}

#[test]
fn a_record_is_explained_by_what_it_tells() {
    let denied = r#"{"v":1,"id":"r1","time":1800000000000,"effect":"deny","reason":"denied","rules":["legal-hold"],
        "policy":{"name":"tenant-isolation","hash":"HASH"},"subject":{"realm":"https://idp.example.com","id":"alice"},
        "actors":["assistant"],"client":"assistant","issuer":"https://idp.example.com","action":"delete",
        "resource":{"type":"document","id":"7"},"http":{"method":"DELETE","host":"api.example.com","path":"/v1/documents/7"}}"#
        .replace('\n', "");
    let same = record("tenant-isolation", &denied);
    let other = denied.replace("HASH", "another").replace("tenant-isolation", "older");
    let allowed = r#"{"v":1,"id":"r2","time":1800000000000,"effect":"allow","reason":"allowed-by-rule","rules":["tickets-are-cheap"],"policy":{"name":"older","hash":"x"},"subject":{"realm":"https://idp.example.com","id":"alice"},"actors":["searcher"],"client":"searcher","issuer":"https://idp.example.com","action":"write","resource":{"type":"ticket","id":"7"},"http":{"method":"PUT","host":"api.example.com","path":"/v1/tickets/7"}}"#;
    let logged =
        serde_json::json!({ "time": "now", "ambit": allowed.replace("searcher", "planner") });
    let mut told = String::new();
    for (name, policy, line) in [
        ("by the policy that decided", "tenant-isolation", same.as_str()),
        ("by another policy", "tenant-isolation", other.as_str()),
        ("by a policy with a lower ceiling", "delegated-agent", allowed),
        (
            "from an access log, by a policy that asks for groups",
            "delegated-agent",
            &logged.to_string(),
        ),
    ] {
        let tree = explained(policy, line).write(Format::Tree, Paint(false));
        told.push_str(&format!("# {name}\n{tree}\n"));
    }
    snapshot("records.txt", &told);
}

#[test]
fn it_is_written_for_programs_for_pages_and_as_a_picture() {
    let explained = explained("tenant-isolation", TENANT);
    let json: Value = serde_json::from_str(&explained.write(Format::Json, Paint(false))).unwrap();
    assert_eq!(json["outlook"], "deny");
    assert_eq!(json["rules_that_decide"], serde_json::json!(["legal-hold"]));
    let rule = &json["rules"][2];
    assert_eq!((&rule["place"]["line"], &rule["matches"]), (&25.into(), &"true".into()));
    let value = &rule["condition"]["values"][0];
    assert_eq!(
        (&value["name"], &value["value"]),
        (&"resource.labels".into(), &"[\"legal-hold\"]".into())
    );
    snapshot("tenant.html", &explained.write(Format::Html, Paint(false)));
    snapshot("tenant.svg", &explained.write(Format::Svg, Paint(false)));
}

#[test]
fn nothing_of_a_request_becomes_markup() {
    let hostile = "</code><script>alert(1)</script>\u{1b}[31m\u{0}";
    let request = serde_json::json!({
        "url": "/v1/documents/%3Cscript%3E", "subject": hostile, "claims": { "tid": hostile },
        "attributes": { "tenant": hostile },
    });
    let explained = explained("tenant-isolation", &request.to_string());
    for format in [Format::Html, Format::Svg] {
        let told = explained.write(format, Paint(false));
        assert!(!told.contains("<script"), "{told}");
        assert!(!told.contains('\u{1b}') && !told.contains('\u{0}'));
        assert!(told.contains("&lt;script&gt;"));
    }
    let tree = explained.write(Format::Tree, Paint(false));
    assert!(!tree.contains('\u{1b}'), "{tree:?}");
}

fn ambit(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ambit")).args(words).current_dir(root()).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_program_explains_and_colours_nothing_that_is_no_terminal() {
    let policy = "policies/tenant-isolation/policy.yaml";
    let line = "curl -X DELETE -H 'accept: */*' https://api.example.com/v1/documents/7";
    let told = ambit(&[
        "explain",
        policy,
        line,
        "--subject",
        "alice",
        "--claim",
        "tid=acme",
        "--attribute",
        "tenant=acme",
        "--attribute",
        "labels=[\"legal-hold\"]",
    ]);
    assert!(told.status.success(), "{told:?}");
    assert!(out(&told).starts_with("DENY  denied, by `legal-hold` (line 25)\n"), "{}", out(&told));
    assert!(!out(&told).contains('\u{1b}'));
    for (words, code, says) in [
        (vec!["explain", policy, "nonsense"], 2, "expected a URL"),
        (
            vec!["explain", "policies/delegated-agent/policy.yaml", "/x"],
            2,
            "expected `--actor`, one of `planner`, `searcher`",
        ),
        (
            vec!["explain", "policies/demo/unsafe.yaml", "/x"],
            3,
            "nobody checks whose `document` it is",
        ),
        (vec!["explain", policy, "/x", "--token", "a.b.c"], 2, "the token is no JWT"),
        (vec!["explain", policy, "/x", "--token", "a", "--subject", "b"], 2, "cannot be used with"),
        (vec!["explain", policy, "/x", "--at", "noon"], 2, "`noon` is no time"),
        (vec!["explain", policy, "/x", "--claim", "tid"], 2, "expected `name=value`"),
    ] {
        let told = ambit(&words);
        let error = String::from_utf8_lossy(&told.stderr).into_owned();
        assert_eq!(told.status.code(), Some(code), "{words:?} {error}");
        assert!(error.contains(says), "{words:?} {error}");
    }
}

#[test]
fn the_program_checks_and_warnings_fail_only_where_they_are_denied() {
    let doubtful = "policies/tenant-isolation/policy.yaml";
    let sound = "policies/delegated-agent/policy.yaml";
    let told = ambit(&["check", doubtful]);
    assert!(told.status.success());
    assert!(
        out(&told).contains("policy.yaml:24:140: warning: `same-tenant-deletes` allows `delete`")
    );
    assert!(out(&told).contains("    fix `approval: presence`"));
    assert_eq!(ambit(&["check", "--deny-warnings", doubtful]).status.code(), Some(4));
    assert!(ambit(&["check", "--deny-warnings", sound]).status.success());
    assert_eq!(ambit(&["check", doubtful, "policies/demo/unsafe.yaml"]).status.code(), Some(3));
    let told = ambit(&["check", "--format", "json", doubtful, "policies/demo/unsafe.yaml"]);
    let json: Value = serde_json::from_str(&out(&told)).unwrap();
    assert_eq!(json[0]["findings"][1]["code"], "unattended");
    assert_eq!(json[0]["findings"][1]["line"], 24);
    assert_eq!(
        (&json[1]["loads"], &json[1]["errors"][0]["severity"]),
        (&false.into(), &"error".into())
    );
}

#[test]
fn the_program_answers_an_auditor() {
    let policy = "policies/delegated-agent/policy.yaml";
    let told = ambit(&["check", "--checklist", policy, "--envoy", "envoy/envoy.yaml"]);
    assert!(told.status.success());
    snapshot("checklist.txt", &out(&told));
    assert_eq!(ambit(&["check", "--checklist", "--deny-warnings", policy]).status.code(), Some(4));
    let told = ambit(&["check", "--checklist", "--format", "json", policy, "--envoy", "deny.toml"]);
    let json: Value = serde_json::from_str(&out(&told)).unwrap();
    let answers = json[0]["checklist"].as_array().unwrap();
    let yes: Vec<(&str, bool)> = answers
        .iter()
        .map(|one| (one["code"].as_str().unwrap(), one["yes"].as_bool().unwrap()))
        .collect();
    assert_eq!(
        yes,
        [
            ("read-only", false),
            ("filtered", true),
            ("a-person", false),
            ("short-lived", true),
            ("recorded", false)
        ]
    );
}
