//! Resources: audiences, hosts, attributes, and the question whose record it is.

use super::escape;
use super::rules::Ruled;
use crate::policy::compiled::{AttributeEntry, CompiledSource, ResourceEntry};
use crate::policy::condition::{self, Condition, Facts, Slot, Truth};
use crate::policy::document::{
    ActorMode, Attribute, AttributeSource, Credentials, Document, Effect, Resource,
};
use crate::policy::error::Problem;
use crate::policy::routes::Routes;
use crate::policy::scope::TargetId;
use crate::policy::value::{Fact, ValueRef, ValueType};
use crate::request::{Action, host};
use std::collections::BTreeMap;

pub(super) fn compile(
    document: &Document,
    targets: &BTreeMap<String, TargetId>,
    routes: &mut Routes,
    problems: &mut Vec<Problem>,
) -> Vec<ResourceEntry> {
    let mut numbers: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut entries = Vec::with_capacity(document.resources.len());
    for (place, (id, written)) in (0..).zip(&document.resources) {
        let pointer = format!("/resources/{}", escape(id));
        let Some(target) = targets.get(id) else { continue };
        let audience = audience(written, &pointer, problems);
        for (at, route) in written.http.iter().enumerate() {
            let pointer = format!("{pointer}/http/{at}");
            let host = match &route.host {
                Some(host) => {
                    let scheme = audience.as_ref().and_then(|(url, _)| url.split_once("://"));
                    host::parse_policy(host, scheme.map_or("", |(scheme, _)| scheme))
                }
                None => audience.as_ref().map(|(_, host)| host.clone()).ok_or_else(String::new),
            };
            match host {
                Ok(host) => routes.add(&host, place, route, &pointer, problems),
                // A missing audience is an error of its own; the template is still looked at.
                Err(message) if message.is_empty() => {
                    routes.add("", place, route, &pointer, problems)
                }
                Err(message) => problems.push(Problem::error(
                    format!("{pointer}/host"),
                    message,
                    "a host, with its port unless it is the scheme's own",
                )),
            }
        }
        if written.http.is_empty() {
            problems.push(Problem::error(
                pointer.clone(),
                format!("nothing leads to `{id}`"),
                "`http` with at least one path",
            ));
        }
        let attributes = written
            .attributes
            .iter()
            .filter_map(|(name, attribute)| {
                let place = format!("{pointer}/attributes/{}", escape(name));
                check(name, attribute, written, &place, problems)?;
                let next = u32::try_from(numbers.len()).ok()?;
                let key = (name.clone(), attribute.value_type.to_string());
                Some(AttributeEntry {
                    number: *numbers.entry(key).or_insert(next),
                    name: name.clone(),
                    value_type: attribute.value_type.clone(),
                    from: match &attribute.from {
                        AttributeSource::Path(variable) => CompiledSource::Path(variable.clone()),
                        AttributeSource::Lookup(lookup) => CompiledSource::Lookup(lookup.clone()),
                        AttributeSource::Response(at) => CompiledSource::Response(at.clone()),
                    },
                })
            })
            .collect();
        entries.push(ResourceEntry {
            id: id.clone(),
            target: *target,
            audience: audience.map(|(audience, _)| audience).unwrap_or_default(),
            title: written.title.clone(),
            credentials: written.credentials,
            attributes,
            headers: written.headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
            cors_origins: written.cors_origins.clone(),
        });
    }
    entries
}

/// The audience and its host.
fn audience(
    written: &Resource,
    pointer: &str,
    problems: &mut Vec<Problem>,
) -> Option<(String, String)> {
    let Some(audience) = &written.audience else {
        problems.push(Problem::error(
            pointer,
            "no audience: a token for any other service would open this one",
            "`audience: https://…`, as it stands in the token's `aud`",
        ));
        return None;
    };
    match host::from_audience(audience) {
        Ok(host) => Some((audience.clone(), host)),
        // A name that is no URL is a fair audience where every path says its host.
        Err(_) if written.http.iter().all(|route| route.host.is_some()) => {
            Some((audience.clone(), String::new()))
        }
        Err(message) => {
            problems.push(Problem::error(
                format!("{pointer}/audience"),
                message,
                "an absolute http or https URL, or a `host` on every path",
            ));
            None
        }
    }
}

