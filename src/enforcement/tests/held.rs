//! Reads whose record only the answer shows: nothing of it is released before the second decision.

use super::host::{NOW, Response, Seen, World, policy, token};
use crate::enforcement::{Event, Step};
use serde_json::json;

const OWN: &str = r#"{"owner":"alice","sealed":false,"text":"secret"}"#;
const ANOTHERS: &str = r#"{"owner":"bob","sealed":false,"text":"secret"}"#;

fn read(response: Response) -> Seen {
    World::new().ask("GET", "/v1/letters/7").upstream(response).send()
}

/// Sent to the upstream, and its answer kept from the client.
#[track_caller]
fn withheld(seen: &Seen) {
    seen.replied(403, "not-allowed");
    assert!(seen.held && !seen.released);
    assert_eq!(seen.record["outcome"]["forwarded"], true);
    assert!(!seen.text().contains("secret"));
}

#[test]
fn the_owner_gets_the_answer_as_it_is_and_another_gets_a_refusal() {
    let seen = read(Response::json(OWN));
    seen.forwarded();
    assert!(seen.held && seen.released);
    assert_eq!(seen.record["rules"], json!(["own-letters"]));
    withheld(&read(Response::json(ANOTHERS)));
    for kind in ["application/json; charset=utf-8", "Application/JSON", "application/hal+json"] {
        read(Response::of("200", kind, OWN.as_bytes())).forwarded();
    }
    read(Response::of("203", "application/json", OWN.as_bytes())).forwarded();
    read(Response::json(OWN).header("content-encoding", "identity")).forwarded();
}

#[test]
fn an_answer_is_looked_at_only_when_it_is_whole() {
    let chunks = |cut: bool| {
        let (one, two) = OWN.as_bytes().split_at(9);
        let mut response = Response::json(OWN);
        response.body = vec![one.to_vec(), Vec::new(), two.to_vec()];
        response.cut = cut;
        read(response)
    };
    chunks(false).forwarded();
    let seen = chunks(true);
    seen.replied(503, "host-failure");
    assert!(seen.held && !seen.released);
}

