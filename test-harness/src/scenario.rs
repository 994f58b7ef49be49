//! Scenarios: one description of a request and what must come of it, run by engines that must agree:
//! the core alone, its input whole and in pieces; the shipped module in wasmtime, in a host like Envoy
//! and in one that differs where hosts do; and the module in a real Envoy.
//!
//! A scenario file (`scenarios/*.yaml`) has a policy, scripts for clusters and the upstream, and
//! requests. Tokens are made by the test, with an issuer's key that replaces the policy's own; times
//! are real, so what differs by nature (ids, times) is compared behind placeholders.

mod envoy;
mod format;
mod native;
mod observed;
pub mod raw;
mod read;
mod token;
#[cfg(feature = "wasm-host")]
mod wasm;

pub use envoy::Envoy;
pub(crate) use format::get;
pub use format::{Ask, Expect, ScenarioFile, Scripted};
pub use native::Native;
pub use observed::{Observed, Reached};
pub use read::ReadError;
pub(crate) use read::{known_names, typed};
#[cfg(feature = "wasm-host")]
pub use wasm::Wasmtime;

/// Something that answers a scenario's requests.
pub trait Engine {
    /// Its name, for messages.
    fn name(&self) -> &'static str;

    /// What comes of one request.
    ///
    /// # Errors
    /// The engine could not be asked; not a refusal.
    fn ask(&mut self, ask: &Ask, token: Option<&str>) -> Result<Observed, String>;
}
