//! The black box: requests in, exchanges out.

use super::builder::{Builder, Framing};
use super::callout::CalloutAnswer;
use super::flight::{Flight, Way};
use super::message::{Exchange, Request, Response, Seen};
use super::shared::SharedData;
use super::state::ROOT;
use super::worker::{HostError, Module, Worker};
use std::fmt;
use std::sync::Arc;

pub(super) type Upstream = Arc<dyn Fn(&Seen) -> Response + Send + Sync>;
/// Starts the worker of a number, before it is configured.
pub(super) type Start = Arc<dyn Fn(usize) -> Result<Worker, HostError> + Send + Sync>;

/// A process of workers that share data, in front of an upstream.
pub struct Gateway {
    workers: Vec<Worker>,
    start: Start,
    shared: SharedData,
    around: Around,
    turn: usize,
}

/// What is the same for every request.
#[derive(Clone)]
pub(super) struct Around {
    pub(super) upstream: Upstream,
    pub(super) limit: usize,
    pub(super) holds: bool,
    pub(super) framing: Framing,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("workers", &self.workers).finish_non_exhaustive()
    }
}

impl Gateway {
    /// How to set up a gateway that runs `module`.
    #[must_use]
    pub fn builder(module: &Module) -> Builder {
        Builder::new(module)
    }

    pub(super) const fn new(
        workers: Vec<Worker>,
        start: Start,
        shared: SharedData,
        around: Around,
    ) -> Self {
        Self { workers, start, shared, around, turn: 0 }
    }

    /// Sends one request to the next worker in turn, and sees it to its end.
    pub fn send(&mut self, request: Request) -> Exchange {
        let flight = self.open(request);
        self.finish(flight)
    }

    /// Sends one request to one worker, and sees it to its end.
    pub fn send_to(&mut self, worker: usize, request: Request) -> Exchange {
        let flight = self.open_at(worker, request);
        self.finish(flight)
    }

    /// Sends each worker its own requests, all at the same time; answers in the same order.
    pub fn send_at_once(&mut self, requests: Vec<Vec<Request>>) -> Vec<Vec<Exchange>> {
        let around = &self.around;
        std::thread::scope(|scope| {
            let run = |(number, (worker, requests)): (usize, (_, Vec<Request>))| {
                let worker: &mut Worker = worker;
                scope.spawn(move || {
                    let send = |request| {
                        let mut flight = Flight::new(number, worker, around, request);
                        finish(&mut flight, worker, around)
                    };
                    requests.into_iter().map(send).collect::<Vec<Exchange>>()
                })
            };
            let threads: Vec<_> =
                self.workers.iter_mut().zip(requests).enumerate().map(run).collect();
            // A thread that panicked has failed the test that waits for it here.
            threads.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
        })
    }

    /// Sends one request to the next worker in turn, as far as it gets before it waits for a callout.
    pub fn open(&mut self, request: Request) -> Flight {
        self.turn = self.turn.wrapping_add(1);
        let worker = self.turn.checked_rem(self.workers.len()).unwrap_or_default();
        self.open_at(worker, request)
    }

    /// As [`Gateway::open`], to one worker.
    pub fn open_at(&mut self, number: usize, request: Request) -> Flight {
        match self.workers.get_mut(number) {
            Some(worker) => {
                let mut flight = Flight::new(number, worker, &self.around, request);
                flight.go_on(worker, &self.around);
                flight
            }
            None => Flight::refused(number),
        }
    }

    /// The callouts that an open request waits for, oldest first.
    pub fn waiting(&mut self, flight: &Flight) -> usize {
        let asker = flight.context();
        self.workers.get_mut(flight.worker()).map_or(0, |worker| {
            worker.state().callouts.iter().filter(|pending| pending.asker == asker).count()
        })
    }

    /// Ends the oldest callout of an open request as the test says, and goes on. Whether there was one.
    pub fn answer(&mut self, flight: &mut Flight, answer: CalloutAnswer) -> bool {
        let Some(worker) = self.workers.get_mut(flight.worker()) else { return false };
        let told = worker.answer_as(flight.context(), answer);
        flight.go_on(worker, &self.around);
        told
    }

    /// Sees an open request to its end: callouts end as scripted, and a client that waits in vain goes
    /// away. What is answered only then is told late, as a gateway does.
    pub fn finish(&mut self, mut flight: Flight) -> Exchange {
        match self.workers.get_mut(flight.worker()) {
            Some(worker) => finish(&mut flight, worker, &self.around),
            None => flight.into_exchange(),
        }
    }

    /// The client of an open request goes away now. Its callouts end as scripted nonetheless.
    pub fn disconnect(&mut self, mut flight: Flight) -> Exchange {
        if let Some(worker) = self.workers.get_mut(flight.worker()) {
            flight.end(worker);
            while worker.answer_scripted(flight.context()) {}
        }
        flight.into_exchange()
    }

    /// Sends one request to the first worker, as far as it gets in this many things that happen to it.
    pub fn open_for(&mut self, steps: usize, request: Request) -> Flight {
        let Some(worker) = self.workers.first_mut() else { return Flight::refused(0) };
        let mut flight = Flight::new(0, worker, &self.around, request);
        flight.go_on_for(steps, worker, &self.around);
        flight
    }

    /// Ends the oldest callout of a worker's root context. Whether there was one.
    pub fn answer_root(&mut self, worker: usize, answer: CalloutAnswer) -> bool {
        self.workers.get_mut(worker).is_some_and(|worker| worker.answer_as(ROOT, answer))
    }

    /// Tells the first worker the end of a callout that is over already, or never was.
    pub fn answer_nobody(&mut self, token: u32, answer: CalloutAnswer) {
        if let Some(worker) = self.workers.first_mut() {
            worker.tell_stray(token, answer);
        }
    }

