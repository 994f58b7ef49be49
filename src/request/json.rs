//! Strict JSON: one tree, no duplicate members, bounded depth, numbers kept exactly as written.

pub(crate) mod jcs;

use super::bytes::ByteSet;
use std::borrow::Cow;
use std::collections::BTreeSet;

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

impl Default for JsonLimits {
    fn default() -> Self {
        Self { bytes: 262_144, depth: 32, nodes: 20_000 }
    }
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

    /// A truth value.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// A number that is an integer of 64 bits, written without fraction or exponent.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A number as the nearest double; `None` where it overflows.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    /// The value a JSON pointer names (RFC 6901); the empty pointer is the value itself.
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<&Self> {
        let mut tokens = pointer.split('/');
        // A pointer is empty or begins with `/`.
        tokens.next().filter(|before| before.is_empty())?;
        tokens.try_fold(self, |value, token| {
            let token = token.replace("~1", "/").replace("~0", "~");
            match value {
                Self::Object(_) => value.member(&token),
                Self::Array(elements) => {
                    let canonical = token == "0" || !token.starts_with(['0', '+']);
                    elements.get(token.parse::<usize>().ok().filter(|_| canonical)?)
                }
                _ => None,
            }
        })
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
    parse_with(text, limits, &mut Plain).map_err(|(_, error)| error)
}

/// What a text is built into; the grammar is the same for all.
pub(crate) trait Build {
    /// A value of the tree.
    type Value;
    /// A value without parts, which begins at byte `at`.
    fn scalar(&mut self, at: usize, scalar: Scalar<'_>) -> Self::Value;
    /// An array.
    fn array(&mut self, at: usize, elements: Vec<Self::Value>) -> Self::Value;
    /// An object: each member's name with the byte it begins at. Names are distinct.
    fn object(&mut self, at: usize, members: Vec<(usize, Box<str>, Self::Value)>) -> Self::Value;
}

/// A value without parts.
pub(crate) enum Scalar<'a> {
    Bool(bool),
    Null,
    Number(&'a str),
    String(Box<str>),
}

/// Builds [`Json`].
struct Plain;

impl Build for Plain {
    type Value = Json;

    fn scalar(&mut self, _: usize, scalar: Scalar<'_>) -> Json {
        match scalar {
            Scalar::Bool(value) => Json::Bool(value),
            Scalar::Null => Json::Null,
            Scalar::Number(text) => Json::Number(text.into()),
            Scalar::String(text) => Json::String(text),
        }
    }

    fn array(&mut self, _: usize, elements: Vec<Json>) -> Json {
        Json::Array(elements)
    }

    fn object(&mut self, _: usize, members: Vec<(usize, Box<str>, Json)>) -> Json {
        Json::Object(members.into_iter().map(|(_, name, value)| (name, value)).collect())
    }
}

/// As [`parse`], into any tree; an error comes with the byte it was found at.
pub(crate) fn parse_with<B: Build>(
    text: &[u8],
    limits: JsonLimits,
    build: &mut B,
) -> Result<B::Value, (usize, JsonError)> {
    if text.len() > limits.bytes {
        return Err((0, wrong("too long")));
    }
    let mut reader = Reader { text, at: 0, nodes: limits.nodes };
    let value = reader.value(limits.depth, build).map_err(|error| (reader.at, error))?;
    reader.space();
    match reader.peek() {
        Some(_) => Err((reader.at, wrong("more after the value"))),
        None => Ok(value),
    }
}

/// Printable ASCII that a JSON string holds as it is.
const PLAIN: ByteSet = ByteSet::printable_but(b"\"\\");

/// Members that are compared one by one before a set is worth its memory.
const FEW: usize = 16;

/// The names of an object's members so far, once they are many.
#[derive(Default)]
struct Seen(BTreeSet<Box<str>>);

impl Seen {
    /// Whether a name is there already among the members so far; it is then one of them.
    fn again<V>(&mut self, name: &str, members: &[(usize, Box<str>, V)]) -> bool {
        if members.len() < FEW {
            return members.iter().any(|(_, member, _)| **member == *name);
        }
        if self.0.is_empty() {
            self.0.extend(members.iter().map(|(_, member, _)| member.clone()));
        }
        !self.0.insert(name.into())
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    nodes: usize,
}

fn wrong(what: &'static str) -> JsonError {
    JsonError { what: Cow::Borrowed(what) }
}

impl<'a> Reader<'a> {
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

    fn value<B: Build>(&mut self, depth: usize, build: &mut B) -> Result<B::Value, JsonError> {
        self.nodes = self.nodes.checked_sub(1).ok_or_else(|| wrong("too many values"))?;
        self.space();
        let at = self.at;
        let deeper = || depth.checked_sub(1).ok_or_else(|| wrong("too deep"));
        let scalar = match self.peek() {
            Some(b'{') => return self.object(deeper()?, build),
            Some(b'[') => return self.array(deeper()?, build),
            Some(b'"') => Scalar::String(self.string()?),
            Some(b't') => self.word("true", Scalar::Bool(true))?,
            Some(b'f') => self.word("false", Scalar::Bool(false))?,
            Some(b'n') => self.word("null", Scalar::Null)?,
            Some(b'-' | b'0'..=b'9') => Scalar::Number(self.number()?),
            _ => return Err(wrong("no value")),
        };
        Ok(build.scalar(at, scalar))
    }

