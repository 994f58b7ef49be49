//! Every operator, in three values.

use super::*;
use crate::policy::condition::parse_rfc3339;

/// Known facts of every type, one pending from each source, one final unknown (`resource.public`).
fn world() -> World {
    let time = |text| Value::Timestamp(parse_rfc3339(text).unwrap());
    World::default()
        .with("action", "read")
        .with("actor.chain", ["outer", "inner"].as_slice())
        .with("actor.id", "indexer")
        .with("actor.mode", "delegated")
        .with(
            "args",
            dyn_json(
                r#"{"amount": 500, "big": 9007199254740993, "rate": 1.5, "to": "eu-west", "yes": true,
                    "none": null, "tags": ["a", "b"], "due": "2026-11-24T00:00:00Z",
                    "deep": {"c": {"d-e": "x"}, "list": [{"id": "1"}, {"id": "2", "n": 7}]},
                    "mixed": ["a", 1], "huge": 1e999, "empty": [], "nested": [["a"], ["b"]]}"#,
            ),
        )
        .with("request.time", time("2026-11-24T12:00:00Z"))
        .with("resource.amount", Value::Int(500))
        .with("resource.created", time("2026-01-01T00:00:00Z"))
        .with("resource.labels", strings(&["public", "legal-hold"]))
        .with("resource.owner", Source::Response)
        .with("resource.price", Value::Double(9.5))
        .with("resource.scores", Value::List(vec![Value::Int(1), Value::Int(3)]))
        .with("resource.tenant", Source::Lookup)
        .with("subject.admin", Value::Bool(false))
        .with("subject.groups", Value::List(vec![]))
        .with("subject.id", "ann")
        .with("subject.level", Value::Int(3))
        .with("subject.tenant", "acme")
}

#[track_caller]
fn check(cases: &[(&str, Verdict)]) {
    let world = world();
    for (text, expected) in cases {
        assert_eq!(verdict(text, &world), *expected, "{text}");
    }
}

const LOOKUP: Source = Source::Lookup;
const RESPONSE: Source = Source::Response;

#[test]
fn equality_needs_both_sides_known() {
    check(&[
        ("subject.id == 'ann'", is(true)),
        ("subject.id != 'ann'", is(false)),
        ("subject.id == 'bob'", is(false)),
        ("subject.id == subject.tenant", is(false)),
        ("resource.tenant == subject.tenant", waits(LOOKUP)),
        ("resource.tenant != subject.tenant", waits(LOOKUP)),
        ("resource.owner == subject.id", waits(RESPONSE)),
        (
            "resource.owner == resource.tenant",
            Verdict { truth: Truth::Unknown, waits_for: Sources { lookup: true, response: true } },
        ),
        // Whatever the look-up says, the realm stays withheld.
        ("resource.tenant == subject.realm", FINAL),
        ("subject.realm == subject.realm", FINAL),
        ("(subject.level == 3) == true", is(true)),
        ("subject.admin == (resource.tenant == 'a')", waits(LOOKUP)),
        ("resource.labels == ['public', 'legal-hold']", is(true)),
        ("resource.labels != ['legal-hold', 'public']", is(true)),
        ("resource.labels == []", is(false)),
        ("subject.groups == []", is(true)),
        ("resource.labels == ['public', resource.tenant]", waits(LOOKUP)),
        ("resource.labels == ['other', resource.tenant]", is(false)),
        ("resource.labels == [resource.tenant]", is(false)),
    ]);
}

#[test]
fn numbers_compare_across_their_types() {
    check(&[
        ("subject.level == 3.0", is(true)),
        ("subject.level < 3.5", is(true)),
        ("resource.price >= 9", is(true)),
        ("resource.price > resource.amount", is(false)),
        ("resource.amount <= 500", is(true)),
        ("resource.amount > 500", is(false)),
        ("resource.amount > -500", is(true)),
        ("args.amount <= 500", is(true)),
        ("args.amount == 500.0", is(true)),
        ("args.big == 9007199254740993", is(true)),
        ("args.big == 9007199254740992.0", is(false)),
        ("args.big > 9007199254740992.0", is(true)),
        ("args.huge > 1", FINAL),
        ("args.rate == 1.5", is(true)),
        ("0x10 == 16", is(true)),
    ]);
}

