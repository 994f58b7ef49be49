//! Fetches of keys: one worker of the process fetches, and all see what it shares.
//!
//! Under the topic of a source stand two values: the plan, small and looked at by every worker in
//! every tick, and the set, read only when the plan tells of a newer one.

use crate::counters::keys::KeyCounters;
use crate::host::shared::{self, Shared};
use crate::host::{self, Answer, HostError};
use crate::plugin::log_lines;
use ambit::enforcement::{Callout, CalloutReply, Engine, KeyNews, KeyStep};
use ambit::time::Timestamp;
use proxy_wasm::types::LogLevel;
use std::cell::Cell;
use std::collections::BTreeMap;

/// How often a value is put again that somebody changed at the same time.
const PUTS_MOST: usize = 4;

/// The sources of one policy on one worker, and its fetches under way.
#[derive(Debug, Default)]
pub(crate) struct Fetches {
    sources: Vec<Source>,
    /// The host's token, the source's number.
    under_way: BTreeMap<u32, u32>,
    sharing: Sharing,
}

/// One source at the host.
#[derive(Debug)]
struct Source {
    plan: String,
    set: String,
    counters: KeyCounters,
}

/// What can be shared with other workers.
#[derive(Debug, Default)]
struct Sharing {
    on: bool,
    /// Whether it was said that it fails.
    complained: Cell<bool>,
}

impl Fetches {
    /// Of a policy.
    ///
    /// # Errors
    /// When the host has no counters.
    pub(crate) fn of(engine: &Engine) -> Result<Self, HostError> {
        let source = |(number, (issuer, topic)): (u32, (String, String))| {
            Ok(Source {
                plan: format!("jwks/{topic}/plan"),
                set: format!("jwks/{topic}/set"),
                counters: KeyCounters::define(number, &issuer)?,
            })
        };
        let sources: Vec<Source> =
            (0..).zip(engine.key_sources()).map(source).collect::<Result<_, HostError>>()?;
        let sharing = Sharing { on: !sources.is_empty() && is_alone(), ..Sharing::default() };
        Ok(Self { sources, under_way: BTreeMap::new(), sharing })
    }

    /// Time passed.
    pub(crate) fn tick(&mut self, engine: &Engine, now: Timestamp) {
        for (number, source) in (0..).zip(&self.sources) {
            let plan = self.sharing.read(&source.plan);
            match engine.on_tick(now, number, value(plan.as_ref())) {
                KeyStep::Rest => {}
                KeyStep::TakeUp => {
                    let set = self.sharing.read(&source.set);
                    let news = engine.on_shared_keys(now, number, value(set.as_ref()));
                    tell(&news, source.counters.shared(&news));
                }
                KeyStep::Fetch { callout, claim, refetch } => {
                    if !self.sharing.claim(&source.plan, &claim, plan.as_ref()) {
                        continue;
                    }
                    engine.on_keys_claimed(now, number);
                    if refetch {
                        complain(source.counters.refetching());
                    }
                    match send(&callout) {
                        Some(token) => {
                            self.under_way.insert(token, number);
                        }
                        None => self.ended(engine, now, number, NO_ANSWER),
                    }
                }
            }
        }
    }

    /// A callout ended; it may be none of these.
    pub(crate) fn answered(
        &mut self,
        engine: &Engine,
        token: u32,
        headers: usize,
        body_size: usize,
    ) {
        let Some(number) = self.under_way.remove(&token) else { return };
        let answer = Answer::read(headers, body_size);
        match host::now() {
            Ok(now) => self.ended(engine, now, number, answer.told()),
            Err(error) => host::log(LogLevel::Error, &format!("ambit: {error}")),
        }
    }

    /// Ends what is under way, so that nobody waits for an answer that will not be looked at.
    pub(crate) fn give_up(&mut self, engine: &Engine) {
        let Ok(now) = host::now() else { return };
        for number in std::mem::take(&mut self.under_way).into_values() {
            self.ended(engine, now, number, NO_ANSWER);
        }
    }

    fn ended(&self, engine: &Engine, now: Timestamp, number: u32, reply: CalloutReply<'_>) {
        let Some(source) = usize::try_from(number).ok().and_then(|at| self.sources.get(at)) else {
            return;
        };
        let news = engine.on_keys_reply(now, number, reply);
        tell(&news, source.counters.fetch_ended(&news));
        // The set first: a plan that tells of a set which is not there misleads everybody.
        let set = news.set.as_ref().is_none_or(|set| self.sharing.post(&source.set, set));
        if let (true, Some(plan)) = (set, &news.plan) {
            self.sharing.post(&source.plan, plan);
        }
    }
}

impl Sharing {
    /// What is shared, if anything is; `None` where the host does not say.
    fn read(&self, key: &str) -> Option<Option<Shared>> {
        match self.on.then(|| shared::get(key))? {
            Ok(found) => Some(found),
            Err(error) => {
                self.complain(error);
                None
            }
        }
    }

    /// Whether this worker is to fetch: nobody was faster, or nothing can be shared.
    fn claim(&self, key: &str, claim: &[u8], seen: Option<&Option<Shared>>) -> bool {
        // Where nothing can be read, nobody's claim can be waited for.
        let Some(seen) = seen else { return true };
        let version = seen.as_ref().map(|seen| seen.version);
        shared::put(key, claim, version).unwrap_or_else(|error| {
            self.complain(error);
            true
        })
    }

    /// Shares a value, whoever else did meanwhile; whether it is shared.
    fn post(&self, key: &str, bytes: &[u8]) -> bool {
        if !self.on {
            return false;
        }
        let put = || shared::put(key, bytes, shared::get(key)?.map(|found| found.version));
        for _ in 0..PUTS_MOST {
            match put() {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => {
                    self.complain(error);
                    return false;
                }
            }
        }
        false
    }

    fn complain(&self, error: HostError) {
        if !self.complained.replace(true) {
            let line = format!("ambit: this worker fetches keys for itself: {error}");
            host::log(LogLevel::Warn, &line);
        }
    }
}

/// What a callout that was not sent comes to.
const NO_ANSWER: CalloutReply<'static> = CalloutReply { status: None, body: &[] };

/// Whether no other plugin sees what is shared. Without a `vm_id` every such plugin of the process
/// does, and what it wrote would be believed as an issuer's keys.
fn is_alone() -> bool {
    matches!(host::property(&["plugin_vm_id"]), Ok(Some(id)) if !id.is_empty())
}

fn value(shared: Option<&Option<Shared>>) -> Option<&[u8]> {
    shared?.as_ref().map(|shared| shared.value.as_slice())
}

fn send(callout: &Callout) -> Option<u32> {
    host::dispatch(callout)
        .inspect_err(|error| {
            let cluster = &callout.cluster;
            host::log(LogLevel::Error, &format!("ambit: cluster `{cluster}`: {error}"));
        })
        .ok()
}

fn tell(news: &KeyNews, counted: Result<(), HostError>) {
    complain(counted);
    if !news.line.is_empty() {
        log_lines(if news.good { LogLevel::Info } else { LogLevel::Warn }, &news.line);
    }
}

fn complain(counted: Result<(), HostError>) {
    if let Err(error) = counted {
        host::log(LogLevel::Error, &format!("ambit: counting: {error}"));
    }
}
