//! The tokens of all runs, signed before the first of them.

use super::runs::{AUDIENCE, ISSUER};
use crate::demo::issuer;
use ambit::identity::SigningKey;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Users with a token that is sent over and over.
const FEW: usize = 16;

/// Signed tokens.
#[derive(Debug)]
pub(super) struct Pool {
    few: Vec<(String, String)>,
    new: BTreeMap<&'static str, Vec<Vec<String>>>,
    jwks: Value,
}

impl Pool {
    /// Signs `a_round` new tokens of each algorithm for each of `rounds`, on all cores.
    ///
    /// # Errors
    /// A key cannot be made.
    pub(super) fn sign(root: &Path, rounds: usize, a_round: usize) -> io::Result<Self> {
        let keys = issuer::keys(root)?;
        let jwks = json!({ "keys": keys.iter().map(|key| key.jwk(&kid(key))).collect::<Vec<_>>() });
        let mut new = BTreeMap::new();
        for (algorithm, key) in ["EdDSA", "ES256", "RS256"].into_iter().zip(&keys) {
            if key.algorithm() != algorithm {
                return Err(io::Error::other("the issuer's keys come in another order"));
            }
            new.insert(algorithm, all_rounds(key, rounds, a_round));
        }
        let rs256 = keys.last().ok_or_else(|| io::Error::other("the issuer has no key"))?;
        let few = (0..FEW).map(|n| {
            let user = format!("user-{n}");
            let token = token(rs256, &user, &format!("few-{n}"));
            (user, token)
        });
        Ok(Self { few: few.collect(), new, jwks })
    }

    /// The public keys.
    pub(super) const fn jwks(&self) -> &Value {
        &self.jwks
    }

    /// One of the few, with its user.
    pub(super) fn few(&self, n: usize) -> (&str, &str) {
        self.few.get(n % FEW).map_or(("", ""), |(user, token)| (user, token))
    }

    /// The tokens that are new in this round.
    pub(super) fn new_ones(&self, algorithm: &str, round: usize) -> &[String] {
        self.new.get(algorithm).and_then(|rounds| rounds.get(round)).map_or(&[], Vec::as_slice)
    }
}

fn all_rounds(key: &SigningKey, rounds: usize, a_round: usize) -> Vec<Vec<String>> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let sign = |round: usize| -> Vec<String> {
        let tokens =
            (0..a_round).map(|n| token(key, &format!("user-{}", n % 500), &format!("{round}-{n}")));
        tokens.collect()
    };
    let mut all = vec![Vec::new(); rounds];
    std::thread::scope(|scope| {
        for some in all.chunks_mut(rounds.div_ceil(cores)).enumerate() {
            let sign = &sign;
            scope.spawn(move || {
                let (chunk, some) = some;
                let from = chunk.saturating_mul(rounds.div_ceil(cores));
                for (round, tokens) in (from..).zip(some) {
                    *tokens = sign(round);
                }
            });
        }
    });
    all
}

fn token(key: &SigningKey, user: &str, jti: &str) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = since.as_secs();
    key.sign(
        &json!({ "alg": key.algorithm(), "typ": "at+jwt", "kid": kid(key) }),
        &json!({
            "iss": ISSUER,
            "sub": user,
            "client_id": "assistant",
            "aud": AUDIENCE,
            "scope": "openid profile read:document read:*",
            "tid": "acme",
            "iat": now,
            "exp": now.saturating_add(7_000),
            "jti": jti,
        }),
    )
}

fn kid(key: &SigningKey) -> String {
    format!("bench-{}", key.algorithm().to_lowercase())
}
