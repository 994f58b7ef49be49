//! The keys of `rules` and `approvals`.

use super::Shape::{Bool, Choice, Duration, ListOf, Of, OneOf, Text};
use super::{ACTIONS, Section, TIERS, optional, required};

pub(in crate::policy) static RULE: Section = Section::new(
    "rules[]",
    "One statement of what is allowed or denied. Order never matters; a deny beats every allow.",
    &[
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
);

/// Who must say yes.
pub(in crate::policy) static APPROVAL: Section = Section::new(
    "rules[].approval",
    "Who must say yes. Independent actors always need a second person.",
    &[
        required(
            "tier",
            Choice(TIERS),
            "How strong the yes must be. `device` only with `reversible: true`, and never for delete and admin.",
        ),
        optional("approve_within", Duration, "30m", "How long a person has to answer."),
        optional("use_within", Duration, "5m", "How long the yes can be used."),
        optional("reversible", Bool, "false", "Whether what the rule allows can be undone."),
    ],
);

pub(in crate::policy) static APPROVALS: Section = Section::new(
    "approvals",
    "What happens where a person has to say yes.",
    &[
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
);

/// Where a secret is.
pub(in crate::policy) static SECRET: Section = Section::new(
    "approvals.signing_key",
    "A secret is always in the environment: what stands in a policy is printed by the gateway.",
    &[required("env", Text, "The variable, also in the gateway's `host_env_keys`.")],
);

static DESK: Section = Section::new(
    "approvals.desk",
    "Where people say yes.",
    &[required("url", Text, "Its absolute URL.")],
);
