//! R, the approval request: what the gateway asks a person, signed by the gateway.

use crate::identity::SigningKey;
use serde_json::json;

/// The name of the gateway's key in the set it serves.
pub const KEY_ID: &str = "ambit";

/// Everything an approval request binds.
#[derive(Clone, Copy, Debug)]
pub struct ApprovalRequest<'a> {
    /// Its id, unique.
    pub id: &'a str,
    /// The policy's name and this worker's boot id: whoever issued it redeems it.
    pub gateway: (&'a str, &'a str),
    /// Realm and id of the subject.
    pub subject: (&'a str, &'a str),
    /// Ids of the actors, outermost first.
    pub actors: &'a [&'a str],
    /// Action class.
    pub action: &'a str,
    /// Resource type and id.
    pub resource: (&'a str, &'a str),
    /// Digest v1 of the request.
    pub digest: &'a str,
    /// Hash of the policy that asked.
    pub policy: &'a str,
    /// How strong the yes must be.
    pub tier: &'a str,
    /// Seconds since the epoch at which it was asked, and at which asking ends.
    pub times: (i64, i64),
    /// Seconds the yes can be used once given.
    pub use_within: i64,
}

impl ApprovalRequest<'_> {
    /// The request as a compact JWS.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let claims = json!({
            "id": self.id,
            "gateway": { "name": self.gateway.0, "boot": self.gateway.1 },
            "subject": { "realm": self.subject.0, "id": self.subject.1 },
            "actors": self.actors,
            "action": self.action,
            "resource": { "type": self.resource.0, "id": self.resource.1 },
            "digest": self.digest,
            "policy": self.policy,
            "tier": self.tier,
            "scopes": ["once"],
            "redeemer": "local",
            "iat": self.times.0,
            "exp": self.times.1,
            "use_within": self.use_within,
        });
        let header =
            json!({ "alg": key.algorithm(), "typ": "ambit-approval-request+jwt", "kid": KEY_ID });
        key.sign(&header, &claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::json::{Json, JsonLimits, parse};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ed25519_dalek::{Signature, VerifyingKey};

    const SEED: [u8; 32] = [7; 32];

    fn request<'a>(digest: &'a str) -> ApprovalRequest<'a> {
        ApprovalRequest {
            id: "r1",
            gateway: ("demo", "boot"),
            subject: ("corp", "alice"),
            actors: &["bot", "helper"],
            action: "write",
            resource: ("ticket", "7"),
            digest,
            policy: "hash",
            tier: "presence",
            times: (1_800_000_000, 1_800_001_800),
            use_within: 300,
        }
    }

    fn part(jws: &str, at: usize) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(jws.split('.').nth(at).unwrap()).unwrap()
    }

    fn json(jws: &str, at: usize) -> Json {
        parse(&part(jws, at), JsonLimits::default()).unwrap()
    }

    #[test]
    fn whoever_has_the_served_key_can_check_what_was_asked() {
        let key = SigningKey::ed25519_from_seed(&SEED).unwrap();
        let jws = request("d").sign(&key);
        let served = key.jwk(KEY_ID);
        let point = URL_SAFE_NO_PAD.decode(served["x"].as_str().unwrap()).unwrap();
        let point = VerifyingKey::from_bytes(point.as_slice().try_into().unwrap()).unwrap();
        let signature = Signature::from_slice(&part(&jws, 2)).unwrap();
        let (message, _) = jws.rsplit_once('.').unwrap();
        point.verify_strict(message.as_bytes(), &signature).unwrap();
        assert!(point.verify_strict(b"another", &signature).is_err());
        let header = json(&jws, 0);
        for (name, expected) in
            [("alg", "EdDSA"), ("typ", "ambit-approval-request+jwt"), ("kid", KEY_ID)]
        {
            assert_eq!(header.member(name).and_then(Json::as_str), Some(expected), "{name}");
        }
        assert_eq!(served["kid"], KEY_ID);
        assert_eq!(served.get("d"), None, "the seed is not served");
    }

    #[test]
    fn everything_a_person_says_yes_to_is_in_it() {
        let key = SigningKey::ed25519_from_seed(&SEED).unwrap();
        let claims = json(&request("d").sign(&key), 1);
        assert_eq!(
            claims.to_jcs().unwrap(),
            "{\"action\":\"write\",\"actors\":[\"bot\",\"helper\"],\"digest\":\"d\",\
             \"exp\":1800001800,\"gateway\":{\"boot\":\"boot\",\"name\":\"demo\"},\
             \"iat\":1800000000,\"id\":\"r1\",\"policy\":\"hash\",\"redeemer\":\"local\",\
             \"resource\":{\"id\":\"7\",\"type\":\"ticket\"},\"scopes\":[\"once\"],\
             \"subject\":{\"id\":\"alice\",\"realm\":\"corp\"},\"tier\":\"presence\",\
             \"use_within\":300}"
        );
    }

    #[test]
    fn the_same_question_is_the_same_bytes_and_another_is_not() {
        let key = SigningKey::ed25519_from_seed(&SEED).unwrap();
        assert_eq!(request("d").sign(&key), request("d").sign(&key));
        assert_ne!(request("d").sign(&key), request("e").sign(&key));
    }
}
