//! Who sends a bound token: proofs of possession, their memory and nonces, and certificates.

use super::host::{
    HOST, NOW, OTHER_ISSUER, Seen, World, issuer_key, other_key, policy, signed, token,
};
use crate::enforcement::{Question, SignatureVerdict};
use crate::identity::issue::SigningKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const CERTIFICATE: [u8; 32] = [0xab; 32];
const CHALLENGE: &str = "algs=\"EdDSA ES256 ES384 PS256 RS256\"";

fn sender(seed: u8) -> SigningKey {
    SigningKey::ed25519_from_seed(&[seed; 32]).unwrap()
}

fn jwk(key: &SigningKey) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": key.jwk("x")["x"] })
}

/// RFC 7638, of an Ed25519 key.
fn thumbprint(key: &SigningKey) -> String {
    let x = jwk(key)["x"].as_str().unwrap().to_owned();
    let text = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

/// Alice's token, bound to the key of this seed.
fn bound(seed: u8) -> String {
    token(&json!({ "cnf": { "jkt": thumbprint(&sender(seed)) } }))
}

fn certified(hash: [u8; 32]) -> String {
    token(&json!({ "cnf": { "x5t#S256": URL_SAFE_NO_PAD.encode(hash) } }))
}

/// A proof for reading ticket 7, with changed claims.
fn proof(seed: u8, token: &str, changes: &Value) -> String {
    let mut claims = json!({
        "jti": "p1", "htm": "GET", "htu": format!("https://{HOST}/v1/tickets/7"),
        "iat": NOW.secs(), "ath": URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes())),
    });
    let members = claims.as_object_mut().unwrap();
    members.extend(changes.as_object().unwrap().clone());
    let key = sender(seed);
    key.sign(&json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk(&key) }), &claims)
}

/// Reads ticket 7 with a token and a proof.
fn present(world: &World, token: &str, proof: &str) -> Seen {
    asking(world, token, proof, 0)
}

fn asking(world: &World, token: &str, proof: &str, at: i64) -> Seen {
    world
        .bare("GET", "/v1/tickets/7")
        .header("authorization", &format!("DPoP {token}"))
        .header("dpop", proof)
        .at(at)
        .send()
}

/// The tests' policy with more settings of its first issuer.
fn world(settings: &str) -> World {
    let text = policy("");
    let first = "{ issuer: \"https://idp.example.com\",";
    assert!(text.contains(first));
    World::of(&text.replacen(first, &format!("{first} {settings},"), 1))
}

#[test]
fn a_bound_token_passes_with_a_proof_of_its_key_and_both_are_checked() {
    let world = World::new();
    let token = bound(5);
    let seen = present(&world, &token, &proof(5, &token, &json!({})));
    seen.forwarded();
    assert_eq!((seen.signatures, seen.proofs), (1, 1));
    // The token is remembered, the next proof is checked anew.
    let seen = present(&world, &token, &proof(5, &token, &json!({ "jti": "p2" })));
    seen.forwarded();
    assert_eq!((seen.signatures, seen.proofs), (0, 1));
    let forged = proof(5, &token, &json!({ "jti": "p3" }));
    let (message, _) = forged.rsplit_once('.').unwrap();
    let seen = present(&world, &token, &format!("{message}.{}", "A".repeat(86)));
    seen.refused(401, "bad-proof");
    assert_eq!((seen.signatures, seen.proofs), (0, 1));
    // No more than three questions came of three requests: the secret once, two first uses.
    assert_eq!(world.memory.borrow().len(), 2);
}

#[test]
fn the_resource_gets_the_proof_only_where_it_keeps_the_callers_credentials() {
    let world = World::new();
    let token = bound(5);
    let text = proof(5, &token, &json!({}));
    let seen = present(&world, &token, &text);
    assert_eq!(seen.forwarded().get("dpop"), Some(text));
    let note = json!({ "jti": "p2", "htu": format!("https://{HOST}/v1/notes/7") });
    let seen = world
        .bare("GET", "/v1/notes/7")
        .header("authorization", &format!("DPoP {token}"))
        .header("dpop", &proof(5, &token, &note))
        .send();
    assert!(!seen.forwarded().has("dpop") && !seen.forwarded().has("authorization"));
}

