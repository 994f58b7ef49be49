//! The keys of `resources`.

use super::Shape::{Bool, Choice, ListOf, MapOf, Of, OneOf, Size, Text, Texts};
use super::{ACTIONS, Section, optional, required};

pub(in crate::policy) static RESOURCE: Section = Section::new(
    "resources.<type>",
    "Something that can be asked for. Where a path has a variable and nothing looks at the record, one of `credentials: keep` and `per_record` must say who checks whose record it is.",
    &[
        required(
            "audience",
            Text,
            "The token must be for this: an absolute URL, exactly as in `aud`.",
        ),
        optional(
            "title",
            Text,
            "none",
            "What people are shown as its name, in the metadata of its audience (RFC 9728).",
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
);

static ATTRIBUTE: Section = Section::new(
    "resources.<type>.attributes.<name>",
    "A fact about a record. It never comes from a body, query or header that the agent wrote.",
    &[
        required("type", OneOf(&[Text, ListOf(&Text)]), "Its type, as of a claim."),
        required(
            "from",
            OneOf(&[Of(&FROM_PATH), Of(&FROM_LOOKUP), Of(&FROM_RESPONSE)]),
            "Where it comes from.",
        ),
    ],
);

/// `from: { path: … }`
pub(in crate::policy) static FROM_PATH: Section = Section::new(
    "resources.<type>.attributes.<name>.from",
    "From the path.",
    &[required("path", Text, "A variable of the template.")],
);

/// `from: { lookup: … }`
pub(in crate::policy) static FROM_LOOKUP: Section = Section::new(
    "resources.<type>.attributes.<name>.from",
    "From a callout before the request is forwarded.",
    &[required("lookup", Of(&LOOKUP), "What to ask.")],
);

/// `from: { response: … }`
pub(in crate::policy) static FROM_RESPONSE: Section = Section::new(
    "resources.<type>.attributes.<name>.from",
    "From the upstream's JSON answer, checked before it is released. Plain GET reads only.",
    &[required("response", Text, "Where in the answer: a JSON pointer.")],
);

/// A callout.
pub(in crate::policy) static LOOKUP: Section = Section::new(
    "resources.<type>.attributes.<name>.from.lookup",
    "A GET before the request is forwarded. 404 means that there is no such record; everything else but a JSON 200 is a failure, and closes.",
    &[
        required("cluster", Text, "The gateway's name for the upstream."),
        optional("host", Text, "the cluster's name", "`:authority` of the callout."),
        required("path", Text, "The path, with variables of the template in braces."),
        required("pointer", Text, "Where in the answer: a JSON pointer."),
    ],
);

static HTTP: Section = Section::new(
    "resources.<type>.http[]",
    "One path of plain HTTP. The most specific template alone decides; a trailing `/` is another path.",
    &[
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
);
