//! Rules: conditions typed, `by_scope` made explicit, the index by resource and action.

use super::{escape, known};
use crate::policy::compiled::{ResourceEntry, RuleEntry};
use crate::policy::condition::{self, Condition, Declarations, Slot};
use crate::policy::document::{Document, Effect, Rule, RuleApproval, Tier};
use crate::policy::error::Problem;
use crate::policy::value::ValueType;
use crate::request::{Action, ActionSet};
use crate::time::Span;
use std::collections::BTreeMap;

/// The rules and their index.
pub(super) struct Ruled {
    pub(super) rules: Vec<RuleEntry>,
    pub(super) index: Vec<Vec<u32>>,
}

/// Who must say yes where a rule for more than reading says nothing.
const DEFAULT_APPROVAL: RuleApproval = RuleApproval {
    tier: Tier::Presence,
    approve_within: Span::from_secs(30 * 60),
    use_within: Span::from_secs(5 * 60),
    reversible: false,
};

impl RuleEntry {
    /// The approval this allow asks for when it allows `action`: read-only is the default, so all
    /// else needs a person unless the rule says otherwise.
    pub(crate) fn approval_for(&self, action: Action) -> RuleApproval {
        match (self.approval, action) {
            (Some(written), _) => written,
            (None, Action::Read) => RuleApproval { tier: Tier::None, ..DEFAULT_APPROVAL },
            (None, Action::Write | Action::Delete | Action::Admin) => DEFAULT_APPROVAL,
        }
    }
}

pub(super) fn compile(
    document: &Document,
    claims: &[(String, ValueType)],
    resources: &[ResourceEntry],
    problems: &mut Vec<Problem>,
) -> Ruled {
    let mut ruled =
        Ruled { rules: Vec::new(), index: vec![Vec::new(); resources.len().saturating_mul(4)] };
    let places: BTreeMap<&str, usize> =
        resources.iter().enumerate().map(|(at, entry)| (entry.id.as_str(), at)).collect();
    for (at, rule) in document.rules.iter().enumerate() {
        ruled.add(at, rule, claims, resources, &places, problems);
    }
    ruled.add_by_scope(document, resources, problems);
    ruled.warn_of_unequal_approvals(resources, problems);
    ruled
}

impl Ruled {
    fn add(
        &mut self,
        at: usize,
        written: &Rule,
        claims: &[(String, ValueType)],
        resources: &[ResourceEntry],
        places: &BTreeMap<&str, usize>,
        problems: &mut Vec<Problem>,
    ) {
        let pointer = format!("/rules/{at}");
        let mut spoken: Vec<usize> = Vec::new();
        for (place, name) in written.resources.iter().enumerate() {
            if name == "*" {
                spoken.extend(0..resources.len());
            } else if let Some(found) = places.get(name.as_str()) {
                spoken.push(*found);
            } else {
                problems.push(Problem::error(
                    format!("{pointer}/resources/{place}"),
                    format!("`{name}` is not a resource of this policy"),
                    known(document_names(resources).iter()),
                ));
            }
        }
        spoken.sort_unstable();
        spoken.dedup();
        let actions: ActionSet = written.actions.iter().copied().collect();
        if let Some(approval) = written.approval
            && approval.tier == Tier::Device
            && (actions.contains(Action::Delete) || actions.contains(Action::Admin))
        {
            problems.push(Problem::error(
                format!("{pointer}/approval"),
                "a device key is too weak for delete and admin",
                "`presence` or `second-person`",
            ));
        }
        let when = match &written.when {
            None => None,
            Some(text) => {
                let shared = shared_attributes(resources, &spoken);
                let declarations = Declarations { claims, attributes: &shared };
                match condition::compile(text, &declarations) {
                    Ok(condition) => Some(condition),
                    Err(errors) => {
                        problems.extend(errors.into_iter().map(|error| {
                            Problem::error(format!("{pointer}/when"), error.message, error.expected)
                        }));
                        return;
                    }
                }
            }
        };
        let entry = RuleEntry {
            id: written.id.clone(),
            effect: written.effect,
            actions,
            when,
            approval: written.approval,
        };
        self.push(entry, &spoken);
    }

