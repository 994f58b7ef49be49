//! The policy document as its author wrote it: types without behaviour.
//!
//! The walker (`walk`) fills them from a spanned node tree; the JSON Schema and
//! `docs/policy-reference.md` are generated from them, doc comments included. A place in the
//! document is named by its JSON pointer (RFC 6901), which the node tree turns into line and column.

use crate::policy::value::ValueType;
use crate::request::{Action, json::Json};
use crate::time::Span;
use std::collections::BTreeMap;

/// A policy: who may ask, what there is, and what is allowed.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// Always `ambit/v1`.
    pub api_version: String,
    /// The policy's name, as records and the `ambit` header carry it.
    pub name: String,
    /// Who issues tokens, and how they are read.
    pub identity: Identity,
    /// What a user may do. Left out, the token's scopes alone say it.
    pub subjects: Option<Vec<SubjectEntry>>,
    /// The agents this policy knows. Every other actor is refused.
    pub actors: BTreeMap<String, Actor>,
    /// What can be asked for.
    pub resources: BTreeMap<String, Resource>,
    /// What is allowed and denied beyond `by_scope`.
    pub rules: Vec<Rule>,
    /// What happens where a person has to say yes.
    pub approvals: Approvals,
    /// What is recorded.
    pub audit: Audit,
    /// Bounds on what is read from requests and dependencies.
    pub limits: Limits,
    /// `enforce` decides; `shadow` records what it would have decided and lets the request pass.
    pub mode: Mode,
}

/// Who issues tokens, and how they are read.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// Where the actor's name is read. `act` and `client_id` unless said otherwise.
    pub actor_from: Vec<ActorSource>,
    /// The issuers whose tokens count.
    pub issuers: Vec<Issuer>,
}

/// Where the actor's name is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorSource {
    /// The token's `act` claim (RFC 8693 §4.1).
    Act,
    /// The client id that `client_id`, `azp`, `cid` and `appid` agree on.
    ClientId,
    /// The SPIFFE id of the client's certificate, from Envoy's connection properties.
    Mtls,
}

/// One issuer of tokens.
#[derive(Clone, Debug, Default)]
pub struct Issuer {
    /// The exact `iss`.
    pub issuer: String,
    /// What that provider's tokens look like; every setting below can override it.
    pub profile: Profile,
    /// The issuer's keys.
    pub jwks: Jwks,
    /// Signature algorithms accepted from this issuer.
    pub algorithms: Option<Vec<String>>,
    /// Accepted `typ` headers, `none` for a header without one.
    pub token_types: Option<Vec<String>>,
    /// What every token of this issuer must show to be taken for an access token.
    pub require: Option<Vec<Requirement>>,
    /// What proves that a user stands behind the token: any of these.
    pub user_token: Option<Vec<Requirement>>,
    /// What proves that the agent itself is the subject: any of these.
    pub own_token: Option<Vec<Requirement>>,
    /// Which claims name a person for good.
    pub person: Option<Person>,
    /// From a token's `aud` to a resource's audience, where they differ.
    pub audiences: BTreeMap<String, String>,
    /// From a client id to a resource's audience, for tokens without `aud`.
    pub audience_by_client: BTreeMap<String, String>,
    /// The longest `exp` - `iat` accepted.
    pub max_lifetime: Option<Span>,
    /// Where claims are read from, and of which type they are.
    pub claims: BTreeMap<String, Claim>,
    /// The claims scopes are read from; the profile's unless said.
    pub scope_claims: Option<Vec<String>>,
    /// What this issuer's scopes mean here. With it, only mapped scopes count.
    pub scope_map: Option<BTreeMap<String, String>>,
    /// `claims` (the token's scopes are a ceiling) or `none` (they set none; needs `subjects`).
    pub token_scopes: TokenScopes,
    /// Other issuers whose actors this one's tokens may name in `act`.
    pub may_name_actors_of: Vec<String>,
    /// How far this issuer's clock may be off.
    pub clock_skew: Option<Span>,
    /// Whether a token must be bound to its sender (`cnf`).
    pub sender_constraint: SenderConstraint,
    /// Whether shared secrets may stand in the policy.
    pub development: bool,
    /// Whether a proof of possession needs a nonce of the gateway (RFC 9449 §9).
    pub dpop_nonce: bool,
}

/// A provider's habits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// `auth0`: Auth0's access-token dialect.
    Auth0,
    /// `cognito`: Amazon Cognito user pools.
    Cognito,
    /// `entra`: Microsoft Entra ID, versions 1 and 2.
    Entra,
    /// `keycloak`
    Keycloak,
    /// `okta`: custom authorization servers.
    Okta,
    /// `rfc9068`: JWT access tokens by the standard.
    #[default]
    Rfc9068,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum Jwks {
    /// Written into the policy: a JWK set (RFC 7517 §5).
    Inline(Json),
    /// Fetched through one of the gateway's clusters.
    Remote {
        /// The gateway's name for the upstream.
        cluster: String,
        /// Absolute URL; its host becomes `:authority`, its path is asked for.
        url: String,
        /// How often the keys are fetched anew.
        refresh: Span,
        /// How long the last good keys are used when fetching fails.
        keep_stale: Span,
    },
}