#[test]
fn a_bound_token_is_nothing_without_its_proof() {
    let token = bound(5);
    let seen = World::new().ask("GET", "/v1/tickets/7").token(&token).send();
    seen.refused(401, "sender-not-proved");
    let metadata =
        "resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource\"";
    let wanted = format!("DPoP error=\"invalid_token\", {metadata}, {CHALLENGE}");
    assert_eq!(seen.reply_header("www-authenticate"), Some(wanted.as_str()));
    // Presented as a bearer token, a proof beside it does not help.
    let world = World::new();
    let text = proof(5, &token, &json!({}));
    let seen = world.ask("GET", "/v1/tickets/7").token(&token).header("dpop", &text).send();
    seen.refused(401, "sender-not-proved");
    assert_eq!((seen.proofs, seen.questions.len()), (0, 0));
    let seen =
        world.bare("GET", "/v1/tickets/7").header("authorization", &format!("DPoP {token}")).send();
    seen.refused(401, "bad-proof");
    let wanted = format!("DPoP error=\"invalid_dpop_proof\", {metadata}, {CHALLENGE}");
    assert_eq!(seen.reply_header("www-authenticate"), Some(wanted.as_str()));
}

#[test]
fn a_token_that_no_key_is_named_in_is_not_to_be_proved() {
    let plain = token(&json!({}));
    for token in [plain, certified(CERTIFICATE)] {
        let world = World::new();
        let seen = present(&world, &token, &proof(5, &token, &json!({})));
        seen.refused(401, "sender-not-proved");
        assert_eq!((seen.proofs, seen.questions.len()), (0, 0));
    }
    let both = json!({ "cnf": {
        "jkt": thumbprint(&sender(5)), "x5t#S256": URL_SAFE_NO_PAD.encode(CERTIFICATE),
    } });
    let token = token(&both);
    present(&World::new(), &token, &proof(5, &token, &json!({}))).refused(401, "sender-not-proved");
}

#[test]
fn one_wrong_value_makes_a_proof_of_something_else() {
    let now = NOW.secs();
    let token = bound(5);
    for (seed, about, changes) in [
        (6, token.clone(), json!({})),
        (5, bound(6), json!({})),
        (5, token.clone(), json!({ "htm": "POST" })),
        (5, token.clone(), json!({ "htu": format!("https://{HOST}/v1/tickets/8") })),
        (5, token.clone(), json!({ "htu": "https://other.example.com/v1/tickets/7" })),
        (5, token.clone(), json!({ "iat": now - 91 })),
        (5, token.clone(), json!({ "iat": now + 31 })),
        (5, token.clone(), json!({ "jti": "" })),
    ] {
        let world = World::new();
        let seen = present(&world, &token, &proof(seed, &about, &changes));
        seen.refused(401, "bad-proof");
        assert_eq!(seen.proofs, 0, "{changes}");
        assert!(world.memory.borrow().is_empty(), "{changes}");
    }
    for odd in ["", "x", "e30.e30.e30", &token] {
        present(&World::new(), &token, odd).refused(401, "bad-proof");
    }
    let text = proof(5, &token, &json!({}));
    let joined = format!("{text},{text}");
    present(&World::new(), &token, &joined).refused(401, "bad-proof");
    let twice = World::new()
        .bare("GET", "/v1/tickets/7")
        .header("authorization", &format!("DPoP {token}"))
        .header("dpop", &text)
        .header("DPoP", &text)
        .send();
    twice.refused(400, "malformed-request");
}

#[test]
fn the_uri_may_have_the_scheme_of_the_connection_or_of_the_audience() {
    let token = bound(5);
    let ask = |scheme: &str, htu: &str| {
        World::new()
            .bare("GET", "/v1/tickets/7?page=2")
            .instead(":scheme", scheme)
            .header("authorization", &format!("DPoP {token}"))
            .header("dpop", &proof(5, &token, &json!({ "htu": htu })))
            .send()
    };
    // A proxy before the gateway ends TLS.
    ask("http", "https://api.example.com/v1/tickets/7").forwarded();
    ask("http", "http://api.example.com/v1/tickets/7").forwarded();
    ask("https", "https://api.example.com/v1/tickets/7?page=9").forwarded();
    ask("https", "http://api.example.com/v1/tickets/7").refused(401, "bad-proof");
    ask("http", "ws://api.example.com/v1/tickets/7").refused(401, "bad-proof");
}

#[test]
fn a_proof_counts_once() {
    let world = World::new();
    let token = bound(5);
    let text = proof(5, &token, &json!({}));
    present(&world, &token, &text).forwarded();
    let seen = present(&world, &token, &text);
    seen.refused(401, "proof-replayed");
    assert!(seen.reply_header("www-authenticate").unwrap().contains("invalid_dpop_proof"));
    // The same name, made anew.
    present(&world, &token, &proof(5, &token, &json!({ "iat": NOW.secs() + 1 })))
        .refused(401, "proof-replayed");
    // Another key may use it.
    let other = bound(6);
    present(&world, &other, &proof(6, &other, &json!({}))).forwarded();
    // It is remembered for longer than it counts, whatever skew a later policy allows.
    let until = world.memory.borrow().values().copied().max().unwrap();
    assert_eq!(until.since(NOW).millis(), 120_000);
}

