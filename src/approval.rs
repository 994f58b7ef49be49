//! Approvals: what a person is asked to say yes to, bound to the exact bytes.

pub mod digest;
pub mod request;
