//! What becomes of a stream: resumed, reset, answered; and which stream is meant.

use super::{ENV, Host, Told, answer};
use crate::proxy_host::memory::{Fail, read, text};
use crate::proxy_host::message::Response;
use crate::proxy_host::pairs;
use crate::proxy_host::state::{HostState, ROOT, status};
use wasmtime::Linker;

/// The ABI's stream types.
const REQUEST: i32 = 0;
const RESPONSE: i32 = 1;
const DOWNSTREAM: i32 = 2;
const UPSTREAM: i32 = 3;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap(ENV, "proxy_continue_stream", continue_stream)?;
    linker.func_wrap(ENV, "proxy_close_stream", close_stream)?;
    linker.func_wrap(ENV, "proxy_send_local_response", send_local_response)?;
    linker.func_wrap(ENV, "proxy_set_effective_context", set_effective_context)?;
    linker.func_wrap(ENV, "proxy_done", done)?;
    Ok(())
}

fn continue_stream(mut caller: Host<'_>, half: i32) -> Told {
    answer(&mut caller, "proxy_continue_stream", |caller| {
        let came = caller.data_mut().stream().response.came;
        match half {
            REQUEST => caller.data_mut().stream().request.resume_request(),
            // Measured on Envoy 1.40: the whole process dies.
            RESPONSE if !came => {
                let message = "a response is resumed before there is one, which ends Envoy";
                caller.data().shared.die(message);
                return Err(Fail::Trap(wasmtime::Error::msg(message)));
            }
            RESPONSE => caller.data_mut().stream().response.resumed = true,
            // A connection, of which a filter of requests has none.
            DOWNSTREAM => {}
            UPSTREAM => return Err(status::UNIMPLEMENTED.into()),
            _ => return Err(status::BAD_ARGUMENT.into()),
        }
        Ok(())
    })
}

fn close_stream(mut caller: Host<'_>, half: i32) -> Told {
    answer(&mut caller, "proxy_close_stream", |caller| match half {
        REQUEST | RESPONSE => {
            caller.data_mut().stream().closed = true;
            Ok(())
        }
        DOWNSTREAM | UPSTREAM => Ok(()),
        _ => Err(status::BAD_ARGUMENT.into()),
    })
}

/// The answer goes out once the callback has returned.
#[expect(clippy::too_many_arguments, reason = "the ABI's")]
fn send_local_response(
    mut caller: Host<'_>,
    code: i32,
    details: i32,
    details_size: i32,
    body: i32,
    body_size: i32,
    headers: i32,
    headers_size: i32,
    _grpc: i32,
) -> Told {
    answer(&mut caller, "proxy_send_local_response", |caller| {
        let details = text(caller, details, details_size)?;
        let body = read(caller, body, body_size)?;
        let headers = read(caller, headers, headers_size)?;
        let headers = pairs::read(&headers).ok_or(status::BAD_ARGUMENT)?;
        let status = u16::try_from(code).map_err(|_| status::BAD_ARGUMENT)?;
        let reply = Response { headers, body, details, ..Response::new(status) };
        // Of several the first counts.
        caller.data_mut().stream().reply.get_or_insert(reply);
        Ok(())
    })
}

fn set_effective_context(mut caller: Host<'_>, context: i32) -> Told {
    answer(&mut caller, "proxy_set_effective_context", |caller| {
        let context = context.cast_unsigned();
        let state = caller.data_mut();
        if context != ROOT && !state.streams.contains_key(&context) {
            return Err(status::BAD_ARGUMENT.into());
        }
        state.current = context;
        Ok(())
    })
}

/// Only a root context that was told to end can be done, and this host ends none.
fn done(mut caller: Host<'_>) -> Told {
    answer(&mut caller, "proxy_done", |_| Err(status::NOT_FOUND.into()))
}
