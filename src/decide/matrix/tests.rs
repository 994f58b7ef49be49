use super::*;

fn policy(extra: &str) -> Policy {
    let text = format!(
        "apiVersion: ambit/v1
name: table
identity:
  issuers:
    - {{ issuer: https://idp.example.com, jwks: {{ remote: {{ cluster: idp, url: \"https://idp.example.com/jwks\" }} }} }}
actors:
  alone: {{ mode: independent, match: {{ client_id: alone }}, scopes: [\"*:*\"] }}
  bot: {{ match: {{ client_id: bot }}, scopes: [\"*:*\", \"no:admin\"] }}
  narrow: {{ match: {{ client_id: narrow }}, scopes: [\"read:*\"] }}
resources:
  note:
    audience: https://api.example.com
    per_record: upstream
    attributes: {{ owner: {{ type: string, from: {{ path: id }} }} }}
    http:
      - {{ path: \"/n/{{id}}\" }}
      - {{ path: \"/n/{{id}}/owner\", methods: {{ POST: admin }} }}
  image: {{ audience: https://api.example.com, per_record: upstream, http: [{{ path: \"/i/{{id}}\", methods: {{ GET: read }} }}] }}
{extra}"
    );
    match Policy::load_yaml("policy.yaml", &text) {
        Ok(loaded) => loaded.policy,
        Err(errors) => panic!("{errors}"),
    }
}

fn field(policy: &Policy, actor: &str, resource: &str, action: Action) -> Field {
    let mut fields = matrix(policy).into_iter();
    let found =
        fields.find(|it| it.actor == actor && it.resource == resource && it.action == action);
    found.unwrap()
}

const RULES: &str = "
rules:
  - { id: own, effect: allow, actions: [read, write], resources: [note], when: resource.owner == subject.id, approval: none }
  - { id: bots, effect: allow, actions: [read], resources: [note], when: actor.id == \"bot\" && action == \"read\" }
  - { id: deletes, effect: allow, actions: [delete], resources: [note] }
  - { id: not-hers, effect: deny, actions: [delete], resources: [note], when: resource.id == \"7\" }
  - { id: owners, effect: allow, actions: [admin], resources: [note], approval: none }
";

#[test]
fn every_agent_resource_and_action_has_a_field() {
    assert_eq!(matrix(&policy(RULES)).len(), 3 * 2 * 4);
}

#[test]
fn a_condition_that_only_an_agent_settles_is_settled() {
    let policy = policy(RULES);
    let outcome = field(&policy, "bot", "note", Action::Read).outcome;
    assert_eq!(outcome, Outcome::Allow { rules: vec!["bots".into()], tier: Tier::None });
    let Outcome::Depends { allowing, forbidding } =
        field(&policy, "narrow", "note", Action::Read).outcome
    else {
        panic!("settled");
    };
    let when = Some("resource.owner == subject.id".to_owned());
    assert_eq!(allowing, [Ground { rule: "own".into(), when, tier: Tier::None }]);
    assert_eq!(forbidding, []);
}

#[test]
fn an_open_deny_leaves_it_open_and_a_sure_one_settles_it() {
    let Outcome::Depends { allowing, forbidding } =
        field(&policy(RULES), "bot", "note", Action::Delete).outcome
    else {
        panic!("settled");
    };
    assert_eq!(allowing, [Ground { rule: "deletes".into(), when: None, tier: Tier::Presence }]);
    assert_eq!(forbidding.first().unwrap().rule, "not-hers");
    let sure = RULES.replace(", when: resource.id == \"7\"", "");
    assert_eq!(
        field(&policy(&sure), "bot", "note", Action::Delete).outcome,
        Outcome::Deny(Refused::Forbidden(vec!["not-hers".into()]))
    );
}

#[test]
fn what_an_agent_alone_may_do_with_a_yes_needs_another_persons() {
    let delegated = "when: actor.mode == \"delegated\"";
    let policy = policy(&RULES.replace("when: resource.id == \"7\"", delegated));
    let alone = field(&policy, "alone", "note", Action::Delete);
    let tier = Tier::SecondPerson;
    assert_eq!(alone.outcome, Outcome::Allow { rules: vec!["deletes".into()], tier });
    assert_eq!(alone.users, Users::Itself);
}

#[test]
fn ceilings_paths_and_rules_are_told_apart() {
    let policy = policy(RULES);
    for (actor, resource, action, why) in [
        ("narrow", "note", Action::Write, Refused::BeyondAgent),
        ("bot", "note", Action::Admin, Refused::BeyondAgent),
        ("bot", "image", Action::Write, Refused::NoPath),
        ("bot", "image", Action::Read, Refused::NoRule),
    ] {
        assert_eq!(field(&policy, actor, resource, action).outcome, Outcome::Deny(why), "{actor}");
    }
    let owners = field(&policy, "alone", "note", Action::Admin).outcome;
    assert_eq!(owners, Outcome::Allow { rules: vec!["owners".into()], tier: Tier::None });
}

#[test]
fn users_are_those_whose_groups_reach_and_none_that_takes() {
    let users = |subjects: &str| {
        let policy = policy(&format!("{RULES}subjects: [{subjects}]\n"));
        field(&policy, "bot", "note", Action::Delete)
    };
    let groups = |some: &[&str], never: &[&str]| {
        let owned = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        Users::Groups(owned(some), owned(never))
    };
    for (subjects, expected) in [
        ("{ scopes: ['*:*'] }", Users::Everyone),
        ("{ groups: [b, a], scopes: ['delete:note'] }", groups(&["a", "b"], &[])),
        (
            "{ scopes: ['*:*'] }, { groups: [guests], scopes: ['no:delete'] }",
            groups(&[], &["guests"]),
        ),
        (
            "{ groups: [a, guests], scopes: ['*:*'] }, { groups: [guests], scopes: ['no:delete'] }",
            groups(&["a"], &["guests"]),
        ),
    ] {
        assert_eq!(users(subjects).users, expected, "{subjects}");
    }
    for subjects in [
        "{ groups: [a], scopes: ['read:*'] }",
        "{ groups: [a], scopes: ['*:*'] }, { scopes: ['no:delete'] }",
        "{ groups: [a], scopes: ['*:*', 'no:delete'] }",
    ] {
        assert_eq!(users(subjects).outcome, Outcome::Deny(Refused::BeyondUsers), "{subjects}");
    }
}
