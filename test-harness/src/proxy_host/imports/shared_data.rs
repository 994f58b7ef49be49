//! Shared data.

use super::{ENV, Host, Told, answer};
use crate::proxy_host::memory::{hand_over, read, write_u32};
use crate::proxy_host::state::{HostState, status};
use wasmtime::Linker;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap(ENV, "proxy_get_shared_data", get)?;
    linker.func_wrap(ENV, "proxy_set_shared_data", set)?;
    Ok(())
}

fn get(mut caller: Host<'_>, key: i32, length: i32, address: i32, size: i32, cas: i32) -> Told {
    answer(&mut caller, "proxy_get_shared_data", |caller| {
        let key = read(caller, key, length)?;
        let (value, version) = caller.data().shared.get(&key).ok_or(status::NOT_FOUND)?;
        hand_over(caller, &value, address, size)?;
        write_u32(caller, cas, version)
    })
}

fn set(mut caller: Host<'_>, key: i32, length: i32, value: i32, size: i32, cas: i32) -> Told {
    answer(&mut caller, "proxy_set_shared_data", |caller| {
        let (key, value) = (read(caller, key, length)?, read(caller, value, size)?);
        let written = caller.data().shared.set(&key, &value, cas.cast_unsigned());
        written.then_some(()).ok_or(status::CAS_MISMATCH.into())
    })
}
