//! Conditions: CEL text, compiled to a typed, three-valued test of our own.
//!
//! Names are resolved to slots and types are checked when the policy loads, so a misspelt name is
//! a load error and never a silent deny. Evaluation is total, allocates nothing that grows with
//! the input, and is bounded by counted steps.

use crate::policy::value::{Fact, Sources, ValueType};

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

/// STUB
pub const MAX_STEPS: u32 = 10_000;
/// STUB
#[derive(Clone, Debug)]
pub struct Condition(Vec<Slot>);
/// STUB
#[derive(Clone, Debug)]
pub struct ConditionError { 
    /// m
    pub message: String, 
    /// e
    pub expected: String }
/// STUB
pub fn compile(_t: &str, _d: &Declarations<'_>) -> Result<Condition, Vec<ConditionError>> { Ok(Condition(vec![])) }
impl Condition {
    /// STUB
    pub fn slots(&self) -> &[Slot] { &self.0 }
    /// STUB
    pub fn evaluate(&self, _f: &impl Facts, _s: &mut u32) -> Verdict { Verdict { truth: Truth::Unknown, waits_for: Sources::NONE } }
}
/// STUB
pub fn parse_timestamp(_t: &str) -> Option<crate::Timestamp> { None }
