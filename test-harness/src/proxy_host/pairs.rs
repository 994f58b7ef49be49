//! Header maps as proxy-wasm 0.2.1 serialises them: a count, the sizes, then the texts, each ended
//! by NUL; numbers are 32 bits, little endian.

use super::message::Headers;

/// Writes a map.
pub(super) fn write(headers: &Headers) -> Vec<u8> {
    let mut out = Vec::new();
    let number = |out: &mut Vec<u8>, value: usize| {
        out.extend(u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
    };
    number(&mut out, headers.len());
    for (name, value) in headers {
        number(&mut out, name.len());
        number(&mut out, value.len());
    }
    for (name, value) in headers {
        out.extend(name.as_bytes());
        out.push(0);
        out.extend(value);
        out.push(0);
    }
    out
}

/// Reads a map; `None` for bytes that are none, or more than Envoy takes (1 MiB, 1,024 pairs).
pub(super) fn read(bytes: &[u8]) -> Option<Headers> {
    const MAX_PAIRS: usize = 1024;
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    if bytes.len() > 1 << 20 {
        return None;
    }
    let number = |at: usize| -> Option<usize> {
        let end = at.checked_add(4)?;
        let four: [u8; 4] = bytes.get(at..end)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(four)).ok()
    };
    let count = number(0)?;
    if count > MAX_PAIRS {
        return None;
    }
    let mut at = count.checked_mul(8)?.checked_add(4)?;
    let mut headers = Vec::with_capacity(count);
    for pair in 0..count {
        let sizes = pair.checked_mul(8)?.checked_add(4)?;
        let mut text = |size: usize| -> Option<Vec<u8>> {
            let end = at.checked_add(size)?;
            let text = bytes.get(at..end)?.to_vec();
            at = end.checked_add(1)?;
            Some(text)
        };
        let name = text(number(sizes)?)?;
        let value = text(number(sizes.checked_add(4)?)?)?;
        headers.push((String::from_utf8(name).ok()?.to_ascii_lowercase(), value));
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_comes_back_as_it_was() {
        let headers = vec![("a".to_owned(), b"1".to_vec()), ("b".to_owned(), vec![0xe9, 0])];
        assert_eq!(read(&write(&headers)), Some(headers));
        assert_eq!(read(&[]), Some(Vec::new()));
        for bytes in [&[1][..], &[255; 4], &[1, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0]] {
            assert_eq!(read(bytes), None);
        }
    }
}
