//! What a person is asked: the digest of exactly this request, in a statement the gateway signed.

use super::host::{AUDIENCE, Ask, GATEWAY, NOW, Seen, World, policy, token};
use crate::identity::issue::SigningKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

const SIGNED: &str = "approvals: { signing_key: { env: KEY } }";
const DESK: &str =
    "approvals: { signing_key: { env: KEY }, desk: { url: \"https://desk.example.com/\" } }";
const TAG: &str = "approvals: { mode: tag, signing_key: { env: KEY } }";

fn pay(world: &World) -> Ask<'_> {
    world
        .ask("POST", "/v1/payments/7?dry=1")
        .header("content-type", "application/json")
        .header("x-tenant", "acme")
        .body(&[b"{\"amount\":", b"500}"])
}

fn digest(ask: Ask<'_>) -> String {
    let seen = ask.send();
    seen.refused(403, "approval-required");
    let digest = seen.problem()["approval"]["digest"].as_str().unwrap().to_owned();
    assert_eq!(seen.record["approval"]["digest"], *digest);
    assert_eq!(seen.record["approval"]["tier"], "presence");
    digest
}

/// The claims of a JWS, once its signature is the gateway's by the key it serves.
fn claims_of(world: &World, jws: &str) -> Value {
    let served = world.bare("GET", "/.well-known/ambit/jwks").send();
    let key = served.problem()["keys"][0].clone();
    assert_eq!(key, SigningKey::ed25519_from_seed(&GATEWAY).unwrap().jwk("ambit"));
    let x = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
    let public = ed25519_dalek::VerifyingKey::from_bytes(&x.try_into().unwrap()).unwrap();
    let (message, signature) = jws.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    public.verify_strict(message.as_bytes(), &signature).unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let decoded = |text: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    assert_eq!(
        decoded(header),
        json!({"alg": "EdDSA", "typ": "ambit-approval-request+jwt", "kid": "ambit"})
    );
    decoded(payload)
}

#[test]
fn a_refusal_carries_what_to_approve_signed_and_with_its_end() {
    let world = World::with(DESK);
    let seen = pay(&world).send();
    seen.refused(403, "approval-required");
    let problem = seen.problem();
    let approval = problem["approval"].as_object().unwrap();
    let names: Vec<&str> = approval.keys().map(String::as_str).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    assert_eq!(approval["id"], seen.record["approval"]["id"]);
    assert_eq!(approval["expires"], NOW.secs() + 1800);
    assert_eq!(approval["tier"], "presence");
    let id = approval["id"].as_str().unwrap();
    assert_eq!(approval["url"], format!("https://desk.example.com/approve/{id}"));
    assert_eq!(
        claims_of(&world, approval["request"].as_str().unwrap()),
        json!({
            "id": id,
            "gateway": {"name": "test", "boot": "boot-1"},
            "subject": {"realm": "https://idp.example.com", "id": "alice"},
            "actors": ["assistant"],
            "action": "write",
            "resource": {"type": "payment", "id": "7"},
            "digest": approval["digest"],
            "policy": world.engine.policy().hash(),
            "tier": "presence",
            "scopes": ["once"],
            "redeemer": "local",
            "iat": NOW.secs(),
            "exp": NOW.secs() + 1800,
            "use_within": 300,
        })
    );
}

#[test]
fn the_url_needs_a_desk_and_the_request_a_signing_key() {
    for (approvals, request, url) in [
        ("", false, false),
        (SIGNED, true, false),
        (DESK, true, true),
        ("approvals: { desk: { url: \"https://desk.example.com\" } }", false, false),
    ] {
        let world = World::with(approvals);
        let seen = pay(&world).send();
        let approval = &seen.problem()["approval"];
        assert_eq!(approval.get("request").is_some(), request, "{approvals}");
        assert_eq!(approval.get("url").is_some(), url, "{approvals}");
        assert!(approval["id"].is_string() && approval["digest"].is_string());
        let served = world.bare("GET", "/.well-known/ambit/jwks").send();
        let keys = served.problem()["keys"].as_array().unwrap().len();
        assert_eq!(keys, usize::from(request), "{approvals}");
    }
}

