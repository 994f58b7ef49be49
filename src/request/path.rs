//! One canonical path: what is decided on is what is forwarded, however it was spelt.
//!
//! Decoded once; unreserved characters stand decoded, other encodings in upper-case hexadecimal.
//! Whatever another reader could take for a different path is refused, not repaired.

use super::bytes::ByteSet;
use crate::decision::Reason;
use std::borrow::Cow;

/// The longest path read, in bytes.
const MAX_PATH: usize = 8192;

/// The canonical form of an origin-form path without its query (RFC 9112 §3.2.1).
///
/// # Errors
/// `malformed-request` for encoded `/`, `\`, `%`, NUL and controls, for `;`, a raw `\`, `//`, dot
/// segments however spelt, bad or overlong UTF-8, `%u`, and anything that is no path.
pub fn canonical(raw: &str) -> Result<Cow<'_, str>, Reason> {
    if raw.len() > MAX_PATH || !raw.starts_with('/') {
        return Err(Reason::MalformedRequest);
    }
    let path =
        if PLAIN.has_all(raw.as_bytes()) { Cow::Borrowed(raw) } else { Cow::Owned(recode(raw)?) };
    if may_have_odd_segments(path.as_bytes()) {
        check_segments(&path)?;
    }
    Ok(path)
}

/// Whether a segment is empty or begins with a dot: most paths have none, and need no closer look.
fn may_have_odd_segments(path: &[u8]) -> bool {
    let mut before = 0;
    for byte in path {
        if before == b'/' && matches!(byte, b'/' | b'.') {
            return true;
        }
        before = *byte;
    }
    false
}

/// Bytes that stand for themselves in a canonical path, by [`is_plain`].
const PLAIN: ByteSet = ByteSet::alphanumeric_and(b"-._~/!$&'()*+,=:@");

/// Bytes that stand for themselves in a canonical path.
const fn is_plain(byte: u8) -> bool {
    is_unreserved(byte) || byte == b'/' || is_separator(byte)
}

/// RFC 3986 §2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What RFC 3986 §3.3 allows in a segment beside these; `;` is left out, for some readers cut
/// segments there.
const fn is_separator(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@'
    )
}

/// Decodes once and encodes what must be, so that each path has one spelling.
fn recode(raw: &str) -> Result<String, Reason> {
    let mut out = String::with_capacity(raw.len());
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        let value = match byte {
            b'%' => {
                let value = hex(bytes.next())? << 4 | hex(bytes.next())?;
                if matches!(value, b'/' | b'\\' | b'%' | b';' | 0..=0x1f | 0x7f) {
                    return Err(Reason::MalformedRequest);
                }
                value
            }
            plain if is_plain(plain) => plain,
            _ => return Err(Reason::MalformedRequest),
        };
        decoded.push(value);
        // A separator and its encoding are two spellings of different things (RFC 3986 §2.2), so
        // the encoding stays.
        if is_unreserved(value) || (byte != b'%' && is_plain(value)) {
            out.push(char::from(value));
        } else {
            push_encoded(&mut out, value);
        }
    }
    let text = std::str::from_utf8(&decoded).map_err(|_| Reason::MalformedRequest)?;
    // Controls of Unicode's C1 range too.
    if text.chars().any(|c| c.is_control() || is_like_separator(c)) {
        return Err(Reason::MalformedRequest);
    }
    if text.split('/').any(|segment| !segment.is_empty() && segment.chars().all(is_like_dots)) {
        return Err(Reason::MalformedRequest);
    }
    Ok(out)
}

/// Characters that readers which normalise (Unicode NFKC, best fit to a code page) turn into
/// `/`, `\`, `%` or `;`.
const fn is_like_separator(c: char) -> bool {
    matches!(
        c,
        '\u{37e}'
            | '\u{2044}'
            | '\u{2100}'
            | '\u{2101}'
            | '\u{2105}'
            | '\u{2106}'
            | '\u{2215}'
            | '\u{2216}'
            | '\u{29f8}'
            | '\u{fe14}'
            | '\u{fe54}'
            | '\u{fe68}'
            | '\u{fe6a}'
            | '\u{feff}'
            | '\u{ff05}'
            | '\u{ff0f}'
            | '\u{ff1b}'
            | '\u{ff3c}'
    )
}

