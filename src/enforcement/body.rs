//! The request's body, where a decision covers it.

use super::asked::Form;
use super::{Enforcement, Step, written};
use crate::decision::{Decision, Effect, Reason};
use crate::request::query;
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
    /// Whether a form's fields matter: frameworks let one ask for another method than was decided
    /// on, and a token in one ends up where forms do.
    pub(super) fn reads_form(&self, decision: &Decision) -> bool {
        let may_go = decision.effect == Effect::Allow || decision.waits_for.response;
        self.asked.form != Form::None && may_go
    }

    /// Takes the body so far. One that is larger than may be held is not kept: whether that
    /// matters is not known before the decision is.
    pub(super) fn take_body(&mut self, bytes: &[u8], end: bool) {
        self.body.too_large |= bytes.len() as u64 > self.engine.policy.limits.request_body;
        self.body.complete |= end;
        if end && !self.body.too_large {
            self.body.bytes = bytes.to_vec();
        }
    }

    /// The body is complete or too large, and the decision needs it.
    pub(super) fn with_body(&mut self, now: Timestamp, decision: Decision) -> Step {
        let needed = decision.approval.is_some() || self.reads_form(&decision);
        if needed && self.body.too_large {
            return self.refuse(Reason::BodyTooLarge);
        }
        let bytes = &self.body.bytes;
        let (token, method) = match self.asked.form {
            Form::None => (false, false),
            Form::Encoded => (query::form_has_token(bytes), query::form_overrides_method(bytes)),
            Form::Multipart => {
                (query::multipart_has_token(bytes), query::multipart_overrides_method(bytes))
            }
        };
        if needed && token {
            return self.refuse(Reason::TokenInUrl);
        }
        if needed && method {
            return self.refuse(Reason::MalformedRequest);
        }
        if decision.approval.is_some() {
            match written::Approval::of(self, &decision, now) {
                Ok(approval) => self.approval = Some(approval),
                // Without a digest nobody could approve exactly this.
                Err(reason) => return self.refuse(reason),
            }
        }
        self.go_on(decision)
    }

    pub(super) fn go_on(&mut self, decision: Decision) -> Step {
        match decision.waits_for.response {
            true => self.forward_held(decision),
            false => self.conclude(decision),
        }
    }
}
