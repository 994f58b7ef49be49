//! Document -> [`Policy`]: names resolved, conditions typed, indexes built, every error collected.

mod actors;
mod resources;
mod rules;

use crate::identity::Issuer;
use crate::policy::compiled::{ApprovalTerms, IssuerTerms, Policy, ResourceEntry, SubjectCeiling};
use crate::policy::document::{ActorSource, ApprovalMode, Document, SenderConstraint, TokenScopes};
use crate::policy::error::{Problem, Severity};
use crate::policy::routes::Routes;
use crate::policy::scope::{Scope, ScopeSet, TargetId};
use crate::policy::value::ValueType;
use std::collections::{BTreeMap, BTreeSet};

/// Compiles a document. Returns warnings beside the policy; on errors, everything that is wrong.
pub(crate) fn compile(
    document: &Document,
) -> Result<(Policy, Vec<Issuer>, Vec<Problem>), Vec<Problem>> {
    let mut problems = Vec::new();
    let targets = targets(document);
    let claims = claims(document, &mut problems);
    let (issuers, terms) = issuers(document, &targets, &claims, &mut problems);
    let subjects = subjects(document, &targets, &mut problems);
    let agents = actors::compile(document, &targets, &mut problems);
    let mut routes = Routes::default();
    let resources = resources::compile(document, &targets, &mut routes, &mut problems);
    let ruled = rules::compile(document, &claims, &resources, &mut problems);
    resources::whose_record(document, &resources, &routes, &ruled, &mut problems);
    approvals(document, &ruled, &resources, &mut problems);
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(problems);
    }
    let policy = Policy {
        name: document.name.clone(),
        hash: String::new(),
        mode: document.mode,
        actor_from: actor_from(document),
        issuers: terms,
        subjects,
        actors: agents.entries,
        names: agents.names,
        spiffe: agents.spiffe,
        targets,
        bound_headers: bound_headers(&resources),
        resources,
        routes,
        rules: ruled.rules,
        index: ruled.index,
        approvals: ApprovalTerms {
            mode: document.approvals.mode,
            signing_key: document.approvals.signing_key.clone(),
            desk_url: document.approvals.desk.as_ref().map(|desk| desk.url.clone()),
        },
        audit: document.audit,
        in_records: String::new(),
        in_headers: String::new(),
        limits: document.limits,
    };
    Ok((policy, issuers, problems))
}

fn bound_headers(resources: &[ResourceEntry]) -> Vec<String> {
    let all: BTreeSet<&String> = resources.iter().flat_map(|entry| &entry.headers).collect();
    all.into_iter().cloned().collect()
}

/// Numbers every resource type, in the order of their names.
fn targets(document: &Document) -> BTreeMap<String, TargetId> {
    document
        .resources
        .keys()
        .zip(0..)
        .map(|(name, number)| (name.clone(), TargetId(number)))
        .collect()
}

/// The claims of all issuers. One name has one type, for conditions do not ask who issued a token.
fn claims(document: &Document, problems: &mut Vec<Problem>) -> Vec<(String, ValueType)> {
    let mut claims: BTreeMap<&str, &ValueType> = BTreeMap::new();
    for (at, issuer) in document.identity.issuers.iter().enumerate() {
        for (name, claim) in &issuer.claims {
            let pointer = format!("/identity/issuers/{at}/claims/{}", escape(name));
            if matches!(name.as_str(), "id" | "issuer" | "realm") {
                problems.push(Problem::key_error(
                    pointer,
                    format!("`subject.{name}` is not a claim"),
                    "another name",
                ));
            } else if name == "groups" {
                if claim.value_type != ValueType::List(Box::new(ValueType::String)) {
                    problems.push(Problem::error(
                        pointer,
                        "`groups` has another type",
                        "`[string]`",
                    ));
                }
            } else if let Some(earlier) = claims.insert(name, &claim.value_type)
                && *earlier != claim.value_type
            {
                problems.push(Problem::error(
                    pointer,
                    format!(
                        "`{name}` is `{}` here and `{earlier}` at another issuer",
                        claim.value_type
                    ),
                    "one type for one claim",
                ));
            }
        }
    }
    claims.into_iter().map(|(name, value_type)| (name.to_owned(), value_type.clone())).collect()
}

/// Where the actor's name is read unless the policy says otherwise.
fn actor_from(document: &Document) -> Vec<ActorSource> {
    match document.identity.actor_from.as_slice() {
        [] => vec![ActorSource::Act, ActorSource::ClientId],
        written => written.to_vec(),
    }
}

