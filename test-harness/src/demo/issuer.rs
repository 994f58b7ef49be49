//! A development issuer: it gives anybody any token, and is for this machine only.

use super::{ports, web};
use ambit::identity::issue::SigningKey;
use rsa::PrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

mod wanted;

pub use wanted::Wanted;

/// The issuer's name, and where it is.
pub const NAME: &str = "http://127.0.0.1:10002";
/// What its tokens are for.
pub const AUDIENCE: &str = "http://127.0.0.1:10000";
/// Where the RSA key is kept, below the project's folder: making one takes seconds.
const RSA_KEY: &str = ".run/dev-issuer.rsa.der";

/// The issuer, with a key for each algorithm, and keys that only look like its own.
#[derive(Debug)]
pub struct Issuer {
    keys: Vec<SigningKey>,
    forger: SigningKey,
}

impl Issuer {
    /// With fresh keys, the RSA key aside, which is made once and kept.
    ///
    /// # Errors
    /// The machine gives no randomness, or the RSA key cannot be kept.
    pub fn new(root: &Path) -> io::Result<Self> {
        Ok(Self { keys: keys(root)?, forger: ed25519()? })
    }

    /// The keys as served; each is named after its algorithm.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().map(|key| key.jwk(&kid(key))).collect::<Vec<_>>() })
    }

    /// A token, where there is a key for its algorithm.
    #[must_use]
    pub fn token(&self, wanted: &Wanted) -> Option<String> {
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
        if let (Value::Object(members), false) = (&mut claims, wanted.groups().is_empty()) {
            members.insert("groups".to_owned(), json!(wanted.groups()));
        }
        if let (Value::Object(members), false) = (&mut claims, wanted.bound_to.is_empty()) {
            members.insert("cnf".to_owned(), json!({ "jkt": wanted.bound_to }));
        }
        let named = self.keys.iter().find(|key| key.algorithm() == wanted.algorithm)?;
        let signing = if wanted.forged { &self.forger } else { named };
        let header = json!({ "alg": signing.algorithm(), "typ": "at+jwt", "kid": kid(signing) });
        Some(signing.sign(&header, &claims))
    }
}

/// Keys for EdDSA, ES256 and RS256, in this order.
///
/// # Errors
/// As of [`Issuer::new`].
pub fn keys(root: &Path) -> io::Result<Vec<SigningKey>> {
    Ok(vec![
        ed25519()?,
        // A seed is out of range once in 2^32 times; then the start fails, and the next works.
        SigningKey::es256_from_seed(&seed()?).map_err(io::Error::other)?,
        SigningKey::rs256_from_der(&rsa_key(&root.join(RSA_KEY))?).map_err(io::Error::other)?,
    ])
}

fn kid(key: &SigningKey) -> String {
    format!("dev-{}", key.algorithm().to_lowercase())
}

/// 32 bytes that nobody else has.
///
/// # Errors
/// The machine gives no randomness.
pub fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    Ok(seed)
}

/// A key that nobody else has.
///
/// # Errors
/// The machine gives no randomness.
pub fn ed25519() -> io::Result<SigningKey> {
    SigningKey::ed25519_from_seed(&seed()?).map_err(io::Error::other)
}

/// The kept RSA key in PKCS#1 DER, or a new one.
pub(crate) fn rsa_key(file: &Path) -> io::Result<Vec<u8>> {
    if let Ok(kept) = std::fs::read(file)
        && SigningKey::rs256_from_der(&kept).is_ok()
    {
        return Ok(kept);
    }
    let key = PrivateKey::new(&mut getrandom::SysRng, 2048).map_err(io::Error::other)?;
    let der = key.to_pkcs1_der().map_err(io::Error::other)?.as_bytes().to_vec();
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)?
        .write_all(&der)?;
    Ok(der)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Serves keys and tokens: `/jwks`, and
/// `/token?as=alice&agent=support-assistant[&scope=…][&age=…][&lifetime=…][&alg=…][&forged=1][&jkt=…]`.
pub(super) async fn serve(issuer: Arc<Issuer>, port: u16) -> io::Result<()> {
    web::serve(port, move |request| match request.uri().path() {
        "/jwks" => web::json(200, &issuer.jwks()),
        "/token" => match Wanted::read(&web::parameters(&request)) {
            Ok(wanted) => match issuer.token(&wanted) {
                Some(token) => web::plain(200, &token),
                None => web::plain(400, "`alg` is EdDSA, ES256 or RS256\n"),
            },
            Err(what) => web::plain(400, &format!("{what}\n")),
        },
        _ => web::plain(404, "/jwks or /token\n"),
    })
    .await
}

/// A token of the running issuer.
pub(super) async fn fetch(wanted: &Wanted) -> io::Result<String> {
    let target = wanted.target();
    let answer = web::send(ports::ISSUER, "GET", &target, &[], "").await.map_err(|error| {
        io::Error::new(error.kind(), format!("no issuer at {NAME}: start `make run` ({error})"))
    })?;
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    if answer.status() == 200 { Ok(text) } else { Err(io::Error::other(text.trim().to_owned())) }
}
