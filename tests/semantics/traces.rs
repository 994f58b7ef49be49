//! What a trace says of a decision is what decided it.

use super::world::{Ask, Dice, GROUPS, ISSUERS, Known, NOW, RESOURCES, World};
use super::{decided, try_all, with_request};
use ambit::decision::{Effect, Reason};
use ambit::policy::Policy;
use ambit::policy::condition::{Part, PartKind, Truth};
use ambit::policy::document::{Effect as RuleEffect, Tier};
use ambit::policy::lint::lint_document;
use ambit::request::Action;
use ambit::trace::{CeilingOf, Outlook, Recorded, RuleTrace, Stage, Trace, trace};
use std::collections::BTreeMap;

fn traced(policy: &Policy, ask: &Ask) -> Trace {
    with_request(policy, ask, |request| trace(policy, request, NOW))
}

/// What the parts of a trace come to by the rules of `docs/semantics.md`, from the ceilings on; `None`
/// where the decision was made before.
fn concluded(trace: &Trace, ask: &Ask) -> Option<(Effect, Vec<u32>)> {
    if trace.stage < Stage::Ceilings {
        return None;
    }
    let lacking = |of_token: bool| {
        trace
            .ceilings
            .iter()
            .any(|one| one.within != Truth::True && (one.of == CeilingOf::Token) == of_token)
    };
    if lacking(false) {
        return Some((Effect::Deny, Vec::new()));
    }
    let told = |effect: RuleEffect, truth: Truth| {
        trace.rules.iter().filter(move |rule| rule.effect == effect && rule.truth == truth)
    };
    let numbers = |rules: Vec<&RuleTrace>| -> Vec<u32> { rules.iter().map(|r| r.number).collect() };
    let final_unknown = told(RuleEffect::Deny, Truth::Unknown).filter(|r| r.waits_for.is_empty());
    let mut denying = numbers(told(RuleEffect::Deny, Truth::True).chain(final_unknown).collect());
    denying.sort_unstable();
    if !denying.is_empty() {
        return Some((Effect::Deny, denying));
    }
    let allowing: Vec<&RuleTrace> = told(RuleEffect::Allow, Truth::True).collect();
    let asked = allowing.iter().filter_map(|r| r.approval.map(|need| need.tier)).max();
    let approved = asked.unwrap_or(Tier::None) <= ask.approval;
    // What still waits is a deny until it is settled.
    if !trace.decision.waits_for.is_empty() || allowing.is_empty() {
        return Some((Effect::Deny, Vec::new()));
    }
    let tagged = trace.decision.reason == Reason::AllowedWithTag;
    let effect = if (approved || tagged) && !lacking(true) { Effect::Allow } else { Effect::Deny };
    // More scope would not help where the host cannot do what it would have to.
    let told = !lacking(true) || trace.decision.reason == Reason::ObligationUnsupported;
    Some((effect, if told { numbers(allowing) } else { Vec::new() }))
}

#[test]
fn a_trace_concludes_what_was_decided() {
    let (mut concluding, mut stages) = (0, BTreeMap::<Stage, usize>::new());
    try_all(31, |dice: &mut Dice, world: &World, policy, mut ask| {
        if dice.chance(70) {
            ask.mend(dice, world);
        }
        let trace = traced(policy, &ask);
        assert_eq!(trace.decision, decided(policy, &ask), "{ask:#?}");
        *stages.entry(trace.stage).or_default() += 1;
        assert_eq!(trace.rules.len(), policy.rule_ids().len());
        if let Some((effect, rules)) = concluded(&trace, &ask) {
            assert_eq!(
                (effect, &rules),
                (trace.decision.effect, &trace.decision.rules),
                "{trace:#?}"
            );
            concluding += 1;
        }
    });
    assert!(concluding > 5000, "only {concluding} came so far: {stages:?}");
    for stage in Stage::ALL.into_iter().filter(|stage| *stage != Stage::Request) {
        assert!(stages.get(&stage).is_some_and(|n| *n > 50), "{stage:?} of {stages:?}");
    }
}

/// What the parts of a condition come to together (Kleene).
fn together(part: &Part) -> Option<Truth> {
    let truths: Vec<Truth> = part.parts.iter().map(|part| part.truth).collect();
    let settled = |by: Truth, otherwise: Truth| {
        if truths.contains(&by) {
            by
        } else if truths.contains(&Truth::Unknown) {
            Truth::Unknown
        } else {
            otherwise
        }
    };
    match part.kind {
        PartKind::All => Some(settled(Truth::False, Truth::True)),
        PartKind::Any => Some(settled(Truth::True, Truth::False)),
        PartKind::Not => truths.first().map(|inner| match inner {
            Truth::False => Truth::True,
            Truth::True => Truth::False,
            Truth::Unknown => Truth::Unknown,
        }),
        PartKind::Constant | PartKind::Every | PartKind::Some | PartKind::Test => None,
    }
}

#[test]
fn the_parts_of_a_condition_make_the_whole() {
    let mut seen = 0;
    try_all(32, |dice, world, policy, mut ask| {
        ask.mend(dice, world);
        for rule in traced(policy, &ask).rules {
            let Some(condition) = rule.condition else { continue };
            assert_eq!((condition.truth, condition.waits_for), (rule.truth, rule.waits_for));
            let branches = policy.branches();
            condition.walk(&mut |part| {
                if let Some(truth) = together(part) {
                    assert_eq!(truth, part.truth, "{part:#?}");
                    seen += 1;
                }
                assert!(branches.iter().any(|branch| branch.rule == rule.number
                    && branch.part.number == part.number
                    && branch.part.text == part.text));
            });
        }
    });
    assert!(seen > 1000, "{seen}");
}

