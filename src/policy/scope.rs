//! Scopes: ceilings. A scope narrows and never grants; `no:` scopes always subtract.
//!
//! Grammar: `[no:]<action|*>[:<type | type/tool | *>]`, where the type may be left out only after
//! `no:`. A type covers its tools.

use crate::request::{Action, ActionSet};

/// A resource type, or one tool of it, as a small number of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub(crate) u32);

/// What a request is aimed at: a type, and for tools the tool within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The resource type.
    pub resource: TargetId,
    /// The tool, where the request calls one.
    pub tool: Option<TargetId>,
}

/// One scope string, parsed but not yet resolved against a policy's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// Whether it subtracts (`no:`).
    pub subtracts: bool,
    /// The actions it speaks of.
    pub actions: ActionSet,
    /// The type or `type/tool`; `None` is every type.
    pub target: Option<&'a str>,
}

impl<'a> Scope<'a> {
    /// Reads one scope string; `None` when it is not of the grammar.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (subtracts, rest) = match text.strip_prefix("no:") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (action, target) = match rest.split_once(':') {
            Some((action, target)) => (action, Some(target)),
            None if subtracts => (rest, None),
            None => return None,
        };
        let actions = match action {
            "*" => ActionSet::ALL,
            name => ActionSet::only(Action::parse(name)?),
        };
        let target = match target {
            None | Some("*") => None,
            Some(name) if is_target(name) => Some(name),
            Some(_) => return None,
        };
        Some(Self { subtracts, actions, target })
    }

    /// Whether the string is meant to subtract: it begins with `no:` in any case. Such a string
    /// that does not parse must deny, for ignoring it would give more than was meant.
    #[must_use]
    pub fn is_meant_to_subtract(text: &str) -> bool {
        text.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("no:"))
    }
}

fn is_target(name: &str) -> bool {
    let mut parts = name.splitn(2, '/');
    parts.next().is_some_and(is_name) && parts.next().is_none_or(|tool| !tool.is_empty())
}

/// Whether `name` can name a resource type, an actor or a rule: letters, digits, `-`, `_`, `.`,
/// beginning with a letter or digit, at most 128 bytes.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.len() <= 128
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// Resolves scope strings as a token carries them; the flag is set when a string that is meant to
/// subtract does not parse or names an unknown type.
pub(crate) fn resolve<'a>(
    strings: impl Iterator<Item = &'a str>,
    target: &dyn Fn(&str) -> Option<TargetId>,
) -> (ScopeSet, bool) {
    let (mut set, mut bad) = (ScopeSet::default(), false);
    for text in strings {
        let scope = Scope::parse(text);
        let resolved = scope.and_then(|scope| match scope.target {
            None => Some((scope, None)),
            Some(name) => target(name).map(|id| (scope, Some(id))),
        });
        match resolved {
            Some((scope, id)) => set.add(scope, id),
            None => bad |= Scope::is_meant_to_subtract(text),
        }
    }
    (set, bad)
}

/// A set of scopes resolved against one policy: what they allow and what they subtract.
///
/// Looked at once or twice a request, so the named targets are a small sorted list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet {
    everywhere: ActionSet,
    nowhere: ActionSet,
    named: Vec<(TargetId, ActionSet)>,
    barred: Vec<(TargetId, ActionSet)>,
}

impl ScopeSet {
    /// Adds one parsed scope with its target.
    pub(crate) fn add(&mut self, scope: Scope<'_>, target: Option<TargetId>) {
        match scope.subtracts {
            true => self.subtract(scope.actions, target),
            false => self.allow(scope.actions, target),
        }
    }

    /// Adds the actions on every type (`target` none) or on one.
    pub fn allow(&mut self, actions: ActionSet, target: Option<TargetId>) {
        match target {
            None => self.everywhere = self.everywhere.union(actions),
            Some(target) => insert(&mut self.named, target, actions),
        }
    }

    /// Subtracts the actions on every type (`target` none) or on one; a subtraction is final.
    pub fn subtract(&mut self, actions: ActionSet, target: Option<TargetId>) {
        match target {
            None => self.nowhere = self.nowhere.union(actions),
            Some(target) => insert(&mut self.barred, target, actions),
        }
    }

    /// Adds what `other` allows and what it subtracts.
    pub fn extend(&mut self, other: &Self) {
        self.extend_allowed(other);
        self.extend_subtracted(other);
    }

    /// Adds what `other` allows.
    pub fn extend_allowed(&mut self, other: &Self) {
        self.everywhere = self.everywhere.union(other.everywhere);
        for (target, actions) in &other.named {
            insert(&mut self.named, *target, *actions);
        }
    }

