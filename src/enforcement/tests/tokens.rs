//! Who is asking: what counts as a token, and what a remembered one still has to prove.

use super::host::{NOW, OTHER_ISSUER, World, claims, issuer_key, other_key, policy, signed, token};
use crate::enforcement::{Recall, SignatureVerdict};
use crate::identity::issue::SigningKey;
use crate::policy::Policy;
use serde_json::{Value, json};

#[test]
fn a_good_token_is_forwarded_and_the_record_says_who_asked() {
    let seen = World::new().ask("GET", "/v1/tickets/7").send();
    seen.forwarded();
    assert_eq!(seen.signatures, 1);
    let record = &seen.record;
    // The realm is the issuer, which is there.
    assert_eq!(
        (&record["subject"], &record["issuer"]),
        (&json!({"id": "alice"}), &json!("https://idp.example.com"))
    );
    assert_eq!(record["actors"], json!(["assistant"]));
    assert_eq!(record["resource"], json!({"type": "ticket", "id": "7"}));
    assert_eq!((&record["action"], &record["reason"]), (&json!("read"), &json!("allowed-by-rule")));
    assert_eq!(record["rules"], json!(["by-scope:read:ticket"]));
}

#[test]
fn without_a_token_the_challenge_has_no_error_code_and_names_the_metadata() {
    let seen = World::new().bare("GET", "/v1/tickets/7").send();
    seen.refused(401, "no-token");
    let wanted = "Bearer resource_metadata=\
                  \"https://api.example.com/.well-known/oauth-protected-resource\"";
    assert_eq!(seen.reply_header("www-authenticate"), Some(wanted));
    assert_eq!(seen.signatures, 0);
}

#[test]
fn what_is_no_single_well_formed_bearer_token_is_refused_before_any_signature() {
    let good = token(&json!({}));
    for value in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer a.b".to_owned(),
        "Bearer a.b.c.d".to_owned(),
        "Basic YTpi".to_owned(),
        good.clone(),
        format!("Bearer  {good}"),
        format!("Bearer {good} "),
        format!("Bearer {good} DPoP {good}"),
        format!("Bearer {good}="),
        format!("Bearer .{good}"),
        format!("Bearer {}", "a".repeat(20_000)),
    ] {
        let seen = World::new().bare("GET", "/v1/tickets/7").header("authorization", &value).send();
        seen.refused(401, "malformed-token");
        assert!(seen.reply_header("www-authenticate").unwrap().contains("invalid_token"));
        assert_eq!(seen.signatures, 0, "{value}");
    }
}

#[test]
fn two_authorization_headers_are_refused_even_when_they_agree() {
    let good = format!("Bearer {}", token(&json!({})));
    for joined in [format!("{good}, {good}"), format!("{good},DPoP a.b.c")] {
        let seen =
            World::new().ask("GET", "/v1/tickets/7").instead("authorization", &joined).send();
        seen.refused(400, "malformed-request");
        assert_eq!(seen.signatures, 0);
    }
    let seen = World::new().ask("GET", "/v1/tickets/7").header("Authorization", &good).send();
    seen.refused(400, "malformed-request");
    assert_eq!(seen.signatures, 0);
}

#[test]
fn every_signature_that_is_not_the_issuers_is_refused() {
    let stranger = signed(&other_key(), &json!({}));
    let good = token(&json!({}));
    let (rest, signature) = good.rsplit_once('.').unwrap();
    let other = token(&json!({"sub": "bob"}));
    let (other_rest, _) = other.rsplit_once('.').unwrap();
    for (name, forged) in [
        ("another issuer's key", stranger),
        ("another payload", format!("{other_rest}.{signature}")),
        ("zeros", format!("{rest}.{}", "A".repeat(86))),
        ("no signature's length", format!("{rest}.AAAA")),
        ("an empty one", format!("{rest}.")),
    ] {
        let seen = World::new().ask("GET", "/v1/tickets/7").token(&forged).send();
        let reason = seen.problem()["reason"].as_str().unwrap().to_owned();
        assert!(matches!(&*reason, "bad-signature" | "malformed-token"), "{name}: {reason}");
        seen.refused(401, &reason);
    }
}

#[test]
fn a_host_that_cannot_check_a_signature_closes_and_remembers_nothing() {
    let world = World::new();
    let ask = || world.ask("GET", "/v1/tickets/7");
    let seen = ask().verdict(SignatureVerdict::Unavailable).send();
    seen.refused(503, "host-failure");
    assert_eq!(seen.reply_header("retry-after"), Some("5"));
    let seen = ask().verdict(SignatureVerdict::Invalid).send();
    seen.refused(401, "bad-signature");
    let seen = ask().send();
    seen.forwarded();
    assert_eq!(seen.signatures, 1, "it was remembered without a valid signature");
}

