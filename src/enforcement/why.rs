//! Why a request was answered as it was.

use super::Enforcement;
use crate::time::Timestamp;
use crate::trace::{Trace, trace};

impl Enforcement {
    /// Why the request was decided as it was, with what is known of it now. The decision is the one
    /// that was made, where one was made before anything was decided on by policy.
    #[must_use]
    pub fn trace(&self, now: Timestamp) -> Trace {
        let trace = self.with_request(|request| trace(&self.engine.policy, request, now));
        match &self.decision {
            Some(made) if *made != trace.decision => trace.overruled(made.clone()),
            _ => trace,
        }
    }
}