/// Characters that the same readers turn into dots: a segment of nothing else is a dot segment.
const fn is_like_dots(c: char) -> bool {
    matches!(c, '.' | '\u{2024}'..='\u{2026}' | '\u{fe19}' | '\u{fe30}' | '\u{fe52}' | '\u{ff0e}')
}

fn check_segments(path: &str) -> Result<(), Reason> {
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let empty = segment.is_empty() && segments.peek().is_some();
        let dots = !segment.is_empty() && segment.bytes().all(|byte| byte == b'.');
        if empty || dots {
            return Err(Reason::MalformedRequest);
        }
    }
    Ok(())
}

/// A canonical path, or a part of it, decoded: what a template is matched against, and what its
/// variables hold. Nothing that splits segments stands encoded in a canonical path, so a whole path
/// decodes to the same segments as its parts.
#[must_use]
pub fn decode(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                if let (Ok(high), Ok(low)) = (hex(bytes.next()), hex(bytes.next())) {
                    decoded.push(high << 4 | low);
                }
            }
            plain => decoded.push(plain),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// Text as one segment of a path: everything but unreserved characters (RFC 3986 §2.3) encoded.
/// [`decode`] gives the text back.
#[must_use]
pub fn encode(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_unreserved) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_unreserved(byte) {
            out.push(char::from(byte));
        } else {
            push_encoded(&mut out, byte);
        }
    }
    Cow::Owned(out)
}

fn push_encoded(out: &mut String, byte: u8) {
    out.push('%');
    out.push(upper_hex(byte >> 4));
    out.push(upper_hex(byte & 0xf));
}

fn hex(byte: Option<u8>) -> Result<u8, Reason> {
    match byte {
        Some(digit @ b'0'..=b'9') => Ok(digit.wrapping_sub(b'0')),
        Some(digit @ b'a'..=b'f') => Ok(digit.wrapping_sub(b'a').wrapping_add(10)),
        Some(digit @ b'A'..=b'F') => Ok(digit.wrapping_sub(b'A').wrapping_add(10)),
        _ => Err(Reason::MalformedRequest),
    }
}

