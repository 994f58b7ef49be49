//! Proof on a laptop: a wasmtime host for the shipped module, scenarios that every host must answer
//! alike, the attack catalogue, and the demo that `make run` and `make demo` start.

pub mod attack;
pub mod audit;
pub mod bench;
pub mod demo;
pub mod explain;
pub mod matrix;
pub mod proof;
#[cfg(feature = "wasm-host")]
pub mod proxy_host;
pub mod record_log;
pub mod recorded;
pub mod replay;
pub mod review;
pub mod scenario;
#[cfg(feature = "wasm-host")]
pub mod serve;
pub mod suite;
