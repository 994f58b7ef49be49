//! Exit codes, the same for every command; 1 is for what went wrong outside (a file, a port).

/// What was asked cannot be asked: an option, or a path that is not there.
pub(super) const USAGE: u8 = 2;
/// A policy does not compile, or a suite is not of the format.
pub(super) const DOES_NOT_COMPILE: u8 = 3;
/// A test, a promise, or a comparison did not hold.
pub(super) const NOT_KEPT: u8 = 4;
