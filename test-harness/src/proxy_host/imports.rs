//! The functions a module imports: proxy-wasm 0.2.1's, and the part of WASI that a module needs.

mod buffers;
mod callouts;
mod files;
mod foreign;
mod grpc;
mod headers;
mod metrics;
mod properties;
mod queues;
mod shared_data;
mod stream;
mod surroundings;
mod wasi;

use super::memory::{Access, Fail};
use super::state::{HostState, status};
use wasmtime::{Caller, Linker};

/// The module that calls.
type Host<'a> = Caller<'a, HostState>;
/// A status for the module, or its end.
type Told = wasmtime::Result<i32>;

/// Where the ABI's imports are.
const ENV: &str = "env";

/// Defines every import.
pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    buffers::define(linker)?;
    callouts::define(linker)?;
    foreign::define(linker)?;
    grpc::define(linker)?;
    headers::define(linker)?;
    metrics::define(linker)?;
    properties::define(linker)?;
    queues::define(linker)?;
    shared_data::define(linker)?;
    stream::define(linker)?;
    surroundings::define(linker)?;
    wasi::define(linker)
}

/// Counts the call, answers with a fault where the test wants one, and turns the result into a
/// status.
fn answer(
    caller: &mut Host<'_>,
    import: &str,
    run: impl FnOnce(&mut Host<'_>) -> Access<()>,
) -> Told {
    if caller.data().starting && import != "proxy_log" {
        return Err(wasmtime::Error::msg(format!("{import} is called before the module started")));
    }
    if let Some(fault) = caller.data_mut().enter(import) {
        return Ok(fault);
    }
    match run(caller) {
        Ok(()) => Ok(status::OK),
        Err(Fail::Status(status)) => Ok(status),
        Err(Fail::Trap(error)) => Err(error),
    }
}
