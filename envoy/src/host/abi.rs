//! The imports of the proxy-wasm ABI 0.2.1 that Ambit calls, and the only `unsafe` of this crate.
//!
//! The SDK has wrappers for all of them; each panics on a status it does not expect, and a panic
//! is a module that answers 503 to everybody. Here every status but 0 is a [`HostError`].

#![expect(unsafe_code, reason = "foreign functions of the host, and memory it hands over")]

use super::HostError;

/// Declares the imports. Outside WebAssembly there is no host, and every call says so: a filter in
/// a native test meets a host that can do nothing.
macro_rules! imports {
    ($(fn $name:ident($($argument:ident: $type:ty),* $(,)?);)*) => {
        #[cfg(target_arch = "wasm32")]
        #[link(wasm_import_module = "env")]
        unsafe extern "C" {
            $(fn $name($($argument: $type),*) -> u32;)*
        }

        #[cfg(not(target_arch = "wasm32"))]
        mod absent {
            #![expect(clippy::too_many_arguments, reason = "the ABI has them")]

            /// What a host of ABI 0.2.1 answers to a call it does not have.
            const UNIMPLEMENTED: u32 = 12;

            $(
                pub(super) unsafe fn $name($(_: $type),*) -> u32 {
                    UNIMPLEMENTED
                }
            )*
        }
        #[cfg(not(target_arch = "wasm32"))]
        use absent::*;
    };
}

imports! {
    fn proxy_call_foreign_function(
        name: *const u8, name_size: usize, arguments: *const u8, arguments_size: usize,
        result: *mut *mut u8, result_size: *mut usize,
    );
    fn proxy_close_stream(stream: u32);
    fn proxy_continue_stream(stream: u32);
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32);
    fn proxy_get_buffer_bytes(
        buffer: u32, start: usize, most: usize, bytes: *mut *mut u8, size: *mut usize,
    );
    fn proxy_get_current_time_nanoseconds(now: *mut u64);
    fn proxy_get_header_map_pairs(map: u32, bytes: *mut *mut u8, size: *mut usize);
    fn proxy_get_header_map_value(
        map: u32, name: *const u8, name_size: usize, value: *mut *mut u8, value_size: *mut usize,
    );
    fn proxy_get_property(
        path: *const u8, path_size: usize, value: *mut *mut u8, value_size: *mut usize,
    );
    fn proxy_get_shared_data(
        key: *const u8, key_size: usize, value: *mut *mut u8, value_size: *mut usize, cas: *mut u32,
    );
    fn proxy_increment_metric(id: u32, by: i64);
    fn proxy_log(level: u32, message: *const u8, message_size: usize);
    fn proxy_record_metric(id: u32, value: u64);
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize);
    fn proxy_replace_header_map_value(
        map: u32, name: *const u8, name_size: usize, value: *const u8, value_size: usize,
    );
    fn proxy_send_local_response(
        status: u32, details: *const u8, details_size: usize, body: *const u8, body_size: usize,
        headers: *const u8, headers_size: usize, grpc_status: i32,
    );
    fn proxy_set_property(
        path: *const u8, path_size: usize, value: *const u8, value_size: usize,
    );
    fn proxy_set_shared_data(
        key: *const u8, key_size: usize, value: *const u8, value_size: usize, cas: u32,
    );
    fn proxy_set_tick_period_milliseconds(period: u32);
}

/// Status 0 is success; anything else is told with the name of the call.
const fn ok(call: &'static str, status: u32) -> Result<(), HostError> {
    match status {
        0 => Ok(()),
        status => Err(HostError::Status { call, status }),
    }
}

/// Memory that the host filled. It was allocated by this module's `proxy_on_memory_allocate` as a
/// boxed slice of exactly `size` bytes; an empty answer may come without an allocation.
struct Given {
    bytes: *mut u8,
    size: usize,
}

impl Given {
    const fn nothing() -> Self {
        Self { bytes: std::ptr::null_mut(), size: 0 }
    }

    fn take(self) -> Vec<u8> {
        if self.bytes.is_null() || self.size == 0 {
            return Vec::new();
        }
        // SAFETY: the host obtained `bytes` from `proxy_on_memory_allocate(size)`, which leaks a
        // `Box<[u8]>` of `size` bytes, filled it, and gave it up with this call.
        unsafe { Vec::from_raw_parts(self.bytes, self.size, self.size) }
    }
}

pub(super) fn call_foreign_function(name: &str, arguments: &[u8]) -> Result<Vec<u8>, HostError> {
    let mut result = Given::nothing();
    // SAFETY: pointers and sizes describe live slices and places for the answer.
    let status = unsafe {
        proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            arguments.as_ptr(),
            arguments.len(),
            &raw mut result.bytes,
            &raw mut result.size,
        )
    };
    // A failed function may have allocated a result as well; taking it frees it.
    let result = result.take();
    ok("proxy_call_foreign_function", status).map(|()| result)
}

pub(super) fn close_stream(stream: u32) -> Result<(), HostError> {
    // SAFETY: no pointers.
    ok("proxy_close_stream", unsafe { proxy_close_stream(stream) })
}

pub(super) fn continue_stream(stream: u32) -> Result<(), HostError> {
    // SAFETY: no pointers.
    ok("proxy_continue_stream", unsafe { proxy_continue_stream(stream) })
}

