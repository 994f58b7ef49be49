//! A request and its response: events into the enforcement, steps into host calls.

use super::body::Body;
use super::edits::{Change, changes};
use crate::host::{self, Answer, Half, HostError};
use crate::plugin::Worker;
use ambit::enforcement::{
    Callout, CalloutReply, Edits, Enforcement, Event, HeldPermit, Outcome, Permit, Reply, Step,
};
use ambit::time::Timestamp;
use proxy_wasm::types::{Action as FilterAction, LogLevel};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Steps in one callback before something must be wrong with them.
const STEPS_MOST: usize = 256;

/// The key of the record in the request's filter state; the access log finds it as
/// `wasm.ambit_record`.
const RECORD: &str = "ambit_record";

/// Trailers that only Ambit could mean.
const FORGED_TRAILERS: &[u8] = b"ambit";

/// Where the exchange stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The request is held.
    Deciding,
    /// The request was let go; its response will be looked at.
    Sent,
    /// The response is held.
    Holding,
    /// Everything was let go.
    Passed,
    /// Answered before anything was sent: by this filter, or by Envoy itself. Either answer comes
    /// through the response callbacks.
    Answered,
    /// Answered in place of the upstream's response. This answer does not come back.
    Replaced,
}

/// What became of one step.
enum Taken {
    /// The callback's answer.
    Done(FilterAction),
    /// Another step, at once.
    Next(Step),
    /// Held, until something more can be told.
    Rest,
}

/// One request with its response.
#[derive(Debug)]
pub(super) struct Exchange {
    worker: Rc<Worker>,
    enforcement: Enforcement,
    phase: Phase,
    /// The request's headers as they came, until they are edited.
    headers: Vec<u8>,
    request: Body,
    response: Body,
    /// Callouts under way: the host's token, the enforcement's number.
    callouts: BTreeMap<u32, u32>,
    /// Callouts that could not be sent, still to be told.
    lost: Vec<u32>,
    trailers_came: bool,
    drop_trailers: bool,
    failed: bool,
    began: Option<Timestamp>,
    now: Timestamp,
    response_bytes: u64,
}

impl Exchange {
    pub(super) fn new(worker: Rc<Worker>) -> Self {
        Self {
            enforcement: Enforcement::new(Rc::clone(&worker.engine), worker.mint.next()),
            worker,
            phase: Phase::Deciding,
            headers: Vec::new(),
            request: Body::default(),
            response: Body::default(),
            callouts: BTreeMap::new(),
            lost: Vec::new(),
            trailers_came: false,
            drop_trailers: false,
            failed: false,
            began: None,
            now: Timestamp::default(),
            response_bytes: 0,
        }
    }

    pub(super) fn on_request_headers(&mut self, end: bool) -> FilterAction {
        self.callback(|this| {
            this.headers = Half::Request.headers()?;
            this.request.arrived(0, end)?;
            let peer = this.peer()?;
            let headers = host::decoded(&this.headers)?;
            let event = Event::RequestHeaders { headers: &headers, peer: &peer, end };
            Ok(Some(this.enforcement.on(this.now, event)))
        })
    }

    pub(super) fn on_body(&mut self, half: Half, size: usize, end: bool) -> FilterAction {
        match (self.phase, half) {
            (Phase::Deciding, Half::Request) => {
                self.callback(|this| this.request.arrived(size, end).map(|()| None))
            }
            (Phase::Holding, Half::Response) => {
                self.callback(|this| this.response.arrived(size, end).map(|()| None))
            }
            (Phase::Passed | Phase::Answered, Half::Response) => {
                self.sent_to_client(size);
                FilterAction::Continue
            }
            (phase, half) => Self::unheld(phase, half),
        }
    }

