//! The record of one request: one line of compact JCS (`docs/record.md`).

use super::line::{Bounds, Line};

/// The longest line, in bytes: what log pipelines carry in one piece.
const MAX_LINE: usize = 2048;

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
    /// Unique id; its first bytes are the worker's boot id.
    pub id: &'a str,
    /// Milliseconds since the epoch when the request began.
    pub time: i64,
    /// `allow` or `deny`.
    pub effect: &'a str,
    /// Reason code.
    pub reason: &'a str,
    /// Ids of the rules that determined it.
    pub rules: &'a [&'a str],
    /// The policy in force, as [`policy`] writes it.
    pub policy: &'a str,
    /// Whether the decision did not bind.
    pub shadow: bool,
    /// Realm and id of the subject. A realm that is the issuer is not said twice.
    pub subject: Option<(&'a str, &'a str)>,
    /// Ids of the actors, outermost first.
    pub actors: &'a [&'a str],
    /// Issuer of the token.
    pub issuer: &'a str,
    /// The OAuth client the token was issued to. One that is the only actor's id is not said twice.
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
    /// Status sent to the client, where it is known here.
    pub status: Option<u16>,
    /// Bytes of response body sent.
    pub bytes: u64,
    /// Milliseconds from the first byte in to the last byte out, where they are known here.
    pub duration: Option<u64>,
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
        let mut line = Line::within(bounds, MAX_LINE / 2);
        line.sure(",\"action\":", self.action);
        line.list(",\"actors\":", self.actors);
        if let Some((id, digest, tier)) = self.approval {
            let object = line.open(",\"approval\":");
            line.text(",\"digest\":", digest);
            line.text(",\"id\":", id);
            line.text(",\"tier\":", tier);
            line.close(object);
        }
        if self.actors != [self.client] {
            line.text(",\"client\":", self.client);
        }
        line.sure(",\"effect\":", self.effect);
        let object = line.open(",\"http\":");
        line.text(",\"host\":", self.http.1);
        line.text(",\"method\":", self.http.0);
        line.text(",\"path\":", self.http.2);
        line.query(self.query);
        line.close(object);
        line.text(",\"id\":", self.id);
        line.text(",\"issuer\":", self.issuer);
        let object = line.open(",\"outcome\":");
        line.number(",\"bytes\":", i64::try_from(self.bytes).unwrap_or(i64::MAX));
        if let Some(duration) = self.duration {
            line.number(",\"duration_ms\":", i64::try_from(duration).unwrap_or(i64::MAX));
        }
        line.truth(",\"forwarded\":", self.forwarded);
        if let Some(status) = self.status {
            line.number(",\"status\":", i64::from(status));
        }
        line.close(object);
        line.written(",\"policy\":", self.policy);
        line.sure(",\"reason\":", self.reason);
        if !self.resource.is_empty() {
            let object = line.open(",\"resource\":");
            line.text(",\"id\":", self.resource_id);
            line.text(",\"type\":", self.resource);
            line.close(object);
        }
        line.list(",\"rules\":", self.rules);
        if self.shadow {
            line.truth(",\"shadow\":", true);
        }
        if let Some((realm, id)) = self.subject {
            let object = line.open(",\"subject\":");
            line.text(",\"id\":", id);
            if realm != self.issuer {
                line.text(",\"realm\":", realm);
            }
            line.close(object);
        }
        line.number(",\"time\":", self.time);
        line.sure(",\"token\":", self.token);
        line.finish()
    }
}

/// The member `policy` of every record under one policy: its name, of at most 64 bytes, and its hash.
#[must_use]
pub fn policy(name: &str, hash: &str) -> String {
    let mut line = Line::within(Bounds { value: 64, kept: 0, listed: 0 }, 128);
    line.sure(",\"hash\":", hash);
    line.text(",\"name\":", name);
    line.text_of()
}

#[cfg(test)]
mod tests {
    use super::super::line::is_obeyed;
    use super::*;
    use crate::approval::digest::sha256;
    use crate::request::json::{JsonLimits, parse};
    use proptest::prelude::*;

    fn record<'a>(subject: &'a str, path: &'a str) -> Record<'a> {
        Record {
            id: "r1",
            time: 1_800_000_000_000,
            effect: "deny",
            reason: "not-allowed",
            rules: &["a", "b"],
            policy: r#"{"hash":"h","name":"demo"}"#,
            subject: Some(("realm", subject)),
            actors: &["bot"],
            issuer: "https://idp.example",
            action: "read",
            resource: "document",
            resource_id: "7",
            http: ("GET", "api.example", path),
            query: Some("a=1"),
            approval: Some(("p1", "d", "presence")),
            status: Some(403),
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
            let (digest, realm) = (sha256(b"x"), format!("{long}x"));
            let line = Record {
                id: long,
                time: i64::MIN,
                effect: "allow",
                reason: "obligation-unsupported",
                rules: &many,
                policy: &policy(long, &digest),
                shadow: true,
                subject: Some((&realm, long)),
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
                status: Some(u16::MAX),
                bytes: u64::MAX,
                duration: Some(u64::MAX),
                forwarded: false,
            }
            .line();
            assert!(line.len() <= MAX_LINE, "{}", line.len());
            assert_eq!(line.matches(&format!("\"{digest}\"")).count(), 3, "{line}");
            assert!(line.contains("\"rules\",\"subject.id\",\"subject.realm\"]"), "{line}");
        }
    }

    #[test]
    fn an_ordinary_allow_takes_under_540_bytes() {
        let digest = sha256(b"x");
        let line = Record {
            id: "8rky5yKHm1hQ5AAAAAAAAg",
            effect: "allow",
            reason: "allowed-by-rule",
            rules: &["own-documents"],
            policy: &policy("documents", &digest),
            shadow: false,
            subject: Some(("https://idp.example.com", "alice")),
            actors: &["support-assistant"],
            client: "support-assistant",
            issuer: "https://idp.example.com",
            token: &digest,
            http: ("GET", "api.example.com", "/v1/documents/1"),
            query: None,
            approval: None,
            status: None,
            ..record("", "")
        }
        .line();
        assert!((440..540).contains(&line.len()), "{}", line.len());
    }

    #[test]
    fn what_is_said_already_is_not_said_again() {
        let line = Record {
            client: "bot",
            subject: Some(("https://idp.example", "alice")),
            ..record("", "/")
        }
        .line();
        assert!(!line.contains("client") && !line.contains("realm"), "{line}");
        let other = Record { client: "other", ..record("alice", "/") }.line();
        assert!(other.contains(r#""client":"other""#) && other.contains(r#""realm":"realm""#));
        let nested = Record { client: "bot", actors: &["bot", "other"], ..record("", "/") }.line();
        assert!(nested.contains(r#""client":"bot""#), "{nested}");
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
