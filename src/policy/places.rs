//! Where things of a compiled policy stand in what its author wrote.

use super::Policy;
use super::error::Place;

impl Policy {
    /// The author's file, where the policy was read and not made.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.source.as_deref().map(super::read::Source::file)
    }

    /// The place a JSON pointer (RFC 6901) names; 0 where unknown.
    #[must_use]
    pub fn place_of(&self, pointer: &str) -> Place {
        self.source.as_deref().map_or(Place::default(), |source| source.place_of(pointer, false))
    }

    /// The JSON pointer of the rule at `position`, or of the word in `by_scope` that it stands for.
    #[must_use]
    pub fn rule_pointer(&self, position: u32) -> Option<String> {
        let rule = self.rules.get(position as usize)?;
        let Some((action, resource)) =
            rule.id.strip_prefix("by-scope:").and_then(|rest| rest.split_once(':'))
        else {
            // Rules that were written come first, in their order.
            return Some(format!("/rules/{position}"));
        };
        let list =
            format!("/resources/{}/by_scope", resource.replace('~', "~0").replace('/', "~1"));
        let earlier = self.rules.iter().take(position as usize).filter(|other| {
            other.id.strip_prefix("by-scope:").is_some_and(|rest| {
                rest.split_once(':').is_some_and(|(other, of)| of == resource && other != action)
            })
        });
        Some(format!("{list}/{}", earlier.count()))
    }

    /// Where the rule at `position` stands; 0 where unknown.
    #[must_use]
    pub fn rule_place(&self, position: u32) -> Place {
        self.rule_pointer(position).map_or(Place::default(), |pointer| self.place_of(&pointer))
    }
}

/// A part of a rule's condition: what a test of the policy should see true and false.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyBranch {
    /// The rule's number.
    pub rule: u32,
    /// The part.
    pub part: super::condition::Branch,
}

impl Policy {
    /// Every part of every condition, in the order of rules and numbers.
    #[must_use]
    pub fn branches(&self) -> Vec<PolicyBranch> {
        let conditions =
            (0..).zip(&self.rules).filter_map(|(at, rule)| Some((at, rule.when.as_ref()?)));
        conditions
            .flat_map(|(rule, when)| {
                when.branches().into_iter().map(move |part| PolicyBranch { rule, part })
            })
            .collect()
    }
}
