//! Header maps and buffers.

use super::answer;
use crate::proxy_host::memory::{Access, hand_over, read, text};
use crate::proxy_host::pairs;
use crate::proxy_host::state::{HostState, status};
use crate::proxy_host::stream::Stream;
use wasmtime::{Caller, Linker};

/// Headers and trailers of the callout that is being told.
const CALL_HEADERS: u32 = 6;
const CALL_TRAILERS: u32 = 7;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_get_header_map_pairs", get_pairs)?;
    linker.func_wrap("env", "proxy_set_header_map_pairs", set_pairs)?;
    linker.func_wrap("env", "proxy_get_header_map_value", get_value)?;
    linker.func_wrap("env", "proxy_get_header_map_size", map_size)?;
    linker.func_wrap("env", "proxy_add_header_map_value", add_value)?;
    linker.func_wrap("env", "proxy_replace_header_map_value", replace_value)?;
    linker.func_wrap("env", "proxy_remove_header_map_value", remove_value)?;
    linker.func_wrap("env", "proxy_get_buffer_bytes", get_buffer)?;
    linker.func_wrap("env", "proxy_set_buffer_bytes", set_buffer)?;
    linker.func_wrap("env", "proxy_get_buffer_status", buffer_status)?;
    Ok(())
}

type Host<'a> = Caller<'a, HostState>;

fn pairs_of(caller: &mut Host<'_>, map: i32) -> Access<Vec<u8>> {
    let map = map.cast_unsigned();
    if map == CALL_HEADERS || map == CALL_TRAILERS {
        let told = caller.data().told.as_ref();
        let headers = told.map(|(headers, _)| headers.clone()).filter(|_| map == CALL_HEADERS);
        return Ok(pairs::write(&headers.unwrap_or_default()));
    }
    // A map that cannot be read now is empty in Envoy, and no error.
    Ok(pairs::write(&caller.data_mut().stream().map(map).cloned().unwrap_or_default()))
}

fn get_pairs(mut caller: Host<'_>, map: i32, address: i32, size: i32) -> i32 {
    answer(&mut caller, "proxy_get_header_map_pairs", |caller| {
        let bytes = pairs_of(caller, map)?;
        hand_over(caller, &bytes, address, size)
    })
}

fn map_size(mut caller: Host<'_>, map: i32, size: i32) -> i32 {
    answer(&mut caller, "proxy_get_header_map_size", |caller| {
        let bytes = pairs_of(caller, map)?;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        crate::proxy_host::memory::write_u32(caller, size, length)
    })
}

fn set_pairs(mut caller: Host<'_>, map: i32, address: i32, size: i32) -> i32 {
    answer(&mut caller, "proxy_set_header_map_pairs", |caller| {
        let bytes = read(caller, address, size)?;
        let headers = pairs::read(&bytes).ok_or(status::BAD_ARGUMENT)?;
        with_map(caller, map, |place| *place = headers)
    })
}

fn with_map(
    caller: &mut Host<'_>,
    map: i32,
    change: impl FnOnce(&mut crate::proxy_host::message::Headers),
) -> Access<()> {
    let stream: &mut Stream = caller.data_mut().stream();
    stream.map_mut(map.cast_unsigned()).map(change).ok_or(status::BAD_ARGUMENT)
}

fn get_value(
    mut caller: Host<'_>,
    map: i32,
    name: i32,
    length: i32,
    address: i32,
    size: i32,
) -> i32 {
    answer(&mut caller, "proxy_get_header_map_value", |caller| {
        let name = text(caller, name, length)?;
        let stream = caller.data_mut().stream();
        let headers = stream.map(map.cast_unsigned()).ok_or(status::BAD_ARGUMENT)?;
        // The first value only, as Envoy does.
        let value =
            headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        hand_over(caller, &value.ok_or(status::NOT_FOUND)?, address, size)
    })
}

