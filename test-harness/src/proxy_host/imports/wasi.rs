//! The part of WASI preview 1 that Envoy gives a module.

use super::Host;
use crate::proxy_host::memory::{Access, Fail, read, size, unsigned, write, write_u32};
use crate::proxy_host::state::HostState;
use wasmtime::Linker;

/// WASI's own names for it, then and now.
const MODULES: [&str; 2] = ["wasi_unstable", "wasi_snapshot_preview1"];
const SUCCESS: i32 = 0;
const EFAULT: i32 = 21;
const EINVAL: i32 = 28;
const EIO: i32 = 29;
const EBADF: i32 = 8;
const ENOTSUP: i32 = 58;
/// The right to write (`__WASI_RIGHTS_FD_WRITE`).
const MAY_WRITE: u64 = 64;
/// The real one and the monotonic one.
const CLOCKS: [i32; 2] = [0, 1];
/// The most that Envoy gives in one call.
const RANDOM_MOST: usize = 1 << 16;
/// The most pieces of one write, and their bytes.
const VECTORS_MOST: i32 = 1024;
const WRITTEN_MOST: usize = 1 << 20;

type Told = wasmtime::Result<i32>;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    MODULES.into_iter().try_for_each(|module| define_in(linker, module))
}

fn define_in(linker: &mut Linker<HostState>, module: &str) -> wasmtime::Result<()> {
    super::files::define(linker, module)?;
    linker.func_wrap(module, "fd_write", fd_write)?;
    linker.func_wrap(module, "random_get", random_get)?;
    linker.func_wrap(module, "clock_time_get", clock_time_get)?;
    linker.func_wrap(module, "environ_sizes_get", environ_sizes_get)?;
    linker.func_wrap(module, "environ_get", environ_get)?;
    linker.func_wrap(module, "args_sizes_get", args_sizes_get)?;
    linker.func_wrap(module, "clock_res_get", clock_res_get)?;
    linker.func_wrap(module, "fd_fdstat_get", fd_fdstat_get)?;
    linker.func_wrap(module, "fd_pwrite", fd_pwrite)?;
    linker.func_wrap(module, "proc_exit", |code: i32| -> wasmtime::Result<()> {
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

fn clock_time_get(mut caller: Host<'_>, clock: i32, _precision: i64, place: i32) -> Told {
    answer(&mut caller, "clock_time_get", |caller| {
        if !CLOCKS.contains(&clock) {
            return Err(ENOTSUP.into());
        }
        let now = caller.data().time();
        checked(write(caller, place, &now.to_le_bytes()))
    })
}

fn clock_res_get(mut caller: Host<'_>, clock: i32, place: i32) -> Told {
    answer(&mut caller, "clock_res_get", |caller| match CLOCKS.contains(&clock) {
        true => checked(write(caller, place, &1_u64.to_le_bytes())),
        false => Err(ENOTSUP.into()),
    })
}

fn fd_fdstat_get(mut caller: Host<'_>, fd: i32, place: i32) -> Told {
    answer(&mut caller, "fd_fdstat_get", |caller| match level(fd) {
        Some(_) => {
            let words = [0, MAY_WRITE, 0].map(u64::to_le_bytes);
            checked(write(caller, place, &words.concat()))
        }
        None => Err(EBADF.into()),
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

/// The level of what is written to the standard output, or error.
const fn level(fd: i32) -> Option<u32> {
    match fd {
        1 => Some(2),
        2 => Some(4),
        _ => None,
    }
}

fn fd_write(mut caller: Host<'_>, fd: i32, vectors: i32, count: i32, written: i32) -> Told {
    answer(&mut caller, "fd_write", |caller| print(caller, fd, vectors, count, written))
}

fn fd_pwrite(
    mut caller: Host<'_>,
    fd: i32,
    vectors: i32,
    count: i32,
    _offset: i64,
    written: i32,
) -> Told {
    answer(&mut caller, "fd_pwrite", |caller| print(caller, fd, vectors, count, written))
}

/// What the module prints is a line of the host's log, as in Envoy.
fn print(caller: &mut Host<'_>, fd: i32, vectors: i32, count: i32, written: i32) -> Access<()> {
    let level = level(fd).ok_or(EBADF)?;
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
    if !text.is_empty() {
        let line = text.strip_suffix(b"\n").unwrap_or(&text);
        caller.data_mut().log(level, &String::from_utf8_lossy(line));
    }
    checked(write_u32(caller, written, size(text.len())))
}
