//! A token as the policy's issuer would give it, for whoever asks.

use super::asked::Asked;
use crate::proof;
use ambit::identity::issue::{SigningKey, SigningKeyError};
use ambit::policy::document::{Actor, ActorMode, Document, Issuer, Profile};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// The name of every key made here.
const KID: &str = "explained";

/// A token, the key that signed it, and whose it is to be.
#[derive(Debug)]
pub(super) struct Minted {
    pub(super) token: String,
    /// Place of its issuer in the policy, and the key as a set of one.
    pub(super) issuer: usize,
    pub(super) jwk: Value,
    /// Whether it is bound to [`sender`].
    pub(super) bound: bool,
    /// What was assumed, in words.
    pub(super) assumed: Vec<String>,
}

/// The key that bound tokens are bound to.
pub(super) fn sender() -> Result<SigningKey, String> {
    SigningKey::ed25519_from_seed(&[5; 32]).map_err(|error| error.to_string())
}

/// Makes the token that `asked` wants; `algorithms` are those each issuer signs with.
pub(super) fn mint(
    asked: &Asked,
    document: &Document,
    algorithms: &[Vec<String>],
    now: i64,
) -> Result<Option<Minted>, String> {
    if asked.anonymous {
        return Ok(None);
    }
    match &asked.token {
        Some(token) => again(token, document, algorithms),
        None => fresh(asked, document, algorithms, now).map(Some),
    }
}

/// A token somebody has, signed again: its own keys are the issuer's, and not here.
fn again(
    token: &str,
    document: &Document,
    algorithms: &[Vec<String>],
) -> Result<Option<Minted>, String> {
    let part = |at: usize| -> Option<Value> {
        let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(at)?).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    let (Some(mut header), Some(mut payload)) = (part(0), part(1)) else {
        return Err("the token is no JWT; expected three parts of base64url".to_owned());
    };
    let named = payload.get("iss").and_then(Value::as_str);
    let known = document.identity.issuers.iter().position(|one| Some(one.issuer.as_str()) == named);
    let issuer = known.unwrap_or_default();
    let accepted = algorithms.get(issuer).map_or(&[][..], Vec::as_slice);
    let own = header.get("alg").and_then(Value::as_str).unwrap_or_default().to_owned();
    // One that the issuer does not sign with is refused as it stands, whoever signed it.
    let algorithm = Some(&own).filter(|own| accepted.contains(own)).or(accepted.first());
    let key = key(algorithm.map_or("ES256", String::as_str))?;
    let mut assumed = vec!["the token's signature is taken for its issuer's".to_owned()];
    if let Value::Object(members) = &mut header {
        members.insert("kid".to_owned(), KID.into());
    }
    let bound = payload.pointer("/cnf").is_some();
    if bound && let Value::Object(members) = &mut payload {
        members.insert("cnf".to_owned(), json!({ "jkt": proof::thumbprint(&sender()?) }));
        assumed.push("the sender is taken to have proved the key the token is bound to".to_owned());
    }
    let token = key.sign(&header, &payload);
    Ok(Some(Minted { token, issuer, jwk: key.jwk(KID), bound, assumed }))
}

