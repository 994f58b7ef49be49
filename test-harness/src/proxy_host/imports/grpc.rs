//! gRPC callouts: refused, and seen to be.

use super::ENV;
use crate::proxy_host::state::{HostState, status};
use wasmtime::{FuncType, Linker, Val, ValType};

/// Names and how many numbers each takes.
const REFUSED: [(&str, usize); 6] = [
    ("proxy_grpc_call", 12),
    ("proxy_grpc_stream", 9),
    ("proxy_grpc_send", 4),
    ("proxy_grpc_cancel", 1),
    ("proxy_grpc_close", 1),
    ("proxy_get_status", 3),
];

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    for (name, arguments) in REFUSED {
        let numbers = std::iter::repeat_n(ValType::I32, arguments);
        let kind = FuncType::new(linker.engine(), numbers, [ValType::I32]);
        linker.func_new(ENV, name, kind, move |mut caller, _, results| {
            let fault = caller.data_mut().enter(name);
            if let Some(result) = results.first_mut() {
                *result = Val::I32(fault.unwrap_or(status::UNIMPLEMENTED));
            }
            Ok(())
        })?;
    }
    Ok(())
}