#[test]
fn strings_and_timestamps_have_an_order() {
    check(&[
        ("subject.id < 'bob'", is(true)),
        ("subject.id >= 'ann'", is(true)),
        ("request.time > timestamp('2026-11-24T12:59:59+01:00')", is(true)),
        ("request.time == timestamp('2026-11-24T13:00:00+01:00')", is(true)),
        ("resource.created < request.time", is(true)),
        ("args.due < request.time", is(true)),
        ("args.to < request.time", FINAL),
        ("resource.tenant < 'b'", waits(LOOKUP)),
    ]);
}

#[test]
fn a_dyn_value_of_the_wrong_type_settles_nothing() {
    check(&[
        ("args.to == 5", FINAL),
        ("args.to != 5", FINAL),
        ("args.amount == '500'", FINAL),
        ("args.amount < '600'", FINAL),
        ("args.yes == true", is(true)),
        ("args.yes == 'true'", FINAL),
        ("args.yes > 0", FINAL),
        ("args.tags == 'a'", FINAL),
        ("args.deep == args.deep", FINAL),
        ("args.missing == 1", FINAL),
        ("args.to.inner == 1", FINAL),
        ("args.tags.inner == 1", FINAL),
        ("args.tags[5] == 'a'", FINAL),
        ("args.tags[1] == 'b'", is(true)),
        ("args.deep.c['d-e'] == 'x'", is(true)),
        ("args['deep']['list'][1]['n'] == 7", is(true)),
        ("args.none == 'x'", FINAL),
        ("args.none == args.none", is(true)),
        ("args.tags == ['a', 'b']", is(true)),
        ("args.mixed == ['a', 'b']", FINAL),
        ("args.mixed == ['z', 'b']", is(false)),
        ("args.nested == args.nested", is(true)),
        ("args.to.startsWith('eu')", is(true)),
        ("args.amount.startsWith('5')", FINAL),
        ("resource.meta == 1", FINAL),
    ]);
}

#[test]
fn null_is_asked_for_by_name() {
    check(&[
        ("args.none == null", is(true)),
        ("args.none != null", is(false)),
        ("null == args.to", is(false)),
        ("args.deep != null", is(true)),
        ("args.missing == null", FINAL),
        ("args.none != null && args.none == 'x'", is(false)),
    ]);
}

#[test]
fn and_is_false_as_soon_as_one_is() {
    check(&[
        ("true && true", is(true)),
        ("true && false", is(false)),
        ("resource.tenant == 'a' && false", is(false)),
        ("false && resource.tenant == 'a'", is(false)),
        ("true && resource.tenant == 'a'", waits(LOOKUP)),
        ("resource.public && true", FINAL),
        // The look-up can still make it false.
        ("resource.public && resource.tenant == 'a'", waits(LOOKUP)),
    ]);
}

#[test]
fn or_is_true_as_soon_as_one_is() {
    check(&[
        ("false || false", is(false)),
        ("false || true", is(true)),
        ("resource.tenant == 'a' || true", is(true)),
        ("true || resource.tenant == 'a'", is(true)),
        ("false || resource.tenant == 'a'", waits(LOOKUP)),
        ("resource.public || false", FINAL),
        ("resource.public || resource.owner == 'a'", waits(RESPONSE)),
        ("subject.admin || subject.level > 2 && true", is(true)),
    ]);
}

#[test]
fn not_leaves_the_unknown_unknown() {
    check(&[
        ("!true", is(false)),
        ("!subject.admin", is(true)),
        ("!resource.public", FINAL),
        ("!(resource.tenant == 'a')", waits(LOOKUP)),
        ("!!(subject.id == 'ann')", is(true)),
    ]);
}

#[test]
fn in_is_an_equality_with_any_element() {
    check(&[
        ("'legal-hold' in resource.labels", is(true)),
        ("'secret' in resource.labels", is(false)),
        ("'x' in subject.groups", is(false)),
        ("'outer' in actor.chain", is(true)),
        ("subject.id in ['bob', 'ann', 'bob']", is(true)),
        ("subject.id in ['bob']", is(false)),
        ("resource.tenant in ['a', 'b']", waits(LOOKUP)),
        ("resource.tenant in subject.groups", is(false)),
        ("resource.tenant in resource.labels", waits(LOOKUP)),
        ("subject.realm in ['a']", FINAL),
        ("subject.id in []", is(false)),
        ("subject.id in ['ann', resource.tenant]", is(true)),
        (
            "subject.id in [resource.owner, resource.tenant, 'x']",
            Verdict { truth: Truth::Unknown, waits_for: Sources { lookup: true, response: true } },
        ),
        ("subject.level in [1, 2.0, 3]", is(true)),
        ("subject.level in [1, 2]", is(false)),
        ("3 in resource.scores", is(true)),
        ("3.5 in resource.scores", is(false)),
        ("'a' in args.tags", is(true)),
        ("'z' in args.tags", is(false)),
        ("'a' in args.mixed", is(true)),
        ("'z' in args.mixed", FINAL),
        ("'a' in args.to", FINAL),
        ("'c' in args.deep", FINAL),
        ("'a' in args.empty", is(false)),
        ("args.to in ['eu-west', 'eu-north']", is(true)),
        ("args.amount in ['eu-west']", FINAL),
        ("args.missing in ['eu-west']", FINAL),
        ("true in [subject.admin, resource.tenant == 'a']", waits(LOOKUP)),
    ]);
}

