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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy_host::shared::SharedData;
    use std::sync::Arc;
    use wasmtime::{Engine, Store};

    #[test]
    fn each_import_has_its_row_in_the_documentation_and_no_row_is_of_another() {
        let text = include_str!("../../../docs/host.md");
        let (_, table) = text.split_once("| import |").unwrap();
        let (table, _) = table.split_once("\n\n").unwrap();
        let first = |line: &str| line.split('|').nth(1).unwrap_or_default().to_owned();
        let rows: String = table.lines().map(first).collect();
        let mut told: Vec<&str> = rows.split('`').skip(1).step_by(2).collect();
        told.sort_unstable();
        let engine = Engine::default();
        let mut linker = Linker::new(&engine);
        define(&mut linker).unwrap();
        let clusters = Arc::new(|_: &_| crate::proxy_host::CalloutAnswer::Never);
        let mut store = Store::new(&engine, HostState::new(0, SharedData::default(), clusters));
        let all = linker.iter(&mut store).map(|(_, name, _)| name.to_owned());
        let mut all: Vec<String> = all.collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(told, all);
    }
}
