//! Yesterday's log against tomorrow's policy.
