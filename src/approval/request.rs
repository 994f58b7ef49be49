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