    /// What `by_scope` lists becomes a rule of its own. A pair that a rule allows as well is an
    /// error, so that taking a rule out never allows more.
    fn add_by_scope(
        &mut self,
        document: &Document,
        resources: &[ResourceEntry],
        problems: &mut Vec<Problem>,
    ) {
        for (place, entry) in resources.iter().enumerate() {
            let Some(written) = document.resources.get(&entry.id) else { continue };
            for (at, action) in written.by_scope.iter().enumerate() {
                let pointer = format!("/resources/{}/by_scope/{at}", escape(&entry.id));
                if *action == Action::Admin {
                    problems.push(Problem::error(
                        pointer,
                        "scopes alone never allow `admin`",
                        "a rule for it",
                    ));
                    continue;
                }
                let allowed: Vec<&str> = self
                    .of(place, std::slice::from_ref(action))
                    .filter(|rule| rule.effect == Effect::Allow)
                    .map(|rule| rule.id.as_str())
                    .collect();
                if let Some(rule) = allowed.first() {
                    problems.push(Problem::error(
                        pointer,
                        format!("`{action}` on `{}` is also allowed by rule `{rule}`", entry.id),
                        "either `by_scope` or a rule for one pair",
                    ));
                }
                let rule = RuleEntry {
                    id: format!("by-scope:{action}:{}", entry.id),
                    effect: Effect::Allow,
                    actions: ActionSet::only(*action),
                    when: None,
                    approval: None,
                };
                self.push(rule, &[place]);
            }
        }
    }

    /// The strictest approval applies, so taking out the stricter of two rules for one pair takes
    /// its approval out too; whoever edits the policy should know.
    fn warn_of_unequal_approvals(&self, resources: &[ResourceEntry], problems: &mut Vec<Problem>) {
        for (at, entry) in resources.iter().enumerate() {
            for action in Action::ALL {
                let allows = self.of(at, std::slice::from_ref(&action));
                let mut tiers: Vec<(Tier, &str)> = allows
                    .filter(|rule| rule.effect == Effect::Allow)
                    .map(|rule| (rule.approval_for(action).tier, rule.id.as_str()))
                    .collect();
                tiers.sort_unstable();
                if let (Some(weak), Some(strict)) = (tiers.first(), tiers.last())
                    && weak.0 != strict.0
                {
                    problems.push(Problem::warning(
                        "/rules",
                        format!(
                            "`{}` and `{}` allow `{action}` on `{}` with different approvals; where both \
                             match the stricter applies, and goes when its rule goes",
                            weak.1, strict.1, entry.id
                        ),
                    ));
                }
            }
        }
    }

    fn push(&mut self, rule: RuleEntry, resources: &[usize]) {
        let Ok(number) = u32::try_from(self.rules.len()) else { return };
        for resource in resources {
            for action in rule.actions.iter() {
                let at = resource.saturating_mul(4).saturating_add(action.index());
                if let Some(list) = self.index.get_mut(at) {
                    list.push(number);
                }
            }
        }
        self.rules.push(rule);
    }

    /// The rules that speak of one of the actions on the resource.
    pub(super) fn of<'a>(
        &'a self,
        resource: usize,
        actions: &'a [Action],
    ) -> impl Iterator<Item = &'a RuleEntry> {
        actions.iter().flat_map(move |action| {
            let at = resource.saturating_mul(4).saturating_add(action.index());
            self.index
                .get(at)
                .into_iter()
                .flatten()
                .filter_map(|number| self.rules.get(*number as usize))
        })
    }

    /// Whether some allow of the resource needs a person.
    pub(super) fn asks_for_approval(&self, resource: usize) -> bool {
        Action::ALL.into_iter().any(|action| {
            self.of(resource, &[action]).any(|rule| {
                rule.effect == Effect::Allow && rule.approval_for(action).tier != Tier::None
            })
        })
    }
}

fn document_names(resources: &[ResourceEntry]) -> Vec<String> {
    resources.iter().map(|entry| entry.id.clone()).collect()
}

/// The attributes a rule over several resources may read: those that all of them declare alike.
fn shared_attributes(
    resources: &[ResourceEntry],
    spoken: &[usize],
) -> Vec<(String, ValueType, u32)> {
    let mut spoken = spoken.iter().filter_map(|at| resources.get(*at));
    let Some(first) = spoken.next() else { return Vec::new() };
    let rest: Vec<&ResourceEntry> = spoken.collect();
    first
        .attributes
        .iter()
        .filter(|attribute| {
            rest.iter().all(|other| other.attributes.iter().any(|a| a.number == attribute.number))
        })
        .map(|attribute| (attribute.name.clone(), attribute.value_type.clone(), attribute.number))
        .collect()
}

/// Whether a condition looks at the record: an attribute, or its id.
pub(super) fn looks_at_record(condition: &Condition) -> bool {
    condition
        .slots()
        .iter()
        .any(|slot| matches!(slot, Slot::ResourceAttribute(_) | Slot::ResourceId))
}
