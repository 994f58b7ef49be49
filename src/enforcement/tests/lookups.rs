//! Look-ups: what an answer says, what its absence means, and that no order changes a decision.

use super::host::{Answer, Ask, NOW, Seen, World, token};
use crate::enforcement::{CalloutReply, Event, Step};
use serde_json::json;

const OK: &[u8] = br#"{"owner":"alice","open":true}"#;

fn read(world: &World) -> Ask<'_> {
    world.ask("GET", "/v1/documents/7")
}

#[test]
fn the_owner_may_and_another_may_not() {
    let world = World::new();
    let seen = read(&world).answer(Some(200), OK).send();
    seen.forwarded();
    let bob = token(&json!({"sub": "bob"}));
    let seen = read(&world).token(&bob).answer(Some(200), OK).send();
    seen.refused(403, "not-allowed");
    assert!(!seen.text().contains("own-documents"), "callers never learn rules");
}

#[test]
fn an_answer_decides_by_its_status_and_its_content() {
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let large = format!(r#"{{"owner":"alice","open":true,"x":"{}"}}"#, "x".repeat(262_144));
    let many = format!(r#"{{"owner":"alice","open":true,"x":[{}0]}}"#, "0,".repeat(20_000));
    for (status, body, wanted) in [
        (Some(200), OK, ""),
        (Some(200), &br#" { "open" : true , "owner" : "\u0061lice" } "#[..], ""),
        // There is no such record: an answer, and no.
        (Some(404), b"", "not-allowed"),
        (Some(404), OK, "not-allowed"),
        (Some(200), b"{}", "not-allowed"),
        (Some(200), br#"{"owner":"alice"}"#, "not-allowed"),
        (Some(200), br#"{"owner":["alice"],"open":true}"#, "not-allowed"),
        (Some(200), br#"{"owner":"alice","open":"true"}"#, "not-allowed"),
        (Some(200), br#"{"owner":"alice","open":1}"#, "not-allowed"),
        (Some(200), br#"{"owner":null,"open":true}"#, "not-allowed"),
        (Some(200), br#"["alice"]"#, "not-allowed"),
        // No answer at all: not a no, and not a yes.
        (None, OK, "lookup-unavailable"),
        (Some(500), OK, "lookup-unavailable"),
        (Some(503), OK, "lookup-unavailable"),
        (Some(504), OK, "lookup-unavailable"),
        (Some(201), OK, "lookup-unavailable"),
        (Some(206), OK, "lookup-unavailable"),
        (Some(302), OK, "lookup-unavailable"),
        (Some(401), OK, "lookup-unavailable"),
        (Some(0), OK, "lookup-unavailable"),
        (Some(200), b"", "lookup-unavailable"),
        (Some(200), b"owner: alice", "lookup-unavailable"),
        (Some(200), br#"{"owner":"alice","open":true"#, "lookup-unavailable"),
        (Some(200), br#"{"owner":"alice","open":true}x"#, "lookup-unavailable"),
        (Some(200), br#"{"owner":"bob","owner":"alice","open":true}"#, "lookup-unavailable"),
        (Some(200), b"{\"owner\":\"alice\xff\",\"open\":true}", "lookup-unavailable"),
        (Some(200), deep.as_bytes(), "lookup-unavailable"),
        (Some(200), large.as_bytes(), "lookup-unavailable"),
        (Some(200), many.as_bytes(), "lookup-unavailable"),
    ] {
        let seen = read(&World::new()).answer(status, body).send();
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let told = seen
            .reply
            .as_ref()
            .map_or(String::new(), |_| seen.problem()["reason"].as_str().unwrap().to_owned());
        assert_eq!(told, wanted, "{status:?} {shown}");
        match wanted {
            "" => {
                seen.forwarded();
            }
            "lookup-unavailable" => {
                seen.refused(503, wanted);
                assert_eq!(seen.reply_header("retry-after"), Some("5"));
            }
            _ => {
                seen.refused(403, wanted);
            }
        }
    }
}

#[test]
fn attributes_from_one_address_share_one_callout_and_unread_ones_are_not_asked_for() {
    let seen = read(&World::new()).answer(Some(200), OK).send();
    assert_eq!(seen.callouts.len(), 1);
    let callout = &seen.callouts[0];
    assert_eq!(
        (&*callout.cluster, &*callout.authority, &*callout.path),
        ("index", "index", "/meta/7")
    );
    assert_eq!(callout.timeout.millis(), 1000);
    // Reports read the team too, which lives elsewhere.
    let seen = World::new()
        .ask("GET", "/v1/reports/7")
        .lookup(|callout| match &*callout.cluster {
            "index" if callout.path.starts_with("/meta/") => Answer(Some(200), OK.to_vec()),
            _ => Answer(Some(200), br#"{"team":"red"}"#.to_vec()),
        })
        .send();
    seen.forwarded();
    let told: Vec<_> = seen.callouts.iter().map(|c| (&*c.authority, &*c.path)).collect();
    assert_eq!(told, [("index", "/meta/7"), ("teams.internal", "/team/7")]);
    assert_ne!(seen.callouts[0].number, seen.callouts[1].number);
}

#[test]
fn a_record_id_cannot_become_another_path_of_the_look_up() {
    for (path, asked) in [
        ("/v1/documents/a%20b", "/meta/a%20b"),
        ("/v1/documents/a%3Fb%3dc", "/meta/a%3Fb%3Dc"),
        ("/v1/documents/a%23b", "/meta/a%23b"),
        ("/v1/documents/%7Ea", "/meta/~a"),
        ("/v1/documents/{id}", ""),
        ("/v1/documents/%7Bid%7D", "/meta/%7Bid%7D"),
        ("/v1/documents/..", ""),
        ("/v1/documents/a%2Fb", ""),
    ] {
        let seen = World::new().ask("GET", path).answer(Some(200), OK).send();
        if asked.is_empty() {
            seen.refused(400, "malformed-request");
            assert!(seen.callouts.is_empty());
        } else {
            seen.forwarded();
            assert_eq!(seen.callouts[0].path, asked);
        }
    }
}

#[test]
fn nothing_is_looked_up_for_whom_no_answer_could_help() {
    let world = World::new();
    let quiet = |seen: Seen, status, reason| {
        seen.refused(status, reason);
        assert!(seen.callouts.is_empty(), "{reason}");
    };
    quiet(world.bare("GET", "/v1/documents/7").send(), 401, "no-token");
    quiet(read(&world).at(700).send(), 401, "expired");
    let weak = token(&json!({"scope": "read:ticket"}));
    quiet(read(&world).token(&weak).send(), 403, "insufficient-scope");
    let forbidden = token(&json!({"scope": "read:* no:read:document"}));
    quiet(read(&world).token(&forbidden).send(), 403, "beyond-ceiling");
}

#[test]
fn a_token_that_expires_while_a_look_up_is_under_way_is_refused() {
    let world = World::new();
    let mut enforcement = world.enforcement();
    let step = read(&world).begin(&mut enforcement);
    let Step::CheckSignature(check) = step else { panic!("{step:?}") };
    let valid = crate::enforcement::SignatureVerdict::Valid;
    let step = enforcement.on_signature(NOW, *check, valid);
    assert!(matches!(step, Step::CallOut(_)), "{step:?}");
    let reply = CalloutReply { status: Some(200), body: OK };
    let later = NOW.plus(crate::time::Span::from_secs(700));
    let step = enforcement.on(later, Event::CalloutReply { callout: 0, reply });
    let Step::Reply(reply) = step else { panic!("{step:?}") };
    assert_eq!((reply.status, &*reply.details), (401, "ambit_expired"));
}

#[test]
fn an_answer_nobody_asked_for_and_a_second_answer_close() {
    for numbers in [&[7][..], &[u32::MAX], &[0, 0], &[1, 1], &[0, 7], &[1, 2]] {
        let world = World::new();
        let mut enforcement = world.enforcement();
        let step = world.ask("GET", "/v1/reports/7").begin(&mut enforcement);
        let Step::CheckSignature(check) = step else { panic!("{step:?}") };
        let valid = crate::enforcement::SignatureVerdict::Valid;
        let Step::CallOut(callouts) = enforcement.on_signature(NOW, *check, valid) else {
            panic!("no look-up")
        };
        assert_eq!(callouts.len(), 2);
        let mut last = Step::Wait;
        for callout in numbers {
            assert!(matches!(last, Step::Wait), "{numbers:?}");
            let body = br#"{"owner":"alice","open":true,"team":"red"}"#;
            let reply = CalloutReply { status: Some(200), body };
            last = enforcement.on(NOW, Event::CalloutReply { callout: *callout, reply });
        }
        let Step::Reply(reply) = last else { panic!("{numbers:?}: {last:?}") };
        assert_eq!((reply.status, &*reply.details), (503, "ambit_host_failure"));
        // Over: a late answer changes nothing.
        let reply = CalloutReply { status: Some(200), body: OK };
        let step = enforcement.on(NOW, Event::CalloutReply { callout: 0, reply });
        assert!(matches!(step, Step::Wait), "{step:?}");
    }
}

#[test]
fn one_failed_look_up_of_two_is_no_answer() {
    for broken in ["index", "teams.internal"] {
        let seen = World::new()
            .ask("GET", "/v1/reports/7")
            .lookup(move |callout| match *callout.authority == *broken {
                true => Answer(Some(500), Vec::new()),
                false => {
                    Answer(Some(200), br#"{"owner":"alice","open":true,"team":"red"}"#.to_vec())
                }
            })
            .send();
        seen.refused(503, "lookup-unavailable");
    }
}

#[test]
fn a_body_that_is_complete_before_the_look_up_or_after_it_changes_nothing() {
    const RULE: &str = "  - { id: own-writes, effect: allow, actions: [delete], resources: \
                        [document], when: resource.owner == subject.id, approval: presence }";
    let big = vec![b'x'; 300_000];
    for (more, path, body) in [
        ("", "/v1/documents/7", &b"a body"[..]),
        ("", "/v1/documents/7", &big),
        (RULE, "/v1/reports/7", b"a body"),
        (RULE, "/v1/reports/7", &big),
    ] {
        for owner in ["alice", "bob"] {
            let world = World::with(more);
            let send = |first: bool| {
                let (one, two) = body.split_at(3);
                let answer = format!(r#"{{"owner":"{owner}","open":true,"team":"blue"}}"#);
                let ask =
                    world.ask("POST", path).body(&[one, two]).answer(Some(200), answer.as_bytes());
                if first { ask.body_first().send() } else { ask.send() }
            };
            let (before, after) = (send(true), send(false));
            let told = |seen: &Seen| {
                let mut problem = seen.reply.as_ref().map(|_| seen.problem());
                if let Some(problem) = &mut problem {
                    problem.as_object_mut().unwrap().remove("decision");
                    let approval = problem["approval"].as_object_mut();
                    approval.and_then(|approval| approval.remove("id"));
                }
                (problem, seen.record["reason"].clone(), seen.record["approval"]["digest"].clone())
            };
            assert_eq!(told(&before), told(&after), "{path} {owner} {}", body.len());
        }
    }
}
