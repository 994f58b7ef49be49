//! Whether a log is whole, as far as records alone can tell: ids count, and times follow them.

use super::date;
use crate::recorded::Read;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Findings of one kind that are told one by one.
const TOLD: usize = 100;

/// A request's clock may be set back by this much, in milliseconds, before it is a finding.
const STEP_BACK: i64 = 1_000;

/// What was seen of a log so far. It grows with the workers' lives and the gaps in them, and not
/// with the log.
#[derive(Debug, Default)]
pub struct Verification {
    records: u64,
    findings: BTreeMap<Kind, Findings>,
    boots: BTreeMap<String, Boot>,
    policies: BTreeMap<(String, String), Span>,
}

/// What can be wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It cannot be read.
    Unreadable,
    /// It has members that this version does not know.
    UnknownMember,
    /// It is not spelt as the module spells it (RFC 8785), so somebody has written it anew.
    NotCanonical,
    /// Its id is not its boot's.
    Id,
    /// Its id was there before.
    Twice,
    /// Its time does not follow those of its worker's other requests.
    Time,
}

impl Kind {
    /// For programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::UnknownMember => "unknown-member",
            Self::NotCanonical => "not-canonical",
            Self::Id => "id-not-of-its-boot",
            Self::Twice => "id-twice",
            Self::Time => "time-out-of-order",
        }
    }
}

/// What was found of one kind.
#[derive(Debug, Default)]
struct Findings {
    count: u64,
    first: Vec<(u64, String)>,
}

/// Where something was seen first and last, and how often.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: u64,
    last: u64,
    count: u64,
}

/// One life of one worker: the numbers seen, as runs without a gap.
#[derive(Debug, Default)]
struct Boot {
    runs: BTreeMap<u64, Run>,
    records: u64,
}

/// Numbers that follow each other, and when the first and the last of them began.
#[derive(Clone, Copy, Debug)]
struct Run {
    end: u64,
    first_time: i64,
    last_time: i64,
}

/// Records that a boot counted and the log lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Which boot.
    pub boot: String,
    /// The first number that is missing.
    pub from: u64,
    /// The last.
    pub to: u64,
    /// Between which times, where they are known.
    pub between: (Option<i64>, i64),
}

impl Verification {
    /// A line that is no record.
    pub fn unreadable(&mut self, line: u64, why: &str) {
        self.found(Kind::Unreadable, line, why.to_owned());
    }

    /// A record, and its own text where the log kept it.
    pub fn record(&mut self, line: u64, text: Option<&str>, read: &Read) {
        self.records = self.records.saturating_add(1);
        let record = &read.record;
        for member in &read.unknown {
            self.found(Kind::UnknownMember, line, format!("`{member}`"));
        }
        match (read.json.to_jcs(), text) {
            (Err(error), _) => self.found(Kind::NotCanonical, line, error.what.into_owned()),
            (Ok(canonical), Some(text)) if canonical != text => {
                self.found(
                    Kind::NotCanonical,
                    line,
                    "spelt otherwise than RFC 8785 spells it".to_owned(),
                );
            }
            (Ok(_), _) => {}
        }
        let policy = (record.policy.hash.clone(), record.policy.name.clone());
        let span =
            self.policies.entry(policy).or_insert(Span { first: line, last: line, count: 0 });
        *span = Span { last: line, count: span.count.saturating_add(1), ..*span };
        let Some(number) = number(&record.boot, &record.id) else {
            let what = format!("`{}` is not an id of boot `{}`", record.id, record.boot);
            self.found(Kind::Id, line, what);
            return;
        };
        let boot = self.boots.entry(record.boot.clone()).or_default();
        match boot.take(number, record.time) {
            Ok(None) => {}
            Ok(Some(what)) => self.found(Kind::Time, line, what),
            Err(Twice) => {
                self.found(Kind::Twice, line, format!("`{}`, number {number}", record.id));
            }
        }
    }

    fn found(&mut self, kind: Kind, line: u64, what: String) {
        let findings = self.findings.entry(kind).or_default();
        findings.count = findings.count.saturating_add(1);
        if findings.first.len() < TOLD {
            findings.first.push((line, what));
        }
    }

