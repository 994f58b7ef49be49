//! Shared queues.

use super::{ENV, Host, Told, answer};
use crate::proxy_host::memory::{hand_over, read, text, write_u32};
use crate::proxy_host::state::{HostState, status};
use wasmtime::Linker;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap(ENV, "proxy_register_shared_queue", register)?;
    linker.func_wrap(ENV, "proxy_resolve_shared_queue", resolve)?;
    linker.func_wrap(ENV, "proxy_enqueue_shared_queue", enqueue)?;
    linker.func_wrap(ENV, "proxy_dequeue_shared_queue", dequeue)?;
    Ok(())
}

fn register(mut caller: Host<'_>, name: i32, length: i32, place: i32) -> Told {
    answer(&mut caller, "proxy_register_shared_queue", |caller| {
        let name = text(caller, name, length)?;
        let state = caller.data();
        let number = state.shared.register_queue(&name, state.number);
        write_u32(caller, place, number)
    })
}

fn resolve(mut caller: Host<'_>, vm: i32, vm_size: i32, name: i32, length: i32, at: i32) -> Told {
    answer(&mut caller, "proxy_resolve_shared_queue", |caller| {
        let (vm, name) = (text(caller, vm, vm_size)?, text(caller, name, length)?);
        let state = caller.data();
        let found = (vm == state.vm_id).then(|| state.shared.resolve_queue(&name)).flatten();
        write_u32(caller, at, found.ok_or(status::NOT_FOUND)?)
    })
}

fn enqueue(mut caller: Host<'_>, queue: i32, item: i32, size: i32) -> Told {
    answer(&mut caller, "proxy_enqueue_shared_queue", |caller| {
        let item = read(caller, item, size)?;
        let known = caller.data().shared.enqueue(queue.cast_unsigned(), item);
        known.then_some(()).ok_or(status::NOT_FOUND.into())
    })
}

fn dequeue(mut caller: Host<'_>, queue: i32, address: i32, size: i32) -> Told {
    answer(&mut caller, "proxy_dequeue_shared_queue", |caller| {
        let item = caller.data().shared.dequeue(queue.cast_unsigned())?;
        hand_over(caller, &item, address, size)
    })
}
