//! The request's body, where a decision covers it.

use super::{Enforcement, Step, written};
use crate::decision::Reason;
use crate::time::Timestamp;

/// The request's body, as far as anybody needs it.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) complete: bool,
    /// More came than may be held.
    pub(super) too_large: bool,
    pub(super) bytes: Vec<u8>,
}

impl Enforcement {
    /// Takes the body so far. One that is larger than may be held is not kept: whether that
    /// matters is not known before the decision is.
    pub(super) fn take_body(&mut self, bytes: &[u8], end: bool) {
        self.body.too_large |= bytes.len() as u64 > self.engine.policy.limits.request_body;
        self.body.complete |= end;
        if end && !self.body.too_large {
            self.body.bytes = bytes.to_vec();
        }
    }

    /// The body is complete or too large, and the decision asks for an approval.
    pub(super) fn with_body(&mut self, now: Timestamp) -> Step {
        let Some(decision) = self.decision.take() else {
            return self.refuse(Reason::HostFailure);
        };
        if self.body.too_large {
            return self.refuse(Reason::BodyTooLarge);
        }
        if self.asked.form && crate::request::credentials::in_form(&self.body.bytes) {
            return self.refuse(Reason::TokenInUrl);
        }
        if self.asked.form && crate::request::query::form_overrides_method(&self.body.bytes) {
            return self.refuse(Reason::MalformedRequest);
        }
        match written::Approval::of(self, &decision, now) {
            Ok(approval) => self.approval = Some(approval),
            // Without a digest nobody could approve exactly this.
            Err(reason) => return self.refuse(reason),
        }
        self.conclude(decision)
    }
}
