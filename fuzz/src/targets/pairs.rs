//! Header maps as they cross the ABI. The filter's own file: its package is no library.

#[path = "../../../envoy/src/host/pairs.rs"]
mod shipped;

/// Accepted is what a second writer writes alike, byte for byte.
pub(super) fn pairs(bytes: &[u8]) -> bool {
    let Some(pairs) = shipped::decode(bytes) else { return false };
    if bytes.is_empty() {
        assert!(pairs.is_empty());
        return true;
    }
    assert!(pairs.len() <= 1024 && bytes.len() <= 1 << 20, "more than is read");
    let mut written = (pairs.len() as u32).to_le_bytes().to_vec();
    for (name, value) in &pairs {
        written.extend((name.len() as u32).to_le_bytes());
        written.extend((value.len() as u32).to_le_bytes());
    }
    for (name, value) in &pairs {
        written.extend(*name);
        written.push(0);
        written.extend(*value);
        written.push(0);
    }
    assert_eq!(written, bytes, "bytes that stand for nothing");
    let texts: Option<Vec<(String, String)>> = pairs
        .iter()
        .map(|(name, value)| {
            Some((String::from_utf8(name.to_vec()).ok()?, String::from_utf8(value.to_vec()).ok()?))
        })
        .collect();
    if let Some(texts) = texts {
        assert_eq!(shipped::encode(&texts), bytes, "what was read is not what is written");
    }
    true
}
