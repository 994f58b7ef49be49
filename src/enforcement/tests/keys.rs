//! The issuers' keys over time: never there, fetched, rotated, stale, gone.

use super::host::{
    ISSUER, NOW, OTHER_ISSUER, Seen, World, issuer_key, other_key, policy, signed, token,
};
use crate::enforcement::{Callout, CalloutReply, KeyNews, KeyStep};
use crate::identity::issue::SigningKey;
use crate::time::{Span, Timestamp};
use serde_json::json;

/// Both issuers' keys are fetched.
fn remote() -> World {
    let text = policy("");
    let inline = |key: &SigningKey| format!("{{ inline: {{ keys: [{}] }} }}", key.jwk("k"));
    let fetched = |cluster: &str, url: &str| {
        format!(
            "{{ remote: {{ cluster: {cluster}, url: \"{url}\", refresh: 1m, keep_stale: 10m }} }}"
        )
    };
    let text = text
        .replace(&inline(&issuer_key()), &fetched("idp", "https://idp.example.com/a/jwks?x=1"))
        .replace(&inline(&other_key()), &fetched("other", "https://other.example.com"));
    World::of(&text)
}

fn at(seconds: i64) -> Timestamp {
    NOW.plus(Span::from_secs(seconds))
}

fn jwks(keys: &[&SigningKey]) -> Vec<u8> {
    let keys: Vec<_> =
        (0..).zip(keys).map(|(at, key)| key.jwk(if at == 0 { "k" } else { "next" })).collect();
    json!({ "keys": keys }).to_string().into_bytes()
}

impl World {
    /// A tick of a worker that shares nothing.
    fn tick(&self, seconds: i64) -> Vec<Callout> {
        let sources = (0..).zip(self.engine.key_sources());
        sources
            .filter_map(|(number, _)| match self.engine.on_tick(at(seconds), number, None) {
                KeyStep::Rest => None,
                KeyStep::TakeUp => panic!("nobody shares anything"),
                KeyStep::Fetch { callout, .. } => {
                    self.engine.on_keys_claimed(at(seconds), number);
                    Some(callout)
                }
            })
            .collect()
    }

    fn clusters(&self, seconds: i64) -> Vec<String> {
        self.tick(seconds).into_iter().map(|callout| callout.cluster).collect()
    }

    fn news(&self, seconds: i64, number: u32, status: Option<u16>, body: &[u8]) -> KeyNews {
        self.engine.on_keys_reply(at(seconds), number, CalloutReply { status, body })
    }

    fn fetched(&self, seconds: i64, number: u32, status: Option<u16>, body: &[u8]) -> String {
        self.news(seconds, number, status, body).line
    }

    fn read_at(&self, seconds: i64) -> Seen {
        self.ask("GET", "/v1/tickets/7").at(seconds).send()
    }
}

#[test]
fn keys_that_were_never_fetched_close_with_unavailable_and_not_with_unauthorized() {
    let world = remote();
    let seen = world.read_at(0);
    seen.refused(503, "issuer-unavailable");
    assert_eq!(seen.reply_header("retry-after"), Some("5"));
    assert!(seen.reply_header("www-authenticate").is_none());
    // A failed fetch changes nothing.
    world.tick(0);
    for (status, body) in
        [(None, &b""[..]), (Some(500), b""), (Some(404), b""), (Some(200), b""), (Some(200), b"[]")]
    {
        let line = world.fetched(0, 0, status, body);
        assert!(line.contains("there are none"), "{line}");
        world.read_at(0).refused(503, "issuer-unavailable");
    }
}

#[test]
fn the_first_tick_fetches_every_set_where_its_url_says() {
    let world = remote();
    assert_eq!(world.engine.tick_every(), Some(Span::from_millis(100)), "keys are missing");
    let callouts = world.tick(0);
    let told = |callout: &Callout| {
        (callout.number, callout.cluster.clone(), callout.authority.clone(), callout.path.clone())
    };
    assert_eq!(
        callouts.iter().map(told).collect::<Vec<_>>(),
        [
            (0, "idp".to_owned(), "idp.example.com".to_owned(), "/a/jwks?x=1".to_owned()),
            (1, "other".to_owned(), "other.example.com".to_owned(), "/".to_owned()),
        ]
    );
    assert_eq!(World::new().engine.tick_every(), None);
    assert!(World::new().tick(0).is_empty());
}

