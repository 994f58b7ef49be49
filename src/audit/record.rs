//! The record of one request: one line of compact JCS (`docs/record.md`).

use crate::approval::digest::sha256;
use crate::request::json::jcs::{PLAIN, write_string};
use crate::request::query;
use std::fmt::Write as _;

/// The longest line, in bytes: what log pipelines carry in one piece.
const MAX_LINE: usize = 2048;

/// How much a line shows of its values.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Bytes of a value as it is spelt; longer ones become beginning, length and digest.
    value: usize,
    /// Bytes of a longer value's beginning.
    kept: usize,
    /// Members of a list.
    listed: usize,
}

/// Tried in turn until the line fits. Digests and ids, which are what is searched for, fit the last
/// one whole.
const BOUNDS: [Bounds; 3] = [
    Bounds { value: 256, kept: 64, listed: 8 },
    Bounds { value: 96, kept: 24, listed: 4 },
    Bounds { value: 48, kept: 0, listed: 2 },
];

/// What a record says. Borrowed: a record is written once and not kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record<'a> {
    /// Unique id.
    pub id: &'a str,
    /// This worker's boot id.
    pub boot: &'a str,
    /// Milliseconds since the epoch when the request began.
    pub time: i64,
    /// `allow` or `deny`.
    pub effect: &'a str,
    /// Reason code.
    pub reason: &'a str,
    /// Ids of the rules that determined it.
    pub rules: &'a [&'a str],
    /// Policy name and hash.
    pub policy: (&'a str, &'a str),
    /// Whether the decision did not bind.
    pub shadow: bool,
    /// Realm and id of the subject.
    pub subject: Option<(&'a str, &'a str)>,
    /// Ids of the actors, outermost first.
    pub actors: &'a [&'a str],
    /// Issuer of the token.
    pub issuer: &'a str,
    /// The OAuth client the token was issued to.
    pub client: &'a str,
    /// base64url SHA-256 of the token's `jti`.
    pub token: &'a str,
    /// Action class.
    pub action: &'a str,
    /// Resource type.
    pub resource: &'a str,
    /// The record's id within the type.
    pub resource_id: &'a str,
    /// Method, host, canonical path.
    pub http: (&'a str, &'a str, &'a str),
    /// The query, at level `request`.
    pub query: Option<&'a str>,
    /// Approval id, digest, tier.
    pub approval: Option<(&'a str, &'a str, &'a str)>,
    /// Status sent to the client.
    pub status: u16,
    /// Bytes of response body sent.
    pub bytes: u64,
    /// Milliseconds from the first byte in to the last byte out.
    pub duration: u64,
    /// Whether the request reached the upstream.
    pub forwarded: bool,
}

impl Record<'_> {
    /// The line, at most 2,048 bytes, without a line break. Members in the order of JCS, so that the
    /// digest of a line is the digest of what it says.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = String::new();
        for bounds in BOUNDS {
            line = self.within(bounds);
            if line.len() <= MAX_LINE {
                break;
            }
        }
        line
    }

    fn within(&self, bounds: Bounds) -> String {
        let mut line = Line {
            out: String::with_capacity(MAX_LINE / 2),
            bounds,
            inside: "",
            trunc: Vec::new(),
        };
        line.text("action", self.action);
        line.list("actors", self.actors);
        if let Some((id, digest, tier)) = self.approval {
            line.open("approval");
            line.text("digest", digest);
            line.text("id", id);
            line.text("tier", tier);
            line.close();
        }
        line.text("boot", self.boot);
        line.text("client", self.client);
        line.text("effect", self.effect);
        line.open("http");
        line.text("host", self.http.1);
        line.text("method", self.http.0);
        line.text("path", self.http.2);
        line.query(self.query);
        line.close();
        line.text("id", self.id);
        line.text("issuer", self.issuer);
        line.open("outcome");
        line.number("bytes", i64::try_from(self.bytes).unwrap_or(i64::MAX));
        line.number("duration_ms", i64::try_from(self.duration).unwrap_or(i64::MAX));
        line.truth("forwarded", self.forwarded);
        line.number("status", i64::from(self.status));
        line.close();
        line.open("policy");
        line.text("hash", self.policy.1);
        line.text("name", self.policy.0);
        line.close();
        line.text("reason", self.reason);
        if !self.resource.is_empty() {
            line.open("resource");
            line.text("id", self.resource_id);
            line.text("type", self.resource);
            line.close();
        }
        line.list("rules", self.rules);
        if self.shadow {
            line.truth("shadow", true);
        }
        if let Some((realm, id)) = self.subject {
            line.open("subject");
            line.text("id", id);
            line.text("realm", realm);
            line.close();
        }
        line.number("time", self.time);
        line.text("token", self.token);
        line.finish()
    }
}

