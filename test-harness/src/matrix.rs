//! The table of who may do what: written, and held against the one that was reviewed.

mod changes;
mod policies;
mod table;

pub use changes::{Change, changes, described};
pub use policies::policies;
pub use table::table;