#[test]
fn the_digest_is_of_these_bytes_and_no_others() {
    use crate::approval::digest::HttpRequest;
    let world = World::with(SIGNED);
    let wanted = HttpRequest {
        audience: AUDIENCE,
        host: "api.example.com",
        method: "POST",
        path: "/v1/payments/7",
        query: Some("dry=1"),
        content_type: Some("application/json"),
        headers: &[("x-tenant".to_owned(), "acme".to_owned())],
        body: b"{\"amount\":500}",
        ..HttpRequest::default()
    };
    assert_eq!(digest(pay(&world)), wanted.digest());
}

#[test]
fn every_part_that_is_bound_changes_the_digest() {
    let world = World::with(SIGNED);
    let mut digests = vec![digest(pay(&world))];
    for changed in [
        pay(&world).instead(":method", "PUT"),
        pay(&world).instead(":path", "/v1/payments/8?dry=1"),
        pay(&world).instead(":path", "/v1/payments/7?dry=0"),
        pay(&world).instead(":path", "/v1/payments/7?dry=%31"),
        pay(&world).instead(":path", "/v1/payments/7?"),
        pay(&world).instead(":path", "/v1/payments/7"),
        pay(&world).instead("content-type", "application/json; charset=utf-8"),
        pay(&world).instead("content-type", ""),
        pay(&world).header("if-match", "\"1\""),
        pay(&world).header("if-none-match", "\"1\""),
        pay(&world).header("if-unmodified-since", "\"1\""),
        pay(&world).instead("x-tenant", "Acme"),
        pay(&world).instead("x-tenant", ""),
        pay(&world).header("x-tenant", "other"),
        pay(&world).body(&[b"{\"amount\":501}"]),
        pay(&world).body(&[b"{\"amount\":500} "]),
        pay(&world).body(&[]),
    ] {
        digests.push(digest(changed));
    }
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count, "two requests have one digest");
}

#[test]
fn what_is_not_bound_does_not_change_the_digest() {
    let world = World::with(SIGNED);
    let wanted = digest(pay(&world));
    let bob = token(&json!({"sub": "bob"}));
    for same in [
        pay(&world).header("accept", "text/plain"),
        pay(&world).header("x-request-id", "1"),
        pay(&world).header("cookie", "a=1"),
        pay(&world).header("x-other", "1"),
        pay(&world).instead(":authority", "API.example.com:443"),
        pay(&world).instead(":path", "/v1/%70ayments/%37?dry=1"),
        pay(&world).body(&[b"{", b"\"amount\":500", b"}"]),
        pay(&world).at(60),
        // Who asks is bound in the approval request, not in the digest.
        pay(&world).token(&bob),
    ] {
        assert_eq!(digest(same), wanted);
    }
    let seen = pay(&world).token(&bob).send();
    let request = seen.problem()["approval"]["request"].as_str().unwrap().to_owned();
    assert_eq!(claims_of(&world, &request)["subject"]["id"], "bob");
}

#[test]
fn a_bound_header_that_is_no_text_cannot_be_approved_and_matters_nowhere_else() {
    let world = World::with(SIGNED);
    for value in [&b"acme\xff"[..], b"acme\xfe", b"a\x00b"] {
        let mut ask = pay(&world);
        ask.headers.retain(|(name, _)| name != b"x-tenant");
        ask.bytes(b"x-tenant", value).send().refused(400, "malformed-request");
        let elsewhere = world.ask("GET", "/v1/tickets/7").bytes(b"x-tenant", value).send();
        elsewhere.forwarded();
    }
}

#[test]
fn a_body_larger_than_may_be_held_is_refused_and_so_is_an_encoded_one() {
    let world = World::with("limits: { request_body: 8 }");
    let ask = |body: &[&[u8]]| world.ask("POST", "/v1/payments").body(body).send();
    ask(&[b"12345678"]).refused(403, "approval-required");
    ask(&[b"1234", b"56789"]).refused(413, "body-too-large");
    // It is refused as soon as it is too large, not when it ends.
    ask(&[b"123456789", b"never told"]).refused(413, "body-too-large");
    for encoding in ["gzip", "br", "identity, gzip", "IDENTITY,identity", ""] {
        let ask = world.ask("POST", "/v1/payments").header("content-encoding", encoding);
        ask.body(&[b"x"]).send().refused(400, "malformed-request");
    }
    let plain = world.ask("POST", "/v1/payments").header("content-encoding", "Identity");
    plain.body(&[b"x"]).send().refused(403, "approval-required");
}

