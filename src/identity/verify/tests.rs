use super::*;
use crate::identity::issue::SigningKey;
use crate::identity::{ActMember, ClaimState, ClientId, Confirmation, KeySet, Principal};
use crate::policy::document::{self, Absent, Claim, Jwks, Person, Profile, TokenScopes};
use crate::policy::error::Severity;
use crate::policy::scope::{Target, TargetId};
use crate::policy::value::{Value as Known, ValueType};
use crate::request::Action;
use crate::request::json::{JsonLimits, parse};
use serde_json::{Value, json};

mod attacks;
mod providers;
mod wycheproof;

const ISSUER: &str = "https://idp.example.com";
const MAX: usize = 16_384;

fn ed25519() -> SigningKey {
    SigningKey::ed25519_from_seed(&[7; 32]).unwrap()
}

fn es256() -> SigningKey {
    SigningKey::es256_from_seed(&[7; 32]).unwrap()
}

fn rs256() -> SigningKey {
    SigningKey::rs256_from_der(include_bytes!("../../../tests/keys/rsa-2048.pkcs1.der")).unwrap()
}

/// A document's issuer with one key, called `k`, of every kind of algorithm it lists.
fn written(profile: Profile, algorithms: &[&str], keys: &[Value]) -> document::Issuer {
    let set = json!({"keys": keys}).to_string();
    let limits = JsonLimits { bytes: 65_536, depth: 8, nodes: 1024 };
    document::Issuer {
        issuer: ISSUER.to_owned(),
        profile,
        jwks: Jwks::Inline(parse(set.as_bytes(), limits).unwrap()),
        algorithms: Some(algorithms.iter().map(|name| (*name).to_owned()).collect()),
        ..document::Issuer::default()
    }
}

fn standard() -> document::Issuer {
    written(Profile::Rfc9068, &["EdDSA"], &[ed25519().jwk("k")])
}

struct World {
    issuers: Vec<Issuer>,
    keys: Vec<KeyState>,
}

impl World {
    fn of(written: &[document::Issuer], claims: &[(String, ValueType)]) -> Self {
        let mut problems = Vec::new();
        let issuers: Vec<_> = (0..)
            .zip(written)
            .map(|(at, written)| {
                Issuer::compile(
                    at,
                    written,
                    &format!("/identity/issuers/{at}"),
                    claims,
                    &mut problems,
                )
            })
            .collect();
        assert_eq!(problems, [], "a fixture must load");
        let keys =
            issuers.iter().map(|issuer| KeyState::Ready(issuer.inline_keys.clone().unwrap()));
        Self { keys: keys.collect(), issuers }
    }

    fn one(written: document::Issuer) -> Self {
        Self::of(&[written], &[])
    }

    fn verify(&self, token: &str) -> Result<VerifiedToken, Reason> {
        let check = begin(token, MAX, &self.issuers, &self.keys)?;
        if !check.verify() {
            return Err(Reason::BadSignature);
        }
        check.accept(&self.issuers, 2, &["software_id".to_owned(), "absent".to_owned()], &resolve)
    }
}

/// The policy of these tests knows `document`, `ticket` and one tool.
fn resolve(name: &str) -> Option<TargetId> {
    let names = ["document", "ticket", "crm", "crm/refund"];
    let at = names.iter().position(|known| *known == name)?;
    Some(TargetId(u32::try_from(at).unwrap()))
}

fn on(name: &str) -> Target {
    Target { resource: resolve(name).unwrap(), tool: None }
}

fn payload() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": "https://api.example.com", "client_id": "assistant",
        "iat": 1_795_526_100, "exp": 1_795_526_400, "jti": "t-1", "scope": "read:document",
    })
}

/// The standard payload with some members replaced, and those given as null removed.
fn with(changes: Value) -> Value {
    changed(payload(), changes)
}

fn changed(mut payload: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    let members = payload.as_object_mut().unwrap();
    for (name, value) in changes {
        if value.is_null() {
            members.remove(&name);
        } else {
            members.insert(name, value);
        }
    }
    payload
}

fn sign(payload: &Value) -> String {
    ed25519().sign(&json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "k"}), payload)
}

