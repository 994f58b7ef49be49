//! Conditions: CEL text, compiled to a typed, three-valued test of our own.
//!
//! Names are resolved to slots and types are checked when the policy loads, so a misspelt name is
//! a load error and never a silent deny. Evaluation is total, allocates nothing that grows with
//! the input, and is bounded by counted steps.

mod check;
mod evaluate;
mod names;
mod parse;
mod typed;

#[cfg(test)]
mod tests;

pub(crate) use crate::identity::parse_timestamp;
pub(crate) use names::nearest;
pub use typed::Condition;

use crate::policy::value::{Fact, Sources, ValueType};

/// The steps one condition may take; one that needs more is unknown.
pub const MAX_STEPS: u32 = 10_000;

/// The longest condition, in bytes.
const MAX_TEXT: usize = 4096;

/// Why a condition does not load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionError {
    /// What is wrong.
    pub message: String,
    /// What was expected; empty where the message says it.
    pub expected: String,
}

impl ConditionError {
    fn new(message: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { message: message.into(), expected: expected.into() }
    }
}

/// Compiles a condition: parses it, resolves its names, and checks its types.
///
/// # Errors
/// Everything that is wrong with it.
pub fn compile(
    text: &str,
    declarations: &Declarations<'_>,
) -> Result<Condition, Vec<ConditionError>> {
    if text.len() > MAX_TEXT {
        return Err(vec![ConditionError::new(
            "the condition is too long",
            format!("at most {MAX_TEXT} bytes"),
        )]);
    }
    let tree = parse::parse(text).map_err(|error| vec![error])?;
    check::check(text, &tree, declarations)
}

/// What the names in a condition may be.
#[derive(Clone, Copy, Debug)]
pub struct Declarations<'a> {
    /// Claims read as `subject.<name>`: name, type. The slot is the position.
    pub claims: &'a [(String, ValueType)],
    /// Attributes read as `resource.<name>`: name, type, and the attribute's number in the policy.
    pub attributes: &'a [(String, ValueType, u32)],
}

/// One fact a condition can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// `action`: the class, as a string.
    Action,
    /// `actor.chain`: the names of all actors, outermost first; a list of strings.
    ActorChain,
    /// `actor.id`: the name of the policy's entry.
    ActorId,
    /// `actor.issuer`
    ActorIssuer,
    /// `actor.mode`: `delegated` or `independent`.
    ActorMode,
    /// `args`: a tool's arguments, `dyn`.
    Args,
    /// `request.host`
    RequestHost,
    /// `request.method`
    RequestMethod,
    /// `request.path`
    RequestPath,
    /// `request.time`: a timestamp.
    RequestTime,
    /// `resource.<name>`: the attribute with this number in the policy.
    ResourceAttribute(u32),
    /// `resource.id`
    ResourceId,
    /// `resource.type`
    ResourceType,
    /// `subject.<name>`: the claim at this position.
    SubjectClaim(u32),
    /// `subject.groups`: a list of strings.
    SubjectGroups,
    /// `subject.id`
    SubjectId,
    /// `subject.issuer`
    SubjectIssuer,
    /// `subject.realm`
    SubjectRealm,
    /// `subject.scopes`: a list of strings.
    SubjectScopes,
}

/// Where a condition's facts are read.
pub trait Facts {
    /// What is known at `slot`.
    fn fact(&self, slot: Slot) -> Fact<'_>;
}

/// Three-valued truth (Kleene): `Unknown` is what no known fact settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// Definitely not.
    False,
    /// Definitely.
    True,
    /// Not settled.
    Unknown,
}

/// What a condition came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The truth.
    pub truth: Truth,
    /// For `Unknown`: sources that could still settle it. Empty means it stays unknown.
    pub waits_for: Sources,
}
