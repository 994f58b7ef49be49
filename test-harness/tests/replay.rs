//! Records of every example policy's requests, replayed.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit::policy::{Loaded, Policy};
use ambit::replay::{Answer, Assume, Replay};
use ambit_test_harness::recorded::{Read, Recorded};
use ambit_test_harness::replay::{Kind, is_as_recorded, told};
use ambit_test_harness::scenario::{Native, ScenarioFile};
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
    if !answer.possible.iter().any(|one| is_as_recorded(one, record)) {
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
