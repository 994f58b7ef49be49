//! The keys of `identity`.

use super::Shape::{Any, Bool, Choice, Duration, ListOf, MapOf, Of, OneOf, Text, Texts};
use super::{PROFILES, Section, optional, required};

pub(in crate::policy) static IDENTITY: Section = Section::new(
    "identity",
    "Who issues tokens, and how they are read.",
    &[
        optional(
            "actor_from",
            ListOf(&Choice(&["act", "client_id", "mtls"])),
            "[act, client_id]",
            "Where the actor's name is read. All sources that are present must name the same actor; `act` left out refuses tokens that carry it.",
        ),
        required("issuers", ListOf(&Of(&ISSUER)), "The issuers whose tokens count."),
    ],
);

static ISSUER: Section = Section::new(
    "identity.issuers[]",
    "One issuer of tokens. `profile` sets what that provider sends; each setting overrides it.",
    &[
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
            Choice(&["honoured", "required", "dpop"]),
            "honoured",
            "`required` refuses tokens that are not bound to their sender by a DPoP key (`cnf.jkt`, RFC 9449) or a client certificate (`cnf.x5t#S256`, RFC 8705); `dpop` takes only the former. A token that is bound is never taken without its proof.",
        ),
        optional(
            "dpop_nonce",
            Bool,
            "false",
            "`true`: a DPoP proof counts only with a nonce of this gateway (RFC 9449 §9), which a refusal brings.",
        ),
        optional(
            "development",
            Bool,
            "false",
            "Lets shared secrets (HS*) stand in `jwks`, for tests and for one machine: whoever reads the policy can make tokens.",
        ),
    ],
);

/// `jwks: { inline: … }`
pub(in crate::policy) static JWKS_INLINE: Section = Section::new(
    "identity.issuers[].jwks",
    "Keys written into the policy.",
    &[required("inline", Any, "A JWK set (RFC 7517 §5).")],
);

/// `jwks: { remote: … }`
pub(in crate::policy) static JWKS_REMOTE: Section = Section::new(
    "identity.issuers[].jwks",
    "Keys fetched through one of the gateway's clusters.",
    &[required("remote", Of(&REMOTE), "Where they are.")],
);

/// Where remote keys are.
pub(in crate::policy) static REMOTE: Section = Section::new(
    "identity.issuers[].jwks.remote",
    "Where the issuer's keys are.",
    &[
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
);

static REQUIREMENT: Section = Section::new(
    "identity.issuers[].require[]",
    "A test of one claim, or of several of which one must pass. Exactly one of `present`, `equals`, `equals_claim` and `differs_from_claim`.",
    &[
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
);

/// Another claim, with text around it.
pub(in crate::policy) static OTHER_CLAIM: Section = Section::new(
    "identity.issuers[].require[].equals_claim",
    "Another claim's text, with a prefix or suffix. `client_id` is the agreed client id.",
    &[
        required("claim", Text, "The other claim."),
        optional("prefix", Text, "empty", "Put before its text."),
        optional("suffix", Text, "empty", "Put behind its text."),
    ],
);

static PERSON: Section = Section::new(
    "identity.issuers[].person",
    "What names a person for good.",
    &[
        optional("realm", Text, "the issuer", "Issuers with one realm name the same people."),
        optional("id", Texts, "the profile's", "The claims that together are the id."),
    ],
);

/// A claim of its own type.
pub(in crate::policy) static CLAIM: Section = Section::new(
    "identity.issuers[].claims.<name>",
    "A claim that conditions read as `subject.<name>`.",
    &[
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
);
