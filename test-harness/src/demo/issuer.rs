//! A development issuer: it gives anybody any token, and is for this machine only.

use super::{ports, web};
use ambit::identity::issue::SigningKey;
use serde_json::{Value, json};
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The issuer's name, and where it is.
pub const NAME: &str = "http://127.0.0.1:10002";
/// What its tokens are for.
pub const AUDIENCE: &str = "http://127.0.0.1:10000";
/// The name of its key.
const KEY_ID: &str = "dev-1";

/// The issuer, with a key made when it started.
#[derive(Debug)]
pub struct Issuer {
    key: SigningKey,
    forger: SigningKey,
}

/// What a token says.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The user, or for an agent's own token the agent.
    pub subject: String,
    /// The OAuth client that asked for it.
    pub agent: String,
    /// Its scopes.
    pub scope: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// Seconds ago that it was issued.
    pub age: i64,
    /// Seconds from then that it lasts.
    pub lifetime: i64,
    /// Whether another key than the issuer's signs it.
    pub forged: bool,
}

impl Wanted {
    /// A good token of `subject` for `agent`.
    #[must_use]
    pub fn new(subject: &str, agent: &str) -> Self {
        let groups = match subject {
            "alice" | "bob" => vec!["support".to_owned()],
            "carol" => vec!["legal".to_owned()],
            _ => Vec::new(),
        };
        Self {
            subject: subject.to_owned(),
            agent: agent.to_owned(),
            scope: "read:document read:ticket write:ticket delete:ticket delete:document"
                .to_owned(),
            groups,
            age: 0,
            lifetime: 600,
            forged: false,
        }
    }
}

impl Issuer {
    /// With fresh keys.
    ///
    /// # Errors
    /// The machine gives no randomness.
    pub fn new() -> io::Result<Self> {
        Ok(Self { key: key(&seed()?)?, forger: key(&seed()?)? })
    }

    /// The keys as served.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.key.jwk(KEY_ID)] })
    }

    /// A token.
    #[must_use]
    pub fn token(&self, wanted: &Wanted) -> String {
        let issued = now().saturating_sub(wanted.age);
        let mut claims = json!({
            "iss": NAME,
            "sub": wanted.subject,
            "client_id": wanted.agent,
            "aud": AUDIENCE,
            "scope": wanted.scope,
            "iat": issued,
            "exp": issued.saturating_add(wanted.lifetime),
            "jti": format!("{}-{}-{issued}", wanted.subject, wanted.agent),
        });
        if let (Value::Object(members), false) = (&mut claims, wanted.groups.is_empty()) {
            members.insert("groups".to_owned(), json!(wanted.groups));
        }
        let key = if wanted.forged { &self.forger } else { &self.key };
        key.sign(&json!({ "alg": key.algorithm(), "typ": "at+jwt", "kid": KEY_ID }), &claims)
    }
}

/// 32 bytes that nobody else has.
///
/// # Errors
/// The machine gives no randomness.
pub fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(seed)
}

fn key(seed: &[u8; 32]) -> io::Result<SigningKey> {
    SigningKey::ed25519_from_seed(seed).map_err(io::Error::other)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Serves keys and tokens: `/jwks`, and
/// `/token?as=alice&agent=support-assistant[&scope=…][&age=…][&lifetime=…][&forged=1]`.
pub(super) async fn serve(issuer: Arc<Issuer>, port: u16) -> io::Result<()> {
    web::serve(port, move |request| match request.uri().path() {
        "/jwks" => web::json(200, &issuer.jwks()),
        "/token" => {
            let given = web::parameters(&request);
            let find =
                |name: &str| given.iter().find(|(key, _)| key == name).map(|(_, v)| v.as_str());
            let agent = find("agent").unwrap_or("support-assistant");
            let mut wanted = Wanted::new(find("as").unwrap_or(agent), agent);
            if let Some(scope) = find("scope") {
                wanted.scope = scope.to_owned();
            }
            wanted.age = find("age").and_then(|text| text.parse().ok()).unwrap_or(wanted.age);
            wanted.lifetime =
                find("lifetime").and_then(|text| text.parse().ok()).unwrap_or(wanted.lifetime);
            wanted.forged = find("forged").is_some();
            web::plain(200, &issuer.token(&wanted))
        }
        _ => web::plain(404, "/jwks or /token"),
    })
    .await
}

/// Where a command line gets this token.
#[must_use]
pub fn token_url(wanted: &Wanted) -> String {
    let fresh = Wanted::new(&wanted.subject, &wanted.agent);
    let mut url = format!("http://127.0.0.1:{}/token?agent={}", ports::ISSUER, wanted.agent);
    if wanted.subject != wanted.agent {
        url.push_str(&format!("&as={}", wanted.subject));
    }
    for (name, value, default) in [
        ("age", wanted.age, fresh.age),
        ("lifetime", wanted.lifetime, fresh.lifetime),
        ("forged", i64::from(wanted.forged), 0),
    ] {
        if value != default {
            url.push_str(&format!("&{name}={value}"));
        }
    }
    if wanted.scope != fresh.scope {
        url.push_str(&format!("&scope={}", wanted.scope.replace(' ', "+")));
    }
    url
}
