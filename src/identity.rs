//! Token bytes become a verified token; a verified token becomes subject and actor.

use crate::policy::scope::ScopeSet;
use crate::policy::value::Value;
use crate::time::Timestamp;

/// A token whose signature is its issuer's, reduced to what its bytes and the policy determine.
///
/// Nothing here depends on the connection, the resource or the time, so it can be cached by the
/// whole token: expiry, audience, sender and actor are evaluated on each request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VerifiedToken {
    /// Index of the issuer in the policy.
    pub issuer: u32,
    /// `sub`.
    pub sub: Option<String>,
    /// The person's id by the issuer's `person` (several claims joined with `/`, each
    /// percent-encoded); `None` where a claim is missing.
    pub person: Option<String>,
    /// What the token proves about who stands behind it.
    pub principal: Principal,
    /// The agreed client id.
    pub client_id: ClientId,
    /// The `act` chain, outermost first; empty without one.
    pub act: Vec<ActMember>,
    /// Scopes that count, resolved.
    pub scopes: ScopeSet,
    /// Scope strings as they came, for `subject.scopes`.
    pub scope_strings: Vec<String>,
    /// Whether a `no:` scope could not be understood.
    pub bad_scope: bool,
    /// Values of the claims the policy declares, in the policy's order.
    pub claims: Vec<ClaimState>,
    /// `subject.groups`, or withheld.
    pub groups: ClaimState,
    /// Claims that dynamic actors are recognised by: (name, text), those present only.
    pub markers: Vec<(String, String)>,
    /// Resource audiences the token is for, mapped.
    pub audiences: Vec<String>,
    /// `iat`.
    pub issued_at: Option<Timestamp>,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
    /// `exp`.
    pub expires_at: Timestamp,
    /// The key the token is bound to (`cnf`), if any.
    pub confirmation: Option<Confirmation>,
    /// base64url SHA-256 of `jti`, for the record; empty without one.
    pub jti_digest: String,
}

/// What a token proves about who stands behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Principal {
    /// The agent itself.
    Own,
    /// Neither, or both.
    #[default]
    Unclear,
    /// A user.
    User,
}

/// The client id of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientId {
    /// All of `client_id`, `azp`, `cid`, `appid` that are present agree.
    Agreed(String),
    /// They differ.
    Conflict,
    /// None is present.
    #[default]
    Missing,
}

/// One member of an `act` chain (RFC 8693 §4.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActMember {
    /// `iss`, the token's own where it is left out.
    pub issuer: Option<String>,
    /// `sub`.
    pub sub: Option<String>,
    /// `client_id`.
    pub client_id: Option<String>,
}

/// What is known of one claim.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ClaimState {
    /// Its value.
    Known(Value),
    /// Withheld, absent without a declared meaning, or of a wrong type.
    #[default]
    Unknown,
}

/// The key a token is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// `cnf.jkt` (RFC 9449 §6.1): SHA-256 thumbprint of a DPoP key, base64url.
    Jkt(String),
    /// `cnf` of a kind this version cannot verify: the token is refused.
    Other,
    /// `cnf["x5t#S256"]` (RFC 8705 §3.1): SHA-256 of the client certificate, base64url.
    Certificate(String),
}

mod algorithm;
mod claim;
mod der;
pub mod dpop;
#[cfg(feature = "fuzz")]
pub mod inside;
#[cfg(feature = "issue")]
pub mod issue;
mod issuer;
pub mod jwks;
mod jws;
mod key;
mod profile;
mod provider;
mod requirement;
mod rfc3339;
mod scopes;
mod signing;
mod thumbprint;
mod token;
mod verify;

pub use algorithm::{Algorithm, Family};
pub use issuer::Issuer;
pub(crate) use issuer::LARGEST_SKEW;
pub use jwks::{KeySet, KeyState, parse_remote};
pub use key::Key;
#[cfg(feature = "author")]
pub(crate) use rfc3339::format as format_timestamp;
pub(crate) use rfc3339::parse as parse_timestamp;
pub use scopes::Resolve;
pub use signing::{SigningKey, SigningKeyError};
pub(crate) use verify::claimed_issuer;
pub use verify::{HostSignature, SignatureCheck, begin};
