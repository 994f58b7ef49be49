//! `docs/semantics.md`, rule by rule: each test is named after the rule it pins, and a mutation of
//! each rule in `.ci/mutations/` must make its test fail.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

mod naive;
mod replays;
mod traces;
mod world;

use ambit::decision::{Decision, Effect, Reason};
use ambit::enforcement::{Enforcement, Engine, Event, Ids, Step};
use ambit::policy::Policy;
use ambit::policy::document::{Effect as RuleEffect, Tier};
use ambit::request::{AccessRequest, Action, Credential, HostAbilities, HttpFacts, Mapped};
use ambit::{Span, Timestamp, decide};
use naive::Says;
use std::collections::BTreeMap;
use std::rc::Rc;
use world::{Ask, Cond, Dice, NOW, World, WorldRule};

/// Requests compared with the naive evaluator in one run.
const COMPARED: usize = 120_000;
/// Requests tried by each property.
const TRIED: usize = 20_000;

fn decided_at(policy: &Policy, ask: &Ask, now: Timestamp) -> Decision {
    with_request(policy, ask, |request| decide(policy, request, now))
}

fn with_request<T>(policy: &Policy, ask: &Ask, use_it: impl FnOnce(&AccessRequest<'_>) -> T) -> T {
    let token = ask.verified(policy);
    let attributes = ask.attributes();
    let grant = ask.granted(policy);
    let credential = match (&token, ask.refused) {
        (_, Some(reason)) => Credential::Refused(reason),
        (Some(token), None) => Credential::Verified(token),
        (None, None) => Credential::Missing,
    };
    let request = AccessRequest {
        credential,
        peer: &ask.peer,
        sender_proved: ask.sender_proved,
        mapped: ask.mapped.map(|(resource, action)| Mapped {
            resource: resource as u32,
            route: resource as u32,
            action,
            id: "7",
        }),
        attributes: &attributes,
        http: HttpFacts { method: ask.method, host: "api.example", path: "/doc/7" },
        approval: ask.approval,
        grant: grant.as_ref(),
        host: HostAbilities { tag: ask.host_tags },
    };
    use_it(&request)
}

fn decided(policy: &Policy, ask: &Ask) -> Decision {
    decided_at(policy, ask, NOW)
}

fn allowed(policy: &Policy, ask: &Ask) -> bool {
    decided(policy, ask).effect == Effect::Allow
}

/// Tries a property on random worlds and requests, a few requests a world.
fn try_all(seed: u64, mut property: impl FnMut(&mut Dice, &World, &Policy, Ask)) {
    let mut dice = Dice(seed);
    for _ in 0..TRIED / 10 {
        let world = World::random(&mut dice);
        let policy = world.load().policy;
        for _ in 0..10 {
            let ask = Ask::random(&mut dice, &world);
            property(&mut dice, &world, &policy, ask);
        }
    }
}

fn says(decision: &Decision) -> Says {
    let waits = decision.waits_for;
    match decision.effect {
        Effect::Allow => Says::Allow(decision.reason),
        Effect::Deny if !waits.is_empty() => Says::Waits(waits.lookup, waits.response),
        Effect::Deny => Says::Deny(decision.reason),
    }
}

#[test]
fn the_fast_evaluator_agrees_with_the_naive_one() {
    let mut dice = Dice(1);
    let mut reached: BTreeMap<Reason, usize> = BTreeMap::new();
    let (mut compared, mut allows) = (0, 0);
    while compared < COMPARED {
        let world = World::random(&mut dice);
        let policy = world.load().policy;
        for _ in 0..20 {
            let mut ask = Ask::random(&mut dice, &world);
            if dice.chance(45) {
                ask.mend(&mut dice, &world);
            }
            let decision = decided(&policy, &ask);
            let expected = naive::decide(&world, &ask);
            // The naive one tries every resolution of what is pending. The fast one may ask where the
            // answer could not matter, as long as the condition reads it; never the other way round.
            let lax = naive::decide(&world, &Ask { lax: true, ..ask.clone() });
            let same = match (says(&decision), lax) {
                (Says::Waits(lookup, response), Says::Waits(may_look, may_respond)) => {
                    (!lookup || may_look) && (!response || may_respond)
                }
                (fast, _) => fast == expected,
            };
            let fast = says(&decision);
            assert!(same, "{fast:?}, not {expected:?}: request {compared}\n{ask:#?}\n{world:#?}");
            *reached.entry(decision.reason).or_default() += 1;
            allows += usize::from(decision.effect == Effect::Allow);
            compared += 1;
        }
    }
    println!("compared {compared}, allowed {allows}, reasons {reached:#?}");
    assert!(allows * 5 >= compared, "only {allows} of {compared} were allowed");
    // What everybody may fetch is answered before anything is decided: seen at the enforcement.
    for seed in 0..100 {
        let public = fetch_metadata(&World::random(&mut Dice(seed)));
        *reached.entry(public).or_default() += 1;
    }
    for reason in Reason::ALL {
        let count = reached.get(reason).copied().unwrap_or(0);
        assert!(count >= 100, "`{}` was reached {count} times", reason.code());
    }
}

/// Why a request for a resource's metadata, without a token, is answered.
fn fetch_metadata(world: &World) -> Reason {
    let environment = |_: &str| Some("CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk".to_owned());
    let engine = Engine::with(world.load(), &environment).unwrap();
    let mut enforcement = Enforcement::new(Rc::new(engine), Ids::default());
    let headers: [(&[u8], &[u8]); 3] = [
        (b":method", b"GET"),
        (b":authority", b"api.example"),
        (b":path", b"/.well-known/oauth-protected-resource/doc"),
    ];
    let step =
        enforcement.on(NOW, Event::RequestHeaders { headers: &headers, peer: &[], end: true });
    assert!(matches!(&step, Step::Reply(reply) if reply.status == 200), "{step:?}");
    enforcement.decision().unwrap().reason
}

#[test]
fn rule_1_default_deny() {
    try_all(11, |_, world, _, ask| {
        let mut bare = world.clone();
        bare.rules.retain(|rule| rule.effect == RuleEffect::Deny);
        bare.by_scope = [vec![], vec![]];
        assert!(!allowed(&bare.load().policy, &ask), "nothing allows this\n{ask:#?}");
    });
    try_all(12, |_, _, policy, mut ask| {
        ask.mapped = None;
        assert!(!allowed(policy, &ask), "an unmapped request is denied");
    });
}

#[test]
fn rule_2_identity_comes_first() {
    try_all(21, |_, world, policy, ask| {
        let decision = decided(policy, &ask);
        if decision.effect == Effect::Deny {
            return;
        }
        let token = ask.token.as_ref().unwrap();
        assert_eq!(ask.refused, None);
        // An id never counts without its issuer: the same token of the other issuer names others.
        let mut elsewhere = ask.clone();
        elsewhere.token.as_mut().unwrap().issuer = 1 - token.issuer;
        elsewhere.token.as_mut().unwrap().act.clear();
        let named_there = world.actors.iter().any(|actor| {
            actor.issuer == 1 - token.issuer
                && token.client.is_some_and(|id| id.is_ok_and(|id| actor.client_ids.contains(&id)))
        });
        if !named_there && ask.peer.is_empty() && token.client.is_some() {
            assert!(!allowed(policy, &elsewhere), "{ask:#?}\n{world:#?}");
        }
        // Proof of a user for a delegated actor, and of none for an independent one.
        for other in [
            ambit::identity::Principal::Unclear,
            match token.principal {
                ambit::identity::Principal::Own => ambit::identity::Principal::User,
                _ => ambit::identity::Principal::Own,
            },
        ] {
            let mut swapped = ask.clone();
            swapped.token.as_mut().unwrap().principal = other;
            assert!(!allowed(policy, &swapped), "{swapped:#?}\n{world:#?}");
        }
    });
}

#[test]
fn rule_3_rights_are_an_intersection() {
    try_all(31, |dice, world, policy, ask| {
        if !allowed(policy, &ask) {
            return;
        }
        let (resource, action) = ask.mapped.unwrap();
        let name = world::RESOURCES[resource];
        // Taking a scope from the token, or a `no:` anywhere, never allows more; a `no:` for this
        // very pair ends it, wherever it stands.
        let no = dice.pick(&[format!("no:{action}"), format!("no:{action}:{name}"), "no:*".into()]);
        let mut less = ask.clone();
        less.token.as_mut().unwrap().scopes.push(no.clone());
        assert!(!allowed(policy, &less), "{no} in the token");
        let mut narrowed = world.clone();
        for actor in &mut narrowed.actors {
            actor.scopes.push(no.clone());
        }
        assert!(!allowed(&narrowed.load().policy, &ask), "{no} in the ceilings");
        if !world.unlimited[ask.token.as_ref().unwrap().issuer] {
            let mut none = ask.clone();
            none.token.as_mut().unwrap().scopes.clear();
            assert!(!allowed(policy, &none), "no scope in the token");
        }
        let mut low = world.clone();
        for actor in &mut low.actors {
            actor.scopes.clear();
        }
        let mut ungranted = ask;
        ungranted.grant = None;
        assert!(!allowed(&low.load().policy, &ungranted), "no ceiling leaves room");
    });
}

#[test]
fn rule_4_read_only_is_the_default() {
    try_all(41, |_, world, policy, ask| {
        let Some((resource, action)) = ask.mapped.filter(|(_, action)| *action != Action::Read)
        else {
            return;
        };
        let mut unapproved = ask;
        unapproved.approval = Tier::None;
        let decision = decided(policy, &unapproved);
        if decision.effect == Effect::Deny || decision.reason == Reason::AllowedWithTag {
            return;
        }
        let spared = world.rules.iter().any(|rule| {
            rule.effect == RuleEffect::Allow
                && rule.approval == Some(Tier::None)
                && rule.actions.contains(&action)
                && rule.resources.contains(&world::RESOURCES[resource])
        });
        assert!(spared, "a {action} passed, and no rule said `approval: none`\n{world:#?}");
    });
}

#[test]
fn rule_5_a_deny_beats_every_allow() {
    try_all(51, |dice, world, policy, ask| {
        let before = allowed(policy, &ask);
        // The order of rules never matters.
        let mut shuffled = world.clone();
        for at in (1..shuffled.rules.len()).rev() {
            shuffled.rules.swap(at, dice.below(at + 1));
        }
        let (a, b) = (decided(policy, &ask), decided(&shuffled.load().policy, &ask));
        assert_eq!((says(&a), a.approval), (says(&b), b.approval));
        // A deny that matches beats whatever allows.
        let mut denied = world.clone();
        let always = dice.pick(&[None, Some(Cond::Always)]);
        denied.rules.push(deny(always));
        assert!(!allowed(&denied.load().policy, &ask));
        // Adding any deny never allows more.
        let mut stricter = world.clone();
        let text = dice.pick(&[Cond::OwnerIsSubject, Cond::MethodIsGet, Cond::InGroup("sales")]);
        stricter.rules.push(deny(Some(text)));
        assert!(before || !allowed(&stricter.load().policy, &ask), "a deny allowed more");
        // With every approval given, taking an allow out never allows more.
        let mut approved = ask;
        approved.approval = Tier::SecondPerson;
        let with_all = allowed(policy, &approved);
        for at in 0..world.rules.len() {
            if world.rules[at].effect == RuleEffect::Allow {
                let mut without = world.clone();
                without.rules.remove(at);
                assert!(with_all || !allowed(&without.load().policy, &approved));
            }
        }
        let mut unlisted = world.clone();
        unlisted.by_scope[dice.below(2)].clear();
        assert!(with_all || !allowed(&unlisted.load().policy, &approved));
    });
}

fn deny(when: Option<Cond>) -> WorldRule {
    WorldRule {
        effect: RuleEffect::Deny,
        actions: Action::ALL.to_vec(),
        resources: world::RESOURCES.to_vec(),
        when,
        approval: None,
    }
}

#[test]
fn rule_6_only_a_definite_true_allows_and_only_a_definite_false_spares() {
    try_all(61, |dice, world, policy, ask| {
        // Withholding what was known never allows what was not allowed.
        let mut withheld = ask.clone();
        match dice.below(3) {
            0 => withheld.owner = world::Known::Unknown,
            1 => withheld.tenant = world::Known::Unknown,
            _ => withheld.token.iter_mut().for_each(|token| token.groups = None),
        }
        let (known, unknown) = (decided(policy, &ask), decided(policy, &withheld));
        if known.effect == Effect::Deny && known.waits_for.is_empty() {
            let strict = known.reason == Reason::ApprovalRequired;
            assert!(strict || unknown.effect == Effect::Deny, "{ask:#?}\n{world:#?}");
        }
        // An allow or a deny on an attribute nobody knows.
        let mut only = world.clone();
        only.by_scope = [vec![], vec![]];
        only.rules = vec![WorldRule {
            effect: RuleEffect::Allow,
            approval: Some(Tier::None),
            ..deny(Some(Cond::OwnerIsSubject))
        }];
        let mut blind = ask;
        blind.owner = world::Known::Unknown;
        assert!(!allowed(&only.load().policy, &blind), "an unknown allowed");
        only.rules = vec![
            WorldRule { effect: RuleEffect::Allow, approval: Some(Tier::None), ..deny(None) },
            deny(Some(Cond::OwnerIsSubject)),
        ];
        assert!(!allowed(&only.load().policy, &blind), "an unknown spared");
    });
}

#[test]
fn rule_7_a_grant_lifts_actor_ceilings_and_nothing_else() {
    let mut lifted = 0;
    try_all(71, |_, world, policy, mut ask| {
        ask.grant = None;
        let before = decided(policy, &ask);
        let grant = world::WorldGrant {
            scopes: vec!["*:*".into()],
            may: vec!["*:*".into()],
            proved: true,
            ends_in: 60,
        };
        ask.grant = Some(grant.clone());
        let after = decided(policy, &ask);
        if before.effect == Effect::Deny && after.effect == Effect::Allow {
            assert_eq!(before.reason, Reason::BeyondCeiling, "it lifts nothing but ceilings");
            lifted += 1;
            for spoilt in [
                world::WorldGrant { proved: false, ..grant.clone() },
                world::WorldGrant { ends_in: 0, ..grant.clone() },
                world::WorldGrant { scopes: vec![], ..grant },
            ] {
                ask.grant = Some(spoilt);
                assert!(!allowed(policy, &ask), "{ask:#?}");
            }
        }
        // An approval is an input: a deny still wins, and it satisfies nothing but approvals.
        let mut approved = ask;
        approved.grant = None;
        approved.approval = Tier::SecondPerson;
        let with = decided(policy, &approved);
        if with.effect == Effect::Allow
            && before.effect == Effect::Deny
            && before.waits_for.is_empty()
        {
            let asked = [Reason::ApprovalRequired, Reason::ObligationUnsupported];
            assert!(asked.contains(&before.reason), "{:?}", before.reason);
        }
        let mut denied = world.clone();
        denied.rules.push(deny(None));
        assert!(!allowed(&denied.load().policy, &approved));
    });
    assert!(lifted > 50, "only {lifted} grants lifted anything");
}

#[test]
fn rule_8_an_obligation_nobody_honours_denies() {
    let mut tagged = 0;
    try_all(81, |_, _, policy, mut ask| {
        ask.host_tags = true;
        let able = decided(policy, &ask);
        ask.host_tags = false;
        let unable = decided(policy, &ask);
        if able.obligations.is_empty() {
            assert_eq!(able.effect, unable.effect);
        } else {
            tagged += 1;
            assert_eq!(unable.effect, Effect::Deny);
            assert_eq!(unable.reason, Reason::ObligationUnsupported);
        }
    });
    assert!(tagged > 50, "only {tagged} tags were asked for");
}

#[test]
fn rule_9_the_same_arguments_give_the_same_decision() {
    try_all(91, |_, world, policy, ask| {
        let again = world.load().policy;
        assert_eq!(policy.hash(), again.hash());
        let (a, b) = (decided(policy, &ask), decided(&again, &ask));
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
    });
    // Time is an argument: before its end a token counts, at its end it does not.
    try_all(92, |_, _, policy, ask| {
        if allowed(policy, &ask) {
            let later = NOW.plus(Span::from_secs(3600));
            assert_eq!(decided_at(policy, &ask, later).effect, Effect::Deny);
        }
    });
}

#[test]
fn rule_10_work_is_bounded_by_counted_steps() {
    // A condition as long as the limit allows, on a list as long as a token allows, ends unsettled
    // and not late.
    let mut dice = Dice(101);
    let mut world = World::random(&mut dice);
    let mut ask = Ask::random(&mut dice, &world);
    while !allowed(&world.load().policy, &ask) || ask.mapped.unwrap().1 != Action::Read {
        world = World::random(&mut dice);
        ask = Ask::random(&mut dice, &world);
    }
    let mut document = world.document();
    document.rules.push(ambit::policy::document::Rule {
        id: "long".into(),
        effect: RuleEffect::Deny,
        actions: vec![Action::Read],
        resources: vec!["*".into()],
        when: Some(
            "subject.groups.exists(a, subject.groups.exists(b, subject.groups.exists(c, a == \"x\" && b == c)))"
                .into(),
        ),
        approval: None,
    });
    let policy = Policy::from_document(&document).unwrap().policy;
    let short = decided(&policy, &ask);
    ask.token.as_mut().unwrap().groups = Some(vec!["support"; 400]);
    let long = decided(&policy, &ask);
    assert_ne!(short.reason, Reason::Denied);
    assert_eq!(long.effect, Effect::Deny, "64 million comparisons are not made: unsettled denies");
}
