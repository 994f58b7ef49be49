//! Untrusted bytes become one [`AccessRequest`].

mod action;
pub(crate) mod bytes;
pub mod credentials;
pub mod host;
pub mod json;
pub mod path;
pub mod query;

pub use action::{Action, ActionSet};

use crate::decision::Reason;
use crate::identity::VerifiedToken;
use crate::policy::document::Tier;
use crate::policy::scope::ScopeSet;
use crate::policy::value::{Source, Value};
use crate::time::Timestamp;

/// Everything a decision looks at, the policy and the time aside.
#[derive(Clone, Copy, Debug)]
pub struct AccessRequest<'a> {
    /// Who is asking.
    pub credential: Credential<'a>,
    /// SPIFFE ids of the client's certificate, from the connection and never from a header.
    pub peer: &'a [String],
    /// Whether the request proved possession of the key the token is bound to.
    pub sender_proved: bool,
    /// What is asked for: the route the request maps to, if any.
    pub mapped: Option<Mapped<'a>>,
    /// The record's attributes, one for each attribute of the resource, in its order.
    pub attributes: &'a [AttributeState],
    /// Facts of the HTTP request.
    pub http: HttpFacts<'a>,
    /// A person's yes, verified: the strongest tier that was given for exactly this request.
    pub approval: Tier,
    /// A time-bound widening, verified: its signature, audience, subject, actor and uses.
    pub grant: Option<&'a Grant>,
    /// What this host can honour.
    pub host: HostAbilities,
}

/// Who is asking, as far as the token tells.
#[derive(Clone, Copy, Debug)]
pub enum Credential<'a> {
    /// No token.
    Missing,
    /// A token that does not count, and why.
    Refused(Reason),
    /// A token whose signature is its issuer's. Times, audience and the rest are checked by
    /// [`crate::decide()`].
    Verified(&'a VerifiedToken),
}

/// The action and resource a request maps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapped<'a> {
    /// Index of the resource in the policy.
    pub resource: u32,
    /// Index of the route within the resource.
    pub route: u32,
    /// What is done to it.
    pub action: Action,
    /// The record's id: the template's variables, joined with `/`; empty without variables.
    pub id: &'a str,
}

/// What is known of one attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeState {
    /// Its value.
    Known(Value),
    /// Not asked for yet.
    Pending(Source),
    /// The look-up that would tell it failed.
    Unavailable,
    /// Absent, or of another type than was declared. Final.
    Unknown,
}

/// Facts of the HTTP request that conditions may read.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpFacts<'a> {
    /// Method, as sent.
    pub method: &'a str,
    /// Host, lower case, with the port where one was sent.
    pub host: &'a str,
    /// The canonical path, without the query.
    pub path: &'a str,
}

/// A grant whose signature and binding to this subject and actor were verified; whether it counts
/// for this request is decided by [`crate::decide()`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// What it lifts actor ceilings to.
    pub scopes: ScopeSet,
    /// What its issuer may grant to independent actors.
    pub may_grant: ScopeSet,
    /// Whether the request proved possession of the key the grant is bound to (`cnf`).
    pub proved: bool,
    /// From when it counts.
    pub not_before: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What this host can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostAbilities {
    /// Sign and attach an approval tag for the upstream.
    pub tag: bool,
}