#[test]
fn each_issuer_has_its_own_keys() {
    let world = remote();
    world.tick(0);
    let visitor = || {
        let token = signed(&other_key(), &json!({"iss": OTHER_ISSUER}));
        world.ask("GET", "/v1/tickets/7").token(&token).send()
    };
    let line = world.fetched(0, 1, Some(200), &jwks(&[&other_key()]));
    assert!(line.contains(OTHER_ISSUER) && line.contains("1 usable"), "{line}");
    visitor().forwarded();
    world.read_at(0).refused(503, "issuer-unavailable");
    let line = world.fetched(0, 0, Some(200), &jwks(&[&issuer_key()]));
    assert!(line.contains(ISSUER), "{line}");
    world.read_at(0).forwarded();
    // One issuer's outage is not the other's.
    for second in 1..=601 {
        world.tick(second);
        if second % 60 == 0 {
            world.fetched(second, 1, Some(200), &jwks(&[&other_key()]));
        }
    }
    world.read_at(601).refused(503, "issuer-unavailable");
    assert_eq!(visitor().signatures, 0);
}

#[test]
fn unchanged_keys_keep_what_was_verified_and_rotated_ones_do_not() {
    let world = remote();
    world.tick(0);
    world.fetched(0, 0, Some(200), &jwks(&[&issuer_key()]));
    assert_eq!(world.read_at(0).signatures, 1);
    assert_eq!(world.read_at(0).signatures, 0);
    assert_eq!(world.fetched(60, 0, Some(200), &jwks(&[&issuer_key()])), "");
    assert_eq!(world.read_at(60).signatures, 0, "the same bytes are the same keys");
    // One more key: verified anew, once.
    world.fetched(61, 0, Some(200), &jwks(&[&issuer_key(), &other_key()]));
    assert_eq!((world.read_at(61).signatures, world.read_at(61).signatures), (1, 0));
    // Another key under the same name: what the old one signed is worth nothing.
    world.fetched(62, 0, Some(200), &jwks(&[&other_key()]));
    let seen = world.read_at(62);
    seen.refused(401, "bad-signature");
    assert_eq!(seen.signatures, 1);
    let renewed = signed(&other_key(), &json!({}));
    world.ask("GET", "/v1/tickets/7").token(&renewed).send().forwarded();
    // Every key withdrawn is more likely an accident than meant: the last good ones stay.
    let line = world.fetched(63, 0, Some(200), &jwks(&[]));
    assert!(line.contains("no usable key among 0; the last good ones stay"), "{line}");
    let seen = world.ask("GET", "/v1/tickets/7").token(&renewed).send();
    assert_eq!(seen.signatures, 0);
}

#[test]
fn keys_that_change_while_a_signature_is_checked_are_not_remembered_as_if_they_had_not() {
    use crate::enforcement::{SignatureVerdict, Step};
    let world = remote();
    world.tick(0);
    world.fetched(0, 0, Some(200), &jwks(&[&issuer_key()]));
    let mut enforcement = world.enforcement();
    let step = world.ask("GET", "/v1/tickets/7").begin(&mut enforcement);
    let Step::CheckSignature(check) = step else { panic!("{step:?}") };
    world.fetched(1, 0, Some(200), &jwks(&[&other_key()]));
    let _ = enforcement.on_signature(NOW, *check, SignatureVerdict::Valid);
    world.read_at(1).refused(401, "bad-signature");
}

