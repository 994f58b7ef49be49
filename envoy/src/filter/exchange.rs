//! A request and its response: events into the enforcement, steps into host calls.

mod steps;

use super::body::Body;
use super::last_resort::{close, complain, or_complain, refuse};
use super::properties;
use crate::host::{self, Answer, Half, HostError};
use crate::plugin::Worker;
use ambit::enforcement::{Enforcement, Event, Outcome, Step};
use ambit::time::Timestamp;
use proxy_wasm::types::Action as FilterAction;
use std::collections::BTreeMap;
use std::rc::Rc;
use steps::Taken;

/// Steps in one callback before something must be wrong with them.
const STEPS_MOST: usize = 256;

/// The key of the record in the request's filter state; the access log finds it as
/// `wasm.ambit_record`.
const RECORD: &str = "ambit_record";

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

/// One request with its response.
#[derive(Debug)]
pub(super) struct Exchange {
    worker: Rc<Worker>,
    enforcement: Enforcement,
    phase: Phase,
    request: Body,
    response: Body,
    /// Callouts under way: the host's token, the enforcement's number.
    callouts: BTreeMap<u32, u32>,
    /// Callouts that could not be sent, still to be told.
    lost: Vec<u32>,
    trailers_came: bool,
    drop_trailers: bool,
    /// Whether the request went on to the upstream.
    let_go: bool,
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
            request: Body::default(),
            response: Body::default(),
            callouts: BTreeMap::new(),
            lost: Vec::new(),
            trailers_came: false,
            drop_trailers: false,
            let_go: false,
            failed: false,
            began: None,
            now: Timestamp::default(),
            response_bytes: 0,
        }
    }

    pub(super) fn on_request_headers(&mut self, end: bool) -> FilterAction {
        self.callback(|this| {
            let bytes = Half::Request.headers()?;
            this.request.arrived(0, end)?;
            let peer = match this.worker.engine.wants_peer() {
                true => properties::peer()?,
                false => Vec::new(),
            };
            let headers = host::decoded(&bytes)?;
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

    /// Look-ups are asked for and answered before anything is let go, so an answer in any later
    /// phase is nobody's.
    pub(super) fn on_callout(&mut self, token: u32, headers: usize, body_size: usize) {
        if self.phase != Phase::Deciding {
            return;
        }
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
            && let Err(error) = host::resume_request()
        {
            self.held_back();
            self.follow(Err(error));
        }
    }

    /// The exchange is over: its record goes to the access log, its decision to the counters.
    pub(super) fn on_log(&mut self) {
        let (status, duration_ms) = match self.worker.engine.records_outcome() {
            true => (properties::status_sent(), self.duration_ms()),
            false => (0, 0),
        };
        let response_bytes = self.response_bytes;
        let outcome = Outcome { status, response_bytes, duration_ms, held_back: !self.let_go };
        let record = self.enforcement.record(outcome);
        let counters = &self.worker.counters;
        if let Err(error) = host::keep(RECORD, record.as_bytes()) {
            complain(error);
            counters.lost_record();
        }
        or_complain(counters.decided(self.enforcement.decision()));
        counters.recalled(self.enforcement.recall());
        or_complain(counters.request_ended());
    }

    fn duration_ms(&self) -> u64 {
        let now = host::now().unwrap_or(self.now);
        let duration = now.since(self.began.unwrap_or(now)).millis();
        u64::try_from(duration).unwrap_or(0)
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
}
