//! Log, clock and timer.

use super::{ENV, Host, Told, answer};
use crate::proxy_host::memory::{text, write, write_u32};
use crate::proxy_host::state::{HostState, status};
use wasmtime::Linker;

/// `critical`, the highest level.
const LEVEL_MOST: i32 = 5;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap(ENV, "proxy_log", log)?;
    linker.func_wrap(ENV, "proxy_get_log_level", log_level)?;
    linker.func_wrap(ENV, "proxy_get_current_time_nanoseconds", now)?;
    linker.func_wrap(ENV, "proxy_set_tick_period_milliseconds", set_tick)?;
    Ok(())
}

fn log(mut caller: Host<'_>, level: i32, message: i32, size: i32) -> Told {
    answer(&mut caller, "proxy_log", |caller| {
        if !(0..=LEVEL_MOST).contains(&level) {
            return Err(status::BAD_ARGUMENT.into());
        }
        let message = text(caller, message, size)?;
        caller.data_mut().log(level.cast_unsigned(), &message);
        Ok(())
    })
}

fn log_level(mut caller: Host<'_>, place: i32) -> Told {
    answer(&mut caller, "proxy_get_log_level", |caller| {
        let level = caller.data().log_level;
        write_u32(caller, place, level)
    })
}

fn now(mut caller: Host<'_>, place: i32) -> Told {
    answer(&mut caller, "proxy_get_current_time_nanoseconds", |caller| {
        let now = caller.data().time();
        write(caller, place, &now.to_le_bytes())
    })
}

fn set_tick(mut caller: Host<'_>, period: i32) -> Told {
    answer(&mut caller, "proxy_set_tick_period_milliseconds", |caller| {
        caller.data_mut().tick = period.cast_unsigned();
        Ok(())
    })
}
