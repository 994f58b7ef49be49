//! The record of one request: one line of compact JCS (`docs/record.md`).

use crate::approval::digest::sha256;
use crate::request::json::jcs::write_string;
use std::fmt::Write as _;

/// Longer values become their beginning, length and digest.
const MAX_VALUE: usize = 256;
/// How much of a longer value stays, in bytes.
const KEPT: usize = 64;

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
    /// The line, without a line break. Members in the order of JCS, so that the digest of a line is
    /// the digest of what it says; control characters are escaped, so that no value makes a second
    /// line.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = Line { out: String::with_capacity(512), trunc: Vec::new() };
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
        line.optional("query", self.query);
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
    trunc: Vec<&'static str>,
}

impl Line {
    fn name(&mut self, name: &str) {
        if self.out.is_empty() {
            self.out.push('{');
        } else if !self.out.ends_with('{') {
            self.out.push(',');
        }
        write_string(name, &mut self.out);
        self.out.push(':');
    }

    /// A text that is there; absent members are left out.
    fn text(&mut self, name: &'static str, value: &str) {
        if !value.is_empty() {
            self.name(name);
            self.value(name, value);
        }
    }

    fn optional(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.name(name);
            self.value(name, value);
        }
    }

    fn value(&mut self, name: &'static str, value: &str) {
        if value.len() <= MAX_VALUE {
            write_string(value, &mut self.out);
            return;
        }
        let end = (0..=KEPT).rev().find(|at| value.is_char_boundary(*at)).unwrap_or(0);
        let kept = value.get(..end).unwrap_or_default();
        write_string(
            &format!("{kept}…{}:{}", value.len(), sha256(value.as_bytes())),
            &mut self.out,
        );
        self.trunc.push(name);
    }

    fn list(&mut self, name: &'static str, values: &[&str]) {
        if values.is_empty() {
            return;
        }
        self.name(name);
        self.out.push('[');
        for (at, value) in values.iter().take(8).enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.value(name, value);
        }
        if values.len() > 8 {
            self.trunc.push(name);
        }
        self.out.push(']');
    }

    fn number(&mut self, name: &str, value: i64) {
        self.name(name);
        // Writing to a string cannot fail.
        let _ = write!(self.out, "{value}");
    }

    fn truth(&mut self, name: &str, value: bool) {
        self.name(name);
        self.out.push_str(if value { "true" } else { "false" });
    }

    fn open(&mut self, name: &str) {
        self.name(name);
        self.out.push('{');
    }

    fn close(&mut self) {
        self.out.push('}');
    }

    fn finish(mut self) -> String {
        if !self.trunc.is_empty() {
            self.trunc.sort_unstable();
            self.trunc.dedup();
            let names = std::mem::take(&mut self.trunc);
            self.list("trunc", &names);
        }
        self.name("v");
        self.out.push_str("1}");
        self.out
    }
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
        assert!(line.contains("\"trunc\":[\"id\",\"path\"]"), "{line}");
        assert!(line.contains(&sha256(long.as_bytes())));
    }

    proptest! {
        #[test]
        fn no_value_makes_a_second_line(subject in "\\PC{0,40}|[\\x00-\\x1f\"\\\\]{0,40}", path in ".{0,300}") {
            let line = record(&subject, &path).line();
            let breaks = line.contains(['\n', '\r', '\u{1b}']);
            prop_assert!(!breaks);
            let parsed = parse(line.as_bytes(), JsonLimits::default()).unwrap();
            prop_assert_eq!(parsed.to_jcs().unwrap(), line);
        }
    }
}
