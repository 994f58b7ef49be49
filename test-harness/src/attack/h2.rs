//! HTTP/2 by hand (RFC 9113, RFC 7541), for fields that no library would send.

use super::catalogue::Request;
use super::upstream::MARK;
use super::wire::Texts;
use serde_json::Value;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(1);
const FRAME_MOST: usize = 16_384;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Sends the request on stream 1, and gives the answer's status where it is a common one.
pub(super) fn send(stream: &mut TcpStream, request: &Request, texts: &Texts) -> io::Result<u16> {
    let mut out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    frame(&mut out, SETTINGS, 0, 0, &[]);
    let bodies: Vec<Vec<u8>> =
        request.body.iter().chain(&request.chunks).map(|body| texts.bytes(body)).collect();
    let trailers: Vec<(Vec<u8>, Vec<u8>)> = request
        .trailers
        .iter()
        .map(|(name, value)| (texts.bytes(name), texts.bytes(value)))
        .collect();
    let bare = bodies.is_empty() && trailers.is_empty();
    headers(&mut out, &fields(request, texts), bare);
    for (at, body) in bodies.iter().enumerate() {
        let last = at.saturating_add(1) == bodies.len() && trailers.is_empty();
        frame(&mut out, DATA, if last { END_STREAM } else { 0 }, 1, body);
    }
    if !trailers.is_empty() {
        headers(&mut out, &trailers, true);
    }
    // A gateway that has refused already may have closed its side; its answer is still read.
    let _ = stream.write_all(&out);
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(answer(stream).unwrap_or_default())
}

fn fields(request: &Request, texts: &Texts) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut fields = Vec::new();
    let usual = [
        (":method", Some(request.method.clone())),
        (":scheme", Some("http".to_owned())),
        (":authority", request.host.clone()),
        (":path", Some(request.path.clone())),
    ];
    for (name, value) in usual {
        let value = match request.pseudo.get(name) {
            Some(Value::String(other)) => Some(other.clone()),
            Some(_) => None,
            None => value,
        };
        fields.extend(value.map(|value| (name.as_bytes().to_vec(), texts.bytes(&value))));
    }
    for (name, value) in &request.pseudo {
        let known = usual_names().contains(&name.as_str());
        if let (false, Value::String(value)) = (known, value) {
            fields.push((texts.bytes(name), texts.bytes(value)));
        }
    }
    if let (Some(auth), Some(_)) = (&request.auth, &request.token) {
        fields.push((b"authorization".to_vec(), texts.bytes(auth)));
    }
    if request.proof.is_some() {
        fields.push((b"dpop".to_vec(), texts.bytes("{D}")));
    }
    fields.push((MARK.as_bytes().to_vec(), texts.mark.clone().into_bytes()));
    let more = request.headers.iter();
    fields.extend(more.map(|(name, value)| (texts.bytes(name), texts.bytes(value))));
    fields
}

const fn usual_names() -> [&'static str; 4] {
    [":method", ":scheme", ":authority", ":path"]
}

fn headers(out: &mut Vec<u8>, fields: &[(Vec<u8>, Vec<u8>)], end: bool) {
    let mut block = Vec::new();
    for (name, value) in fields {
        // Literal, never indexed, no Huffman code: RFC 7541 §6.2.3.
        block.push(0x10);
        string(&mut block, name);
        string(&mut block, value);
    }
    let end = if end { END_STREAM } else { 0 };
    let mut pieces = block.chunks(FRAME_MOST).peekable();
    let mut kind = HEADERS;
    while let Some(piece) = pieces.next() {
        let last = if pieces.peek().is_none() { END_HEADERS } else { 0 };
        let flags = if kind == HEADERS { last | end } else { last };
        frame(out, kind, flags, 1, piece);
        kind = CONTINUATION;
    }
}

/// RFC 7541 §5.2, with the integers of §5.1.
fn string(out: &mut Vec<u8>, text: &[u8]) {
    match u8::try_from(text.len()) {
        Ok(short) if short < 127 => out.push(short),
        _ => {
            out.push(127);
            let mut rest = text.len().saturating_sub(127);
            while rest >= 128 {
                out.push(u8::try_from(rest % 128).unwrap_or_default() | 128);
                rest /= 128;
            }
            out.push(u8::try_from(rest).unwrap_or_default());
        }
    }
    out.extend(text);
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    out.extend(length.iter().skip(1));
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
}

/// Reads frames until the stream ends.
fn answer(stream: &mut TcpStream) -> io::Result<u16> {
    let mut status = 0;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let [a, b, c, kind, flags, ..] = head;
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or_default();
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload)?;
        match kind {
            SETTINGS if flags & 1 == 0 => {
                let mut acknowledged = Vec::new();
                frame(&mut acknowledged, SETTINGS, 1, 0, &[]);
                stream.write_all(&acknowledged)?;
            }
            HEADERS => {
                status = status_of(&payload);
                if flags & END_STREAM != 0 {
                    return Ok(status);
                }
            }
            DATA if flags & END_STREAM != 0 => return Ok(status),
            RST_STREAM | GOAWAY => return Ok(status),
            _ => {}
        }
    }
}

/// `:status`, where it is one of the static table's (RFC 7541, Appendix A).
fn status_of(block: &[u8]) -> u16 {
    let first = block.iter().find(|byte| **byte & 0xe0 != 0x20);
    match first {
        Some(0x88) => 200,
        Some(0x89) => 204,
        Some(0x8b) => 304,
        Some(0x8c) => 400,
        Some(0x8d) => 404,
        Some(0x8e) => 500,
        _ => 0,
    }
}
