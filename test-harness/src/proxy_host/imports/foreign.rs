//! Functions that a host has beside the ABI; these are Envoy's.

use super::{ENV, Host, Told, answer};
use crate::proxy_host::memory::{hand_over, read, text};
use crate::proxy_host::signature;
use crate::proxy_host::state::{HostState, status};
use wasmtime::Linker;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap(ENV, "proxy_call_foreign_function", call)?;
    Ok(())
}

fn call(
    mut caller: Host<'_>,
    name: i32,
    name_size: i32,
    arguments: i32,
    size: i32,
    result: i32,
    result_size: i32,
) -> Told {
    answer(&mut caller, "proxy_call_foreign_function", |caller| {
        let name = text(caller, name, name_size)?;
        let arguments = read(caller, arguments, size)?;
        if let Some(own) = caller.data().foreign.get(&name).cloned() {
            return hand_over(caller, &own(&arguments)?, result, result_size);
        }
        let answered = match name.as_str() {
            "verify_signature" if caller.data().verify_signature => {
                signature::verify(&arguments).ok_or(status::BAD_ARGUMENT)?
            }
            // One cluster: there is no route to choose again.
            "clear_route_cache" => Vec::new(),
            _ => return Err(status::NOT_FOUND.into()),
        };
        hand_over(caller, &answered, result, result_size)
    })
}