#[test]
fn what_a_token_says_is_checked_after_its_signature() {
    let now = NOW.secs();
    for (changes, status, reason) in [
        (json!({"iss": "https://elsewhere.example"}), 401, "unknown-issuer"),
        (json!({"iss": null}), 401, "malformed-token"),
        (json!({"exp": now - 31}), 401, "expired"),
        (json!({"nbf": now + 31}), 401, "not-yet-valid"),
        (json!({"exp": now + 901}), 403, "token-lifetime"),
        (json!({"aud": "https://elsewhere.example"}), 401, "wrong-audience"),
        (json!({"azp": "someone-else"}), 401, "client-conflict"),
        (json!({"client_id": "nobody"}), 403, "unknown-actor"),
        (json!({"sub": "assistant"}), 403, "actor-mode"),
        (json!({"act": {"sub": "nobody"}}), 403, "unknown-actor"),
        (json!({"scope": "read:note"}), 403, "insufficient-scope"),
        (json!({"scope": "no:wire read:*"}), 403, "bad-scope"),
        (json!({"scope": "read:* no:read"}), 403, "beyond-ceiling"),
    ] {
        let seen = World::new().ask("GET", "/v1/tickets/7").token(&token(&changes)).send();
        assert_eq!(seen.problem()["reason"], reason, "{changes}");
        seen.refused(status, reason);
        // Only 401 and a want of scope challenge.
        let challenged = seen.reply_header("www-authenticate").is_some();
        assert_eq!(challenged, status == 401 || reason == "insufficient-scope", "{reason}");
    }
}

#[test]
fn headers_of_a_token_that_choose_how_it_is_verified_are_refused() {
    for (header, reason) in [
        (json!({"alg": "none", "typ": "at+jwt", "kid": "k"}), "algorithm-refused"),
        (json!({"alg": "HS256", "typ": "at+jwt", "kid": "k"}), "algorithm-refused"),
        (json!({"alg": "EdDSA", "typ": "JWT", "kid": "k"}), "wrong-token-type"),
        (json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "other"}), "unknown-key"),
    ] {
        let text = issuer_key().sign(&header, &claims(&json!({})));
        let seen = World::new().ask("GET", "/v1/tickets/7").token(&text).send();
        assert_eq!(seen.problem()["reason"], reason, "{header}");
        seen.refused(401, reason);
        assert_eq!(seen.signatures, 0);
    }
}

#[test]
fn a_second_request_with_the_same_token_checks_no_signature_and_decides_the_same() {
    let world = World::new();
    let first = world.ask("GET", "/v1/tickets/7").send();
    let second = world.ask("GET", "/v1/tickets/7").send();
    assert_eq!((first.signatures, second.signatures), (1, 0));
    assert_eq!((first.recall, second.recall), (Some(Recall::Miss), Some(Recall::Hit)));
    assert_eq!(world.bare("GET", "/v1/tickets/7").send().recall, None);
    first.forwarded();
    second.forwarded();
    let without_id = |record: &Value| {
        let mut record = record.clone();
        record.as_object_mut().unwrap().remove("id");
        record
    };
    assert_eq!(without_id(&first.record), without_id(&second.record));
}

#[test]
fn a_remembered_token_still_has_to_be_in_its_time_and_for_this_resource() {
    let world = World::new();
    world.ask("GET", "/v1/tickets/7").send().forwarded();
    let seen = world.ask("GET", "/v1/tickets/7").at(629).send();
    seen.forwarded();
    assert_eq!(seen.signatures, 0);
    let seen = world.ask("GET", "/v1/tickets/7").at(630).send();
    seen.refused(401, "expired");
    assert_eq!(seen.signatures, 0);
    let seen = world.ask("GET", "/v1/tickets/7").at(-31).send();
    seen.refused(401, "not-yet-valid");
    world.ask("GET", "/v2/tickets/7").send().refused(403, "unmapped-request");
}

#[test]
fn one_byte_of_difference_is_another_token() {
    let world = World::new();
    let good = token(&json!({}));
    world.ask("GET", "/v1/tickets/7").token(&good).send().forwarded();
    for at in [0, good.len() / 2, good.len() - 2] {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(bytes).unwrap();
        let seen = world.ask("GET", "/v1/tickets/7").token(&forged).send();
        assert_eq!(seen.reply.as_ref().unwrap().status, 401);
        assert!(seen.upstream.is_none());
    }
}

