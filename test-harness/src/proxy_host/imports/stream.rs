//! What a filter tells the stream to do.

use super::answer;
use crate::proxy_host::memory::{read, text};
use crate::proxy_host::message::Response;
use crate::proxy_host::pairs;
use crate::proxy_host::state::{HostState, status};
use wasmtime::{Caller, Linker};

type Host<'a> = Caller<'a, HostState>;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_continue_stream", continue_stream)?;
    linker.func_wrap("env", "proxy_close_stream", close_stream)?;
    linker.func_wrap("env", "proxy_send_local_response", send_local_response)?;
    linker.func_wrap("env", "proxy_set_effective_context", set_effective_context)?;
    linker.func_wrap("env", "proxy_done", |mut caller: Host<'_>| {
        answer(&mut caller, "proxy_done", |_| Ok(()))
    })?;
    Ok(())
}

fn continue_stream(mut caller: Host<'_>, _stream: i32) -> i32 {
    answer(&mut caller, "proxy_continue_stream", |caller| {
        caller.data_mut().stream().resumed = true;
        Ok(())
    })
}

fn close_stream(mut caller: Host<'_>, _stream: i32) -> i32 {
    answer(&mut caller, "proxy_close_stream", |caller| {
        caller.data_mut().stream().closed = true;
        Ok(())
    })
}

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
) -> i32 {
    answer(&mut caller, "proxy_send_local_response", |caller| {
        let details = text(caller, details, details_size)?;
        let body = read(caller, body, body_size)?;
        let headers = read(caller, headers, headers_size)?;
        let headers = pairs::read(&headers).ok_or(status::BAD_ARGUMENT)?;
        let status = u16::try_from(code).map_err(|_| status::BAD_ARGUMENT)?;
        let stream = caller.data_mut().stream();
        // A second reply is Envoy's crash of old; here it is a mistake the test must see.
        if stream.reply.is_some() {
            return Err(self::status::INTERNAL);
        }
        stream.reply = Some(Response { status, headers, body, details });
        Ok(())
    })
}

fn set_effective_context(mut caller: Host<'_>, context: i32) -> i32 {
    answer(&mut caller, "proxy_set_effective_context", |caller| {
        let context = context.cast_unsigned();
        let state = caller.data_mut();
        if context != 1 && !state.streams.contains_key(&context) {
            return Err(status::BAD_ARGUMENT);
        }
        state.current = context;
        Ok(())
    })
}
