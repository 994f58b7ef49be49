//! What a condition can ask of a request.

use super::actor::Acting;
use crate::identity::ClaimState;
use crate::policy::compiled::ResourceEntry;
use crate::policy::condition::{Facts, Slot};
use crate::policy::document::ActorMode;
use crate::policy::value::{Fact, Value, ValueRef};
use crate::request::{AccessRequest, AttributeState, Mapped};
use crate::time::Timestamp;
use std::cell::Cell;

/// The facts of one request.
pub(super) struct RequestFacts<'a> {
    pub(super) request: &'a AccessRequest<'a>,
    pub(super) acting: &'a Acting<'a>,
    pub(super) resource: &'a ResourceEntry,
    pub(super) mapped: Mapped<'a>,
    pub(super) chain: &'a [String],
    pub(super) now: Timestamp,
    /// Set when a condition asked for an attribute whose look-up failed.
    pub(super) missed: Cell<bool>,
    /// Whether what the token does not tell was only not written down, so that it could be known.
    #[cfg(feature = "author")]
    pub(super) gaps: bool,
}

impl Facts for RequestFacts<'_> {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        let text = |text| Fact::Known(ValueRef::String(text));
        match slot {
            Slot::Action => text(self.mapped.action.name()),
            Slot::ActorChain => Fact::Known(ValueRef::Strings(self.chain)),
            Slot::ActorId => text(self.acting.actor_id()),
            Slot::ActorIssuer => text(&self.acting.issuer.issuer),
            Slot::ActorMode => text(match self.acting.mode {
                ActorMode::Delegated => "delegated",
                ActorMode::Independent => "independent",
            }),
            // Arguments exist for tools only.
            Slot::Args => Fact::Unknown,
            #[cfg(feature = "author")]
            Slot::RequestHost | Slot::RequestMethod | Slot::RequestPath
                if self.gaps && self.request.http.path.is_empty() =>
            {
                Fact::Pending(crate::policy::value::Source::Response)
            }
            Slot::RequestHost => text(self.request.http.host),
            Slot::RequestMethod => text(self.request.http.method),
            Slot::RequestPath => text(self.request.http.path),
            Slot::RequestTime => Fact::Known(ValueRef::Timestamp(self.now)),
            Slot::ResourceAttribute(number) => self.attribute(number),
            Slot::ResourceId if self.mapped.id.is_empty() => Fact::Unknown,
            Slot::ResourceId => text(self.mapped.id),
            Slot::ResourceType => text(&self.resource.id),
            #[cfg(feature = "author")]
            Slot::SubjectClaim(_) | Slot::SubjectGroups | Slot::SubjectScopes if self.gaps => {
                Fact::Pending(crate::policy::value::Source::Response)
            }
            Slot::SubjectClaim(at) => {
                self.acting.token.claims.get(at as usize).map_or(Fact::Unknown, claim)
            }
            Slot::SubjectGroups => claim(&self.acting.token.groups),
            Slot::SubjectId => text(self.acting.subject_id()),
            Slot::SubjectIssuer => text(&self.acting.issuer.issuer),
            Slot::SubjectRealm => text(self.acting.subject_realm()),
            Slot::SubjectScopes => Fact::Known(ValueRef::Strings(&self.acting.token.scope_strings)),
        }
    }
}

impl RequestFacts<'_> {
    fn attribute(&self, number: u32) -> Fact<'_> {
        let place = self.resource.attributes.iter().position(|entry| entry.number == number);
        match place.and_then(|at| self.request.attributes.get(at)) {
            Some(AttributeState::Known(value)) => Fact::Known(ValueRef::from(value)),
            Some(AttributeState::Pending(source)) => Fact::Pending(*source),
            Some(AttributeState::Unavailable) => {
                self.missed.set(true);
                Fact::Unknown
            }
            Some(AttributeState::Unknown) | None => Fact::Unknown,
        }
    }
}

fn claim(state: &ClaimState) -> Fact<'_> {
    match state {
        ClaimState::Known(Value::List(list)) => Fact::Known(ValueRef::List(list)),
        ClaimState::Known(value) => Fact::Known(ValueRef::from(value)),
        ClaimState::Unknown => Fact::Unknown,
    }
}