fn issuers(
    document: &Document,
    targets: &BTreeMap<String, TargetId>,
    claims: &[(String, ValueType)],
    problems: &mut Vec<Problem>,
) -> (Vec<Issuer>, Vec<IssuerTerms>) {
    let written = &document.identity.issuers;
    if written.is_empty() {
        problems.push(Problem::error("/identity/issuers", "no issuer is listed", "at least one"));
    }
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for (at, issuer) in (0..).zip(written) {
        if seen.insert(&issuer.issuer, at).is_some() {
            problems.push(Problem::error(
                format!("/identity/issuers/{at}/issuer"),
                format!("`{}` is listed twice", issuer.issuer),
                "each issuer once",
            ));
        }
    }
    let (mut issuers, mut terms) = (Vec::new(), Vec::new());
    for (at, issuer) in (0..).zip(written) {
        let pointer = format!("/identity/issuers/{at}");
        let mut may_name = Vec::new();
        for (place, other) in issuer.may_name_actors_of.iter().enumerate() {
            match seen.get(other.as_str()) {
                Some(other) => may_name.push(*other),
                None => problems.push(Problem::error(
                    format!("{pointer}/may_name_actors_of/{place}"),
                    format!("`{other}` is not an issuer of this policy"),
                    "an `issuer` listed here",
                )),
            }
        }
        if issuer.token_scopes == TokenScopes::None && document.subjects.is_none() {
            problems.push(Problem::error(
                format!("{pointer}/token_scopes"),
                "without the token's scopes nothing says what a user may do",
                "a `subjects` section beside `token_scopes: none`",
            ));
        }
        let compiled = Issuer::compile(at, issuer, &pointer, claims, problems);
        for (theirs, ours) in compiled.mapped_scopes() {
            let target = Scope::parse(ours).and_then(|scope| scope.target);
            if let Some(name) = target.filter(|name| !targets.contains_key(*name)) {
                problems.push(Problem::error(
                    format!("{pointer}/scope_map/{}", escape(theirs)),
                    format!("`{name}` is not a resource of this policy"),
                    known(targets.keys()),
                ));
            }
        }
        terms.push(IssuerTerms {
            issuer: issuer.issuer.clone(),
            realm: compiled.realm.clone(),
            max_lifetime: compiled.max_lifetime,
            clock_skew: compiled.clock_skew,
            sender_required: issuer.sender_constraint == SenderConstraint::Required,
            dpop_nonce: issuer.dpop_nonce,
            token_scopes: issuer.token_scopes,
            may_name_actors_of: may_name,
        });
        issuers.push(compiled);
    }
    (issuers, terms)
}

fn subjects(
    document: &Document,
    targets: &BTreeMap<String, TargetId>,
    problems: &mut Vec<Problem>,
) -> Option<Vec<SubjectCeiling>> {
    let Some(written) = &document.subjects else {
        problems.push(Problem::warning(
            "/identity",
            "without `subjects` the scopes of a token alone say what its user may do",
        ));
        return None;
    };
    let ceilings = written
        .iter()
        .enumerate()
        .map(|(at, entry)| SubjectCeiling {
            groups: entry.groups.clone(),
            scopes: scopes(&entry.scopes, &format!("/subjects/{at}/scopes"), targets, problems),
        })
        .collect();
    Some(ceilings)
}

/// Resolves the scope strings of a policy; there every one must parse and name what exists.
fn scopes(
    written: &[String],
    pointer: &str,
    targets: &BTreeMap<String, TargetId>,
    problems: &mut Vec<Problem>,
) -> ScopeSet {
    let mut set = ScopeSet::default();
    for (at, text) in written.iter().enumerate() {
        let Some(scope) = Scope::parse(text) else {
            problems.push(Problem::error(
                format!("{pointer}/{at}"),
                format!("`{text}` is not a scope"),
                "`[no:]<action|*>[:<type|type/tool|*>]`",
            ));
            continue;
        };
        let target = match scope.target {
            None => None,
            Some(name) => match targets.get(name) {
                Some(target) => Some(*target),
                None => {
                    problems.push(Problem::error(
                        format!("{pointer}/{at}"),
                        format!("`{name}` is not a resource of this policy"),
                        known(targets.keys()),
                    ));
                    continue;
                }
            },
        };
        set.add(scope, target);
    }
    set
}

fn approvals(
    document: &Document,
    ruled: &rules::Ruled,
    resources: &[crate::policy::compiled::ResourceEntry],
    problems: &mut Vec<Problem>,
) {
    if document.approvals.mode != ApprovalMode::Tag {
        return;
    }
    if document.approvals.signing_key.is_none() {
        problems.push(Problem::error(
            "/approvals/mode",
            "a tag that nobody signed proves nothing",
            "`signing_key: { env: NAME }` beside `mode: tag`",
        ));
    }
    for (at, resource) in resources.iter().enumerate() {
        let understands = document
            .resources
            .get(&resource.id)
            .is_some_and(|written| written.understands_approval);
        if !understands && ruled.asks_for_approval(at) {
            problems.push(Problem::error(
                format!("/resources/{}", escape(&resource.id)),
                format!(
                    "`{}` needs approvals and does not say that it understands the tag",
                    resource.id
                ),
                "`understands_approval: true`, or `approvals.mode: hold`",
            ));
        }
    }
}

/// A list of names for an error's `expected`, shortened.
fn known<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let mut text = String::new();
    for (at, name) in names.enumerate() {
        if at == 8 {
            text.push_str(", …");
            break;
        }
        if at > 0 {
            text.push_str(", ");
        }
        text.push('`');
        text.push_str(name);
        text.push('`');
    }
    text
}

/// A member name as a token of a JSON pointer (RFC 6901 §3).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
