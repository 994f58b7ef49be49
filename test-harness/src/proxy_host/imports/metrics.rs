//! Metrics.

use super::{ENV, Host, Told, answer};
use crate::proxy_host::memory::{text, write, write_u32};
use crate::proxy_host::state::{HostState, status};
use wasmtime::Linker;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap(ENV, "proxy_define_metric", define_metric)?;
    linker.func_wrap(ENV, "proxy_increment_metric", increment)?;
    linker.func_wrap(ENV, "proxy_record_metric", record)?;
    linker.func_wrap(ENV, "proxy_get_metric", value)?;
    Ok(())
}

fn define_metric(mut caller: Host<'_>, kind: i32, name: i32, length: i32, place: i32) -> Told {
    answer(&mut caller, "proxy_define_metric", |caller| {
        let name = text(caller, name, length)?;
        let number = caller.data().shared.define_metric(kind, &name);
        write_u32(caller, place, number.ok_or(status::BAD_ARGUMENT)?)
    })
}

fn increment(mut caller: Host<'_>, id: i32, by: i64) -> Told {
    answer(&mut caller, "proxy_increment_metric", |caller| {
        Ok(caller.data().shared.increment(id.cast_unsigned(), by)?)
    })
}

fn record(mut caller: Host<'_>, id: i32, value: i64) -> Told {
    answer(&mut caller, "proxy_record_metric", |caller| {
        Ok(caller.data().shared.record(id.cast_unsigned(), value)?)
    })
}

fn value(mut caller: Host<'_>, id: i32, place: i32) -> Told {
    answer(&mut caller, "proxy_get_metric", |caller| {
        let value = caller.data().shared.read(id.cast_unsigned())?;
        write(caller, place, &value.to_le_bytes())
    })
}
