//! The test issuer: its keys, and the token that a scenario's request presents.

use super::format::Ask;
use crate::proof;
use ambit::identity::issue::{SigningKey, SigningKeyError};
use serde_json::{Value, json};

impl Ask {
    /// The token it presents.
    #[must_use]
    pub fn mint(&self) -> Option<String> {
        let claims = self.token.as_ref()?;
        let now = u64::try_from(self.clock().secs()).unwrap_or_default();
        let mut payload = json!({
            "iss": "https://idp.example.com", "sub": "alice", "client_id": "bot",
            "aud": "https://api.example.com", "scope": "*:*", "groups": ["support"],
            "iat": now, "exp": now.saturating_add(300), "jti": "t1",
        });
        let mut header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": "k1" });
        if let (Value::Object(members), Some(_)) = (&mut payload, &self.dpop) {
            members.insert("cnf".to_owned(), json!({ "jkt": proof::thumbprint(&sender(false)) }));
        }
        proof::over(&mut payload, claims, now);
        if let Value::Object(members) = &mut header {
            members.extend(self.token_header.clone());
            members.retain(|_, value| !value.is_null());
        }
        let said = header.get("alg").and_then(Value::as_str);
        let algorithm = if said == Some("RS256") { "RS256" } else { &self.signer.algorithm };
        let key = test_key(algorithm, self.signer.issuer, self.forged);
        Some(key.sign(&header, &payload))
    }
}

/// The test issuer's key; its public half is in every scenario's policy.
#[must_use]
pub fn key() -> SigningKey {
    es256([7; 32])
}

/// The key of the policy's issuer at a place, or a forger's. RSA keys cannot be made from a seed, so
/// issuers share one.
pub(super) fn test_key(algorithm: &str, issuer: usize, forged: bool) -> SigningKey {
    let issuer = u8::try_from(issuer.min(100)).unwrap_or_default();
    let seed = match (forged, issuer) {
        (true, _) => 8,
        (false, 0) => 7,
        (false, other) => other.saturating_add(16),
    };
    match algorithm {
        "EdDSA" => usable(SigningKey::ed25519_from_seed(&[seed; 32])),
        "ES384" => usable(SigningKey::es384_from_seed(&[seed; 48])),
        "HS256" | "HS384" | "HS512" => usable(SigningKey::secret(algorithm, &[seed; 64])),
        "PS256" | "PS384" | "PS512" | "RS256" | "RS384" | "RS512" => {
            usable(SigningKey::rsa_from_der(
                algorithm,
                match forged {
                    false => include_bytes!("../../../tests/keys/rsa-2048.pkcs1.der"),
                    true => include_bytes!("../../../tests/keys/rsa-3072.pkcs1.der"),
                },
            ))
        }
        _ => es256([seed; 32]),
    }
}

fn es256(seed: [u8; 32]) -> SigningKey {
    // These seeds are in range; others are not given.
    usable(SigningKey::es256_from_seed(&seed))
}

/// The test sender's key, which bound tokens are bound to, or a thief's.
pub(super) fn sender(forged: bool) -> SigningKey {
    es256([if forged { 6 } else { 5 }; 32])
}

fn usable(key: Result<SigningKey, SigningKeyError>) -> SigningKey {
    match key {
        Ok(key) => key,
        Err(error) => unusable(&error.to_string()),
    }
}

#[expect(clippy::panic, reason = "a constant of the tests is wrong")]
fn unusable(why: &str) -> SigningKey {
    panic!("{why}")
}
