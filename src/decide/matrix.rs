//! Who may do what, before anything is known of a request: every agent, resource and action of a
//! policy, with the conditions that are left.

use super::rules::asked;
use crate::policy::compiled::{ActorEntry, Policy, ResourceEntry, RuleEntry, SubjectCeiling};
use crate::policy::condition::{Facts, MAX_STEPS, Slot, Truth};
use crate::policy::document::{ActorMode, Effect, Tier};
use crate::policy::scope::Target;
use crate::policy::value::{Fact, Source, ValueRef};
use crate::request::{Action, Mapped};
use std::collections::BTreeSet;

/// One field of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The agent.
    pub actor: String,
    /// The resource.
    pub resource: String,
    /// What is done to it.
    pub action: Action,
    /// What the policy says.
    pub outcome: Outcome,
    /// For whom the agent may do it; nobody where it may not.
    pub users: Users,
}

/// What a policy says of an agent, a resource and an action, a token with every scope given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is refused, whatever is asked.
    Deny(Refused),
    /// It is allowed, these rules together asking for this approval.
    Allow {
        /// The rules.
        rules: Vec<String>,
        /// The approval.
        tier: Tier,
    },
    /// It depends.
    Depends {
        /// Rules that allow it, or would.
        allowing: Vec<Ground>,
        /// Rules that would forbid it.
        forbidding: Vec<Ground>,
    },
}

/// One rule that may speak of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// The rule.
    pub rule: String,
    /// Its condition as written, where that is open.
    pub when: Option<String>,
    /// The approval it asks for.
    pub tier: Tier,
}

/// Why something is refused, whatever is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No path and method of the resource is this action.
    NoPath,
    /// The agent's ceiling leaves no room.
    BeyondAgent,
    /// No user's ceiling leaves room.
    BeyondUsers,
    /// No rule allows it.
    NoRule,
    /// These rules forbid it.
    Forbidden(Vec<String>),
}

/// For whom an agent may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Users {
    /// Nobody.
    Nobody,
    /// Itself.
    Itself,
    /// Every user whose token allows it.
    Everyone,
    /// Users of one of the first groups, or everyone where there are none, but for users of one of
    /// the second.
    Groups(Vec<String>, Vec<String>),
}

/// The table of a policy: agents, then resources, then actions, each in the policy's order.
#[must_use]
pub fn matrix(policy: &Policy) -> Vec<Field> {
    let mut fields = Vec::new();
    for actor in &policy.actors {
        for (number, resource) in (0..).zip(&policy.resources) {
            for action in Action::ALL {
                fields.push(field(policy, actor, (number, resource), action));
            }
        }
    }
    fields
}

fn field(
    policy: &Policy,
    actor: &ActorEntry,
    (number, resource): (u32, &ResourceEntry),
    action: Action,
) -> Field {
    let target = Target { resource: resource.target, tool: None };
    let users = users(policy, actor.mode, action, target);
    let mut routes = policy.routes.all().iter().filter(|route| route.resource == number);
    let outcome = if !routes.any(|route| route.actions().contains(&action)) {
        Outcome::Deny(Refused::NoPath)
    } else if !actor.ceiling.covers(action, target) || actor.ceiling.subtracts(action, target) {
        Outcome::Deny(Refused::BeyondAgent)
    } else if users == Users::Nobody {
        Outcome::Deny(Refused::BeyondUsers)
    } else {
        ruled(policy, actor, (number, resource), action)
    };
    let users = if matches!(outcome, Outcome::Deny(_)) { Users::Nobody } else { users };
    Field { actor: actor.id.clone(), resource: resource.id.clone(), action, outcome, users }
}

fn users(policy: &Policy, mode: ActorMode, action: Action, target: Target) -> Users {
    match (mode, &policy.subjects) {
        (ActorMode::Independent, _) => Users::Itself,
        (ActorMode::Delegated, None) => Users::Everyone,
        (ActorMode::Delegated, Some(entries)) => within(entries, action, target),
    }
}

