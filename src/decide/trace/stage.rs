//! The steps of a decision.

use crate::decision::Reason;

/// The steps of a decision, in their order; see `docs/semantics.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The request itself, before anything is decided on.
    Request,
    /// The credential.
    Credential,
    /// Its times and its sender.
    Times,
    /// Who acts for whom.
    Identity,
    /// What is meant, and whether the token is for it.
    Mapping,
    /// The ceilings.
    Ceilings,
    /// The rules.
    Rules,
    /// The token's own scopes.
    TokenScopes,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 8] = [
        Self::Request,
        Self::Credential,
        Self::Times,
        Self::Identity,
        Self::Mapping,
        Self::Ceilings,
        Self::Rules,
        Self::TokenScopes,
    ];

    /// What is looked at, in a few words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "the request",
            Self::Credential => "the credential",
            Self::Times => "its times and its sender",
            Self::Identity => "who acts for whom",
            Self::Mapping => "what is asked for",
            Self::Ceilings => "the ceilings",
            Self::Rules => "the rules",
            Self::TokenScopes => "the token's own scopes",
        }
    }

    /// Where a decision for `reason` about a verified token is made.
    pub(super) const fn of(reason: Reason) -> Self {
        match reason {
            Reason::Expired
            | Reason::NotYetValid
            | Reason::TokenLifetime
            | Reason::SenderNotProved => Self::Times,
            Reason::ClientConflict
            | Reason::UnclearPrincipal
            | Reason::ChainTooDeep
            | Reason::UnknownActor
            | Reason::ActorMismatch
            | Reason::ActorMode => Self::Identity,
            Reason::UnmappedRequest | Reason::WrongAudience => Self::Mapping,
            Reason::BadScope | Reason::BeyondCeiling => Self::Ceilings,
            Reason::AllowedByRule
            | Reason::AllowedWithTag
            | Reason::Denied
            | Reason::LookupUnavailable
            | Reason::NotAllowed
            | Reason::ApprovalRequired
            | Reason::ObligationUnsupported => Self::Rules,
            Reason::InsufficientScope => Self::TokenScopes,
            Reason::NoToken
            | Reason::MalformedToken
            | Reason::UnknownIssuer
            | Reason::UnknownKey
            | Reason::BadSignature
            | Reason::AlgorithmRefused
            | Reason::WrongTokenType
            | Reason::BadProof
            | Reason::ProofNonce
            | Reason::ProofReplayed
            | Reason::IssuerUnavailable
            | Reason::ReplayMemoryFull => Self::Credential,
            Reason::AllowedPublic
            | Reason::MalformedRequest
            | Reason::TokenInUrl
            | Reason::BodyTooLarge
            | Reason::HostFailure => Self::Request,
        }
    }
}
