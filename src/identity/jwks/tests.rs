use super::*;
use crate::identity::issue::SigningKey;
use crate::policy::document;
use crate::policy::error::Severity;
use serde_json::{Value, json};

fn ed25519(seed: u8) -> SigningKey {
    SigningKey::ed25519_from_seed(&[seed; 32]).unwrap()
}

fn issuer(algorithms: &[&str]) -> Issuer {
    let second = crate::time::Span::from_secs(1);
    let written = document::Issuer {
        issuer: "https://idp.example.com".to_owned(),
        algorithms: Some(algorithms.iter().map(|name| (*name).to_owned()).collect()),
        jwks: document::Jwks::Remote {
            cluster: "idp".to_owned(),
            url: "https://idp.example.com/jwks".to_owned(),
            refresh: second,
            keep_stale: second,
        },
        ..document::Issuer::default()
    };
    let mut problems = Vec::new();
    let issuer = Issuer::compile(0, &written, "", &[], &mut problems);
    assert_eq!(problems, []);
    issuer
}

fn remote(document: &Value) -> Result<KeySet, String> {
    parse_remote(document.to_string().as_bytes(), &issuer(&["EdDSA", "ES256"]))
}

fn inline(keys: &[Value]) -> (KeySet, Vec<Problem>) {
    let text = json!({"keys": keys}).to_string();
    let document = parse(text.as_bytes(), LIMITS).unwrap();
    let mut problems = Vec::new();
    let algorithms = [Algorithm::EdDsa, Algorithm::Es256];
    (read_inline(&document, &algorithms, true, "/set", &mut problems), problems)
}

fn with(mut jwk: Value, name: &str, value: &str) -> Value {
    jwk[name] = json!(value);
    jwk
}

#[test]
fn an_issuers_unusable_keys_are_left_out_and_counted() {
    let es384 = SigningKey::es384_from_seed(&[3; 48]).unwrap();
    let secret = SigningKey::secret("HS256", &[9; 32]).unwrap();
    let set = remote(&json!({"keys": [
        ed25519(1).jwk("good"),
        with(ed25519(2).jwk("encrypts"), "use", "enc"),
        es384.jwk("other algorithm"),
        secret.jwk("secret"),
        with(ed25519(3).jwk("private"), "d", "AAAA"),
        {"kty": "quantum"},
        "no object",
        null,
    ], "more": true}));
    let set = set.unwrap();
    assert_eq!((set.keys.len(), set.skipped, set.generation), (1, 7, 0));
    assert_eq!(set.keys[0].kid(), Some("good"));
}

#[test]
fn a_secret_that_an_issuer_serves_is_never_used() {
    let mut issuer = issuer(&["EdDSA"]);
    issuer.algorithms = vec![Algorithm::Hs256];
    let secret = SigningKey::secret("HS256", &[9; 32]).unwrap();
    let set = parse_remote(json!({"keys": [secret.jwk("k")]}).to_string().as_bytes(), &issuer);
    assert_eq!(set.unwrap_err(), "no usable key among 1");
}

#[test]
fn two_usable_keys_of_one_name_and_kind_spoil_a_set() {
    let twins = [ed25519(1).jwk("k"), ed25519(2).jwk("k")];
    assert!(remote(&json!({"keys": twins})).is_err());
    let (_, problems) = inline(&twins);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].pointer, "/set/keys/1");
    // Of two kinds, each token's algorithm says which is meant.
    let es256 = SigningKey::es256_from_seed(&[2; 32]).unwrap();
    let kinds = [ed25519(1).jwk("k"), es256.jwk("k")];
    let set = remote(&json!({"keys": kinds})).unwrap();
    assert_eq!(set.choose(Some("k"), Algorithm::Es256).unwrap().kty(), "EC");
    // A key that is no use to anybody is nobody's twin.
    let twins = [ed25519(1).jwk("k"), with(ed25519(2).jwk("k"), "use", "enc")];
    assert_eq!(remote(&json!({"keys": twins})).unwrap().keys.len(), 1);
}

