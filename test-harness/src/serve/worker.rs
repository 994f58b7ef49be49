//! A worker's thread: what happens to its exchanges comes in as events, and what goes out of them is
//! handed to whoever holds their sockets.

use super::records::Records;
use crate::proxy_host::{
    Arrived, Callout, CalloutAnswer, Half, Headers, Live, Out, Response, SharedData,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

/// What goes to the holder of an exchange's sockets.
#[derive(Debug)]
pub(super) enum Told {
    /// These go out.
    Outs(Vec<Out>),
    /// The piece of that half was taken, and another may come.
    Ready(Half),
}

/// What happens to a worker.
pub(super) enum Event {
    /// A request, under a number that the whole gateway knows.
    Open {
        exchange: u64,
        headers: Headers,
        end: bool,
        properties: Vec<(String, Vec<u8>)>,
        to: UnboundedSender<Told>,
    },
    /// More of a message.
    Arrived(u64, Half, Arrived),
    /// An answer begins.
    Answered(u64, Headers, bool),
    /// The gateway answers by itself.
    AnswerHere(u64, Response),
    /// The client went away.
    Gone(u64),
    /// A callout has ended.
    CalloutEnded(u32, CalloutAnswer),
    /// Another worker has put something into a queue of this one's.
    Queued,
    /// Whether a new configuration would be taken.
    WouldTake(Arc<[u8]>, oneshot::Sender<bool>),
    /// A new configuration.
    Configure(Arc<[u8]>, oneshot::Sender<Result<bool, String>>),
    /// Nothing more will come.
    Stop,
}

/// Sends a callout, whose end is to come back as an event.
pub(super) type SendCallout = Arc<dyn Fn(Callout, u32, Sender<Event>) + Send + Sync>;

/// What all workers have in common.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) shared: SharedData,
    pub(super) records: Arc<Records>,
    pub(super) send_callout: SendCallout,
    /// Every worker, to be told of queues.
    pub(super) all: Vec<Sender<Event>>,
}

/// A worker at work.
struct Work {
    live: Live,
    common: Common,
    itself: Sender<Event>,
    /// By the gateway's number: the worker's, and who is told.
    exchanges: HashMap<u64, (u32, UnboundedSender<Told>)>,
    numbers: HashMap<u32, u64>,
    next_tick: Option<Instant>,
}

/// Runs until it is told to stop.
pub(super) fn run(live: Live, events: &Receiver<Event>, itself: Sender<Event>, common: Common) {
    let (exchanges, numbers) = (HashMap::new(), HashMap::new());
    let mut work = Work { live, common, itself, exchanges, numbers, next_tick: None };
    work.after();
    loop {
        let now = Instant::now();
        let wait = work.next_tick.map_or(Duration::from_secs(60), |at| at.duration_since(now));
        match events.recv_timeout(wait) {
            Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(event) => work.on(event),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if work.next_tick.is_some_and(|at| at <= Instant::now()) {
            work.next_tick = None;
            work.live.tick();
        }
        work.after();
    }
}

impl Work {
    fn on(&mut self, event: Event) {
        match event {
            Event::Open { exchange, headers, end, properties, to } => {
                let stream = self.live.open(headers, end, properties);
                self.numbers.insert(stream, exchange);
                self.exchanges.insert(exchange, (stream, to));
            }
            Event::Arrived(exchange, half, arrived) => {
                let Some((stream, to)) = self.exchanges.get(&exchange) else { return };
                let to = to.clone();
                self.live.arrives(*stream, half, arrived);
                self.hand_out();
                // Whoever listened may be gone.
                let _ = to.send(Told::Ready(half));
            }
            Event::Answered(exchange, headers, end) => {
                if let Some((stream, _)) = self.exchanges.get(&exchange) {
                    self.live.answered(*stream, headers, end);
                }
            }
            Event::AnswerHere(exchange, answer) => {
                if let Some((stream, _)) = self.exchanges.get(&exchange) {
                    self.live.answer_here(*stream, answer);
                }
            }
            Event::Gone(exchange) => {
                if let Some((stream, _)) = self.exchanges.get(&exchange) {
                    self.live.gone(*stream);
                }
            }
            Event::CalloutEnded(token, answer) => self.live.callout_ended(token, answer),
            Event::Queued | Event::Stop => self.live.tell_queues(),
            Event::WouldTake(configuration, told) => {
                // Whoever asked may have given up.
                let _ = told.send(self.live.would_take(&configuration));
            }
            Event::Configure(configuration, told) => {
                let taken = self.live.configure(&configuration);
                let _ = told.send(taken.map_err(|error| error.to_string()));
            }
        }
    }

    /// What a callback has brought about, and the timer.
    fn after(&mut self) {
        self.hand_out();
        for (token, callout) in self.live.take_callouts() {
            (self.common.send_callout)(callout, token, self.itself.clone());
        }
        for reader in self.common.shared.readers_waited_for() {
            if let Some(worker) = self.common.all.get(reader) {
                let _ = worker.send(Event::Queued);
            }
        }
        let period = self.live.tick_period();
        let wanted = period.map(|period| Instant::now() + period);
        // A shorter period counts from now, as a timer that is set anew does.
        self.next_tick = match (self.next_tick, wanted) {
            (Some(at), Some(wanted)) => Some(at.min(wanted)),
            (_, wanted) => wanted,
        };
    }

    fn hand_out(&mut self) {
        for (stream, outs) in self.live.take_outs() {
            let Some(exchange) = self.numbers.get(&stream).copied() else { continue };
            let over = outs.iter().find_map(|out| match out {
                Out::Over(exchange) => Some(exchange),
                _ => None,
            });
            if let Some(over) = over {
                self.common.records.keep(over);
                self.numbers.remove(&stream);
            }
            let over = over.is_some();
            if let Some((_, to)) = self.exchanges.get(&exchange) {
                // Whoever listened may be gone.
                let _ = to.send(Told::Outs(outs));
            }
            if over {
                self.exchanges.remove(&exchange);
            }
        }
    }
}
