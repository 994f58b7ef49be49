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
