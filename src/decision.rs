//! What a decision says: effect, reason, the rules that determined it, and obligations.

mod reason;

pub use reason::{Reason, ReasonKind};

use crate::policy::document::Tier;
use crate::policy::value::Sources;

/// The answer to one request. Carries no id, no clock value and no randomness: the same policy,
/// request and time give the same bytes everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// May it pass?
    pub effect: Effect,
    /// Why.
    pub reason: Reason,
    /// The rules that determined it (indices into `Policy::rules`), sorted.
    pub rules: Vec<u32>,
    /// What the host must do, or deny instead.
    pub obligations: Vec<Obligation>,
    /// Where more scope would help: the scopes that would.
    pub missing_scopes: Vec<String>,
    /// The approval that is asked for (denied, or allowed with a tag), or that was counted.
    pub approval: Option<ApprovalNeed>,
    /// The outcome can still change: these sources are worth asking. Until then the effect is a deny.
    pub waits_for: Sources,
}

/// May it pass?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It may.
    Allow,
    /// It may not.
    Deny,
}

/// What the host must do for an allow to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obligation {
    /// Tell the upstream, signed, that a person's yes is still needed.
    Tag,
}

/// The approval a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApprovalNeed {
    /// How strong the yes must be.
    pub tier: Tier,
    /// How long a person has to answer, in seconds.
    pub approve_within_secs: i64,
    /// How long the yes can be used, in seconds.
    pub use_within_secs: i64,
}

impl Decision {
    /// A refusal for `reason`, with nothing more to say.
    #[must_use]
    pub const fn deny(reason: Reason) -> Self {
        Self {
            effect: Effect::Deny,
            reason,
            rules: Vec::new(),
            obligations: Vec::new(),
            missing_scopes: Vec::new(),
            approval: None,
            waits_for: Sources::NONE,
        }
    }
}
