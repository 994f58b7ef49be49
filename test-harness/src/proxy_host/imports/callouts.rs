//! Callouts over HTTP.

use super::{ENV, Host, Told, answer};
use crate::proxy_host::callout::{Callout, CalloutAnswer};
use crate::proxy_host::memory::{read, text, write_u32};
use crate::proxy_host::pairs;
use crate::proxy_host::state::{HostState, Pending, status};
use wasmtime::Linker;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap(ENV, "proxy_http_call", http_call)?;
    Ok(())
}

/// The answer will be told to the root context, whoever asked.
#[expect(clippy::too_many_arguments, reason = "the ABI's")]
fn http_call(
    mut caller: Host<'_>,
    cluster: i32,
    cluster_size: i32,
    headers: i32,
    headers_size: i32,
    body: i32,
    body_size: i32,
    trailers: i32,
    trailers_size: i32,
    timeout: i32,
    token: i32,
) -> Told {
    answer(&mut caller, "proxy_http_call", |caller| {
        let cluster = text(caller, cluster, cluster_size)?;
        let headers = pairs::read(&read(caller, headers, headers_size)?);
        let headers = headers.ok_or(status::BAD_ARGUMENT)?;
        let wanted = [":method", ":path", ":authority"];
        if wanted.iter().any(|name| !headers.iter().any(|(known, _)| known == name)) {
            return Err(status::BAD_ARGUMENT.into());
        }
        let body = read(caller, body, body_size)?;
        let trailers = pairs::read(&read(caller, trailers, trailers_size)?);
        let trailers = trailers.ok_or(status::BAD_ARGUMENT)?;
        let timeout = timeout.cast_unsigned();
        let callout = Callout { cluster, headers, body, trailers, timeout };
        let answer = (caller.data().clusters)(&callout);
        if matches!(answer, CalloutAnswer::UnknownCluster) {
            return Err(status::BAD_ARGUMENT.into());
        }
        let state = caller.data_mut();
        let number = state.next_token;
        state.next_token = number.saturating_add(1);
        state.callouts.push(Pending { token: number, asker: state.current, answer });
        match state.real {
            true => state.asked.push((number, callout)),
            false => state.stream().made.push(callout),
        }
        write_u32(caller, token, number)
    })
}