    /// Trailers end a body, and are the only end it has.
    pub(super) fn on_trailers(&mut self, half: Half) -> FilterAction {
        match (self.phase, half) {
            (Phase::Deciding, Half::Request) => self.callback(|this| {
                this.trailers_came = true;
                this.request.end();
                Ok(None)
            }),
            (Phase::Sent | Phase::Holding | Phase::Passed, Half::Request) => {
                self.trailers_came = true;
                match self.edit_trailers() {
                    Ok(()) => FilterAction::Continue,
                    // The headers are gone, so there is nothing left to answer with.
                    Err(error) => {
                        complain(error);
                        close();
                        FilterAction::Pause
                    }
                }
            }
            (Phase::Holding, Half::Response) => self.callback(|this| {
                this.response.end();
                Ok(None)
            }),
            (phase, half) => Self::unheld(phase, half),
        }
    }

    pub(super) fn on_response_headers(&mut self, end: bool) -> FilterAction {
        match self.phase {
            Phase::Sent => self.callback(|this| {
                this.response.arrived(0, end)?;
                let bytes = Half::Response.headers()?;
                let headers = host::decoded(&bytes)?;
                let event = Event::ResponseHeaders { headers: &headers, end };
                Ok(Some(this.enforcement.on(this.now, event)))
            }),
            // Nothing was sent, so this is Envoy's own answer (a body too large, a timeout), and
            // the last word: whatever still arrives changes nothing.
            Phase::Deciding => {
                self.phase = Phase::Answered;
                FilterAction::Continue
            }
            phase => Self::unheld(phase, Half::Response),
        }
    }

    pub(super) fn on_callout(&mut self, token: u32, headers: usize, body_size: usize) {
        let held = match self.phase {
            Phase::Deciding => Half::Request,
            Phase::Sent | Phase::Holding => Half::Response,
            Phase::Passed | Phase::Answered | Phase::Replaced => return,
        };
        let Some(callout) = self.callouts.remove(&token) else {
            return;
        };
        let answer = Answer::read(headers, body_size);
        let action = self.callback(|this| {
            let event = Event::CalloutReply { callout, reply: answer.told() };
            Ok(Some(this.enforcement.on(this.now, event)))
        });
        // This callback has no answer that could let go what an earlier one held.
        if action == FilterAction::Continue
            && let Err(error) = held.resume()
        {
            complain(error);
            refuse();
        }
    }

    /// The exchange is over: its record goes to the access log, its decision to the counters.
    pub(super) fn on_log(&mut self) {
        let now = host::now().unwrap_or(self.now);
        let duration = now.since(self.began.unwrap_or(now)).millis();
        let outcome = Outcome {
            status: status_sent(),
            response_bytes: self.response_bytes,
            duration_ms: u64::try_from(duration).unwrap_or(0),
        };
        let record = self.enforcement.record(outcome);
        if let Err(error) = host::keep(RECORD, record.as_bytes()) {
            complain(error);
        }
        if let Some(decision) = self.enforcement.decision()
            && let Err(error) = self.worker.counters.count(decision)
        {
            complain(error);
        }
    }

    /// What a callback answers about a half that the enforcement does not hold.
    const fn unheld(phase: Phase, half: Half) -> FilterAction {
        match (half, phase) {
            (Half::Request, Phase::Sent | Phase::Holding | Phase::Passed)
            | (Half::Response, Phase::Passed | Phase::Answered) => FilterAction::Continue,
            _ => FilterAction::Pause,
        }
    }

    /// Runs one callback: reads the clock, tells what happened, and follows the steps.
    fn callback(
        &mut self,
        tell: impl FnOnce(&mut Self) -> Result<Option<Step>, HostError>,
    ) -> FilterAction {
        let step = host::now().and_then(|now| {
            self.now = now;
            self.began.get_or_insert(now);
            tell(self)
        });
        self.follow(step)
    }

    fn follow(&mut self, mut step: Result<Option<Step>, HostError>) -> FilterAction {
        for _ in 0..STEPS_MOST {
            let taken = match step {
                Ok(Some(step)) => self.take(step),
                Ok(None) => Ok(Taken::Rest),
                Err(error) => Err(error),
            };
            step = match taken {
                Ok(Taken::Done(action)) => return action,
                Ok(Taken::Next(next)) => Ok(Some(next)),
                Ok(Taken::Rest) => match self.tell_more() {
                    Ok(None) => return FilterAction::Pause,
                    more => more,
                },
                Err(error) => {
                    complain(error);
                    // The enforcement closes; a host that fails at that as well is not asked again.
                    if self.failed {
                        break;
                    }
                    self.failed = true;
                    Ok(Some(self.enforcement.on(self.now, Event::HostFailed)))
                }
            };
        }
        refuse();
        self.answered(0);
        FilterAction::Pause
    }

