//! Buffers: bodies, the configuration, the answer of a callout.

use super::{ENV, Host, Told, answer};
use crate::proxy_host::memory::{Access, hand_over, read, size, unsigned, write_u32};
use crate::proxy_host::state::{HostState, status};
use wasmtime::Linker;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap(ENV, "proxy_get_buffer_bytes", get_bytes)?;
    linker.func_wrap(ENV, "proxy_set_buffer_bytes", set_bytes)?;
    linker.func_wrap(ENV, "proxy_get_buffer_status", buffer_status)?;
    Ok(())
}

/// The buffer with this number; a body that is not there now is empty.
fn buffer(state: &mut HostState, number: i32) -> Access<&[u8]> {
    Ok(match number {
        0 => &state.stream().request.buffer,
        1 => &state.stream().response.buffer,
        4 => &state.told.as_ref().ok_or(status::NOT_FOUND)?.body,
        5 => &state.grpc_told.message,
        6 => &state.vm_configuration,
        7 if state.configuring => &state.configuration,
        7 => return Err(status::NOT_FOUND.into()),
        // Of connections and foreign calls: the ABI has them, and for a filter of requests there is
        // nothing in them.
        2 | 3 | 8 => &[],
        _ => return Err(status::BAD_ARGUMENT.into()),
    })
}

fn get_bytes(
    mut caller: Host<'_>,
    number: i32,
    start: i32,
    most: i32,
    address: i32,
    length: i32,
) -> Told {
    answer(&mut caller, "proxy_get_buffer_bytes", |caller| {
        let bytes = buffer(caller.data_mut(), number)?;
        let rest = bytes.get(unsigned(start).min(bytes.len())..).unwrap_or_default();
        let part = rest.get(..unsigned(most).min(rest.len())).unwrap_or_default().to_vec();
        match part.is_empty() {
            // Nothing is handed over, and that is no error.
            true => Ok(()),
            false => hand_over(caller, &part, address, length),
        }
    })
}

/// From 0 drains and puts in front, from the end on appends, all else is refused.
fn set_bytes(
    mut caller: Host<'_>,
    number: i32,
    start: i32,
    length: i32,
    address: i32,
    size: i32,
) -> Told {
    answer(&mut caller, "proxy_set_buffer_bytes", |caller| {
        let new = read(caller, address, size)?;
        let stream = caller.data_mut().stream();
        let half = match number {
            0 => &mut stream.request,
            1 => &mut stream.response,
            // What is not there is missed before it is found that it cannot be written.
            number => {
                buffer(caller.data_mut(), number)?;
                return Err(status::BAD_ARGUMENT.into());
            }
        };
        if !half.body_open {
            return Err(status::BAD_ARGUMENT.into());
        }
        let body = &mut half.buffer;
        if start == 0 {
            let rest = body.split_off(unsigned(length).min(body.len()));
            *body = [new, rest].concat();
        } else if unsigned(start) >= body.len() {
            body.extend(new);
        } else {
            return Err(status::BAD_ARGUMENT.into());
        }
        Ok(())
    })
}

fn buffer_status(mut caller: Host<'_>, number: i32, length: i32, flags: i32) -> Told {
    answer(&mut caller, "proxy_get_buffer_status", |caller| {
        let bytes = size(buffer(caller.data_mut(), number)?.len());
        write_u32(caller, length, bytes)?;
        write_u32(caller, flags, 0)
    })
}