#[test]
fn nameless_keys_are_no_twins_but_cannot_be_told_apart() {
    let nameless = |seed| {
        let mut jwk = ed25519(seed).jwk("k");
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    };
    let set = remote(&json!({"keys": [nameless(1), nameless(2)]})).unwrap();
    assert_eq!(set.keys.len(), 2);
    assert!(set.choose(None, Algorithm::EdDsa).is_none());
    let set = remote(&json!({"keys": [nameless(1)]})).unwrap();
    assert!(set.choose(None, Algorithm::EdDsa).is_some());
    // A token that names a key means that key.
    assert!(set.choose(Some("k"), Algorithm::EdDsa).is_none());
    assert!(set.choose(Some(""), Algorithm::EdDsa).is_none());
}

#[test]
fn what_is_no_key_set_is_an_error() {
    let issuer = issuer(&["EdDSA"]);
    let key = ed25519(1).jwk("k").to_string();
    for text in [
        "",
        "[]",
        "{}",
        "null",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":[]}"#,
        r#"{"keys":[1,null,{}]}"#,
        &format!(r#"{{"keys":[{key}],"keys":[{key}]}}"#),
        &format!(r#"{{"keys":[{key}]}}x"#),
        &format!("\u{feff}{{\"keys\":[{key}]}}"),
        "<html>",
        &format!(r#"{{"keys":[{key},{{"kty":"OKP","kty":"EC"}}]}}"#),
    ] {
        assert!(parse_remote(text.as_bytes(), &issuer).is_err(), "{text}");
    }
    assert!(parse_remote(b"{\"keys\":[\"\xff\"]}", &issuer).is_err());
    let spaced = format!(r#" {{"keys":[{key}]}} "#);
    assert_eq!(parse_remote(spaced.as_bytes(), &issuer).unwrap().keys.len(), 1);
}

#[test]
fn floods_are_bounded() {
    let issuer = issuer(&["EdDSA"]);
    let set = |count: usize| {
        let mut keys = vec![json!({}); count];
        keys[0] = ed25519(1).jwk("k");
        json!({ "keys": keys }).to_string()
    };
    assert_eq!(parse_remote(set(MAX_KEYS).as_bytes(), &issuer).unwrap().skipped, MAX_KEYS - 1);
    assert!(parse_remote(set(MAX_KEYS + 1).as_bytes(), &issuer).is_err());
    let long = format!(r#"{{"keys":[],"x":"{}"}}"#, "a".repeat(MAX_BYTES));
    assert!(parse_remote(long.as_bytes(), &issuer).is_err());
    let deep = format!(r#"{{"keys":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse_remote(deep.as_bytes(), &issuer).is_err());
}

#[test]
fn in_a_policy_each_unusable_key_is_an_error_of_its_own() {
    let es384 = SigningKey::es384_from_seed(&[3; 48]).unwrap();
    let keys =
        [ed25519(1).jwk("k"), es384.jwk("l"), json!("x"), with(ed25519(2).jwk("m"), "d", "AA")];
    let (_, problems) = inline(&keys);
    let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(pointers, ["/set/keys/1", "/set/keys/2", "/set/keys/3"]);
    assert!(problems.iter().all(|problem| problem.severity == Severity::Error));
}

#[test]
fn an_empty_set_in_a_policy_loads_with_a_warning_and_verifies_nothing() {
    let (set, problems) = inline(&[]);
    assert!(set.keys.is_empty() && set.choose(None, Algorithm::EdDsa).is_none());
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].severity, Severity::Warning);
    let mut problems = Vec::new();
    read_inline(&Json::Null, &[Algorithm::EdDsa], true, "/set", &mut problems);
    assert_eq!(problems[0].severity, Severity::Error);
}
