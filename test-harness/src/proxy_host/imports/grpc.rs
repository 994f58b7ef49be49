//! gRPC calls and streams, and the status of what ended last.

use super::{ENV, Host, Told, answer};
use crate::proxy_host::grpc::{GrpcAnswer, GrpcCall, Refused};
use crate::proxy_host::memory::{Access, Fail, hand_over, read, text, write_u32};
use crate::proxy_host::pairs;
use crate::proxy_host::state::{HostState, status};
use wasmtime::Linker;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap(ENV, "proxy_grpc_call", call)?;
    linker.func_wrap(ENV, "proxy_grpc_stream", stream)?;
    linker.func_wrap(ENV, "proxy_grpc_send", send)?;
    linker.func_wrap(ENV, "proxy_grpc_cancel", cancel)?;
    linker.func_wrap(ENV, "proxy_grpc_close", close)?;
    linker.func_wrap(ENV, "proxy_get_status", get_status)?;
    Ok(())
}

impl From<Refused> for Fail {
    fn from(refused: Refused) -> Self {
        Self::Status(match refused {
            Refused::Kind => status::BAD_ARGUMENT,
            Refused::Unknown => status::NOT_FOUND,
        })
    }
}

/// Where a text of the module is.
type At = (i32, i32);

fn asked(caller: &mut Host<'_>, [target, service, method, metadata]: [At; 4]) -> Access<GrpcCall> {
    Ok(GrpcCall {
        target: read(caller, target.0, target.1)?,
        service: text(caller, service.0, service.1)?,
        method: text(caller, method.0, method.1)?,
        metadata: pairs::read(&read(caller, metadata.0, metadata.1)?).unwrap_or_default(),
        message: None,
        end: false,
        timeout: 0,
    })
}

fn open(caller: &mut Host<'_>, call: GrpcCall, place: i32) -> Access<()> {
    let answer = match (caller.data().grpc_script)(&call) {
        GrpcAnswer::UnknownCluster => return Err(status::PARSE_FAILURE.into()),
        GrpcAnswer::Nothing => None,
        GrpcAnswer::Answer(answer) => Some(answer),
    };
    let state = caller.data_mut();
    let asker = state.current;
    let token = match (answer, call.message.is_some()) {
        // A single call to which nothing is answered waits, as does a stream.
        (None, true) => state.grpc.open_silent(asker, call),
        (answer, _) => state.grpc.open(asker, call, answer.unwrap_or_default()),
    };
    write_u32(caller, place, token)
}

#[expect(clippy::too_many_arguments, reason = "the ABI's")]
fn call(
    mut caller: Host<'_>,
    target: i32,
    target_size: i32,
    service: i32,
    service_size: i32,
    method: i32,
    method_size: i32,
    metadata: i32,
    metadata_size: i32,
    message: i32,
    message_size: i32,
    timeout: i32,
    token: i32,
) -> Told {
    answer(&mut caller, "proxy_grpc_call", |caller| {
        let texts = [
            (target, target_size),
            (service, service_size),
            (method, method_size),
            (metadata, metadata_size),
        ];
        let message = Some(read(caller, message, message_size)?);
        let timeout = timeout.cast_unsigned();
        let call = GrpcCall { message, end: true, timeout, ..asked(caller, texts)? };
        open(caller, call, token)
    })
}

#[expect(clippy::too_many_arguments, reason = "the ABI's")]
fn stream(
    mut caller: Host<'_>,
    target: i32,
    target_size: i32,
    service: i32,
    service_size: i32,
    method: i32,
    method_size: i32,
    metadata: i32,
    metadata_size: i32,
    token: i32,
) -> Told {
    answer(&mut caller, "proxy_grpc_stream", |caller| {
        let texts = [
            (target, target_size),
            (service, service_size),
            (method, method_size),
            (metadata, metadata_size),
        ];
        let call = asked(caller, texts)?;
        open(caller, call, token)
    })
}

fn send(mut caller: Host<'_>, token: i32, message: i32, size: i32, end: i32) -> Told {
    answer(&mut caller, "proxy_grpc_send", |caller| {
        let message = read(caller, message, size)?;
        let state = caller.data_mut();
        let token = token.cast_unsigned();
        let call = state.grpc.sending(token, message, end != 0)?;
        let answer = (state.grpc_script)(&call);
        state.grpc.hear(token, answer);
        Ok(())
    })
}

fn cancel(mut caller: Host<'_>, token: i32) -> Told {
    answer(&mut caller, "proxy_grpc_cancel", |caller| {
        Ok(caller.data_mut().grpc.cancel(token.cast_unsigned())?)
    })
}

fn close(mut caller: Host<'_>, token: i32) -> Told {
    answer(&mut caller, "proxy_grpc_close", |caller| {
        Ok(caller.data_mut().grpc.close(token.cast_unsigned())?)
    })
}

/// Of the callout or the call that ended last, while its end is told.
fn get_status(mut caller: Host<'_>, code: i32, address: i32, size: i32) -> Told {
    answer(&mut caller, "proxy_get_status", |caller| {
        let (number, text) = caller.data().last_status.clone();
        write_u32(caller, code, number)?;
        hand_over(caller, text.as_bytes(), address, size)
    })
}
