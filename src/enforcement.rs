//! Sans-IO enforcement: an event in, a step out. The caller owns all input and output.

mod engine;
mod event;

pub use engine::Engine;
pub use event::{
    Callout, CalloutReply, Edits, Event, Header, HeldPermit, Ids, Outcome, Permit, Reply,
    SignatureVerdict, Step,
};

use crate::time::Timestamp;
use std::rc::Rc;

/// One request, from its first byte to its record.
#[derive(Debug)]
pub struct Enforcement {
    _engine: Rc<Engine>,
    _ids: Ids,
}

impl Enforcement {
    /// For one request.
    #[must_use]
    pub fn new(engine: Rc<Engine>, ids: Ids) -> Self {
        Self { _engine: engine, _ids: ids }
    }

    /// Takes one event and says what to do next.
    #[must_use]
    pub fn on(&mut self, _now: Timestamp, _event: Event<'_>) -> Step {
        Step::Wait
    }

    /// The request's record: one line of compact JSON, once it is over.
    #[must_use]
    pub fn record(&mut self, _now: Timestamp, _outcome: Outcome) -> String {
        String::new()
    }

    /// Whether the response's headers and body must be told.
    #[must_use]
    pub fn wants_response(&self) -> bool {
        false
    }
}
