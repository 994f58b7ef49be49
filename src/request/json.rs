//! Strict JSON: one tree, no duplicate members, bounded depth, numbers kept exactly as written.

use std::borrow::Cow;

/// A JSON value read by `parse`. Members keep their order; no two have the same name.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `[…]`
    Array(Vec<Self>),
    /// `true` or `false`
    Bool(bool),
    /// `null`
    Null,
    /// A number as it was written (RFC 8259 §6).
    Number(Box<str>),
    /// `{…}`
    Object(Vec<(Box<str>, Self)>),
    /// A string, unescaped.
    String(Box<str>),
}

/// What a text may hold before it is refused.
#[derive(Clone, Copy, Debug)]
pub struct JsonLimits {
    /// Bytes of text.
    pub bytes: usize,
    /// Nesting of arrays and objects.
    pub depth: usize,
    /// Values in all, members and elements counted.
    pub nodes: usize,
}

/// Why a text was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// What was wrong, in a few words, without the text's own content.
    pub what: Cow<'static, str>,
}

impl Json {
    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The members of an object, in order.
    #[must_use]
    pub fn as_object(&self) -> Option<&[(Box<str>, Self)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The member of an object with this name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Self> {
        let (_, value) = self.as_object()?.iter().find(|(member, _)| **member == *name)?;
        Some(value)
    }
}

/// Reads one JSON text (RFC 8259), strictly: no duplicate members, nothing before or after it.
///
/// # Errors
/// The text is not JSON, or exceeds a limit.
pub fn parse(text: &[u8], limits: JsonLimits) -> Result<Json, JsonError> {
    if text.len() > limits.bytes {
        return Err(wrong("too long"));
    }
    let mut reader = Reader { text, at: 0, nodes: limits.nodes };
    let json = reader.value(limits.depth)?;
    reader.space();
    if reader.peek().is_some() { Err(wrong("more after the value")) } else { Ok(json) }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    nodes: usize,
}

fn wrong(what: &'static str) -> JsonError {
    JsonError { what: Cow::Borrowed(what) }
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.nodes = self.nodes.checked_sub(1).ok_or_else(|| wrong("too many values"))?;
        self.space();
        match self.peek() {
            Some(b'"') => self.string().map(Json::String),
            Some(b'{') => self.object(depth.checked_sub(1).ok_or_else(|| wrong("too deep"))?),
            Some(b'[') => self.array(depth.checked_sub(1).ok_or_else(|| wrong("too deep"))?),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(wrong("no value")),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, JsonError> {
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(wrong("no value"))
        }
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let text = self.text.get(from..self.at).unwrap_or_default();
        serde_json::from_slice::<serde_json::Number>(text).map_err(|_| wrong("bad number"))?;
        let text = std::str::from_utf8(text).map_err(|_| wrong("bad number"))?;
        Ok(Json::Number(text.into()))
    }

    fn string(&mut self) -> Result<Box<str>, JsonError> {
        let from = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
                None => return Err(wrong("unfinished string")),
            }
        }
        self.at += 1;
        serde_json::from_slice(self.text.get(from..self.at).unwrap_or_default())
            .map_err(|_| wrong("bad string"))
    }

    fn array(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.at += 1;
        let mut elements = Vec::new();
        self.space();
        if self.take(b']') {
            return Ok(Json::Array(elements));
        }
        loop {
            elements.push(self.value(depth)?);
            self.space();
            if self.take(b']') {
                return Ok(Json::Array(elements));
            }
            if !self.take(b',') {
                return Err(wrong("no comma"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.at += 1;
        let mut members: Vec<(Box<str>, Json)> = Vec::new();
        self.space();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(wrong("no member name"));
            }
            let name = self.string()?;
            self.space();
            if !self.take(b':') {
                return Err(wrong("no colon"));
            }
            if members.iter().any(|(member, _)| *member == name) {
                return Err(wrong("a member twice"));
            }
            let value = self.value(depth)?;
            members.push((name, value));
            self.space();
            if self.take(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.take(b',') {
                return Err(wrong("no comma"));
            }
        }
    }
}
