//! Stable reason codes: what a caller is told and a record carries.

/// Declares the reasons with code, and which kind of answer each becomes.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal => $kind:ident,)*) => {
        /// Why a request was allowed or refused. Codes are stable; nothing in them tells a rule or
        /// a threshold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its place in [`Reason::ALL`].
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }

            /// The code on the wire and in records, in kebab-case.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What kind of answer the reason becomes.
            #[must_use]
            pub const fn kind(self) -> ReasonKind {
                match self { $(Self::$name => ReasonKind::$kind,)* }
            }
        }
    };
}

/// What kind of answer a reason becomes; [`crate::enforcement`] alone maps it to a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasonKind {
    /// Allowed.
    Allowed,
    /// The request itself is malformed or ambiguous: 400.
    Malformed,
    /// Nobody proved who is asking: 401.
    Unauthenticated,
    /// Known, and may not: 403.
    Forbidden,
    /// More held than the host can: 413.
    TooLarge,
    /// Something Ambit depends on is not there: 503.
    Unavailable,
}

reasons! {
    /// A rule or `by_scope` allows it.
    AllowedByRule = "allowed-by-rule" => Allowed,
    /// Allowed, and marked as needing a person's yes (approvals in mode `tag`).
    AllowedWithTag = "allowed-with-tag" => Allowed,
    /// Something everybody may fetch: metadata, keys, a CORS preflight.
    AllowedPublic = "allowed-public" => Allowed,

    /// The request's bytes are malformed, or two readers could read them differently.
    MalformedRequest = "malformed-request" => Malformed,
    /// A token stands in the query string or a form (RFC 6750 §2.2, §2.3), where logs keep it.
    TokenInUrl = "token-in-url" => Malformed,

    /// There is no token.
    NoToken = "no-token" => Unauthenticated,
    /// The token is not a strict compact JWS with a readable header and payload.
    MalformedToken = "malformed-token" => Unauthenticated,
    /// No issuer of the policy has this `iss`.
    UnknownIssuer = "unknown-issuer" => Unauthenticated,
    /// The issuer has no key that may verify this token.
    UnknownKey = "unknown-key" => Unauthenticated,
    /// The signature is not the issuer's.
    BadSignature = "bad-signature" => Unauthenticated,
    /// The token's algorithm is not accepted from this issuer.
    AlgorithmRefused = "algorithm-refused" => Unauthenticated,
    /// The token is of another type than an access token of this issuer.
    WrongTokenType = "wrong-token-type" => Unauthenticated,
    /// The token has expired.
    Expired = "expired" => Unauthenticated,
    /// The token is not valid yet, or was issued in the future.
    NotYetValid = "not-yet-valid" => Unauthenticated,
    /// The token is for another audience.
    WrongAudience = "wrong-audience" => Unauthenticated,
    /// The token's client id claims disagree.
    ClientConflict = "client-conflict" => Unauthenticated,
    /// The token proves neither a user nor an agent of its own, or both.
    UnclearPrincipal = "unclear-principal" => Unauthenticated,
    /// The token is bound to a sender who did not prove to be this one, or is bound to none where
    /// its issuer or the way it is presented says that it must be.
    SenderNotProved = "sender-not-proved" => Unauthenticated,
    /// The proof of possession is malformed, out of its time, or not of this request, token or key.
    BadProof = "bad-proof" => Unauthenticated,
    /// The proof lacks a nonce of this gateway that is still good; the answer brings one.
    ProofNonce = "proof-nonce" => Unauthenticated,
    /// The proof was used before.
    ProofReplayed = "proof-replayed" => Unauthenticated,

    /// The token lives longer than its issuer may grant; a refresh brings the same.
    TokenLifetime = "token-lifetime" => Forbidden,
    /// The token is good, and no actor of the policy has this name.
    UnknownActor = "unknown-actor" => Forbidden,
    /// Two sources name different actors.
    ActorMismatch = "actor-mismatch" => Forbidden,
    /// The actor acts for users and came alone, or the other way round.
    ActorMode = "actor-mode" => Forbidden,
    /// The chain of actors is longer than the policy allows.
    ChainTooDeep = "chain-too-deep" => Forbidden,
    /// No action and resource of the policy is meant by this request.
    UnmappedRequest = "unmapped-request" => Forbidden,
    /// The token carries a `no:` scope that cannot be understood.
    BadScope = "bad-scope" => Forbidden,
    /// The token's scopes do not reach; more scope would help.
    InsufficientScope = "insufficient-scope" => Forbidden,
    /// Beyond what the subject, or an actor of the chain, may do at most.
    BeyondCeiling = "beyond-ceiling" => Forbidden,
    /// Nothing allows it.
    NotAllowed = "not-allowed" => Forbidden,
    /// A rule denies it, or may deny it and cannot be decided.
    Denied = "denied" => Forbidden,
    /// A person has to say yes first.
    ApprovalRequired = "approval-required" => Forbidden,
    /// Allowed only with an obligation that this host cannot honour.
    ObligationUnsupported = "obligation-unsupported" => Forbidden,

    /// A body that decides is larger than can be held.
    BodyTooLarge = "body-too-large" => TooLarge,

    /// The issuer's keys cannot be had.
    IssuerUnavailable = "issuer-unavailable" => Unavailable,
    /// A look-up that decides cannot be had.
    LookupUnavailable = "lookup-unavailable" => Unavailable,
    /// No further proof can be remembered, so none could be told from a replay.
    ReplayMemoryFull = "replay-memory-full" => Unavailable,
    /// The host failed at something the decision needs.
    HostFailure = "host-failure" => Unavailable,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_stands_where_its_index_says() {
        for (at, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), at);
        }
    }

    #[test]
    fn codes_are_distinct_kebab_case() {
        let codes: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        assert!(codes.iter().all(|c| c.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }
}
