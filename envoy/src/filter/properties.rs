//! What Envoy knows of the connection and the answer, as properties.

use super::last_resort::complain;
use crate::host::{self, HostError};

/// The URI name of the client's certificate, from the connection. Envoy gives the first one;
/// a SPIFFE certificate has exactly one.
pub(super) fn peer() -> Result<Vec<String>, HostError> {
    if host::property(&["connection", "mtls"])?.as_deref() != Some(&[1]) {
        return Ok(Vec::new());
    }
    let name = host::property(&["connection", "uri_san_peer_certificate"])?;
    let name = name.and_then(|name| String::from_utf8(name).ok());
    Ok(name.into_iter().filter(|name| !name.is_empty()).collect())
}

/// The status the client was sent; 0 when none was. Read from the answer's headers: as a property
/// it costs six times as much.
pub(super) fn status_sent() -> u16 {
    match host::response_header(":status") {
        Ok(status) => status
            .and_then(|digits| std::str::from_utf8(&digits).ok()?.parse().ok())
            .unwrap_or_default(),
        Err(error) => {
            complain(error);
            0
        }
    }
}
