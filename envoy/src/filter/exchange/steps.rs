//! What each step of the enforcement becomes at the host.

use super::{Exchange, Phase};
use crate::filter::last_resort::complain;
use crate::host::{self, Half, HostError};
use crate::senders;
use ambit::enforcement::{Callout, CalloutReply, Edits, Event, HeldPermit, Permit, Reply, Step};
use proxy_wasm::types::Action as FilterAction;

/// What became of one step.
pub(super) enum Taken {
    /// The callback's answer.
    Done(FilterAction),
    /// Another step, at once.
    Next(Step),
    /// Held, until something more can be told.
    Rest,
}

impl Exchange {
    pub(super) fn take(&mut self, step: Step) -> Result<Taken, HostError> {
        match step {
            Step::Ask(question) => {
                let event = Event::Answered(senders::answer(&question, self.now)?);
                Ok(Taken::Next(self.enforcement.on(self.now, event)))
            }
            Step::CallOut(callouts) => {
                callouts.iter().for_each(|callout| self.call_out(callout));
                Ok(Taken::Rest)
            }
            Step::CheckSignature(check) => {
                let (verdict, by) = self.worker.signatures.check(&check);
                self.worker.counters.verified(by);
                Ok(Taken::Next(self.enforcement.on_signature(self.now, *check, verdict)))
            }
            Step::Forward(permit, edits) => self.forward(&permit, &edits),
            Step::ForwardHeld(permit, edits) => self.forward_held(&permit, &edits),
            Step::HoldResponse => {
                self.phase = Phase::Holding;
                self.response.want()?;
                Ok(Taken::Rest)
            }
            Step::NeedBody => {
                self.request.want()?;
                Ok(Taken::Rest)
            }
            Step::PassResponse => self.pass_response(),
            Step::Reply(reply) => self.reply(&reply),
            Step::Wait => Ok(Taken::Rest),
        }
    }

    /// What can be told without waiting: callouts that failed, and bodies that have arrived.
    pub(super) fn tell_more(&mut self) -> Result<Option<Step>, HostError> {
        if let Some(callout) = self.lost.pop() {
            let reply = CalloutReply { status: None, body: &[] };
            return Ok(Some(self.enforcement.on(self.now, Event::CalloutReply { callout, reply })));
        }
        let (half, untold) = match self.phase {
            Phase::Deciding => (Half::Request, self.request.untold()),
            Phase::Holding => (Half::Response, self.response.untold()),
            Phase::Sent | Phase::Passed | Phase::Answered | Phase::Replaced => return Ok(None),
        };
        let Some((size, end)) = untold else {
            return Ok(None);
        };
        let bytes = half.body(size)?;
        let event = match half {
            Half::Request => Event::RequestBody { bytes: &bytes, end },
            Half::Response => Event::ResponseBody { bytes: &bytes, end },
        };
        Ok(Some(self.enforcement.on(self.now, event)))
    }

    fn call_out(&mut self, callout: &Callout) {
        match host::dispatch(callout) {
            Ok(token) => {
                self.callouts.insert(token, callout.number);
            }
            Err(error) => {
                complain(error);
                self.lost.push(callout.number);
            }
        }
    }

    fn forward(&mut self, _: &Permit, edits: &Edits) -> Result<Taken, HostError> {
        self.edit(edits)?;
        self.phase = Phase::Passed;
        self.let_go = true;
        Ok(Taken::Done(FilterAction::Continue))
    }

    fn forward_held(&mut self, _: &HeldPermit, edits: &Edits) -> Result<Taken, HostError> {
        self.edit(edits)?;
        self.phase = Phase::Sent;
        self.let_go = true;
        Ok(Taken::Done(FilterAction::Continue))
    }

    fn edit(&mut self, edits: &Edits) -> Result<(), HostError> {
        if self.phase != Phase::Deciding {
            return Err(HostError::OutOfStep("a request would be forwarded twice"));
        }
        // Each call costs about a microsecond; edits name only what came.
        for name in &edits.remove {
            host::remove_request_header(name)?;
        }
        for (name, value) in &edits.set {
            host::replace_request_header(name, value)?;
        }
        self.drop_trailers = edits.drop_ambit_trailers;
        self.edit_trailers()
    }

    /// The host could not let it go, so nothing was sent, and it can still be refused.
    pub(super) const fn held_back(&mut self) {
        self.phase = Phase::Deciding;
        self.let_go = false;
    }

    pub(super) fn edit_trailers(&self) -> Result<(), HostError> {
        match self.drop_trailers && self.trailers_came {
            true => host::remove_request_trailers(ambit::enforcement::is_no_trailer),
            false => Ok(()),
        }
    }

    fn pass_response(&mut self) -> Result<Taken, HostError> {
        if !matches!(self.phase, Phase::Sent | Phase::Holding) {
            return Err(HostError::OutOfStep("a response would pass that is not held"));
        }
        self.phase = Phase::Passed;
        self.sent_to_client(self.response.size());
        Ok(Taken::Done(FilterAction::Continue))
    }

    fn reply(&mut self, reply: &Reply) -> Result<Taken, HostError> {
        if matches!(self.phase, Phase::Passed | Phase::Answered | Phase::Replaced) {
            return Err(HostError::OutOfStep("a request would be answered twice"));
        }
        host::reply(reply)?;
        self.answered(reply.body.len());
        Ok(Taken::Done(FilterAction::Pause))
    }

    pub(super) fn answered(&mut self, size: usize) {
        if self.phase == Phase::Deciding {
            self.phase = Phase::Answered;
        } else {
            self.phase = Phase::Replaced;
            self.sent_to_client(size);
        }
    }

    pub(super) fn sent_to_client(&mut self, size: usize) {
        self.response_bytes = self.response_bytes.saturating_add(size as u64);
    }
}