fn accepted(payload: &Value) -> VerifiedToken {
    World::one(standard()).verify(&sign(payload)).unwrap()
}

fn refusal(payload: &Value) -> Reason {
    World::one(standard()).verify(&sign(payload)).unwrap_err()
}

#[test]
fn a_standard_token_is_read_whole() {
    let token = accepted(&payload());
    assert_eq!(token.issuer, 0);
    assert_eq!(token.sub.as_deref(), Some("alice"));
    assert_eq!(token.person.as_deref(), Some("alice"));
    assert_eq!(token.principal, Principal::User);
    assert_eq!(token.client_id, ClientId::Agreed("assistant".to_owned()));
    assert_eq!(token.audiences, ["https://api.example.com"]);
    assert_eq!(token.expires_at.secs(), 1_795_526_400);
    assert_eq!(token.issued_at.unwrap().secs(), 1_795_526_100);
    assert_eq!(token.not_before, None);
    assert_eq!(token.scope_strings, ["read:document"]);
    assert!(token.scopes.covers(Action::Read, on("document")));
    assert!(!token.scopes.covers(Action::Read, on("ticket")));
    assert!(!token.bad_scope && token.act.is_empty() && token.confirmation.is_none());
    assert_eq!(token.groups, ClaimState::Unknown);
    // SHA-256 of "t-1".
    assert_eq!(token.jti_digest.len(), 43);
    assert!(!token.jti_digest.contains("t-1"));
}

#[test]
fn a_token_whose_subject_is_its_client_is_the_agents_own() {
    assert_eq!(accepted(&with(json!({"sub": "assistant"}))).principal, Principal::Own);
}

#[test]
fn every_claim_the_standard_demands_is_demanded() {
    for claim in ["aud", "sub", "client_id", "iat", "jti"] {
        assert_eq!(refusal(&with(json!({claim: null}))), Reason::WrongTokenType, "{claim}");
    }
    for claim in ["iss", "exp"] {
        assert_eq!(refusal(&with(json!({claim: null}))), Reason::MalformedToken, "{claim}");
    }
}

#[test]
fn registered_claims_of_a_wrong_type_are_never_taken_for_absent() {
    for (claim, values) in [
        ("iss", json!([1, "", ["https://idp.example.com"], {}])),
        ("sub", json!([1, "", ["alice"], true])),
        ("aud", json!([1, {}, ["a", 1], [["a"]], true])),
        ("exp", json!(["1795526400", [], true, -1, 1e300, 253_402_300_800_i64])),
        ("iat", json!(["1795526400", {}, -0.5, 1e19])),
        ("nbf", json!(["1795526400", false, -1])),
        ("jti", json!([1, ["t"]])),
        ("client_id", json!([1, "", ["assistant"]])),
        ("azp", json!([1, {}])),
        ("cid", json!([false])),
        ("appid", json!([[]])),
        ("scope", json!([["read:document"], 1, {}])),
        ("scp", json!([1, {}, [1], [["read:document"]]])),
        (
            "act",
            json!(["agent", [], 1, {}, {"sub": 1}, {"iss": "x"}, {"sub": ""}, {"sub": "a", "act": 1}]),
        ),
        ("cnf", json!(["x", [], {"jkt": 1}, {"jkt": "short"}, {"x5t#S256": ["x"]}])),
    ] {
        for value in values.as_array().unwrap() {
            let reason = refusal(&with(json!({claim: value})));
            assert_eq!(reason, Reason::MalformedToken, "{claim}: {value}");
        }
    }
    for claim in ["sub", "aud", "exp", "nbf", "scope", "act", "cnf", "azp"] {
        let mut payload = payload();
        payload[claim] = Value::Null;
        assert_eq!(refusal(&payload), Reason::MalformedToken, "{claim}: null");
    }
}

#[test]
fn dates_may_have_fractions() {
    let token = accepted(&with(json!({"exp": 1_795_526_400.75, "nbf": 0})));
    assert_eq!(token.expires_at.millis(), 1_795_526_400_750);
    assert_eq!(token.not_before.unwrap().millis(), 0);
}

