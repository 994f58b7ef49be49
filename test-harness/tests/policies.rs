//! Every example policy does what its tests say, in the core and in the shipped module.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit_test_harness::proxy_host::Module;
use ambit_test_harness::scenario::{Engine, Native, ScenarioFile, Wasmtime};
use ambit_test_harness::suite;
use std::path::{Path, PathBuf};

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

/// Rules that an example shows to be without effect.
const NEVER_DECISIVE: [&str; 1] = ["background-agent: by-scope:delete:document"];

#[test]
fn every_example_policy_does_what_its_tests_say_in_the_core() {
    let (mut failures, mut silent, mut checks) = (Vec::new(), Vec::new(), 0);
    for folder in folders() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let report = suite::run(&folder.join("policy_test.yaml")).unwrap_or_else(|e| panic!("{e}"));
        checks += report.checks;
        failures.extend(report.failures.iter().map(|failure| format!("{name}: {failure}")));
        silent.extend(report.never_decisive.iter().map(|rule| format!("{name}: {rule}")));
    }
    assert!(failures.is_empty(), "{} of {checks}\n{}", failures.len(), failures.join("\n"));
    assert_eq!(silent, NEVER_DECISIVE, "rules that no test is decided by");
}

#[test]
fn every_example_policy_does_what_its_tests_say_in_the_module() {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/ambit.wasm");
    let bytes = std::fs::read(module)
        .unwrap_or_else(|_| panic!("dist/ambit.wasm is not there: run `make module`"));
    let module = Module::compile(&bytes).unwrap();
    let mut wrong = Vec::new();
    for folder in folders() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let file = ScenarioFile::read(&folder.join("policy_test.yaml"))
            .unwrap_or_else(|error| panic!("{error}"));
        let mut native = Native::new(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut wasmtime =
            Wasmtime::new(&module, &file).unwrap_or_else(|error| panic!("{name}: {error}"));
        for ask in &file.requests {
            let token = ask.mint();
            let engines: [&mut dyn Engine; 2] = [&mut native, &mut wasmtime];
            let seen = engines.map(|engine| {
                engine.ask(ask, token.as_deref()).unwrap_or_else(|error| panic!("{name}: {error}"))
            });
            let what = format!("{name}: {}", ask.name);
            let failure = suite::failure(&file, ask, &seen[0]);
            wrong.extend(failure.map(|failure| format!("{name}: {failure}")));
            if seen[0] != seen[1] {
                wrong.push(format!("{what}: the module differs: {:?} {:?}", seen[0], seen[1]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_expectation_and_an_empty_file_are_seen() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/read-only-agent");
    let file = ScenarioFile::read(&folder.join("policy_test.yaml")).unwrap();
    let mut native = Native::new(&file).unwrap();
    let mut ask = file.requests.first().unwrap().clone();
    let token = ask.mint();
    let observed = native.ask(&ask, token.as_deref()).unwrap();
    assert_eq!(observed.broken(&ask.expect), Vec::<String>::new());
    ask.expect.upstream = None;
    assert_eq!(observed.broken(&ask.expect).len(), 1, "a request that passes unlisted");
    ask.expect.reason = "denied".to_owned();
    ask.expect.rules = vec!["other".to_owned()];
    assert_eq!(observed.broken(&ask.expect).len(), 3);
    let empty = std::env::temp_dir().join(format!("ambit-empty-{}.yaml", std::process::id()));
    std::fs::write(&empty, "policy: x\nrequests: []\n").unwrap();
    assert!(ScenarioFile::read(&empty).unwrap_err().contains("no request is asked"));
    std::fs::write(&empty, "policy: x\nrequest: []\n").unwrap();
    assert!(ScenarioFile::read(&empty).unwrap_err().contains("unknown field"));
    std::fs::remove_file(&empty).unwrap();
}

/// A file of tests beside the policy for agents that only read, removed when it goes.
struct TestFile(PathBuf);

impl TestFile {
    fn new(name: &str, tests: &str) -> Self {
        let file = format!("ambit-{}-{name}.yaml", std::process::id());
        let path = std::env::temp_dir().join(file);
        let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/read-only-agent");
        let policy = policy.join("policy.yaml").canonicalize().unwrap();
        std::fs::write(&path, format!("policy_path: {}\n{tests}", policy.display())).unwrap();
        Self(path)
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        // What is left of a test in the temporary folder harms nobody.
        let _ = std::fs::remove_file(&self.0);
    }
}

const TABLE: &str = "
subjects: { alice: {}, bob: { sub: bob }, nobody: null }
actors: { assistant: { client_id: assistant }, stranger: { client_id: stranger } }
targets: { reading: { path: /v1/documents/7 }, writing: { method: PUT, path: /v1/documents/7 } }
cases:
  - name: table
    subjects: [alice, bob, nobody]
    actors: [assistant, stranger]
    targets: [reading, writing]
    expect:
";

fn table(name: &str, rows: &[&str]) -> Result<suite::Report, String> {
    let rows: String = rows.iter().map(|row| format!("      - {row}\n")).collect();
    suite::run(&TestFile::new(name, &format!("{TABLE}{rows}")).0)
}

const ALICE: &str = "{ subject: alice, actor: assistant, target: reading }";
const BOB: &str = "{ subject: bob, actor: assistant, target: reading }";

#[test]
fn a_table_holds_when_it_lists_all_that_is_allowed() {
    let report = table("holds", &[ALICE, BOB]).unwrap();
    assert_eq!((report.checks, report.failures), (12, Vec::new()));
    assert_eq!(report.never_decisive, Vec::<String>::new());
}

#[test]
fn what_is_allowed_and_not_listed_fails_with_the_request_and_the_deciding_rule() {
    let report = table("unlisted", &[ALICE]).unwrap();
    assert_eq!(
        report.failures,
        [
            "table: bob · assistant · reading (GET /v1/documents/7)\n    expected  deny, for no row lists it\n    \
             got       allow 200 allowed-by-rule\n    decided   `by-scope:read:document` (policy.yaml:16)"
        ]
    );
}

#[test]
fn each_wrong_expectation_fails() {
    for (name, row) in [
        ("effect", "{ subject: bob, actor: assistant, target: reading, effect: deny }"),
        ("allow", "{ subject: bob, actor: stranger, target: reading }"),
        ("rules", "{ subject: bob, actor: assistant, target: reading, rules: [other] }"),
        ("no-rules", "{ subject: bob, actor: assistant, target: reading, rules: [] }"),
        ("status", "{ subject: bob, actor: assistant, target: reading, status: 403 }"),
        ("reason", "{ subject: bob, actor: stranger, effect: deny, reason: not-allowed }"),
    ] {
        let report = table(name, &[ALICE, row]).unwrap();
        assert!(report.failures.iter().any(|f| f.contains("bob")), "{row}: {report:?}");
    }
}

#[test]
fn unknown_names_rows_that_overlap_and_empty_runs_are_errors() {
    for (name, rows, message) in [
        ("subject", "{ subject: carol }", "expects subject `carol`"),
        ("actor", "{ actor: other }", "expects actor `other`"),
        ("target", "{ target: other }", "expects target `other`"),
        ("effect-word", "{ effect: perhaps }", "unknown variant `perhaps`"),
        ("member", "{ subjects: [alice] }", "unknown field `subjects`"),
        ("overlap", "{ target: reading }", "two rows"),
    ] {
        let error = table(name, &[ALICE, rows]).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
    for (name, tests, message) in [
        ("unlisted-name", TABLE.replace("[alice, bob, nobody]", "[carol]"), "`carol` is not among"),
        ("no-subjects", TABLE.replace("[alice, bob, nobody]", "[]"), "has no subjects"),
        ("nothing", "cases: []".to_owned(), "no request is asked"),
    ] {
        let error =
            suite::run(&TestFile::new(name, &tests.replace("    expect:\n", "")).0).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}