/// What the `ambit` header says of the approval: its name and its parameters.
fn tag(seen: &Seen) -> (String, String, String, String) {
    let value = seen.forwarded().get("ambit").unwrap();
    let parsed: Dictionary = Parser::new(&value).parse().unwrap();
    let ListEntry::Item(item) = parsed.get("approval").unwrap() else { panic!("{value}") };
    let BareItem::Token(name) = &item.bare_item else { panic!("{value}") };
    let text = |name: &str| match item.params.get(name).unwrap() {
        BareItem::String(text) => text.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    (name.as_str().to_owned(), text("id"), text("digest"), text("request"))
}

#[test]
fn in_mode_tag_the_upstream_is_told_what_a_person_must_approve() {
    let world = World::with(TAG);
    let seen = pay(&world).send();
    let (name, id, digest, request) = tag(&seen);
    assert_eq!(name, "required");
    assert_eq!(seen.record["reason"], "allowed-with-tag");
    assert_eq!(seen.record["approval"], json!({"id": id, "digest": digest, "tier": "presence"}));
    let claims = claims_of(&world, &request);
    assert_eq!((&claims["id"], &claims["digest"]), (&json!(id), &json!(digest)));
    assert_eq!(claims["subject"]["id"], "alice");
}

#[test]
fn in_mode_tag_only_what_is_bound_or_harmless_passes() {
    let world = World::with(TAG);
    let passing = ["accept", "traceparent", "tracestate", "if-match", "x-request-id"];
    let removed = ["cookie", "x-other", "range", "accept-language", "prefer", "x-http-method"];
    let mut ask = pay(&world);
    for name in passing.iter().chain(&removed) {
        ask = ask.header(name, "x");
    }
    let seen = ask.send();
    let upstream = seen.forwarded();
    for name in passing.iter().chain(&["x-tenant", "content-type", "authorization", ":path"]) {
        assert!(upstream.has(name), "{name}");
    }
    for name in removed {
        assert!(!upstream.has(name), "{name}");
    }
}

#[test]
fn a_tag_stays_where_a_look_up_cannot_be_asked_on_this_path() {
    // New payments have no id, so nothing is known of their risk; what needs no look-up still
    // allows them, with the approval it asks for.
    let rule = "  - { id: risky, effect: allow, actions: [write], resources: [payment], \
                when: resource.risk == \"high\", approval: second-person }\n";
    for (approvals, tagged) in [(TAG, true), (SIGNED, false)] {
        let text = policy(&format!("{rule}{approvals}")).replace(
            "    headers: [x-tenant]\n",
            "    headers: [x-tenant]\n    attributes: { risk: { type: string, from: { lookup: \
             { cluster: risks, path: \"/risk/{id}\", pointer: /risk } } } }\n",
        );
        let world = World::of(&text);
        let seen = world.ask("POST", "/v1/payments").body(&[b"x"]).send();
        assert!(seen.callouts.is_empty());
        if tagged {
            let (name, _, digest, _) = tag(&seen);
            assert_eq!((name.as_str(), digest.len()), ("required", 43));
        } else {
            seen.refused(403, "approval-required");
            assert_eq!(seen.problem()["approval"]["digest"], seen.record["approval"]["digest"]);
            assert!(seen.problem()["approval"]["digest"].is_string());
        }
    }
}

#[test]
fn a_policy_whose_signing_key_is_not_in_the_environment_does_not_load() {
    use crate::enforcement::Engine;
    use crate::policy::Policy;
    let text = policy("approvals: { signing_key: { env: MISSING } }");
    for value in [None, Some(""), Some("short"), Some("not base64url at all, and far too long...")]
    {
        let loaded = Policy::load_yaml("policy.yaml", &text).unwrap();
        let errors = Engine::with(loaded, &|_| value.map(str::to_owned)).unwrap_err().to_string();
        assert!(errors.contains("`MISSING`"), "{errors}");
    }
}
