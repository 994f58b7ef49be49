//! The plugin's root: loads the policy, fetches keys, starts a filter for each request.

use crate::counters::{self, Counters};
use crate::fetches::Fetches;
use crate::filter::Filter;
use crate::host::{self, HostError};
use crate::ids::Mint;
use crate::signatures::Signatures;
use ambit::enforcement::Engine;
use ambit::policy::error::PolicyErrors;
use ambit::time::Span;
use proxy_wasm::traits::{Context as HostContext, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, LogLevel};
use std::rc::Rc;

/// Milliseconds to a tick that should come at once: the first one, so that keys are there before
/// they are needed, and one that a token of an unknown key asks for.
pub(crate) const FIRST_TICK: u32 = 1;

/// Milliseconds between ticks at most: so old may the counters be that Envoy shows.
const TICK_MOST: u32 = 1_000;

/// What the filters of one worker share while one policy is in force.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) engine: Rc<Engine>,
    pub(crate) mint: Mint,
    pub(crate) signatures: Signatures,
    /// Of this worker under every policy it has had.
    pub(crate) counters: Rc<Counters>,
}

/// One plugin on one worker. Requests under way keep the policy they began with.
#[derive(Debug, Default)]
pub(crate) struct Plugin {
    worker: Option<Rc<Worker>>,
    fetches: Fetches,
}

impl Plugin {
    /// Puts a policy in force, or says everything that is wrong with it.
    fn load(&self, configuration: &[u8]) -> Result<(Worker, Fetches), Vec<String>> {
        let environment = |name: &str| std::env::var(name).ok();
        let engine = Engine::load(configuration, &environment).map_err(|errors| lines(&errors))?;
        let failed = |what: &str, error: &dyn std::fmt::Display| vec![format!("{what}: {error}")];
        let mut random = [0; 8];
        getrandom::getrandom(&mut random)
            .map_err(|error| failed("the host has no randomness", &error))?;
        engine.spread_fetches(u64::from_be_bytes(random));
        let fetches =
            Fetches::of(&engine).map_err(|error| failed("the host's counters", &error))?;
        let worker = Worker {
            engine: Rc::new(engine),
            mint: Mint::new().map_err(|error| failed("the host has no randomness", &error))?,
            signatures: Signatures::default(),
            counters: match &self.worker {
                Some(before) => Rc::clone(&before.counters),
                None => Counters::define()
                    .map(Rc::new)
                    .map_err(|error| failed("the host's counters", &error))?,
            },
        };
        Ok((worker, fetches))
    }

    /// `took`: how long it was compiled, during which this worker did nothing else.
    fn take(&mut self, worker: Worker, fetches: Fetches, took: Span) {
        let policy = worker.engine.policy();
        let version = env!("CARGO_PKG_VERSION");
        let (name, hash) = (policy.name(), policy.hash());
        let took = took.millis();
        host::log(
            LogLevel::Info,
            &format!("ambit {version}: policy `{name}` {hash} in force, compiled in {took} ms"),
        );
        for warning in worker.engine.warnings() {
            log_lines(LogLevel::Warn, &warning.to_string());
        }
        tick_every(match worker.engine.tick_every() {
            Some(_) => FIRST_TICK,
            None => TICK_MOST,
        });
        counted(counters::count_loaded_policy());
        // Answers to the fetches of the policy before must not reach this one.
        if let Some(before) = &self.worker {
            self.fetches.give_up(&before.engine);
        }
        self.fetches = fetches;
        self.worker = Some(Rc::new(worker));
    }
}

impl HostContext for Plugin {
    fn on_http_call_response(
        &mut self,
        token: u32,
        headers: usize,
        body_size: usize,
        _trailers: usize,
    ) {
        if let Some(worker) = &self.worker {
            self.fetches.answered(&worker.engine, token, headers, body_size);
        }
    }
}

impl RootContext for Plugin {
    fn on_configure(&mut self, size: usize) -> bool {
        let began = host::now();
        let loaded = host::configuration(size)
            .map_err(|error| vec![format!("reading the policy: {error}")])
            .and_then(|bytes| self.load(&bytes));
        match loaded {
            Ok((worker, fetches)) => {
                // A host without a clock decides nothing later; that it has none is told then.
                let took = host::now().and_then(|now| Ok(now.since(began?)));
                self.take(worker, fetches, took.unwrap_or_default());
            }
            Err(problems) => {
                for problem in &problems {
                    log_lines(LogLevel::Critical, problem);
                }
                counted(counters::count_refused_policy());
                // Envoy refuses the update and keeps what it has.
                return false;
            }
        }
        true
    }

    fn on_tick(&mut self) {
        let Some(worker) = self.worker.clone() else {
            return;
        };
        match host::now() {
            Ok(now) => self.fetches.tick(&worker.engine, now),
            Err(error) => host::log(LogLevel::Error, &format!("ambit: {error}")),
        }
        counted(worker.counters.tell());
        let wanted =
            worker.engine.tick_every().and_then(|every| u32::try_from(every.millis()).ok());
        tick_every(wanted.unwrap_or(TICK_MOST).clamp(FIRST_TICK, TICK_MOST));
    }

    fn create_http_context(&self, _context: u32) -> Option<Box<dyn HttpContext>> {
        // Never `None`, on which the dispatcher would panic.
        Some(Box::new(Filter::new(self.worker.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// When the next tick comes, and how often from then on.
pub(crate) fn tick_every(milliseconds: u32) {
    if let Err(error) = host::tick_every(milliseconds) {
        host::log(
            LogLevel::Error,
            &format!("ambit: no keys will be fetched, and counters will lag: {error}"),
        );
    }
}

fn counted(done: Result<(), HostError>) {
    if let Err(error) = done {
        host::log(LogLevel::Error, &format!("ambit: counting: {error}"));
    }
}

fn lines(errors: &PolicyErrors) -> Vec<String> {
    errors.0.iter().map(ToString::to_string).collect()
}

pub(crate) fn log_lines(level: LogLevel, text: &str) {
    for line in text.lines() {
        host::log(level, &format!("ambit: {line}"));
    }
}
