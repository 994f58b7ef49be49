//! Policy tests as tables: every subject with every actor and everything they do, of which what is
//! not listed must be refused.
//!
//! ```yaml
//! suite: tickets                                                       # beside policy.yaml, as policy_test.yaml
//! now: "2026-01-15T09:00:00Z"
//! subjects: { alice: { groups: [support] }, nobody: null }             # claims; null: no token
//! resources: { ticket: { path: /v1/tickets/7, body: "{}" } }           # actors are the policy's own
//! cases:
//!   - name: who may do what to a ticket
//!     subjects: [alice, nobody]
//!     actors: [assistant]
//!     resources: [ticket]
//!     actions: [read, write, delete]
//!     expect:
//!       - { subject: alice, action: read, rule: "by-scope:read:ticket" }   # allowed; all else is refused
//!       - { subject: alice, action: write, decision: deny, reason: approval-required, approval: presence }
//! ```

mod because;
mod coverage;
mod discover;
mod expand;
mod filter;
pub(crate) mod fixtures;
mod judge;
pub mod report;
mod run;

pub use coverage::{BranchCoverage, Coverage, PermissionCoverage, RuleCoverage};
pub use discover::{Suites, suites};
pub(crate) use expand::expand;
pub use filter::Filter;
pub use judge::{Failure, failure};
pub use run::{MORNING, Plan, Start, run};

use crate::scenario::Scripted;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is asked for, by whomever.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Method.
    #[serde(default = "crate::scenario::get")]
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers: name and value.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(default)]
    pub body: String,
    /// Another answer of the upstream than the file's.
    #[serde(default)]
    pub upstream: Option<Scripted>,
}

/// A thing, to which any action can be done.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// Path and query.
    pub path: String,
    /// Its host, where not the file's.
    #[serde(default)]
    pub host: String,
    /// The method of an action, where it is not GET for `read`, PUT for `write`, DELETE for `delete`.
    #[serde(default)]
    pub methods: BTreeMap<String, String>,
    /// Headers: name and value.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body of what is sent with PUT, POST or PATCH.
    #[serde(default)]
    pub body: String,
    /// Another answer of the upstream than the file's.
    #[serde(default)]
    pub upstream: Option<Scripted>,
}

/// A table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// A sentence.
    pub name: String,
    /// Why it is not asked.
    #[serde(default)]
    pub skip: Option<String>,
    /// The time of its requests (RFC 3339), where not the file's.
    #[serde(default)]
    pub now: Option<String>,
    /// Names from the file's `subjects`.
    pub subjects: Vec<String>,
    /// Names from the file's `actors`, or the policy's.
    pub actors: Vec<String>,
    /// Names from the file's `targets`.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Names from the file's `resources`.
    #[serde(default)]
    pub resources: Vec<String>,
    /// What is done to each of the resources: `read`, `write`, `delete`, `admin`.
    #[serde(default)]
    pub actions: Vec<String>,
    /// What is allowed, and refusals of which more is asked than that they are refusals.
    #[serde(default)]
    pub expect: Vec<Row>,
}

/// What must come of some cells of a table; a name left out stands for all.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Whose authority is used.
    #[serde(default)]
    pub subject: Option<String>,
    /// Who acts.
    #[serde(default)]
    pub actor: Option<String>,
    /// What is asked for.
    #[serde(default)]
    pub target: Option<String>,
    /// To what something is done.
    #[serde(default)]
    pub resource: Option<String>,
    /// What is done.
    #[serde(default)]
    pub action: Option<String>,
    /// What must come of it.
    #[serde(default, alias = "decision")]
    pub effect: Effect,
    /// Reason code.
    #[serde(default)]
    pub reason: Option<String>,
    /// Status the client gets.
    #[serde(default)]
    pub status: Option<u16>,
    /// The rules that determined it.
    #[serde(default)]
    pub rules: Option<Vec<String>>,
    /// The one rule that determined it.
    #[serde(default)]
    pub rule: Option<String>,
    /// What the gateway had to do for the allow to count: `tag`, or nothing.
    #[serde(default)]
    pub obligations: Option<Vec<String>>,
    /// The tier of the approval that is asked for.
    #[serde(default)]
    pub approval: Option<String>,
    /// What of the request as the upstream saw it must be so.
    #[serde(default)]
    pub upstream: Option<Passing>,
    /// Texts the client's answer must hold, headers or body.
    #[serde(default)]
    pub client: Vec<String>,
    /// Members of the record, by JSON pointer.
    #[serde(default)]
    pub record: BTreeMap<String, Value>,
}

/// A request as it must reach the upstream; what is left out may be anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passing {
    /// Path and query.
    #[serde(default)]
    pub path: Option<String>,
    /// Body.
    #[serde(default)]
    pub body: Option<String>,
    /// Texts that headers of these names must hold.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Names that must not be among the headers.
    #[serde(default)]
    pub absent: Vec<String>,
}

/// What was decided.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The request passed.
    #[default]
    Allow,
    /// It was refused.
    Deny,
}

impl Effect {
    const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// Where in a table a request stands, and what the table says of it; without a row it must be refused.
#[derive(Clone, Debug)]
pub struct Cell {
    pub(crate) case: String,
    pub(crate) thing: String,
    pub(crate) action: Option<String>,
    pub(crate) row: Option<Row>,
}