fn fresh(
    asked: &Asked,
    document: &Document,
    algorithms: &[Vec<String>],
    now: i64,
) -> Result<Minted, String> {
    let mut assumed = Vec::new();
    let (name, actor) = first_actor(asked, document, &mut assumed)?;
    let issuer = issuer_of(actor, document);
    let written = document.identity.issuers.get(issuer).ok_or("a policy without issuers")?;
    let independent =
        actor.is_some_and(|actor| actor.mode == ActorMode::Independent) && asked.subject.is_none();
    let client = client_of(&name, actor);
    let subject = match (&asked.subject, independent) {
        (_, true) => client.clone(),
        (Some(subject), false) => subject.clone(),
        (None, false) => {
            assumed.push("the user is `alice`; `--subject` names another".to_owned());
            "alice".to_owned()
        }
    };
    let mut payload = Map::new();
    let mut set = |name: &str, value: Value| payload.insert(name.to_owned(), value);
    set("iss", written.issuer.as_str().into());
    set("iat", now.into());
    set("exp", now.saturating_add(300).into());
    set("jti", "explained".into());
    set("sub", subject.as_str().into());
    set("aud", audiences(document, written).into());
    for (name, value) in habits(written, &subject, &client, independent) {
        set(name, value);
    }
    let scope = asked.scope.clone().unwrap_or_else(|| everything(written, &mut assumed));
    let (claim, as_list) = scope_claim(written);
    match as_list {
        true => set(&claim, scope.split_whitespace().collect::<Vec<_>>().into()),
        false => set(&claim, scope.into()),
    };
    if let Some(groups) = &asked.groups {
        set(&groups_claim(written), groups.clone().into());
    }
    if let Some(actor) = actor.filter(|actor| actor.matches.dynamic) {
        for (name, value) in &actor.matches.claim {
            set(name, value.as_str().into());
        }
    }
    if asked.actors.len() > 1 {
        set("act", chain(&asked.actors, document));
    }
    let bound = written.sender_constraint == ambit::policy::document::SenderConstraint::Required;
    if bound {
        set("cnf", json!({ "jkt": proof::thumbprint(&sender()?) }));
        assumed.push("the sender proves the key the token is bound to".to_owned());
    }
    let mut payload = Value::Object(payload);
    proof::over(&mut payload, &asked.claims, u64::try_from(now).unwrap_or_default());
    let algorithm = algorithms.get(issuer).and_then(|list| list.first());
    let key = key(algorithm.map_or("ES256", String::as_str))?;
    let mut header = json!({ "alg": key.algorithm(), "kid": KID });
    let typ = match written.token_types.as_ref().and_then(|types| types.first()) {
        Some(first) => Some(first.as_str()).filter(|first| *first != "none"),
        None => Some(if written.profile == Profile::Rfc9068 { "at+jwt" } else { "JWT" }),
    };
    if let (Some(typ), Value::Object(members)) = (typ, &mut header) {
        members.insert("typ".to_owned(), typ.into());
    }
    Ok(Minted { token: key.sign(&header, &payload), issuer, jwk: key.jwk(KID), bound, assumed })
}

/// The agent that acts, by the policy's name for it or by a client id.
fn first_actor<'a>(
    asked: &Asked,
    document: &'a Document,
    assumed: &mut Vec<String>,
) -> Result<(String, Option<&'a Actor>), String> {
    if let Some(name) = asked.actors.first() {
        return Ok((name.clone(), document.actors.get(name)));
    }
    let names: Vec<&String> = document.actors.keys().collect();
    match names.as_slice() {
        [] => Err("the policy has no actors".to_owned()),
        [only] => {
            assumed.push(format!("the agent is `{only}`, the only one there is"));
            Ok(((*only).clone(), document.actors.get(*only)))
        }
        several => {
            let names: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
            Err(format!("who acts is not said; expected `--actor`, one of {}", names.join(", ")))
        }
    }
}

fn issuer_of(actor: Option<&Actor>, document: &Document) -> usize {
    let named = actor.and_then(|actor| actor.matches.issuer.as_ref());
    let found =
        |name: &String| document.identity.issuers.iter().position(|issuer| issuer.issuer == *name);
    named.and_then(found).unwrap_or_default()
}

fn client_of(name: &str, actor: Option<&Actor>) -> String {
    let matches = actor.map(|actor| &actor.matches);
    let found = matches.and_then(|names| names.client_id.first().or(names.sub.first()));
    found.cloned().unwrap_or_else(|| name.to_owned())
}

/// `act`, outermost first (RFC 8693 §4.1).
fn chain(actors: &[String], document: &Document) -> Value {
    actors.iter().rev().fold(Value::Null, |inner, name| {
        let actor = document.actors.get(name);
        let sub = actor
            .and_then(|actor| actor.matches.sub.first().or(actor.matches.client_id.first()))
            .unwrap_or(name);
        match inner {
            Value::Null => json!({ "sub": sub }),
            inner => json!({ "sub": sub, "act": inner }),
        }
    })
}

