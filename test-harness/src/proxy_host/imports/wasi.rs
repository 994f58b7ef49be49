//! The part of WASI preview 1 that Envoy gives a module.

use crate::proxy_host::memory::{Access, read, write, write_u32};
use crate::proxy_host::state::HostState;
use wasmtime::{Caller, Linker};

type Host<'a> = Caller<'a, HostState>;

const MODULE: &str = "wasi_snapshot_preview1";
const SUCCESS: i32 = 0;
const EFAULT: i32 = 21;
const ENOSYS: i32 = 52;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "fd_write", fd_write)?;
    linker.func_wrap(MODULE, "random_get", |mut caller: Host<'_>, place: i32, size: i32| {
        let size = usize::try_from(size.cast_unsigned()).unwrap_or(0).min(1 << 16);
        let bytes: Vec<u8> = (0..size).map(|_| caller.data_mut().next_random()).collect();
        errno(write(&mut caller, place, &bytes))
    })?;
    linker.func_wrap(
        MODULE,
        "clock_time_get",
        |mut caller: Host<'_>, _: i32, _: i64, place: i32| {
            let now = caller.data().now;
            errno(write(&mut caller, place, &now.to_le_bytes()))
        },
    )?;
    linker.func_wrap(
        MODULE,
        "environ_sizes_get",
        |mut caller: Host<'_>, count: i32, size: i32| {
            let entries = entries(caller.data());
            let total = entries.iter().map(Vec::len).sum::<usize>();
            let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
            errno(
                write_u32(&mut caller, count, number(entries.len()))
                    .and_then(|()| write_u32(&mut caller, size, number(total))),
            )
        },
    )?;
    linker.func_wrap(
        MODULE,
        "environ_get",
        |mut caller: Host<'_>, pointers: i32, texts: i32| {
            let (mut pointer, mut text) = (pointers, texts);
            for entry in entries(caller.data()) {
                let written = write_u32(&mut caller, pointer, text.cast_unsigned())
                    .and_then(|()| write(&mut caller, text, &entry));
                if written.is_err() {
                    return EFAULT;
                }
                pointer = pointer.wrapping_add(4);
                text = text.wrapping_add(i32::try_from(entry.len()).unwrap_or(i32::MAX));
            }
            SUCCESS
        },
    )?;
    linker.func_wrap(MODULE, "args_sizes_get", |mut caller: Host<'_>, count: i32, size: i32| {
        errno(write_u32(&mut caller, count, 0).and_then(|()| write_u32(&mut caller, size, 0)))
    })?;
    linker.func_wrap(MODULE, "args_get", |_: i32, _: i32| SUCCESS)?;
    linker.func_wrap(MODULE, "fd_close", |_: i32| ENOSYS)?;
    linker.func_wrap(MODULE, "fd_fdstat_get", |_: i32, _: i32| ENOSYS)?;
    linker.func_wrap(MODULE, "fd_seek", |_: i32, _: i64, _: i32, _: i32| ENOSYS)?;
    linker.func_wrap(MODULE, "sched_yield", || SUCCESS)?;
    linker.func_wrap(MODULE, "proc_exit", |code: i32| -> wasmtime::Result<()> {
        Err(wasmtime::Error::msg(format!("the module ended itself with code {code}")))
    })?;
    Ok(())
}

/// `NAME=value`, ended by NUL.
fn entries(state: &HostState) -> Vec<Vec<u8>> {
    let entry = |(name, value): &(String, String)| format!("{name}={value}\0").into_bytes();
    state.environment.iter().map(entry).collect()
}

/// What the module prints is a line of the host's log, as in Envoy.
fn fd_write(mut caller: Host<'_>, _fd: i32, vectors: i32, count: i32, written: i32) -> i32 {
    let mut text = Vec::new();
    for vector in 0..count.clamp(0, 64) {
        let at = vectors.wrapping_add(vector.wrapping_mul(8));
        let Ok(pair) = read(&mut caller, at, 8) else { return EFAULT };
        let number = |from: usize| {
            let bytes = pair.get(from..from.saturating_add(4)).unwrap_or_default();
            bytes.try_into().map(i32::from_le_bytes).unwrap_or_default()
        };
        let Ok(bytes) = read(&mut caller, number(0), number(4)) else { return EFAULT };
        text.extend(bytes);
    }
    let size = u32::try_from(text.len()).unwrap_or(u32::MAX);
    caller.data_mut().logs.push((2, String::from_utf8_lossy(&text).trim_end().to_owned()));
    errno(write_u32(&mut caller, written, size))
}

const fn errno(access: Access<()>) -> i32 {
    match access {
        Ok(()) => SUCCESS,
        Err(_) => EFAULT,
    }
}
