//! HTTP/1.1 as bytes on a socket: what an HTTP library would not send.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// A parsed answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Sends one request, each piece of the body in a segment of its own, and reads the answer to its end.
pub(super) fn send(
    port: u16,
    line: &str,
    headers: &[(String, Vec<u8>)],
    chunks: &[String],
    trailers: &[(String, String)],
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut head = format!("{line} HTTP/1.1\r\n").into_bytes();
    for (name, value) in headers {
        head.extend(name.as_bytes());
        head.extend(b": ");
        head.extend(value);
        head.extend(b"\r\n");
    }
    head.extend(b"connection: close\r\n");
    let chunked = !chunks.is_empty() || !trailers.is_empty();
    if chunked {
        head.extend(b"transfer-encoding: chunked\r\n");
    }
    head.extend(b"\r\n");
    stream.write_all(&head)?;
    if chunked {
        for chunk in chunks {
            stream.flush()?;
            std::thread::sleep(Duration::from_millis(20));
            // A gateway that has refused already may have closed its side.
            if stream.write_all(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes()).is_err() {
                break;
            }
        }
        let mut end = "0\r\n".to_owned();
        for (name, value) in trailers {
            end.push_str(&format!("{name}: {value}\r\n"));
        }
        end.push_str("\r\n");
        let _ = stream.write_all(end.as_bytes());
    }
    let head_only = line.starts_with("HEAD ");
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(answer) = parse(&bytes, head_only) {
            return Ok(answer);
        }
        // A reset after the whole answer would lose nothing of it; before, there is none.
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => {
                return Err(io::Error::other(format!("no whole answer: {} bytes", bytes.len())));
            }
            Ok(length) => bytes.extend(piece.get(..length).unwrap_or_default()),
        }
    }
}

/// The answer, once it is whole.
fn parse(bytes: &[u8], head_only: bool) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let rest = bytes.get(end.checked_add(4)?..)?;
    let chunked = headers.iter().any(|(n, v)| n == "transfer-encoding" && v == "chunked");
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse::<usize>().ok()).unwrap_or_default();
    let body = match (head_only, chunked) {
        (true, _) => Vec::new(),
        (false, true) => dechunked(rest)?,
        (false, false) => rest.get(..length)?.to_vec(),
    };
    Some(Answer { status, headers, body })
}

fn dechunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(rest.get(..end)?).ok()?, 16).ok()?;
        let from = end.checked_add(2)?;
        let to = from.checked_add(size)?;
        if size == 0 {
            return Some(body);
        }
        body.extend(rest.get(from..to)?);
        rest = rest.get(to.checked_add(2)?..)?;
    }
}