/// What a record would tell of the request.
fn recorded(policy: &Policy, ask: &Ask, trace: &Trace) -> Recorded {
    let decision = &trace.decision;
    let identified = trace.stage > Stage::Identity;
    let tok = ask.token.as_ref();
    Recorded {
        time: NOW,
        allowed: decision.effect == Effect::Allow,
        reason: decision.reason.code().to_owned(),
        rules: decision.rules.iter().map(|at| policy.rule_id(*at).unwrap().to_owned()).collect(),
        subject: trace.subject.clone().filter(|_| identified),
        actors: if identified { trace.actors.clone() } else { Vec::new() },
        client: tok.and_then(|tok| tok.client?.ok()).unwrap_or_default().to_owned(),
        issuer: tok.map_or("", |tok| ISSUERS[tok.issuer]).to_owned(),
        action: ask.mapped.map(|(_, action)| action),
        resource: ask.mapped.map(|(at, _)| (RESOURCES[at].to_owned(), "7".to_owned())),
        ..Recorded::default()
    }
}

#[test]
fn what_a_record_is_said_to_lead_to_is_what_its_request_leads_to() {
    let (mut allow, mut deny, mut depends) = (0, 0, 0);
    try_all(33, |dice: &mut Dice, world: &World, policy, mut ask| {
        ask.mend(dice, world);
        if let Some(token) = &mut ask.token {
            // What a record does not tell is now and then too little.
            if dice.chance(25) {
                token.scopes = vec![dice.pick(&["read:doc", "write:ticket", "no:read"]).to_owned()];
            }
            if dice.chance(25) {
                token.groups = dice.pick(&[None, Some(Vec::new())]);
            }
        }
        // What no record tells of, and this version's wire does not carry.
        (ask.approval, ask.grant, ask.host_tags) = (Tier::None, None, true);
        let trace = traced(policy, &ask);
        if trace.stage <= Stage::Identity || !trace.decision.waits_for.is_empty() {
            return;
        }
        let record = recorded(policy, &ask, &trace);
        let mut tomorrow = world.clone();
        for _ in 0..2 {
            match dice.below(6) {
                0 if !tomorrow.rules.is_empty() => {
                    tomorrow.rules.remove(dice.below(tomorrow.rules.len()));
                }
                1 => tomorrow.rules.iter_mut().for_each(|rule| rule.when = None),
                2 => tomorrow
                    .actors
                    .iter_mut()
                    .for_each(|actor| actor.scopes = vec!["*:*".to_owned()]),
                3 => tomorrow.subjects = None,
                4 => {
                    let scopes = vec!["*:*".to_owned()];
                    tomorrow.subjects = Some(vec![(Some(vec![dice.pick(&GROUPS)]), scopes)]);
                }
                _ => {}
            }
        }
        if tomorrow.subjects.is_none() && tomorrow.unlimited.contains(&true) {
            return;
        }
        let tomorrow = tomorrow.load().policy;
        let now = decided(&tomorrow, &ask);
        if !now.waits_for.is_empty() {
            return;
        }
        let reviewed = record.review(&tomorrow);
        match reviewed.outlook {
            Outlook::Allow => allow += 1,
            Outlook::Deny => deny += 1,
            Outlook::Depends(_) => {
                depends += 1;
                return;
            }
        }
        let said = reviewed.outlook == Outlook::Allow;
        assert_eq!(said, now.effect == Effect::Allow, "{record:#?}\n{now:#?}\n{reviewed:#?}");
    });
    assert!(allow > 300 && deny > 300, "{allow} allow, {deny} deny, {depends} depend");
}

/// A request as a gateway would make it of its method, with nothing pending.
fn as_sent(ask: &mut Ask) -> bool {
    let Some((_, action)) = ask.mapped else { return false };
    ask.method = match action {
        Action::Read => "GET",
        Action::Write => "POST",
        Action::Delete => "DELETE",
        Action::Admin => return false,
    };
    if matches!(ask.owner, Known::Pending(_)) {
        ask.owner = Known::Value("alice");
    }
    // What the answer tells, only a held read can know.
    if matches!(ask.tenant, Known::Pending(_)) || action != Action::Read {
        ask.tenant = Known::Unknown;
    }
    (ask.grant, ask.host_tags) = (None, true);
    true
}

#[test]
fn a_rule_that_is_said_to_be_idle_changes_no_decision() {
    let mut tried: BTreeMap<&str, usize> = BTreeMap::new();
    let mut dice = Dice(34);
    for _ in 0..1500 {
        let world = World::random(&mut dice);
        let policy = world.load().policy;
        for finding in lint_document(&policy, &world.document()) {
            let number = finding.pointer.strip_prefix("/rules/");
            let number = number.and_then(|rest| rest.split('/').next()?.parse::<usize>().ok());
            let (Some(number), code) = (number, finding.code) else { continue };
            if !matches!(
                code,
                "never-matches" | "shadowed" | "beyond-every-agent" | "always-denies"
            ) {
                continue;
            }
            let mut without = world.clone();
            if code == "always-denies" {
                without.rules[number].when = None;
            } else {
                without.rules.remove(number);
            }
            let without = without.load().policy;
            for _ in 0..40 {
                let mut ask = Ask::random(&mut dice, &world);
                ask.mend(&mut dice, &world);
                if !as_sent(&mut ask) {
                    continue;
                }
                let (with, left) = (decided(&policy, &ask), decided(&without, &ask));
                assert_eq!(with.effect, left.effect, "{finding:#?}\n{ask:#?}\n{world:#?}");
                *tried.entry(code).or_default() += 1;
            }
        }
    }
    for code in ["never-matches", "shadowed", "beyond-every-agent", "always-denies"] {
        assert!(tried.get(code).is_some_and(|count| *count > 300), "{code} of {tried:?}");
    }
}