impl Default for Jwks {
    fn default() -> Self {
        Self::Inline(Json::Object(vec![("keys".into(), Json::Array(Vec::new()))]))
    }
}

/// A test of one claim, or of several of which one must pass.
#[derive(Clone, Debug, Default)]
pub struct Requirement {
    /// Claim names; `a.b` reads member `b` of `a` where no claim is called `a.b`.
    pub claim: Vec<String>,
    /// What is asked of it.
    pub test: RequirementTest,
}

/// What is asked of a claim.
#[derive(Clone, Debug, PartialEq)]
pub enum RequirementTest {
    /// `equals`: the string or number, or one word of a space-separated string or one element of a list.
    Equals(String),
    /// `equals_claim`: the same text as another claim; `prefix` is put before that claim's text.
    EqualsClaim {
        /// The other claim (`client_id` is the agreed client id).
        claim: String,
        /// Put before its text.
        prefix: String,
        /// Put behind its text.
        suffix: String,
    },
    /// `differs_from_claim`: present and not the text of another claim.
    DiffersFromClaim {
        /// The other claim (`client_id` is the agreed client id).
        claim: String,
        /// Put before its text.
        prefix: String,
        /// Put behind its text.
        suffix: String,
    },
    /// `present: true` or `present: false`
    Present(bool),
}

impl Default for RequirementTest {
    fn default() -> Self {
        Self::Present(true)
    }
}

/// What names a person for good.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// Issuers with one realm name the same people. The issuer itself unless said.
    pub realm: Option<String>,
    /// The claims that together are the id.
    pub id: Vec<String>,
}

/// A claim conditions may read as `subject.<name>`.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The claims it is read from; several are united.
    pub from: Vec<String>,
    /// Its type.
    pub value_type: ValueType,
    /// What a token without it means.
    pub absent: Absent,
}

/// What the absence of a claim means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Absent {
    /// An empty list, or the empty string.
    Empty,
    /// Nothing is known.
    #[default]
    Unknown,
}

/// Whether a token's scopes are a ceiling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenScopes {
    /// They are.
    #[default]
    Claims,
    /// They set none; loads only with `subjects`.
    None,
}

/// Whether tokens must be bound to their sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SenderConstraint {
    /// A `cnf` is honoured where a token has one.
    #[default]
    Honoured,
    /// A token without `cnf` is refused.
    Required,
}

/// What the users of some groups may do.
#[derive(Clone, Debug, Default)]
pub struct SubjectEntry {
    /// Any of these groups; left out, every user.
    pub groups: Option<Vec<String>>,
    /// What they may do at most.
    pub scopes: Vec<String>,
}

/// One agent, under all its names.
#[derive(Clone, Debug, Default)]
pub struct Actor {
    /// For a user, or for itself.
    pub mode: ActorMode,
    /// The names it goes by.
    pub matches: ActorMatch,
    /// What it may do at most.
    pub scopes: Vec<String>,
    /// Who answers for it.
    pub owner: Option<String>,
}

/// For whom an agent acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ActorMode {
    /// For a user, and never beyond that user's rights.
    #[default]
    Delegated,
    /// For itself.
    Independent,
}

/// The names of an agent.
#[derive(Clone, Debug, Default)]
pub struct ActorMatch {
    /// Whose names these are; may be left out when there is one issuer.
    pub issuer: Option<String>,
    /// OAuth client ids.
    pub client_id: Vec<String>,
    /// `sub` values, in `act` or in the agent's own token.
    pub sub: Vec<String>,
    /// SPIFFE ids of its certificates.
    pub spiffe: Vec<String>,
    /// `registered: dynamic`: one client id per installation, recognised by `claim`.
    pub dynamic: bool,
    /// Claims the issuer sets and the client cannot; all must equal.
    pub claim: BTreeMap<String, String>,
}

/// Something that can be asked for.
#[derive(Clone, Debug, Default)]
pub struct Resource {
    /// The token must be for this: an absolute URL.
    pub audience: Option<String>,
    /// The classes that scopes alone allow.
    pub by_scope: Vec<Action>,
    /// What becomes of the caller's token.
    pub credentials: Credentials,
    /// Who checks whose record it is, where nothing else in the policy does.
    pub per_record: Option<PerRecord>,
    /// What conditions may read as `resource.<name>`.
    pub attributes: BTreeMap<String, Attribute>,
    /// Paths of plain HTTP.
    pub http: Vec<HttpRoute>,
    /// Request headers that pass on a request that needs approval, and are bound by its digest.
    pub headers: Vec<String>,
    /// Whether the upstream knows what `approval=required` in the `ambit` header means.
    pub understands_approval: bool,
    /// Origins whose CORS preflights are answered without a token.
    pub cors_origins: Vec<String>,
}

