//! The part of WASI preview 1 that Envoy gives a module.

use super::Host;
use crate::proxy_host::memory::{Access, Fail, read, size, unsigned, write, write_u32};
use crate::proxy_host::state::HostState;
use wasmtime::Linker;

const MODULE: &str = "wasi_snapshot_preview1";
const SUCCESS: i32 = 0;
const EFAULT: i32 = 21;
const EINVAL: i32 = 28;
const EIO: i32 = 29;
const ENOSYS: i32 = 52;
/// The most that Envoy gives in one call.
const RANDOM_MOST: usize = 1 << 16;
/// The most pieces of one write, and their bytes.
const VECTORS_MOST: i32 = 1024;
const WRITTEN_MOST: usize = 1 << 20;

type Told = wasmtime::Result<i32>;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "fd_write", fd_write)?;
    linker.func_wrap(MODULE, "random_get", random_get)?;
    linker.func_wrap(MODULE, "clock_time_get", clock_time_get)?;
    linker.func_wrap(MODULE, "environ_sizes_get", environ_sizes_get)?;
    linker.func_wrap(MODULE, "environ_get", environ_get)?;
    linker.func_wrap(MODULE, "args_sizes_get", args_sizes_get)?;
    linker.func_wrap(MODULE, "args_get", |mut caller: Host<'_>, _: i32, _: i32| {
        answer(&mut caller, "args_get", |_| Ok(()))
    })?;
    linker.func_wrap(MODULE, "sched_yield", |mut caller: Host<'_>| {
        answer(&mut caller, "sched_yield", |_| Ok(()))
    })?;
    linker.func_wrap(MODULE, "fd_close", |mut caller: Host<'_>, _: i32| {
        answer(&mut caller, "fd_close", |_| Err(ENOSYS.into()))
    })?;
    linker.func_wrap(MODULE, "fd_fdstat_get", |mut caller: Host<'_>, _: i32, _: i32| {
        answer(&mut caller, "fd_fdstat_get", |_| Err(ENOSYS.into()))
    })?;
    linker.func_wrap(
        MODULE,
        "fd_seek",
        |mut caller: Host<'_>, _: i32, _: i64, _: i32, _: i32| {
            answer(&mut caller, "fd_seek", |_| Err(ENOSYS.into()))
        },
    )?;
    linker.func_wrap(MODULE, "proc_exit", |code: i32| -> wasmtime::Result<()> {
        Err(wasmtime::Error::msg(format!("the module ended itself with code {code}")))
    })?;
    Ok(())
}

/// As the ABI's imports, but an error is WASI's number, and a bad pointer a fault.
fn answer(
    caller: &mut Host<'_>,
    import: &str,
    run: impl FnOnce(&mut Host<'_>) -> Access<()>,
) -> Told {
    if let Some(fault) = caller.data_mut().enter(import) {
        return Ok(fault);
    }
    match run(caller) {
        Ok(()) => Ok(SUCCESS),
        Err(Fail::Status(number)) => Ok(number),
        Err(Fail::Trap(error)) => Err(error),
    }
}

/// Memory has statuses of its own; here a bad access is a fault.
fn checked<T>(access: Access<T>) -> Access<T> {
    access.map_err(|fail| match fail {
        Fail::Status(_) => Fail::Status(EFAULT),
        trap @ Fail::Trap(_) => trap,
    })
}

fn random_get(mut caller: Host<'_>, place: i32, length: i32) -> Told {
    answer(&mut caller, "random_get", |caller| {
        let length = unsigned(length);
        if length > RANDOM_MOST {
            return Err(EINVAL.into());
        }
        let mut bytes = vec![0; length];
        if !caller.data_mut().fill_random(&mut bytes) {
            return Err(EIO.into());
        }
        checked(write(caller, place, &bytes))
    })
}

fn clock_time_get(mut caller: Host<'_>, _clock: i32, _precision: i64, place: i32) -> Told {
    answer(&mut caller, "clock_time_get", |caller| {
        let now = caller.data().time();
        checked(write(caller, place, &now.to_le_bytes()))
    })
}

/// `NAME=value`, ended by NUL.
fn entries(state: &HostState) -> Vec<Vec<u8>> {
    let entry = |(name, value): &(String, String)| format!("{name}={value}\0").into_bytes();
    state.environment.iter().map(entry).collect()
}

fn environ_sizes_get(mut caller: Host<'_>, count: i32, total: i32) -> Told {
    answer(&mut caller, "environ_sizes_get", |caller| {
        let entries = entries(caller.data());
        let bytes = entries.iter().map(Vec::len).sum();
        checked(write_u32(caller, count, size(entries.len())))?;
        checked(write_u32(caller, total, size(bytes)))
    })
}

fn environ_get(mut caller: Host<'_>, pointers: i32, texts: i32) -> Told {
    answer(&mut caller, "environ_get", |caller| {
        let (mut pointer, mut text) = (pointers, texts);
        for entry in entries(caller.data()) {
            checked(write_u32(caller, pointer, text.cast_unsigned()))?;
            checked(write(caller, text, &entry))?;
            pointer = pointer.wrapping_add(4);
            text = text.wrapping_add(size(entry.len()).cast_signed());
        }
        Ok(())
    })
}

fn args_sizes_get(mut caller: Host<'_>, count: i32, total: i32) -> Told {
    answer(&mut caller, "args_sizes_get", |caller| {
        checked(write_u32(caller, count, 0))?;
        checked(write_u32(caller, total, 0))
    })
}

/// What the module prints is a line of the host's log, as in Envoy.
fn fd_write(mut caller: Host<'_>, _fd: i32, vectors: i32, count: i32, written: i32) -> Told {
    answer(&mut caller, "fd_write", |caller| {
        if !(0..=VECTORS_MOST).contains(&count) {
            return Err(EINVAL.into());
        }
        let mut text = Vec::new();
        for vector in 0..count {
            let at = vectors.wrapping_add(vector.wrapping_mul(8));
            let pair = checked(read(caller, at, 8))?;
            let number = |from: usize| {
                let bytes = pair.get(from..from.saturating_add(4)).unwrap_or_default();
                bytes.try_into().map(i32::from_le_bytes).unwrap_or_default()
            };
            text.extend(checked(read(caller, number(0), number(4)))?);
            if text.len() > WRITTEN_MOST {
                return Err(EINVAL.into());
            }
        }
        caller.data_mut().log(2, String::from_utf8_lossy(&text).trim_end());
        checked(write_u32(caller, written, size(text.len())))
    })
}
