//! Typed values of claims and attributes, and whether they are known.

use crate::Timestamp;
use crate::request::json::Json;
use std::fmt;

/// The declared type of a claim or an attribute, as a policy writes it: `string`, `int`, `double`,
/// `bool`, `timestamp`, `dyn`, or a list of one of these: `[string]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// `bool`
    Bool,
    /// `double`: a 64-bit float
    Double,
    /// `dyn`: any JSON; what it must be is checked where it is used
    Dyn,
    /// `int`: a signed 64-bit integer
    Int,
    /// `[type]`
    List(Box<Self>),
    /// `string`
    String,
    /// `timestamp`: RFC 3339 text or a NumericDate
    Timestamp,
}

impl ValueType {
    /// Reads the spelling of a policy (`string`, `[string]`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let inner = Self::parse(inner)?;
            return (!matches!(inner, Self::List(_))).then(|| Self::List(Box::new(inner)));
        }
        Some(match text {
            "bool" => Self::Bool,
            "double" => Self::Double,
            "dyn" => Self::Dyn,
            "int" => Self::Int,
            "string" => Self::String,
            "timestamp" => Self::Timestamp,
            _ => return None,
        })
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Double => f.write_str("double"),
            Self::Dyn => f.write_str("dyn"),
            Self::Int => f.write_str("int"),
            Self::List(inner) => write!(f, "[{inner}]"),
            Self::String => f.write_str("string"),
            Self::Timestamp => f.write_str("timestamp"),
        }
    }
}

/// One value of a declared type.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `bool`
    Bool(bool),
    /// `double`, never NaN
    Double(f64),
    /// `dyn`
    Dyn(Json),
    /// `int`
    Int(i64),
    /// A list whose members are of one type.
    List(Vec<Self>),
    /// `string`
    String(String),
    /// `timestamp`
    Timestamp(Timestamp),
}

/// A value looked at where it lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// `bool`
    Bool(bool),
    /// `double`, never NaN
    Double(f64),
    /// `dyn`
    Dyn(&'a Json),
    /// `int`
    Int(i64),
    /// A list.
    List(&'a [Value]),
    /// `string`
    String(&'a str),
    /// A list of strings.
    Strings(&'a [String]),
    /// `timestamp`
    Timestamp(Timestamp),
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Double(value) => Self::Double(*value),
            Value::Dyn(value) => Self::Dyn(value),
            Value::Int(value) => Self::Int(*value),
            Value::List(value) => Self::List(value),
            Value::String(value) => Self::String(value),
            Value::Timestamp(value) => Self::Timestamp(*value),
        }
    }
}

/// A fact a condition asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fact<'a> {
    /// Known.
    Known(ValueRef<'a>),
    /// Not yet known, and the named source could still tell.
    Pending(Source),
    /// Withheld, absent without a declared meaning, of a wrong type, or failed. Final.
    Unknown,
}

/// Where a pending attribute would come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A callout before the request is forwarded.
    Lookup,
    /// The upstream's answer, held and looked at before it is released.
    Response,
}

/// Which sources some outcome still waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// A look-up would help.
    pub lookup: bool,
    /// The response would help.
    pub response: bool,
}

impl Sources {
    /// No source.
    pub const NONE: Self = Self { lookup: false, response: false };

    /// One source.
    #[must_use]
    pub const fn only(source: Source) -> Self {
        match source {
            Source::Lookup => Self { lookup: true, response: false },
            Source::Response => Self { lookup: false, response: true },
        }
    }

    /// Either's sources.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self { lookup: self.lookup || other.lookup, response: self.response || other.response }
    }

    /// Whether nothing is waited for.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        !self.lookup && !self.response
    }
}
