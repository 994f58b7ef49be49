//! A log of records: one a line, alone or inside a gateway's JSON access log. It is read as a
//! stream, and what cannot be read is told with its line and never passed over.

use crate::recorded::{Read as ReadRecord, RecordError};
use ambit::request::json::{self, Json, JsonLimits};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// The longest line read; of a longer one only the end is looked for.
const MAX_LINE: usize = 1_048_576;

/// Where the line of an access log says status and duration, which a record may leave to it.
const STATUS: &str = "status";
const DURATION: &str = "duration";

/// Bounds of an access log's line.
const LIMITS: JsonLimits = JsonLimits { bytes: MAX_LINE, depth: 32, nodes: 20_000 };

/// One line of a log.
#[derive(Debug)]
pub struct Line {
    /// From 1.
    pub number: u64,
    /// What stands there.
    pub content: Content,
}

/// What stands in a line.
#[derive(Debug)]
pub enum Content {
    /// A record: its text, and what it says. The text is the line's own but where the access log
    /// holds the record as an object.
    Record {
        /// The record's own bytes, where the log kept them.
        text: Option<String>,
        /// What it says.
        read: Box<ReadRecord>,
        /// The access-log line it stands in.
        around: Option<Box<Json>>,
    },
    /// An access-log line without a record: the gateway answered before its filters were asked.
    NoRecord,
    /// Neither.
    Unreadable(String),
}

/// A log, line by line.
pub struct RecordLog {
    lines: Box<dyn BufRead>,
    key: String,
    number: u64,
    bytes: u64,
}

impl std::fmt::Debug for RecordLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordLog").field("number", &self.number).finish_non_exhaustive()
    }
}

impl RecordLog {
    /// Opens a file, or standard input where it is `-`. In an access log the record stands under
    /// `key`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path, key: &str) -> io::Result<Self> {
        let lines: Box<dyn BufRead> = match path.to_str() {
            Some("-") => Box::new(BufReader::new(io::stdin())),
            _ => {
                let file = File::open(path).map_err(|error| {
                    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                })?;
                Box::new(BufReader::with_capacity(65_536, file))
            }
        };
        Ok(Self::of(lines, key))
    }

    /// Of anything that has lines.
    #[must_use]
    pub fn of(lines: Box<dyn BufRead>, key: &str) -> Self {
        Self { lines, key: key.to_owned(), number: 0, bytes: 0 }
    }

    /// The next line that is not empty; `None` at the end.
    ///
    /// # Errors
    /// The log cannot be read further.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        loop {
            let Some(text) = self.raw()? else { return Ok(None) };
            self.number = self.number.saturating_add(1);
            let content = match text {
                Ok(bytes) => match std::str::from_utf8(bytes.trim_ascii()) {
                    Ok("") => continue,
                    Ok(text) => content(text, &self.key),
                    Err(_) => Content::Unreadable("not UTF-8".to_owned()),
                },
                Err(TooLong) => Content::Unreadable(format!("longer than {MAX_LINE} bytes")),
            };
            return Ok(Some(Line { number: self.number, content }));
        }
    }

    /// Bytes read so far, for progress.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// One line's bytes, of which no more are kept than a line may have.
    fn raw(&mut self) -> io::Result<Option<Result<Vec<u8>, TooLong>>> {
        let (mut line, mut any, mut long) = (Vec::new(), false, false);
        loop {
            let held = self.lines.fill_buf()?;
            if held.is_empty() {
                break;
            }
            any = true;
            let end = held.iter().position(|byte| *byte == b'\n');
            let part = held.get(..end.unwrap_or(held.len())).unwrap_or_default();
            if line.len().saturating_add(part.len()) > MAX_LINE {
                long = true;
                line.clear();
            } else if !long {
                line.extend_from_slice(part);
            }
            let used = part.len().saturating_add(usize::from(end.is_some()));
            self.lines.consume(used);
            self.bytes = self.bytes.saturating_add(u64::try_from(used).unwrap_or(u64::MAX));
            if end.is_some() {
                break;
            }
        }
        Ok(any.then_some(if long { Err(TooLong) } else { Ok(line) }))
    }
}

/// A line of more bytes than are kept.
struct TooLong;

fn content(text: &str, key: &str) -> Content {
    let json = match json::parse(text.as_bytes(), LIMITS) {
        Ok(json) => json,
        Err(error) => return Content::Unreadable(format!("not JSON: {}", error.what)),
    };
    if json.as_object().is_none() {
        return Content::Unreadable("not a JSON object".to_owned());
    }
    match json.member(key) {
        // What Envoy prints where there is no such filter state.
        Some(Json::Null) => Content::NoRecord,
        Some(Json::String(inner)) if matches!(&**inner, "" | "-") => Content::NoRecord,
        Some(Json::String(inner)) => {
            let read = ReadRecord::of(inner);
            record(Some(inner.to_string()), read, Some(json))
        }
        Some(Json::Object(inner)) => {
            record(None, ReadRecord::inside(Json::Object(inner.clone())), Some(json))
        }
        Some(_) => Content::Unreadable(format!("`{key}` is neither text nor an object")),
        None if json.member("v").is_some() && json.member("effect").is_some() => {
            record(Some(text.to_owned()), ReadRecord::of(text), None)
        }
        None => Content::Unreadable(format!("neither a record nor a line with one at `{key}`")),
    }
}