#[test]
fn without_a_memory_or_room_in_it_nothing_passes() {
    let token = bound(5);
    let full = World::new();
    full.room.set(Some(0));
    let seen = present(&full, &token, &proof(5, &token, &json!({})));
    seen.refused(503, "replay-memory-full");
    assert_eq!(seen.reply_header("retry-after"), Some("5"));
    let none = World::new();
    none.room.set(None);
    present(&none, &token, &proof(5, &token, &json!({}))).refused(503, "host-failure");
    let secretless = World::new();
    secretless.secret.set(None);
    present(&secretless, &token, &proof(5, &token, &json!({}))).refused(503, "host-failure");
    // And what needs no proof is none the worse.
    secretless.ask("GET", "/v1/tickets/7").send().forwarded();
}

#[test]
fn only_who_may_pass_fills_the_memory() {
    let jkt = thumbprint(&sender(5));
    for (changes, reason) in [
        (json!({ "exp": NOW.secs() - 31 }), "expired"),
        (json!({ "aud": "https://elsewhere.example" }), "wrong-audience"),
        (json!({ "client_id": "nobody" }), "unknown-actor"),
        (json!({ "scope": "read:note" }), "insufficient-scope"),
        (json!({ "azp": "another" }), "client-conflict"),
    ] {
        let mut changes = changes;
        changes["cnf"] = json!({ "jkt": jkt });
        let token = token(&changes);
        let world = World::new();
        let seen = present(&world, &token, &proof(5, &token, &json!({})));
        assert_eq!(seen.record["reason"], reason);
        assert!(seen.upstream.is_none() && world.memory.borrow().is_empty(), "{reason}");
    }
    let forged = signed(&other_key(), &json!({ "cnf": { "jkt": jkt } }));
    let world = World::new();
    present(&world, &forged, &proof(5, &forged, &json!({}))).refused(401, "bad-signature");
    assert!(world.memory.borrow().is_empty());
}

#[test]
fn whether_the_proof_is_good_is_told_before_what_the_policy_says() {
    // A stolen token must not tell what its owner may do.
    let token = token(&json!({ "scope": "read:note", "cnf": { "jkt": thumbprint(&sender(5)) } }));
    present(&World::new(), &token, &proof(6, &token, &json!({}))).refused(401, "bad-proof");
    World::new().ask("GET", "/v1/tickets/7").token(&token).send().refused(401, "sender-not-proved");
}

#[test]
fn a_host_that_cannot_check_a_proof_closes() {
    let token = bound(5);
    for (verdict, status, reason) in [
        (SignatureVerdict::Invalid, 401, "bad-proof"),
        (SignatureVerdict::Unavailable, 503, "host-failure"),
    ] {
        let world = World::new();
        let seen = world
            .bare("GET", "/v1/tickets/7")
            .header("authorization", &format!("DPoP {token}"))
            .header("dpop", &proof(5, &token, &json!({})))
            .proof_verdict(verdict)
            .send();
        seen.refused(status, reason);
        assert!(world.memory.borrow().is_empty());
    }
}

#[test]
fn a_nonce_is_asked_for_where_the_issuer_says_so_and_brought_by_the_refusal() {
    let world = world("dpop_nonce: true");
    let token = bound(5);
    let seen = present(&world, &token, &proof(5, &token, &json!({})));
    seen.refused(401, "proof-nonce");
    assert!(seen.reply_header("www-authenticate").unwrap().contains("error=\"use_dpop_nonce\""));
    let nonce = seen.reply_header("dpop-nonce").unwrap().to_owned();
    assert_eq!(seen.proofs, 0);
    let with = |nonce: &str, at: i64| {
        let changes = json!({ "nonce": nonce, "jti": format!("at {at}"), "iat": NOW.secs() + at });
        asking(&world, &token, &proof(5, &token, &changes), at)
    };
    let fresh = with(&nonce, 0);
    fresh.forwarded();
    assert_eq!(fresh.next_nonce, None, "good for a while");
    let old = with(&nonce, 500);
    old.forwarded();
    let following = old.next_nonce.unwrap();
    assert_ne!(following, nonce);
    with(&following, 501).forwarded();
    let late = with(&nonce, 600);
    late.refused(401, "proof-nonce");
    let next = late.reply_header("dpop-nonce").unwrap();
    assert_ne!(next, nonce);
    with(next, 601).forwarded();
    with("", 1).refused(401, "proof-nonce");
    with(&nonce.to_lowercase(), 2).refused(401, "proof-nonce");
    // Another issuer of the same policy asks for none.
    let other = json!({ "iss": OTHER_ISSUER, "cnf": { "jkt": thumbprint(&sender(5)) } });
    let other = signed(&other_key(), &other);
    let seen = present(&world, &other, &proof(5, &other, &json!({})));
    seen.forwarded();
    assert_eq!(seen.next_nonce, None);
}

