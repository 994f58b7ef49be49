//! Policies: as written, and compiled.

pub mod condition;
pub mod document;
pub mod error;
pub mod scope;
pub mod value;