    fn word(&mut self, word: &str, value: Scalar<'a>) -> Result<Scalar<'a>, JsonError> {
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(wrong("no value"))
        }
    }

    fn number(&mut self) -> Result<&'a str, JsonError> {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let text = self.text.get(from..self.at).unwrap_or_default();
        // What nearly all numbers are; the others are left to one who knows the whole grammar.
        let plain = text.iter().all(u8::is_ascii_digit) && !matches!(text, [] | [b'0', _, ..]);
        if !plain {
            serde_json::from_slice::<serde_json::Number>(text).map_err(|_| wrong("bad number"))?;
        }
        std::str::from_utf8(text).map_err(|_| wrong("bad number"))
    }

    fn string(&mut self) -> Result<Box<str>, JsonError> {
        let from = self.at;
        self.at += 1;
        // What nearly all strings are: printable ASCII without an escape.
        let rest = self.text.get(self.at..).unwrap_or_default();
        let plain = PLAIN.prefix_of(rest);
        if rest.get(plain.len()) == Some(&b'"') {
            self.at += plain.len() + 1;
            return std::str::from_utf8(plain).map(Box::from).map_err(|_| wrong("bad string"));
        }
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

    fn array<B: Build>(&mut self, depth: usize, build: &mut B) -> Result<B::Value, JsonError> {
        let from = self.at;
        self.at += 1;
        let mut elements = Vec::new();
        self.space();
        if self.take(b']') {
            return Ok(build.array(from, elements));
        }
        loop {
            elements.push(self.value(depth, build)?);
            self.space();
            if self.take(b']') {
                return Ok(build.array(from, elements));
            }
            if !self.take(b',') {
                return Err(wrong("no comma"));
            }
        }
    }

    fn object<B: Build>(&mut self, depth: usize, build: &mut B) -> Result<B::Value, JsonError> {
        let from = self.at;
        self.at += 1;
        let mut members: Vec<(usize, Box<str>, B::Value)> = Vec::new();
        let mut seen = Seen::default();
        self.space();
        if self.take(b'}') {
            return Ok(build.object(from, members));
        }
        loop {
            self.space();
            let at = self.at;
            if self.peek() != Some(b'"') {
                return Err(wrong("no member name"));
            }
            let name = self.string()?;
            if seen.again(&name, &members) {
                self.at = at;
                return Err(wrong("a member twice"));
            }
            self.space();
            if !self.take(b':') {
                return Err(wrong("no colon"));
            }
            let value = self.value(depth, build)?;
            members.push((at, name, value));
            self.space();
            if self.take(b'}') {
                return Ok(build.object(from, members));
            }
            if !self.take(b',') {
                return Err(wrong("no comma"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Json, JsonError> {
        parse(text.as_bytes(), JsonLimits { bytes: 4096, depth: 8, nodes: 64 })
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\":1 \"b\":2}",
            "nul",
            "True",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "--1",
            "NaN",
            "\"\u{1}\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "'a'",
            "{a:1}",
            "1 2",
            "{}{}",
            "\u{feff}{}",
            "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"\\u0061\":2}",
            "/*x*/1",
            "[[[[[[[[[1]]]]]]]]]",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_stay_as_they_were_written() {
        let json = read("[1.0, 12345678901234567890, -0, 1e3]").unwrap();
        let texts: Vec<_> = json
            .as_array()
            .unwrap()
            .iter()
            .map(|n| match n {
                Json::Number(text) => text.to_string(),
                _ => String::new(),
            })
            .collect();
        assert_eq!(texts, ["1.0", "12345678901234567890", "-0", "1e3"]);
        assert_eq!(json.pointer("/0").unwrap().as_i64(), None, "a fraction is no integer");
    }

    #[test]
    fn pointers_follow_rfc_6901() {
        let json = read("{\"a/b\":{\"~\":[10,20]}}").unwrap();
        assert_eq!(json.pointer("/a~1b/~0/1").unwrap().as_i64(), Some(20));
        for pointer in ["a", "/a~1b/~0/01", "/a~1b/~0/2", "/a~1b/~0/-", "/x", "/a~1b/~0/+1"] {
            assert_eq!(json.pointer(pointer), None, "{pointer}");
        }
        assert_eq!(json.pointer(""), Some(&json));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes, JsonLimits::default());
        }

        #[test]
        fn whatever_is_accepted_serde_json_accepts_too(text in "[\\[\\]{}:,\"a1\\\\ ue.0-]{0,24}") {
            if read(&text).is_ok() {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            }
        }
    }
}
