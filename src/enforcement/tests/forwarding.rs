//! What the upstream gets: credentials kept or stripped, and the `ambit` header.

use super::host::{HOST, World, token};
use serde_json::json;
use sfv::{BareItem, Dictionary, ListEntry, Parser};

const CREDENTIALS: [&str; 4] = ["authorization", "dpop", "cookie", "proxy-authorization"];

fn with_credentials<'w>(world: &'w World, path: &str) -> super::host::Ask<'w> {
    world
        .ask("GET", path)
        .header("dpop", "e30.e30.e30")
        .header("Cookie", "a=1")
        .header("cookie", "b=2")
        .header("proxy-authorization", "Basic YTpi")
        .header("accept", "text/plain")
}

#[test]
fn credentials_end_at_the_gateway_unless_the_resource_keeps_them() {
    let world = World::new();
    let stripped = with_credentials(&world, "/v1/notes/7").send();
    for name in CREDENTIALS {
        assert!(!stripped.forwarded().has(name), "{name}");
    }
    assert_eq!(stripped.forwarded().get("accept").as_deref(), Some("text/plain"));
    let kept = with_credentials(&world, "/v1/tickets/7").send();
    for name in CREDENTIALS {
        assert!(kept.forwarded().has(name), "{name}");
    }
}

#[test]
fn what_ambit_consumes_never_reaches_an_upstream() {
    for path in ["/v1/notes/7", "/v1/tickets/7"] {
        let seen = World::new()
            .ask("GET", path)
            .header("Ambit-Approval", "e30.e30.e30")
            .header("ambit-grant", "e30.e30.e30")
            .send();
        assert!(!seen.forwarded().has("ambit-approval"));
        assert!(!seen.forwarded().has("ambit-grant"));
    }
}

#[test]
fn nothing_else_of_a_request_changes() {
    let seen = World::new()
        .ask("GET", "/v1/tickets/7?a=1")
        .header("accept", "a")
        .header("accept", "b")
        .bytes(b"x-raw", b"\xff")
        .send();
    let upstream = seen.forwarded().0.clone();
    assert_eq!(upstream.last().unwrap().0, b"ambit");
    let world = World::new();
    let sent = world
        .ask("GET", "/v1/tickets/7?a=1")
        .header("accept", "a")
        .header("accept", "b")
        .bytes(b"x-raw", b"\xff");
    assert_eq!(upstream[..upstream.len() - 1], sent.headers[..]);
    assert!(sent.headers.contains(&(b":authority".to_vec(), HOST.as_bytes().to_vec())));
}

fn text(item: &BareItem) -> String {
    match item {
        BareItem::String(text) => text.as_str().to_owned(),
        BareItem::DisplayString(text) => text.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_ambit_header_says_who_asks_for_what_under_which_policy() {
    // Ids of persons and records are what they are; whatever they hold stays one value.
    for (sub, subject, id, path) in [
        ("alice", "alice", "7", "/v1/tickets/7"),
        ("a\", sub=\"root", "a\", sub=\"root", "7", "/v1/tickets/7"),
        ("alícia 阿", "alícia 阿", "é", "/v1/tickets/%C3%A9"),
        ("a%20b", "a%20b", "a b", "/v1/tickets/a%20b"),
        ("alice", "alice", "x\", sub=\"root", "/v1/tickets/x%22,%20sub=%22root"),
    ] {
        let world = World::new();
        let seen = world.ask("GET", path).token(&token(&json!({"sub": sub}))).send();
        let value = seen.forwarded().get("ambit").unwrap();
        assert!(value.is_ascii(), "{value}");
        let parsed: Dictionary = Parser::new(&value).parse().unwrap();
        let names: Vec<&str> = parsed.keys().map(|key| key.as_str()).collect();
        assert_eq!(names, ["id", "sub", "act", "action", "res", "policy"], "{value}");
        let item = |name: &str| match parsed.get(name).unwrap() {
            ListEntry::Item(item) => item.clone(),
            ListEntry::InnerList(_) => panic!("a list"),
        };
        assert_eq!(text(&item("id").bare_item), seen.record["id"].as_str().unwrap());
        assert_eq!(text(&item("sub").bare_item), subject);
        assert_eq!(text(&item("action").bare_item), "read");
        assert_eq!(text(&item("res").bare_item), "ticket");
        assert_eq!(text(item("res").params.get("id").unwrap()), id);
        let policy = world.engine.policy();
        assert_eq!(text(&item("policy").bare_item), format!("test@{}", policy.hash()));
        match parsed.get("act").unwrap() {
            ListEntry::InnerList(list) => assert_eq!(text(&list.items[0].bare_item), "assistant"),
            ListEntry::Item(_) => panic!("an item"),
        }
        assert_eq!(seen.record["subject"]["id"], subject);
        assert_eq!(seen.record["resource"]["id"], id);
    }
}

#[test]
fn a_write_that_needs_no_approval_is_forwarded_without_its_body_being_read() {
    let seen = World::new().ask("POST", "/v1/notes/7").body(&[b"never told"]).send();
    seen.forwarded();
    assert_eq!(seen.record["action"], "write");
    assert_eq!(seen.record["rules"], json!(["notes"]));
    assert!(seen.record.get("approval").is_none());
}
