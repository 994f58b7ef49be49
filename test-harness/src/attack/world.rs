//! The world that the attacks are made on: issuers, people, agents, what is theirs, and one policy.

use crate::demo::issuer;
use ambit::identity::issue::SigningKey;
use ambit::policy::read::read_yaml;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The host of the service that agents are for.
pub(super) const HOST: &str = "api.example.com";
/// What its tokens are for.
pub(super) const AUDIENCE: &str = "https://api.example.com";
/// The issuer of the people here.
pub(super) const ISSUER: &str = "https://idp.example.com";
/// Another one, whose people may share names with people here.
pub(super) const PARTNER: &str = "https://partner.example.com";
/// Scopes of an ordinary token.
const SCOPES: &str = "read:document read:file write:file delete:file read:note read:search \
                      write:message read:job read:invoice";

/// Keys by name; `stranger-` ones are nobody's.
#[derive(Debug)]
pub(super) struct Keys(BTreeMap<&'static str, SigningKey>);

impl Keys {
    /// Fresh keys; RSA keys are made once and kept below `folder`.
    pub(super) fn new(folder: &Path) -> Result<Self, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let seed = || issuer::seed().map_err(|error| error.to_string());
        let ed = || SigningKey::ed25519_from_seed(&seed()?).map_err(|error| error.to_string());
        let es = || SigningKey::es256_from_seed(&seed()?).map_err(|error| error.to_string());
        let wide = || {
            let seed: Vec<u8> = [seed()?, seed()?].concat().into_iter().take(48).collect();
            let seed: [u8; 48] = seed.try_into().map_err(|_| "48 bytes".to_owned())?;
            SigningKey::es384_from_seed(&seed).map_err(|error| error.to_string())
        };
        let own = issuer::rsa_key(&folder.join("issuer.rsa.der")).map_err(|e| text(&e))?;
        let strange = issuer::rsa_key(&folder.join("stranger.rsa.der")).map_err(|e| text(&e))?;
        let rsa = |algorithm: &str, der: &[u8]| {
            SigningKey::rsa_from_der(algorithm, der).map_err(|error| error.to_string())
        };
        Ok(Self(BTreeMap::from([
            ("rs", rsa("RS256", &own)?),
            ("rs384-rs", rsa("RS384", &own)?),
            ("rs512-rs", rsa("RS512", &own)?),
            ("ps-rs", rsa("PS256", &own)?),
            ("es", es()?),
            ("ed", ed()?),
            ("es384", wide()?),
            ("partner-ed", ed()?),
            ("partner-es", es()?),
            ("client-ed", ed()?),
            ("client-es", es()?),
            ("client-es384", wide()?),
            ("stranger-rs", rsa("RS256", &strange)?),
            ("stranger-es", es()?),
            ("stranger-ed", ed()?),
            ("stranger-es384", wide()?),
        ])))
    }

    /// A key.
    pub(super) fn get(&self, name: &str) -> Result<&SigningKey, String> {
        self.0.get(name).ok_or_else(|| format!("there is no key `{name}`"))
    }

    fn set(&self, names: &[&str]) -> Value {
        let keys: Vec<Value> = names
            .iter()
            .filter_map(|name| {
                let kid = name.rsplit('-').next().unwrap_or_default();
                self.0.get(name).map(|key| key.jwk(kid))
            })
            .collect();
        json!({ "keys": keys })
    }

    /// The issuer's public keys.
    pub(super) fn jwks(&self) -> Value {
        self.set(&["rs", "es", "ed", "es384"])
    }

    /// The partner's, one of which has the name of one of the issuer's.
    pub(super) fn partner_jwks(&self) -> Value {
        self.set(&["partner-ed", "partner-es"])
    }
}

/// The claims of a good token, and the key it is usually signed with.
pub(super) fn claims(of: &str, now: i64) -> Result<(Map<String, Value>, &'static str), String> {
    let (issuer, subject, client, tenant, key) = match of {
        "alice" => (ISSUER, "alice", "assistant", "acme", "ed"),
        "bob" => (ISSUER, "bob", "assistant", "globex", "ed"),
        "reader" => (ISSUER, "alice", "reader", "acme", "ed"),
        "indexer" => (ISSUER, "indexer", "indexer", "acme", "ed"),
        "partner-alice" => (PARTNER, "alice", "partner-assistant", "acme", "partner-ed"),
        other => return Err(format!("nobody is called `{other}`")),
    };
    let claims = json!({
        "iss": issuer,
        "sub": subject,
        "client_id": client,
        "aud": AUDIENCE,
        "scope": SCOPES,
        "tid": tenant,
        "iat": now,
        "exp": now.saturating_add(300),
    });
    let Value::Object(claims) = claims else { return Err("no claims".to_owned()) };
    Ok((claims, key))
}

/// Whose token a gateway must say it is.
pub(super) fn subject(caller: &str) -> &str {
    match caller {
        "reader" | "partner-alice" => "alice",
        other => other,
    }
}

