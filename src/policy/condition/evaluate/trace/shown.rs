//! Values as text.

use super::super::{Loops, OutOfSteps, Seen};
use super::Tracer;
use crate::identity::format_timestamp;
use crate::policy::condition::Facts;
use crate::policy::condition::compare::Known;
use crate::policy::condition::syntax::Syntax;
use crate::policy::value::Sources;

/// Members of a list or an object that are written out, how deep, and letters of a text.
const MAX_MEMBERS: usize = 8;
const MAX_DEPTH: u32 = 3;
const MAX_TEXT: usize = 200;

/// A value as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// As a condition would write it; long ones end in `…`.
    Known(String),
    /// Not known yet, and these could tell.
    Pending(Sources),
    /// Nothing will tell: absent, withheld, failed, or of a type that does not fit.
    Unknown,
}

impl<'a, F: Facts> Tracer<'a, F> {
    pub(super) fn shown(
        &mut self,
        seen: Result<Seen<'a>, OutOfSteps>,
        loops: Loops<'_, 'a>,
    ) -> Shown {
        match seen {
            Ok(Seen::Known(known)) => Shown::Known(self.text(known, loops, 0)),
            Ok(Seen::Unknown(sources)) if !sources.is_empty() => Shown::Pending(sources),
            Ok(Seen::Unknown(_)) | Err(OutOfSteps) => Shown::Unknown,
        }
    }

    fn text(&mut self, known: Known<'a>, loops: Loops<'_, 'a>, depth: u32) -> String {
        match known {
            Known::Bool(value) => value.to_string(),
            Known::Double(value) => format!("{value:?}"),
            Known::Int(value) => value.to_string(),
            Known::Null => "null".to_owned(),
            Known::String(text) => quoted(text),
            Known::Timestamp(value) => format!("timestamp(\"{}\")", format_timestamp(value)),
            Known::Unreadable => "a number beyond reading".to_owned(),
            Known::List(list) => {
                let count = if depth < MAX_DEPTH { list.len().min(MAX_MEMBERS) } else { 0 };
                let mut members = Vec::new();
                for at in 0..count {
                    let element = self.afresh(|run| run.element(list, at, loops));
                    members.push(match element {
                        Ok(Seen::Known(known)) => self.text(known, loops, depth + 1),
                        _ => "?".to_owned(),
                    });
                }
                joined('[', members, list.len(), ']')
            }
            Known::Object(object) => {
                let count = if depth < MAX_DEPTH { MAX_MEMBERS } else { 0 };
                let mut members = Vec::new();
                for (name, json) in object.iter().take(count) {
                    let value = self.text(json.into(), loops, depth + 1);
                    members.push(format!("{}: {value}", quoted(name)));
                }
                joined('{', members, object.len(), '}')
            }
        }
    }
}

fn quoted(text: &str) -> String {
    let short: String = text.chars().take(MAX_TEXT).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{}{more}", Syntax::String(short))
}

fn joined(open: char, mut members: Vec<String>, all: usize, close: char) -> String {
    if members.len() < all {
        members.push("…".to_owned());
    }
    format!("{open}{}{close}", members.join(", "))
}
