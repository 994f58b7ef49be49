//! STUB
use super::{document::Document, error::Problem, read::Source};
/// S
pub fn walk(_s: &Source) -> (Document, Vec<Problem>) { Default::default() }
