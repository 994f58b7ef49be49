use super::*;
use crate::identity::issue::SigningKey;
use crate::policy::document::{Claim, Profile};
use crate::policy::error::Severity;
use crate::request::json::{Json, JsonLimits, parse};
use serde_json::{Value, json};

fn set(keys: &[Value]) -> Jwks {
    let text = json!({"keys": keys}).to_string();
    let limits = JsonLimits { bytes: 65_536, depth: 8, nodes: 1024 };
    Jwks::Inline(parse(text.as_bytes(), limits).unwrap())
}

fn ed25519(seed: u8) -> SigningKey {
    SigningKey::ed25519_from_seed(&[seed; 32]).unwrap()
}

fn rs256() -> SigningKey {
    SigningKey::rs256_from_der(include_bytes!("../../../tests/keys/rsa-2048.pkcs1.der")).unwrap()
}

fn written() -> document::Issuer {
    document::Issuer {
        issuer: "https://idp.example.com".to_owned(),
        jwks: set(&[ed25519(1).jwk("k")]),
        ..document::Issuer::default()
    }
}

fn problems(written: &document::Issuer) -> Vec<Problem> {
    let mut problems = Vec::new();
    Issuer::compile(0, written, "/identity/issuers/0", &[], &mut problems);
    problems
}

/// The place of the only problem, without what all have in common.
fn only_problem(written: &document::Issuer) -> String {
    let problems = problems(written);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].severity, Severity::Error);
    problems[0].pointer.strip_prefix("/identity/issuers/0").unwrap().to_owned()
}

fn names(names: &[&str]) -> Option<Vec<String>> {
    Some(owned(names))
}

#[test]
fn every_profile_loads_and_says_what_it_expects() {
    for profile in [
        Profile::Auth0,
        Profile::Cognito,
        Profile::Entra,
        Profile::Keycloak,
        Profile::Okta,
        Profile::Rfc9068,
    ] {
        let jwks = set(&[rs256().jwk("k")]);
        let written = document::Issuer { profile, jwks, ..written() };
        let mut problems = Vec::new();
        let issuer = Issuer::compile(0, &written, "", &[], &mut problems);
        assert_eq!(problems, [], "{profile:?}");
        assert!(!issuer.require.is_empty() && !issuer.token_types.is_empty());
        assert!(issuer.user.any_of.iter().chain(&issuer.own.any_of).all(|list| !list.is_empty()));
        assert_eq!(issuer.clock_skew, Span::from_secs(30));
        assert_eq!(issuer.realm, "https://idp.example.com");
        assert_eq!(issuer.inline_keys.as_ref().unwrap().keys.len(), 1);
        assert!(matches!(issuer.expanded(), Json::Object(_)));
    }
}

#[test]
fn what_is_written_overrides_the_profile() {
    let require = Some(vec![Requirement { claim: vec!["x".to_owned()], ..Requirement::default() }]);
    let written = document::Issuer {
        token_types: names(&["application/AT+JWT"]),
        require: require.clone(),
        user_token: require.clone(),
        own_token: require,
        person: Some(document::Person { realm: Some("corp".to_owned()), id: owned(&["oid"]) }),
        max_lifetime: Some(Span::from_secs(60)),
        clock_skew: Some(Span::from_secs(0)),
        scope_claims: names(&["permissions"]),
        ..written()
    };
    let mut problems = Vec::new();
    let issuer = Issuer::compile(3, &written, "", &[], &mut problems);
    assert_eq!(problems, []);
    assert_eq!(
        (issuer.index, issuer.realm.as_str(), issuer.issuer.as_str()),
        (3, "corp", "https://idp.example.com")
    );
    assert_eq!(issuer.max_lifetime, Span::from_secs(60));
    assert_eq!(issuer.clock_skew, Span::from_secs(0));
    assert_eq!(issuer.token_types, ["at+jwt"]);
    assert_eq!((issuer.require.len(), issuer.user.any_of.len()), (1, 1));
    assert_eq!((issuer.person, issuer.scope_claims), (owned(&["oid"]), owned(&["permissions"])));
}

