//! Look-ups under way: asked for, answered in any order, and decided on once all are.

use super::{CalloutReply, Enforcement, PendingLookup, Phase, Step, lookup};
use crate::decision::{Decision, Reason};
use crate::policy::value::Source;
use crate::request::AttributeState;
use crate::time::Timestamp;
use std::rc::Rc;

impl Enforcement {
    pub(super) fn look_up(&mut self, now: Timestamp, decision: Decision) -> Step {
        let policy = &self.engine.policy;
        let needed = self.mapped.as_ref().and_then(|mapped| {
            let resource = policy.resources.get(mapped.resource as usize)?;
            let route = policy.routes.route(mapped.route)?;
            let asked = lookup::needed(
                policy,
                (mapped.resource, resource),
                mapped.action,
                &route.variables,
                &route.values(&mapped.id),
            );
            Some(asked)
        });
        let Some(needed) = needed.filter(|needed| !needed.is_empty()) else {
            // No variable of this path fills the look-up: it can never be asked.
            return match self.give_up_look_ups() {
                true => self.settle(now),
                false => self.refuse(Reason::HostFailure),
            };
        };
        self.phase = Phase::LookingUp;
        self.decision = Some(decision);
        self.lookups = needed
            .iter()
            .map(|(callout, places)| PendingLookup {
                number: callout.number,
                places: places.clone(),
                answered: false,
            })
            .collect();
        Step::CallOut(needed.into_iter().map(|(callout, _)| callout).collect())
    }

    pub(super) fn looked_up(
        &mut self,
        now: Timestamp,
        callout: u32,
        reply: CalloutReply<'_>,
    ) -> Step {
        let engine = Rc::clone(&self.engine);
        let resource = self
            .mapped
            .as_ref()
            .and_then(|mapped| engine.policy.resources.get(mapped.resource as usize));
        let pending = self.lookups.iter_mut().find(|one| one.number == callout && !one.answered);
        let (Some(resource), Some(pending)) = (resource, pending) else {
            return self.refuse(Reason::HostFailure);
        };
        pending.answered = true;
        lookup::answered(resource, &pending.places, reply, &mut self.attributes);
        if self.lookups.iter().any(|one| !one.answered) {
            return Step::Wait;
        }
        self.give_up_look_ups();
        self.settle(now)
    }

    /// What was not asked for is never known; nothing waits for it. Whether there was any.
    fn give_up_look_ups(&mut self) -> bool {
        let mut any = false;
        for state in &mut self.attributes {
            if *state == AttributeState::Pending(Source::Lookup) {
                *state = AttributeState::Unknown;
                any = true;
            }
        }
        any
    }
}
