//! A proxy-wasm host on wasmtime: runs the shipped module as Envoy would, with everything around it
//! under the test's control.
//!
//! ```no_run
//! use ambit_test_harness::proxy_host::{Gateway, Module, Request, Response};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let module = Module::compile(&std::fs::read("dist/ambit.wasm")?)?;
//! let mut gateway = Gateway::builder(&module)
//!     .configuration("{…}")
//!     .upstream(|_| Response::new(200).header("content-type", "application/json").body("{}"))
//!     .build()?;
//! let exchange = gateway.send(Request::get("/v1/documents/1").header("authorization", "Bearer …"));
//! assert_eq!(exchange.client.map(|answer| answer.status), Some(200));
//! # Ok(()) }
//! ```
//!
//! The host keeps Envoy 1.40's semantics where a filter depends on them, as measured with the same
//! probe in both (`tests/host/`): headers held while the body arrives, buffering and its limit,
//! trailers as the end of a body, local replies that come back through the response callbacks, maps
//! that cannot be read once they were let go, callouts told to the root context, whose status and
//! not arrival decides, a trap that closes the worker for good. Each gateway is its own: no globals,
//! so tests run side by side. One worker may have several requests on their way ([`Gateway::open`]),
//! and workers run on threads ([`Gateway::send_at_once`]).

mod builder;
mod callout;
mod flight;
mod gateway;
mod grpc;
mod imports;
mod live;
mod memory;
mod message;
mod pairs;
mod shared;
mod signature;
mod state;
mod stream;
mod worker;

pub use builder::{Builder, Framing};
pub use callout::{Callout, CalloutAnswer};
pub use flight::{Flight, Out};
pub use gateway::Gateway;
pub use grpc::{GrpcAnswer, GrpcCall, GrpcResponse};
pub use live::{Arrived, Half, Live};
pub use message::{Exchange, Headers, Request, Response, Seen};
pub use shared::{CasDialect, SharedData};
pub use worker::{HostError, Module};
