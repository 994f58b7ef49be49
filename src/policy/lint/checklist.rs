//! The five questions an auditor asks of a policy, each answered with the lines that make it so.

mod answers;

use super::{Lint, member};
use crate::policy::compiled::Policy;
use crate::policy::error::Place;
use crate::policy::walk;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Stable, in kebab-case.
    pub code: &'static str,
    /// The question.
    pub question: &'static str,
    /// Yes or no.
    pub yes: bool,
    /// What makes it so; of a no, what stands against it comes first.
    pub because: Vec<Evidence>,
}

/// Something that speaks for an answer, or against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Whether it speaks for yes.
    pub speaks_for: bool,
    /// What it is: lower case, no full stop.
    pub text: String,
    /// JSON pointer of what it is about; empty where it holds of every policy.
    pub pointer: String,
    /// Where that stands; 0 where it holds of every policy.
    pub place: Place,
}

/// What the gateway that the policy is for was seen to do; the policy alone cannot tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gateway {
    /// Whether its access log prints records; `None` where nobody looked.
    pub logs_records: Option<bool>,
    /// Whether it prints what the client got, beside the record.
    pub logs_status: Option<bool>,
}

/// Answers the five questions. A policy that was made and not read has no answers.
#[must_use]
pub fn checklist(policy: &Policy, gateway: Gateway) -> Vec<Answer> {
    let Some(source) = policy.source.clone() else { return Vec::new() };
    let (document, _) = walk::walk(&source);
    let lint = Lint::of(policy, &document);
    vec![
        answer("read-only", "is every agent read-only at most unless named?", lint.read_only()),
        answer("filtered", "is returned data filtered by the user's permissions?", lint.filtered()),
        answer("a-person", "does every sensitive action need a person?", lint.a_person()),
        answer("short-lived", "are tokens short-lived?", lint.short_lived()),
        answer("recorded", "is the whole access history recorded?", lint.recorded(gateway)),
    ]
}

fn answer(code: &'static str, question: &'static str, mut because: Vec<Evidence>) -> Answer {
    let yes = because.iter().all(|evidence| evidence.speaks_for);
    because.sort_by_key(|evidence| (evidence.speaks_for, evidence.place));
    Answer { code, question, yes, because }
}

impl Lint<'_> {
    fn evidence(&self, speaks_for: bool, pointer: &str, text: impl Into<String>) -> Evidence {
        let place = match pointer {
            "" => Place::default(),
            pointer => self.policy.place_of(pointer),
        };
        Evidence { speaks_for, text: text.into(), pointer: pointer.to_owned(), place }
    }
}