/// What becomes of the caller's credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Credentials {
    /// The upstream gets the user's own token and checks it again: permission mirroring.
    Keep,
    /// They are removed.
    #[default]
    Strip,
}

/// Who checks whose record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PerRecord {
    /// Nobody need: the records are the same for all users.
    None,
    /// The upstream enforces `sub` of the `ambit` header.
    Upstream,
}

/// A fact about a record.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Its type.
    pub value_type: ValueType,
    /// Where it comes from.
    pub from: AttributeSource,
}

/// Where an attribute comes from.
#[derive(Clone, Debug)]
pub enum AttributeSource {
    /// `path: name`: a variable of the path template.
    Path(String),
    /// A callout before the request is forwarded.
    Lookup(Lookup),
    /// `response: /pointer`: the upstream's JSON answer, checked before it is released. Reads only.
    Response(String),
}

/// A callout that tells an attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lookup {
    /// The gateway's name for the upstream.
    pub cluster: String,
    /// `:authority` of the callout; the cluster's name unless said.
    pub host: Option<String>,
    /// The path, with the template's variables in braces.
    pub path: String,
    /// Where in the JSON answer the value stands (RFC 6901).
    pub pointer: String,
}

/// One path of plain HTTP.
#[derive(Clone, Debug, Default)]
pub struct HttpRoute {
    /// Host and port; the audience's unless said.
    pub host: Option<String>,
    /// The template: `/v1/documents/{id}`, `{id:int}`, `{id:uuid}`. Exact: a trailing `/` is another path.
    pub path: String,
    /// Which method is which action. With it, methods left out are unmapped.
    pub methods: Option<BTreeMap<String, Action>>,
    /// The longest accepted variable, in bytes.
    pub max: Option<u64>,
}

/// One statement of what is allowed or denied.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// Its name in records; never told to callers.
    pub id: String,
    /// Allow or deny.
    pub effect: Effect,
    /// The actions it speaks of.
    pub actions: Vec<Action>,
    /// The resource types, or `*` for all.
    pub resources: Vec<String>,
    /// The condition, in CEL.
    pub when: Option<String>,
    /// Who must say yes, on an allow.
    pub approval: Option<RuleApproval>,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    /// The request may pass.
    #[default]
    Allow,
    /// The request may not pass, whatever else is said.
    Deny,
}

/// Who must say yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleApproval {
    /// How strong the yes must be.
    pub tier: Tier,
    /// How long a person has to answer.
    pub approve_within: Span,
    /// How long the yes can be used.
    pub use_within: Span,
    /// Whether what the rule allows can be undone.
    pub reversible: bool,
}

/// How strong a yes must be; each includes the ones before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Nobody is asked.
    #[default]
    None,
    /// A key the user enrolled in a browser; only on rules marked `reversible: true`.
    Device,
    /// A passkey, with the user present.
    Presence,
    /// Another person than the subject.
    SecondPerson,
}

impl Tier {
    /// The word in policies, refusals and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Device => "device",
            Self::Presence => "presence",
            Self::SecondPerson => "second-person",
        }
    }
}

/// What happens where a person has to say yes.
#[derive(Clone, Debug, Default)]
pub struct Approvals {
    /// `hold` refuses with an approval request; `tag` forwards with the tag.
    pub mode: ApprovalMode,
    /// The environment variable that holds the Ed25519 seed (base64url, 32 bytes) which signs requests and tags.
    pub signing_key: Option<String>,
    /// The approval desk's address, for `url` in refusals.
    pub desk: Option<Desk>,
}

/// Where people say yes.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    /// Its absolute URL.
    pub url: String,
}

/// What a missing approval leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApprovalMode {
    /// The request is refused, with what to ask a person.
    #[default]
    Hold,
    /// The request is forwarded, tagged, to an upstream that understands it.
    Tag,
}

/// What is recorded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Audit {
    /// How much.
    pub level: AuditLevel,
    /// Who says what came of a request.
    pub outcome: AuditOutcome,
}

/// Who says status and duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditOutcome {
    /// The gateway, in the line of its log that the record stands in. What Ambit answered itself
    /// is in the record.
    #[default]
    Gateway,
    /// The record, for sinks that get nothing else.
    Record,
}

/// How much is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditLevel {
    /// Who, for whom, which resource, what was decided and why, what came of it.
    #[default]
    Metadata,
    /// And the query string of the request.
    Request,
}

/// Bounds on what is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest request body held where a body decides, in bytes.
    pub request_body: u64,
    /// The largest response held where a response decides, in bytes.
    pub response_body: u64,
    /// How long a look-up may take.
    pub lookup_timeout: Span,
    /// The longest token, in bytes.
    pub token: u64,
    /// The deepest chain of actors.
    pub actor_chain: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_body: 262_144,
            response_body: 262_144,
            lookup_timeout: Span::from_millis(1000),
            token: 16_384,
            actor_chain: 4,
        }
    }
}

/// Whether decisions bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They do.
    #[default]
    Enforce,
    /// They are recorded, and the request passes.
    Shadow,
}