#[test]
fn whatever_is_no_good_set_in_a_200_keeps_the_last_good_keys_until_they_are_stale() {
    let twice = json!({"keys": [issuer_key().jwk("k"), other_key().jwk("k")]}).to_string();
    let doubled = format!("{{\"keys\":[],\"keys\":[{}]}}", issuer_key().jwk("k"));
    let many = json!({"keys": vec![issuer_key().jwk("x"); 101]}).to_string();
    let large = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(300_000));
    let secret = jwks(&[&SigningKey::secret("HS256", &[3; 32]).unwrap()]);
    for (status, body) in [
        (None, &b""[..]),
        (None, &jwks(&[&other_key()])),
        (Some(500), &jwks(&[&other_key()])),
        (Some(503), b""),
        (Some(304), b""),
        (Some(302), b""),
        (Some(206), &jwks(&[&other_key()])),
        (Some(404), b"{}"),
        (Some(200), b""),
        (Some(200), b"<html>"),
        (Some(200), b"{}"),
        (Some(200), b"[]"),
        (Some(200), &jwks(&[])),
        (Some(200), &secret),
        (Some(200), b"{\"keys\":[1,null,{}]}"),
        (Some(200), b"{\"keys\":{}}"),
        (Some(200), b"{\"keys\":null}"),
        (Some(200), b"\xff\xfe"),
        (Some(200), twice.as_bytes()),
        (Some(200), doubled.as_bytes()),
        (Some(200), many.as_bytes()),
        (Some(200), large.as_bytes()),
    ] {
        let world = remote();
        world.tick(0);
        world.fetched(0, 0, Some(200), &jwks(&[&issuer_key()]));
        world.read_at(0).forwarded();
        let line = world.fetched(60, 0, status, body);
        assert!(line.contains("the last good ones stay"), "{status:?} {line}");
        assert!(!line.contains('\n'), "{line}");
        world.tick(600);
        let seen = world.read_at(600);
        seen.forwarded();
        assert_eq!(seen.signatures, 0);
        // Not renewed for longer than `keep_stale`: closed, remembered tokens too.
        world.tick(601);
        world.read_at(601).refused(503, "issuer-unavailable");
        // And open again with the first good set, even the same bytes.
        world.fetched(602, 0, Some(200), &jwks(&[&issuer_key()]));
        let seen = world.read_at(602);
        seen.forwarded();
        assert_eq!(seen.signatures, 1, "it was verified under keys that were closed since");
    }
}

#[test]
fn fetches_come_when_they_are_due_and_never_two_at_a_time() {
    let world = remote();
    assert_eq!(world.clusters(0), ["idp", "other"]);
    // No answer yet.
    for second in 0..10 {
        assert!(world.clusters(second).is_empty(), "{second}");
    }
    world.fetched(5, 1, Some(200), &jwks(&[&other_key()]));
    // The host never answered for the first: given up, and tried again.
    assert_eq!(world.clusters(10), ["idp"]);
    world.fetched(11, 0, Some(500), b"");
    assert!(world.clusters(12).is_empty());
    // Two seconds after a failure, a minute after a success.
    assert_eq!(world.clusters(13), ["idp"]);
    world.fetched(14, 0, Some(200), &jwks(&[&issuer_key()]));
    assert!(world.clusters(64).is_empty());
    assert_eq!(world.clusters(65), ["other"]);
    assert!(world.clusters(73).is_empty());
    assert_eq!(world.clusters(74), ["idp"]);
}

#[test]
fn an_answer_for_a_number_nobody_gave_changes_nothing() {
    let world = remote();
    world.tick(0);
    for number in [2, 7, u32::MAX] {
        let line = world.fetched(0, number, Some(200), &jwks(&[&issuer_key()]));
        assert!(line.contains("nobody waits for"), "{line}");
    }
    world.read_at(0).refused(503, "issuer-unavailable");
    let inline = World::new();
    inline.fetched(0, 0, Some(200), &jwks(&[&other_key()]));
    inline.read_at(0).forwarded();
}

#[test]
fn a_shared_secret_or_a_weak_key_that_is_served_is_no_key() {
    let world = remote();
    world.tick(0);
    let secret = SigningKey::secret("HS256", &[3; 32]).unwrap();
    let line = world.fetched(0, 0, Some(200), &jwks(&[&secret]));
    assert!(line.contains("no usable key among 1; there are none"), "{line}");
    let forged = secret.sign(
        &json!({"alg": "HS256", "typ": "at+jwt", "kid": "k"}),
        &super::host::claims(&json!({})),
    );
    let seen = world.ask("GET", "/v1/tickets/7").token(&forged).send();
    seen.refused(401, "algorithm-refused");
    let good = world.ask("GET", "/v1/tickets/7").token(&token(&json!({}))).send();
    good.refused(503, "issuer-unavailable");
}