struct Line {
    out: String,
    bounds: Bounds,
    /// The member that the next ones stand in.
    inside: &'static str,
    /// What is not whole: `outer.inner`.
    trunc: Vec<String>,
}

impl Line {
    fn name(&mut self, name: &'static str) {
        match self.out.as_bytes().last() {
            None => self.out.push('{'),
            Some(b'{') => {}
            Some(_) => self.out.push(','),
        }
        // A name of ours needs no escape.
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    /// A text that is there; absent members are left out.
    fn text(&mut self, name: &'static str, value: &str) {
        if !value.is_empty() {
            self.name(name);
            self.value(name, value);
        }
    }

    /// The query, unless a token stands in it: such a request is refused, and its record is no
    /// place for the token either.
    fn query(&mut self, query: Option<&str>) {
        match query {
            Some(query) if query::has_token(query) => self.not_whole("query"),
            Some(query) => {
                self.name("query");
                self.value("query", query);
            }
            None => {}
        }
    }

    /// JSON escapes C0 controls alone, and JCS leaves no choice about the rest. A value that a
    /// terminal could obey is therefore written as a longer one is, without those characters.
    fn value(&mut self, name: &'static str, value: &str) {
        if value.len() <= self.bounds.value && PLAIN.has_all(value.as_bytes()) {
            self.out.push('"');
            self.out.push_str(value);
            self.out.push('"');
            return;
        }
        let from = self.out.len();
        let tame = !value.contains(is_obeyed);
        if tame && value.len() <= self.bounds.value {
            write_string(value, &mut self.out);
            if self.out.len().saturating_sub(from) <= self.bounds.value.saturating_add(2) {
                return;
            }
            self.out.truncate(from);
        }
        let most = self.bounds.kept.min(value.len());
        let end = (0..=most).rev().find(|at| value.is_char_boundary(*at)).unwrap_or(0);
        let kept = value.get(..end).unwrap_or_default().replace(is_obeyed, "\u{fffd}");
        let short = format!("{kept}…{}:{}", value.len(), sha256(value.as_bytes()));
        write_string(&short, &mut self.out);
        self.not_whole(name);
    }

    fn not_whole(&mut self, name: &str) {
        let outer = self.inside;
        let dot = if outer.is_empty() { "" } else { "." };
        let name = format!("{outer}{dot}{name}");
        if !self.trunc.contains(&name) {
            self.trunc.push(name);
        }
    }

    fn list(&mut self, name: &'static str, values: &[&str]) {
        if values.is_empty() {
            return;
        }
        self.name(name);
        self.out.push('[');
        for (at, value) in values.iter().take(self.bounds.listed).enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.value(name, value);
        }
        if values.len() > self.bounds.listed {
            self.not_whole(name);
        }
        self.out.push(']');
    }

    fn number(&mut self, name: &'static str, value: i64) {
        self.name(name);
        // Writing to a string cannot fail.
        let _ = write!(self.out, "{value}");
    }

    fn truth(&mut self, name: &'static str, value: bool) {
        self.name(name);
        self.out.push_str(if value { "true" } else { "false" });
    }

    fn open(&mut self, name: &'static str) {
        self.name(name);
        self.out.push('{');
        self.inside = name;
    }

    fn close(&mut self) {
        self.out.push('}');
        self.inside = "";
    }

    fn finish(mut self) -> String {
        if !self.trunc.is_empty() {
            self.name("trunc");
            self.out.push('[');
            self.trunc.sort_unstable();
            for (at, name) in std::mem::take(&mut self.trunc).iter().enumerate() {
                if at > 0 {
                    self.out.push(',');
                }
                write_string(name, &mut self.out);
            }
            self.out.push(']');
        }
        self.name("v");
        self.out.push_str("1}");
        self.out
    }
}

