//! Header maps as they cross the ABI: a count, the sizes, then every name and value with a NUL.
//!
//! Read strictly, because a map that could be read in two ways could be decided on in one and
//! forwarded in the other.

use ambit::enforcement::Header;

/// The most headers and bytes that are read: what Envoy's own reader of maps accepts.
const MOST_PAIRS: usize = 1024;
const MOST_BYTES: usize = 1024 * 1024;

/// Reads a header map; `None` unless every byte of it is where it must be.
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<Header<'_>>> {
    // An empty map comes as no bytes at all.
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    if bytes.len() > MOST_BYTES {
        return None;
    }
    let (count, rest) = number(bytes)?;
    if count > MOST_PAIRS {
        return None;
    }
    let (mut sizes, mut texts) = rest.split_at_checked(count.checked_mul(8)?)?;
    let mut headers = Vec::with_capacity(count);
    for _ in 0..count {
        let (name_size, after_name) = number(sizes)?;
        let (value_size, after_value) = number(after_name)?;
        sizes = after_value;
        let (name, after_name) = text(texts, name_size)?;
        let (value, after_value) = text(after_name, value_size)?;
        texts = after_value;
        headers.push((name, value));
    }
    texts.is_empty().then_some(headers)
}

/// Writes a header map.
pub(crate) fn encode(headers: &[(String, String)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Sizes in this module's memory fit 32 bits.
    let mut number = |n: usize| bytes.extend_from_slice(&(n as u32).to_le_bytes());
    number(headers.len());
    for (name, value) in headers {
        number(name.len());
        number(value.len());
    }
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    }
    bytes
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

fn text(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(size)?;
    let (end, rest) = rest.split_first()?;
    (*end == 0).then_some((text, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_was_written_is_read_back_in_order_with_duplicates_and_empty_values() {
        let bytes = encode(&owned(&[(":path", "/"), ("x", ""), ("x", "2")]));
        let read = decode(&bytes).unwrap();
        let wanted: [Header<'_>; 3] = [(b":path", b"/"), (b"x", b""), (b"x", b"2")];
        assert_eq!(read, wanted);
    }

    #[test]
    fn values_need_not_be_utf_8_and_may_contain_nul() {
        let mut bytes = encode(&owned(&[("x", "abc")]));
        let at = bytes.len() - 4;
        bytes[at] = 0xe9;
        bytes[at + 1] = 0;
        assert_eq!(decode(&bytes).unwrap(), [(&b"x"[..], &b"\xe9\0c"[..])]);
    }

    #[test]
    fn no_bytes_are_an_empty_map() {
        assert!(decode(b"").unwrap().is_empty());
        assert!(decode(&[0; 4]).unwrap().is_empty());
    }

    #[test]
    fn every_cut_and_every_addition_is_refused() {
        let bytes = encode(&owned(&[("a", "bc"), ("d", "")]));
        for end in 1..bytes.len() {
            assert!(decode(&bytes[..end]).is_none(), "cut at {end}");
        }
        assert!(decode(&[&bytes[..], b"\0"].concat()).is_none());
    }

    #[test]
    fn sizes_that_point_outside_are_refused() {
        for at in 0..12 {
            let mut bytes = encode(&owned(&[("a", "bc")]));
            bytes[at] ^= 0x80;
            assert!(decode(&bytes).is_none(), "byte {at}");
        }
        assert!(decode(&[0xff; 64]).is_none());
    }
}
