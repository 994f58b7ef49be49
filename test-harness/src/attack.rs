//! The attack catalogue: requests that must not get through, each a line of data (`attacks/*.yaml`),
//! and good ones that must, sent to a real Envoy with Ambit and to one with its native filters.
//!
//! What counts is what the upstream received. It is read as several kinds of server would read it,
//! and every reading must be something the caller may do: see [`judge`].

mod catalogue;
mod envoys;
mod h2;
mod judge;
mod native;
mod possession;
mod readings;
mod report;
mod run;
mod secret;
mod token;
mod upstream;
mod wire;
mod world;

pub use catalogue::{Case, Catalogue, Request};
pub use report::Summary;
pub use run::run;
