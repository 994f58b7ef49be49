//! Records: who, for whom, what, why, and what came of it.

pub mod header;
pub mod record;
