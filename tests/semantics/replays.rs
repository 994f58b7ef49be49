//! What replay says of a record is what its request comes to under another policy.

use super::world::{Ask, Dice, ISSUERS, Known, RESOURCES, World};
use super::{TRIED, decided, try_all, with_request};
use ambit::decision::{Decision, Effect, Reason};
use ambit::policy::document::{ActorMode, ActorSource, Effect as RuleEffect, Tier};
use ambit::policy::value::Source;
use ambit::policy::{Loaded, Policy};
use ambit::replay::{Answer, Assume, Replay, Told};
use ambit::request::Action;
use ambit::trace::{Stage, trace};
use std::collections::BTreeMap;

/// A request as it can be sent: its method says what it does, and nothing is granted.
fn as_sent(dice: &mut Dice, mut ask: Ask) -> Option<Ask> {
    let (_, action) = ask.mapped?;
    ask.method = match action {
        Action::Read => "GET",
        Action::Write => "POST",
        Action::Delete => "DELETE",
        Action::Admin => return None,
    };
    if matches!(ask.owner, Known::Pending(_)) {
        ask.owner = Known::Value(dice.pick(&["alice", "carol"]));
    }
    // Only the answer to a plain read can be held.
    if matches!(ask.tenant, Known::Pending(_) | Known::Unavailable) || action != Action::Read {
        ask.tenant = Known::Unknown;
    }
    (ask.refused, ask.grant, ask.approval, ask.host_tags) = (None, None, Tier::None, true);
    Some(ask)
}

/// What a gateway comes to, which asks only for what can matter.
fn come_to(policy: &Policy, ask: &Ask) -> (Decision, Ask) {
    let mut known = Ask { owner: Known::Pending(Source::Lookup), ..ask.clone() };
    if ask.mapped.is_some_and(|(_, action)| action == Action::Read) {
        known.tenant = Known::Pending(Source::Response);
    }
    let mut decision = decided(policy, &known);
    if decision.waits_for.lookup {
        known.owner = ask.owner;
        decision = decided(policy, &known);
    }
    if decision.waits_for.response {
        (known.tenant, known.host_tags) = (ask.tenant, false);
        decision = decided(policy, &known);
    }
    (decision, known)
}

/// What stands in a record, in one piece.
struct Line {
    reason: &'static str,
    allowed: bool,
    rules: Vec<String>,
    subject: Option<(String, String)>,
    actors: Vec<String>,
    client: String,
    path: String,
}

fn written(world: &World, policy: &Policy, ask: &Ask) -> Option<(Line, Decision)> {
    let (decision, known) = come_to(policy, ask);
    let traced = with_request(policy, &known, |request| trace(policy, request, super::NOW));
    let identified = traced.stage > Stage::Identity;
    let token = ask.token.as_ref()?;
    let person = token.sub.map(|sub| (world.realms[token.issuer].to_owned(), sub.to_owned()));
    let actors = if identified { traced.actors.clone() } else { Vec::new() };
    let client = token.client.and_then(Result::ok).unwrap_or_default();
    let line = Line {
        reason: decision.reason.code(),
        allowed: decision.effect == Effect::Allow,
        rules: decision.rules.iter().map(|at| policy.rule_id(*at).unwrap().to_owned()).collect(),
        subject: traced.subject.filter(|_| identified).or(person),
        // One that is the only actor's id is not said twice.
        client: if actors == [client] { String::new() } else { client.to_owned() },
        actors,
        path: format!("/{}/7", RESOURCES[ask.mapped?.0]),
    };
    Some((line, decision))
}

fn told<'a>(line: &'a Line, ask: &Ask) -> Told<'a> {
    let (resource, action) = ask.mapped.unwrap();
    Told {
        time: super::NOW,
        allowed: line.allowed,
        reason: line.reason,
        rules: &line.rules,
        subject: line.subject.as_ref().map(|(realm, id)| (realm.as_str(), id.as_str())),
        actors: &line.actors,
        client: &line.client,
        issuer: ISSUERS[ask.token.as_ref().unwrap().issuer],
        action: action.name(),
        resource: RESOURCES[resource],
        method: ask.method,
        host: "api.example",
        path: &line.path,
        ..Told::default()
    }
}

fn holds(answer: &Answer, decision: &Decision) -> bool {
    answer.possible.iter().any(|one| {
        let allowed = one.allowed == (decision.effect == Effect::Allow);
        let said = one.reason == Some(decision.reason) && one.rules == decision.rules;
        // Of what the token alone decides, not every reason is named.
        allowed && (said || one.reason.is_none())
    })
}

