//! Callouts and foreign functions.

use super::answer;
use crate::proxy_host::memory::{hand_over, read, text, write_u32};
use crate::proxy_host::message::{Callout, CalloutAnswer};
use crate::proxy_host::state::{HostState, status};
use crate::proxy_host::stream::Pending;
use crate::proxy_host::{pairs, signature};
use wasmtime::{Caller, Linker};

type Host<'a> = Caller<'a, HostState>;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_http_call", http_call)?;
    linker.func_wrap("env", "proxy_call_foreign_function", foreign)?;
    linker.func_wrap("env", "proxy_get_status", |_: i32, _: i32, _: i32| status::UNIMPLEMENTED)?;
    // gRPC: refused, and seen to be.
    linker.func_wrap(
        "env",
        "proxy_grpc_call",
        |_: i32,
         _: i32,
         _: i32,
         _: i32,
         _: i32,
         _: i32,
         _: i32,
         _: i32,
         _: i32,
         _: i32,
         _: i32,
         _: i32| { status::UNIMPLEMENTED },
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_stream",
        |_: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32| {
            status::UNIMPLEMENTED
        },
    )?;
    linker.func_wrap("env", "proxy_grpc_send", |_: i32, _: i32, _: i32, _: i32| {
        status::UNIMPLEMENTED
    })?;
    linker.func_wrap("env", "proxy_grpc_cancel", |_: i32| status::UNIMPLEMENTED)?;
    linker.func_wrap("env", "proxy_grpc_close", |_: i32| status::UNIMPLEMENTED)?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the ABI's")]
fn http_call(
    mut caller: Host<'_>,
    cluster: i32,
    cluster_size: i32,
    headers: i32,
    headers_size: i32,
    _body: i32,
    _body_size: i32,
    _trailers: i32,
    _trailers_size: i32,
    timeout: i32,
    token: i32,
) -> i32 {
    answer(&mut caller, "proxy_http_call", |caller| {
        let cluster = text(caller, cluster, cluster_size)?;
        let headers =
            pairs::read(&read(caller, headers, headers_size)?).ok_or(status::BAD_ARGUMENT)?;
        let wanted = [":method", ":path", ":authority"];
        if wanted.iter().any(|name| !headers.iter().any(|(known, _)| known == name)) {
            return Err(status::BAD_ARGUMENT);
        }
        let callout = Callout { cluster, headers, timeout: timeout.cast_unsigned() };
        let scripted = (caller.data().clusters)(&callout);
        if matches!(scripted, CalloutAnswer::UnknownCluster) {
            return Err(status::BAD_ARGUMENT);
        }
        let number = caller.data().next_token;
        caller.data_mut().next_token = number.saturating_add(1);
        let stream = caller.data_mut().stream();
        stream.made.push(callout);
        stream.callouts.push(Pending { token: number, answer: scripted });
        write_u32(caller, token, number)
    })
}

fn foreign(
    mut caller: Host<'_>,
    name: i32,
    length: i32,
    arguments: i32,
    size: i32,
    result: i32,
    result_size: i32,
) -> i32 {
    answer(&mut caller, "proxy_call_foreign_function", |caller| {
        let name = text(caller, name, length)?;
        let arguments = read(caller, arguments, size)?;
        let answered = match name.as_str() {
            "verify_signature" if caller.data().verify_signature => {
                signature::verify(&arguments).ok_or(status::BAD_ARGUMENT)?
            }
            "clear_route_cache" => Vec::new(),
            _ => return Err(status::NOT_FOUND),
        };
        hand_over(caller, &answered, result, result_size)
    })
}