#[test]
fn client_ids_that_differ_are_a_conflict() {
    let token = accepted(&with(json!({"azp": "assistant", "cid": "assistant"})));
    assert_eq!(token.client_id, ClientId::Agreed("assistant".to_owned()));
    for other in ["azp", "cid", "appid"] {
        let token = accepted(&with(json!({other: "Assistant"})));
        assert_eq!(token.client_id, ClientId::Conflict);
        assert_eq!(token.principal, Principal::Unclear);
    }
}

#[test]
fn audiences_are_mapped_where_the_policy_maps_them() {
    let mut issuer = standard();
    issuer.audiences.insert("guid".to_owned(), "https://api.example.com".to_owned());
    issuer.audience_by_client.insert("assistant".to_owned(), "https://other.example".to_owned());
    issuer.require = Some(Vec::new());
    let world = World::one(issuer);
    let audiences = |aud: Value| world.verify(&sign(&with(json!({"aud": aud})))).unwrap().audiences;
    assert_eq!(audiences(json!("guid")), ["https://api.example.com"]);
    assert_eq!(audiences(json!(["guid", "x"])), ["https://api.example.com", "x"]);
    // A token for nobody is not one without `aud`.
    assert!(audiences(json!([])).is_empty());
    assert_eq!(audiences(Value::Null), ["https://other.example"]);
}

#[test]
fn a_chain_of_actors_is_read_outermost_first_and_one_beyond_the_bound() {
    let chain = json!({"sub": "a", "iss": "https://other.example", "act": {"client_id": "b", "sub_profile": "ai_agent"}});
    let act = accepted(&with(json!({"act": chain}))).act;
    assert_eq!(act.len(), 2);
    assert_eq!(act[0].issuer.as_deref(), Some("https://other.example"));
    assert_eq!(act[1], ActMember { client_id: Some("b".to_owned()), ..ActMember::default() });
    let mut deep = json!({"sub": "innermost"});
    for _ in 0..20 {
        deep = json!({"sub": "agent", "act": deep});
    }
    assert_eq!(accepted(&with(json!({"act": deep}))).act.len(), 3);
}

#[test]
fn scopes_allow_and_subtract_and_anything_else_means_nothing() {
    let token = accepted(&with(
        json!({"scope": "openid read:* write:ticket read:nothing no:read:ticket  "}),
    ));
    assert!(token.scopes.covers(Action::Read, on("crm")));
    assert!(token.scopes.covers(Action::Write, on("ticket")));
    assert!(token.scopes.subtracts(Action::Read, on("ticket")));
    assert!(!token.scopes.covers(Action::Write, on("document")));
    assert_eq!(token.scope_strings.len(), 5);
    assert!(!token.bad_scope);
}

#[test]
fn a_subtraction_that_cannot_be_understood_is_told() {
    for scope in [
        "no:erase",
        "no:",
        "no:read:nothing",
        "NO:read",
        "no:read:",
        "No:delete:ticket",
        "read:*\tno:delete",
        "read:*\u{a0}no:delete",
        "read:*\nno:delete",
        "x\u{0}no:delete",
    ] {
        assert!(
            accepted(&with(json!({"scope": format!("read:* {scope}")}))).bad_scope,
            "{scope:?}"
        );
    }
    assert!(!accepted(&with(json!({"scope": "read:* notes:all x-no:y"}))).bad_scope);
}

#[test]
fn with_a_scope_map_only_mapped_scopes_count_and_subtractions_still_do() {
    let mut issuer = standard();
    let map = [("docs", "read:document"), ("frozen", "no:write"), ("gone", "no:read:nothing")];
    issuer.scope_map = Some(map.map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned())).into());
    let world = World::one(issuer);
    let token = |scope: &str| world.verify(&sign(&with(json!({"scope": scope})))).unwrap();
    let both = token("docs read:ticket no:delete frozen");
    assert!(both.scopes.covers(Action::Read, on("document")));
    assert!(!both.scopes.covers(Action::Read, on("ticket")));
    assert!(both.scopes.subtracts(Action::Delete, on("document")));
    assert!(both.scopes.subtracts(Action::Write, on("document")));
    assert!(token("gone").bad_scope);
}

