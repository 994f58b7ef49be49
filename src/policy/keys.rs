//! Every key a policy may have: one table, from which the walker refuses unknown keys and missing
//! ones, and from which the JSON Schema and `docs/policy-reference.md` are generated.

/// A map of a policy.
#[derive(Debug)]
pub struct Section {
    /// Where it stands, for people: `identity.issuers[]`.
    pub path: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value looks like.
    pub shape: Shape,
    /// What holds without it; `None` where it is required.
    pub default: Option<&'static str>,
    /// What it means.
    pub doc: &'static str,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Any value at all (a key set).
    Any,
    /// `true` or `false`.
    Bool,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A length of time: `500ms`, `30s`, `15m`, `8h`, `2d`.
    Duration,
    /// Names to values.
    MapOf(&'static Self),
    /// A list.
    ListOf(&'static Self),
    /// One of several shapes.
    OneOf(&'static [Self]),
    /// A map of its own.
    Of(&'static Section),
    /// A size: bytes, or with `KB`, `MB`, `KiB`, `MiB`.
    Size,
    /// A text, or a list of texts.
    Texts,
    /// A text.
    Text,
    /// A whole number.
    Whole,
}

use Shape::{Any, Bool, Choice, Duration, ListOf, MapOf, Of, OneOf, Size, Text, Texts, Whole};

/// A key that must be there.
const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, shape, default: None, doc }
}

/// A key that may be left out.
const fn optional(
    name: &'static str,
    shape: Shape,
    default: &'static str,
    doc: &'static str,
) -> Key {
    Key { name, shape, default: Some(default), doc }
}

/// The four classes of action.
pub(super) const ACTIONS: &[&str] = &["read", "write", "delete", "admin"];
/// How strong a yes must be.
pub(super) const TIERS: &[&str] = &["none", "device", "presence", "second-person"];
/// What providers' tokens look like.
pub(super) const PROFILES: &[&str] = &["rfc9068", "keycloak", "auth0", "okta", "entra", "cognito"];

/// The whole policy.
pub static POLICY: Section = Section {
    path: "",
    doc: "A policy: who may ask, what there is, and what is allowed.",
    keys: &[
        required("apiVersion", Choice(&["ambit/v1"]), "The format of this document."),
        required("name", Text, "The policy's name, as records and the `ambit` header carry it."),
        required("identity", Of(&IDENTITY), "Who issues tokens, and how they are read."),
        optional(
            "subjects",
            ListOf(&Of(&SUBJECT)),
            "the token's scopes alone say it",
            "What a user may do at most, by group. Independent actors have no subject.",
        ),
        required(
            "actors",
            MapOf(&Of(&ACTOR)),
            "The agents this policy knows, by name. Every other actor is refused.",
        ),
        required("resources", MapOf(&Of(&RESOURCE)), "What can be asked for, by type."),
        optional(
            "rules",
            ListOf(&Of(&RULE)),
            "none",
            "What is allowed and denied beyond `by_scope`.",
        ),
        optional(
            "approvals",
            Of(&APPROVALS),
            "hold",
            "What happens where a person has to say yes.",
        ),
        optional("audit", Of(&AUDIT), "metadata", "What is recorded."),
        optional(
            "limits",
            Of(&LIMITS),
            "see below",
            "Bounds on what is read from requests and dependencies.",
        ),
        optional(
            "mode",
            Choice(&["enforce", "shadow"]),
            "enforce",
            "`shadow` records what would have been decided, removes what clients forge, and changes, holds and strips nothing else.",
        ),
    ],
};

static IDENTITY: Section = Section {
    path: "identity",
    doc: "Who issues tokens, and how they are read.",
    keys: &[
        optional(
            "actor_from",
            ListOf(&Choice(&["act", "client_id", "mtls"])),
            "[act, client_id]",
            "Where the actor's name is read. All sources that are present must name the same actor; `act` left out refuses tokens that carry it.",
        ),
        required("issuers", ListOf(&Of(&ISSUER)), "The issuers whose tokens count."),
    ],
};

static ISSUER: Section = Section {
    path: "identity.issuers[]",
    doc: "One issuer of tokens. `profile` sets what that provider sends; each setting overrides it.",
    keys: &[
        required("issuer", Text, "The exact `iss`."),
        optional("profile", Choice(PROFILES), "rfc9068", "What this provider's tokens look like."),
        required("jwks", OneOf(&[Of(&JWKS_INLINE), Of(&JWKS_REMOTE)]), "The issuer's keys."),
        optional(
            "algorithms",
            ListOf(&Text),
            "the profile's",
            "Signature algorithms accepted: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA; HS256, HS384, HS512 only alone.",
        ),
        optional(
            "token_types",
            Texts,
            "the profile's",
            "Accepted `typ` headers; `none` is a header without one. `JWT` and `none` load only with `require`.",
        ),
        optional(
            "require",
            ListOf(&Of(&REQUIREMENT)),
            "the profile's",
            "What every token must show to be taken for an access token; all must hold.",
        ),
        optional(
            "user_token",
            ListOf(&Of(&REQUIREMENT)),
            "the profile's",
            "What proves that a user stands behind the token: any of these. A token that meets neither list or both is `unclear-principal`.",
        ),
        optional(
            "own_token",
            ListOf(&Of(&REQUIREMENT)),
            "the profile's",
            "What proves that the agent itself is the subject: any of these.",
        ),
        optional("person", Of(&PERSON), "the profile's", "What names a person for good."),
        optional(
            "audiences",
            MapOf(&Text),
            "none",
            "From a token's `aud` to a resource's audience, where they differ.",
        ),
        optional(
            "audience_by_client",
            MapOf(&Text),
            "none",
            "From a client id to a resource's audience, for tokens without `aud`.",
        ),
        optional(
            "max_lifetime",
            Duration,
            "the profile's (rfc9068: 15m)",
            "The longest `exp` - `iat`. Longer is refused with `token-lifetime`.",
        ),
        optional(
            "claims",
            MapOf(&OneOf(&[Texts, Of(&CLAIM)])),
            "none",
            "Claims that conditions read as `subject.<name>`. `scopes` is a list of the claims scopes are read from; `groups` is always there.",
        ),
        optional(
            "scope_map",
            MapOf(&Text),
            "none",
            "What this issuer's scopes mean here. With it only mapped scopes count; `no:` scopes are read first.",
        ),
        optional(
            "token_scopes",
            Choice(&["claims", "none"]),
            "claims",
            "`none`: the token sets no ceiling; loads only with `subjects`.",
        ),
        optional(
            "may_name_actors_of",
            Texts,
            "none",
            "Other issuers whose actors this one's tokens may name in `act.iss`.",
        ),
        optional(
            "clock_skew",
            Duration,
            "30s",
            "How far this issuer's clock may be off; at most 60s.",
        ),
        optional(
            "sender_constraint",
            Choice(&["honoured", "required"]),
            "honoured",
            "`required` refuses tokens that are not bound to their sender (`cnf`).",
        ),
    ],
};

/// `jwks: { inline: … }`
pub(super) static JWKS_INLINE: Section = Section {
    path: "identity.issuers[].jwks",
    doc: "Keys written into the policy.",
    keys: &[required("inline", Any, "A JWK set (RFC 7517 §5).")],
};

/// `jwks: { remote: … }`
pub(super) static JWKS_REMOTE: Section = Section {
    path: "identity.issuers[].jwks",
    doc: "Keys fetched through one of the gateway's clusters.",
    keys: &[required("remote", Of(&REMOTE), "Where they are.")],
};

/// Where remote keys are.
pub(super) static REMOTE: Section = Section {
    path: "identity.issuers[].jwks.remote",
    doc: "Where the issuer's keys are.",
    keys: &[
        required("cluster", Text, "The gateway's name for the upstream."),
        required("url", Text, "Absolute URL of the key set."),
        optional("refresh", Duration, "5m", "How often the keys are fetched anew."),
        optional(
            "keep_stale",
            Duration,
            "1h",
            "How long the last good keys are used when fetching fails.",
        ),
    ],
};

static REQUIREMENT: Section = Section {
    path: "identity.issuers[].require[]",
    doc: "A test of one claim, or of several of which one must pass. Exactly one of `present`, `equals`, `equals_claim` and `differs_from_claim`.",
    keys: &[
        required("claim", Texts, "The claim; of several, any."),
        optional("present", Bool, "not asked", "Whether the claim must be there, or must not."),
        optional(
            "equals",
            Text,
            "not asked",
            "The text or number it must be, one word of it, or one element.",
        ),
        optional(
            "equals_claim",
            OneOf(&[Text, Of(&OTHER_CLAIM)]),
            "not asked",
            "Another claim it must equal.",
        ),
        optional(
            "differs_from_claim",
            OneOf(&[Text, Of(&OTHER_CLAIM)]),
            "not asked",
            "Another claim it must differ from.",
        ),
    ],
};

/// Another claim, with text around it.
pub(super) static OTHER_CLAIM: Section = Section {
    path: "identity.issuers[].require[].equals_claim",
    doc: "Another claim's text, with a prefix or suffix. `client_id` is the agreed client id.",
    keys: &[
        required("claim", Text, "The other claim."),
        optional("prefix", Text, "empty", "Put before its text."),
        optional("suffix", Text, "empty", "Put behind its text."),
    ],
};

static PERSON: Section = Section {
    path: "identity.issuers[].person",
    doc: "What names a person for good.",
    keys: &[
        optional("realm", Text, "the issuer", "Issuers with one realm name the same people."),
        optional("id", Texts, "the profile's", "The claims that together are the id."),
    ],
};

/// A claim of its own type.
pub(super) static CLAIM: Section = Section {
    path: "identity.issuers[].claims.<name>",
    doc: "A claim that conditions read as `subject.<name>`.",
    keys: &[
        required("from", Texts, "The claims it is read from; several are united."),
        required(
            "type",
            OneOf(&[Text, ListOf(&Text)]),
            "`string`, `int`, `double`, `bool`, `timestamp`, `dyn`, or a list: `[string]`.",
        ),
        optional(
            "absent",
            Choice(&["unknown", "empty"]),
            "unknown",
            "What a token without it means. A withheld claim is unknown whatever this says.",
        ),
    ],
};

static SUBJECT: Section = Section {
    path: "subjects[]",
    doc: "What the users of some groups may do at most; entries add up.",
    keys: &[
        optional("groups", Texts, "every user", "Any of these groups."),
        required("scopes", ListOf(&Text), "Scopes: `[no:]<action|*>[:<type|*>]`."),
    ],
};

static ACTOR: Section = Section {
    path: "actors.<name>",
    doc: "One agent, under all its names.",
    keys: &[
        optional(
            "mode",
            Choice(&["delegated", "independent"]),
            "delegated",
            "For a user, never beyond that user's rights; or for itself.",
        ),
        required("match", Of(&MATCH), "The names it goes by."),
        required("scopes", ListOf(&Text), "What it may do at most."),
        optional("owner", Text, "nobody", "Who answers for it."),
    ],
};

static MATCH: Section = Section {
    path: "actors.<name>.match",
    doc: "The names of an agent: at least one of `client_id`, `sub`, `spiffe`, or `registered: dynamic` with `claim`.",
    keys: &[
        optional(
            "issuer",
            Text,
            "the only issuer",
            "Whose names these are; required with several issuers.",
        ),
        optional("client_id", Texts, "none", "OAuth client ids."),
        optional("sub", Texts, "none", "`sub` values, in `act` or in the agent's own token."),
        optional("spiffe", Texts, "none", "SPIFFE ids of its certificates."),
        optional(
            "registered",
            Choice(&["dynamic"]),
            "by name",
            "One client id per installation, recognised by `claim`.",
        ),
        optional(
            "claim",
            MapOf(&Text),
            "none",
            "Claims the issuer sets and the client cannot; all must equal.",
        ),
    ],
};

static RESOURCE: Section = Section {
    path: "resources.<type>",
    doc: "Something that can be asked for. Where a path has a variable and nothing looks at the record, one of `credentials: keep` and `per_record` must say who checks whose record it is.",
    keys: &[
        required(
            "audience",
            Text,
            "The token must be for this: an absolute URL, exactly as in `aud`.",
        ),
        optional(
            "by_scope",
            ListOf(&Choice(ACTIONS)),
            "none",
            "The classes that scopes alone allow; write and delete with an approval. Never `admin`, and never a pair that a rule allows too.",
        ),
        optional(
            "credentials",
            Choice(&["strip", "keep"]),
            "strip",
            "`keep`: the upstream gets the user's own token and checks it again.",
        ),
        optional(
            "per_record",
            Choice(&["upstream", "none"]),
            "a load error where it is needed",
            "`upstream`: it enforces `sub` of the `ambit` header. `none`: the records are the same for all users.",
        ),
        optional(
            "attributes",
            MapOf(&Of(&ATTRIBUTE)),
            "none",
            "What conditions read as `resource.<name>`.",
        ),
        required("http", ListOf(&Of(&HTTP)), "Paths of plain HTTP."),
        optional(
            "headers",
            Texts,
            "none",
            "Request headers that pass on a request that needs approval, bound by its digest.",
        ),
        optional(
            "understands_approval",
            Bool,
            "false",
            "Whether the upstream knows what `approval=required` means (mode `tag`).",
        ),
        optional(
            "cors_origins",
            Texts,
            "none",
            "Origins whose preflights are answered without a token.",
        ),
    ],
};

static ATTRIBUTE: Section = Section {
    path: "resources.<type>.attributes.<name>",
    doc: "A fact about a record. It never comes from a body, query or header that the agent wrote.",
    keys: &[
        required("type", OneOf(&[Text, ListOf(&Text)]), "Its type, as of a claim."),
        required(
            "from",
            OneOf(&[Of(&FROM_PATH), Of(&FROM_LOOKUP), Of(&FROM_RESPONSE)]),
            "Where it comes from.",
        ),
    ],
};

/// `from: { path: … }`
pub(super) static FROM_PATH: Section = Section {
    path: "resources.<type>.attributes.<name>.from",
    doc: "From the path.",
    keys: &[required("path", Text, "A variable of the template.")],
};

/// `from: { lookup: … }`
pub(super) static FROM_LOOKUP: Section = Section {
    path: "resources.<type>.attributes.<name>.from",
    doc: "From a callout before the request is forwarded.",
    keys: &[required("lookup", Of(&LOOKUP), "What to ask.")],
};

/// `from: { response: … }`
pub(super) static FROM_RESPONSE: Section = Section {
    path: "resources.<type>.attributes.<name>.from",
    doc: "From the upstream's JSON answer, checked before it is released. Plain GET reads only.",
    keys: &[required("response", Text, "Where in the answer: a JSON pointer.")],
};

/// A callout.
pub(super) static LOOKUP: Section = Section {
    path: "resources.<type>.attributes.<name>.from.lookup",
    doc: "A GET before the request is forwarded. 404 means that there is no such record; everything else but a JSON 200 is a failure, and closes.",
    keys: &[
        required("cluster", Text, "The gateway's name for the upstream."),
        optional("host", Text, "the cluster's name", "`:authority` of the callout."),
        required("path", Text, "The path, with variables of the template in braces."),
        required("pointer", Text, "Where in the answer: a JSON pointer."),
    ],
};

static HTTP: Section = Section {
    path: "resources.<type>.http[]",
    doc: "One path of plain HTTP. The most specific template alone decides; a trailing `/` is another path.",
    keys: &[
        optional("host", Text, "the audience's", "Host, and port unless it is the scheme's own."),
        required(
            "path",
            Text,
            "The template: `/v1/documents/{id}`, `{id:int}` (canonical decimal), `{id:uuid}` (lower case).",
        ),
        optional(
            "methods",
            MapOf(&Choice(ACTIONS)),
            "GET, HEAD: read; POST, PUT, PATCH: write; DELETE: delete",
            "Which method is which action. With it, methods left out are unmapped.",
        ),
        optional("max", Size, "256", "The longest accepted variable, in bytes; longer is 400."),
    ],
};

static RULE: Section = Section {
    path: "rules[]",
    doc: "One statement of what is allowed or denied. Order never matters; a deny beats every allow.",
    keys: &[
        required("id", Text, "Its name in records; never told to callers."),
        required("effect", Choice(&["allow", "deny"]), "What it says."),
        required("actions", ListOf(&Choice(ACTIONS)), "The actions it speaks of."),
        required("resources", ListOf(&Text), "The resource types, or `*` for all."),
        optional(
            "when",
            Text,
            "always",
            "The condition, in CEL. Only a definite true allows, only a definite false spares.",
        ),
        optional(
            "approval",
            OneOf(&[Choice(TIERS), Of(&APPROVAL)]),
            "read: none; write, delete, admin: presence",
            "Who must say yes. `none` says aloud that nobody need.",
        ),
    ],
};

/// Who must say yes.
pub(super) static APPROVAL: Section = Section {
    path: "rules[].approval",
    doc: "Who must say yes. Independent actors always need a second person.",
    keys: &[
        required(
            "tier",
            Choice(TIERS),
            "How strong the yes must be. `device` only with `reversible: true`, and never for delete and admin.",
        ),
        optional("approve_within", Duration, "30m", "How long a person has to answer."),
        optional("use_within", Duration, "5m", "How long the yes can be used."),
        optional("reversible", Bool, "false", "Whether what the rule allows can be undone."),
    ],
};

static APPROVALS: Section = Section {
    path: "approvals",
    doc: "What happens where a person has to say yes.",
    keys: &[
        optional(
            "mode",
            Choice(&["hold", "tag"]),
            "hold",
            "`hold` refuses with an approval request; `tag` forwards, marked and signed, to resources that say `understands_approval`.",
        ),
        optional(
            "signing_key",
            Of(&SECRET),
            "none",
            "An Ed25519 seed that signs approval requests and tags. Required by `tag`.",
        ),
        optional("desk", Of(&DESK), "none", "Where people say yes; gives refusals their `url`."),
    ],
};

/// Where a secret is.
pub(super) static SECRET: Section = Section {
    path: "approvals.signing_key",
    doc: "A secret is always in the environment: what stands in a policy is printed by the gateway.",
    keys: &[required("env", Text, "The variable, also in the gateway's `host_env_keys`.")],
};

static DESK: Section = Section {
    path: "approvals.desk",
    doc: "Where people say yes.",
    keys: &[required("url", Text, "Its absolute URL.")],
};

static AUDIT: Section = Section {
    path: "audit",
    doc: "What is recorded.",
    keys: &[optional(
        "level",
        Choice(&["metadata", "request"]),
        "metadata",
        "`request` adds the query string.",
    )],
};

static LIMITS: Section = Section {
    path: "limits",
    doc: "Bounds on what is read from requests and dependencies.",
    keys: &[
        optional(
            "request_body",
            Size,
            "256KiB",
            "The largest request body held where a body decides; larger is 413. Keep it below the gateway's buffer limit.",
        ),
        optional(
            "response_body",
            Size,
            "256KiB",
            "The largest response held where a response decides.",
        ),
        optional("lookup_timeout", Duration, "1s", "How long a look-up may take."),
        optional("token", Size, "16KiB", "The longest token."),
        optional("actor_chain", Whole, "4", "The deepest chain of actors, at most 8."),
    ],
};

/// Keys of the format that this version does not have; a policy with one does not load.
pub(super) const LATER: &[&str] = &[
    "a2a",
    "approvers",
    "decision_points",
    "delivery",
    "grants",
    "guardrails",
    "llm",
    "mcp",
    "query",
    "redact",
    "sealing_keys",
    "sinks",
];
