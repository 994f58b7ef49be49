//! What a request line and a form may hide.

use ambit::request::{host as hosts, path as paths, query as queries};

/// A canonical path is its own, means what was sent, and has no second reading.
pub(super) fn path(bytes: &[u8]) -> bool {
    let Ok(raw) = std::str::from_utf8(bytes) else { return false };
    let Ok(canonical) = paths::canonical(raw) else { return false };
    assert_eq!(paths::canonical(&canonical).ok().as_deref(), Some(&*canonical), "not its own");
    assert_eq!(percent(canonical.as_bytes()), percent(bytes), "another path");
    let decoded = String::from_utf8(percent(bytes)).unwrap_or_default();
    assert!(decoded.starts_with('/'), "no path: {decoded}");
    assert!(!decoded.contains(['\\', ';', '%', '\0', '\u{7f}']), "a second reading: {decoded}");
    assert!(!decoded.chars().any(char::is_control), "a control: {decoded:?}");
    assert!(!decoded.contains("//"), "an empty segment");
    assert!(!decoded.split('/').any(|one| one == "." || one == ".."), "a dot segment");
    // Nothing that was encoded may have become a separator.
    let slashes = |text: &str| text.matches('/').count();
    assert_eq!((slashes(&decoded), slashes(&canonical)), (slashes(raw), slashes(raw)));
    assert!(canonical.is_ascii() && canonical.len() <= 3 * raw.len(), "too long");
    let other = canonical.parse::<http::uri::PathAndQuery>();
    assert_eq!(other.ok().map(|it| it.path().to_owned()).as_deref(), Some(&*canonical));
    for segment in decoded.split('/') {
        let there = paths::encode(segment);
        assert_eq!(paths::decode(&there), segment, "a segment is not what it was");
    }
    true
}

pub(super) fn percent(text: &[u8]) -> Vec<u8> {
    let hex = |at: usize| text.get(at).and_then(|digit| char::from(*digit).to_digit(16));
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(byte) = text.get(at) {
        match (byte, hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

/// Names as some readers see them, each by its own rules.
fn names(text: &[u8]) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    for separators in [&b"&"[..], b"&;"] {
        for pair in text.split(|byte| separators.contains(byte)) {
            let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
            let spaced: Vec<u8> =
                name.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
            // The WHATWG's reader.
            let plain = percent(&spaced).to_ascii_lowercase();
            // A reader that trims.
            names.push(plain.trim_ascii().to_vec());
            // PHP's: no spaces before, nothing behind NUL or `[`, dots and spaces as underscores.
            let left: Vec<u8> = plain.iter().copied().skip_while(|byte| *byte == b' ').collect();
            let cut = left.split(|byte| *byte == 0).next().unwrap_or_default();
            let cut = cut.split(|byte| *byte == b'[').next().unwrap_or_default();
            names.push(
                cut.iter()
                    .map(|byte| if matches!(byte, b'.' | b' ') { b'_' } else { *byte })
                    .collect(),
            );
            names.push(plain);
        }
    }
    names
}

/// What any reader takes for a token or another method is seen; plain other names are not.
pub(super) fn form(bytes: &[u8]) -> bool {
    let names = names(bytes);
    let any =
        |wanted: &[&str]| names.iter().any(|name| wanted.iter().any(|one| name == one.as_bytes()));
    let (token, method) = (queries::form_has_token(bytes), queries::form_overrides_method(bytes));
    if any(&["access_token", "id_token", "refresh_token"]) {
        assert!(token, "a token was not seen");
    }
    if any(&["_method", "x-http-method", "x-http-method-override", "x-method-override"]) {
        assert!(method, "another method was not seen");
    }
    let decoded = percent(bytes).to_ascii_lowercase();
    let holds = |word: &[u8]| decoded.windows(word.len()).any(|window| window == word);
    assert!(!token || holds(b"token"), "a token where there is none");
    assert!(!method || holds(b"method"), "another method where there is none");
    !token && !method
}

/// As a form.
pub(super) fn query(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    assert_eq!(queries::has_token(text), queries::form_has_token(bytes));
    assert_eq!(queries::overrides_method(text), queries::form_overrides_method(bytes));
    form(bytes)
}

/// One spelling, and the same host and port that another reader sees.
pub(super) fn host(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let mut accepted = false;
    for (scheme, own) in [("http", 80), ("https", 443)] {
        let Some(host) = hosts::parse(text, scheme) else { continue };
        accepted = true;
        assert_eq!(hosts::parse(&host, scheme).as_ref(), Some(&host), "not its own spelling");
        assert_eq!(host, host.to_ascii_lowercase());
        let Ok(other) = text.parse::<http::uri::Authority>() else {
            panic!("accepted what is no authority");
        };
        let name = other.host().to_ascii_lowercase();
        let wanted = match other.port_u16() {
            Some(port) if port != own => format!("{name}:{port}"),
            _ => name,
        };
        assert_eq!(host, wanted, "two readers, two hosts");
        assert_eq!(hosts::from_audience(&format!("{scheme}://{text}/x")), Ok(host));
    }
    if let Ok(host) = hosts::parse_policy(text, "http") {
        assert!(accepted, "a host in a policy that no request can have");
        assert_eq!(hosts::parse_policy(&host, "http").as_ref(), Ok(&host));
    }
    if let Ok(host) = hosts::from_audience(text) {
        assert!(text.contains("://") && !host.contains(['@', '/', '?', '#']), "{host}");
        accepted = true;
    }
    accepted
}
