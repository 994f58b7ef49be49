//! Proof on a laptop: a wasmtime host for the shipped module, scenarios that every host must answer
//! alike, the attack catalogue, and the demo that `make run` and `make demo` start.

pub mod attack;
pub mod bench;
pub mod demo;
pub mod proof;
#[cfg(feature = "wasm-host")]
pub mod proxy_host;
#[cfg(feature = "wasm-host")]
pub mod scenario;
#[cfg(feature = "wasm-host")]
pub mod serve;
#[cfg(feature = "wasm-host")]
pub mod suite;
