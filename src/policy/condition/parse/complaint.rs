//! What an author is told about text that cannot be read.

use super::SUPPORTED;
use crate::policy::condition::ConditionError;

/// What cannot be a token at all.
pub(super) fn unreadable(text: &str, start: usize) -> ConditionError {
    let rest = text.get(start..).unwrap_or_default();
    let expected = match rest.chars().next() {
        Some('&') => "`&&`",
        Some('|') => "`||`",
        Some('"' | '\'') => "a closing quote",
        _ => SUPPORTED,
    };
    ConditionError::new(format!("the condition cannot be read from `{}`", excerpt(rest)), expected)
}

/// The parser's first complaint, with the text it is about: its positions are lines and bytes.
pub(super) fn syntax_error(text: &str, first: Option<((isize, isize), &str)>) -> ConditionError {
    let Some(((line, column), complaint)) = first else {
        return ConditionError::new("the condition cannot be read", "one expression");
    };
    let skipped = usize::try_from(line - 1).unwrap_or(0);
    let line = text.split_inclusive('\n').nth(skipped).unwrap_or_default();
    let rest = usize::try_from(column - 1).ok().and_then(|at| line.get(at..)).unwrap_or_default();
    let expected = match complaint {
        _ if complaint.contains("has() macro") => "a member, such as `has(subject.tenant)`",
        _ if complaint.contains("simple name") => {
            "a loop variable, such as `exists(label, label == \"public\")`"
        }
        _ if complaint.ends_with("expecting <EOF>") => "an operator, or the end",
        _ if complaint.contains("')'") => "`)`",
        _ if complaint.contains("']'") => "`]`",
        _ if complaint.contains("after '.'") => "a name after `.`",
        _ if complaint.contains("literal") => "a number that an int or a double holds",
        _ if complaint.contains("reserved") => "another name: this one is reserved",
        _ if complaint.contains("unescape") || complaint.contains("code point") => {
            "a string with the escapes of CEL"
        }
        _ => "a name, a literal, `!`, `(` or `[`",
    };
    if rest.trim().is_empty() {
        return ConditionError::new("the condition ends too early", expected);
    }
    ConditionError::new(format!("the condition cannot be read from `{}`", excerpt(rest)), expected)
}

fn excerpt(text: &str) -> String {
    /// Enough to find the place.
    const LENGTH: usize = 24;
    let mut start: String = text.chars().take(LENGTH).collect();
    if text.chars().nth(LENGTH).is_some() {
        start.push('…');
    }
    start.trim_end().to_owned()
}
