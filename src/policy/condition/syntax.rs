//! A condition as its author wrote it: parsed, names not yet resolved, types not yet checked.

use std::fmt;

/// One expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Syntax {
    /// `a && b && …`, at least two.
    And(Vec<Self>),
    Bool(bool),
    Compare {
        operator: Comparison,
        left: Box<Self>,
        right: Box<Self>,
    },
    Double(f64),
    /// `base[3]`
    Element(Box<Self>, u32),
    /// `list.exists(variable, test)`, or with `every` `list.all(variable, test)`.
    Fold {
        every: bool,
        list: Box<Self>,
        variable: String,
        test: Box<Self>,
    },
    /// `has(a.b)`; always of a member.
    Has(Box<Self>),
    In {
        item: Box<Self>,
        list: Box<Self>,
    },
    Int(i64),
    /// What is not supported, and was reported.
    Invalid,
    List(Vec<Self>),
    /// `base.name` or `base["name"]`
    Member(Box<Self>, String),
    Name(String),
    Not(Box<Self>),
    Null,
    /// `a || b || …`, at least two.
    Or(Vec<Self>),
    String(String),
    /// `text.contains(part)` and its like.
    Text {
        test: TextTest,
        text: Box<Self>,
        part: Box<Self>,
    },
    /// `timestamp("…")`
    Timestamp(String),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    NotEqual,
}

/// What is asked of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextTest {
    Contains,
    EndsWith,
    StartsWith,
}

impl Comparison {
    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::NotEqual => "!=",
        }
    }

    /// Whether it only asks if two values are the same.
    pub(super) const fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }
}

impl TextTest {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Contains => "contains",
            Self::EndsWith => "endsWith",
            Self::StartsWith => "startsWith",
        }
    }
}

/// How tightly an expression binds; what binds less than its place demands is put in parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Relation,
    Not,
    Whole,
}

impl Syntax {
    const fn binding(&self) -> Binding {
        match self {
            Self::Or(_) => Binding::Or,
            Self::And(_) => Binding::And,
            Self::Compare { .. } | Self::In { .. } => Binding::Relation,
            Self::Not(_) => Binding::Not,
            _ => Binding::Whole,
        }
    }
}

impl fmt::Display for Syntax {
    /// The text that parses to this expression again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => join(f, parts, " && ", Binding::Relation),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Compare { operator, left, right } => {
                bound(f, left, Binding::Not)?;
                write!(f, " {} ", operator.symbol())?;
                bound(f, right, Binding::Not)
            }
            Self::Double(value) => write!(f, "{value:?}"),
            Self::Element(base, at) => {
                bound(f, base, Binding::Whole)?;
                write!(f, "[{at}]")
            }
            Self::Fold { every, list, variable, test } => {
                bound(f, list, Binding::Whole)?;
                write!(f, ".{}({variable}, {test})", if *every { "all" } else { "exists" })
            }
            Self::Has(member) => write!(f, "has({member})"),
            Self::In { item, list } => {
                bound(f, item, Binding::Not)?;
                f.write_str(" in ")?;
                bound(f, list, Binding::Not)
            }
            Self::Int(value) => write!(f, "{value}"),
            Self::Invalid => f.write_str("…"),
            Self::List(elements) => {
                f.write_str("[")?;
                join(f, elements, ", ", Binding::Or)?;
                f.write_str("]")
            }
            Self::Member(base, name) => {
                bound(f, base, Binding::Whole)?;
                if is_selectable(name) {
                    write!(f, ".{name}")
                } else {
                    f.write_str("[")?;
                    quote(f, name)?;
                    f.write_str("]")
                }
            }
            Self::Name(name) => f.write_str(name),
            // The parser takes `!!a` for `a`, so a second `!` needs parentheses.
            Self::Not(inner) => {
                f.write_str("!")?;
                bound(f, inner, Binding::Whole)
            }
            Self::Null => f.write_str("null"),
            Self::Or(parts) => join(f, parts, " || ", Binding::And),
            Self::String(text) => quote(f, text),
            Self::Text { test, text, part } => {
                bound(f, text, Binding::Whole)?;
                write!(f, ".{}({part})", test.name())
            }
            Self::Timestamp(text) => {
                f.write_str("timestamp(")?;
                quote(f, text)?;
                f.write_str(")")
            }
        }
    }
}

fn bound(f: &mut fmt::Formatter<'_>, expression: &Syntax, least: Binding) -> fmt::Result {
    if expression.binding() < least {
        write!(f, "({expression})")
    } else {
        write!(f, "{expression}")
    }
}

fn join(
    f: &mut fmt::Formatter<'_>,
    parts: &[Syntax],
    separator: &str,
    least: Binding,
) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(separator)?;
        }
        bound(f, part, least)?;
    }
    Ok(())
}

fn is_selectable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !matches!(name, "false" | "in" | "null" | "true")
}

fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for letter in text.chars() {
        match letter {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            control if control.is_control() => write!(f, "\\u{:04x}", u32::from(control))?,
            plain => write!(f, "{plain}")?,
        }
    }
    f.write_str("\"")
}