#[test]
fn a_page_may_read_the_nonce_where_it_may_read_answers() {
    let world = world("dpop_nonce: true");
    let token = bound(5);
    let seen = world
        .bare("GET", "/v1/tickets/7")
        .header("authorization", &format!("DPoP {token}"))
        .header("dpop", &proof(5, &token, &json!({})))
        .header("origin", "https://app.example.com")
        .send();
    assert_eq!(seen.reply_header("access-control-expose-headers"), Some("dpop-nonce"));
}

#[test]
fn where_a_sender_is_required_a_plain_token_is_refused_and_both_ways_are_named() {
    let world = world("sender_constraint: required");
    let seen = world.ask("GET", "/v1/tickets/7").send();
    seen.refused(401, "sender-not-proved");
    let challenges: Vec<&str> = seen
        .reply
        .as_ref()
        .unwrap()
        .headers
        .iter()
        .filter(|(name, _)| name == "www-authenticate")
        .map(|(_, value)| value.as_str())
        .collect();
    assert!(challenges[0].starts_with("Bearer error=\"invalid_token\""), "{challenges:?}");
    assert_eq!(challenges[1..], [format!("DPoP {CHALLENGE}")]);
    let token = bound(5);
    present(&world, &token, &proof(5, &token, &json!({}))).forwarded();
    let token = certified(CERTIFICATE);
    world.ask("GET", "/v1/tickets/7").token(&token).certificate(CERTIFICATE).send().forwarded();
    // Whoever comes without anything hears of both.
    let nothing = world.bare("GET", "/v1/tickets/7").send();
    nothing.refused(401, "no-token");
    let all = format!("{:?}", nothing.reply.unwrap().headers);
    assert!(all.contains("\"DPoP algs="), "{all}");
}

#[test]
fn where_only_dpop_will_do_a_certificate_is_no_proof() {
    let one = world("sender_constraint: dpop");
    let token = certified(CERTIFICATE);
    let ask = |world: &World| {
        world.ask("GET", "/v1/tickets/7").token(&token).certificate(CERTIFICATE).send()
    };
    ask(&one).refused(401, "sender-not-proved");
    one.ask("GET", "/v1/tickets/7").send().refused(401, "sender-not-proved");
    let token = bound(5);
    present(&one, &token, &proof(5, &token, &json!({}))).forwarded();
    // The other issuer takes what it always took, and the metadata say so.
    let document =
        |world: &World| world.bare("GET", "/.well-known/oauth-protected-resource").send().problem();
    assert_eq!(document(&one)["dpop_bound_access_tokens_required"], json!(false));
    let every = policy("").replace("- { issuer:", "- { sender_constraint: dpop, issuer:");
    let all = World::of(&every);
    assert_eq!(document(&all)["dpop_bound_access_tokens_required"], json!(true));
    assert_eq!(document(&all)["tls_client_certificate_bound_access_tokens"], json!(false));
    let nothing = all.bare("GET", "/v1/tickets/7").send();
    nothing.refused(401, "no-token");
    assert!(nothing.reply_header("www-authenticate").unwrap().starts_with("DPoP "));
}

#[test]
fn a_token_bound_to_a_certificate_passes_on_its_connection_alone() {
    let world = World::new();
    let token = certified(CERTIFICATE);
    let ask = || world.ask("GET", "/v1/tickets/7").token(&token);
    let seen = ask().certificate(CERTIFICATE).send();
    seen.forwarded();
    assert_eq!(seen.questions, [Question::PeerCertificate]);
    // A remembered token is no proof of its certificate.
    let seen = ask().certificate([0xac; 32]).send();
    seen.refused(401, "sender-not-proved");
    assert_eq!(seen.signatures, 0);
    assert!(seen.reply_header("www-authenticate").unwrap().starts_with("Bearer "));
    ask().send().refused(401, "sender-not-proved");
    // No header says which certificate it is.
    let header = format!("Hash={}", "ab".repeat(32));
    ask().header("x-forwarded-client-cert", &header).send().refused(401, "sender-not-proved");
}

