//! What a client sees, in a few words.

use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::time::Duration;

/// How long nothing more must come before an answer counts as all there is: Envoy closes a
/// connection a second after what it does not understand.
const QUIET: Duration = Duration::from_millis(1600);

/// All that comes until it is quiet, and whether the connection was closed.
fn all(stream: &mut TcpStream) -> (Vec<u8>, bool) {
    stream.set_read_timeout(Some(QUIET)).unwrap();
    let (mut bytes, mut piece) = (Vec::new(), [0; 8192]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return (bytes, true),
            Ok(length) => bytes.extend(piece.get(..length).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return (bytes, false);
            }
            Err(_) => return (bytes, true),
        }
    }
}

/// The statuses of HTTP/1.1 answers with `+` between; `closed` or `nothing` without any.
pub(crate) fn of_http1(stream: &mut TcpStream) -> String {
    let (bytes, closed) = all(stream);
    let text = String::from_utf8_lossy(&bytes);
    let statuses = text.split("HTTP/1.1 ").skip(1).map(|rest| rest.get(..3).unwrap_or("?"));
    let statuses: Vec<&str> = statuses.collect();
    match (statuses.is_empty(), closed) {
        (true, true) => "closed".to_owned(),
        (true, false) => "nothing".to_owned(),
        (false, _) => statuses.join("+"),
    }
}

/// For each stream `ok`, `refused` or `reset`, and `goaway` or `closed` for the connection, with `+`
/// between; `nothing` without any.
pub(crate) fn of_http2(stream: &mut TcpStream) -> String {
    let (bytes, closed) = all(stream);
    let mut rest = bytes.as_slice();
    let mut said: Vec<&str> = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<9>() {
        let [a, b, c, kind, flags, ..] = head;
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let Some((payload, after)) = after.split_at_checked(length) else { break };
        match kind {
            // 0x88 is `:status: 200` (RFC 7541 appendix A); a trailer or an answer's end says no more.
            1 if payload.first() == Some(&0x88) => said.push("ok"),
            1 if flags & 4 != 0 && said.last() != Some(&"ok") => said.push("refused"),
            3 => said.push("reset"),
            7 => said.push("goaway"),
            _ => {}
        }
        rest = after;
    }
    said.dedup();
    // What follows the end of all adds nothing.
    if let Some(at) = said.iter().position(|word| *word == "goaway") {
        said.truncate(at + 1);
    }
    match (said.is_empty(), closed) {
        (true, true) => "closed".to_owned(),
        (true, false) => "nothing".to_owned(),
        (false, _) => said.join("+"),
    }
}
