//! Where things of a compiled policy stand in what its author wrote.

use super::Policy;
use super::error::Place;
use crate::request::Action;

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

    /// What each rule speaks of: resource by number, and action.
    pub(crate) fn rule_pairs(&self) -> Vec<Vec<(u32, Action)>> {
        let mut pairs = vec![Vec::new(); self.rules.len()];
        for (resource, _) in (0..).zip(&self.resources) {
            for action in Action::ALL {
                for rule in self.rules_for(resource, action) {
                    if let Some(pairs) = pairs.get_mut(*rule as usize) {
                        pairs.push((resource, action));
                    }
                }
            }
        }
        pairs
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::read::read_yaml;

    const POLICY: &str = r#"apiVersion: ambit/v1
name: places
identity:
  issuers: [{ issuer: "https://idp", jwks: { remote: { cluster: idp, url: "https://idp/jwks" } } }]
actors: { a: { match: { client_id: a }, scopes: ["*:*"] } }
resources:
  doc:
    audience: https://api
    credentials: keep
    by_scope: [read, write]
    http: [{ path: "/d/{id}" }]
  note: { audience: "https://api", credentials: keep, by_scope: [delete], http: [{ path: "/n/{id}" }] }
rules:
  - { id: one, effect: deny, actions: [delete], resources: [doc] }

  - id: two
    effect: deny
    actions: [admin]
    resources: [doc]
    when: resource.id == "1" || resource.id == "2"
"#;

    #[test]
    fn rules_and_words_of_by_scope_are_found_in_yaml_and_in_what_was_compiled_from_it() {
        let yaml = Policy::load_yaml("p.yaml", POLICY).unwrap().policy;
        let compiled = read_yaml("p.yaml", POLICY).unwrap().to_compiled_json();
        let json = Policy::load("policy", compiled.as_bytes()).unwrap().policy;
        for policy in [yaml, json] {
            assert_eq!(policy.file(), Some("p.yaml"));
            let places: Vec<(&str, u32, u32)> = (0..)
                .zip(policy.rule_ids())
                .map(|(at, id)| (id, policy.rule_place(at).line, policy.rule_place(at).column))
                .collect();
            assert_eq!(
                places,
                [
                    ("one", 14, 5),
                    ("two", 16, 5),
                    ("by-scope:read:doc", 10, 16),
                    ("by-scope:write:doc", 10, 22),
                    ("by-scope:delete:note", 12, 66),
                ]
            );
            assert_eq!(policy.rule_pointer(9), None);
            let branches = policy.branches();
            assert_eq!(
                branches.iter().map(|one| (one.rule, one.part.number)).collect::<Vec<_>>(),
                [(1, 0), (1, 1), (1, 2)]
            );
        }
    }
}
