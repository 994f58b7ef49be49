//! Tables become requests.

use super::{Case, Cell, Fixture, Row, Target};
use crate::scenario::{Ask, Expect, ScenarioFile, known_names};
use ambit::request::Action;
use std::collections::BTreeMap;

/// The requests of a file's tables.
pub(crate) fn expand(file: &ScenarioFile) -> Result<Vec<Ask>, String> {
    let mut asks = Vec::new();
    for case in &file.cases {
        let deeds = check(file, case)?;
        let mut used = vec![false; case.expect.len()];
        for subject in &case.subjects {
            for actor in &case.actors {
                for deed in &deeds {
                    asks.push(ask(case, subject, actor, deed, &mut used)?);
                }
            }
        }
        if let Some(row) = used.iter().position(|used| !used) {
            let (case, number) = (&case.name, row.saturating_add(1));
            return Err(format!("case `{case}`: row {number} of `expect` speaks of no request"));
        }
    }
    Ok(asks)
}

/// What is done: a target, or an action on a resource.
struct Deed {
    thing: String,
    action: Option<String>,
    host: String,
    target: Target,
}

/// The case's deeds, once every name in it is known.
fn check(file: &ScenarioFile, case: &Case) -> Result<Vec<Deed>, String> {
    known(case, "subjects", &case.subjects, &file.subjects)?;
    known(case, "actors", &case.actors, &file.actors)?;
    let name = &case.name;
    if case.targets.is_empty() && case.resources.is_empty() {
        return Err(format!("case `{name}` has no targets and no resources"));
    }
    if case.resources.is_empty() != case.actions.is_empty() {
        return Err(format!("case `{name}`: `resources` and `actions` go together"));
    }
    if !case.targets.is_empty() {
        known(case, "targets", &case.targets, &file.targets)?;
    }
    if !case.resources.is_empty() {
        known(case, "resources", &case.resources, &file.resources)?;
    }
    if case.skip.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
        return Err(format!("case `{name}`: `skip` says why"));
    }
    for action in &case.actions {
        if Action::parse(action).is_none() {
            let expected = "read, write, delete or admin";
            return Err(format!("case `{name}`: `{action}` is no action; expected {expected}"));
        }
    }
    case.expect.iter().try_for_each(|row| check_row(case, row))?;
    let targets = case.targets.iter().filter_map(|name| {
        let target = file.targets.get(name)?.clone();
        Some(Ok(Deed { thing: name.clone(), action: None, host: String::new(), target }))
    });
    let pairs = case.resources.iter().flat_map(|resource| {
        case.actions.iter().filter_map(|action| {
            let fixture = file.resources.get(resource)?;
            Some(done_to(case, resource, fixture, action))
        })
    });
    targets.chain(pairs).collect()
}

fn done_to(case: &Case, name: &str, fixture: &Fixture, action: &str) -> Result<Deed, String> {
    let method = match (fixture.methods.get(action), action) {
        (Some(method), _) => method.clone(),
        (None, "read") => "GET".to_owned(),
        (None, "write") => "PUT".to_owned(),
        (None, "delete") => "DELETE".to_owned(),
        _ => {
            let case = &case.name;
            return Err(format!(
                "case `{case}`: no method of `{name}` does `{action}`; give the fixture \
                 `methods: {{ {action}: POST }}`"
            ));
        }
    };
    let sends = matches!(method.as_str(), "PUT" | "POST" | "PATCH");
    Ok(Deed {
        thing: name.to_owned(),
        action: Some(action.to_owned()),
        host: fixture.host.clone(),
        target: Target {
            method,
            path: fixture.path.clone(),
            headers: fixture.headers.clone(),
            body: if sends { fixture.body.clone() } else { String::new() },
            upstream: fixture.upstream.clone(),
        },
    })
}

fn check_row(case: &Case, row: &Row) -> Result<(), String> {
    let name = &case.name;
    for (what, wanted, names) in [
        ("subject", &row.subject, &case.subjects),
        ("actor", &row.actor, &case.actors),
        ("target", &row.target, &case.targets),
        ("resource", &row.resource, &case.resources),
        ("action", &row.action, &case.actions),
    ] {
        if let Some(wanted) = wanted.as_ref().filter(|wanted| !names.contains(wanted)) {
            return Err(format!("case `{name}` expects {what} `{wanted}`, which it lacks"));
        }
    }
    if row.rule.is_some() && row.rules.is_some() {
        return Err(format!("case `{name}`: a row says `rule` or `rules`, not both"));
    }
    match row.obligations.iter().flatten().find(|name| *name != "tag") {
        Some(other) => Err(format!("case `{name}`: `{other}` is no obligation; expected `tag`")),
        None => Ok(()),
    }
}

fn known<T>(
    case: &Case,
    list: &str,
    names: &[String],
    fixtures: &BTreeMap<String, T>,
) -> Result<(), String> {
    let case = &case.name;
    if names.is_empty() {
        return Err(format!("case `{case}` has no {list}"));
    }
    match names.iter().find(|name| !fixtures.contains_key(*name)) {
        Some(name) => Err(format!(
            "case `{case}`: `{name}` is not among the file's `{list}`; known are {}",
            known_names(fixtures)
        )),
        None => Ok(()),
    }
}

fn ask(
    case: &Case,
    subject: &str,
    actor: &str,
    deed: &Deed,
    used: &mut [bool],
) -> Result<Ask, String> {
    let action = deed.action.as_deref();
    let what = action.map_or_else(|| deed.thing.clone(), |it| format!("{it} {}", deed.thing));
    let name = format!("{}: {subject} · {actor} · {what}", case.name);
    let all_or = |wanted: &Option<String>, name: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| Some(wanted) == name)
    };
    let thing =
        |of_action: bool| (deed.action.is_some() == of_action).then_some(deed.thing.as_str());
    let mut rows = case.expect.iter().zip(used).filter(|(row, _)| {
        all_or(&row.subject, Some(subject))
            && all_or(&row.actor, Some(actor))
            && all_or(&row.target, thing(false))
            && all_or(&row.resource, thing(true))
            && all_or(&row.action, action)
    });
    let row = rows.next().map(|(row, used)| {
        *used = true;
        row.clone()
    });
    if rows.next().is_some() {
        return Err(format!("{name}: two rows of `expect` speak of it"));
    }
    let row =
        row.map(|row| Row { rules: row.rules.or(row.rule.clone().map(|id| vec![id])), ..row });
    let target = &deed.target;
    let cell = Cell {
        case: case.name.clone(),
        thing: deed.thing.clone(),
        action: deed.action.clone(),
        row,
    };
    Ok(Ask {
        name,
        token: None,
        forged: false,
        token_header: serde_json::Map::new(),
        dpop: None,
        method: target.method.clone(),
        path: target.path.clone(),
        host: deed.host.clone(),
        headers: target.headers.clone(),
        chunks: Some(&target.body).filter(|body| !body.is_empty()).cloned().into_iter().collect(),
        trailers: Vec::new(),
        upstream: target.upstream.clone(),
        subject: Some(subject.to_owned()),
        actor: Some(actor.to_owned()),
        now: case.now.clone(),
        skip: case.skip.clone(),
        expect: Expect::default(),
        cell: Some(cell),
        at: None,
        signer: Default::default(),
    })
}
