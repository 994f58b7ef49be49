//! One policy in three forms, and what is wrong with others, told in full.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may fail loudly")]

use super::{read, read_yaml};
use crate::policy::Policy;
use crate::policy::node::{Kind, Node};
use proptest::prelude::*;

const SMALL: &str = r#"apiVersion: ambit/v1
name: small
identity:
  issuers:
    - issuer: https://idp.example.com
      jwks: { inline: { keys: [] } }
actors:
  bot: { match: { client_id: bot }, scopes: ["read:*"] }
resources:
  document:
    audience: https://api.example.com
    by_scope: [read]
    credentials: keep
    http: [{ path: "/v1/documents/{id}" }]
"#;

/// A tree as protobuf bytes, as a control plane would send them.
fn protobuf(node: &Node) -> Vec<u8> {
    fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![field << 3 | 2];
        let mut length = content.len();
        while length >= 0x80 {
            out.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend(content);
        out
    }
    fn value(node: &Node) -> Vec<u8> {
        match &node.kind {
            Kind::Null => vec![1 << 3, 0],
            Kind::Bool(value) => vec![4 << 3, u8::from(*value)],
            Kind::Number(text) => {
                let mut out = vec![2 << 3 | 1];
                out.extend(text.parse::<f64>().unwrap().to_le_bytes());
                out
            }
            Kind::String(text) => bytes(3, text.as_bytes()),
            Kind::Map(_) => bytes(5, &protobuf(node)),
            Kind::List(elements) => {
                let list: Vec<u8> = elements.iter().flat_map(|e| bytes(1, &value(e))).collect();
                bytes(6, &list)
            }
        }
    }
    let Kind::Map(entries) = &node.kind else { panic!("a struct is a map") };
    entries
        .iter()
        .flat_map(|entry| {
            let pair = [bytes(1, entry.name.as_bytes()), bytes(2, &value(&entry.value))].concat();
            bytes(1, &pair)
        })
        .collect()
}

#[test]
fn yaml_json_and_struct_are_one_policy() {
    let yaml = read_yaml("policy.yaml", SMALL).unwrap();
    let compiled = yaml.to_compiled_json();
    let json = read("gateway", compiled.as_bytes()).unwrap();
    let wire = read("gateway", &protobuf(&yaml.root)).unwrap();
    assert_eq!(yaml.digest(), json.digest());
    assert_eq!(yaml.digest(), wire.digest());
    let hash = |loaded: crate::policy::Loaded| loaded.policy.hash().to_owned();
    let a = hash(Policy::load_yaml("policy.yaml", SMALL).unwrap());
    let b = hash(Policy::load("gateway", compiled.as_bytes()).unwrap());
    assert_eq!(a, b);
    assert_ne!(a, hash(Policy::load_yaml("p", &SMALL.replace("small", "other")).unwrap()));
}

#[test]
fn the_gateways_errors_name_the_authors_lines() {
    let wrong = SMALL.replace("by_scope: [read]", "by_scopes: [read]");
    let from_yaml = Policy::load_yaml("policies/x/policy.yaml", &wrong).unwrap_err();
    let compiled = read_yaml("policies/x/policy.yaml", &wrong).unwrap().to_compiled_json();
    let from_json = Policy::load("policy", compiled.as_bytes()).unwrap_err();
    assert_eq!(from_yaml.to_string(), from_json.to_string());
    assert_eq!(
        from_yaml.to_string(),
        "policies/x/policy.yaml:12:5: `by_scopes` is not known here; did you mean `by_scope`?"
    );
}

#[test]
fn all_errors_come_at_once_with_their_places() {
    let wrong = SMALL
        .replace("name: small", "name: small!\nmod: shadow")
        .replace("read:*", "reed:*")
        .replace("audience: https://api.example.com", "audience: api.example.com")
        .replace("credentials: keep", "credentials: hold")
        .replace("{id}", "{id");
    let errors = Policy::load_yaml("p", &wrong).unwrap_err().to_string();
    let expected = "\
p:2:7: `small!` cannot name a policy; expected letters, digits, `-`, `_` and `.`
p:3:1: `mod` is not known here; did you mean `mode`?
p:9:46: `reed:*` is not a scope; expected `[no:]<action|*>[:<type|type/tool|*>]`
p:12:15: `api.example.com` is not an absolute http or https URL; expected an absolute http or https URL, or a `host` on every path
p:14:18: `hold` is not known here; expected one of `keep`, `strip`
p:15:20: `{id` mixes a variable with text; expected an absolute path such as `/v1/documents/{id}`";
    assert_eq!(errors, expected);
}