#[test]
fn texts_are_looked_into() {
    check(&[
        ("subject.id.startsWith('a')", is(true)),
        ("subject.id.endsWith('a')", is(false)),
        ("subject.id.contains('nn')", is(true)),
        ("subject.id.contains('')", is(true)),
        ("subject.tenant.startsWith(subject.id)", is(false)),
        ("resource.tenant.contains('a')", waits(LOOKUP)),
        ("subject.id.contains(resource.tenant)", waits(LOOKUP)),
        ("resource.tenant.contains(subject.realm)", FINAL),
        ("request.path.startsWith('/')", FINAL),
    ]);
}

#[test]
fn exists_is_an_or_and_all_an_and() {
    check(&[
        ("resource.labels.exists(l, l.startsWith('legal'))", is(true)),
        ("resource.labels.exists(l, l == 'x')", is(false)),
        ("resource.labels.all(l, l != 'x')", is(true)),
        ("resource.labels.all(l, l == 'public')", is(false)),
        ("subject.groups.exists(g, true)", is(false)),
        ("subject.groups.all(g, false)", is(true)),
        ("resource.labels.exists(l, l == resource.tenant)", waits(LOOKUP)),
        ("resource.labels.exists(l, l == 'public' || l == resource.tenant)", is(true)),
        ("resource.labels.all(l, l == resource.tenant)", waits(LOOKUP)),
        ("resource.scores.all(s, s < 5)", is(true)),
        ("subject.scopes.exists(s, s == 'read:x')", FINAL),
        ("args.deep.list.exists(i, i.id == '2' && i.n == 7)", is(true)),
        ("args.deep.list.exists(i, i.n == 8)", FINAL),
        ("args.deep.list.all(i, has(i.id))", is(true)),
        ("args.deep.list.exists(i, has(i.n) && i.n > 7)", is(false)),
        ("args.to.exists(i, true)", FINAL),
        ("args.empty.exists(i, true)", is(false)),
        ("[subject.id, resource.tenant].exists(x, x == 'ann')", is(true)),
        ("[subject.id, resource.tenant].all(x, x == 'ann')", waits(LOOKUP)),
        ("['a', 'b'].exists(x, ['b', 'c'].exists(y, x == y))", is(true)),
        ("['a', 'b'].all(x, ['b', 'c'].exists(y, x == y))", is(false)),
        ("['a'].exists(x, ['b'].exists(y, ['c'].exists(z, x < y && y < z)))", is(true)),
        ("['ann'].exists(x, [subject.tenant, x].exists(y, y == 'ann'))", is(true)),
        ("args.nested.exists(n, n.exists(m, m == 'b'))", is(true)),
        ("args.nested.exists(n, n[0] == 'b')", is(true)),
    ]);
}

#[test]
fn has_is_never_false_of_what_may_be_withheld() {
    check(&[
        ("has(subject.tenant)", is(true)),
        ("has(subject.groups)", is(true)),
        ("has(subject.realm)", FINAL),
        ("has(subject.profile)", FINAL),
        ("has(resource.tenant)", waits(LOOKUP)),
        ("has(resource.public)", FINAL),
        ("has(resource.meta.inner)", FINAL),
        ("has(args.amount)", is(true)),
        ("has(args.none)", is(true)),
        ("has(args.missing)", is(false)),
        ("has(args.missing.inner)", is(false)),
        ("has(args.deep.c)", is(true)),
        ("has(args.deep.x)", is(false)),
        ("has(args.to.x)", FINAL),
        ("has(args.deep.list[1].n)", is(true)),
        ("has(args.deep.list[0].n)", is(false)),
        ("has(args.deep.list[9].n)", is(false)),
        ("!has(args.missing)", is(true)),
    ]);
    assert_eq!(verdict("has(args.x)", &World::default()), FINAL);
    let listing = World::default().with("args", Source::Lookup);
    assert_eq!(verdict("has(args.x)", &listing), waits(LOOKUP));
}