fn upper_hex(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).map_or('0', |digit| digit.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_set_of_plain_bytes_is_what_is_plain() {
        for byte in 0..=u8::MAX {
            assert_eq!(PLAIN.has_all(&[byte]), is_plain(byte), "{byte}");
        }
    }

    #[test]
    fn unreserved_characters_are_forwarded_decoded() {
        assert_eq!(canonical("/v1/%64oc/a%7Eb").unwrap(), "/v1/doc/a~b");
        assert_eq!(canonical("/a%20b/%c3%a9").unwrap(), "/a%20b/%C3%A9");
        assert_eq!(canonical("/a%2Bb/a+b").unwrap(), "/a%2Bb/a+b");
        assert_eq!(canonical("/").unwrap(), "/");
        assert_eq!(canonical("/a/").unwrap(), "/a/");
    }

    #[test]
    fn spellings_that_another_reader_could_take_for_another_path_are_refused() {
        for path in [
            "",
            "a",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/.",
            "/..",
            "/a/../b",
            "/a/./b",
            "/a/..",
            "/%2e/b",
            "/a/%2e%2E/b",
            "/a/.%2e",
            "/a/...",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a%25b",
            "/a%252fb",
            "/a%00b",
            "/a%0ab",
            "/a;b",
            "/a%3Bb",
            "/%u002e",
            "/%",
            "/%2",
            "/%zz",
            "/a b",
            "/a#b",
            "/a?b",
            "/a\u{e9}",
            "/%c0%ae",
            "/%e0%80%af",
            "/%ff",
            "/%c2%80",
            "/%ef%bc%8f",
            "/a|b",
            "/a\"b",
            "/a<b",
            "/a^b",
            "/a`b",
            "/a{b",
            "/[a]",
            "http://x/a",
            "*",
        ] {
            assert_eq!(canonical(path), Err(Reason::MalformedRequest), "{path}");
        }
    }

    #[test]
    fn characters_that_normalise_to_separators_or_dot_segments_are_refused() {
        use unicode_normalization::UnicodeNormalization as _;
        for c in ('\u{80}'..=char::MAX).filter(|c| !c.is_control()) {
            let folded: String = c.nfkc().collect();
            let separates = folded.contains(['/', '\\', '%', ';']);
            let dots = folded.chars().all(|folded| folded == '.');
            let segment = encode(c.encode_utf8(&mut [0; 4])).into_owned();
            if separates {
                assert!(canonical(&format!("/a{segment}b")).is_err(), "{c:?}");
            }
            if separates || dots {
                assert!(canonical(&format!("/{segment}/b")).is_err(), "{c:?}");
                assert!(canonical(&format!("/.{segment}")).is_err(), "{c:?}");
            }
        }
        assert!(canonical("/a%E2%80%A6").is_ok(), "an ellipsis in a name is no dot segment");
    }

    /// Readers an upstream may have, each with its own idea of a path.
    fn other_readers(path: &str) -> Vec<String> {
        let decoded = decode(path).into_owned();
        let twice = decode(&decoded).into_owned();
        let slashes = decoded.replace('\\', "/");
        let merged = slashes.split('/').filter(|s| !s.is_empty()).collect::<Vec<_>>().join("/");
        let parameters =
            decoded.split('/').map(|s| s.split(';').next().unwrap()).collect::<Vec<_>>().join("/");
        let dots =
            decoded.split('/').filter(|s| *s != "." && *s != "..").collect::<Vec<_>>().join("/");
        let trail = if decoded.ends_with('/') && decoded.len() > 1 { "/" } else { "" };
        vec![twice, slashes, format!("/{merged}{trail}"), parameters, dots]
    }

    proptest! {
        #[test]
        fn every_reader_sees_the_path_that_was_decided_on(raw in "/([a-z./;\\\\]|%[0-9a-fA-F]{2}|%u002e){0,12}") {
            if let Ok(path) = canonical(&raw) {
                prop_assert_eq!(canonical(&path).unwrap(), path.clone(), "canonical is idempotent");
                for reader in other_readers(&path) {
                    prop_assert_eq!(reader, decode(&path).into_owned());
                }
            }
        }

        #[test]
        fn a_path_means_the_segments_that_were_decided_on(raw in "/([a-c.:+~]|%[2-7][0-9a-fA-F]|%c3%a9|%e2%80%a6|%ef%bc%8e){0,10}(/[a-c.]{1,2}|/%2e%2E){0,2}") {
            use unicode_normalization::UnicodeNormalization as _;
            if let Ok(path) = canonical(&raw) {
                let decoded = decode(&path).into_owned();
                let parts: Vec<_> = path.split('/').map(|part| decode(part).into_owned()).collect();
                prop_assert_eq!(decoded.split('/').collect::<Vec<_>>(), parts.iter().map(String::as_str).collect::<Vec<_>>());
                // A reader that normalises finds as many segments, and none that climbs.
                let folded: String = decoded.nfkc().collect();
                prop_assert_eq!(folded.split('/').count(), parts.len());
                prop_assert!(folded.split('/').all(|part| part != "." && part != ".."));
                for part in parts {
                    let encoded = encode(&part);
                    prop_assert_eq!(decode(&encoded), part.as_str());
                    prop_assert!(encoded.bytes().all(|byte| is_unreserved(byte) || byte == b'%'));
                }
            }
        }

        #[test]
        fn no_text_panics(raw in ".{0,64}") {
            let _ = canonical(&raw);
            let _ = decode(&raw);
        }
    }
}
