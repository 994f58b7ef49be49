//! Node tree -> [`Document`]: every shape checked, every error collected.
//!
//! What is wrong is reported and left at its default, and everything else is read on, so that
//! names stay known and later checks do not repeat the error.

mod identity;
mod resources;
mod values;

use super::document::{
    Actor, ActorMatch, ActorMode, ApprovalMode, Approvals, Audit, AuditLevel, AuditOutcome, Desk,
    Document, Effect, Mode, Rule, RuleApproval, SubjectEntry, Tier,
};
use super::error::Problem;
use super::keys::{self, POLICY};
use super::node::Kind;
use super::read::Source;
use super::scope::is_name;
use crate::time::Span;
use std::collections::{BTreeMap, BTreeSet};
use values::{At, Walk};

/// Reads a document out of a tree. With an error among the problems, the document is incomplete.
#[must_use]
pub fn walk(source: &Source) -> (Document, Vec<Problem>) {
    let mut walk = Walk::default();
    let document = walk.policy(At { node: &source.root, pointer: String::new() });
    (document, walk.problems)
}

impl Walk {
    fn policy(&mut self, at: At<'_>) -> Document {
        let mut document = Document::default();
        let Some(map) = self.map(at, &POLICY) else { return document };
        document.api_version = self.text_of(&map, "apiVersion").unwrap_or_default();
        if document.api_version != "ambit/v1" && map.has("apiVersion") {
            self.error(&map.at("apiVersion"), "this format is not known here", "`ambit/v1`");
        }
        if let Some(name) = self.text_of(&map, "name") {
            if !is_name(&name) {
                let message = format!("`{name}` cannot name a policy");
                self.error(&map.at("name"), message, "letters, digits, `-`, `_` and `.`");
            }
            document.name = name;
        }
        if let Some(at) = map.get("identity") {
            document.identity = self.identity(at);
        }
        if let Some(at) = map.get("subjects") {
            let entries = self.list(at).into_iter().map(|at| self.subject(at)).collect();
            document.subjects = Some(entries);
        }
        if let Some(at) = map.get("actors") {
            document.actors = self.named(at, "an actor", Self::actor);
        }
        if let Some(at) = map.get("resources") {
            document.resources = self.named(at, "a resource type", Self::resource);
        }
        if let Some(at) = map.get("rules") {
            document.rules = self.rules(at);
        }
        if let Some(at) = map.get("approvals") {
            document.approvals = self.approvals(at);
        }
        if let Some(at) = map.get("audit") {
            document.audit = self.audit(at);
        }
        if let Some(at) = map.get("limits") {
            document.limits = self.limits(at);
        }
        let modes = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)];
        document.mode = self.choice_of(&map, "mode", &modes).unwrap_or_default();
        document
    }

    /// A map from names to things of one kind.
    fn named<T>(
        &mut self,
        at: At<'_>,
        what: &str,
        read: impl Fn(&mut Self, At<'_>) -> T,
    ) -> BTreeMap<String, T> {
        let mut things = BTreeMap::new();
        for (name, at) in self.members(at) {
            if !is_name(&name) {
                let message = format!("`{name}` cannot name {what}");
                self.key_error(&at.pointer, message, "letters, digits, `-`, `_` and `.`");
            }
            things.insert(name, read(self, at));
        }
        things
    }

    fn subject(&mut self, at: At<'_>) -> SubjectEntry {
        let Some(map) = self.map_by_name(at, "subjects[]") else { return SubjectEntry::default() };
        let groups = map.get("groups").map(|at| self.texts(at));
        let scopes = map.get("scopes").map(|at| self.text_list(at)).unwrap_or_default();
        SubjectEntry { groups, scopes }
    }

    fn actor(&mut self, at: At<'_>) -> Actor {
        let Some(map) = self.map_by_name(at, "actors.<name>") else { return Actor::default() };
        let modes = [("delegated", ActorMode::Delegated), ("independent", ActorMode::Independent)];
        Actor {
            mode: self.choice_of(&map, "mode", &modes).unwrap_or_default(),
            matches: map.get("match").map(|at| self.actor_match(at)).unwrap_or_default(),
            scopes: map.get("scopes").map(|at| self.text_list(at)).unwrap_or_default(),
            owner: self.text_of(&map, "owner"),
        }
    }

    fn actor_match(&mut self, at: At<'_>) -> ActorMatch {
        let pointer = at.pointer.clone();
        let Some(map) = self.map_by_name(at, "actors.<name>.match") else {
            return ActorMatch::default();
        };
        let texts =
            |walk: &mut Self, name| map.get(name).map(|at| walk.texts(at)).unwrap_or_default();
        let matches = ActorMatch {
            issuer: self.text_of(&map, "issuer"),
            client_id: texts(self, "client_id"),
            sub: texts(self, "sub"),
            spiffe: texts(self, "spiffe"),
            dynamic: self.choice_of(&map, "registered", &[("dynamic", true)]).unwrap_or_default(),
            claim: map.get("claim").map(|at| self.text_map(at)).unwrap_or_default(),
        };
        let names = [&matches.client_id, &matches.sub, &matches.spiffe];
        if names.iter().all(|list| list.is_empty()) && !matches.dynamic {
            let expected = "`client_id`, `sub`, `spiffe`, or `registered: dynamic` with `claim`";
            self.error(&pointer, "nothing names this actor", expected);
        }
        if matches.dynamic == matches.claim.is_empty() {
            let expected = "`registered: dynamic` and `claim` together";
            self.error(&pointer, "one half of a dynamic registration", expected);
        }
        matches
    }

    fn rules(&mut self, at: At<'_>) -> Vec<Rule> {
        let mut seen = BTreeSet::new();
        let mut rules = Vec::new();
        for at in self.list(at) {
            let pointer = at.pointer.clone();
            let rule = self.rule(at);
            if !rule.id.is_empty() && !seen.insert(rule.id.clone()) {
                let message = format!("`{}` is the id of an earlier rule", rule.id);
                self.error(&format!("{pointer}/id"), message, "each id once");
            }
            rules.push(rule);
        }
        rules
    }

    fn rule(&mut self, at: At<'_>) -> Rule {
        let Some(map) = self.map_by_name(at, "rules[]") else { return Rule::default() };
        let effects = [("allow", Effect::Allow), ("deny", Effect::Deny)];
        let rule = Rule {
            id: self.text_of(&map, "id").unwrap_or_default(),
            effect: self.choice_of(&map, "effect", &effects).unwrap_or(Effect::Deny),
            actions: map.get("actions").map(|at| self.actions(at)).unwrap_or_default(),
            resources: map.get("resources").map(|at| self.text_list(at)).unwrap_or_default(),
            when: self.text_of(&map, "when"),
            approval: map.get("approval").and_then(|at| self.approval(at)),
        };
        // Reserved: what `by_scope` makes of itself is called so in records.
        if !rule.id.is_empty() && !is_name(&rule.id) {
            let message = format!("`{}` cannot name a rule", rule.id);
            self.error(&map.at("id"), message, "letters, digits, `-`, `_` and `.`");
        }
        if rule.effect == Effect::Deny && map.has("approval") && map.has("effect") {
            self.error(&map.at("approval"), "nobody can approve a deny", "an approval on an allow");
        }
        for (name, empty) in
            [("actions", rule.actions.is_empty()), ("resources", rule.resources.is_empty())]
        {
            if empty
                && map
                    .get(name)
                    .is_some_and(|at| matches!(&at.node.kind, Kind::List(l) if l.is_empty()))
            {
                self.error(&map.at(name), "an empty list speaks of nothing", "at least one");
            }
        }
        rule
    }

    fn approval(&mut self, at: At<'_>) -> Option<RuleApproval> {
        let tiers = [
            ("none", Tier::None),
            ("device", Tier::Device),
            ("presence", Tier::Presence),
            ("second-person", Tier::SecondPerson),
        ];
        let pointer = at.pointer.clone();
        let default = RuleApproval {
            tier: Tier::None,
            approve_within: Span::from_secs(30 * 60),
            use_within: Span::from_secs(5 * 60),
            reversible: false,
        };
        let approval = if matches!(at.node.kind, Kind::Map(_)) {
            let map = self.map(at, &keys::APPROVAL)?;
            let span = |walk: &mut Self, name| map.get(name).and_then(|at| walk.span(at));
            RuleApproval {
                tier: self.choice_of(&map, "tier", &tiers)?,
                approve_within: span(self, "approve_within").unwrap_or(default.approve_within),
                use_within: span(self, "use_within").unwrap_or(default.use_within),
                reversible: map.get("reversible").and_then(|at| self.truth(at)).unwrap_or_default(),
            }
        } else {
            RuleApproval { tier: self.choice(at, &tiers)?, ..default }
        };
        if approval.tier == Tier::Device && !approval.reversible {
            let message = "a device key proves a browser profile and no person";
            self.error(&pointer, message, "`reversible: true` beside it, or `presence`");
        }
        Some(approval)
    }

    fn approvals(&mut self, at: At<'_>) -> Approvals {
        let Some(map) = self.map_by_name(at, "approvals") else { return Approvals::default() };
        let modes = [("hold", ApprovalMode::Hold), ("tag", ApprovalMode::Tag)];
        let signing_key = map.get("signing_key").and_then(|at| {
            if matches!(at.node.kind, Kind::String(_)) {
                let message = "a secret in a policy is printed by the gateway";
                self.error(&at.pointer, message, "`{ env: NAME }`");
                return None;
            }
            let map = self.map(at, &keys::SECRET)?;
            self.text_of(&map, "env")
        });
        let desk = map.get("desk").and_then(|at| {
            let map = self.map_by_name(at, "approvals.desk")?;
            let url = self.text_of(&map, "url")?;
            self.url(&url, &map.at("url"));
            Some(Desk { url })
        });
        Approvals {
            mode: self.choice_of(&map, "mode", &modes).unwrap_or_default(),
            signing_key,
            desk,
        }
    }

    fn audit(&mut self, at: At<'_>) -> Audit {
        let Some(map) = self.map_by_name(at, "audit") else { return Audit::default() };
        let levels = [("metadata", AuditLevel::Metadata), ("request", AuditLevel::Request)];
        let outcomes = [("gateway", AuditOutcome::Gateway), ("record", AuditOutcome::Record)];
        Audit {
            level: self.choice_of(&map, "level", &levels).unwrap_or_default(),
            outcome: self.choice_of(&map, "outcome", &outcomes).unwrap_or_default(),
        }
    }

    fn limits(&mut self, at: At<'_>) -> super::document::Limits {
        let mut limits = super::document::Limits::default();
        let Some(map) = self.map_by_name(at, "limits") else { return limits };
        let size = |walk: &mut Self, name| map.get(name).and_then(|at| walk.size(at));
        limits.request_body = size(self, "request_body").unwrap_or(limits.request_body);
        limits.response_body = size(self, "response_body").unwrap_or(limits.response_body);
        limits.token = size(self, "token").unwrap_or(limits.token);
        if let Some(span) = map.get("lookup_timeout").and_then(|at| self.span(at)) {
            limits.lookup_timeout = span;
        }
        if let Some(depth) = map.get("actor_chain").and_then(|at| self.whole(at)) {
            if !(1..=8).contains(&depth) {
                self.error(&map.at("actor_chain"), "a chain of this length", "1 to 8");
            }
            limits.actor_chain = depth;
        }
        for (name, bytes) in
            [("request_body", limits.request_body), ("response_body", limits.response_body)]
        {
            if bytes > 16 << 20 {
                self.error(&map.at(name), "more than a worker should hold", "at most 16MiB");
            }
        }
        limits
    }
}
