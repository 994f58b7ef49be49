//! Every key a policy may have: one table, from which the walker refuses unknown keys and missing
//! ones, and from which the JSON Schema and `docs/policy-reference.md` are generated.

mod identity;
mod resources;
mod rules;

pub(super) use identity::{CLAIM, JWKS_INLINE, JWKS_REMOTE, OTHER_CLAIM, REMOTE};
pub(super) use resources::{FROM_LOOKUP, FROM_PATH, FROM_RESPONSE, LOOKUP};
pub(super) use rules::{APPROVAL, SECRET};

use Shape::{Choice, Duration, ListOf, MapOf, Of, Size, Text, Texts, Whole};
use identity::IDENTITY;
use resources::RESOURCE;
use rules::{APPROVALS, RULE};

/// A map of a policy.
#[derive(Debug)]
pub struct Section {
    /// Where it stands, for people: `identity.issuers[]`.
    pub path: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
    /// What it is.
    #[cfg(feature = "author")]
    pub doc: &'static str,
}

impl Section {
    /// The words for people stay out of the module.
    #[cfg_attr(not(feature = "author"), expect(unused_variables, reason = "for people only"))]
    const fn new(path: &'static str, doc: &'static str, keys: &'static [Key]) -> Self {
        Self {
            path,
            keys,
            #[cfg(feature = "author")]
            doc,
        }
    }
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value looks like.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// What holds without it.
    #[cfg(feature = "author")]
    pub default: &'static str,
    /// What it means.
    #[cfg(feature = "author")]
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

impl Shape {
    /// The sections of the maps that a value of this shape can hold, the nearest ones.
    #[must_use]
    pub fn sections(&self) -> Vec<&'static Section> {
        match self {
            Self::Of(section) => vec![section],
            Self::ListOf(inner) | Self::MapOf(inner) => inner.sections(),
            Self::OneOf(shapes) => shapes.iter().flat_map(Self::sections).collect(),
            Self::Any
            | Self::Bool
            | Self::Choice(_)
            | Self::Duration
            | Self::Size
            | Self::Text
            | Self::Texts
            | Self::Whole => Vec::new(),
        }
    }
}

/// A key that must be there.
#[cfg_attr(not(feature = "author"), expect(unused_variables, reason = "for people only"))]
const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key {
        name,
        shape,
        required: true,
        #[cfg(feature = "author")]
        default: "",
        #[cfg(feature = "author")]
        doc,
    }
}

/// A key that may be left out.
#[cfg_attr(not(feature = "author"), expect(unused_variables, reason = "for people only"))]
const fn optional(
    name: &'static str,
    shape: Shape,
    default: &'static str,
    doc: &'static str,
) -> Key {
    Key {
        name,
        shape,
        required: false,
        #[cfg(feature = "author")]
        default,
        #[cfg(feature = "author")]
        doc,
    }
}

/// The four classes of action.
pub(super) const ACTIONS: &[&str] = &["read", "write", "delete", "admin"];
/// How strong a yes must be.
pub(super) const TIERS: &[&str] = &["none", "device", "presence", "second-person"];
/// What providers' tokens look like.
pub(super) const PROFILES: &[&str] = &["rfc9068", "keycloak", "auth0", "okta", "entra", "cognito"];

/// The whole policy.
pub static POLICY: Section = Section::new(
    "",
    "A policy: who may ask, what there is, and what is allowed.",
    &[
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
);

static SUBJECT: Section = Section::new(
    "subjects[]",
    "What the users of some groups may do at most; entries add up.",
    &[
        optional("groups", Texts, "every user", "Any of these groups."),
        required("scopes", ListOf(&Text), "Scopes: `[no:]<action|*>[:<type|*>]`."),
    ],
);

static ACTOR: Section = Section::new(
    "actors.<name>",
    "One agent, under all its names.",
    &[
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
);

static MATCH: Section = Section::new(
    "actors.<name>.match",
    "The names of an agent: at least one of `client_id`, `sub`, `spiffe`, or `registered: dynamic` with `claim`.",
    &[
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
);

static AUDIT: Section = Section::new(
    "audit",
    "What is recorded.",
    &[
        optional(
            "level",
            Choice(&["metadata", "request"]),
            "metadata",
            "`request` adds the query string.",
        ),
        optional(
            "outcome",
            Choice(&["gateway", "record"]),
            "gateway",
            "Where status and duration stand: in the gateway's own log line, beside the record, or in the record too, which costs a tenth of a request's time.",
        ),
    ],
);

static LIMITS: Section = Section::new(
    "limits",
    "Bounds on what is read from requests and dependencies.",
    &[
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
);

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
