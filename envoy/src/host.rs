//! The host: what Ambit asks of Envoy, each call with a result and none with a panic.

mod abi;
mod callout;
pub(crate) mod pairs;
pub(crate) mod shared;

pub(crate) use callout::{Answer, dispatch};

use ambit::enforcement::{Header, Reply};
use ambit::time::Timestamp;
use proxy_wasm::types::{BufferType, LogLevel, MapType, MetricType, StreamType};

/// A call that the host did not carry out, or answered with something that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HostError {
    /// The host answered a status other than 0.
    #[error("`{call}` answered status {status}")]
    Status {
        /// The name of the import.
        call: &'static str,
        /// What it answered.
        status: u32,
    },
    /// The host answered bytes that are not what was asked for.
    #[error("`{call}` answered {what}")]
    Unreadable {
        /// The name of the import.
        call: &'static str,
        /// What it answered instead.
        what: &'static str,
    },
    /// The callbacks and the steps do not fit together.
    #[error("{0}")]
    OutOfStep(&'static str),
}

impl HostError {
    /// The status of a property or function that is not there.
    const NOT_FOUND: u32 = 1;
    /// What Envoy answers of a map that is not there.
    const BAD_ARGUMENT: u32 = 2;
    /// What Envoy answers to a function that its capability restriction leaves out.
    const INTERNAL_FAILURE: u32 = 10;

    /// Whether the host does not have what was asked for, now or ever.
    pub(crate) const fn is_absence(&self) -> bool {
        matches!(self, Self::Status { status: Self::NOT_FOUND | Self::INTERNAL_FAILURE, .. })
    }
}

/// Which half of an exchange a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    Request,
    Response,
}

impl Half {
    const fn stream(self) -> u32 {
        match self {
            Self::Request => StreamType::HttpRequest as u32,
            Self::Response => StreamType::HttpResponse as u32,
        }
    }

    /// Its headers, as bytes for [`pairs::decode`].
    pub(crate) fn headers(self) -> Result<Vec<u8>, HostError> {
        let map = match self {
            Self::Request => MapType::HttpRequestHeaders,
            Self::Response => MapType::HttpResponseHeaders,
        };
        abi::header_map_pairs(map as u32)
    }

    /// The first `size` bytes of its body, all of them or an error.
    pub(crate) fn body(self, size: usize) -> Result<Vec<u8>, HostError> {
        let buffer = match self {
            Self::Request => BufferType::HttpRequestBody,
            Self::Response => BufferType::HttpResponseBody,
        };
        buffer_whole(buffer, size)
    }
}

fn buffer_whole(buffer: BufferType, size: usize) -> Result<Vec<u8>, HostError> {
    if size == 0 {
        return Ok(Vec::new());
    }
    let bytes = abi::buffer_bytes(buffer as u32, 0, size)?;
    match bytes.len() == size {
        true => Ok(bytes),
        false => Err(HostError::Unreadable {
            call: "proxy_get_buffer_bytes",
            what: "another size than it announced",
        }),
    }
}

/// Reads a header map strictly.
pub(crate) fn decoded(bytes: &[u8]) -> Result<Vec<Header<'_>>, HostError> {
    pairs::decode(bytes).ok_or(HostError::Unreadable {
        call: "proxy_get_header_map_pairs",
        what: "a map that cannot be read",
    })
}

