//! One line of compact canonical JSON (RFC 8785), member by member.

use crate::approval::digest::sha256;
use crate::request::json::jcs::{PLAIN, write_string};
use crate::request::query;

/// How much a line shows of its values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes of a value as it is spelt; longer ones become beginning, length and digest.
    pub(super) value: usize,
    /// Bytes of a longer value's beginning.
    pub(super) kept: usize,
    /// Members of a list.
    pub(super) listed: usize,
}

/// The members so far.
#[derive(Debug)]
pub(super) struct Line {
    out: Vec<u8>,
    bounds: Bounds,
    /// The member that the next ones stand in.
    inside: &'static str,
    /// What is not whole: `outer.inner`.
    trunc: Vec<String>,
}

impl Line {
    pub(super) fn within(bounds: Bounds, capacity: usize) -> Self {
        let out = Vec::with_capacity(capacity);
        Self { out, bounds, inside: "", trunc: Vec::new() }
    }

    /// A text of ours that needs no escape and is short; an empty one is left out.
    pub(super) fn sure(&mut self, key: &'static str, value: &str) {
        if !value.is_empty() {
            self.push(key);
            self.quoted(value);
        }
    }

    fn quoted(&mut self, value: &str) {
        self.out.push(b'"');
        self.push(value);
        self.out.push(b'"');
    }

    /// What was written as JSON before.
    pub(super) fn written(&mut self, key: &'static str, json: &str) {
        self.push(key);
        self.push(json);
    }

    /// A text that is there; absent members are left out.
    pub(super) fn text(&mut self, key: &'static str, value: &str) {
        if !value.is_empty() {
            self.push(key);
            self.value(key, value);
        }
    }

    /// The query, unless a token stands in it: such a request is refused, and its record is no
    /// place for the token either.
    pub(super) fn query(&mut self, query: Option<&str>) {
        const KEY: &str = ",\"query\":";
        match query {
            Some(query) if query::has_token(query) => self.not_whole(KEY),
            Some(query) => {
                self.push(KEY);
                self.value(KEY, query);
            }
            None => {}
        }
    }

    /// JSON escapes C0 controls alone, and JCS leaves no choice about the rest. A value that a
    /// terminal could obey is therefore written as a longer one is, without those characters.
    fn value(&mut self, key: &'static str, value: &str) {
        if value.len() <= self.bounds.value && PLAIN.has_all(value.as_bytes()) {
            self.quoted(value);
            return;
        }
        let tame = !value.contains(is_obeyed);
        if tame && value.len() <= self.bounds.value {
            let spelt = escaped(value);
            if spelt.len() <= self.bounds.value.saturating_add(2) {
                return self.push(&spelt);
            }
        }
        let most = self.bounds.kept.min(value.len());
        let end = (0..=most).rev().find(|at| value.is_char_boundary(*at)).unwrap_or(0);
        let kept = value.get(..end).unwrap_or_default().replace(is_obeyed, "\u{fffd}");
        let short = format!("{kept}…{}:{}", value.len(), sha256(value.as_bytes()));
        self.push(&escaped(&short));
        self.not_whole(key);
    }

    fn not_whole(&mut self, key: &str) {
        let outer = bare(self.inside);
        let dot = if outer.is_empty() { "" } else { "." };
        let name = format!("{outer}{dot}{}", bare(key));
        if !self.trunc.contains(&name) {
            self.trunc.push(name);
        }
    }

    pub(super) fn list(&mut self, key: &'static str, values: &[&str]) {
        if values.is_empty() {
            return;
        }
        self.push(key);
        self.out.push(b'[');
        for (at, value) in values.iter().take(self.bounds.listed).enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            self.value(key, value);
        }
        if values.len() > self.bounds.listed {
            self.not_whole(key);
        }
        self.out.push(b']');
    }

    pub(super) fn number(&mut self, key: &'static str, value: i64) {
        self.push(key);
        push_decimal(&mut self.out, value);
    }

    pub(super) fn truth(&mut self, key: &'static str, value: bool) {
        self.push(key);
        self.push(if value { "true" } else { "false" });
    }

    /// Members follow that stand in one of their own. Where they begin.
    pub(super) fn open(&mut self, key: &'static str) -> usize {
        self.push(key);
        self.inside = key;
        self.out.len()
    }

    pub(super) fn close(&mut self, from: usize) {
        self.closed(from);
        self.inside = "";
    }

    /// Every member begins with a comma; the first one's becomes the brace.
    fn closed(&mut self, from: usize) {
        match self.out.get_mut(from) {
            Some(comma) => *comma = b'{',
            None => self.out.push(b'{'),
        }
        self.out.push(b'}');
    }

    pub(super) fn finish(mut self) -> String {
        if !self.trunc.is_empty() {
            self.push(",\"trunc\":[");
            self.trunc.sort_unstable();
            for (at, name) in std::mem::take(&mut self.trunc).iter().enumerate() {
                if at > 0 {
                    self.out.push(b',');
                }
                self.push(&escaped(name));
            }
            self.out.push(b']');
        }
        self.push(",\"v\":1");
        self.text_of()
    }

    /// The object, as text.
    pub(super) fn text_of(mut self) -> String {
        self.closed(0);
        // Only whole texts were written.
        String::from_utf8(self.out).unwrap_or_default()
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}

fn escaped(value: &str) -> String {
    let mut out = String::new();
    write_string(value, &mut out);
    out
}

/// A member's name, of how it is written: `,"name":`.
fn bare(key: &str) -> &str {
    key.trim_matches([',', '"', ':'])
}

/// A number in decimal. The standard library's way costs five times as much, three times a record.
fn push_decimal(out: &mut Vec<u8>, value: i64) {
    let mut digits = [0_u8; 20];
    let mut rest = value.unsigned_abs();
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' | u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    let from = digits.len().saturating_sub(used);
    out.extend_from_slice(digits.get(from..).unwrap_or_default());
}

/// What a terminal, or a reader of lines, could take for a command or for the end of a line: DEL,
/// the C1 controls, Unicode's line separators, and what turns the direction of text.
pub(super) const fn is_obeyed(c: char) -> bool {
    matches!(
        c,
        '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        for value in [0, 1, 9, 10, 200, 1_800_000_000_000, -1, i64::MIN, i64::MAX] {
            let mut out = Vec::new();
            push_decimal(&mut out, value);
            assert_eq!(out, value.to_string().into_bytes());
        }
    }
}
