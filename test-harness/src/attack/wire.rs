//! A request as bytes on a socket: HTTP/1.1 as it is written, or HTTP/2.

use super::catalogue::Request;
use super::h2;
use super::upstream::MARK;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait for more after bytes that may be no whole request.
const IDLE: Duration = Duration::from_millis(60);

/// Texts that stand for others in a request.
pub(super) struct Texts {
    pub(super) replaced: Vec<(&'static str, String)>,
    pub(super) mark: String,
}

impl Texts {
    /// The bytes that a text of the catalogue is.
    pub(super) fn bytes(&self, text: &str) -> Vec<u8> {
        let mut text = text.to_owned();
        for (name, value) in &self.replaced {
            text = text.replace(name, value);
        }
        unescaped(&repeated(&text))
    }
}

/// A text with each `{rep:TEXT:N}` as N times TEXT.
pub(super) fn repeated(text: &str) -> String {
    let mut text = text.to_owned();
    while let Some((before, after)) = text.split_once("{rep:") {
        let Some((inner, tail)) = after.split_once('}') else { break };
        let (what, times) = inner.rsplit_once(':').unwrap_or((inner, "1"));
        text = format!("{before}{}{tail}", what.repeat(times.parse().unwrap_or(1)));
    }
    text
}

fn unescaped(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0_usize);
    while let Some(byte) = bytes.get(at) {
        let next = bytes.get(at.saturating_add(1));
        let hex = text.get(at.saturating_add(2)..at.saturating_add(4));
        let (value, length) = match (byte, next) {
            (b'\\', Some(b'r')) => (b'\r', 2),
            (b'\\', Some(b'n')) => (b'\n', 2),
            (b'\\', Some(b't')) => (b'\t', 2),
            (b'\\', Some(b'\\')) => (b'\\', 2),
            (b'\\', Some(b'x')) => match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(value) => (value, 4),
                None => (b'\\', 1),
            },
            _ => (*byte, 1),
        };
        out.push(value);
        at = at.saturating_add(length);
    }
    out
}

/// Sends the request and gives the answer's status, or 0 where there is no answer. An open
/// connection is used where there is one, and kept where the request says so.
pub(super) fn send(
    port: u16,
    request: &Request,
    texts: &Texts,
    open: &mut Option<TcpStream>,
) -> io::Result<u16> {
    let mut stream = match open.take() {
        Some(stream) => stream,
        None => TcpStream::connect(("127.0.0.1", port))?,
    };
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    if request.h2 {
        return h2::send(&mut stream, request, texts);
    }
    let bytes = match &request.raw {
        Some(raw) => texts.bytes(raw),
        None => head_and_body(request, texts),
    };
    // A gateway that has refused already may have closed its side; its answer is still read.
    let written = stream.write_all(&bytes);
    let head_only = request.method == "HEAD" && request.raw.is_none();
    let status = match request.raw {
        Some(_) => read_until_idle(&mut stream),
        None => read_answer(&mut stream, head_only),
    };
    if request.keep && written.is_ok() {
        *open = Some(stream);
    }
    Ok(status)
}

fn head_and_body(request: &Request, texts: &Texts) -> Vec<u8> {
    let mut out = texts.bytes(&request.method);
    out.push(b' ');
    out.extend(texts.bytes(&request.path));
    out.extend(b" HTTP/1.1\r\n");
    let mut field = |name: &[u8], value: &[u8]| {
        out.extend(name);
        out.extend(b": ");
        out.extend(value);
        out.extend(b"\r\n");
    };
    if let Some(host) = &request.host {
        field(b"Host", &texts.bytes(host));
    }
    if let (Some(auth), Some(_)) = (&request.auth, &request.token) {
        field(b"Authorization", &texts.bytes(auth));
    }
    if request.proof.is_some() {
        field(b"DPoP", &texts.bytes("{D}"));
    }
    field(MARK.as_bytes(), texts.mark.as_bytes());
    for (name, value) in &request.headers {
        field(&texts.bytes(name), &texts.bytes(value));
    }
    if !request.keep && !request.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("connection")) {
        field(b"Connection", b"close");
    }
    let chunked = !request.chunks.is_empty() || !request.trailers.is_empty();
    let body = request.body.as_ref().map(|body| texts.bytes(body));
    match (&body, chunked) {
        (_, true) => field(b"Transfer-Encoding", b"chunked"),
        (Some(body), false) => field(b"Content-Length", body.len().to_string().as_bytes()),
        (None, false) => {}
    }
    out.extend(b"\r\n");
    if chunked {
        for chunk in &request.chunks {
            let chunk = texts.bytes(chunk);
            out.extend(format!("{:x}\r\n", chunk.len()).bytes());
            out.extend(chunk);
            out.extend(b"\r\n");
        }
        out.extend(b"0\r\n");
        for (name, value) in &request.trailers {
            out.extend([texts.bytes(name), b": ".to_vec(), texts.bytes(value)].concat());
            out.extend(b"\r\n");
        }
        out.extend(b"\r\n");
    } else if let Some(body) = body {
        out.extend(body);
    }
    out
}

/// Reads one answer to its end.
fn read_answer(stream: &mut TcpStream, head_only: bool) -> u16 {
    let begun = Instant::now();
    let (mut bytes, mut piece) = (Vec::new(), [0; 8192]);
    loop {
        if is_whole(&bytes, head_only) || begun.elapsed() > PATIENCE {
            return status(&bytes);
        }
        if stream.set_read_timeout(Some(PATIENCE)).is_err() {
            return status(&bytes);
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return status(&bytes),
            Ok(length) => bytes.extend(piece.get(..length).unwrap_or_default()),
        }
        // An interim answer (RFC 9110 §15.2) is not the one.
        if bytes.starts_with(b"HTTP/1.1 100 ")
            && let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n")
        {
            bytes.drain(..end.saturating_add(4));
        }
    }
}

/// Reads whatever comes until nothing does for a while: the status of the last answer.
fn read_until_idle(stream: &mut TcpStream) -> u16 {
    let (mut bytes, mut piece) = (Vec::new(), [0; 8192]);
    if stream.set_read_timeout(Some(IDLE)).is_err() {
        return 0;
    }
    while let Ok(length @ 1..) = stream.read(&mut piece) {
        bytes.extend(piece.get(..length).unwrap_or_default());
    }
    status(&bytes)
}

fn is_whole(bytes: &[u8], head_only: bool) -> bool {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).to_ascii_lowercase();
    let body = bytes.get(end.saturating_add(4)..).unwrap_or_default();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    if head_only || status(bytes) == 204 {
        return true;
    }
    match length.and_then(|length| length.trim().parse::<usize>().ok()) {
        Some(length) => body.len() >= length,
        None => body.ends_with(b"0\r\n\r\n"),
    }
}

fn status(bytes: &[u8]) -> u16 {
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line).into_owned();
    line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
}
