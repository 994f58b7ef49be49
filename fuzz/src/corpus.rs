//! Inputs that are kept: one file a target, one input a line, escaped as Rust escapes bytes.

use std::fs;
use std::io;
use std::path::PathBuf;

/// Where the corpora lie.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The inputs of one target. Lines that begin with `#` are remarks.
///
/// # Errors
/// The file cannot be read, or a line is not written as it must be.
pub fn load(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let text = fs::read_to_string(folder().join(format!("{target}.txt")))?;
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| unescape(line).ok_or_else(|| io::Error::other(line.to_owned()))).collect()
}

/// Adds inputs to those of one target, under a remark.
///
/// # Errors
/// The file cannot be written.
pub fn append(target: &str, remark: &str, inputs: &[Vec<u8>]) -> io::Result<()> {
    let path = folder().join(format!("{target}.txt"));
    let mut text = fs::read_to_string(&path).unwrap_or_default();
    text.push_str(&format!("# {remark}\n"));
    for input in inputs {
        text.push_str(&escape(input));
        text.push('\n');
    }
    fs::write(path, text)
}

/// One line for any bytes.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string().replace("\\'", "'").replace("\\\"", "\"");
    match text.strip_prefix('#') {
        Some(rest) => format!("\\x23{rest}"),
        None if text.is_empty() => "\\e".to_owned(),
        None => text,
    }
}

/// The bytes of a line; `None` where it is not one of [`escape`].
#[must_use]
pub fn unescape(line: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = line.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next()? {
            b'x' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
            }
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'\\' => bytes.push(b'\\'),
            // No bytes at all.
            b'e' => {}
            _ => return None,
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_has_a_line_and_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        for input in [&all[..], b"", b"#x", b"\\", b"'\"", b"\\x41", "é\u{2028}".as_bytes()] {
            let line = escape(input);
            assert!(!line.contains('\n') && !line.is_empty() && !line.starts_with('#'));
            assert_eq!(unescape(&line).as_deref(), Some(input));
        }
    }
}
