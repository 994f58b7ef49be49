//! What the gateway depends on, broken in every way: nothing passes that should not, nothing waits
//! for ever, and the next good request passes. The table is docs/threat-model.md; each row names
//! tests of this folder, and `table.rs` holds both against each other.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

mod client;
mod clock;
mod discovered;
mod envoy;
mod host;
mod issuer;
mod limits;
mod lists;
mod look_up;
mod memory;
mod module;
mod reload;
mod shared;
mod table;
mod upstream;
mod versions;
mod world;
