//! The only file that touches the module's memory. Every access is checked; a bad pointer is a
//! status, never a crash of the host.

use super::state::{HostState, status};
use wasmtime::{Caller, Extern, Memory};

/// Why an import does not do what it was asked.
pub(super) enum Fail {
    /// It answers this status.
    Status(i32),
    /// It does not return: the module is dead.
    Trap(wasmtime::Error),
}

impl From<i32> for Fail {
    fn from(status: i32) -> Self {
        Self::Status(status)
    }
}

/// What an import comes to.
pub(super) type Access<T> = Result<T, Fail>;

const INVALID: Fail = Fail::Status(status::INVALID_MEMORY);

fn memory(caller: &mut Caller<'_, HostState>) -> Access<Memory> {
    caller.get_export("memory").and_then(Extern::into_memory).ok_or(INVALID)
}

/// Pointers and sizes are unsigned; the ABI passes them as i32.
pub(super) fn unsigned(number: i32) -> usize {
    usize::try_from(number.cast_unsigned()).unwrap_or(usize::MAX)
}

/// A length as the ABI has it.
pub(super) fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A copy of bytes of the module.
pub(super) fn read(caller: &mut Caller<'_, HostState>, pointer: i32, size: i32) -> Access<Vec<u8>> {
    let memory = memory(caller)?;
    let from = unsigned(pointer);
    let to = from.checked_add(unsigned(size)).ok_or(INVALID)?;
    memory.data(&caller).get(from..to).map(<[u8]>::to_vec).ok_or(INVALID)
}

/// A copy of text of the module.
pub(super) fn text(caller: &mut Caller<'_, HostState>, pointer: i32, size: i32) -> Access<String> {
    Ok(String::from_utf8_lossy(&read(caller, pointer, size)?).into_owned())
}

/// Writes bytes into the module.
pub(super) fn write(caller: &mut Caller<'_, HostState>, pointer: i32, bytes: &[u8]) -> Access<()> {
    let memory = memory(caller)?;
    memory.write(&mut *caller, unsigned(pointer), bytes).map_err(|_| INVALID)
}

/// Writes a 32-bit number.
pub(super) fn write_u32(
    caller: &mut Caller<'_, HostState>,
    pointer: i32,
    value: u32,
) -> Access<()> {
    write(caller, pointer, &value.to_le_bytes())
}

/// Hands bytes over: allocated by the module, its address and size written where it asked. A module
/// that traps while it allocates has trapped in the call it made.
pub(super) fn hand_over(
    caller: &mut Caller<'_, HostState>,
    bytes: &[u8],
    address_at: i32,
    size_at: i32,
) -> Access<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| INVALID)?;
    let address = if bytes.is_empty() {
        0
    } else {
        let allocate = caller
            .get_export("proxy_on_memory_allocate")
            .or_else(|| caller.get_export("malloc"))
            .and_then(Extern::into_func)
            .and_then(|function| function.typed::<i32, i32>(&caller).ok())
            .ok_or(status::INTERNAL)?;
        let address = allocate.call(&mut *caller, length.cast_signed()).map_err(Fail::Trap)?;
        if address == 0 {
            return Err(INVALID);
        }
        write(caller, address, bytes)?;
        address
    };
    write_u32(caller, address_at, address.cast_unsigned())?;
    write_u32(caller, size_at, length)
}