/// Every audience of the policy, as this issuer's tokens name it.
fn audiences(document: &Document, issuer: &Issuer) -> Vec<String> {
    let theirs = |ours: &String| {
        let found = issuer.audiences.iter().find(|(_, mapped)| *mapped == ours);
        found.map_or_else(|| ours.clone(), |(theirs, _)| theirs.clone())
    };
    let mut all: Vec<String> =
        document.resources.values().filter_map(|one| one.audience.as_ref()).map(theirs).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What tells a provider's tokens of users and of agents apart.
fn habits(
    issuer: &Issuer,
    subject: &str,
    client: &str,
    independent: bool,
) -> Vec<(&'static str, Value)> {
    match (issuer.profile, independent) {
        (Profile::Rfc9068, _) => vec![("client_id", client.into())],
        (Profile::Keycloak, own) => {
            let name = if own { format!("service-account-{client}") } else { subject.to_owned() };
            vec![
                ("azp", client.into()),
                ("typ", "Bearer".into()),
                ("preferred_username", name.into()),
            ]
        }
        (Profile::Auth0, false) => vec![("azp", client.into())],
        (Profile::Auth0, true) => vec![
            ("azp", client.trim_end_matches("@clients").into()),
            ("sub", format!("{}@clients", client.trim_end_matches("@clients")).into()),
            ("gty", "client-credentials".into()),
        ],
        (Profile::Okta, false) => vec![("cid", client.into()), ("uid", subject.into())],
        (Profile::Okta, true) => vec![("cid", client.into())],
        (Profile::Entra, own) => {
            let version =
                if issuer.issuer.trim_end_matches('/').ends_with("/v2.0") { "2.0" } else { "1.0" };
            let named = if version == "2.0" { "azp" } else { "appid" };
            let mut claims = vec![
                ("ver", version.into()),
                ("tid", "tenant".into()),
                ("oid", subject.into()),
                (named, client.into()),
            ];
            if own {
                claims.push(("idtyp", "app".into()));
            }
            claims
        }
        (Profile::Cognito, own) => {
            let mut claims = vec![("client_id", client.into()), ("token_use", "access".into())];
            if !own {
                claims.push(("username", subject.into()));
            }
            claims
        }
    }
}

/// The claim scopes are read from, and whether it is a list.
fn scope_claim(issuer: &Issuer) -> (String, bool) {
    let profile = match issuer.profile {
        Profile::Okta | Profile::Entra => "scp",
        _ => "scope",
    };
    let own = issuer.scope_claims.as_ref().and_then(|claims| claims.first());
    let claim = own.map_or(profile, String::as_str);
    (claim.to_owned(), issuer.profile == Profile::Okta)
}

fn groups_claim(issuer: &Issuer) -> String {
    let own = issuer.claims.get("groups").and_then(|claim| claim.from.first()).cloned();
    own.unwrap_or_else(|| match issuer.profile {
        Profile::Cognito => "cognito:groups".to_owned(),
        _ => "groups".to_owned(),
    })
}

/// Every scope that can be had.
fn everything(issuer: &Issuer, assumed: &mut Vec<String>) -> String {
    assumed.push("the token has every scope; `--scope` gives it others".to_owned());
    match &issuer.scope_map {
        None => "*:*".to_owned(),
        Some(map) => map.keys().cloned().collect::<Vec<_>>().join(" "),
    }
}

fn key(algorithm: &str) -> Result<SigningKey, String> {
    let rsa = include_bytes!("../../../tests/keys/rsa-2048.pkcs1.der");
    let key: Result<SigningKey, SigningKeyError> = match algorithm {
        "ES384" => SigningKey::es384_from_seed(&[7; 48]),
        "EdDSA" => SigningKey::ed25519_from_seed(&[7; 32]),
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => {
            SigningKey::rsa_from_der(algorithm, rsa)
        }
        "HS256" | "HS384" | "HS512" => SigningKey::secret(algorithm, &[7; 64]),
        _ => SigningKey::es256_from_seed(&[7; 32]),
    };
    key.map_err(|error| error.to_string())
}