fn within(entries: &[SubjectCeiling], action: Action, target: Target) -> Users {
    let subtracts = |entry: &&SubjectCeiling| entry.scopes.subtracts(action, target);
    let covers = |entry: &&SubjectCeiling| entry.scopes.covers(action, target);
    if entries.iter().filter(subtracts).any(|entry| entry.groups.is_none()) {
        return Users::Nobody;
    }
    let named = |test: &dyn Fn(&&SubjectCeiling) -> bool| -> BTreeSet<String> {
        entries
            .iter()
            .filter(test)
            .flat_map(|entry| entry.groups.iter().flatten())
            .cloned()
            .collect()
    };
    let never = named(&subtracts);
    let everyone = entries.iter().filter(covers).any(|entry| entry.groups.is_none());
    let some: Vec<String> = match everyone {
        true => Vec::new(),
        false => named(&covers).difference(&never).cloned().collect(),
    };
    match (everyone, some.is_empty(), never.is_empty()) {
        (false, true, _) => Users::Nobody,
        (true, _, true) => Users::Everyone,
        _ => Users::Groups(some, never.into_iter().collect()),
    }
}

/// What the rules say of it, with what is known of every such request.
fn ruled(
    policy: &Policy,
    actor: &ActorEntry,
    (number, resource): (u32, &ResourceEntry),
    action: Action,
) -> Outcome {
    let known = Known { actor, resource, action };
    let mapped = Mapped { resource: number, route: 0, action, id: "" };
    let (mut allowing, mut forbidding, mut forbidden) = (Vec::new(), Vec::new(), Vec::new());
    let numbers = policy.rules_for(number, action).iter();
    for rule in numbers.filter_map(|number| policy.rules.get(*number as usize)) {
        let truth = truth(rule, &known);
        let tier = match rule.effect {
            Effect::Allow => asked(rule, mapped, actor.mode).tier,
            Effect::Deny => Tier::None,
        };
        let when = rule.when.as_ref().filter(|_| truth == Truth::Unknown);
        let when = when.map(|when| when.source().to_owned());
        let ground = Ground { rule: rule.id.clone(), when, tier };
        match (rule.effect, truth) {
            (_, Truth::False) => {}
            (Effect::Allow, _) => allowing.push(ground),
            (Effect::Deny, Truth::True) => forbidden.push(ground.rule),
            (Effect::Deny, Truth::Unknown) => forbidding.push(ground),
        }
    }
    if !forbidden.is_empty() {
        return Outcome::Deny(Refused::Forbidden(forbidden));
    }
    if allowing.is_empty() {
        return Outcome::Deny(Refused::NoRule);
    }
    // One that surely allows, and of the open ones none that forbids or asks for a stricter yes.
    let sure =
        allowing.iter().filter(|ground| ground.when.is_none()).map(|ground| ground.tier).max();
    match sure {
        Some(tier)
            if forbidding.is_empty() && allowing.iter().all(|ground| ground.tier <= tier) =>
        {
            let rules = allowing.into_iter().filter(|ground| ground.when.is_none());
            Outcome::Allow { rules: rules.map(|ground| ground.rule).collect(), tier }
        }
        _ => Outcome::Depends { allowing, forbidding },
    }
}

fn truth(rule: &RuleEntry, known: &Known<'_>) -> Truth {
    match &rule.when {
        None => Truth::True,
        Some(when) => when.evaluate(known, &mut MAX_STEPS.clone()).truth,
    }
}

/// What is known of every request of a field.
struct Known<'a> {
    actor: &'a ActorEntry,
    resource: &'a ResourceEntry,
    action: Action,
}

impl Facts for Known<'_> {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        let text = |text| Fact::Known(ValueRef::String(text));
        match slot {
            Slot::Action => text(self.action.name()),
            Slot::ActorId => text(&self.actor.id),
            Slot::ActorMode => text(match self.actor.mode {
                ActorMode::Delegated => "delegated",
                ActorMode::Independent => "independent",
            }),
            Slot::ResourceType => text(&self.resource.id),
            Slot::ActorChain
            | Slot::ActorIssuer
            | Slot::Args
            | Slot::RequestHost
            | Slot::RequestMethod
            | Slot::RequestPath
            | Slot::RequestTime
            | Slot::ResourceAttribute(_)
            | Slot::ResourceId
            | Slot::SubjectClaim(_)
            | Slot::SubjectGroups
            | Slot::SubjectId
            | Slot::SubjectIssuer
            | Slot::SubjectRealm
            | Slot::SubjectScopes => Fact::Pending(Source::Lookup),
        }
    }
}

#[cfg(test)]
mod tests;