pub(super) fn define_metric(kind: u32, name: &str) -> Result<u32, HostError> {
    let mut id = 0;
    // SAFETY: pointer and size describe a live string; `id` is a place for the answer.
    let status = unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut id) };
    ok("proxy_define_metric", status).map(|()| id)
}

pub(super) fn buffer_bytes(buffer: u32, start: usize, most: usize) -> Result<Vec<u8>, HostError> {
    let mut bytes = Given::nothing();
    // SAFETY: `bytes` is a place for the answer.
    let status = unsafe {
        proxy_get_buffer_bytes(buffer, start, most, &raw mut bytes.bytes, &raw mut bytes.size)
    };
    ok("proxy_get_buffer_bytes", status).map(|()| bytes.take())
}

pub(super) fn current_time_nanoseconds() -> Result<u64, HostError> {
    let mut now = 0;
    // SAFETY: `now` is a place for the answer.
    let status = unsafe { proxy_get_current_time_nanoseconds(&raw mut now) };
    ok("proxy_get_current_time_nanoseconds", status).map(|()| now)
}

pub(super) fn header_map_pairs(map: u32) -> Result<Vec<u8>, HostError> {
    let mut bytes = Given::nothing();
    // SAFETY: `bytes` is a place for the answer.
    let status =
        unsafe { proxy_get_header_map_pairs(map, &raw mut bytes.bytes, &raw mut bytes.size) };
    ok("proxy_get_header_map_pairs", status).map(|()| bytes.take())
}

pub(super) fn header_map_value(map: u32, name: &[u8]) -> Result<Vec<u8>, HostError> {
    let mut value = Given::nothing();
    // SAFETY: pointer and size describe a live slice; `value` is a place for the answer.
    let status = unsafe {
        proxy_get_header_map_value(
            map,
            name.as_ptr(),
            name.len(),
            &raw mut value.bytes,
            &raw mut value.size,
        )
    };
    ok("proxy_get_header_map_value", status).map(|()| value.take())
}

pub(super) fn property(path: &[u8]) -> Result<Vec<u8>, HostError> {
    let mut value = Given::nothing();
    // SAFETY: pointer and size describe a live slice; `value` is a place for the answer.
    let status = unsafe {
        proxy_get_property(path.as_ptr(), path.len(), &raw mut value.bytes, &raw mut value.size)
    };
    ok("proxy_get_property", status).map(|()| value.take())
}

/// A shared value and its version.
pub(super) fn shared_data(key: &str) -> Result<(Vec<u8>, u32), HostError> {
    let mut value = Given::nothing();
    let mut cas = 0;
    // SAFETY: pointer and size describe a live string; the others are places for the answer.
    let status = unsafe {
        proxy_get_shared_data(
            key.as_ptr(),
            key.len(),
            &raw mut value.bytes,
            &raw mut value.size,
            &raw mut cas,
        )
    };
    ok("proxy_get_shared_data", status).map(|()| (value.take(), cas))
}

pub(super) fn increment_metric(id: u32, by: i64) -> Result<(), HostError> {
    // SAFETY: no pointers.
    ok("proxy_increment_metric", unsafe { proxy_increment_metric(id, by) })
}

pub(super) fn record_metric(id: u32, value: u64) -> Result<(), HostError> {
    // SAFETY: no pointers.
    ok("proxy_record_metric", unsafe { proxy_record_metric(id, value) })
}

pub(super) fn log(level: u32, message: &str) -> Result<(), HostError> {
    // SAFETY: pointer and size describe a live string.
    ok("proxy_log", unsafe { proxy_log(level, message.as_ptr(), message.len()) })
}

pub(super) fn remove_header_map_value(map: u32, name: &[u8]) -> Result<(), HostError> {
    // SAFETY: pointer and size describe a live slice.
    let status = unsafe { proxy_remove_header_map_value(map, name.as_ptr(), name.len()) };
    ok("proxy_remove_header_map_value", status)
}

pub(super) fn replace_header_map_value(
    map: u32,
    name: &[u8],
    value: &[u8],
) -> Result<(), HostError> {
    // SAFETY: pointers and sizes describe live slices.
    let status = unsafe {
        proxy_replace_header_map_value(map, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    };
    ok("proxy_replace_header_map_value", status)
}

pub(super) fn send_local_response(
    status: u32,
    details: &str,
    headers: &[u8],
    body: &[u8],
) -> Result<(), HostError> {
    /// Envoy derives the gRPC status from the HTTP one.
    const NO_GRPC_STATUS: i32 = -1;
    // SAFETY: pointers and sizes describe live slices.
    let answer = unsafe {
        proxy_send_local_response(
            status,
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        )
    };
    ok("proxy_send_local_response", answer)
}

pub(super) fn set_property(path: &[u8], value: &[u8]) -> Result<(), HostError> {
    // SAFETY: pointers and sizes describe live slices.
    let status =
        unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) };
    ok("proxy_set_property", status)
}

pub(super) fn set_shared_data(key: &str, value: &[u8], cas: u32) -> Result<(), HostError> {
    // SAFETY: pointers and sizes describe live slices.
    let status =
        unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) };
    ok("proxy_set_shared_data", status)
}

pub(super) fn set_tick_period(milliseconds: u32) -> Result<(), HostError> {
    // SAFETY: no pointers.
    let status = unsafe { proxy_set_tick_period_milliseconds(milliseconds) };
    ok("proxy_set_tick_period_milliseconds", status)
}