/// What a caller may do: `METHOD host/path`, `*` for one segment.
pub(super) fn rights(caller: &str) -> Vec<String> {
    let mut rights = Vec::new();
    let mut add = |methods: &[&str], path: &str| {
        rights.extend(methods.iter().map(|method| format!("{method} {path}")));
    };
    match caller {
        "alice" | "bob" => {
            let tenant = if caller == "alice" { "acme" } else { "globex" };
            add(&["GET", "HEAD"], &format!("/v1/documents/{tenant}-1"));
            add(&["GET", "HEAD"], &format!("/v1/documents/{tenant}-2"));
            add(&["GET", "HEAD", "POST", "PUT", "PATCH"], &format!("/v1/users/{caller}/files/*"));
            add(&["GET", "HEAD"], "/v1/notes/*");
            add(&["GET", "HEAD"], "/v1/notes");
            add(&["GET", "POST"], "/v1/search");
            add(&["POST", "PUT", "PATCH"], "/v1/messages");
        }
        "reader" | "partner-alice" => {
            add(&["GET", "HEAD"], "/v1/notes/*");
            add(&["GET", "HEAD"], "/v1/notes");
        }
        "indexer" => add(&["GET", "HEAD"], "/v1/jobs/*"),
        _ => {}
    }
    rights
}

/// Whose a document is, for the look-up that Ambit makes. The native filters cannot ask, and have
/// the table in their configuration.
pub(super) fn tenant_of(document: &str) -> Option<&'static str> {
    match document {
        "acme-1" | "acme-2" => Some("acme"),
        "globex-1" | "globex-2" => Some("globex"),
        _ => None,
    }
}

/// Ambit's policy, compiled.
pub(super) fn policy(keys: &Keys) -> Result<String, String> {
    let text = POLICY
        .replace("<JWKS>", &keys.jwks().to_string())
        .replace("<PARTNER>", &keys.partner_jwks().to_string());
    let source = read_yaml("attacks.yaml", &text).map_err(|errors| errors.to_string())?;
    let compiled = source.to_compiled_json();
    ambit::policy::Policy::load("attacks.yaml", compiled.as_bytes())
        .map_err(|errors| errors.to_string())?;
    Ok(compiled)
}

const POLICY: &str = r#"
apiVersion: ambit/v1
name: attacks
identity:
  issuers:
    - issuer: https://idp.example.com
      jwks: { inline: <JWKS> }
      algorithms: [RS256, ES256, ES384, EdDSA]
      clock_skew: 1s
      claims: { tenant: { from: tid, type: string } }
    - issuer: https://partner.example.com
      jwks: { inline: <PARTNER> }
      clock_skew: 1s
      claims: { tenant: { from: tid, type: string } }
actors:
  assistant:
    match: { issuer: https://idp.example.com, client_id: assistant }
    scopes: ["read:*", "write:file", "write:message", "delete:file"]
  reader: { match: { issuer: https://idp.example.com, client_id: reader }, scopes: ["read:note"] }
  indexer: { mode: independent, match: { issuer: https://idp.example.com, client_id: indexer }, scopes: ["read:job"] }
  partner-assistant: { match: { issuer: https://partner.example.com, client_id: partner-assistant }, scopes: ["read:*"] }
resources:
  document:
    audience: https://api.example.com
    attributes: { tenant: { type: string, from: { lookup: { cluster: index, path: "/meta/{id}", pointer: /tenant } } } }
    http: [{ path: "/v1/documents/{id}" }]
  file:
    audience: https://api.example.com
    attributes: { user: { type: string, from: { path: user } } }
    http: [{ path: "/v1/users/{user}/files/{id}" }]
  note:
    audience: https://api.example.com
    by_scope: [read]
    credentials: keep
    cors_origins: ["https://app.example.com"]
    http: [{ path: "/v1/notes/{id}" }, { path: /v1/notes }]
  search:
    audience: https://api.example.com
    by_scope: [read]
    http: [{ path: /v1/search, methods: { GET: read, POST: read } }]
  message: { audience: https://api.example.com, http: [{ path: /v1/messages }] }
  job: { audience: https://api.example.com, per_record: none, http: [{ path: "/v1/jobs/{id}" }] }
  invoice:
    audience: https://billing.example.com
    by_scope: [read]
    per_record: none
    http: [{ path: "/v1/invoices/{id}" }]
rules:
  - { id: same-tenant, effect: allow, actions: [read], resources: [document], when: resource.tenant == subject.tenant && subject.realm == "https://idp.example.com" }
  - { id: own-files, effect: allow, actions: [read], resources: [file], when: resource.user == subject.id && subject.realm == "https://idp.example.com" }
  - { id: own-file-writes, effect: allow, actions: [write], resources: [file], when: resource.user == subject.id && subject.realm == "https://idp.example.com", approval: none }
  - { id: own-file-deletes, effect: allow, actions: [delete], resources: [file], when: resource.user == subject.id }
  - { id: messages, effect: allow, actions: [write], resources: [message], approval: none }
  - { id: jobs, effect: allow, actions: [read], resources: [job], when: actor.mode == "independent" }
"#;
