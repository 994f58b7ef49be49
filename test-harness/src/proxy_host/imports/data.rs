//! Log, clock, timer, shared data, queues, metrics, properties.

use super::answer;
use crate::proxy_host::memory::{hand_over, read, text, write, write_u32};
use crate::proxy_host::state::{HostState, status};
use wasmtime::{Caller, Linker};

type Host<'a> = Caller<'a, HostState>;

pub(super) fn define(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_log", log)?;
    linker.func_wrap("env", "proxy_get_log_level", |mut caller: Host<'_>, level: i32| {
        answer(&mut caller, "proxy_get_log_level", |caller| write_u32(caller, level, 2))
    })?;
    linker.func_wrap("env", "proxy_get_current_time_nanoseconds", now)?;
    linker.func_wrap("env", "proxy_set_tick_period_milliseconds", set_tick)?;
    linker.func_wrap("env", "proxy_get_shared_data", get_shared)?;
    linker.func_wrap("env", "proxy_set_shared_data", set_shared)?;
    linker.func_wrap("env", "proxy_define_metric", define_metric)?;
    linker.func_wrap(
        "env",
        "proxy_increment_metric",
        |mut caller: Host<'_>, id: i32, by: i64| {
            answer(&mut caller, "proxy_increment_metric", |caller| {
                let known = by > 0
                    && caller
                        .data()
                        .shared
                        .change(id.cast_unsigned(), |value| value.saturating_add(by));
                known.then_some(()).ok_or(status::BAD_ARGUMENT)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_record_metric",
        |mut caller: Host<'_>, id: i32, value: i64| {
            answer(&mut caller, "proxy_record_metric", |caller| {
                let known = caller.data().shared.change(id.cast_unsigned(), |_| value);
                known.then_some(()).ok_or(status::BAD_ARGUMENT)
            })
        },
    )?;
    linker.func_wrap("env", "proxy_get_metric", |mut caller: Host<'_>, id: i32, place: i32| {
        answer(&mut caller, "proxy_get_metric", |caller| {
            let value = caller.data().shared.read(id.cast_unsigned()).ok_or(status::NOT_FOUND)?;
            write(caller, place, &value.to_le_bytes())
        })
    })?;
    linker.func_wrap("env", "proxy_get_property", get_property)?;
    linker.func_wrap("env", "proxy_set_property", set_property)?;
    // Queues are an ABI of their own that no policy filter here needs: refused, and seen to be.
    linker.func_wrap("env", "proxy_register_shared_queue", |_: i32, _: i32, _: i32| {
        status::UNIMPLEMENTED
    })?;
    linker.func_wrap(
        "env",
        "proxy_resolve_shared_queue",
        |_: i32, _: i32, _: i32, _: i32, _: i32| status::NOT_FOUND,
    )?;
    linker.func_wrap("env", "proxy_enqueue_shared_queue", |_: i32, _: i32, _: i32| {
        status::NOT_FOUND
    })?;
    linker.func_wrap("env", "proxy_dequeue_shared_queue", |_: i32, _: i32, _: i32| {
        status::NOT_FOUND
    })?;
    Ok(())
}

fn log(mut caller: Host<'_>, level: i32, message: i32, size: i32) -> i32 {
    answer(&mut caller, "proxy_log", |caller| {
        let message = text(caller, message, size)?;
        caller.data_mut().logs.push((level.cast_unsigned(), message));
        Ok(())
    })
}

fn now(mut caller: Host<'_>, place: i32) -> i32 {
    answer(&mut caller, "proxy_get_current_time_nanoseconds", |caller| {
        let now = caller.data().now;
        write(caller, place, &now.to_le_bytes())
    })
}

fn set_tick(mut caller: Host<'_>, period: i32) -> i32 {
    answer(&mut caller, "proxy_set_tick_period_milliseconds", |caller| {
        caller.data_mut().tick = period.cast_unsigned();
        Ok(())
    })
}

fn get_shared(
    mut caller: Host<'_>,
    key: i32,
    length: i32,
    address: i32,
    size: i32,
    cas: i32,
) -> i32 {
    answer(&mut caller, "proxy_get_shared_data", |caller| {
        let key = read(caller, key, length)?;
        let (value, version) = caller.data().shared.get(&key).ok_or(status::NOT_FOUND)?;
        hand_over(caller, &value, address, size)?;
        write_u32(caller, cas, version)
    })
}

fn set_shared(mut caller: Host<'_>, key: i32, length: i32, value: i32, size: i32, cas: i32) -> i32 {
    answer(&mut caller, "proxy_set_shared_data", |caller| {
        let (key, value) = (read(caller, key, length)?, read(caller, value, size)?);
        let written = caller.data().shared.set(&key, &value, cas.cast_unsigned());
        written.then_some(()).ok_or(status::CAS_MISMATCH)
    })
}

fn define_metric(mut caller: Host<'_>, _kind: i32, name: i32, length: i32, place: i32) -> i32 {
    answer(&mut caller, "proxy_define_metric", |caller| {
        let name = text(caller, name, length)?;
        let number = caller.data().shared.metric(&name);
        write_u32(caller, place, number)
    })
}

/// A path is its parts, joined by NUL.
fn dotted(path: &[u8]) -> String {
    let parts = path.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect::<Vec<_>>().join(".")
}

fn get_property(mut caller: Host<'_>, path: i32, length: i32, address: i32, size: i32) -> i32 {
    answer(&mut caller, "proxy_get_property", |caller| {
        let path = dotted(&read(caller, path, length)?);
        let stream = caller.data_mut().stream();
        let mut all = stream.properties.iter().chain(&stream.filter_state);
        let value = all.rfind(|(known, _)| *known == path).map(|(_, value)| value.clone());
        hand_over(caller, &value.ok_or(status::NOT_FOUND)?, address, size)
    })
}

fn set_property(mut caller: Host<'_>, path: i32, length: i32, value: i32, size: i32) -> i32 {
    answer(&mut caller, "proxy_set_property", |caller| {
        let path = dotted(&read(caller, path, length)?);
        let value = read(caller, value, size)?;
        caller.data_mut().stream().filter_state.push((path, value));
        Ok(())
    })
}
