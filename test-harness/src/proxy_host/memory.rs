//! The only file that touches the module's memory. Every access is checked; a bad pointer is a
//! status, never a crash of the host.

use super::state::{HostState, status};
use wasmtime::{Caller, Extern, Memory};

/// What a failed access answers with.
pub(super) type Access<T> = Result<T, i32>;

fn memory(caller: &mut Caller<'_, HostState>) -> Access<Memory> {
    caller.get_export("memory").and_then(Extern::into_memory).ok_or(status::INVALID_MEMORY)
}

fn offset(pointer: i32) -> usize {
    // Pointers are unsigned; the ABI passes them as i32.
    usize::try_from(pointer.cast_unsigned()).unwrap_or(usize::MAX)
}

/// A copy of bytes of the module.
pub(super) fn read(caller: &mut Caller<'_, HostState>, pointer: i32, size: i32) -> Access<Vec<u8>> {
    let memory = memory(caller)?;
    let from = offset(pointer);
    let to = from.checked_add(offset(size)).ok_or(status::INVALID_MEMORY)?;
    memory.data(&caller).get(from..to).map(<[u8]>::to_vec).ok_or(status::INVALID_MEMORY)
}

/// A copy of text of the module.
pub(super) fn text(caller: &mut Caller<'_, HostState>, pointer: i32, size: i32) -> Access<String> {
    Ok(String::from_utf8_lossy(&read(caller, pointer, size)?).into_owned())
}

/// Writes bytes into the module.
pub(super) fn write(caller: &mut Caller<'_, HostState>, pointer: i32, bytes: &[u8]) -> Access<()> {
    let memory = memory(caller)?;
    memory.write(&mut *caller, offset(pointer), bytes).map_err(|_| status::INVALID_MEMORY)
}

/// Writes a 32-bit number.
pub(super) fn write_u32(
    caller: &mut Caller<'_, HostState>,
    pointer: i32,
    value: u32,
) -> Access<()> {
    write(caller, pointer, &value.to_le_bytes())
}

/// Hands bytes over: allocated by the module, its address and size written where it asked.
pub(super) fn hand_over(
    caller: &mut Caller<'_, HostState>,
    bytes: &[u8],
    address_at: i32,
    size_at: i32,
) -> Access<()> {
    let size = u32::try_from(bytes.len()).map_err(|_| status::INVALID_MEMORY)?;
    let address = if bytes.is_empty() {
        0
    } else {
        let allocate = caller
            .get_export("proxy_on_memory_allocate")
            .or_else(|| caller.get_export("malloc"))
            .and_then(Extern::into_func)
            .and_then(|function| function.typed::<i32, i32>(&caller).ok())
            .ok_or(status::INTERNAL)?;
        let address =
            allocate.call(&mut *caller, size.cast_signed()).map_err(|_| status::INTERNAL)?;
        if address == 0 {
            return Err(status::INVALID_MEMORY);
        }
        write(caller, address, bytes)?;
        address
    };
    write_u32(caller, address_at, address.cast_unsigned())?;
    write_u32(caller, size_at, size)
}
