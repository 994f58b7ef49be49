//! A worker under a real gateway: pieces of messages go in when they arrive, and come out when the
//! module lets them go.

use super::callout::{Callout, CalloutAnswer};
use super::flight::{Flight, Out};
use super::gateway::{Around, Start};
use super::message::{Headers, Request, Response};
use super::state::ROOT;
use super::worker::{HostError, Worker};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Which half of an exchange is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// What the client sends.
    Request,
    /// What it gets.
    Response,
}

/// What arrives of a message after its headers.
#[derive(Debug)]
pub enum Arrived {
    /// A piece of body, and whether it is the last.
    Body {
        /// The bytes.
        bytes: Vec<u8>,
        /// Whether nothing follows.
        end: bool,
    },
    /// Trailers, which end it.
    Trailers(Headers),
    /// Nothing more, though it is not whole.
    Broken,
}

/// One worker with the exchanges that are on their way through it. Exchanges are known by a number
/// that [`Live::open`] gives. What is to go out is in [`Live::take_outs`] after every call, and the
/// requests that the module sends are in [`Live::take_callouts`].
pub struct Live {
    worker: Worker,
    number: usize,
    start: Start,
    around: Around,
    flights: BTreeMap<u32, Flight>,
    outs: Vec<(u32, Vec<Out>)>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("worker", &self.worker).finish_non_exhaustive()
    }
}

impl Live {
    pub(super) const fn new(number: usize, worker: Worker, start: Start, around: Around) -> Self {
        Self { worker, number, start, around, flights: BTreeMap::new(), outs: Vec::new() }
    }

    /// A request's headers have come, pseudo headers first; `end` where that is all. Properties are
    /// what the gateway knows beside them, by dotted path.
    pub fn open(&mut self, headers: Headers, end: bool, properties: Vec<(String, Vec<u8>)>) -> u32 {
        let request = Request { headers, properties, ..Request::new("", "") };
        // One whose worker is dead is over before it has a number of its own.
        let mut flight =
            Flight::new(self.number, &mut self.worker, &self.around, request).live(end);
        let stream = match flight.context() {
            0 => self.worker.next_context(),
            context => context,
        };
        self.go_on(stream, &mut flight);
        if !flight.is_over() {
            self.flights.insert(stream, flight);
        }
        self.after();
        stream
    }

    /// More of a message has come. Pieces of an exchange that is over are dropped.
    pub fn arrives(&mut self, stream: u32, half: Half, arrived: Arrived) {
        self.with(stream, |flight, _, _| flight.arrives(half, arrived));
    }

    /// The upstream's answer begins: headers with `:status`, and whether that is all.
    pub fn answered(&mut self, stream: u32, headers: Headers, end: bool) {
        self.with(stream, |flight, worker, _| flight.answered(worker, headers, end));
    }

    /// The gateway itself answers, as when the upstream is down. An answer that has begun is cut.
    pub fn answer_here(&mut self, stream: u32, answer: Response) {
        self.with(stream, |flight, worker, around| flight.answer_here(worker, around, answer));
    }

    /// The client went away.
    pub fn gone(&mut self, stream: u32) {
        self.with(stream, |flight, worker, _| flight.end(worker));
    }

    /// A callout has ended. The module is told even where the exchange that asked is over.
    pub fn callout_ended(&mut self, token: u32, answer: CalloutAnswer) {
        let found = self.worker.state().callouts.iter().find(|pending| pending.token == token);
        let Some(asker) = found.map(|pending| pending.asker) else { return };
        self.worker.answer_token(token, answer);
        if asker != ROOT {
            self.with(asker, |_, _, _| {});
        }
        self.after();
    }

    /// The timer has run out.
    pub fn tick(&mut self) {
        self.worker.tick();
        self.after();
    }

    /// How often the module wants to be ticked, if at all.
    pub fn tick_period(&mut self) -> Option<Duration> {
        let period = self.worker.state().tick;
        (period > 0 && !self.worker.dead).then(|| Duration::from_millis(u64::from(period)))
    }

    /// Tells the module of queues that have something for this worker.
    pub fn tell_queues(&mut self) {
        self.worker.tell_queues();
        self.after();
    }

    /// What goes out since this was last asked, by exchange.
    pub fn take_outs(&mut self) -> Vec<(u32, Vec<Out>)> {
        std::mem::take(&mut self.outs)
    }

    /// The requests that the module has sent since this was last asked, by token. Each is to be ended
    /// by [`Live::callout_ended`], in its time.
    pub fn take_callouts(&mut self) -> Vec<(u32, Callout)> {
        std::mem::take(&mut self.worker.state().asked)
    }

    /// Whether the module would take a configuration: a throw-away instance is asked.
    #[must_use]
    pub fn would_take(&self, configuration: &[u8]) -> bool {
        (self.start)(self.number).is_ok_and(|mut canary| canary.configure(configuration))
    }

    /// Hands over a new configuration; whether the module took it. A worker that is dead is started
    /// anew for it.
    ///
    /// # Errors
    /// It does not start.
    pub fn configure(&mut self, configuration: &[u8]) -> Result<bool, HostError> {
        if self.worker.dead {
            self.worker = (self.start)(self.number)?;
        }
        let taken = self.worker.configure(configuration);
        self.after();
        Ok(taken)
    }

    /// Whether the module has trapped: every request is answered 503.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        self.worker.dead
    }

    /// How many exchanges are on their way.
    #[must_use]
    pub fn open_exchanges(&self) -> usize {
        self.flights.len()
    }

    fn with(&mut self, stream: u32, run: impl FnOnce(&mut Flight, &mut Worker, &Around)) {
        let Some(mut flight) = self.flights.remove(&stream) else { return };
        run(&mut flight, &mut self.worker, &self.around);
        self.go_on(stream, &mut flight);
        if !flight.is_over() {
            self.flights.insert(stream, flight);
        }
        self.after();
    }

    fn go_on(&mut self, stream: u32, flight: &mut Flight) {
        let mut out = Vec::new();
        flight.go_on_live(&mut self.worker, &self.around, &mut out);
        if !out.is_empty() {
            self.outs.push((stream, out));
        }
    }

    /// What a callback may have done to exchanges that were not the reason for it: a trap ends all,
    /// and the root context may have closed or resumed one.
    fn after(&mut self) {
        let streams: Vec<u32> = match self.worker.dead {
            true => self.flights.keys().copied().collect(),
            false => {
                let touched = self.worker.state().streams.iter();
                let touched = touched.filter(|(_, stream)| stream.is_touched());
                touched.map(|(number, _)| *number).collect()
            }
        };
        for stream in streams {
            let Some(mut flight) = self.flights.remove(&stream) else { continue };
            self.go_on(stream, &mut flight);
            if !flight.is_over() {
                self.flights.insert(stream, flight);
            }
        }
    }
}
