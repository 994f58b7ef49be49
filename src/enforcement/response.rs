//! Reads whose record only the answer shows: sent, held, looked at, and released or refused.

use super::written::Approval;
use super::{Edits, Enforcement, Header, HeldPermit, Phase, Step, lookup};
use crate::decision::{Decision, Effect, Reason};
use crate::policy::value::Source;
use crate::request::AttributeState;
use crate::request::json::{self, Json, JsonLimits};
use crate::time::Timestamp;
use std::borrow::Cow;

/// What would make an answer partial, conditional or encoded, and so not the record itself.
const REMOVED: [&str; 8] = [
    "accept-encoding",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "range",
    "te",
];

impl Enforcement {
    pub(super) fn forward_held(&mut self, decision: Decision) -> Step {
        let Some(permit) = HeldPermit::mint(&decision) else {
            return self.refuse(Reason::HostFailure);
        };
        let Edits { mut remove, set, drop_ambit_trailers } = self.edits(&decision);
        let came = |name: &str| self.asked.names.iter().any(|came| came == name);
        for name in REMOVED {
            if came(name) && !remove.iter().any(|gone| gone == name) {
                remove.push(Cow::Borrowed(name));
            }
        }
        self.phase = Phase::Held;
        self.passed = true;
        self.decision = Some(decision);
        Step::ForwardHeld(permit, Edits { remove, set, drop_ambit_trailers })
    }

    /// Nothing of the answer has been released yet. Anything but a whole, plain JSON body in a 2xx
    /// is answered as the deny is, so that its shape tells nothing of the record.
    pub(super) fn response_headers(
        &mut self,
        now: Timestamp,
        headers: &[Header<'_>],
        end: bool,
    ) -> Step {
        let all = |name: &str| {
            let wanted = name.as_bytes().to_vec();
            headers
                .iter()
                .filter(move |(key, _)| key.eq_ignore_ascii_case(&wanted))
                .map(|(_, v)| *v)
        };
        let mut status = all(":status");
        let ok = matches!((status.next(), status.next()), (Some([b'2', _, _]), None))
            && !all(":status").any(|value| value == b"206");
        let plain = all("content-encoding").all(|value| value.eq_ignore_ascii_case(b"identity"));
        let mut types = all("content-type");
        let json = match (types.next(), types.next()) {
            (Some(value), None) => is_json(value),
            _ => false,
        };
        if !(ok && plain && json) || end {
            return self.not_the_record(now);
        }
        self.phase = Phase::HoldingResponse;
        Step::HoldResponse
    }

    pub(super) fn response_body(&mut self, now: Timestamp, bytes: &[u8], end: bool) -> Step {
        let limit = self.engine.policy.limits.response_body;
        if bytes.len() as u64 > limit {
            return self.not_the_record(now);
        }
        if !end {
            return Step::Wait;
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        match json::parse(bytes, JsonLimits { bytes: limit, ..lookup::ANSWER }) {
            Ok(body) => {
                self.tell_from(Some(&body));
                let decision = self.decide(now);
                self.released_by(decision, now)
            }
            Err(_) => self.not_the_record(now),
        }
    }

    /// Nothing is known of the record, so the decision is the one over an unknown; never an allow,
    /// for there is nothing it would be about.
    fn not_the_record(&mut self, now: Timestamp) -> Step {
        self.tell_from(None);
        let decision = self.decide(now);
        match decision.effect {
            Effect::Allow => self.refuse(Reason::NotAllowed),
            Effect::Deny => self.released_by(decision, now),
        }
    }

    /// The second decision is final; where a person stands in the way, it says what to approve.
    fn released_by(&mut self, decision: Decision, now: Timestamp) -> Step {
        // A body that went on unread has no digest.
        if decision.approval.is_some() && self.body.complete {
            match Approval::of(self, &decision, now) {
                Ok(approval) => self.approval = Some(approval),
                Err(reason) => return self.refuse(reason),
            }
        }
        self.conclude(decision)
    }

    fn tell_from(&mut self, body: Option<&Json>) {
        let mapped = self.mapped.as_ref();
        let resource =
            mapped.and_then(|mapped| self.engine.policy.resources.get(mapped.resource as usize));
        match resource {
            Some(resource) => lookup::from_response(resource, body, &mut self.attributes),
            None => self
                .attributes
                .iter_mut()
                .filter(|state| **state == AttributeState::Pending(Source::Response))
                .for_each(|state| *state = AttributeState::Unknown),
        }
    }
}

/// `application/json` or `…+json`, parameters aside (RFC 6839 §3.1).
fn is_json(value: &[u8]) -> bool {
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
    let essence = essence.trim_ascii().to_ascii_lowercase();
    essence == b"application/json"
        || (essence.starts_with(b"application/") && essence.ends_with(b"+json"))
}
