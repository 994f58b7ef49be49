//! Conditions: CEL text, compiled to a typed, three-valued test of our own.
//!
//! Names are resolved to slots and types are checked when the policy loads, so a misspelt name is
//! a load error and never a silent deny. Evaluation is total, does not allocate, and is bounded by
//! counted steps.
//!
//! - Three values (Kleene): `false && unknown` is false, `true || unknown` true; `exists` is an
//!   `||` and `all` an `&&` over the elements; every other test of an unknown value is unknown.
//! - `item in list` is `list.exists(one, one == item)`, so an empty list has no item, not even an
//!   unknown one.
//! - Numbers compare across `int` and `double`, exactly. Other types do not mix: a load error where
//!   the types are declared, and unknown where a `dyn` value turns out to be of another type.
//!   `null` is asked for with `== null`. JSON objects are not compared.
//! - `has(x)` of a claim or an attribute is true or unknown, never false, for it may be withheld.
//!   Inside a known `dyn` value (`has(args.a.b)`) it is false where a member on the way is missing,
//!   and unknown where something on the way is no object.

mod check;
mod compare;
#[cfg(feature = "author")]
mod conjuncts;
mod evaluate;
mod names;
mod parse;
mod scan;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use crate::identity::parse_timestamp as parse_rfc3339;
#[cfg(feature = "author")]
pub use evaluate::trace::{Branch, Looked, Part, PartKind, Shown};
pub(crate) use names::nearest;

use crate::policy::value::{Fact, Sources, ValueType};
use std::fmt;

/// Steps one condition may take; see [`Condition::evaluate`].
pub const MAX_STEPS: u32 = 10_000;

/// The longest condition, in bytes.
pub const MAX_LENGTH: usize = 4096;

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

/// A condition that was read, resolved and checked: ready to be evaluated on every request.
#[derive(Clone, Debug)]
pub struct Condition {
    source: Box<str>,
    root: tree::Node,
    slots: Box<[Slot]>,
    /// Whether `actor.chain` is among them: asked on every request, where a look at the slots of
    /// each rule would be one more piece of memory that is in no cache.
    reads_chain: bool,
}

/// One thing wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionError {
    /// What is wrong: lower case, no full stop, the author's text in backticks.
    pub message: String,
    /// What was expected; empty where the message says it.
    pub expected: String,
}

/// Reads a condition and checks it against what its names may be.
///
/// # Errors
/// Everything wrong with it at once: syntax that is not supported, unknown names, types that do
/// not fit. Where the text cannot be read at all, that alone.
pub fn compile(
    text: &str,
    declarations: &Declarations<'_>,
) -> Result<Condition, Vec<ConditionError>> {
    let syntax = parse::parse(text)?;
    let (root, slots) = check::check(&syntax, declarations)?;
    let reads_chain = slots.contains(&Slot::ActorChain);
    Ok(Condition { source: text.into(), root, slots, reads_chain })
}

impl Condition {
    /// The text as its author wrote it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it reads `actor.chain`.
    pub(crate) const fn reads_chain(&self) -> bool {
        self.reads_chain
    }

    /// The facts it may ask for, sorted, each once.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// What it comes to under `facts`. A definite truth holds whatever the unknown and pending
    /// facts turn out to be.
    ///
    /// Every node visited, and every element looked at, takes one of `steps` (long texts and
    /// objects take more); where they run out the verdict is unknown and waits for nothing.
    #[must_use]
    pub fn evaluate(&self, facts: &impl Facts, steps: &mut u32) -> Verdict {
        evaluate::evaluate(&self.root, facts, steps)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl ConditionError {
    fn new(message: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { message: message.into(), expected: expected.into() }
    }
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.expected.is_empty() {
            write!(f, "; expected {}", self.expected)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConditionError {}
