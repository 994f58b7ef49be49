//! Fuzz targets: a function of bytes for each parser of outside bytes, with an oracle that panics
//! where something is not as it must be.
//!
//! An oracle is more than "does not panic": another reader of the same format, what may be accepted
//! at all, a second pass that must change nothing, an order of events that must never let through.
//! `make test` replays `corpus/`; `make fuzz` looks for more.

pub mod corpus;
pub mod coverage;
pub mod explore;
pub mod mutate;
pub mod targets;

/// One parser with its oracle.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// Feeds the parser and asks the oracle; whether the parser accepted. Panics where something is
    /// wrong.
    pub run: fn(&[u8]) -> bool,
    /// Pieces of its grammar, which mutation would hardly find.
    pub tokens: &'static [&'static str],
}
