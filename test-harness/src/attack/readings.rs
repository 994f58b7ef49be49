//! A request as several kinds of server read it.
//!
//! Servers differ in what they do to a path before they look it up. A gateway that authorised one
//! reading while a common server takes another has authorised nothing.

mod forms;

use super::upstream::Received;
use std::collections::BTreeSet;

/// Every method, and every host with path, that some usual server would serve.
pub(super) fn of(request: &Received) -> (BTreeSet<String>, BTreeSet<(String, String)>) {
    let target = request.target.as_str();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut methods = BTreeSet::from([request.method.clone()]);
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        methods.extend(request.all(name).iter().map(|value| value.trim().to_ascii_uppercase()));
    }
    let form = request
        .all("content-type")
        .iter()
        .any(|value| value.to_ascii_lowercase().contains("form-urlencoded"));
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let multipart =
        request.all("content-type").iter().any(|v| v.to_ascii_lowercase().contains("multipart/"));
    let mut parameters = vec![query.to_owned()];
    if form {
        parameters.push(body.clone());
    }
    for pair in parameters.iter().flat_map(|text| text.split(['&', ';'])) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = lossy(&decoded(name.as_bytes())).to_ascii_lowercase();
        if matches!(name.trim(), "_method" | "x-http-method-override" | "_httpmethod") {
            methods.insert(lossy(&decoded(value.as_bytes())).to_ascii_uppercase());
        }
    }
    if multipart {
        methods.extend(forms::multipart(&body));
    }
    if form {
        methods.extend(forms::respelt(&request.body));
    }
    // Lower case is another method, but some servers fold it.
    let folded: Vec<String> = methods.iter().map(|method| method.to_ascii_uppercase()).collect();
    methods.extend(folded);
    let mut paths = vec![path.to_owned()];
    for name in ["x-original-url", "x-rewrite-url", "x-original-uri", "x-forwarded-uri"] {
        paths.extend(request.all(name));
    }
    let mut hosts: Vec<String> = request.all("host");
    hosts.extend(request.all("x-forwarded-host"));
    hosts.extend(request.all("forwarded").iter().filter_map(|value| {
        value.to_ascii_lowercase().split_once("host=").map(|(_, host)| host.to_owned())
    }));
    let mut places = BTreeSet::new();
    for path in &paths {
        // A target in absolute form names its own host (RFC 9112 §3.2.2).
        let (host, path) = match path.split_once("://") {
            Some((_, rest)) => {
                let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                (rest.get(..at).map(str::to_owned), rest.get(at..).unwrap_or_default())
            }
            None => (None, path.as_str()),
        };
        for reading in paths_of(path.as_bytes()) {
            for host in host.iter().chain(&hosts) {
                let host = host.to_ascii_lowercase();
                places.insert((host.trim_end_matches(":80").to_owned(), reading.clone()));
            }
        }
    }
    (methods, places)
}

/// A path as servers read it.
fn paths_of(raw: &[u8]) -> BTreeSet<String> {
    let once = decoded(raw);
    let twice = decoded(&once);
    let without_parameters = |path: &[u8]| -> Vec<u8> {
        let segments: Vec<&[u8]> = path
            .split(|byte| *byte == b'/')
            .map(|segment| segment.split(|byte| *byte == b';').next().unwrap_or_default())
            .collect();
        segments.join(&b'/')
    };
    let cut = |path: &[u8], at: u8| -> Vec<u8> {
        path.split(|byte| *byte == at).next().unwrap_or_default().to_vec()
    };
    let variants: [Vec<u8>; 12] = [
        raw.to_vec(),
        once.clone(),
        // Servlet containers: parameters go before anything is decoded.
        decoded(&without_parameters(raw)),
        without_parameters(&once),
        twice.clone(),
        without_parameters(&twice),
        // C strings end at NUL, lines at CR and LF, paths at a fragment.
        cut(&once, 0),
        cut(&cut(&once, b'\r'), b'\n'),
        cut(raw, b'#'),
        cut(&once, b'?'),
        folded(&once),
        folded(&twice),
    ];
    let mut readings = BTreeSet::new();
    for variant in variants {
        for slashes in [false, true] {
            let mut text = lossy(&variant);
            if slashes {
                text = text.replace('\\', "/");
            }
            for text in [text.clone(), text.to_lowercase()] {
                readings.insert(resolved(&text, false));
                readings.insert(resolved(&text, true));
            }
        }
    }
    readings
}

