//! The functions a module imports: proxy-wasm 0.2.1's, and the part of WASI that a module needs.

mod calls;
mod data;
mod headers;
mod stream;
mod wasi;

use super::memory::Access;
use super::state::{HostState, status};
use wasmtime::{Caller, Linker};

/// Defines every import.
pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    headers::define(linker)?;
    stream::define(linker)?;
    data::define(linker)?;
    calls::define(linker)?;
    wasi::define(linker)
}

/// Counts the call, answers with a fault where the test wants one, and turns the result into a
/// status.
fn answer(
    caller: &mut Caller<'_, HostState>,
    import: &str,
    run: impl FnOnce(&mut Caller<'_, HostState>) -> Access<()>,
) -> i32 {
    if let Some(fault) = caller.data_mut().enter(import) {
        return fault;
    }
    match run(caller) {
        Ok(()) => status::OK,
        Err(status) => status,
    }
}