    /// Adds what `other` subtracts.
    pub fn extend_subtracted(&mut self, other: &Self) {
        self.nowhere = self.nowhere.union(other.nowhere);
        for (target, actions) in &other.barred {
            insert(&mut self.barred, *target, *actions);
        }
    }

    /// Whether some scope of the set covers the action on the target, `no:` scopes aside.
    #[must_use]
    pub fn covers(&self, action: Action, target: Target) -> bool {
        self.everywhere.contains(action) || holds(&self.named, action, target)
    }

    /// Whether a `no:` scope of the set subtracts the action on the target.
    #[must_use]
    pub fn subtracts(&self, action: Action, target: Target) -> bool {
        self.nowhere.contains(action) || holds(&self.barred, action, target)
    }
}

#[cfg(feature = "author")]
impl ScopeSet {
    /// Each scope, as a policy would write it.
    pub(crate) fn scopes<'a>(
        &'a self,
        name: &'a dyn Fn(TargetId) -> Option<&'a str>,
    ) -> impl Iterator<Item = (String, ScopeReach)> {
        let everywhere = [(true, self.nowhere), (false, self.everywhere)]
            .map(|(subtracts, actions)| ScopeReach { subtracts, actions, target: None });
        let named = [(true, &self.barred), (false, &self.named)].into_iter().flat_map(
            |(subtracts, list)| {
                list.iter().map(move |(target, actions)| ScopeReach {
                    subtracts,
                    actions: *actions,
                    target: Some(*target),
                })
            },
        );
        everywhere.into_iter().chain(named).flat_map(move |reach| {
            let no = if reach.subtracts { "no:" } else { "" };
            let target = reach.target.map_or(Some("*"), name).unwrap_or("?").to_owned();
            let actions: Vec<(&str, ActionSet)> = match reach.actions {
                ActionSet::ALL => vec![("*", ActionSet::ALL)],
                some => some.iter().map(|one| (one.name(), ActionSet::only(one))).collect(),
            };
            actions.into_iter().map(move |(action, actions)| {
                (format!("{no}{action}:{target}"), ScopeReach { actions, ..reach })
            })
        })
    }
}

/// How far one scope reaches.
#[cfg(feature = "author")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScopeReach {
    pub(crate) subtracts: bool,
    pub(crate) actions: ActionSet,
    /// `None` is every type.
    pub(crate) target: Option<TargetId>,
}

#[cfg(feature = "author")]
impl ScopeReach {
    /// Whether it speaks of the action on the target.
    pub(crate) fn speaks_of(self, action: Action, target: Target) -> bool {
        self.actions.contains(action)
            && self.target.is_none_or(|id| id == target.resource || Some(id) == target.tool)
    }
}

fn insert(list: &mut Vec<(TargetId, ActionSet)>, target: TargetId, actions: ActionSet) {
    match list.binary_search_by_key(&target, |entry| entry.0) {
        Ok(at) => {
            if let Some(entry) = list.get_mut(at) {
                entry.1 = entry.1.union(actions);
            }
        }
        Err(at) => list.insert(at, (target, actions)),
    }
}

fn holds(list: &[(TargetId, ActionSet)], action: Action, target: Target) -> bool {
    let holds_one = |id: TargetId| {
        list.binary_search_by_key(&id, |entry| entry.0)
            .ok()
            .and_then(|at| list.get(at))
            .is_some_and(|entry| entry.1.contains(action))
    };
    // A type covers its tools.
    holds_one(target.resource) || target.tool.is_some_and(holds_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_may_be_left_out_only_after_no() {
        assert!(Scope::parse("read").is_none());
        assert_eq!(Scope::parse("no:delete").unwrap().target, None);
        assert_eq!(Scope::parse("read:crm/refund").unwrap().target, Some("crm/refund"));
        assert!(Scope::parse("read:*").unwrap().target.is_none());
    }

    #[test]
    fn strings_off_the_grammar_mean_nothing() {
        for text in ["", ":", "read:", "openid", "Read:x", "read:x y", "no:", "no:read:", "read:x/"]
        {
            assert!(Scope::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_misspelt_subtraction_is_seen_as_one() {
        assert!(Scope::is_meant_to_subtract("NO:delete"));
        assert!(!Scope::is_meant_to_subtract("notes"));
    }

    #[test]
    fn a_type_covers_its_tools_and_not_the_other_way_round() {
        let (crm, refund) = (TargetId(1), TargetId(2));
        let mut set = ScopeSet::default();
        set.allow(ActionSet::only(Action::Read), Some(crm));
        set.allow(ActionSet::only(Action::Write), Some(refund));
        let tool = Target { resource: crm, tool: Some(refund) };
        let whole = Target { resource: crm, tool: None };
        assert!(set.covers(Action::Read, tool) && set.covers(Action::Write, tool));
        assert!(!set.covers(Action::Write, whole));
    }
}
