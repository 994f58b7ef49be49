//! The compiled policy: immutable, indexed, valid by construction.

use crate::policy::condition::Condition;
use crate::policy::document::{
    ActorMode, ActorSource, ApprovalMode, Audit, Credentials, Effect, Limits, Lookup, Mode,
    RuleApproval, TokenScopes,
};
use crate::policy::routes::Routes;
use crate::policy::scope::{ScopeSet, TargetId};
use crate::policy::value::ValueType;
use crate::request::{Action, ActionSet};
use crate::time::Span;
use std::collections::BTreeMap;

/// A policy that loads. Whoever holds one holds a valid one.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) name: String,
    pub(crate) hash: String,
    pub(crate) mode: Mode,
    pub(crate) actor_from: Vec<ActorSource>,
    pub(crate) issuers: Vec<IssuerTerms>,
    pub(crate) subjects: Option<Vec<SubjectCeiling>>,
    pub(crate) actors: Vec<ActorEntry>,
    pub(crate) names: Vec<ActorNames>,
    pub(crate) spiffe: BTreeMap<String, u32>,
    pub(crate) targets: BTreeMap<String, TargetId>,
    pub(crate) resources: Vec<ResourceEntry>,
    /// Headers that some resource binds in its approvals, each once.
    pub(crate) bound_headers: Vec<String>,
    pub(crate) routes: Routes,
    pub(crate) rules: Vec<RuleEntry>,
    /// For resource r and action a, at `4 r + a`: the rules that speak of the pair.
    pub(crate) index: Vec<Vec<u32>>,
    pub(crate) approvals: ApprovalTerms,
    pub(crate) audit: Audit,
    /// The member `policy` of records.
    pub(crate) in_records: String,
    /// The member `policy` of the `ambit` header.
    pub(crate) in_headers: String,
    pub(crate) limits: Limits,
    /// Where everything stands in what the author wrote.
    #[cfg(feature = "author")]
    pub(crate) source: Option<std::sync::Arc<crate::policy::read::Source>>,
}

/// What deciding needs of an issuer.
#[derive(Clone, Debug)]
pub(crate) struct IssuerTerms {
    pub(crate) issuer: String,
    pub(crate) realm: String,
    pub(crate) max_lifetime: Span,
    pub(crate) clock_skew: Span,
    pub(crate) sender_required: bool,
    /// Whether a proof of possession needs a nonce of the gateway.
    pub(crate) dpop_nonce: bool,
    pub(crate) token_scopes: TokenScopes,
    /// Issuers whose actors this one may name, itself aside.
    pub(crate) may_name_actors_of: Vec<u32>,
}

/// What the users of some groups may do.
#[derive(Clone, Debug)]
pub(crate) struct SubjectCeiling {
    pub(crate) groups: Option<Vec<String>>,
    pub(crate) scopes: ScopeSet,
}

/// One agent.
#[derive(Clone, Debug)]
pub(crate) struct ActorEntry {
    pub(crate) id: String,
    pub(crate) mode: ActorMode,
    pub(crate) ceiling: ScopeSet,
}

/// The names agents go by at one issuer.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActorNames {
    pub(crate) client_ids: BTreeMap<String, u32>,
    pub(crate) subs: BTreeMap<String, u32>,
    /// Actors registered dynamically: the claims that must all equal.
    pub(crate) dynamic: Vec<(u32, Vec<(String, String)>)>,
    /// The names of those claims.
    pub(crate) markers: Vec<String>,
}

/// One resource type.
#[derive(Clone, Debug)]
pub(crate) struct ResourceEntry {
    pub(crate) id: String,
    pub(crate) target: TargetId,
    pub(crate) audience: String,
    pub(crate) credentials: Credentials,
    pub(crate) attributes: Vec<AttributeEntry>,
    pub(crate) headers: Vec<String>,
    pub(crate) cors_origins: Vec<String>,
}

/// One attribute of a resource.
#[derive(Clone, Debug)]
pub(crate) struct AttributeEntry {
    /// Its number in the policy: attributes of one name and type share it.
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) value_type: ValueType,
    pub(crate) from: CompiledSource,
}

/// Where an attribute comes from, with the work of loading done.
#[derive(Clone, Debug)]
pub(crate) enum CompiledSource {
    /// The variable with this name.
    Path(String),
    /// A callout.
    Lookup(Lookup),
    /// A pointer into the response.
    Response(String),
}

/// One rule, or what `by_scope` makes of itself.
#[derive(Clone, Debug)]
pub(crate) struct RuleEntry {
    pub(crate) id: String,
    pub(crate) effect: Effect,
    pub(crate) actions: ActionSet,
    pub(crate) when: Option<Condition>,
    /// What was written; the default depends on the action.
    pub(crate) approval: Option<RuleApproval>,
}

/// What happens where a person has to say yes.
#[derive(Clone, Debug, Default)]
pub(crate) struct ApprovalTerms {
    pub(crate) mode: ApprovalMode,
    pub(crate) signing_key: Option<String>,
    pub(crate) desk_url: Option<String>,
}

impl Policy {
    /// The policy's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// base64url SHA-256 of what the policy says, however it was delivered.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Whether decisions bind.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// What a missing approval leads to.
    #[cfg(feature = "author")]
    #[must_use]
    pub const fn approval_mode(&self) -> ApprovalMode {
        self.approvals.mode
    }

    /// The ids of the rules, `by-scope:…` among them; decisions name rules by position here.
    pub fn rule_ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rules.iter().map(|rule| rule.id.as_str())
    }

    /// The id of the rule at `position`.
    #[must_use]
    pub fn rule_id(&self, position: u32) -> Option<&str> {
        self.rules.get(position as usize).map(|rule| rule.id.as_str())
    }

    /// The rules that speak of the action on the resource.
    pub(crate) fn rules_for(&self, resource: u32, action: Action) -> &[u32] {
        let at = (resource as usize).saturating_mul(4).saturating_add(action.index());
        self.index.get(at).map_or(&[], Vec::as_slice)
    }

    /// The claims by which an issuer's dynamically registered actors are recognised.
    pub(crate) fn markers(&self, issuer: u32) -> &[String] {
        self.names.get(issuer as usize).map_or(&[], |names| &names.markers)
    }

    /// What a scope string's target resolves to.
    pub(crate) fn target(&self, name: &str) -> Option<TargetId> {
        self.targets.get(name).copied()
    }
}