/// A world with one or two things changed.
fn changed(dice: &mut Dice, world: &World) -> World {
    let mut world = world.clone();
    for _ in 0..=dice.below(2) {
        let rule = dice.below(world.rules.len().max(1));
        let actor = dice.below(world.actors.len().max(1));
        match dice.below(16) {
            0 | 1 if !world.rules.is_empty() => {
                world.rules.remove(rule);
            }
            2 if !world.rules.is_empty() => world.rules[rule].when = None,
            3 if !world.rules.is_empty() => {
                world.rules[rule].effect = RuleEffect::Deny;
                world.rules[rule].approval = None;
            }
            4 if world.rules.len() > 1 => {
                let when = world.rules[0].when.clone();
                world.rules[rule].when = when;
            }
            5 => world.rules.extend(World::random(dice).rules),
            6 => world.actors[actor].scopes = vec!["*:*".to_owned()],
            7 => world.actors[actor].scopes = vec!["read:doc".to_owned()],
            8 if world.actors.len() > 1 => {
                world.actors.remove(actor);
            }
            9 => world.subjects = World::random(dice).subjects,
            10 => world.by_scope = World::random(dice).by_scope,
            11 => {
                world.actors[actor].mode = match world.actors[actor].mode {
                    ActorMode::Delegated => ActorMode::Independent,
                    ActorMode::Independent => ActorMode::Delegated,
                };
            }
            12 => {
                world.sources = dice.pick(&[
                    vec![ActorSource::ClientId],
                    vec![ActorSource::Act, ActorSource::ClientId],
                    vec![ActorSource::Act, ActorSource::ClientId, ActorSource::Mtls],
                ]);
            }
            13 => world.actors[actor].client_ids.retain(|id| !id.starts_with("own")),
            14 => world.bound = [true, false],
            15 => world.tag = !world.tag,
            _ => world.may_name_other = [false, false],
        }
    }
    world
}

fn load(world: &World) -> Option<Loaded> {
    Policy::from_document(&world.document()).ok()
}

#[test]
fn what_a_request_comes_to_is_always_among_what_replay_says_of_its_record() {
    let (mut compared, mut certain) = (0, 0);
    let mut reasons: BTreeMap<Reason, usize> = BTreeMap::new();
    try_all(41, |dice: &mut Dice, world: &World, _, mut ask| {
        if dice.chance(60) {
            ask.mend(dice, world);
        }
        let Some(ask) = as_sent(dice, ask) else { return };
        let tomorrow = changed(dice, world);
        let (Some(was), Some(new)) = (load(world), load(&tomorrow)) else { return };
        let Some((line, before)) = written(world, &was.policy, &ask) else { return };
        let told = told(&line, &ask);
        let (after, _) = come_to(&new.policy, &ask);
        *reasons.entry(before.reason).or_default() += 1;
        for (replay, what) in
            [(Replay::new(&new, Some(&was)), "beside"), (Replay::new(&new, None), "alone")]
        {
            let answer = replay.answer(&told, Assume::Nothing);
            assert!(
                holds(&answer, &after),
                "{what}: {after:#?} is not among {answer:#?}\nof {told:#?}\n{ask:#?}\nwas {world:#?}\nis {tomorrow:#?}"
            );
            certain += usize::from(what == "beside" && answer.allowed().is_some());
        }
        compared += 1;
    });
    assert!(compared > TRIED / 2, "{compared}");
    assert!(certain > compared / 2, "{certain} of {compared} are certain");
    assert!(reasons.len() > 12, "{reasons:?}");
}

#[test]
fn under_the_policy_that_was_in_force_every_record_says_what_was_decided() {
    let (mut compared, mut certain) = (0, 0);
    try_all(42, |dice: &mut Dice, world: &World, _, mut ask| {
        if dice.chance(60) {
            ask.mend(dice, world);
        }
        let Some(ask) = as_sent(dice, ask) else { return };
        let Some(was) = load(world) else { return };
        let Some((line, before)) = written(world, &was.policy, &ask) else { return };
        let told = told(&line, &ask);
        let answer = Replay::new(&was, Some(&was)).answer(&told, Assume::Nothing);
        assert!(
            holds(&answer, &before),
            "{before:#?} is not among {answer:#?}\nof {told:#?}\n{ask:#?}\n{world:#?}"
        );
        compared += 1;
        certain += usize::from(answer.allowed() == Some(before.effect == Effect::Allow));
    });
    assert!(certain * 100 > compared * 97, "{certain} of {compared}");
}
