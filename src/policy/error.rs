//! What is wrong with a policy: every error at once, each with its place and what was expected.

use std::fmt;

/// One thing wrong, before its place is known: named by a JSON pointer into the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// RFC 6901 pointer of the value at fault (`/rules/3/when`).
    pub pointer: String,
    /// Whether the member's name is at fault and not its value (an unknown key).
    pub at_key: bool,
    /// What is wrong: lower case, no full stop, the author's text in backticks.
    pub message: String,
    /// What was expected; empty where the message says it.
    pub expected: String,
    /// An error keeps the policy from loading; a warning does not.
    pub severity: Severity,
}

/// Whether a problem keeps the policy from loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does.
    Error,
    /// It does not; `ambit check` prints it.
    Warning,
}

impl Problem {
    /// An error about the value at `pointer`.
    #[must_use]
    pub fn error(
        pointer: impl Into<String>,
        message: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            pointer: pointer.into(),
            at_key: false,
            message: message.into(),
            expected: expected.into(),
            severity: Severity::Error,
        }
    }

    /// An error about the member name that `pointer` ends in.
    #[must_use]
    pub fn key_error(
        pointer: impl Into<String>,
        message: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self { at_key: true, ..Self::error(pointer, message, expected) }
    }

    /// A warning about the value at `pointer`.
    #[must_use]
    pub fn warning(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(pointer, message, "") }
    }
}

/// A place in the author's file; lines and columns count from 1, 0 is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

/// A [`Problem`] with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The author's file.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Located {
    /// `file:line:column: message; expected …`, the pointer instead where no line is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.line == 0 {
            write!(f, "{}:{}: ", self.file, self.problem.pointer)?;
        } else {
            write!(f, "{}:{}:{}: ", self.file, self.place.line, self.place.column)?;
        }
        if self.problem.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        f.write_str(&self.problem.message)?;
        match self.problem.expected.as_str() {
            "" => Ok(()),
            // A question is its own sentence.
            question if question.ends_with('?') => write!(f, "; {question}"),
            expected => write!(f, "; expected {expected}"),
        }
    }
}

/// Everything wrong with a policy that therefore does not load, sorted by place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyErrors(pub Vec<Located>);

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}