#[test]
fn a_token_of_another_issuer_is_verified_with_that_issuers_keys_and_is_that_issuers_actor() {
    let world = World::new();
    let other = json!({"iss": OTHER_ISSUER});
    let seen = world.ask("GET", "/v1/tickets/7").token(&signed(&other_key(), &other)).send();
    seen.forwarded();
    assert_eq!(seen.record["actors"], json!(["visitor"]));
    assert_eq!(seen.record["issuer"], OTHER_ISSUER);
    let seen = world.ask("GET", "/v1/notes/7").token(&signed(&other_key(), &other)).send();
    seen.refused(403, "beyond-ceiling");
    let seen = world.ask("GET", "/v1/tickets/7").token(&signed(&issuer_key(), &other)).send();
    seen.refused(401, "bad-signature");
}

#[test]
fn a_token_in_the_query_is_refused_before_any_token_is_looked_at() {
    for query in ["access_token=x", "a=1&access%5Ftoken=x", "id_token=", "q;refresh_token=x"] {
        let seen = World::new().ask("GET", &format!("/v1/tickets/7?{query}")).send();
        seen.refused(400, "token-in-url");
        assert_eq!(seen.signatures, 0, "{query}");
    }
    World::new().ask("GET", "/v1/tickets/7?q=access_token").send().forwarded();
}

#[test]
fn a_token_in_a_form_is_refused_where_the_body_is_read() {
    for content_type in [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded; charset=utf-8",
        " application/x-www-form-urlencoded",
    ] {
        let ask = |body: &[u8]| {
            World::new()
                .ask("POST", "/v1/payments")
                .header("content-type", content_type)
                .body(&[body])
                .send()
        };
        ask(b"a=1&access_token=x").refused(400, "token-in-url");
        ask(b"a=1&acc%65ss_token=x").refused(400, "token-in-url");
        ask(b"a=1").refused(403, "approval-required");
    }
    let json = World::new()
        .ask("POST", "/v1/payments")
        .header("content-type", "application/json")
        .body(&[b"access_token=x"])
        .send();
    json.refused(403, "approval-required");
}

#[test]
fn a_form_in_other_letters_is_refused_as_a_compressed_one_is() {
    let ask = |content_type: &str| {
        World::new()
            .ask("POST", "/v1/payments")
            .header("content-type", content_type)
            .body(&[b"%00_%00m%00e%00t%00h%00o%00d=%00x"])
            .send()
    };
    for odd in [
        "application/x-www-form-urlencoded; charset=utf-16",
        "text/plain, application/x-www-form-urlencoded; charset=ibm037",
        "multipart/form-data; boundary=x; charset=utf-7",
    ] {
        ask(odd).refused(400, "malformed-request");
    }
    ask("application/x-www-form-urlencoded; charset=utf-8").refused(403, "approval-required");
    ask("application/json; charset=utf-16").refused(403, "approval-required");
}

#[test]
fn neither_answers_nor_records_hold_the_token() {
    let secret = token(&json!({}));
    for ask in [
        World::new().ask("GET", "/v1/tickets/7").send(),
        World::new().ask("GET", "/v1/nothing").send(),
        World::new().ask("POST", "/v1/payments").body(&[b"x"]).send(),
        World::new().ask("GET", "/v1/tickets/7").at(10_000).send(),
    ] {
        let signature = secret.rsplit('.').next().unwrap();
        assert!(!ask.record.to_string().contains(signature));
        assert!(!ask.text().contains(signature));
    }
}

#[test]
fn a_shared_secret_in_a_policy_counts_for_development_alone() {
    let secret = SigningKey::secret("HS256", &[3; 32]).unwrap();
    let good = issuer_key().jwk("k").to_string();
    let shared = format!("{}] }} }}, algorithms: [HS256]", secret.jwk("k"));
    let text = policy("").replace(&format!("{good}] }} }}"), &shared);
    let errors = Policy::load_yaml("policy.yaml", &text).unwrap_err().to_string();
    assert!(errors.contains("`development: true`"), "{errors}");
    let world = World::of(&text.replace("[HS256]", "[HS256], development: true"));
    let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": "k"});
    let token = secret.sign(&header, &claims(&json!({})));
    world.ask("GET", "/v1/tickets/7").token(&token).send().forwarded();
}