#[test]
fn a_request_that_needs_no_proof_asks_the_host_nothing() {
    let world = world("dpop_nonce: true");
    for seen in [
        world.ask("GET", "/v1/tickets/7").send(),
        world.ask("GET", "/v1/tickets/7").certificate(CERTIFICATE).send(),
        world.ask("GET", "/v1/tickets/7").header("dpop", "x").send(),
        world.bare("GET", "/v1/tickets/7").send(),
        world.ask("GET", "/v1/tickets/7").token(&bound(5)).send(),
    ] {
        assert!(seen.questions.is_empty());
    }
}

#[test]
fn the_secret_is_asked_for_once_a_worker() {
    let world = World::new();
    let token = bound(5);
    let asked = |number: u8| {
        let text = proof(5, &token, &json!({ "jti": format!("p{number}") }));
        let seen = present(&world, &token, &text);
        seen.forwarded();
        seen.questions.len()
    };
    assert_eq!([asked(1), asked(2), asked(3)], [2, 1, 1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_bound_token_passes_once_for_each_good_proof_and_never_otherwise(
        asks in prop::collection::vec((0_u8..4, 0_u8..3, any::<bool>(), 5_u8..7, -120_i64..120), 1..20),
    ) {
        let world = World::new();
        let (mut used, good) = (std::collections::BTreeSet::new(), bound(5));
        let other = token(&json!({ "sub": "bob", "cnf": { "jkt": thumbprint(&sender(5)) } }));
        for (id, scheme, own, seed, age) in asks {
            let about = if own { &good } else { &other };
            let text = proof(seed, about, &json!({ "jti": format!("{id}"), "iat": NOW.secs() - age }));
            let name = ["DPoP", "Bearer", "dpop"][scheme as usize];
            let seen = world
                .bare("GET", "/v1/tickets/7")
                .header("authorization", &format!("{name} {good}"))
                .header("dpop", &text)
                .send();
            let counts = own && seed == 5 && name != "Bearer" && (-30..=90).contains(&age);
            prop_assert_eq!(seen.upstream.is_some(), counts && used.insert(id), "{} {}", name, age);
        }
        prop_assert_eq!(world.memory.borrow().len(), used.len());
    }
}

#[test]
fn an_answer_that_nobody_asked_for_closes() {
    use crate::enforcement::{Answer, Event, Memory, Step};
    let answers = [
        Answer::Secret([1; 32]),
        Answer::PeerCertificate(Some(CERTIFICATE)),
        Answer::FirstUse(Memory::Fresh),
    ];
    let token = bound(5);
    for answer in answers {
        // At its beginning, with a signature under way, and with another question asked.
        let world = World::new();
        let mut enforcement = world.enforcement();
        assert!(matches!(enforcement.on(NOW, Event::Answered(answer)), Step::Reply(_)));
        let mut enforcement = world.enforcement();
        let step = world.ask("GET", "/v1/tickets/7").token(&token).begin(&mut enforcement);
        assert!(matches!(step, Step::CheckSignature(_)));
        assert!(matches!(enforcement.on(NOW, Event::Answered(answer)), Step::Reply(_)));
        let mut enforcement = world.enforcement();
        let ask = world
            .bare("GET", "/v1/tickets/7")
            .header("authorization", &format!("DPoP {token}"))
            .header("dpop", &proof(5, &token, &json!({})));
        let Step::CheckSignature(check) = ask.begin(&mut enforcement) else { panic!() };
        let step = enforcement.on_signature(NOW, *check, SignatureVerdict::Valid);
        assert!(matches!(step, Step::Ask(Question::Secret)), "{step:?}");
        let step = enforcement.on(NOW, Event::Answered(answer));
        let goes_on = matches!(step, Step::CheckSignature(_));
        assert_eq!(goes_on, answer == Answer::Secret([1; 32]), "{step:?}");
        // A token's signature in place of the proof's.
        if goes_on {
            let mut another = world.enforcement();
            let fresh = signed(&issuer_key(), &json!({ "jti": "another" }));
            let step = world.ask("GET", "/v1/tickets/7").token(&fresh).begin(&mut another);
            let Step::CheckSignature(check) = step else { panic!() };
            let step = enforcement.on_signature(NOW, *check, SignatureVerdict::Valid);
            assert!(matches!(step, Step::Reply(_)), "{step:?}");
        }
    }
}
