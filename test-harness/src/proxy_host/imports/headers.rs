//! Header maps.

use super::{ENV, Host, Told, answer};
use crate::proxy_host::memory::{Access, hand_over, read, size, text, write_u32};
use crate::proxy_host::message::Headers;
use crate::proxy_host::pairs;
use crate::proxy_host::state::{HostState, status};
use wasmtime::Linker;

/// The ABI's maps: request, response, two of gRPC, and the callout that is being told.
const KNOWN_MAPS: u32 = 8;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap(ENV, "proxy_get_header_map_pairs", get_pairs)?;
    linker.func_wrap(ENV, "proxy_set_header_map_pairs", set_pairs)?;
    linker.func_wrap(ENV, "proxy_get_header_map_size", map_size)?;
    linker.func_wrap(ENV, "proxy_get_header_map_value", get_value)?;
    linker.func_wrap(ENV, "proxy_add_header_map_value", add_value)?;
    linker.func_wrap(ENV, "proxy_replace_header_map_value", replace_value)?;
    linker.func_wrap(ENV, "proxy_remove_header_map_value", remove_value)?;
    Ok(())
}

/// A map that can be read now.
fn map<'a>(caller: &'a mut Host<'_>, map: i32) -> Option<&'a Headers> {
    caller.data_mut().readable_map(map.cast_unsigned())
}

fn get_pairs(mut caller: Host<'_>, number: i32, address: i32, length: i32) -> Told {
    answer(&mut caller, "proxy_get_header_map_pairs", |caller| {
        if number.cast_unsigned() >= KNOWN_MAPS {
            return Err(status::BAD_ARGUMENT.into());
        }
        if let (0, Some(raw)) = (number, &caller.data_mut().stream().raw_map) {
            let raw = raw.clone();
            return hand_over(caller, &raw, address, length);
        }
        // A map that cannot be read now is empty, and no error.
        let bytes = map(caller, number).map_or_else(|| pairs::write(&Vec::new()), pairs::write);
        hand_over(caller, &bytes, address, length)
    })
}

fn set_pairs(mut caller: Host<'_>, map: i32, address: i32, size: i32) -> Told {
    answer(&mut caller, "proxy_set_header_map_pairs", |caller| {
        let bytes = read(caller, address, size)?;
        let headers = pairs::read(&bytes).ok_or(status::BAD_ARGUMENT)?;
        with_map(caller, map, |place| *place = headers)
    })
}

fn map_size(mut caller: Host<'_>, number: i32, place: i32) -> Told {
    answer(&mut caller, "proxy_get_header_map_size", |caller| {
        // Of what can be changed only: not of an answer that a callout has brought.
        let headers = caller.data_mut().stream().map_mut(number.cast_unsigned());
        let headers = headers.ok_or(status::BAD_ARGUMENT)?;
        let total = headers.iter().map(|(name, value)| name.len().saturating_add(value.len()));
        let total = size(total.sum());
        write_u32(caller, place, total)
    })
}

fn get_value(
    mut caller: Host<'_>,
    number: i32,
    name: i32,
    name_size: i32,
    address: i32,
    length: i32,
) -> Told {
    answer(&mut caller, "proxy_get_header_map_value", |caller| {
        let name = text(caller, name, name_size)?.to_ascii_lowercase();
        let absent = match caller.data_mut().stream().logging {
            true => status::NOT_FOUND,
            false => status::BAD_ARGUMENT,
        };
        let headers = map(caller, number).ok_or(absent)?;
        // The first value only, as Envoy does.
        let value = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
        let value = value.map(|(_, value)| value.clone()).ok_or(status::NOT_FOUND)?;
        hand_over(caller, &value, address, length)
    })
}

fn with_map(caller: &mut Host<'_>, map: i32, change: impl FnOnce(&mut Headers)) -> Access<()> {
    let map = caller.data_mut().stream().map_mut(map.cast_unsigned());
    change(map.ok_or(status::BAD_ARGUMENT)?);
    Ok(())
}

fn add_value(
    mut caller: Host<'_>,
    map: i32,
    name: i32,
    length: i32,
    value: i32,
    size: i32,
) -> Told {
    answer(&mut caller, "proxy_add_header_map_value", |caller| {
        let name = text(caller, name, length)?.to_ascii_lowercase();
        let value = read(caller, value, size)?;
        with_map(caller, map, |headers| headers.push((name, value)))
    })
}

/// One value in the place of the first, and none of the others.
fn replace_value(
    mut caller: Host<'_>,
    map: i32,
    name: i32,
    length: i32,
    value: i32,
    size: i32,
) -> Told {
    answer(&mut caller, "proxy_replace_header_map_value", |caller| {
        let name = text(caller, name, length)?.to_ascii_lowercase();
        let value = read(caller, value, size)?;
        with_map(caller, map, |headers| {
            let mut value = Some(value);
            headers.retain_mut(|(known, old)| {
                if !known.eq_ignore_ascii_case(&name) {
                    return true;
                }
                let new = value.take();
                let first = new.is_some();
                if let Some(new) = new {
                    *old = new;
                }
                first
            });
            headers.extend(value.map(|value| (name, value)));
        })
    })
}

fn remove_value(mut caller: Host<'_>, map: i32, name: i32, length: i32) -> Told {
    answer(&mut caller, "proxy_remove_header_map_value", |caller| {
        let name = text(caller, name, length)?.to_ascii_lowercase();
        with_map(caller, map, |headers| {
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name))
        })
    })
}
