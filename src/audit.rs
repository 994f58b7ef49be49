//! Records: who, for whom, what, why, and what came of it.

pub mod header;
mod line;
pub mod record;