#[test]
fn a_person_without_claims_keeps_the_profiles() {
    let person = document::Person { realm: Some("corp".to_owned()), id: Vec::new() };
    let written = document::Issuer { person: Some(person), ..written() };
    let issuer = Issuer::compile(0, &written, "", &[], &mut Vec::new());
    assert_eq!(issuer.person, ["sub"]);
}

#[test]
fn settings_are_shown_as_they_could_be_written() {
    let level =
        Claim { from: owned(&["lvl"]), value_type: ValueType::Int, absent: Absent::Unknown };
    let mut written = written();
    written.profile = Profile::Keycloak;
    written.algorithms = names(&["EdDSA"]);
    written.claims.insert("level".to_owned(), level);
    let slots = [("level".to_owned(), ValueType::Int), ("other".to_owned(), ValueType::Bool)];
    let issuer = Issuer::compile(0, &written, "", &slots, &mut Vec::new());
    let shown = issuer.expanded();
    assert_eq!(shown.member("profile").and_then(Json::as_str), Some("keycloak"));
    assert_eq!(shown.member("max_lifetime").and_then(Json::as_str), Some("15m"));
    assert_eq!(shown.member("clock_skew").and_then(Json::as_str), Some("30s"));
    let own = shown.member("own_token").and_then(Json::as_array).unwrap();
    let own = own.first().unwrap();
    assert_eq!(own.member("claim").and_then(Json::as_str), Some("preferred_username"));
    let other = own.member("equals_claim").unwrap();
    let part = |name: &str| other.member(name).and_then(Json::as_str);
    assert_eq!((part("claim"), part("suffix")), (Some("client_id"), None));
    assert_eq!(part("prefix"), Some("service-account-"));
    let claims = shown.member("claims").unwrap();
    let level = claims.member("level").unwrap();
    assert_eq!(level.member("type").and_then(Json::as_str), Some("int"));
    assert_eq!(claims.member("other"), None);
}

#[test]
fn algorithms_must_be_known_and_of_one_kind() {
    let with = |list: &[&str]| document::Issuer { algorithms: names(list), ..written() };
    for unknown in ["none", "None", "rs256", "ES512", ""] {
        assert_eq!(only_problem(&with(&["EdDSA", unknown])), "/algorithms/1", "{unknown}");
    }
    let remote = |list: &[&str]| {
        let second = Span::from_secs(1);
        let (cluster, url) = ("idp".to_owned(), "https://idp.example.com/jwks".to_owned());
        let jwks = Jwks::Remote { cluster, url, refresh: second, keep_stale: second };
        document::Issuer { jwks, ..with(list) }
    };
    assert_eq!(problems(&remote(&["RS256", "RS256", "Ed25519"])), []);
    assert_eq!(only_problem(&remote(&["HS256"])), "/algorithms");
    assert!(problems(&remote(&["HS256", "RS256"])).len() >= 2);
    let none = problems(&with(&[]));
    assert_eq!(none[0].pointer, "/identity/issuers/0/algorithms");
}

#[test]
fn secrets_load_for_development_alone_and_with_a_warning_and_where_they_are_asked_for() {
    let secret = SigningKey::secret("HS256", &[9; 32]).unwrap();
    let inline = |list: &[&str]| document::Issuer {
        algorithms: names(list),
        jwks: set(&[secret.jwk("k")]),
        ..written()
    };
    assert_eq!(only_problem(&inline(&["HS256"])), "/jwks/inline/keys/0/k");
    let development = |list| document::Issuer { development: true, ..inline(list) };
    let problems = problems(&development(&["HS256"]));
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].severity, Severity::Warning);
    assert_eq!(only_problem(&development(&["EdDSA"])), "/jwks/inline/keys/0");
}

