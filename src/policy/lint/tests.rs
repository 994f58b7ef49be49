//! Each finding has a policy that triggers it and one near it that does not; every message stands in
//! `tests/messages.txt`, which `UPDATE_SNAPSHOTS=1` writes anew.

use super::checklist::{Gateway, checklist};
use super::lint;
use crate::policy::Policy;

/// A sound policy; a case replaces pieces of it.
const SOUND: &str = r#"apiVersion: ambit/v1
name: sound
identity:
  issuers:
    - issuer: https://idp.example.com
      jwks: { remote: { cluster: idp, url: "https://idp.example.com/jwks" } }
      claims: { tenant: { from: tid, type: string } }
subjects:
  - { scopes: ["*:*"] }
actors:
  assistant: { match: { client_id: assistant }, scopes: ["*:ticket", "read:document"] }
resources:
  document:
    audience: https://api.example.com
    by_scope: [read]
    credentials: keep
    http: [{ path: "/v1/documents/{id}" }]
  ticket:
    audience: https://api.example.com
    attributes:
      owner: { type: string, from: { response: /owner } }
      tenant: { type: string, from: { lookup: { cluster: index, path: "/meta/{id}", pointer: /tenant } } }
    http: [{ path: "/v1/tickets/{id}" }, { path: /v1/tickets }]
rules:
  - { id: same-tenant, effect: allow, actions: [read], resources: [ticket], when: resource.tenant == subject.tenant }
  - { id: tenant-writes, effect: allow, actions: [write], resources: [ticket], when: resource.tenant == subject.tenant, approval: presence }
"#;

fn changed(changes: &[(&str, &str)]) -> Policy {
    let mut text = SOUND.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    Policy::load_yaml("policy.yaml", &text).unwrap_or_else(|e| panic!("{e}\n{text}")).policy
}

/// A rule added to the sound policy.
fn with_rule(rule: &str) -> Vec<(&'static str, String)> {
    let last = "  - { id: tenant-writes,";
    vec![(last, format!("  - {{ {rule} }}\n{last}"))]
}

fn replaced(from: &'static str, to: &str) -> Vec<(&'static str, String)> {
    vec![(from, to.to_owned())]
}

