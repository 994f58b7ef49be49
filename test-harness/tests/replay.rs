//! Records of every example policy's requests, replayed.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

use ambit::policy::{Loaded, Policy};
use ambit::replay::{Answer, Assume, Possible, Replay};
use ambit::trace::{self, Outlook};
use ambit_test_harness::recorded::{Effect, Read, Recorded};
use ambit_test_harness::replay::{Kind, Policies, Replayer, is_as_recorded, told};
use ambit_test_harness::scenario::{Native, ScenarioFile};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("policy_test.yaml").exists())
        .collect();
    folders.sort();
    folders
}

fn load(text: &str) -> Loaded {
    Policy::load("policy", text.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A suite's records, each with the name of its request.
fn records(file: &ScenarioFile) -> Vec<(String, Recorded)> {
    let native = Native::new(file).unwrap();
    file.requests
        .iter()
        .map(|ask| {
            let line = native.record(ask, ask.mint().as_deref());
            (ask.name.clone(), Read::of(&line).unwrap().record)
        })
        .collect()
}

fn suites() -> Vec<(String, ScenarioFile)> {
    folders()
        .into_iter()
        .map(|folder| {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            (name, ScenarioFile::read(&folder.join("policy_test.yaml")).unwrap())
        })
        .collect()
}

fn check(what: &str, answer: &Answer, record: &Recorded, wrong: &mut Vec<String>) {
    let fits = |one: &Possible| {
        let unnamed = one.reason.is_none() && one.allowed == (record.effect == Effect::Allow);
        unnamed || is_as_recorded(one, record)
    };
    if !answer.possible.iter().any(fits) {
        wrong.push(format!(
            "{what}: {} {} is not among {answer:?}",
            record.effect.name(),
            record.reason
        ));
    }
}

#[test]
fn what_was_recorded_is_always_among_what_can_be_and_with_its_policy_nothing_else() {
    let (mut wrong, mut depends, mut all) = (Vec::new(), Vec::new(), 0);
    for (name, file) in suites() {
        let policy = load(&file.compiled().unwrap());
        let (alone, beside) = (Replay::new(&policy, None), Replay::new(&policy, Some(&policy)));
        for (request, record) in records(&file) {
            let what = format!("{name}: {request}");
            all += 1;
            let told = told(&record);
            check(&what, &alone.answer(&told, Assume::Nothing), &record, &mut wrong);
            check(&what, &alone.answer(&told, Assume::Identity), &record, &mut wrong);
            let answer = beside.answer(&told, Assume::Nothing);
            check(&what, &answer, &record, &mut wrong);
            if Kind::of(&answer, &record) != Kind::Same {
                depends.push(format!("{what}: {} {answer:?}", record.reason));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {all}\n{}", wrong.len(), wrong.join("\n"));
    assert!(depends.is_empty(), "{} of {all}\n{}", depends.len(), depends.join("\n"));
}

#[test]
fn a_record_alone_often_settles_a_refusal_and_never_an_allow() {
    let (mut refusals, mut all) = (0, 0);
    for (_, file) in suites() {
        let policy = load(&file.compiled().unwrap());
        let alone = Replay::new(&policy, None);
        for (_, record) in records(&file) {
            all += 1;
            let answer = alone.answer(&told(&record), Assume::Nothing);
            match answer.allowed() {
                Some(false) => refusals += 1,
                // What is everybody's needs no token.
                Some(true) => assert_eq!(record.reason, "allowed-public"),
                None => assert!(!answer.missing.is_empty(), "{answer:?}"),
            }
        }
    }
    assert!(refusals * 10 > all, "{refusals} of {all}");
}

/// What an author may do to a policy, one thing at a time.
fn edits(policy: &Value) -> Vec<(String, Value)> {
    let mut edits = Vec::new();
    let mut edit = |name: String, make: &dyn Fn(&mut Value)| {
        let mut edited = policy.clone();
        make(&mut edited);
        if edited != *policy {
            edits.push((name, edited));
        }
    };
    let rules = policy["rules"].as_array().map_or(0, Vec::len);
    for at in 0..rules {
        edit(format!("without rule {at}"), &|policy| {
            policy["rules"].as_array_mut().unwrap().remove(at);
        });
        edit(format!("rule {at} denies"), &|policy| {
            let rule = policy["rules"][at].as_object_mut().unwrap();
            rule.insert("effect".to_owned(), json!("deny"));
            rule.remove("approval");
        });
        edit(format!("rule {at} without its condition"), &|policy| {
            policy["rules"][at].as_object_mut().unwrap().remove("when");
        });
        edit(format!("rule {at} the other way round"), &|policy| {
            let rule = policy["rules"][at].as_object_mut().unwrap();
            if let Some(when) = rule.get("when").and_then(Value::as_str) {
                let when = format!("!({when})");
                rule.insert("when".to_owned(), json!(when));
            }
        });
        edit(format!("rule {at} asks a second person"), &|policy| {
            policy["rules"][at]["approval"] = json!("second-person");
        });
        edit(format!("rule {at} asks nobody"), &|policy| {
            policy["rules"][at]["approval"] = json!("none");
        });
    }
    for name in policy["actors"].as_object().unwrap().keys() {
        edit(format!("without actor {name}"), &|policy| {
            policy["actors"].as_object_mut().unwrap().remove(name);
        });
        for scopes in [json!(["read:*"]), json!(["*:*"]), json!(["*:*", "no:read"]), json!([])] {
            edit(format!("actor {name} may {scopes}"), &|policy| {
                policy["actors"][name]["scopes"] = scopes.clone();
            });
        }
        edit(format!("actor {name} acts in the other way"), &|policy| {
            let other = match policy["actors"][name]["mode"].as_str() {
                Some("independent") => "delegated",
                _ => "independent",
            };
            policy["actors"][name]["mode"] = json!(other);
        });
        edit(format!("actor {name} goes by another name"), &|policy| {
            policy["actors"][name]["match"] = json!({ "client_id": "somebody-else" });
        });
    }
    edit("another actor".to_owned(), &|policy| {
        policy["actors"]["newcomer"] =
            json!({ "mode": "delegated", "match": { "client_id": "stranger" }, "scopes": ["*:*"] });
    });
    for name in policy["resources"].as_object().unwrap().keys() {
        edit(format!("without resource {name}"), &|policy| {
            policy["resources"].as_object_mut().unwrap().remove(name);
        });
        edit(format!("{name} by scope"), &|policy| {
            policy["resources"][name]["by_scope"] = json!(["read", "write", "delete"]);
        });
        edit(format!("{name} not by scope"), &|policy| {
            policy["resources"][name].as_object_mut().unwrap().remove("by_scope");
        });
        edit(format!("{name} for another audience"), &|policy| {
            let host =
                policy["resources"][name]["http"][0]["host"].as_str().unwrap_or("api.example.com");
            let host = host.to_owned();
            for route in policy["resources"][name]["http"].as_array_mut().into_iter().flatten() {
                route["host"] = json!(host);
            }
            policy["resources"][name]["audience"] = json!("https://other.example.com");
        });
        edit(format!("{name} reads by post alone"), &|policy| {
            for route in policy["resources"][name]["http"].as_array_mut().into_iter().flatten() {
                route["methods"] = json!({ "POST": "read", "GET": "write" });
            }
        });
    }
    edit("without subjects".to_owned(), &|policy| {
        policy.as_object_mut().unwrap().remove("subjects");
    });
    for subjects in [
        json!([{ "groups": ["support"], "scopes": ["read:*"] }]),
        json!([{ "groups": ["support", "staff"], "scopes": ["*:*"] }, { "groups": ["interns"], "scopes": ["no:read"] }]),
        json!([{ "scopes": ["*:*"] }]),
    ] {
        edit(format!("subjects {subjects}"), &|policy| policy["subjects"] = subjects.clone());
    }
    for (name, setting) in [
        ("max_lifetime", json!("1m")),
        ("sender_constraint", json!("required")),
        ("scope_map", json!({ "read:documents": "read:*" })),
        ("audiences", json!({ "https://api.example.com": "https://other.example.com" })),
        ("person", json!({ "realm": "elsewhere", "id": ["sub"] })),
    ] {
        edit(format!("issuers with {name}"), &|policy| {
            for issuer in policy["identity"]["issuers"].as_array_mut().unwrap() {
                issuer[name] = setting.clone();
            }
        });
    }
    edit("another issuer".to_owned(), &|policy| {
        for issuer in policy["identity"]["issuers"].as_array_mut().unwrap() {
            issuer["issuer"] = json!("https://elsewhere.example.com");
        }
    });
    edit("actors from the client id alone".to_owned(), &|policy| {
        policy["identity"]["actor_from"] = json!(["client_id"]);
    });
    edit("in shadow".to_owned(), &|policy| policy["mode"] = json!("shadow"));
    edit("in earnest".to_owned(), &|policy| policy["mode"] = json!("enforce"));
    edit("a deny for all".to_owned(), &|policy| {
        let rule = json!({ "id": "stop", "effect": "deny", "actions": ["read", "write"], "resources": ["*"] });
        match policy["rules"].as_array_mut() {
            Some(rules) => rules.push(rule),
            None => policy["rules"] = json!([rule]),
        }
    });
    edit("a deny for some".to_owned(), &|policy| {
        let rule = json!({ "id": "stop", "effect": "deny", "actions": ["read", "write", "delete"], "resources": ["*"],
            "when": "\"interns\" in subject.groups || request.path == \"/v1/documents/7\"" });
        match policy["rules"].as_array_mut() {
            Some(rules) => rules.push(rule),
            None => policy["rules"] = json!([rule]),
        }
    });
    edits
}

/// The replay of a record is held against the decision that the edited policy makes of the request
/// itself: with every edit, what it makes is among what the replay says can be.
#[test]
fn what_an_edited_policy_decides_is_always_among_what_replay_says() {
    let (mut wrong, mut counts) = (Vec::new(), BTreeMap::<&str, usize>::new());
    let mut edited_policies = 0;
    for (name, file) in suites() {
        let old = load(&file.compiled().unwrap());
        let before = records(&file);
        let mut source: Value = serde_json::from_str(&file.compiled().unwrap()).unwrap();
        source.as_object_mut().unwrap().remove("source");
        for (edit, policy) in edits(&source) {
            let mut edited = file.clone();
            edited.policy = policy.to_string();
            let text = edited.compiled().unwrap();
            let Ok(new) = Policy::load("policy", text.as_bytes()) else { continue };
            edited_policies += 1;
            let after = records(&edited);
            let (beside, alone) = (Replay::new(&new, Some(&old)), Replay::new(&new, None));
            for ((request, was), (_, now)) in before.iter().zip(&after) {
                let what =
                    format!("{name}: {edit}: {request}: was {} {}", was.effect.name(), was.reason);
                let told = told(was);
                let answer = beside.answer(&told, Assume::Nothing);
                check(&what, &answer, now, &mut wrong);
                check(
                    &format!("{what}, alone"),
                    &alone.answer(&told, Assume::Nothing),
                    now,
                    &mut wrong,
                );
                let kind =
                    match (answer.allowed(), answer.allowed() == Some(was.effect == Effect::Allow))
                    {
                        (None, _) => "depends",
                        (Some(_), true) => "same",
                        (Some(_), false) => "changes",
                    };
                *counts.entry(kind).or_default() += 1;
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {counts:?}\n{}",
        wrong.len(),
        wrong[..wrong.len().min(40)].join("\n")
    );
    let of = |kind: &str| counts.get(kind).copied().unwrap_or_default();
    assert!(of("changes") > 300 && of("same") > 4 * of("depends"), "{counts:?}");
    assert!(edited_policies > 400, "{edited_policies}");
}
/// `ambit explain` shows a record under another policy part by part, and takes more for granted; where
/// it is sure, `ambit replay` must not say the opposite.
#[test]
fn explain_and_replay_never_say_opposite_things_of_a_record() {
    let (mut wrong, mut sure) = (Vec::new(), 0);
    for (name, file) in suites() {
        let mut source: Value = serde_json::from_str(&file.compiled().unwrap()).unwrap();
        source.as_object_mut().unwrap().remove("source");
        let native = Native::new(&file).unwrap();
        let lines: Vec<_> = file
            .requests
            .iter()
            .map(|ask| (&ask.name, native.record(ask, ask.mint().as_deref())))
            .collect();
        for (edit, policy) in edits(&source) {
            let mut edited = file.clone();
            edited.policy = policy.to_string();
            let text = edited.compiled().unwrap();
            let Ok(new) = Policy::load("policy", text.as_bytes()) else { continue };
            let replay = Replay::new(&new, None);
            for (request, line) in &lines {
                let record = Read::of(line).unwrap().record;
                let outlook = trace::Recorded::read(line).unwrap().review(&new.policy).outlook;
                let allowed = match outlook {
                    Outlook::Allow => true,
                    Outlook::Deny => false,
                    Outlook::Depends(_) => continue,
                };
                sure += 1;
                let answer = replay.answer(&told(&record), Assume::Identity);
                if !answer.possible.iter().any(|one| one.allowed == allowed) {
                    wrong.push(format!(
                        "{name}: {edit}: {request}: explain {outlook:?}, replay {answer:?}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {sure}\n{}", wrong.len(), wrong.join("\n"));
    assert!(sure > 1_000, "{sure}");
}

#[test]
fn an_answer_that_was_kept_is_the_answer_of_its_own_request() {
    let mut compared = 0;
    for (_, file) in suites() {
        let text = file.compiled().unwrap();
        let mut source: Value = serde_json::from_str(&text).unwrap();
        source.as_object_mut().unwrap().remove("source");
        let before = records(&file);
        for (_, policy) in edits(&source) {
            let mut edited = file.clone();
            edited.policy = policy.to_string();
            let edited = edited.compiled().unwrap();
            let Ok(new) = Policy::load("policy", edited.as_bytes()) else { continue };
            let mut policies = Policies { new, was: BTreeMap::new() };
            policies.add(load(&text));
            let mut keeping = Replayer::new(&policies);
            for (request, record) in before.iter().chain(&before) {
                let alone = Replayer::new(&policies).ask(record);
                assert_eq!(keeping.ask(record), alone, "{request}");
                compared += 1;
            }
        }
    }
    assert!(compared > 5_000, "{compared}");
}

/// A token that was seen to read was not seen to write.
#[test]
fn how_far_a_token_reached_says_nothing_of_another_action() {
    let (_, mut file) = suites().into_iter().find(|(name, _)| name == "read-only-agent").unwrap();
    let old = load(&file.compiled().unwrap());
    let mut ask = file.requests[0].clone();
    ask.token.get_or_insert_default().insert("scope".to_owned(), json!("read:*"));
    file.requests = vec![ask];
    let mut policy: Value = serde_json::from_str(&file.compiled().unwrap()).unwrap();
    policy.as_object_mut().unwrap().remove("source");
    for actor in policy["actors"].as_object_mut().unwrap().values_mut() {
        actor["scopes"] = json!(["*:*"]);
    }
    for resource in policy["resources"].as_object_mut().unwrap().values_mut() {
        resource["by_scope"] = json!(["read", "write"]);
        resource["http"][0]["methods"] = json!({ "GET": "write" });
    }
    let mut edited = file.clone();
    edited.policy = policy.to_string();
    let new = load(&edited.compiled().unwrap());
    let (was, now) = (records(&file).remove(0).1, records(&edited).remove(0).1);
    assert_eq!(
        (was.reason.as_str(), now.reason.as_str()),
        ("allowed-by-rule", "insufficient-scope")
    );
    let answer = Replay::new(&new, Some(&old)).answer(&told(&was), Assume::Nothing);
    let reasons: Vec<&str> =
        answer.possible.iter().filter_map(|one| one.reason).map(|reason| reason.code()).collect();
    assert!(
        reasons.contains(&"insufficient-scope") && reasons.contains(&"approval-required"),
        "{answer:?}"
    );
}
