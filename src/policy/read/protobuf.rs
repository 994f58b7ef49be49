//! A `google.protobuf.Struct` from its wire bytes.
//!
//! Envoy 1.40 hands a `Struct` over unconverted, with every number a double. Positions are unknown.

use super::MAX_DEPTH;
use crate::policy::error::{Place, Problem};
use crate::policy::node::{Entry, Kind, Node};

/// Whole numbers from here on may have been rounded on the way.
const FIRST_INEXACT: f64 = 9_007_199_254_740_992.0;

type Failure = (Place, Problem);

pub(super) fn read(bytes: &[u8]) -> Result<Node, Failure> {
    structure(bytes, MAX_DEPTH)
}

fn wrong(what: &str) -> Failure {
    let message = format!("this is not a protobuf `Struct`: {what}");
    (Place::default(), Problem::error("", message, "a `StringValue` with JSON, or a `Struct`"))
}

/// `message Struct { map<string, Value> fields = 1; }`
fn structure(bytes: &[u8], depth: usize) -> Result<Node, Failure> {
    let depth = depth.checked_sub(1).ok_or_else(|| wrong("too deep"))?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut wire = Wire(bytes);
    while let Some(field) = wire.field()? {
        let (1, Content::Bytes(entry)) = field else { return Err(wrong("an unknown field")) };
        let (mut name, mut value) = (None, None);
        let mut inner = Wire(entry);
        while let Some(field) = inner.field()? {
            match field {
                (1, Content::Bytes(text)) if name.is_none() => name = Some(utf8(text)?),
                (2, Content::Bytes(bytes)) if value.is_none() => value = Some(any(bytes, depth)?),
                _ => return Err(wrong("an unknown field")),
            }
        }
        let name = name.unwrap_or_default();
        if entries.iter().any(|entry| entry.name == name) {
            return Err(wrong("a member twice"));
        }
        let value = value.ok_or_else(|| wrong("a member without a value"))?;
        entries.push(Entry { name, place: Place::default(), value });
    }
    Ok(node(Kind::Map(entries)))
}

/// `message Value { oneof kind { null = 1; number = 2; string = 3; bool = 4; struct = 5; list = 6 } }`
fn any(bytes: &[u8], depth: usize) -> Result<Node, Failure> {
    let mut wire = Wire(bytes);
    let field = wire.field()?.ok_or_else(|| wrong("a value without a kind"))?;
    if !wire.0.is_empty() {
        return Err(wrong("a value of two kinds"));
    }
    Ok(match field {
        (1, Content::Varint(0)) => node(Kind::Null),
        (2, Content::Fixed(number)) => node(Kind::Number(decimal(number)?)),
        (3, Content::Bytes(text)) => node(Kind::String(utf8(text)?)),
        (4, Content::Varint(value @ (0 | 1))) => node(Kind::Bool(value == 1)),
        (5, Content::Bytes(bytes)) => structure(bytes, depth)?,
        (6, Content::Bytes(bytes)) => list(bytes, depth)?,
        _ => return Err(wrong("a value of an unknown kind")),
    })
}

fn list(bytes: &[u8], depth: usize) -> Result<Node, Failure> {
    let depth = depth.checked_sub(1).ok_or_else(|| wrong("too deep"))?;
    let mut elements = Vec::new();
    let mut wire = Wire(bytes);
    while let Some(field) = wire.field()? {
        let (1, Content::Bytes(value)) = field else { return Err(wrong("an unknown field")) };
        elements.push(any(value, depth)?);
    }
    Ok(node(Kind::List(elements)))
}

fn decimal(number: f64) -> Result<String, Failure> {
    if !number.is_finite() {
        return Err(wrong("a number that is none"));
    }
    if number.fract() == 0.0 {
        if number.abs() >= FIRST_INEXACT {
            let message = "a whole number this large may have been rounded on its way here";
            let problem = Problem::error("", message, "the policy as a `StringValue` with JSON");
            return Err((Place::default(), problem));
        }
        return Ok(format!("{number:.0}"));
    }
    Ok(format!("{number}"))
}

fn utf8(bytes: &[u8]) -> Result<String, Failure> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| wrong("text that is not UTF-8"))
}

fn node(kind: Kind) -> Node {
    Node { kind, place: Place::default() }
}

enum Content<'a> {
    Bytes(&'a [u8]),
    Fixed(f64),
    Varint(u64),
}

struct Wire<'a>(&'a [u8]);

impl<'a> Wire<'a> {
    /// The next field: number and content. `None` at the end.
    fn field(&mut self) -> Result<Option<(u64, Content<'a>)>, Failure> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let content = match tag & 7 {
            0 => Content::Varint(self.varint()?),
            1 => {
                let bytes = self.take(8)?;
                Content::Fixed(f64::from_le_bytes(bytes.try_into().map_err(|_| wrong("cut off"))?))
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| wrong("cut off"))?;
                Content::Bytes(self.take(length)?)
            }
            _ => return Err(wrong("an unknown wire type")),
        };
        Ok(Some((tag >> 3, content)))
    }

    fn varint(&mut self) -> Result<u64, Failure> {
        let mut value = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = *self.take(1)?.first().ok_or_else(|| wrong("cut off"))?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(wrong("a number that is too long"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Failure> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(|| wrong("cut off"))?;
        self.0 = rest;
        Ok(taken)
    }
}