#[test]
fn without_token_scopes_everything_is_covered_but_what_is_subtracted() {
    let mut issuer = standard();
    issuer.token_scopes = TokenScopes::None;
    let world = World::one(issuer);
    let token = world.verify(&sign(&with(json!({"scope": "no:admin"})))).unwrap();
    assert!(token.scopes.covers(Action::Delete, on("crm")));
    assert!(token.scopes.subtracts(Action::Admin, on("crm")));
}

#[test]
fn claims_are_read_into_the_slots_of_the_policy() {
    let mut issuer = standard();
    let mut declare = |name: &str, from: &[&str], value_type: ValueType, absent: Absent| {
        let from = from.iter().map(|name| (*name).to_owned()).collect();
        issuer.claims.insert(name.to_owned(), Claim { from, value_type, absent });
    };
    let strings = || ValueType::List(Box::new(ValueType::String));
    declare("groups", &["groups", "roles"], strings(), Absent::Empty);
    declare("level", &["level"], ValueType::Int, Absent::Unknown);
    declare("tenant", &["org.tenant"], ValueType::String, Absent::Empty);
    let slots = [
        ("level".to_owned(), ValueType::Int),
        ("of_another_issuer".to_owned(), ValueType::Bool),
        ("tenant".to_owned(), ValueType::String),
    ];
    let world = World::of(&[issuer], &slots);
    let token = |changes: Value| world.verify(&sign(&with(changes))).unwrap();
    let full =
        token(json!({"level": 3, "org": {"tenant": "acme"}, "groups": ["a"], "roles": ["b", "a"]}));
    let text = |text: &str| Known::String(text.to_owned());
    assert_eq!(full.claims[0], ClaimState::Known(Known::Int(3)));
    assert_eq!(full.claims[1], ClaimState::Unknown);
    assert_eq!(full.claims[2], ClaimState::Known(text("acme")));
    assert_eq!(full.groups, ClaimState::Known(Known::List(vec![text("a"), text("b")])));
    let empty = token(json!({}));
    assert_eq!(empty.claims[0], ClaimState::Unknown);
    assert_eq!(empty.claims[2], ClaimState::Known(text("")));
    assert_eq!(empty.groups, ClaimState::Known(Known::List(Vec::new())));
    let wrong = token(json!({"level": "3", "org": {"tenant": 1}, "groups": ["a"], "roles": "b"}));
    assert_eq!((&wrong.claims[0], &wrong.claims[2]), (&ClaimState::Unknown, &ClaimState::Unknown));
    assert_eq!(wrong.groups, ClaimState::Unknown);
    for sign in [
        json!({"_claim_names": {"roles": "src1"}}),
        json!({"hasgroups": true}),
        json!({"_claim_names": 1}),
    ] {
        assert_eq!(token(sign.clone()).groups, ClaimState::Unknown, "{sign}");
        assert_eq!(token(changed(json!({"groups": ["a"]}), sign)).groups, ClaimState::Unknown);
    }
}

#[test]
fn a_person_is_named_by_all_its_claims_unambiguously() {
    let mut issuer = standard();
    issuer.person = Some(Person { realm: None, id: vec!["tid".to_owned(), "oid".to_owned()] });
    let world = World::one(issuer);
    let person = |changes: Value| world.verify(&sign(&with(changes))).unwrap().person;
    assert_eq!(person(json!({"tid": "t", "oid": "o"})).as_deref(), Some("t/o"));
    assert_eq!(person(json!({"tid": "t/o", "oid": "ü"})).as_deref(), Some("t%2Fo/%C3%BC"));
    for missing in
        [json!({"tid": "t"}), json!({"tid": "t", "oid": 1}), json!({"tid": "", "oid": "o"})]
    {
        assert_eq!(person(missing), None);
    }
}

