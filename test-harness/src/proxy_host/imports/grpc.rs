//! gRPC callouts: refused, and seen to be.

use super::{ENV, Host, Told, answer};
use crate::proxy_host::memory::{hand_over, write_u32};
use crate::proxy_host::state::{HostState, status};
use wasmtime::{FuncType, Linker, Val, ValType};

/// Names, how many numbers each takes, and what Envoy answers: to a service that is unknown, and of a
/// call that there is not.
const REFUSED: [(&str, usize, i32); 5] = [
    ("proxy_grpc_call", 12, status::PARSE),
    ("proxy_grpc_stream", 9, status::PARSE),
    ("proxy_grpc_send", 4, status::BAD_ARGUMENT),
    ("proxy_grpc_cancel", 1, status::BAD_ARGUMENT),
    ("proxy_grpc_close", 1, status::BAD_ARGUMENT),
];

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    for (name, arguments, refusal) in REFUSED {
        let numbers = std::iter::repeat_n(ValType::I32, arguments);
        let kind = FuncType::new(linker.engine(), numbers, [ValType::I32]);
        linker.func_new(ENV, name, kind, move |mut caller, _, results| {
            let fault = caller.data_mut().enter(name);
            if let Some(result) = results.first_mut() {
                *result = Val::I32(fault.unwrap_or(refusal));
            }
            Ok(())
        })?;
    }
    linker.func_wrap(ENV, "proxy_get_status", get_status)?;
    Ok(())
}

/// The status of a gRPC call that is being told: none is, so it is 0 and says nothing.
fn get_status(mut caller: Host<'_>, code: i32, message: i32, size: i32) -> Told {
    answer(&mut caller, "proxy_get_status", |caller| {
        write_u32(caller, code, 0)?;
        hand_over(caller, &[], message, size)
    })
}
