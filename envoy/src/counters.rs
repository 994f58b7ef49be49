//! Counters on Envoy's stats page; `docs/counters.md` says what each means.

pub(crate) mod keys;

use crate::host::{self, HostError};
use ambit::decision::{Decision, Effect, Reason, ReasonKind};
use ambit::enforcement::Recall;

/// All of them from the start, so that a dashboard sees zero before it sees one.
///
/// A request adds to two, or to three where its token is new: each costs 0.1 µs.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// By the reason's index.
    decisions: Vec<u32>,
    undecided: u32,
    recalled: u32,
    new: u32,
    by_host: u32,
    in_module: u32,
    lost: u32,
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
        let decision = |reason: &Reason| host::define_counter(&decision_name(*reason));
        Ok(Self {
            decisions: Reason::ALL.iter().map(decision).collect::<Result<_, _>>()?,
            undecided: host::define_counter("ambit.decisions.undecided")?,
            recalled: host::define_counter("ambit.tokens.recalled")?,
            new: host::define_counter("ambit.tokens.new")?,
            by_host: host::define_counter("ambit.signatures.by_host")?,
            in_module: host::define_counter("ambit.signatures.in_module")?,
            lost: host::define_counter("ambit.records.lost")?,
        })
    }

    /// Counts what a request came to.
    pub(crate) fn decided(&self, decision: Option<&Decision>) -> Result<(), HostError> {
        let Some(decision) = decision else {
            return host::count(self.undecided);
        };
        match self.decisions.get(decision.reason.index()) {
            Some(id) if decision.effect == effect(decision.reason) => host::count(*id),
            _ => Err(HostError::OutOfStep("a decision whose effect is not its reason's")),
        }
    }

    /// Counts whether a request's token was remembered.
    pub(crate) fn recalled(&self, recall: Option<Recall>) -> Result<(), HostError> {
        match recall {
            Some(Recall::Hit) => host::count(self.recalled),
            Some(Recall::Miss) => host::count(self.new),
            None => Ok(()),
        }
    }

    /// Counts a signature that was checked, whatever came of it.
    pub(crate) fn verified(&self, by: Checker) -> Result<(), HostError> {
        host::count(match by {
            Checker::Host => self.by_host,
            Checker::Module => self.in_module,
        })
    }

    /// Counts a record that the access log will not have.
    pub(crate) fn lost_record(&self) -> Result<(), HostError> {
        host::count(self.lost)
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
        let counters = Counters { decisions: vec![0; Reason::ALL.len()], ..Counters::default() };
        assert!(matches!(counters.decided(Some(&odd)), Err(HostError::OutOfStep(_))));
    }
}
