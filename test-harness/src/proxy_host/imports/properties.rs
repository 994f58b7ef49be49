//! Properties: read from the request and its connection, written into the request's filter state.

use super::{ENV, Host, Told, answer};
use crate::proxy_host::memory::{hand_over, read};
use crate::proxy_host::state::{HostState, status};
use crate::proxy_host::stream::Stream;
use wasmtime::Linker;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap(ENV, "proxy_get_property", get)?;
    linker.func_wrap(ENV, "proxy_set_property", set)?;
    Ok(())
}

/// A path is its parts, each ended or divided by NUL.
fn dotted(path: &[u8]) -> String {
    let parts = path.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect::<Vec<_>>().join(".")
}

/// `request.…` comes from the headers, for as long as they can be read.
fn of_request(stream: &Stream, name: &str) -> Option<Vec<u8>> {
    let header = match name {
        "method" => ":method",
        "path" => ":path",
        "host" => ":authority",
        "scheme" => ":scheme",
        _ => name.strip_prefix("headers.")?,
    };
    let headers = stream.map(0)?;
    let values: Vec<&[u8]> = headers
        .iter()
        .filter(|(known, _)| known == header)
        .map(|(_, value)| value.as_slice())
        .collect();
    (!values.is_empty()).then(|| values.join(&b","[..]))
}

fn get(mut caller: Host<'_>, path: i32, length: i32, address: i32, size: i32) -> Told {
    answer(&mut caller, "proxy_get_property", |caller| {
        let path = dotted(&read(caller, path, length)?);
        let plugin = match path.as_str() {
            "plugin_name" | "plugin_root_id" => Some(caller.data().plugin.clone().into_bytes()),
            "plugin_vm_id" => Some(caller.data().vm_id.clone().into_bytes()),
            _ => None,
        };
        let stream = caller.data_mut().stream();
        let mut all = stream.properties.iter().chain(&stream.filter_state);
        let value = all.rfind(|(known, _)| *known == path).map(|(_, value)| value.clone());
        let request = || path.strip_prefix("request.").and_then(|name| of_request(stream, name));
        let value = value.or_else(request).or(plugin).ok_or(status::NOT_FOUND)?;
        hand_over(caller, &value, address, size)
    })
}

fn set(mut caller: Host<'_>, path: i32, length: i32, value: i32, size: i32) -> Told {
    answer(&mut caller, "proxy_set_property", |caller| {
        let path = dotted(&read(caller, path, length)?);
        let value = read(caller, value, size)?;
        if !caller.data_mut().is_of_a_stream() {
            return Err(status::NOT_FOUND.into());
        }
        let state = &mut caller.data_mut().stream().filter_state;
        match state.iter_mut().find(|(known, _)| *known == path) {
            Some(known) => known.1 = value,
            None => state.push((path, value)),
        }
        Ok(())
    })
}
