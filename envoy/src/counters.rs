//! Counters on Envoy's stats page; `docs/counters.md` says what each means.

pub(crate) mod keys;

use crate::host::{self, HostError};
use ambit::decision::{Decision, Effect, Reason, ReasonKind};
use ambit::enforcement::Recall;
use proxy_wasm::types::LogLevel;
use std::cell::Cell;

/// All of them from the start, so that a dashboard sees zero before it sees one.
///
/// Counted here and told to the host together: a call for each would cost a request a microsecond.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// By the reason's index.
    decisions: Vec<Counter>,
    undecided: Counter,
    recalled: Counter,
    new: Counter,
    by_host: Counter,
    in_module: Counter,
    lost: Counter,
    /// Requests that ended since the host was told.
    untold: Cell<u32>,
}

/// Requests after which the host is told, tick or no tick.
const UNTOLD_MOST: u32 = 256;

#[derive(Debug, Default)]
struct Counter {
    id: u32,
    untold: Cell<u32>,
}

impl Counter {
    fn define(name: &str) -> Result<Self, HostError> {
        Ok(Self { id: host::define_counter(name)?, untold: Cell::default() })
    }

    fn add(&self) {
        self.untold.set(self.untold.get().saturating_add(1));
    }

    /// What the host does not take is told again the next time.
    fn tell(&self) -> Result<(), HostError> {
        match self.untold.get() {
            0 => Ok(()),
            by => host::count_by(self.id, by).map(|()| self.untold.set(0)),
        }
    }
}

/// Who checked a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checker {
    /// Envoy's own cryptography.
    Host,
    /// The module's.
    Module,
}

impl Counters {
    /// Defines them.
    ///
    /// # Errors
    /// When the host has no counters.
    pub(crate) fn define() -> Result<Self, HostError> {
        let decision = |reason: &Reason| Counter::define(&decision_name(*reason));
        Ok(Self {
            decisions: Reason::ALL.iter().map(decision).collect::<Result<_, _>>()?,
            undecided: Counter::define("ambit.decisions.undecided")?,
            recalled: Counter::define("ambit.tokens.recalled")?,
            new: Counter::define("ambit.tokens.new")?,
            by_host: Counter::define("ambit.signatures.by_host")?,
            in_module: Counter::define("ambit.signatures.in_module")?,
            lost: Counter::define("ambit.records.lost")?,
            untold: Cell::default(),
        })
    }

    /// Counts what a request came to.
    pub(crate) fn decided(&self, decision: Option<&Decision>) -> Result<(), HostError> {
        let Some(decision) = decision else {
            self.undecided.add();
            return Ok(());
        };
        match self.decisions.get(decision.reason.index()) {
            Some(counter) if decision.effect == effect(decision.reason) => {
                counter.add();
                Ok(())
            }
            _ => Err(HostError::OutOfStep("a decision whose effect is not its reason's")),
        }
    }

    /// Counts whether a request's token was remembered.
    pub(crate) fn recalled(&self, recall: Option<Recall>) {
        match recall {
            Some(Recall::Hit) => self.recalled.add(),
            Some(Recall::Miss) => self.new.add(),
            None => {}
        }
    }

    /// Counts a signature that was checked, whatever came of it.
    pub(crate) fn verified(&self, by: Checker) {
        match by {
            Checker::Host => self.by_host.add(),
            Checker::Module => self.in_module.add(),
        }
    }

    /// Counts a record that the access log will not have.
    pub(crate) fn lost_record(&self) {
        self.lost.add();
    }

    /// A request is over, and all of it was counted.
    pub(crate) fn request_ended(&self) -> Result<(), HostError> {
        self.untold.set(self.untold.get().saturating_add(1));
        match self.untold.get() < UNTOLD_MOST {
            true => Ok(()),
            false => self.tell(),
        }
    }

    /// Tells the host all that was counted since the last time.
    pub(crate) fn tell(&self) -> Result<(), HostError> {
        if self.untold.replace(0) == 0 {
            return Ok(());
        }
        let others = [
            &self.undecided,
            &self.recalled,
            &self.new,
            &self.by_host,
            &self.in_module,
            &self.lost,
        ];
        let mut told = Ok(());
        for counter in self.decisions.iter().chain(others) {
            told = told.and(counter.tell());
        }
        told
    }
}

impl Drop for Counters {
    /// The last that a worker counted, when Envoy takes the module down.
    fn drop(&mut self) {
        if let Err(error) = self.tell() {
            host::log(LogLevel::Error, &format!("ambit: counting: {error}"));
        }
    }
}

/// Counts a policy that came into force, once in every copy of the module.
pub(crate) fn count_loaded_policy() -> Result<(), HostError> {
    host::define_counter("ambit.policy.loaded").and_then(host::count)
}

/// Counts a policy that was refused. The throw-away module that Envoy tries a configuration in
/// leaves the counter behind, so the gateway that keeps its last good policy still shows it.
pub(crate) fn count_refused_policy() -> Result<(), HostError> {
    host::define_counter("ambit.policy.refused").and_then(host::count)
}

const fn effect(reason: Reason) -> Effect {
    match reason.kind() {
        ReasonKind::Allowed => Effect::Allow,
        ReasonKind::Malformed
        | ReasonKind::Unauthenticated
        | ReasonKind::Forbidden
        | ReasonKind::TooLarge
        | ReasonKind::Unavailable => Effect::Deny,
    }
}

fn decision_name(reason: Reason) -> String {
    let effect = match effect(reason) {
        Effect::Allow => "allow",
        Effect::Deny => "deny",
    };
    format!("ambit.decisions.{effect}.{}", reason.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_effect_and_reason() {
        assert_eq!(decision_name(Reason::NoToken), "ambit.decisions.deny.no-token");
        assert_eq!(decision_name(Reason::AllowedByRule), "ambit.decisions.allow.allowed-by-rule");
    }

    #[test]
    fn a_decision_whose_effect_is_not_its_reasons_is_never_counted_as_one() {
        let odd = Decision { effect: Effect::Allow, ..Decision::deny(Reason::Denied) };
        let decisions = Reason::ALL.iter().map(|_| Counter::default()).collect();
        let mut counters = Counters::default();
        counters.decisions = decisions;
        assert!(matches!(counters.decided(Some(&odd)), Err(HostError::OutOfStep(_))));
    }

    #[test]
    fn what_the_host_does_not_take_is_kept() {
        let counters = Counters::default();
        counters.recalled(Some(Recall::Hit));
        for _ in 1..UNTOLD_MOST {
            assert!(counters.request_ended().is_ok());
        }
        assert!(counters.request_ended().is_err(), "there is no host here");
        assert_eq!(counters.recalled.untold.get(), 1);
    }
}