/// Replaces one line of the small policy and reads it; what is told of the first error.
fn told(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    match Policy::load_yaml("p", &SMALL.replace(from, to)) {
        Ok(_) => panic!("`{to}` loads"),
        Err(errors) => errors.0.first().unwrap().to_string(),
    }
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_was_expected() {
    let rule = |text: &str| {
        format!("      http: []\nrules:\n  - {text}\n").replace("      http: []\n", "")
    };
    let with_rule = |text: &str| {
        let policy = format!("{SMALL}{}", rule(text));
        match Policy::load_yaml("p", &policy) {
            Ok(_) => panic!("`{text}` loads"),
            Err(errors) => errors.0.first().unwrap().to_string(),
        }
    };
    let mut wrong = Vec::new();
    for (from, to, expected) in [
        (
            "apiVersion: ambit/v1",
            "apiVersion: ambit/v2",
            "p:1:13: this format is not known here; expected `ambit/v1`",
        ),
        ("name: small", "name: 7", "p:2:7: a number stands here; expected a text"),
        ("name: small\n", "", "p:1:1: `name` is missing; expected a text"),
        (
            "name: small",
            "name: small\ngrants: {}",
            "p:3:1: this version does not have `grants`; expected a policy without it",
        ),
        (
            "    - issuer: https://idp.example.com",
            "    - isuer: https://idp.example.com",
            "p:5:7: `issuer` is missing; expected a text",
        ),
        (
            "{ inline: { keys: [] } }",
            "{ remote: { cluster: idp } }",
            "p:6:23: `url` is missing; expected a text",
        ),
        (
            "{ inline: { keys: [] } }",
            "{ remote: { cluster: idp, url: idp/keys } }",
            "p:6:44: `idp/keys` is not an absolute http or https URL; expected such as `https://idp.example.com/keys`",
        ),
        (
            "{ inline: { keys: [] } }",
            "{ inline: { keys: [] } }\n      clock_skew: 30",
            "p:7:19: a number stands here; expected a length of time such as `30s`, `15m` or `8h`",
        ),
        (
            "{ inline: { keys: [] } }",
            "{ inline: { keys: [] } }\n      profile: azure",
            "p:7:16: `azure` is not known here; expected one of `rfc9068`, `keycloak`, `auth0`, `okta`, `entra`, `cognito`",
        ),
        (
            "{ inline: { keys: [] } }",
            "{ inline: { keys: [] } }\n      require: [{ claim: ver }]",
            "p:7:17: a requirement asks one thing; expected one of `present`, `equals`, `equals_claim`, `differs_from_claim`",
        ),
        (
            "{ inline: { keys: [] } }",
            "{ inline: { keys: [] } }\n      claims: { tenant: { from: tid, type: text } }",
            "p:7:44: `text` is not a type; expected `string`, `int`, `double`, `bool`, `timestamp`, `dyn`, or a list of one: `[string]`",
        ),
        (
            "{ inline: { keys: [] } }",
            "{ inline: { keys: [] } }\n      token_scopes: none",
            "p:7:21: without the token's scopes nothing says what a user may do; expected a `subjects` section beside `token_scopes: none`",
        ),
        (
            "match: { client_id: bot }",
            "match: {}",
            "p:8:17: nothing names this actor; expected `client_id`, `sub`, `spiffe`, or `registered: dynamic` with `claim`",
        ),
        (
            "match: { client_id: bot }",
            "match: { registered: dynamic }",
            "p:8:17: one half of a dynamic registration; expected `registered: dynamic` and `claim` together",
        ),
        (
            "match: { client_id: bot }",
            "match: { client_id: bot, issuer: x }",
            "p:8:43: `x` is not an issuer of this policy; expected `https://idp.example.com`",
        ),
        (
            "scopes: [\"read:*\"]",
            "scopes: [\"read:file\"]",
            "p:8:46: `file` is not a resource of this policy; expected `document`",
        ),
        ("scopes: [\"read:*\"]", "scopes: read", "p:8:45: text stands here; expected a list"),
        (
            "    audience: https://api.example.com\n",
            "",
            "p:11:5: `audience` is missing; expected a text",
        ),
        (
            "by_scope: [read]",
            "by_scope: [admin]",
            "p:12:16: scopes alone never allow `admin`; expected a rule for it",
        ),
        (
            "by_scope: [read]",
            "by_scope: [look]",
            "p:12:16: `look` is not known here; expected one of `read`, `write`, `delete`, `admin`",
        ),
        (
            "    credentials: keep\n",
            "",
            "p:11:5: nobody checks whose `document` it is: `by-scope:read:document` allows it without looking at the record; expected `credentials: keep`, `per_record: upstream`, `per_record: none`, or a condition on `resource`",
        ),
        (
            "credentials: keep",
            "credentials: keep\n    per_record: none",
            "p:14:17: the upstream already checks the user's own token; expected either `credentials: keep` or `per_record`",
        ),
        (
            "credentials: keep",
            "credentials: keep\n    attributes: { owner: { type: string } }",
            "p:14:26: `from` is missing; expected a map, or a map, or a map",
        ),
        (
            "credentials: keep",
            "credentials: keep\n    attributes: { owner: { type: string, from: { lookup: { cluster: x, path: \"/m/{nr}\", pointer: /o } } } }",
            "p:14:78: no path of this resource has a variable `nr`; expected a variable of one of its templates",
        ),
        (
            "credentials: keep",
            "credentials: keep\n    attributes: { id: { type: string, from: { path: id } } }",
            "p:14:19: `resource.id` always exists and cannot be declared; expected another name",
        ),
        (
            "[{ path: \"/v1/documents/{id}\" }]",
            "[]",
            "p:11:5: nothing leads to `document`; expected `http` with at least one path",
        ),
        (
            "[{ path: \"/v1/documents/{id}\" }]",
            "[{ path: \"/v1/{id}\" }, { path: \"/v1/{name}\" }]",
            "p:14:42: `/v1/{name}` on host `api.example.com` means the same paths as `/v1/{id}`; expected each host and template once, in one resource",
        ),
        (
            "[{ path: \"/v1/documents/{id}\" }]",
            "[{ path: \"/v1/documents/{id}\", methods: { get: read } }]",
            "p:14:53: `get` is not a method; expected an upper-case name such as `POST`",
        ),
        (
            "[{ path: \"/v1/documents/{id}\" }]",
            "[{ path: \"/v1/documents/{id}\", host: \"a b\" }]",
            "p:14:48: `a b` is not a host; expected a host, with its port unless it is the scheme's own",
        ),
    ] {
        if told(from, to) != expected {
            wrong.push(format!("{to}\n   {}", told(from, to)));
        }
    }
    for (text, expected) in [
        (
            "{ id: a, effect: allow, actions: [write], resources: [file] }",
            "p:16:59: `file` is not a resource of this policy; expected `document`",
        ),
        (
            "{ id: a, effect: permit, actions: [write], resources: [document] }",
            "p:16:22: `permit` is not known here; expected one of `allow`, `deny`",
        ),
        (
            "{ id: a, effect: deny, actions: [], resources: [document] }",
            "p:16:37: an empty list speaks of nothing; expected at least one",
        ),
        (
            "{ id: a, effect: deny, actions: [read], resources: [document], approval: none }",
            "p:16:78: nobody can approve a deny; expected an approval on an allow",
        ),
        (
            "{ id: a, effect: allow, actions: [write], resources: [document], approval: device }",
            "p:16:80: a device key proves a browser profile and no person; expected `reversible: true` beside it, or `presence`",
        ),
        (
            "{ id: a, effect: allow, actions: [delete], resources: [document], approval: { tier: device, reversible: true } }",
            "p:16:81: a device key is too weak for delete and admin; expected `presence` or `second-person`",
        ),
        (
            "{ id: a, effect: allow, actions: [write], resources: [document], when: resource.owner == subject.id }",
            "p:16:76: unknown name `resource.owner`; expected `resource.id` or `resource.type`; more can be declared under `attributes` of the resource",
        ),
        (
            "{ id: a, effect: allow, actions: [read], resources: [document] }",
            "p:12:16: `read` on `document` is also allowed by rule `a`; expected either `by_scope` or a rule for one pair",
        ),
        (
            "{ id: \"by-scope:x\", effect: deny, actions: [read], resources: [document] }",
            "p:16:11: `by-scope:x` cannot name a rule; expected letters, digits, `-`, `_` and `.`",
        ),
        (
            "{ id: a, effect: deny, actions: [read], resources: [document] }\n  - { id: a, effect: deny, actions: [read], resources: [document] }",
            "p:17:11: `a` is the id of an earlier rule; expected each id once",
        ),
    ] {
        if with_rule(text) != expected {
            wrong.push(format!("{text}\n   {}", with_rule(text)));
        }
    }
    assert!(wrong.is_empty(), "told otherwise:\n{}", wrong.join("\n"));
    let approvals = |text: &str| {
        let policy = format!("{SMALL}approvals: {text}\n");
        Policy::load_yaml("p", &policy).unwrap_err().0.first().unwrap().to_string()
    };
    assert_eq!(
        approvals("{ signing_key: c2VjcmV0 }"),
        "p:15:27: a secret in a policy is printed by the gateway; expected `{ env: NAME }`"
    );
    assert_eq!(
        approvals("{ mode: tag }"),
        "p:15:20: a tag that nobody signed proves nothing; expected `signing_key: { env: NAME }` beside `mode: tag`"
    );
    let limits = format!("{SMALL}limits: {{ request_body: 1GB, actor_chain: 9 }}\n");
    let errors = Policy::load_yaml("p", &limits).unwrap_err().to_string();
    assert_eq!(
        errors,
        "p:15:25: text stands here; expected a size such as `256KiB` or a number of bytes\np:15:43: a chain of this length; expected 1 to 8"
    );
}

#[test]
fn what_makes_one_yaml_text_mean_another_is_refused() {
    for (text, expected) in [
        (
            "a: &x 1\nb: *x\n",
            "p:1:4: policies do not have an anchor or a tag; expected the plain value",
        ),
        (
            "a: !!str 1\n",
            "p:1:4: policies do not have an anchor or a tag; expected the plain value",
        ),
        ("a: 1\na: 2\n", "p:2:1: policies do not have `a` a second time; expected each key once"),
        ("<<: {}\n", "p:1:1: policies do not have a merge key; expected the members themselves"),
        (
            "a: 1\n---\nb: 2\n",
            "p:2:1: policies do not have a second document; expected one policy in one file",
        ),
        ("", "p:1:1: the file is empty; expected a policy"),
    ] {
        let errors = read_yaml("p", text).unwrap_err().to_string();
        assert_eq!(errors, expected, "{text}");
    }
    let text = read_yaml("p", "a: no\nb: 0x10\nc: 1_000\nd: .5\ne: on\n").unwrap();
    let Kind::Map(entries) = &text.root.kind else { panic!() };
    assert!(entries.iter().all(|entry| matches!(entry.value.kind, Kind::String(_))));
}

#[test]
fn bytes_that_are_no_policy_are_refused() {
    for bytes in [
        &b""[..],
        b" ",
        b"[1]",
        b"{\"a\":1",
        b"{\"a\":1,\"a\":2}",
        b"\x0a",
        b"\x0a\xff",
        b"\x0a\x02\x0a\x00",
        b"null",
        b"\xef\xbb\xbf{}",
    ] {
        let loaded = Policy::load("policy", bytes);
        assert!(loaded.is_err(), "{bytes:?}");
    }
    // 2^53 as a double: it may have been 2^53 + 1 when it was written.
    let mut wire = vec![0x0a, 0x0e, 0x0a, 0x01, b'a', 0x12, 0x09, 0x11];
    wire.extend(9_007_199_254_740_992.0_f64.to_le_bytes());
    let errors = Policy::load("policy", &wire).unwrap_err().to_string();
    assert!(errors.contains("may have been rounded"), "{errors}");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Policy::load("policy", &bytes);
        let mut wire = vec![0x0a];
        wire.extend(&bytes);
        let _ = Policy::load("policy", &wire);
    }

    #[test]
    fn no_yaml_panics(text in "[a-z:{}\\[\\]\"'&*!|>#%@, \n-]{0,120}") {
        let _ = Policy::load_yaml("p", &text);
    }

    #[test]
    fn no_damaged_policy_panics(at in 0..SMALL.len(), with in "[a-z:{}\\[\\]\", \n-]{0,6}") {
        let mut text = SMALL.to_owned();
        text.insert_str(at, &with);
        let _ = Policy::load_yaml("p", &text);
        let mut cut = SMALL.to_owned();
        cut.truncate(at);
        let _ = Policy::load_yaml("p", &cut);
    }
}

#[test]
fn a_struct_whose_first_member_is_as_long_as_a_brace_is_read() {
    // 123 is `{`: after the line break that is the tag, this could be taken for JSON.
    let text = "p".repeat(113);
    let entry = [b"\x0a\x04name\x12\x73\x1a\x71", text.as_bytes()].concat();
    let bytes = [b"\x0a{", entry.as_slice()].concat();
    let source = read("policy", &bytes).unwrap();
    let json = read("policy", format!("\n{{\"name\":\"{text}\"}}").as_bytes()).unwrap();
    assert_eq!(source.digest(), json.digest());
}

#[test]
fn numbers_are_compiled_as_they_were_written() {
    for text in ["1e5", "1E+5", "1.50", "-0", "1e400", "12345678901234567890"] {
        let source = read("policy", format!("{{\"a\":{text}}}").as_bytes()).unwrap();
        let compiled = read("policy", source.to_compiled_json().as_bytes()).unwrap();
        assert_eq!(compiled.digest(), source.digest(), "{text}");
    }
}