fn add_value(mut caller: Host<'_>, map: i32, name: i32, length: i32, value: i32, size: i32) -> i32 {
    answer(&mut caller, "proxy_add_header_map_value", |caller| {
        let (name, value) = (text(caller, name, length)?, read(caller, value, size)?);
        with_map(caller, map, |headers| headers.push((name, value)))
    })
}

fn replace_value(
    mut caller: Host<'_>,
    map: i32,
    name: i32,
    length: i32,
    value: i32,
    size: i32,
) -> i32 {
    answer(&mut caller, "proxy_replace_header_map_value", |caller| {
        let (name, value) = (text(caller, name, length)?, read(caller, value, size)?);
        with_map(caller, map, |headers| {
            match headers.iter().position(|(known, _)| *known == name) {
                Some(at) => {
                    let mut first = true;
                    headers.retain(|(known, _)| *known != name || std::mem::take(&mut first));
                    if let Some(pair) = headers.get_mut(at) {
                        pair.1 = value;
                    }
                }
                None => headers.push((name, value)),
            }
        })
    })
}

fn remove_value(mut caller: Host<'_>, map: i32, name: i32, length: i32) -> i32 {
    answer(&mut caller, "proxy_remove_header_map_value", |caller| {
        let name = text(caller, name, length)?;
        with_map(caller, map, |headers| headers.retain(|(known, _)| *known != name))
    })
}

/// The buffer with this number of the ABI.
fn buffer(state: &mut HostState, number: i32) -> Access<Vec<u8>> {
    Ok(match number {
        0 => state.stream().request_body.clone(),
        1 => state.stream().response_body.clone(),
        4 => state.told.as_ref().map(|(_, body)| body.clone()).ok_or(status::NOT_FOUND)?,
        6 => Vec::new(),
        7 => state.configuration.clone(),
        _ => return Err(status::NOT_FOUND),
    })
}

fn get_buffer(
    mut caller: Host<'_>,
    number: i32,
    start: i32,
    most: i32,
    address: i32,
    size: i32,
) -> i32 {
    answer(&mut caller, "proxy_get_buffer_bytes", |caller| {
        let bytes = buffer(caller.data_mut(), number)?;
        let start = usize::try_from(start.cast_unsigned()).unwrap_or(usize::MAX);
        let most = usize::try_from(most.cast_unsigned()).unwrap_or(usize::MAX);
        let rest = bytes.get(start.min(bytes.len())..).unwrap_or_default();
        let part = rest.get(..most.min(rest.len())).unwrap_or_default().to_vec();
        if part.is_empty() {
            return Err(status::NOT_FOUND);
        }
        hand_over(caller, &part, address, size)
    })
}

/// Envoy's semantics: from 0 drains and puts in front, from the end on appends, all else is refused.
fn set_buffer(
    mut caller: Host<'_>,
    number: i32,
    start: i32,
    length: i32,
    address: i32,
    size: i32,
) -> i32 {
    answer(&mut caller, "proxy_set_buffer_bytes", |caller| {
        let new = read(caller, address, size)?;
        let stream = caller.data_mut().stream();
        let body = match number {
            0 => &mut stream.request_body,
            1 => &mut stream.response_body,
            _ => return Err(status::BAD_ARGUMENT),
        };
        let start = usize::try_from(start.cast_unsigned()).unwrap_or(usize::MAX);
        let length = usize::try_from(length.cast_unsigned()).unwrap_or(usize::MAX);
        if start == 0 {
            let rest = body.get(length.min(body.len())..).unwrap_or_default().to_vec();
            *body = [new, rest].concat();
        } else if start >= body.len() {
            body.extend(new);
        } else {
            return Err(status::BAD_ARGUMENT);
        }
        Ok(())
    })
}

fn buffer_status(mut caller: Host<'_>, number: i32, size: i32, flags: i32) -> i32 {
    answer(&mut caller, "proxy_get_buffer_status", |caller| {
        let bytes = buffer(caller.data_mut(), number)?;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        crate::proxy_host::memory::write_u32(caller, size, length)?;
        crate::proxy_host::memory::write_u32(caller, flags, 0)
    })
}