/// Everything but the record itself.
fn not_the_record() -> Vec<(&'static str, Response)> {
    let own = || Response::json(OWN);
    let status = |status: &str| Response::of(status, "application/json", OWN.as_bytes());
    let kind = |kind: &str| Response::of("200", kind, OWN.as_bytes());
    let body = |body: &str| Response::json(body);
    let mut untyped = own();
    untyped.headers.retain(|(name, _)| name != "content-type");
    let mut without_status = own();
    without_status.headers.remove(0);
    let large = format!(r#"{{"owner":"alice","sealed":false,"x":"{}"}}"#, "x".repeat(262_144));
    let deep =
        format!(r#"{{"owner":"alice","sealed":false,"x":{}0{}}}"#, "[".repeat(40), "]".repeat(40));
    vec![
        ("another's", body(ANOTHERS)),
        ("sealed", body(r#"{"owner":"alice","sealed":true,"text":"secret"}"#)),
        ("another's, sealed", body(r#"{"owner":"bob","sealed":true}"#)),
        ("whether it is sealed unknown", body(r#"{"owner":"alice"}"#)),
        ("sealed is text", body(r#"{"owner":"alice","sealed":"false"}"#)),
        ("no owner", body(r#"{"sealed":false}"#)),
        ("an owner of another type", body(r#"{"owner":["alice"],"sealed":false}"#)),
        ("404", status("404")),
        ("404 without a body", Response::of("404", "application/json", b"")),
        ("403", status("403")),
        ("401", status("401")),
        ("500", status("500")),
        ("302", status("302")),
        ("304", Response::of("304", "application/json", b"")),
        ("204", Response::of("204", "application/json", b"")),
        ("206", status("206")),
        ("no status", without_status),
        ("two statuses", own().header(":status", "200")),
        ("2000", status("2000")),
        ("no body", Response::of("200", "application/json", b"")),
        ("gzip", own().header("content-encoding", "gzip")),
        (
            "identity and gzip",
            own().header("content-encoding", "identity").header("Content-Encoding", "gzip"),
        ),
        ("identity, gzip", own().header("content-encoding", "identity, gzip")),
        ("two types", own().header("content-type", "application/json")),
        ("two types, spelt otherwise", own().header("Content-Type", "text/plain")),
        ("no type", untyped),
        ("text", kind("text/plain")),
        ("html", kind("text/html; application/json")),
        ("a list of types", kind("text/plain, application/json")),
        ("text+json", kind("text/x+json")),
        ("ndjson", kind("application/x-ndjson")),
        ("two owners", body(r#"{"owner":"bob","owner":"alice","sealed":false}"#)),
        ("cut short", body(r#"{"owner":"alice","sealed":false"#)),
        ("two documents", body(r#"{"owner":"alice","sealed":false}{}"#)),
        ("no JSON", body("owner=alice")),
        (
            "not UTF-8",
            Response::of(
                "200",
                "application/json",
                b"{\"owner\":\"alice\",\"sealed\":false,\"x\":\"\xff\"}",
            ),
        ),
        ("too large", body(&large)),
        ("too deep", body(&deep)),
    ]
}

/// A reply without what differs from request to request.
fn told(seen: &Seen) -> (u16, Vec<(String, String)>, String, String) {
    let reply = seen.reply.clone().unwrap();
    let id = seen.record["id"].as_str().unwrap();
    let body = String::from_utf8(reply.body).unwrap().replace(id, "record");
    (reply.status, reply.headers, body, reply.details)
}

#[test]
fn whatever_is_not_the_owners_record_is_refused_as_any_other_deny_is_so_that_nothing_leaks() {
    // A deny that never went to an upstream.
    let world = World::new();
    let ordinary = world.ask("GET", "/v1/documents/7").answer(Some(404), b"").send();
    ordinary.refused(403, "not-allowed");
    for (name, response) in not_the_record() {
        let seen = read(response);
        assert!(seen.reply.is_some(), "{name}: released");
        assert_eq!(told(&seen), told(&ordinary), "{name}");
        withheld(&seen);
    }
}

#[test]
fn the_record_of_a_withheld_answer_says_why() {
    let sealed = read(Response::json(r#"{"owner":"alice","sealed":true}"#));
    assert_eq!(sealed.record["reason"], "denied");
    assert_eq!(sealed.record["rules"], json!(["sealed-letters"]));
    assert_eq!(read(Response::json(ANOTHERS)).record["reason"], "not-allowed");
}

#[test]
fn what_would_make_an_answer_partial_conditional_or_encoded_is_not_asked_for() {
    let world = World::new();
    let names = [
        "range",
        "if-range",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-unmodified-since",
        "accept-encoding",
        "te",
    ];
    let with_all = |path| {
        let ask = names.iter().fold(world.ask("GET", path), |ask, name| ask.header(name, "x"));
        ask.upstream(Response::json(OWN)).send()
    };
    let held = with_all("/v1/letters/7");
    let plain = with_all("/v1/tickets/7");
    for name in names {
        assert!(!held.forwarded().has(name), "{name}");
        assert!(plain.forwarded().has(name), "{name}");
    }
    assert!(!held.forwarded().has("authorization"));
    assert!(held.forwarded().get("ambit").unwrap().contains("res=\"letter\";id=\"7\""));
}

#[test]
fn a_limit_above_the_default_lets_larger_answers_through_and_one_below_does_not() {
    let own = |size: usize| {
        let text = format!(r#"{{"owner":"alice","sealed":false,"x":"{}"}}"#, "x".repeat(size));
        Response::json(&text)
    };
    let ask = |limit: &str, size| {
        let world = World::with(&format!("limits: {{ response_body: {limit} }}"));
        world.ask("GET", "/v1/letters/7").upstream(own(size)).send()
    };
    ask("1KiB", 900).forwarded();
    withheld(&ask("1KiB", 1024));
    ask("1MiB", 500_000).forwarded();
    withheld(&ask("1MiB", 1_048_576));
}

#[test]
fn a_token_that_expires_while_the_answer_is_held_is_refused() {
    let world = World::new();
    let mut enforcement = world.enforcement();
    let Step::CheckSignature(check) = world.ask("GET", "/v1/letters/7").begin(&mut enforcement)
    else {
        panic!("no check")
    };
    let valid = crate::enforcement::SignatureVerdict::Valid;
    assert!(matches!(enforcement.on_signature(NOW, *check, valid), Step::ForwardHeld(..)));
    assert!(enforcement.wants_response());
    let headers = [(&b":status"[..], &b"200"[..]), (b"content-type", b"application/json")];
    let step = enforcement.on(NOW, Event::ResponseHeaders { headers: &headers, end: false });
    assert!(matches!(step, Step::HoldResponse), "{step:?}");
    let later = NOW.plus(crate::time::Span::from_secs(700));
    let step = enforcement.on(later, Event::ResponseBody { bytes: OWN.as_bytes(), end: true });
    let Step::Reply(reply) = step else { panic!("{step:?}") };
    assert_eq!((reply.status, &*reply.details), (401, "ambit_expired"));
    assert!(!enforcement.wants_response());
}

#[test]
fn nobody_is_sent_to_the_upstream_whom_no_answer_could_help() {
    let world = World::new();
    let weak = token(&json!({"scope": "read:ticket"}));
    world.ask("GET", "/v1/letters/7").token(&weak).send().refused(403, "insufficient-scope");
    world.ask("POST", "/v1/letters/7").send().refused(403, "not-allowed");
    // Its answer would show nothing to decide on, so what might deny it denies it.
    world.ask("HEAD", "/v1/letters/7").send().refused(403, "denied");
}

/// Letters that a person has to release.
fn released_by_a_person(approvals: &str) -> World {
    let text = policy(approvals).replace(
        "when: resource.owner == subject.id }\n  - { id: sealed",
        "when: resource.owner == subject.id, approval: presence }\n  - { id: sealed",
    );
    World::of(&text.replace("  letter:\n", "  letter:\n    understands_approval: true\n"))
}

#[test]
fn an_answer_that_needs_an_approval_is_withheld_and_the_refusal_says_what_to_approve() {
    let world = released_by_a_person("approvals: { signing_key: { env: KEY } }");
    let seen = world.ask("GET", "/v1/letters/7").upstream(Response::json(OWN)).send();
    seen.replied(403, "approval-required");
    let approval = &seen.problem()["approval"];
    assert_eq!(approval["digest"], seen.record["approval"]["digest"]);
    assert!(approval["digest"].as_str().is_some_and(|digest| digest.len() == 43), "{approval}");
    withheld(&world.ask("GET", "/v1/letters/7").upstream(Response::json(ANOTHERS)).send());
}

#[test]
fn an_answer_cannot_be_tagged_any_more_so_it_is_withheld_in_mode_tag() {
    let world = released_by_a_person("approvals: { mode: tag, signing_key: { env: KEY } }");
    let seen = world.ask("GET", "/v1/letters/7").upstream(Response::json(OWN)).send();
    seen.replied(403, "obligation-unsupported");
    assert!(!seen.released);
}

#[test]
fn where_everybody_may_read_what_is_not_theirs_an_answer_that_is_no_record_is_still_refused() {
    let text = policy("").replace(
        "  - { id: sealed-letters, effect: deny, actions: [read], resources: [letter], when: \
         resource.sealed == true }\n",
        "  - { id: all-letters, effect: allow, actions: [read], resources: [letter] }\n",
    );
    let text = text
        .replace(
            "[letter], when: resource.owner == subject.id }",
            "[letter], when: resource.owner == subject.id, approval: presence }",
        )
        .replace("  letter:\n", "  letter:\n    per_record: none\n");
    let world = World::of(&text);
    let read = |response| world.ask("GET", "/v1/letters/7").upstream(response).send();
    let seen = read(Response::json(ANOTHERS));
    seen.forwarded();
    assert!(seen.held && seen.released);
    read(Response::json(OWN)).replied(403, "approval-required");
    withheld(&read(Response::of("404", "application/json", b"{}")));
    withheld(&read(Response::of("200", "text/html", b"<p>")));
}
