//! HTTP/2 frames from lines (RFC 9113 §4.1, §6):
//! `TYPE STREAM FLAGS payload`, where flags are joined with `+` (`none` for none), and the payload is
//! header fields `name=value` divided by ` | `, escaped bytes, or a number. `$REQUEST` are the fields of
//! a good request. Fields are literals without indexing and without Huffman (RFC 7541 §6.2.2).

use crate::case::unescape;

/// The client's preface and empty settings.
pub(crate) fn preface() -> Vec<u8> {
    let mut out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    out.extend(framed(4, 0, 0, &[]));
    out
}

pub(crate) fn frame(line: &str) -> Vec<u8> {
    let mut words = line.splitn(4, ' ');
    let mut next = || words.next().unwrap_or_default();
    let (kind, stream, flags, payload) = (next(), next().parse().unwrap(), next(), next());
    let (kind, payload) = match kind {
        "data" => (0, unescape(payload)),
        "headers" => (1, fields(payload)),
        "priority" => (2, unescape(payload)),
        "rst" => (3, number(payload)),
        "settings" => (4, unescape(payload)),
        "push" => (5, unescape(payload)),
        "ping" => (6, unescape(payload)),
        "goaway" => (7, unescape(payload)),
        "window" => (8, number(payload)),
        "continuation" => (9, fields(payload)),
        other => (other.parse().unwrap(), unescape(payload)),
    };
    let bits = flags.split('+').map(|flag| match flag {
        "end" | "ack" => 1,
        "whole" => 4,
        "padded" => 8,
        "priority" => 0x20,
        _ => 0,
    });
    framed(kind, bits.fold(0, |all, bit| all | bit), stream, &payload)
}

fn number(text: &str) -> Vec<u8> {
    text.parse::<u32>().unwrap().to_be_bytes().to_vec()
}

fn framed(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut out = length.get(1..).unwrap().to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

/// `raw:` and escaped bytes, or fields.
fn fields(text: &str) -> Vec<u8> {
    if let Some(raw) = text.strip_prefix("raw:") {
        return unescape(raw);
    }
    let mut out = Vec::new();
    for field in text.split(" | ").filter(|field| !field.is_empty()) {
        // A pseudo header's name begins with a colon, and no name here has a `=`.
        let (name, value) = field.split_once('=').unwrap();
        out.push(0);
        literal(&mut out, &unescape(name));
        literal(&mut out, &unescape(value));
    }
    out
}

/// A length of 7 bits and more (RFC 7541 §5.1), and the bytes.
fn literal(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len().checked_sub(127) {
        None => out.push(u8::try_from(bytes.len()).unwrap()),
        Some(mut rest) => {
            out.push(127);
            while rest >= 128 {
                out.push((rest % 128) as u8 | 128);
                rest /= 128;
            }
            out.push(rest as u8);
        }
    }
    out.extend(bytes);
}