fn record(
    text: Option<String>,
    read: Result<ReadRecord, RecordError>,
    around: Option<Json>,
) -> Content {
    match read {
        Ok(mut read) => {
            let said = |name: &str| around.as_ref().and_then(|line| line.member(name)?.as_i64());
            let outcome = &mut read.record.outcome;
            let status = said(STATUS).and_then(|status| u16::try_from(status).ok());
            outcome.status = outcome.status.or(status);
            let duration = said(DURATION).and_then(|millis| u64::try_from(millis).ok());
            outcome.duration_ms = outcome.duration_ms.or(duration);
            Content::Record { text, read: Box::new(read), around: around.map(Box::new) }
        }
        Err(error) => Content::Unreadable(error.to_string()),
    }
}

/// What could not be read of a log: counted, and the first few kept with their lines.
#[derive(Clone, Debug, Default)]
pub struct Skipped {
    /// Lines without a record.
    pub without: u64,
    /// Lines that could not be read.
    pub unreadable: u64,
    /// The first of them: line, and what is wrong.
    pub first: Vec<(u64, String)>,
    /// Lines of the rest, as ranges.
    pub others: Vec<(u64, u64)>,
}

impl Skipped {
    /// Unreadable lines that are told with what is wrong.
    const TOLD: usize = 20;

    /// Ranges of further lines that are named.
    const RANGES: usize = 1_000;

    /// Adds an unreadable line.
    pub fn add(&mut self, line: u64, why: String) {
        self.unreadable = self.unreadable.saturating_add(1);
        if self.first.len() < Self::TOLD {
            self.first.push((line, why));
            return;
        }
        if let Some((_, last)) = self.others.last_mut()
            && last.saturating_add(1) == line
        {
            *last = line;
        } else if self.others.len() < Self::RANGES {
            self.others.push((line, line));
        }
    }

    /// For people; empty where everything was read.
    #[must_use]
    pub fn told(&self) -> String {
        let mut out = String::new();
        if self.without > 0 {
            out.push_str(&format!(
                "{} lines without a record: the gateway answered before its filters were asked\n",
                self.without
            ));
        }
        if self.unreadable > 0 {
            out.push_str(&format!("{} lines could not be read:\n", self.unreadable));
        }
        for (line, why) in &self.first {
            out.push_str(&format!("  line {line}: {why}\n"));
        }
        if !self.others.is_empty() {
            let ranges: Vec<String> = self
                .others
                .iter()
                .map(
                    |(from, to)| if from == to { from.to_string() } else { format!("{from}-{to}") },
                )
                .collect();
            let more = if self.others.len() < Self::RANGES { "" } else { ", …" };
            out.push_str(&format!("  and lines {}{more}\n", ranges.join(", ")));
        }
        out
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "without_record": self.without,
            "unreadable": self.unreadable,
            "first": self.first.iter().map(|(line, why)| serde_json::json!({ "line": line, "why": why })).collect::<Vec<_>>(),
            "others": self.others,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::LINE;
    use std::io::Cursor;

    fn lines(text: &[u8]) -> Vec<Line> {
        let mut log = RecordLog::of(
            Box::new(BufReader::with_capacity(7, Cursor::new(text.to_vec()))),
            "ambit",
        );
        std::iter::from_fn(|| log.next_line().unwrap()).collect()
    }

    #[test]
    fn records_are_found_alone_as_text_and_as_an_object() {
        let text = serde_json::to_string(LINE).unwrap();
        let log = format!("{LINE}\n\n{{\"t\":1,\"ambit\":{text}}}\r\n{{\"ambit\":{LINE}}}");
        let found = lines(log.as_bytes());
        let kept: Vec<_> = found
            .iter()
            .map(|line| match &line.content {
                Content::Record { text, read, .. } => {
                    assert_eq!(read.record.id, "8rky5yKHm1hQ5AAAAAAAAg");
                    (line.number, text.as_deref() == Some(LINE))
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(kept, [(1, true), (3, true), (4, false)]);
    }

    #[test]
    fn what_a_record_leaves_to_its_line_is_taken_from_there() {
        let record = LINE.replace(r#","status":200"#, "").replace(r#""duration_ms":3,"#, "");
        let log = format!(
            "{{\"status\":201,\"duration\":7,\"ambit\":{record}}}\n{{\"status\":201,\"ambit\":{LINE}}}"
        );
        let outcomes: Vec<_> = lines(log.as_bytes())
            .into_iter()
            .map(|line| match line.content {
                Content::Record { read, .. } => {
                    let outcome = read.record.outcome;
                    (outcome.status, outcome.duration_ms)
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(outcomes, [(Some(201), Some(7)), (Some(200), Some(3))]);
    }

    #[test]
    fn nothing_is_passed_over() {
        let long = "x".repeat(MAX_LINE + 1);
        let log = format!(
            "{{\"ambit\":null}}\n{{\"ambit\":\"-\"}}\n{long}\nhello\n{{\"a\":1}}\n[1]\n{{\"ambit\":1}}\n"
        );
        let mut log = log.into_bytes();
        log.extend(b"\xff\n");
        let mut skipped = Skipped::default();
        for line in lines(&log) {
            match line.content {
                Content::NoRecord => skipped.without += 1,
                Content::Unreadable(why) => skipped.add(line.number, why),
                Content::Record { .. } => panic!("a record"),
            }
        }
        assert_eq!((skipped.without, skipped.unreadable), (2, 6));
        assert_eq!(
            skipped.first.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
            [3, 4, 5, 6, 7, 8]
        );
        let told = skipped.told();
        assert!(
            told.contains("line 3: longer than") && told.contains("line 8: not UTF-8"),
            "{told}"
        );
    }

    #[test]
    fn many_unreadable_lines_are_named_as_ranges() {
        let mut skipped = Skipped::default();
        (1..=30).chain(40..=40).for_each(|line| skipped.add(line, "x".to_owned()));
        assert!(skipped.told().ends_with("  and lines 21-30, 40\n"), "{}", skipped.told());
    }
}