    /// How many findings there are of a kind.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.findings.get(&kind).map_or(0, |findings| findings.count)
    }

    /// Records that were counted and are not there, by boot.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        self.boots.iter().flat_map(|(name, boot)| boot.gaps(name)).collect()
    }

    /// Whether nothing is wrong and nothing is missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty() && self.boots.values().all(|boot| boot.gaps("").next().is_none())
    }

    /// For people.
    #[must_use]
    pub fn told(&self) -> String {
        let mut out = format!("{} records, {} boots\n", self.records, self.boots.len());
        for (name, boot) in &self.boots {
            let (first, last) = boot.ends();
            out.push_str(&format!(
                "  boot {name}: {} records, numbers {first} to {last}, {} to {}\n",
                boot.records,
                boot.time(true),
                boot.time(false),
            ));
        }
        out.push_str(&format!("{} policies\n", self.policies.len()));
        for ((hash, name), span) in &self.policies {
            out.push_str(&format!(
                "  {hash} `{name}`: {} records, lines {} to {}\n",
                span.count, span.first, span.last
            ));
        }
        for (kind, findings) in &self.findings {
            out.push_str(&format!("{}: {}\n", kind.name(), findings.count));
            for (line, what) in &findings.first {
                out.push_str(&format!("  line {line}: {what}\n"));
            }
            if findings.count > TOLD as u64 {
                out.push_str("  …\n");
            }
        }
        let gaps = self.gaps();
        let lost = gaps.iter().fold(0_u64, |sum, gap| sum.saturating_add(gap.len()));
        if lost > 0 {
            out.push_str(&format!(
                "lost: {lost} (or, at the end of a boot, of requests that were not over)\n"
            ));
        }
        for gap in gaps.iter().take(TOLD) {
            out.push_str(&format!("  {gap}\n"));
        }
        if gaps.len() > TOLD {
            out.push_str(&format!("  and {} more gaps\n", gaps.len().saturating_sub(TOLD)));
        }
        out
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "whole": self.is_whole(),
            "records": self.records,
            "boots": self.boots.iter().map(|(name, boot)| {
                let (first, last) = boot.ends();
                json!({ "boot": name, "records": boot.records, "first": first, "last": last })
            }).collect::<Vec<_>>(),
            "policies": self.policies.iter().map(|((hash, name), span)| {
                json!({ "hash": hash, "name": name, "records": span.count, "first_line": span.first, "last_line": span.last })
            }).collect::<Vec<_>>(),
            "findings": self.findings.iter().map(|(kind, findings)| {
                json!({ "kind": kind.name(), "count": findings.count, "first": findings.first })
            }).collect::<Vec<_>>(),
            "lost": self.gaps().iter().map(|gap| {
                json!({ "boot": gap.boot, "from": gap.from, "to": gap.to, "count": gap.len() })
            }).collect::<Vec<_>>(),
        })
    }
}

impl Gap {
    /// How many records.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.to.saturating_sub(self.from).saturating_add(1)
    }

    /// Never: a gap holds what is missing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "boot {}: ", self.boot)?;
        match self.len() {
            1 => write!(f, "number {}", self.from)?,
            many => write!(f, "{many} numbers, {} to {}", self.from, self.to)?,
        }
        match self.between {
            (Some(before), after) => {
                write!(f, ", begun between {} and {}", date(before), date(after))
            }
            (None, after) => write!(f, ", begun before {}: the log may begin later", date(after)),
        }
    }
}

/// A number that was there before.
struct Twice;

impl Boot {
    /// Takes a number; says what is odd about its time.
    fn take(&mut self, number: u64, time: i64) -> Result<Option<String>, Twice> {
        let before = self.runs.range(..=number).next_back().map(|(start, run)| (*start, *run));
        if before.is_some_and(|(_, run)| run.end >= number) {
            return Err(Twice);
        }
        self.records = self.records.saturating_add(1);
        let after = self.runs.range(number..).next().map(|(start, run)| (*start, *run));
        let odd = match (before, after) {
            (Some((_, run)), _) if time.saturating_add(STEP_BACK) < run.last_time => Some(format!(
                "number {number} began at {}, number {} before it at {}",
                date(time),
                run.end,
                date(run.last_time)
            )),
            (_, Some((start, run))) if time > run.first_time.saturating_add(STEP_BACK) => {
                Some(format!(
                    "number {number} began at {}, number {start} after it at {}",
                    date(time),
                    date(run.first_time)
                ))
            }
            _ => None,
        };
        let mut run = Run { end: number, first_time: time, last_time: time };
        let mut start = number;
        if let Some((at, left)) = before.filter(|(_, left)| left.end.checked_add(1) == Some(number))
        {
            (start, run.first_time) = (at, left.first_time);
        }
        if let Some((at, right)) = after.filter(|(at, _)| number.checked_add(1) == Some(*at)) {
            self.runs.remove(&at);
            (run.end, run.last_time) = (right.end, right.last_time);
        }
        self.runs.insert(start, run);
        Ok(odd)
    }

    fn gaps<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Gap> + 'a {
        let ends = std::iter::once((0, None))
            .chain(self.runs.values().map(|run| (run.end, Some(run.last_time))));
        ends.zip(&self.runs)
            .filter(|((end, _), (start, _))| end.checked_add(1) != Some(**start))
            .map(|((end, before), (start, run))| Gap {
                boot: name.to_owned(),
                from: end.saturating_add(1),
                to: start.saturating_sub(1),
                between: (before, run.first_time),
            })
    }

    fn ends(&self) -> (u64, u64) {
        let first = self.runs.keys().next().copied().unwrap_or_default();
        (first, self.runs.values().next_back().map(|run| run.end).unwrap_or_default())
    }

    fn time(&self, first: bool) -> String {
        let run = if first { self.runs.values().next() } else { self.runs.values().next_back() };
        run.map_or_else(String::new, |run| date(if first { run.first_time } else { run.last_time }))
    }
}

/// A record's number: its id is its boot's ten bytes and 48 bits that count from 1.
#[must_use]
pub fn number(boot: &str, id: &str) -> Option<u64> {
    let (boot, id) = (URL_SAFE_NO_PAD.decode(boot).ok()?, URL_SAFE_NO_PAD.decode(id).ok()?);
    let counted = id.strip_prefix(boot.as_slice())?;
    let [a, b, c, d, e, f] = *<&[u8; 6]>::try_from(counted).ok()?;
    let number = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    (boot.len() == 10 && number > 0).then_some(number)
}

#[cfg(test)]
mod tests;
