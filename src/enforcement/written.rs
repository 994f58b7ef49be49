//! STUB
use crate::decision::{Decision, Reason};
use crate::time::Timestamp;
use super::Enforcement;
#[derive(Debug)]
pub(super) struct Approval;
impl Approval { pub(super) fn of(_e: &Enforcement, _d: &Decision, _n: Timestamp) -> Result<Self, Reason> { Err(Reason::HostFailure) } pub(super) fn tag(&self) -> (&str, &str, &str) { ("", "", "") } pub(super) fn told(&self) -> serde_json::Map<String, serde_json::Value> { Default::default() } }