#[test]
fn a_value_that_is_not_of_its_declared_type_settles_nothing() {
    let lying = World::default().with("subject.tenant", Value::Int(1));
    assert_eq!(verdict("subject.tenant == 'acme'", &lying), FINAL);
    assert_eq!(verdict("subject.tenant in ['acme']", &lying), FINAL);
    let lying = World::default().with("subject.admin", "yes");
    assert_eq!(verdict("subject.admin", &lying), FINAL);
    let lying = World::default().with("resource.price", Value::Double(f64::NAN));
    assert_eq!(verdict("resource.price != 1.0", &lying), FINAL);
}

#[test]
fn elements_of_typed_lists_are_reached_by_number() {
    check(&[
        ("actor.chain[0] == 'outer'", is(true)),
        ("actor.chain[1] == 'outer'", is(false)),
        ("actor.chain[2] == 'outer'", FINAL),
        ("resource['tenant'] == 'a'", waits(LOOKUP)),
    ]);
}

#[test]
fn slots_are_sorted_and_named_once() {
    let condition = compiled("args.x == subject.id && subject.id != actor.id || action == 'read'");
    assert_eq!(condition.slots(), [Slot::Action, Slot::ActorId, Slot::Args, Slot::SubjectId]);
    assert_eq!(compiled("true").slots(), []);
    assert_eq!(compiled("subject.tenant == 'a'").slots(), [Slot::SubjectClaim(3)]);
    assert_eq!(compiled("resource.tenant == 'a'").slots(), [Slot::ResourceAttribute(108)]);
}

#[test]
fn the_authors_text_is_kept() {
    let text = " true  &&\n true // why not ";
    assert_eq!(compiled(text).source(), text);
    assert_eq!(compiled(text).to_string(), text);
}

#[test]
fn steps_are_counted_and_their_end_settles_nothing() {
    let condition = compiled("resource.labels.exists(l, l == 'legal-hold')");
    let mut steps = 100;
    assert_eq!(condition.evaluate(&world(), &mut steps), is(true));
    // The loop, two elements, two comparisons.
    assert_eq!(steps, 95);
    for budget in 0..5 {
        let mut steps = budget;
        assert_eq!(condition.evaluate(&world(), &mut steps), FINAL);
        assert_eq!(steps, 0);
    }
    let mut steps = 5;
    assert_eq!(condition.evaluate(&world(), &mut steps), is(true));
}

fn spent(text: &str, world: &World) -> u32 {
    let mut steps = 10_000;
    assert_ne!(compiled(text).evaluate(world, &mut steps).truth, Truth::Unknown, "{text}");
    10_000 - steps
}

#[test]
fn what_is_long_or_wide_costs_more_steps() {
    let long = "x".repeat(6400);
    let members = |count: u32| {
        let members: Vec<String> = (0..count).map(|at| format!("\"m{at}\": {at}")).collect();
        World::default().with("args", dyn_json(&format!("{{{}}}", members.join(","))))
    };
    let world = World::default()
        .with("subject.id", long.as_str())
        .with("actor.id", long.as_str())
        .with("subject.tenant", "x");
    assert_eq!(spent("subject.tenant == subject.tenant", &world), 1);
    assert_eq!(spent("subject.id == subject.tenant", &world), 1);
    assert_eq!(spent("subject.id == actor.id", &world), 101);
    assert_eq!(spent("subject.id <= actor.id", &world), 101);
    assert_eq!(spent("subject.id.contains('y')", &world), 101);
    assert_eq!(spent("args.m0 == 0", &members(1)), 1);
    assert_eq!(spent("args.m0 == 0", &members(1600)), 101);
}

#[test]
fn arrays_nested_beyond_a_bound_are_not_compared() {
    let nested = |depth: usize| {
        let array = format!("{{\"a\": {}1{}}}", "[".repeat(depth), "]".repeat(depth));
        World::default().with("args", dyn_json(&array))
    };
    assert_eq!(verdict("args.a == args.a", &nested(32)), is(true));
    assert_eq!(verdict("args.a == args.a", &nested(33)), FINAL);
}
