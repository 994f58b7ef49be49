//! What Ambit is measured beside.

mod cedar;
mod expressions;
mod guest;
mod rego;

pub(crate) use cedar::{Cedar, CedarByType};
pub(crate) use expressions::{Expressions, ExpressionsByType};
pub(crate) use guest::Guest;
pub(crate) use rego::{Machine, Rego, Shape};

/// What went wrong, in its own words.
pub(crate) fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
