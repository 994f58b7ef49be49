//! Counters: how many requests were allowed and denied, by reason.

pub(crate) mod keys;

use crate::host::{self, HostError};
use ambit::decision::{Decision, Effect, Reason, ReasonKind};

/// One counter for each reason, `ambit.decisions.<allow|deny>.<reason>`, all of them from the
/// start, so that a dashboard sees zero before it sees one.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    ids: Vec<(Effect, Reason, u32)>,
}

impl Counters {
    /// Defines them.
    ///
    /// # Errors
    /// When the host has no counters.
    pub(crate) fn define() -> Result<Self, HostError> {
        let ids = Reason::ALL
            .iter()
            .map(|reason| {
                let effect = match reason.kind() {
                    ReasonKind::Allowed => Effect::Allow,
                    _ => Effect::Deny,
                };
                Ok((effect, *reason, host::define_counter(&name(effect, *reason))?))
            })
            .collect::<Result<_, HostError>>()?;
        Ok(Self { ids })
    }

    /// Counts a decision.
    pub(crate) fn count(&self, decision: &Decision) -> Result<(), HostError> {
        let same = |(effect, reason, _): &&(Effect, Reason, u32)| {
            (*effect, *reason) == (decision.effect, decision.reason)
        };
        match self.ids.iter().find(same) {
            Some((_, _, id)) => host::count(*id),
            None => Err(HostError::OutOfStep("a decision whose effect is not its reason's")),
        }
    }
}

/// Counts a policy that was refused. The throw-away module that Envoy tries a configuration in
/// leaves the counter behind, so the gateway that keeps its last good policy still shows it.
pub(crate) fn count_refused_policy() -> Result<(), HostError> {
    host::define_counter("ambit.policy.refused").and_then(host::count)
}

fn name(effect: Effect, reason: Reason) -> String {
    let effect = match effect {
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
        let wanted = "ambit.decisions.deny.no-token";
        assert_eq!(name(Effect::Deny, Reason::NoToken), wanted);
    }
}