/// What a terminal, or a reader of lines, could take for a command or for the end of a line: DEL,
/// the C1 controls, Unicode's line separators, and what turns the direction of text.
const fn is_obeyed(c: char) -> bool {
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
    use crate::request::json::{JsonLimits, parse};
    use proptest::prelude::*;

    fn record<'a>(subject: &'a str, path: &'a str) -> Record<'a> {
        Record {
            id: "r1",
            boot: "b1",
            time: 1_800_000_000_000,
            effect: "deny",
            reason: "not-allowed",
            rules: &["a", "b"],
            policy: ("demo", "h"),
            subject: Some(("realm", subject)),
            actors: &["bot"],
            issuer: "https://idp.example",
            action: "read",
            resource: "document",
            resource_id: "7",
            http: ("GET", "api.example", path),
            query: Some("a=1"),
            approval: Some(("p1", "d", "presence")),
            status: 403,
            shadow: true,
            ..Record::default()
        }
    }

    #[test]
    fn a_record_is_one_line_of_canonical_json() {
        let line = record("alice", "/v1/documents/7").line();
        let parsed = parse(line.as_bytes(), JsonLimits::default()).unwrap();
        assert_eq!(parsed.to_jcs().unwrap(), line);
        assert!(line.len() <= 600, "{}", line.len());
    }

    #[test]
    fn a_long_value_becomes_its_beginning_length_and_digest() {
        let long = "é".repeat(4000);
        let line = record(&long, &format!("/{}", "a".repeat(8000))).line();
        assert!(line.len() <= 2048, "{}", line.len());
        assert!(line.contains("\"trunc\":[\"http.path\",\"subject.id\"]"), "{line}");
        assert!(line.contains(&sha256(long.as_bytes())));
    }

    #[test]
    fn no_record_is_longer_than_2048_bytes_and_digests_stay_whole() {
        for filler in ["x", "é", "\u{1}", "\"", "\u{9b}", "\u{1f600}"] {
            let long = filler.repeat(20_000);
            let (long, many) = (long.as_str(), vec![long.as_str(); 40]);
            let digest = sha256(b"x");
            let line = Record {
                id: long,
                boot: long,
                time: i64::MIN,
                effect: "allow",
                reason: "obligation-unsupported",
                rules: &many,
                policy: (long, &digest),
                shadow: true,
                subject: Some((long, long)),
                actors: &many,
                issuer: long,
                client: long,
                token: &digest,
                action: "delete",
                resource: long,
                resource_id: long,
                http: (long, long, long),
                query: Some(long),
                approval: Some((long, &digest, "second-person")),
                status: u16::MAX,
                bytes: u64::MAX,
                duration: u64::MAX,
                forwarded: false,
            }
            .line();
            assert!(line.len() <= MAX_LINE, "{}", line.len());
            assert_eq!(line.matches(&format!("\"{digest}\"")).count(), 3, "{line}");
            assert!(line.contains("\"rules\",\"subject.id\",\"subject.realm\"]"), "{line}");
        }
    }

    #[test]
    fn an_ordinary_allow_takes_under_700_bytes() {
        let digest = sha256(b"x");
        let line = Record {
            id: "8rky5yKHm1hQ5AAAAAAAAg",
            boot: "8rky5yKHm1hQ5A",
            effect: "allow",
            reason: "allowed-by-rule",
            rules: &["own-documents"],
            policy: ("documents", &digest),
            shadow: false,
            subject: Some(("https://idp.example.com", "alice")),
            actors: &["support-assistant"],
            client: "support-assistant",
            issuer: "https://idp.example.com",
            token: &digest,
            http: ("GET", "api.example.com", "/v1/documents/1"),
            query: None,
            approval: None,
            ..record("", "")
        }
        .line();
        assert!((512..700).contains(&line.len()), "{}", line.len());
    }

    #[test]
    fn a_token_in_a_query_is_not_recorded() {
        let mut record = record("alice", "/");
        record.query = Some("a=1&access%5ftoken=s3cret");
        let line = record.line();
        assert!(!line.contains("s3cret") && line.contains("\"trunc\":[\"http.query\"]"), "{line}");
    }

    #[test]
    fn a_value_that_a_terminal_would_obey_is_told_by_its_digest() {
        for hostile in ["a\u{9b}2Jb", "a\u{7f}", "a\u{2028}b", "\u{202e}a"] {
            let line = record(hostile, "/").line();
            assert!(!line.contains(is_obeyed), "{line}");
            assert!(line.contains(&sha256(hostile.as_bytes())), "{line}");
            assert!(line.contains("\"trunc\":[\"subject.id\"]"), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_value_makes_a_second_line(subject in "\\PC{0,40}|\\pC{0,40}|[\\x00-\\x1f\"\\\\]{0,40}", path in ".{0,300}") {
            let line = record(&subject, &path).line();
            prop_assert!(!line.contains(|c: char| c.is_control() || is_obeyed(c)));
            prop_assert!(line.len() <= MAX_LINE);
            let parsed = parse(line.as_bytes(), JsonLimits::default()).unwrap();
            prop_assert_eq!(parsed.to_jcs().unwrap(), line);
        }
    }
}
