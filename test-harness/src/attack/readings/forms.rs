//! Forms as servers read them that follow more standards than browsers do.

use super::decoded;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What the field `_method` of a multipart form asks for, by every reading of the fields' names.
pub(super) fn multipart(body: &str) -> Vec<String> {
    let mut asked = Vec::new();
    let parts = body.split("\r\n\r\n").zip(body.split("\r\n\r\n").skip(1));
    for (head, rest) in parts {
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let lines = head.lines().filter(|line| {
            line.to_ascii_lowercase().trim_start().starts_with("content-disposition")
        });
        if lines.flat_map(names).any(|name| name.eq_ignore_ascii_case("_method")) {
            let value = rest.split("\r\n").next().unwrap_or_default();
            asked.push(value.trim().to_ascii_uppercase());
        }
    }
    asked
}

/// What a field's name may be.
fn names(line: &str) -> Vec<String> {
    let text = |bytes: &str| String::from_utf8_lossy(&decoded(bytes.as_bytes())).into_owned();
    let (mut names, mut pieces) = (Vec::new(), Vec::new());
    for parameter in line.split(';') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let name = name.trim().to_ascii_lowercase();
        let name = name.rsplit([' ', ':']).next().unwrap_or_default();
        let value = value.trim().trim_matches(['"', '\'']);
        let plain = value.replace('\\', "");
        let extended = text(plain.rsplit('\'').next().unwrap_or_default());
        match name {
            "name" => {
                names.extend(encoded_word(value));
                names.push(text(plain.trim_end_matches("[]")));
            }
            "name*" => names.push(extended),
            other if other.starts_with("name*") => pieces.push((other.to_owned(), extended)),
            _ => {}
        }
    }
    pieces.sort();
    names.push(pieces.into_iter().map(|(_, piece)| piece).collect());
    names.iter().map(|name| name.trim().to_owned()).collect()
}

/// RFC 2047 §2.
fn encoded_word(value: &str) -> Option<String> {
    let inner = value.trim().strip_prefix("=?")?.strip_suffix("?=")?;
    let (_, rest) = inner.split_once('?')?;
    let (kind, text) = rest.split_once('?')?;
    let bytes = match kind {
        "B" | "b" => STANDARD.decode(text).ok()?,
        _ => decoded(text.replace('=', "%").replace('_', " ").as_bytes()),
    };
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a form of UTF-16, of UTF-7 or of EBCDIC asks for; no other form has such bytes.
pub(super) fn respelt(body: &[u8]) -> Vec<String> {
    /// `_method` in code page 37.
    const EBCDIC: [u8; 7] = [0x6d, 0x94, 0x85, 0xa3, 0x88, 0x96, 0x84];
    let narrow = |bytes: &[u8]| -> String {
        let bytes = bytes.iter().copied().filter(|byte| *byte != 0).collect::<Vec<u8>>();
        String::from_utf8_lossy(&bytes).replace("+AF8-", "_")
    };
    let pairs = body.split(|byte| *byte == b'&').filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = pair.split_at_checked(at)?;
        Some((decoded(name), decoded(value.get(1..)?)))
    });
    let asked = |(name, value): (Vec<u8>, Vec<u8>)| {
        if name == EBCDIC {
            return Some("A METHOD IN EBCDIC".to_owned());
        }
        let is = narrow(&name).trim().eq_ignore_ascii_case("_method");
        is.then(|| narrow(&value).to_ascii_uppercase())
    };
    pairs.filter_map(asked).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_fields_name_is_read() {
        for name in [
            "name=\"_method\"",
            "name=_METHOD",
            "name=\"_\\method\"",
            "name*=UTF-8''%5fmethod",
            "name*0=\"_met\"; name*1=\"hod\"",
            "name=\"=?utf-8?B?X21ldGhvZA==?=\"",
            "name=\"=?utf-8?Q?=5Fmethod?=\"",
        ] {
            let body =
                format!("--x\r\nContent-Disposition: form-data; {name}\r\n\r\ndelete\r\n--x--\r\n");
            assert_eq!(multipart(&body), ["DELETE"], "{name}");
        }
        let other = "--x\r\ncontent-disposition: a; name=b\r\n\r\nc";
        assert!(multipart(other).is_empty());
    }

    #[test]
    fn every_charset_is_read() {
        for body in ["%00_%00m%00e%00t%00h%00o%00d=%00D%00E%00L%00E%00T%00E", "_method=DELETE"] {
            assert_eq!(respelt(body.as_bytes()), ["DELETE"], "{body}");
        }
        assert_eq!(respelt(b"%6d%94%85%a3%88%96%84=%C4").len(), 1);
        assert!(respelt(b"a=1&b=%00").is_empty());
    }
}