    fn take(&mut self, step: Step) -> Result<Taken, HostError> {
        match step {
            Step::CallOut(callouts) => {
                callouts.iter().for_each(|callout| self.call_out(callout));
                Ok(Taken::Rest)
            }
            Step::CheckSignature(check) => {
                let verdict = self.worker.signatures.check(&check);
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
    fn tell_more(&mut self) -> Result<Option<Step>, HostError> {
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
        self.let_go(edits)?;
        self.phase = Phase::Passed;
        Ok(Taken::Done(FilterAction::Continue))
    }

    fn forward_held(&mut self, _: &HeldPermit, edits: &Edits) -> Result<Taken, HostError> {
        self.let_go(edits)?;
        self.phase = Phase::Sent;
        Ok(Taken::Done(FilterAction::Continue))
    }

    fn let_go(&mut self, edits: &Edits) -> Result<(), HostError> {
        if self.phase != Phase::Deciding {
            return Err(HostError::OutOfStep("a request would be forwarded twice"));
        }
        for change in changes(edits, &host::decoded(&self.headers)?) {
            match change {
                Change::Remove(name) => host::remove_request_header(name)?,
                Change::Set(name, value) => host::replace_request_header(name, value)?,
            }
        }
        self.headers = Vec::new();
        self.drop_trailers = edits.drop_ambit_trailers;
        self.edit_trailers()
    }

    fn edit_trailers(&self) -> Result<(), HostError> {
        match self.drop_trailers && self.trailers_came {
            true => host::remove_request_trailers(FORGED_TRAILERS),
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

    fn answered(&mut self, size: usize) {
        if self.phase == Phase::Deciding {
            self.phase = Phase::Answered;
        } else {
            self.phase = Phase::Replaced;
            self.sent_to_client(size);
        }
    }

    fn sent_to_client(&mut self, size: usize) {
        self.response_bytes = self.response_bytes.saturating_add(size as u64);
    }

    /// The URI name of the client's certificate, from the connection. Envoy gives the first one;
    /// a SPIFFE certificate has exactly one.
    fn peer(&self) -> Result<Vec<String>, HostError> {
        if !self.worker.engine.wants_peer()
            || host::property(&["connection", "mtls"])?.as_deref() != Some(&[1])
        {
            return Ok(Vec::new());
        }
        let name = host::property(&["connection", "uri_san_peer_certificate"])?;
        let name = name.and_then(|name| String::from_utf8(name).ok());
        Ok(name.into_iter().filter(|name| !name.is_empty()).collect())
    }
}

/// The last resort: an answer that needs no enforcement, or else no answer at all.
pub(super) fn refuse() {
    let reply = Reply {
        status: 503,
        headers: vec![("cache-control".to_owned(), "no-store".to_owned())],
        body: Vec::new(),
        details: "ambit_host_failure".to_owned(),
    };
    if let Err(error) = host::reply(&reply) {
        complain(error);
        close();
    }
}

fn close() {
    // A stream that cannot be closed either stays held until Envoy's own timeout.
    if let Err(error) = host::close() {
        complain(error);
    }
}

fn complain(error: HostError) {
    host::log(LogLevel::Error, &format!("ambit: {error}"));
}

/// The status the client was sent; 0 when none was.
fn status_sent() -> u16 {
    match host::property(&["response", "code"]) {
        Ok(Some(code)) => code
            .first_chunk::<8>()
            .and_then(|code| u16::try_from(i64::from_le_bytes(*code)).ok())
            .unwrap_or(0),
        Ok(None) => 0,
        Err(error) => {
            complain(error);
            0
        }
    }
}