#[test]
fn a_type_that_id_tokens_share_needs_a_test_that_tells_them_apart() {
    let with = |profile, types: &[&str], require| document::Issuer {
        profile,
        token_types: names(types),
        require,
        jwks: set(&[rs256().jwk("k")]),
        ..written()
    };
    let some = || Some(vec![Requirement { claim: owned(&["x"]), ..Requirement::default() }]);
    for name in ["JWT", "jwt", "none", "application/jwt"] {
        let types = ["at+jwt", name];
        assert_eq!(only_problem(&with(Profile::Rfc9068, &types, None)), "/token_types/1", "{name}");
        let emptied = with(Profile::Keycloak, &types, Some(Vec::new()));
        assert_eq!(only_problem(&emptied), "/token_types/1");
        assert_eq!(problems(&with(Profile::Rfc9068, &types, some())), []);
        assert_eq!(problems(&with(Profile::Keycloak, &types, None)), []);
    }
    assert_eq!(only_problem(&with(Profile::Okta, &[], None)), "/token_types");
}

#[test]
fn lists_that_would_prove_everything_are_refused() {
    let unnamed = || Some(vec![Requirement::default()]);
    let list = |user, own, require| document::Issuer {
        user_token: user,
        own_token: own,
        require,
        ..written()
    };
    assert_eq!(only_problem(&list(Some(Vec::new()), None, None)), "/user_token");
    assert_eq!(only_problem(&list(None, Some(Vec::new()), None)), "/own_token");
    assert_eq!(only_problem(&list(None, unnamed(), None)), "/own_token/0");
    assert_eq!(only_problem(&list(None, None, unnamed())), "/require/0");
}

#[test]
fn times_are_bounded() {
    let skew =
        |seconds| document::Issuer { clock_skew: Some(Span::from_secs(seconds)), ..written() };
    assert_eq!(problems(&skew(60)), []);
    assert_eq!(only_problem(&skew(61)), "/clock_skew");
    assert_eq!(only_problem(&skew(-1)), "/clock_skew");
    let lives =
        |seconds| document::Issuer { max_lifetime: Some(Span::from_secs(seconds)), ..written() };
    assert_eq!(only_problem(&lives(0)), "/max_lifetime");
}

#[test]
fn mapped_scopes_are_scopes_and_subtractions_are_not_mapped() {
    let with = |theirs: &str, ours: &str| {
        let scope_map = Some([(theirs.to_owned(), ours.to_owned())].into());
        document::Issuer { scope_map, ..written() }
    };
    assert_eq!(problems(&with("a/b", "read:document")), []);
    assert_eq!(only_problem(&with("a/b~c", "read")), "/scope_map/a~1b~0c");
    assert_eq!(only_problem(&with("no:write", "read:document")), "/scope_map/no:write");
    let issuer = Issuer::compile(0, &with("x", "no:write"), "", &[], &mut Vec::new());
    assert_eq!(issuer.mapped_scopes().collect::<Vec<_>>(), [("x", "no:write")]);
}

#[test]
fn names_are_not_empty() {
    for name in ["", "https://idp.example.com\n"] {
        let written = document::Issuer { issuer: name.to_owned(), ..written() };
        assert_eq!(only_problem(&written), "/issuer");
    }
    let realm = document::Person { realm: Some(String::new()), id: Vec::new() };
    let written_realm = document::Issuer { person: Some(realm), ..written() };
    assert_eq!(only_problem(&written_realm), "/person/realm");
    let scopes = document::Issuer { scope_claims: Some(Vec::new()), ..written() };
    assert_eq!(only_problem(&scopes), "/claims/scopes");
    let claim = |from: &[&str], value_type, absent| {
        let claim = Claim { from: owned(from), value_type, absent };
        document::Issuer { claims: [("c".to_owned(), claim)].into(), ..written() }
    };
    assert_eq!(only_problem(&claim(&[], ValueType::Int, Absent::Unknown)), "/claims/c/from");
    assert_eq!(only_problem(&claim(&[""], ValueType::Int, Absent::Unknown)), "/claims/c/from");
    assert_eq!(only_problem(&claim(&["x"], ValueType::Int, Absent::Empty)), "/claims/c/absent");
}