/// Without empty and dot segments. Windows also drops dots and spaces at a segment's end.
fn resolved(path: &str, windows: bool) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other if windows => {
                let kept = other.trim_end_matches(['.', ' ', '\t']);
                if !kept.is_empty() {
                    segments.push(kept);
                }
            }
            other => segments.push(other),
        }
    }
    format!("/{}", segments.join("/"))
}

/// Percent-decoded once, `%uXXXX` too.
fn decoded(text: &[u8]) -> Vec<u8> {
    let digits = |from: usize, to: usize| {
        let hex = text.get(from..to).and_then(|hex| std::str::from_utf8(hex).ok());
        hex.filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
    };
    let (mut out, mut at) = (Vec::with_capacity(text.len()), 0_usize);
    while let Some(byte) = text.get(at) {
        let next = at.saturating_add(1);
        if *byte == b'%' {
            if let Some(value) = digits(next, at.saturating_add(3)) {
                out.push(u8::try_from(value).unwrap_or_default());
                at = at.saturating_add(3);
                continue;
            }
            if text.get(next).is_some_and(|u| u.eq_ignore_ascii_case(&b'u'))
                && let Some(c) =
                    digits(at.saturating_add(2), at.saturating_add(6)).and_then(char::from_u32)
            {
                out.extend(c.to_string().bytes());
                at = at.saturating_add(6);
                continue;
            }
        }
        out.push(*byte);
        at = next;
    }
    out
}

/// Overlong UTF-8 shortened, and characters that normalise to separators and dots replaced.
fn folded(bytes: &[u8]) -> Vec<u8> {
    let (mut short, mut at) = (Vec::with_capacity(bytes.len()), 0_usize);
    while let Some(byte) = bytes.get(at) {
        let next = |n: usize| bytes.get(at.saturating_add(n)).copied();
        let (value, length) = match (byte, next(1), next(2)) {
            (0xc0 | 0xc1, Some(low), _) => (((byte & 1) << 6) | (low & 0x3f), 2),
            (0xe0, Some(middle @ 0x80..=0x81), Some(low)) => {
                (((middle & 1) << 6) | (low & 0x3f), 3)
            }
            _ => (*byte, 1),
        };
        short.push(value);
        at = at.saturating_add(length);
    }
    let text = lossy(&short);
    text.chars()
        .map(|c| match c {
            '\u{2044}' | '\u{2215}' | '\u{29f8}' | '\u{ff0f}' => '/',
            '\u{ff3c}' | '\u{2216}' | '\u{fe68}' => '\\',
            '\u{2024}' | '\u{fe52}' | '\u{ff0e}' => '.',
            '\u{ff1b}' | '\u{37e}' | '\u{fe54}' => ';',
            '\u{ff05}' | '\u{fe6a}' => '%',
            other => other,
        })
        .collect::<String>()
        .replace('\u{2025}', "..")
        .into_bytes()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_way_out_is_read_as_one() {
        for path in [
            "/a/../b",
            "/a/%2e%2e/b",
            "/a/..;/b",
            "/a/..%2fb",
            "/a/%252e%252e/b",
            "/a/..\\b",
            "//b",
            "/./b",
            "/a/%c0%ae%c0%ae/b",
            "/a/%ef%bc%8e%ef%bc%8e/b",
            "/a/..%5cb",
            "/b%00c",
            "/b;x",
            "/b.",
            "/b%20",
            "/B",
            "/a/%u002e%u002e/b",
            "/b%0ac",
            "/a/%2e%2e%3b/b",
            "/b#c",
        ] {
            assert!(paths_of(path.as_bytes()).contains("/b"), "{path}");
        }
        assert_eq!(paths_of(b"/b"), BTreeSet::from(["/b".to_owned()]));
    }
}