    /// The gateway itself answers an open request, as after a timeout, and the rest takes its course.
    pub fn answer_by_host(&mut self, mut flight: Flight, status: u16) -> Exchange {
        if let Some(worker) = self.workers.get_mut(flight.worker()) {
            flight.answered_by_host(status, worker, &self.around);
        }
        self.finish(flight)
    }

    /// Ends the oldest callout of a request that is over. Whether there was one.
    pub fn answer_late(&mut self, answer: CalloutAnswer) -> bool {
        let late = |worker: &mut Worker| {
            let state = worker.state();
            let gone = |asker: &u32| *asker != ROOT && !state.streams.contains_key(asker);
            state.callouts.iter().map(|pending| pending.asker).find(gone)
        };
        let found = self.workers.iter_mut().find_map(|worker| late(worker).map(|it| (worker, it)));
        found.is_some_and(|(worker, asker)| worker.answer_as(asker, answer))
    }

    /// Moves the clock and ticks every worker that asked for ticks once, as a timer does after a pause.
    pub fn advance(&mut self, seconds: u64) {
        for worker in &mut self.workers {
            let state = worker.state();
            state.now = state.now.saturating_add(seconds.saturating_mul(1_000_000_000));
            if state.tick > 0 {
                worker.tick();
            }
            worker.tell_queues();
        }
    }

    /// Sets the clock of every worker, forward or back, and ticks as [`Gateway::advance`] does.
    pub fn set_clock(&mut self, seconds: u64) {
        for worker in &mut self.workers {
            worker.state().now = seconds.saturating_mul(1_000_000_000);
        }
        self.advance(0);
    }

    /// The instructions one callback may take from now on.
    pub fn set_fuel(&mut self, fuel: u64) {
        self.workers.iter_mut().for_each(|worker| worker.fuel = fuel);
    }

    /// Starts a worker anew, with nothing of what it knew. Whether it took the configuration.
    ///
    /// # Errors
    /// It does not start, or there is no such worker.
    pub fn restart(
        &mut self,
        number: usize,
        configuration: impl AsRef<[u8]>,
    ) -> Result<bool, HostError> {
        let Some(old) = self.workers.get_mut(number) else {
            return Err(HostError(format!("there is no worker {number}")));
        };
        let mut worker = (self.start)(number)?;
        worker.state().now = old.state().now;
        let taken = worker.configure(configuration.as_ref());
        *old = worker;
        Ok(taken)
    }

    /// What the workers share, to be read and broken.
    #[must_use]
    pub const fn shared(&self) -> &SharedData {
        &self.shared
    }

    /// Why the module ended the whole process, if it did. A gateway that died and was not asked panics
    /// when it is dropped: no test may miss it.
    #[must_use]
    pub fn death(&self) -> Option<&'static str> {
        self.shared.take_death()
    }

    /// Hands every worker a new configuration; whether all took it.
    pub fn reconfigure(&mut self, configuration: impl AsRef<[u8]>) -> bool {
        let bytes = configuration.as_ref();
        let taken: Vec<bool> =
            self.workers.iter_mut().map(|worker| worker.configure(bytes)).collect();
        taken.into_iter().all(|taken| taken)
    }

    /// What the workers logged: level and line.
    pub fn logs(&mut self) -> Vec<(u32, String)> {
        self.workers.iter_mut().flat_map(|worker| worker.state().logs.clone()).collect()
    }

    /// All metrics.
    #[must_use]
    pub fn metrics(&self) -> Vec<(String, i64)> {
        self.shared.metrics()
    }

    /// The most instructions that one callback of any worker took since this was last asked.
    pub fn take_most_fuel(&mut self) -> u64 {
        let most = |worker: &mut Worker| std::mem::take(&mut worker.fuel_most);
        self.workers.iter_mut().map(most).max().unwrap_or_default()
    }

    /// The instructions that all callbacks of all workers took since this was last asked, as wasmtime
    /// counts them.
    pub fn take_fuel(&mut self) -> u64 {
        let sum = |worker: &mut Worker| std::mem::take(&mut worker.fuel_sum);
        self.workers.iter_mut().map(sum).fold(0, u64::saturating_add)
    }

    /// What all workers hold now: bytes of their memories, streams, callouts that have not ended.
    pub fn held(&mut self) -> (usize, usize, usize) {
        let mut held = (0_usize, 0_usize, 0_usize);
        for worker in &mut self.workers {
            held.0 = held.0.saturating_add(worker.memory());
            held.1 = held.1.saturating_add(worker.state().streams.len());
            held.2 = held.2.saturating_add(worker.state().callouts.len());
        }
        held
    }

    /// Every import that was called, and how often, by all workers.
    pub fn calls_made(&mut self) -> Vec<(String, u32)> {
        let mut made = std::collections::BTreeMap::<String, u32>::new();
        for worker in &mut self.workers {
            for (import, count) in &worker.state().calls {
                let sum = made.entry(import.clone()).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
        made.into_iter().collect()
    }
}

impl Drop for Gateway {
    #[expect(clippy::panic, reason = "a test that ends the gateway's process has failed")]
    fn drop(&mut self) {
        if let Some(why) = self.death()
            && !std::thread::panicking()
        {
            panic!("the module ended the gateway's process: {why}");
        }
    }
}

fn finish(flight: &mut Flight, worker: &mut Worker, around: &Around) -> Exchange {
    while flight.go_on(worker, around) == Way::Waits {
        if !worker.answer_scripted(flight.context()) {
            flight.end(worker);
        }
    }
    // Callouts that nobody waits for are answered nonetheless.
    while worker.answer_scripted(flight.context()) {}
    worker.tell_queues();
    flight.take_exchange()
}