/// The first value of a header of the answer; `None` where the answer has none, or there is none.
pub(crate) fn response_header(name: &str) -> Result<Option<Vec<u8>>, HostError> {
    match abi::header_map_value(MapType::HttpResponseHeaders as u32, name.as_bytes()) {
        Ok(value) => Ok(Some(value)),
        Err(HostError::Status {
            status: HostError::NOT_FOUND | HostError::BAD_ARGUMENT, ..
        }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes every value of a request header.
pub(crate) fn remove_request_header(name: &str) -> Result<(), HostError> {
    abi::remove_header_map_value(MapType::HttpRequestHeaders as u32, name.as_bytes())
}

/// Sets a request header that has at most one value.
pub(crate) fn replace_request_header(name: &str, value: &str) -> Result<(), HostError> {
    abi::replace_header_map_value(
        MapType::HttpRequestHeaders as u32,
        name.as_bytes(),
        value.as_bytes(),
    )
}

/// Removes request trailers of the names that `removed` holds for.
pub(crate) fn remove_request_trailers(removed: fn(&[u8]) -> bool) -> Result<(), HostError> {
    const MAP: u32 = MapType::HttpRequestTrailers as u32;
    let bytes = abi::header_map_pairs(MAP)?;
    for (name, _) in decoded(&bytes)? {
        if removed(name) {
            abi::remove_header_map_value(MAP, name)?;
        }
    }
    Ok(())
}

/// Lets the request go on from wherever it is held. There is no such call for a response: resuming
/// one before it has come ends the whole of Envoy 1.40, and a callback's answer can do the same.
pub(crate) fn resume_request() -> Result<(), HostError> {
    abi::continue_stream(Half::Request.stream())
}

/// Answers in the upstream's place. Envoy sends it once this callback has returned.
pub(crate) fn reply(reply: &Reply) -> Result<(), HostError> {
    let headers = pairs::encode(&reply.headers);
    abi::send_local_response(u32::from(reply.status), &reply.details, &headers, &reply.body)
}

/// Resets the exchange: the last resort where no answer can be given.
pub(crate) fn close() -> Result<(), HostError> {
    abi::close_stream(Half::Request.stream())
}

/// The host's clock.
pub(crate) fn now() -> Result<Timestamp, HostError> {
    let millis = abi::current_time_nanoseconds()? / 1_000_000;
    Ok(Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)))
}

/// A property of the request or its connection; `None` where the host has none.
pub(crate) fn property(path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
    match abi::property(path.join("\0").as_bytes()) {
        Ok(value) => Ok(Some(value)),
        Err(HostError::Status { status: HostError::NOT_FOUND, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Keeps a value with the request, where Envoy's access log finds it as `wasm.<name>`.
pub(crate) fn keep(name: &str, value: &[u8]) -> Result<(), HostError> {
    abi::set_property(name.as_bytes(), value)
}

/// Calls a function of the host that the ABI does not know.
pub(crate) fn call(name: &str, arguments: &[u8]) -> Result<Vec<u8>, HostError> {
    abi::call_foreign_function(name, arguments)
}

/// A counter; Envoy exports it as `wasmcustom.<name>`.
pub(crate) fn define_counter(name: &str) -> Result<u32, HostError> {
    abi::define_metric(MetricType::Counter as u32, name)
}

/// A gauge; Envoy exports it as `wasmcustom.<name>`.
pub(crate) fn define_gauge(name: &str) -> Result<u32, HostError> {
    abi::define_metric(MetricType::Gauge as u32, name)
}

/// Sets a gauge.
pub(crate) fn record(gauge: u32, value: u64) -> Result<(), HostError> {
    abi::record_metric(gauge, value)
}

/// Adds one to a counter.
pub(crate) fn count(counter: u32) -> Result<(), HostError> {
    count_by(counter, 1)
}

/// Adds to a counter.
pub(crate) fn count_by(counter: u32, by: u32) -> Result<(), HostError> {
    abi::increment_metric(counter, i64::from(by))
}

/// The plugin's configuration, `size` bytes of it.
pub(crate) fn configuration(size: usize) -> Result<Vec<u8>, HostError> {
    buffer_whole(BufferType::PluginConfiguration, size)
}

/// How long until the next tick, and between ticks.
pub(crate) fn tick_every(milliseconds: u32) -> Result<(), HostError> {
    abi::set_tick_period(milliseconds)
}

/// Writes a line to Envoy's log.
pub(crate) fn log(level: LogLevel, message: &str) {
    // Where even the log is missing, there is nowhere left to say so.
    let _ = abi::log(level as u32, message);
}

/// Replaces the panic message, which may quote what a client sent, with the place alone. No input
/// is known to reach one; a trap that nobody can find would be worse.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        log(LogLevel::Critical, &format!("ambit: internal error at {place}; please report it"));
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_webassembly_the_host_can_do_nothing() {
        assert!(now().is_err());
        assert!(Half::Request.headers().is_err());
        assert!(call("verify_signature", b"").is_err_and(|error| !error.is_absence()));
    }
}