#[test]
fn a_bound_token_names_its_key_and_a_doubtful_binding_is_none_that_can_be_met() {
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let confirmation = |cnf: Value| accepted(&with(json!({"cnf": cnf}))).confirmation;
    assert_eq!(confirmation(json!({"jkt": jkt})), Some(Confirmation::Jkt(jkt.to_owned())));
    let certificate = confirmation(json!({"x5t#S256": jkt}));
    assert_eq!(certificate, Some(Confirmation::Certificate(jkt.to_owned())));
    for other in [
        json!({}),
        json!({"jwk": {}}),
        json!({"kid": "k"}),
        json!({"jkt": jkt, "x5t#S256": jkt}),
        json!({"jkt": jkt, "jwk": {}}),
    ] {
        assert_eq!(confirmation(other), Some(Confirmation::Other));
    }
}

#[test]
fn markers_are_told_where_they_are_present() {
    let markers = |id: Value| accepted(&with(json!({"software_id": id, "other": "x"}))).markers;
    assert_eq!(markers(json!("desktop")), [("software_id".to_owned(), "desktop".to_owned())]);
    assert!(markers(json!(["desktop"])).is_empty());
}

#[test]
fn keys_that_cannot_be_had_are_another_reason_than_keys_that_are_not_there() {
    let World { issuers, .. } = World::one(standard());
    let token = sign(&payload());
    let reason = |keys: &[KeyState]| begin(&token, MAX, &issuers, keys).unwrap_err();
    assert_eq!(reason(&[KeyState::Unavailable]), Reason::IssuerUnavailable);
    assert_eq!(reason(&[]), Reason::IssuerUnavailable);
    assert_eq!(reason(&[KeyState::Ready(Rc::new(KeySet::default()))]), Reason::UnknownKey);
}

#[test]
fn hosts_get_what_they_verify_and_nothing_they_do_not() {
    let begun = |algorithm: &str, key: &SigningKey| {
        let world = World::one(written(Profile::Rfc9068, &[algorithm], &[key.jwk("k")]));
        let header = json!({"alg": algorithm, "typ": "at+jwt", "kid": "k"});
        let token = key.sign(&header, &payload());
        let check = begin(&token, MAX, &world.issuers, &world.keys).unwrap();
        assert!(token.as_bytes().starts_with(check.message()));
        check
    };
    let rsa = begun("RS256", &rs256());
    let host = rsa.for_host().unwrap();
    let key: &[u8] = include_bytes!("../../../tests/keys/rsa-2048.spki.der");
    assert_eq!((host.hash, host.key, host.signature.as_slice()), ("sha256", key, rsa.signature()));
    for (check, hash, half) in [
        (begun("ES256", &es256()), "sha256", 32),
        (begun("ES384", &SigningKey::es384_from_seed(&[7; 48]).unwrap()), "sha384", 48),
    ] {
        let host = check.for_host().unwrap();
        assert_eq!(host.hash, hash);
        // A sequence of two integers, each without its leading zeros but for a sign.
        let body = host.signature.strip_prefix(&[0x30]).unwrap();
        let (len, body) = body.split_first().unwrap();
        assert_eq!(usize::from(*len), body.len());
        let (r, rest) = integer(body);
        let (s, rest) = integer(rest);
        assert!(rest.is_empty());
        let padded = |digits: &[u8]| [vec![0; half - digits.len()], digits.to_vec()].concat();
        assert_eq!([padded(r), padded(s)].concat(), check.signature());
    }
    let none = begun("EdDSA", &ed25519());
    assert!(none.for_host().is_none() && none.verify());
}

/// The digits of the first integer of some DER, and what follows.
fn integer(der: &[u8]) -> (&[u8], &[u8]) {
    assert_eq!(der[0], 2);
    let (value, rest) = der[2..].split_at(usize::from(der[1]));
    assert!(value[0] < 0x80, "never negative");
    (value.strip_prefix(&[0]).unwrap_or(value), rest)
}

#[test]
fn a_check_prints_no_token() {
    let World { issuers, keys } = World::one(standard());
    let token = sign(&payload());
    let printed = format!("{:?}", begin(&token, MAX, &issuers, &keys).unwrap());
    assert!(token.split('.').all(|part| !printed.contains(part)), "{printed}");
    assert!(!printed.contains("alice"));
}
