//! The probe module, what it is asked, and what it is heard to say.

use super::signatures;
use std::fmt::Write as _;

/// Assembles `probe.wat`, putting its texts where its `S"…"` point.
pub fn assembled() -> Vec<u8> {
    let source = include_str!("probe.wat");
    let (mut out, mut data, mut at) = (String::new(), String::new(), 0x100);
    // A comment may speak of texts.
    let code = source.lines().map(|line| line.split(";;").next().unwrap());
    let code = code.collect::<Vec<_>>().join("\n");
    let signed = |good: bool| signatures::arguments(good).iter().map(escaped).collect::<String>();
    let code = code.replace("<GOOD>", &signed(true)).replace("<BAD>", &signed(false));
    let mut rest = code.as_str();
    while let Some((before, from)) = rest.split_once("S\"") {
        let (text, after) = from.split_once('"').unwrap();
        // An escaped byte is a backslash and two digits.
        let length = text.len() - 2 * text.matches('\\').count();
        write!(out, "{before}(i32.const {at}) (i32.const {length})").unwrap();
        writeln!(data, "(data (i32.const {at}) \"{text}\")").unwrap();
        at += length.max(1);
        rest = after;
    }
    assert!(at < 0xa000, "the texts would run into the places for answers");
    let (body, close) = rest.rsplit_once(')').unwrap();
    let text = format!("{out}{body}{data}){close}");
    wat::parse_str(&text).unwrap_or_else(|error| panic_with(&error.to_string()))
}

fn escaped(byte: &u8) -> String {
    format!("\\{byte:02x}")
}

fn panic_with(error: &str) -> Vec<u8> {
    assert!(error.is_empty(), "{error}");
    Vec::new()
}

/// How a gateway is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A body arrives while headers are held; 16 KiB can be held.
    Holding,
    /// It does not.
    NotHolding,
    /// A module of its own, which may die.
    Doomed,
}

/// What an upstream or a cluster answers.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, &'static str)>,
    pub chunks: Vec<Vec<u8>>,
    pub trailers: Vec<(&'static str, &'static str)>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: &'static str,
    pub setting: Setting,
    pub script: &'static str,
    pub method: &'static str,
    pub headers: Vec<(&'static str, &'static str)>,
    pub chunks: Vec<Vec<u8>>,
    pub trailers: Vec<(&'static str, &'static str)>,
    pub upstream: Answer,
    /// What the cluster `lookup` answers; `None` never answers.
    pub lookup: Option<Answer>,
}

/// What came of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The probe's lines.
    pub trace: Vec<String>,
    /// Status, values of `x-dup`, body, trailers; `None` where no whole answer came.
    pub client: Option<(u16, Vec<String>, String, Vec<String>)>,
    /// Whether the request came whole, values of `x-dup`, body, trailers; `None` where nothing came.
    pub upstream: Option<(bool, Vec<String>, String, Vec<String>)>,
}

impl Heard {
    /// For people.
    pub fn shown(&self, case: &Case) -> String {
        let mut out = format!("== {} [{}]\n", case.name, case.script);
        for line in &self.trace {
            writeln!(out, "   {line}").unwrap();
        }
        writeln!(out, "   client {:?}\n   upstream {:?}", self.client, self.upstream).unwrap();
        out
    }
}

/// A body as it is compared: long ones by their length.
pub fn shortened(body: &[u8]) -> String {
    match body.len() {
        0..200 => String::from_utf8_lossy(body).into_owned(),
        length => format!("{length} bytes"),
    }
}
