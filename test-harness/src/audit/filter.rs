//! Which records are meant.

use crate::recorded::{Effect, Recorded};

/// What records must say to be meant; what is left out says nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Any of the actors, or the client.
    pub actor: Option<Pattern>,
    /// The subject's id, or `realm id`.
    pub subject: Option<Pattern>,
    /// The resource's type, `type/id`, or the path.
    pub resource: Option<Pattern>,
    /// The action class.
    pub action: Option<Pattern>,
    /// What was decided.
    pub effect: Option<Effect>,
    /// Reason code.
    pub reason: Option<Pattern>,
    /// Any of the rules.
    pub rule: Option<Pattern>,
    /// When the request began.
    pub window: Window,
}

/// A span of time, in milliseconds since the epoch; its end is outside it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    /// From here.
    pub since: Option<i64>,
    /// To here.
    pub until: Option<i64>,
}

/// A text in which `*` stands for any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Pattern {
    /// Whether `text` is meant.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            // The earliest place leaves most for what follows.
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }
}

impl Filter {
    /// Whether the record is meant.
    #[must_use]
    pub fn fits(&self, record: &Recorded) -> bool {
        let fits = |pattern: &Option<Pattern>, texts: &[&str]| {
            pattern.as_ref().is_none_or(|pattern| texts.iter().any(|text| pattern.fits(text)))
        };
        let actors: Vec<&str> =
            record.actors.iter().chain([&record.client]).map(String::as_str).collect();
        let rules: Vec<&str> = record.rules.iter().map(String::as_str).collect();
        let subject = record.subject.clone().unwrap_or_default();
        let whole_subject = format!("{} {}", subject.realm, subject.id);
        let whole_resource = format!("{}/{}", record.resource.kind, record.resource.id);
        fits(&self.actor, &actors)
            && fits(&self.subject, &[&subject.id, &whole_subject])
            && fits(&self.resource, &[&record.resource.kind, &whole_resource, &record.http.path])
            && fits(&self.action, &[&record.action])
            && self.effect.is_none_or(|effect| effect == record.effect)
            && fits(&self.reason, &[&record.reason])
            && fits(&self.rule, &rules)
            && self.window.since.is_none_or(|since| record.time >= since)
            && self.window.until.is_none_or(|until| record.time < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::{LINE, Read};

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "aab", true),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(Pattern::from(pattern).fits(text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn each_part_of_a_filter_narrows() {
        let record = Read::of(LINE).unwrap().record;
        let some = |text: &str| Some(Pattern::from(text));
        let fitting = Filter {
            actor: some("b*"),
            subject: some("r alice"),
            resource: some("d/7"),
            action: some("read"),
            effect: Some(Effect::Allow),
            reason: some("allowed-*"),
            rule: None,
            window: Window { since: Some(1_800_000_000_000), until: Some(1_800_000_000_001) },
        };
        assert!(fitting.fits(&record) && Filter::default().fits(&record));
        for other in [
            Filter { actor: some("c"), ..fitting.clone() },
            Filter { subject: some("bob"), ..fitting.clone() },
            Filter { resource: some("e"), ..fitting.clone() },
            Filter { action: some("write"), ..fitting.clone() },
            Filter { effect: Some(Effect::Deny), ..fitting.clone() },
            Filter { reason: some("denied"), ..fitting.clone() },
            Filter { rule: some("r1"), ..fitting.clone() },
            Filter {
                window: Window { since: Some(1_800_000_000_001), until: None },
                ..fitting.clone()
            },
            Filter { window: Window { since: None, until: Some(1_800_000_000_000) }, ..fitting },
        ] {
            assert!(!other.fits(&record), "{other:?}");
        }
    }
}
