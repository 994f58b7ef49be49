//! Ambit's core: decides whether an AI agent's request stays inside its ambit.
//!
//! Pure, deterministic and total: no clock, no randomness, no host, no panic.

pub mod approval;
pub mod audit;
mod decide;
pub mod decision;
pub mod enforcement;
pub mod identity;
pub mod policy;
pub mod request;
pub mod time;

pub use decide::decide;
#[cfg(feature = "author")]
pub use decide::{matrix, replay, trace};
pub use time::{Span, Timestamp};