/// Whether an attribute can ever be known.
fn check(
    name: &str,
    attribute: &Attribute,
    resource: &Resource,
    pointer: &str,
    problems: &mut Vec<Problem>,
) -> Option<()> {
    if matches!(name, "id" | "type") {
        problems.push(Problem::key_error(
            pointer,
            format!("`resource.{name}` always exists and cannot be declared"),
            "another name",
        ));
        return None;
    }
    match &attribute.from {
        AttributeSource::Path(variable) => {
            if attribute.value_type != ValueType::String && attribute.value_type != ValueType::Int {
                problems.push(Problem::error(
                    format!("{pointer}/type"),
                    format!("a path cannot hold a `{}`", attribute.value_type),
                    "`string` or `int`",
                ));
            }
            require_variable(variable, resource, &format!("{pointer}/from/path"), problems);
        }
        AttributeSource::Lookup(lookup) => {
            let place = format!("{pointer}/from/lookup/path");
            if !lookup.path.starts_with('/') {
                let message = format!("`{}` is not an absolute path", lookup.path);
                problems.push(Problem::error(place, message, "a path such as `/meta/{id}`"));
                return None;
            }
            for variable in variables(&lookup.path) {
                require_variable(variable, resource, &place, problems);
            }
        }
        AttributeSource::Response(at) => {
            if !at.is_empty() && !at.starts_with('/') {
                problems.push(Problem::error(
                    format!("{pointer}/from/response"),
                    format!("`{at}` is not a JSON pointer"),
                    "a pointer such as `/owner` (RFC 6901)",
                ));
            }
        }
    }
    Some(())
}

fn require_variable(
    variable: &str,
    resource: &Resource,
    pointer: &str,
    problems: &mut Vec<Problem>,
) {
    let has = |path: &str| variables(path).any(|name| name == variable);
    if !resource.http.iter().any(|route| has(&route.path)) {
        problems.push(Problem::error(
            pointer,
            format!("no path of this resource has a variable `{variable}`"),
            "a variable of one of its templates",
        ));
    }
}

/// The names in braces, without their forms.
pub(crate) fn variables(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| {
        let inner = rest.split_once('}')?.0;
        Some(inner.split_once(':').map_or(inner, |(name, _)| name))
    })
}

/// Where a template has a variable, somebody must check that the record is this user's: a
/// condition that looks at the record, the upstream with the user's own token, or the upstream by
/// `sub`. Otherwise the gateway is a shared service account.
pub(super) fn whose_record(
    document: &Document,
    resources: &[ResourceEntry],
    routes: &Routes,
    ruled: &Ruled,
    problems: &mut Vec<Problem>,
) {
    for (place, entry) in (0..).zip(resources) {
        let Some(written) = document.resources.get(&entry.id) else { continue };
        if written.per_record.is_some() && written.credentials == Credentials::Keep {
            problems.push(Problem::error(
                format!("/resources/{}/per_record", escape(&entry.id)),
                "the upstream already checks the user's own token",
                "either `credentials: keep` or `per_record`",
            ));
        }
        if written.per_record.is_some() || written.credentials == Credentials::Keep {
            continue;
        }
        let own = |route: &&crate::policy::routes::Route| route.resource == place;
        let actions: Vec<Action> = routes
            .all()
            .iter()
            .filter(own)
            .filter(|route| !route.variables.is_empty())
            .flat_map(|route| route.actions())
            .collect();
        for rule in ruled.unchecked(place as usize, &actions, document) {
            problems.push(Problem::error(
                format!("/resources/{}", escape(&entry.id)),
                format!(
                    "nobody checks whose `{}` it is: {rule} allows it without looking at the record",
                    entry.id
                ),
                "`credentials: keep`, `per_record: upstream`, `per_record: none`, or a condition on \
                 `resource`",
            ));
        }
    }
}

impl Ruled {
    /// Allows of the resource that look at nothing of the record and could speak for a user, by name.
    fn unchecked(&self, resource: usize, actions: &[Action], document: &Document) -> Vec<String> {
        let mut found: Vec<String> = self
            .of(resource, actions)
            .filter(|rule| rule.effect == Effect::Allow)
            .filter(|rule| match &rule.when {
                None => speaks_for_users(None, document),
                Some(when) => {
                    !super::rules::looks_at_record(when) && speaks_for_users(Some(when), document)
                }
            })
            .map(|rule| format!("`{}`", rule.id))
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

/// Whether the condition can be true for an agent that acts for a user. With nothing known but
/// the actor, a definite false means that it never is.
fn speaks_for_users(when: Option<&Condition>, document: &Document) -> bool {
    document.actors.iter().filter(|(_, actor)| actor.mode == ActorMode::Delegated).any(
        |(id, actor)| {
            let Some(when) = when else { return true };
            let facts = OnlyActor { id: (!actor.matches.dynamic).then_some(id.as_str()) };
            when.evaluate(&facts, &mut condition::MAX_STEPS.clone()).truth != Truth::False
        },
    )
}

/// A delegated actor of which only the policy's own words are known.
struct OnlyActor<'a> {
    id: Option<&'a str>,
}

impl Facts for OnlyActor<'_> {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        match (slot, self.id) {
            (Slot::ActorMode, _) => Fact::Known(ValueRef::String("delegated")),
            (Slot::ActorId, Some(id)) => Fact::Known(ValueRef::String(id)),
            _ => Fact::Unknown,
        }
    }
}