struct Case {
    name: &'static str,
    code: &'static str,
    /// What makes the sound policy suspicious.
    suspicious: Vec<(&'static str, String)>,
    /// A change much like it that does not.
    sound: Vec<(&'static str, String)>,
}

fn cases() -> Vec<Case> {
    let case = |name, code, suspicious, sound| Case { name, code, suspicious, sound };
    let ticket = |more: &str| format!("effect: allow, resources: [ticket], {more}");
    vec![
        case(
            "an action that no path leads to",
            "never-matches",
            with_rule(&ticket(
                "id: a, actions: [admin], approval: presence, when: resource.id == \"1\"",
            )),
            vec![
                (
                    "{ path: /v1/tickets }",
                    "{ path: /v1/tickets, methods: { POST: admin } }".to_owned(),
                ),
                (
                    "  - { id: tenant-writes,",
                    format!(
                        "  - {{ {} }}\n  - {{ id: tenant-writes,",
                        ticket("id: a, actions: [admin], approval: presence")
                    ),
                ),
            ],
        ),
        case(
            "a condition that contradicts itself",
            "never-matches",
            with_rule(&ticket(
                "id: a, actions: [read], when: resource.tenant == \"a\" && resource.tenant == \"b\"",
            )),
            with_rule(&ticket(
                "id: a, actions: [read], when: resource.tenant == \"a\" || resource.tenant == \"b\"",
            )),
        ),
        case(
            "a condition on an agent there is not",
            "never-matches",
            with_rule(&ticket(
                "id: a, actions: [read], when: resource.id == \"1\" && actor.id == \"assistent\"",
            )),
            with_rule(&ticket(
                "id: a, actions: [read], when: resource.id == \"1\" && actor.id == \"assistant\"",
            )),
        ),
        case(
            "an attribute of the answer where the action is no read",
            "never-matches",
            with_rule(&ticket(
                "id: a, actions: [delete], when: resource.owner == subject.id, approval: presence",
            )),
            with_rule(&ticket("id: a, actions: [read], when: resource.owner == subject.id")),
        ),
        case(
            "a deny whose condition is never known",
            "always-denies",
            with_rule(
                "id: a, effect: deny, actions: [delete], resources: [ticket], when: resource.owner != subject.id",
            ),
            with_rule(
                "id: a, effect: deny, actions: [read], resources: [ticket], when: resource.owner != subject.id",
            ),
        ),
        case(
            "an allow beyond every agent's ceiling",
            "beyond-every-agent",
            with_rule(
                "id: a, effect: allow, actions: [delete], resources: [document], approval: presence",
            ),
            with_rule(
                "id: a, effect: allow, actions: [delete], resources: [ticket], when: resource.id == \"1\", approval: presence",
            ),
        ),
        case(
            "an allow that a deny beats everywhere",
            "shadowed",
            with_rule("id: a, effect: deny, actions: [read, delete], resources: [ticket]"),
            with_rule("id: a, effect: deny, actions: [delete], resources: [ticket]"),
        ),
        case(
            "an allow within another",
            "shadowed",
            with_rule(&ticket(
                "id: a, actions: [read], when: resource.tenant == subject.tenant && resource.owner == subject.id",
            )),
            with_rule(&ticket("id: a, actions: [read], when: resource.owner == subject.id")),
        ),
        case(
            "two rules that say the same",
            "shadowed",
            with_rule(&ticket("id: a, actions: [read], when: subject.tenant == resource.tenant")),
            // It asks for more, and the strictest approval applies.
            with_rule(&ticket(
                "id: a, actions: [read], when: subject.tenant == resource.tenant && resource.owner == subject.id, approval: presence",
            )),
        ),
        case(
            "a name that says another action",
            "wider-than-its-name",
            with_rule(&ticket(
                "id: readers, actions: [read, delete], when: resource.id == \"1\", approval: presence",
            )),
            with_rule(&ticket(
                "id: readers-delete, actions: [read, delete], when: resource.id == \"1\", approval: presence",
            )),
        ),
        case(
            "a name that says another resource",
            "wider-than-its-name",
            with_rule(
                "id: tickets, effect: allow, actions: [delete], resources: [ticket, document], when: resource.id == \"1\", approval: presence",
            ),
            with_rule(
                "id: tickets-documents, effect: allow, actions: [delete], resources: [ticket, document], when: resource.id == \"1\", approval: presence",
            ),
        ),
        case(
            "a name that promises a condition",
            "wider-than-its-name",
            replaced(
                "    attributes:\n      owner",
                "    per_record: upstream\n    attributes:\n      owner",
            )
            .into_iter()
            .chain(with_rule(&ticket("id: own, actions: [delete], approval: presence")))
            .collect(),
            with_rule(&ticket(
                "id: own, actions: [delete], approval: presence, when: resource.tenant == subject.tenant",
            )),
        ),
        case(
            "an agent that does more than its name says",
            "wider-than-its-name",
            replaced(
                "  assistant: {",
                "  reader: { match: { client_id: reader }, scopes: [\"*:document\"] }\n  assistant: {",
            ),
            replaced(
                "  assistant: {",
                "  reader: { match: { client_id: reader }, scopes: [\"read:document\", \"no:write\"] }\n  assistant: {",
            ),
        ),
        case(
            "a write that names no approval",
            "no-tier",
            replaced(", approval: presence }", " }"),
            replaced(", approval: presence }", ", approval: none }"),
        ),
        case(
            "a delete that asks nobody",
            "unattended",
            with_rule(&ticket(
                "id: a, actions: [delete], when: resource.id == \"1\", approval: none",
            )),
            with_rule(&ticket(
                "id: a, actions: [delete], when: resource.id == \"1\", approval: presence",
            )),
        ),
        case(
            "a resource that nobody listed",
            "unlisted",
            replaced("    by_scope: [read]\n", ""),
            replaced("    by_scope: [read]\n", "    by_scope: [read, write]\n"),
        ),
        case(
            "a method that leads to what nobody listed",
            "unlisted",
            replaced(
                "{ path: \"/v1/documents/{id}\" }",
                "{ path: \"/v1/documents/{id}\", methods: { GET: read, POST: admin } }",
            ),
            replaced(
                "{ path: \"/v1/documents/{id}\" }",
                "{ path: \"/v1/documents/{id}\", methods: { GET: read, POST: read } }",
            ),
        ),
        case(
            "an agent without scopes",
            "powerless",
            replaced(
                "  assistant: {",
                "  idle: { match: { client_id: idle }, scopes: [\"no:delete\"] }\n  assistant: {",
            ),
            replaced(
                "  assistant: {",
                "  idle: { match: { client_id: idle }, scopes: [\"read:ticket\"] }\n  assistant: {",
            ),
        ),
        case(
            "an issuer that names no audience",
            "no-audience",
            replaced(
                "    - issuer: https://idp.example.com\n",
                "    - issuer: https://idp.example.com\n      profile: cognito\n",
            ),
            replaced(
                "    - issuer: https://idp.example.com\n",
                "    - issuer: https://idp.example.com\n      profile: cognito\n      audience_by_client: { assistant: https://api.example.com }\n",
            ),
        ),
        case(
            "an audience that is none",
            "no-audience",
            replaced(
                "      claims: {",
                "      audiences: { app: https://api.example.org }\n      claims: {",
            ),
            replaced(
                "      claims: {",
                "      audiences: { app: https://api.example.com }\n      claims: {",
            ),
        ),
        case(
            "a policy without subjects",
            "no-subjects",
            replaced("subjects:\n  - { scopes: [\"*:*\"] }\n", ""),
            replaced("{ scopes: [\"*:*\"] }", "{ groups: [support], scopes: [\"*:*\"] }"),
        ),
        case(
            "approvals of one pair that differ",
            "unequal-approvals",
            with_rule(&ticket(
                "id: a, actions: [write], when: resource.id == \"1\", approval: none",
            )),
            with_rule(&ticket(
                "id: a, actions: [write], when: resource.id == \"1\", approval: presence",
            )),
        ),
    ]
}

fn found(changes: &[(&'static str, String)]) -> Vec<super::Finding> {
    let changes: Vec<(&str, &str)> = changes.iter().map(|(a, b)| (*a, b.as_str())).collect();
    lint(&changed(&changes))
}

#[test]
fn a_sound_policy_has_no_finding() {
    assert_eq!(found(&[]), []);
}

#[test]
fn each_finding_is_made_where_it_should_be_and_not_near_it() {
    let mut told = String::new();
    for Case { name, code, suspicious, sound } in cases() {
        let findings = found(&suspicious);
        assert!(findings.iter().any(|one| one.code == code), "{name}: {findings:#?}");
        let near: Vec<_> = found(&sound).into_iter().filter(|one| one.code == code).collect();
        assert_eq!(near, [], "near {name}");
        told.push_str(&format!("# {name}\n"));
        for one in findings {
            assert!(one.place.line > 0, "{one:?}");
            told.push_str(&format!(
                "{}:{} {} [{}] at {}\n  why {}\n  fix {}\n",
                one.place.line,
                one.place.column,
                one.message,
                one.code,
                one.pointer,
                one.why,
                one.fix
            ));
        }
        told.push('\n');
    }
    snapshot("messages.txt", include_str!("tests/messages.txt"), &told);
}

#[test]
fn an_auditor_is_answered_with_the_lines() {
    let mut told = String::new();
    let mut ask = |name: &str, changes: &[(&str, &str)], gateway, wanted: [bool; 5]| {
        let answers = checklist(&changed(changes), gateway);
        assert_eq!(answers.iter().map(|answer| answer.yes).collect::<Vec<_>>(), wanted, "{name}");
        told.push_str(&format!("# {name}\n"));
        for answer in answers {
            told.push_str(&format!(
                "{} {}\n",
                if answer.yes { "yes" } else { "no " },
                answer.question
            ));
            for one in answer.because {
                let sign = if one.speaks_for { '+' } else { '-' };
                told.push_str(&format!("  {sign} {}: {}\n", one.place.line, one.text));
            }
        }
        told.push('\n');
    };
    let logs = Gateway { logs_records: Some(true), logs_status: Some(true) };
    let narrow = ("\"*:ticket\"", "\"read:ticket\", \"write:ticket\"");
    ask("all is well", &[narrow], logs, [true; 5]);
    let none = [narrow, ("credentials: keep", "per_record: none")];
    ask("records that are the same for all", &none, logs, [true, false, true, true, true]);
    let unfiltered = [
        narrow,
        (
            "by_scope: [read]\n    credentials: keep\n    http: [{ path: \"/v1/documents/{id}\" }]",
            "by_scope: [read]\n    http: [{ path: \"/v1/documents\" }]",
        ),
    ];
    ask("a list for everybody", &unfiltered, logs, [true, false, true, true, true]);
    ask("a wide agent", &[], logs, [false, true, true, true, true]);
    let unasked = [narrow, ("approval: presence", "approval: none")];
    ask("a write that asks nobody", &unasked, logs, [true, true, false, true, true]);
    let long = [
        narrow,
        (
            "      claims:",
            "      max_lifetime: 12h\n      sender_constraint: required\n      claims:",
        ),
    ];
    ask("tokens of half a day", &long, logs, [true, true, true, false, true]);
    let lost = Gateway { logs_records: Some(false), logs_status: Some(true) };
    ask("records that nobody keeps", &[narrow], lost, [true, true, true, true, false]);
    let half = Gateway { logs_records: Some(true), logs_status: Some(false) };
    ask("a line without a status", &[narrow], half, [true, true, true, true, false]);
    let shadow = [
        narrow,
        (
            "name: sound\n",
            "name: sound\nmode: shadow\naudit: { level: request, outcome: record }\n",
        ),
    ];
    ask("shadow mode", &shadow, Gateway::default(), [false, false, false, false, true]);
    snapshot("checklist.txt", include_str!("tests/checklist.txt"), &told);
}

#[test]
fn every_code_is_in_the_docs() {
    let docs = include_str!("../../../docs/checking.md");
    for Case { code, .. } in cases() {
        assert!(docs.contains(&format!("\n| `{code}` | ")), "{code}");
    }
}

fn snapshot(name: &str, known: &str, told: &str) {
    let path = format!("{}/src/policy/lint/tests/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, told).unwrap();
        return;
    }
    assert!(known == told, "{path} says otherwise; UPDATE_SNAPSHOTS=1 writes this:\n{told}");
}
