//! What one worker keeps between requests: the policy, the issuers' keys, verified tokens.

use super::{Callout, CalloutReply};
use crate::policy::error::PolicyErrors;
use crate::time::{Span, Timestamp};

/// A loaded policy with its state.
#[derive(Debug)]
pub struct Engine {}

/// What the host read from its environment; secrets never stand in a policy.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl Engine {
    /// Loads a policy as a gateway delivers it: JSON text, or the protobuf bytes of a `Struct`.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn load(_configuration: &[u8], _environment: &Environment<'_>) -> Result<Self, PolicyErrors> {
        Ok(Self {})
    }

    /// How often the host should call [`Engine::on_tick`]; `None` when nothing has to be fetched.
    #[must_use]
    pub fn tick_every(&self) -> Option<Span> {
        None
    }

    /// Time passed: which issuers' keys to fetch now.
    pub fn on_tick(&self, _now: Timestamp) -> Vec<Callout> {
        Vec::new()
    }

    /// A fetch of keys ended, however it ended. Returns a line for the host's log.
    pub fn on_keys_reply(&self, _now: Timestamp, _callout: u32, _reply: CalloutReply<'_>) -> String {
        String::new()
    }
}
