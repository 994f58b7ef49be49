//! Every example policy does what its tests say, in the core and in the shipped module, by the code
//! that `ambit test` runs; and what the tables of a suite mean.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit_test_harness::matrix::{policies, table};
use ambit_test_harness::proxy_host::Module;
use ambit_test_harness::scenario::{Engine, Native, ScenarioFile, Wasmtime};
use ambit_test_harness::suite::report::{Run, SuiteReport, tree};
use ambit_test_harness::suite::{self, Plan};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Rules that an example shows to be without effect.
const NEVER_DECISIVE: [&str; 1] = ["by-scope:delete:document"];

#[test]
fn every_example_policy_does_what_its_tests_say_in_the_core_and_in_the_module() {
    let bytes = std::fs::read(root().join("dist/ambit.wasm"))
        .unwrap_or_else(|_| panic!("dist/ambit.wasm is not there: run `make module`"));
    let module = Module::compile(&bytes).unwrap();
    let start =
        move |file: &ScenarioFile| Ok(Box::new(Wasmtime::new(&module, file)?) as Box<dyn Engine>);
    let plan = Plan { module: Some(&start), ..Plan::native() };
    let found = suite::suites(&[root().join("policies")]).unwrap();
    assert_eq!(found.untested, Vec::<PathBuf>::new(), "policies without tests");
    let mut run = Run::default();
    for file in &found.files {
        run.add(suite::run(file, &plan));
    }
    let told = tree(&run, ambit_test_harness::demo::live::Paint(false));
    assert!(run.held(), "{told}");
    assert!(run.totals().checks >= 200, "{told}");
    let silent: Vec<&str> = run.coverage.never_decisive().map(|rule| rule.id.as_str()).collect();
    assert_eq!(silent, NEVER_DECISIVE, "rules that no test is decided by");
    let unseen: Vec<_> = run.coverage.never_seen().map(|(_, part, which)| (part, which)).collect();
    assert_eq!(unseen, [], "truths of conditions that no test sees: {told}");
    assert!(run.coverage.permissions().all(|permission| permission.asked), "{told}");
}

#[test]
fn who_may_do_what_is_as_it_was_reviewed() {
    let folder = root().join("policies");
    let named: Vec<(String, String)> = policies(std::slice::from_ref(&folder))
        .unwrap()
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&folder).unwrap().display().to_string();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    let reviewed = std::fs::read_to_string(folder.join("decisions.golden.txt")).unwrap();
    let now = table(&named).unwrap();
    assert!(now == reviewed, "a permission changed; `ambit matrix` says which");
}

/// What no field of the table allows, no request of any suite is allowed: the table is not a second
/// opinion.
#[test]
fn no_test_is_allowed_what_the_reviewed_table_denies() {
    let folder = root().join("policies");
    let (mut compared, mut wrong) = (0, Vec::new());
    for path in suite::suites(std::slice::from_ref(&folder)).unwrap().files {
        let file = ScenarioFile::read(&path).unwrap_or_else(|error| panic!("{error}"));
        let native = Native::new(&file).unwrap();
        let fields = ambit::matrix::matrix(native.policy());
        for ask in &file.requests {
            let (_, trace) = native.ask_why(ask, ask.mint().as_deref()).unwrap();
            let (Some(asked), [actor]) = (&trace.asked, trace.actors.as_slice()) else { continue };
            let field = fields.iter().find(|field| {
                field.actor == *actor
                    && field.resource == asked.resource
                    && field.action == asked.action
            });
            let field = field.unwrap();
            let rules: Vec<&str> =
                trace.decision.rules.iter().filter_map(|at| native.policy().rule_id(*at)).collect();
            let allowed = trace.decision.effect == ambit::decision::Effect::Allow;
            let tier = trace.decision.approval.map(|need| need.tier);
            compared += 1;
            let kept = match &field.outcome {
                ambit::matrix::Outcome::Deny(_) => !allowed && tier.is_none(),
                ambit::matrix::Outcome::Allow { rules: known, tier: asks } => {
                    tier.is_none_or(|tier| tier == *asks)
                        && (!allowed || rules.iter().all(|rule| known.iter().any(|k| k == rule)))
                }
                ambit::matrix::Outcome::Depends { allowing, .. } => {
                    !allowed
                        || rules.iter().all(|rule| allowing.iter().any(|known| known.rule == *rule))
                }
            };
            if !kept {
                wrong.push(format!("{}: {field:?} {:?}", ask.name, trace.decision));
            }
        }
    }
    assert!(compared >= 100, "only {compared} were compared");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_expectation_and_an_empty_file_are_seen() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/permission-mirroring");
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
    let error = |path: &Path| ScenarioFile::read(path).unwrap_err().to_string();
    assert!(error(&empty).contains("no request is asked"));
    std::fs::write(&empty, "policy: x\nrequest: []\n").unwrap();
    assert!(error(&empty).contains("unknown field"));
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

fn rows(name: &str, rows: &[&str]) -> SuiteReport {
    let rows: String = rows.iter().map(|row| format!("      - {row}\n")).collect();
    suite::run(&TestFile::new(name, &format!("{TABLE}{rows}")).0, &Plan::native())
}

/// What failed, as it is told.
fn failures(report: &SuiteReport) -> Vec<String> {
    let checks = report.groups.iter().flat_map(|group| &group.checks);
    checks.flat_map(|check| &check.failures).map(ToString::to_string).collect()
}

/// Why a suite was not run.
fn broken(report: &SuiteReport) -> String {
    report.broken.as_ref().map(|broken| broken.text().to_owned()).unwrap_or_default()
}

const ALICE: &str = "{ subject: alice, actor: assistant, target: reading }";
const BOB: &str = "{ subject: bob, actor: assistant, target: reading }";

#[test]
fn a_table_holds_when_it_lists_all_that_is_allowed() {
    let report = rows("holds", &[ALICE, BOB]);
    assert_eq!((broken(&report).as_str(), failures(&report)), ("", Vec::new()));
    assert_eq!(report.groups.iter().map(|group| group.checks.len()).sum::<usize>(), 12);
    assert_eq!(report.coverage.never_decisive().count(), 0);
}

#[test]
fn what_is_allowed_and_not_listed_fails_with_the_request_and_the_deciding_rule() {
    let report = rows("unlisted", &[ALICE]);
    let policy = root().join("policies/read-only-agent/policy.yaml").canonicalize().unwrap();
    assert_eq!(
        failures(&report),
        [format!(
            "table: bob · assistant · reading (GET /v1/documents/7)\n    expected  deny, for no row lists it\n    \
             got       allow 200 allowed-by-rule\n    decided   `by-scope:read:document` ({}:16)",
            policy.display()
        )]
    );
}

#[test]
fn each_wrong_expectation_fails() {
    for (name, row) in [
        ("effect", "{ subject: bob, actor: assistant, target: reading, effect: deny }"),
        ("decision", "{ subject: bob, actor: assistant, target: reading, decision: deny }"),
        ("allow", "{ subject: bob, actor: stranger, target: reading }"),
        ("rules", "{ subject: bob, actor: assistant, target: reading, rules: [other] }"),
        ("rule", "{ subject: bob, actor: assistant, target: reading, rule: other }"),
        ("no-rules", "{ subject: bob, actor: assistant, target: reading, rules: [] }"),
        ("status", "{ subject: bob, actor: assistant, target: reading, status: 403 }"),
        ("reason", "{ subject: bob, actor: stranger, effect: deny, reason: not-allowed }"),
        ("approval", "{ subject: bob, actor: assistant, target: reading, approval: presence }"),
        ("obligations", "{ subject: bob, actor: assistant, target: reading, obligations: [tag] }"),
        ("path", "{ subject: bob, actor: assistant, target: reading, upstream: { path: /v1 } }"),
        ("body", "{ subject: bob, actor: assistant, target: reading, upstream: { body: x } }"),
        (
            "header",
            "{ subject: bob, actor: assistant, target: reading, upstream: { headers: { ambit: 'sub=\"alice\"' } } }",
        ),
        (
            "absent",
            "{ subject: bob, actor: assistant, target: reading, upstream: { absent: [ambit] } }",
        ),
        ("client", "{ subject: bob, actor: assistant, target: reading, client: [nothing] }"),
        (
            "record",
            "{ subject: bob, actor: assistant, target: reading, record: { /action: write } }",
        ),
    ] {
        let report = rows(name, &[ALICE, row]);
        assert!(failures(&report).iter().any(|f| f.contains("bob")), "{row}: {report:?}");
    }
}

#[test]
fn unknown_names_rows_that_overlap_and_empty_runs_are_errors() {
    for (name, row, message) in [
        ("subject", "{ subject: carol }", "expects subject `carol`"),
        ("actor", "{ actor: other }", "expects actor `other`"),
        ("target", "{ target: other }", "expects target `other`"),
        ("action", "{ action: read }", "expects action `read`"),
        ("effect-word", "{ effect: perhaps }", "unknown variant `perhaps`"),
        ("obligation", "{ obligations: [sing] }", "`sing` is no obligation"),
        ("twice", "{ rule: a, rules: [a] }", "`rule` or `rules`"),
        ("member", "{ subjects: [alice] }", "unknown field `subjects`"),
        ("overlap", "{ target: reading }", "two rows"),
    ] {
        let error = broken(&rows(name, &[ALICE, row]));
        assert!(error.contains(message), "{error}");
    }
    for (name, tests, message) in [
        ("unlisted-name", TABLE.replace("[alice, bob, nobody]", "[carol]"), "`carol` is not among"),
        ("no-subjects", TABLE.replace("[alice, bob, nobody]", "[]"), "has no subjects"),
        ("no-actions", TABLE.replace("targets: [reading", "resources: [reading"), "go together"),
        (
            "skipped",
            TABLE.replace("- name: table", "- name: table\n    skip: ''"),
            "`skip` says why",
        ),
        ("no-time", format!("now: noon{TABLE}"), "is no time"),
        ("nothing", "cases: []".to_owned(), "no request is asked"),
    ] {
        let file = TestFile::new(name, &tests.replace("    expect:\n", ""));
        let error = broken(&suite::run(&file.0, &Plan::native()));
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn an_action_on_a_resource_is_asked_with_the_method_that_does_it() {
    let tests = "
subjects: { alice: {} }
resources:
  document: { path: /v1/documents/7 }
  odd: { path: /v1/documents/7, methods: { read: PUT } }
cases:
  - { name: plain, subjects: [alice], actors: [assistant], resources: [document], actions: [read, write, delete],
      expect: [{ action: read }, { action: write, decision: deny, reason: beyond-ceiling }] }
  - { name: odd, subjects: [alice], actors: [assistant], resources: [odd], actions: [read] }
";
    let report = suite::run(&TestFile::new("methods", tests).0, &Plan::native());
    assert_eq!(broken(&report), "");
    let failures = failures(&report);
    let [failure] = failures.as_slice() else { panic!("{failures:?}") };
    assert!(failure.contains("takes PUT /v1/documents/7 for `write`, not `read`"), "{failure}");
}

#[test]
fn what_is_skipped_is_not_asked_and_says_why() {
    let tests = format!("{TABLE}      - {ALICE}\n      - {BOB}\n");
    let tests = tests.replace("- name: table", "- name: table\n    skip: the index moves");
    let report = suite::run(&TestFile::new("skip", &tests).0, &Plan::native());
    let mut run = Run::default();
    run.add(report);
    assert_eq!((run.totals().checks, run.totals().skipped), (0, 1));
    assert!(!run.held(), "an empty run fails");
}

/// What each issuer accepts, and how many it is of.
const MANY_ISSUERS: &str = "
apiVersion: ambit/v1
name: issuers
identity:
  issuers:
    - { issuer: 'https://a.example.com', algorithms: [EdDSA], jwks: { remote: { cluster: a, url: 'https://a.example.com/jwks' } } }
    - { issuer: 'https://b.example.com', algorithms: [ES384], jwks: { remote: { cluster: b, url: 'https://b.example.com/jwks' } } }
    - { issuer: 'https://c.example.com', algorithms: [PS256], jwks: { remote: { cluster: c, url: 'https://c.example.com/jwks' } } }
    - { issuer: 'https://d.example.com', jwks: { remote: { cluster: d, url: 'https://d.example.com/jwks' } } }
actors:
  of-a: { match: { issuer: 'https://a.example.com', client_id: bot }, scopes: ['read:*'] }
  of-b: { match: { issuer: 'https://b.example.com', client_id: bot }, scopes: ['read:*'] }
  of-c: { match: { issuer: 'https://c.example.com', client_id: bot }, scopes: ['read:*'] }
  of-d: { match: { issuer: 'https://d.example.com', client_id: bot }, scopes: ['read:*'] }
resources:
  note: { audience: 'https://api.example.com:8443', by_scope: [read], per_record: none, http: [{ path: '/n/{id}' }] }
approvals: { signing_key: { env: ANOTHER_NAME } }
";

#[test]
fn every_issuer_gets_a_key_of_its_own_of_an_algorithm_that_it_accepts() {
    let folder = std::env::temp_dir().join(format!("ambit-issuers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("policy.yaml"), MANY_ISSUERS).unwrap();
    let tests = "
subjects: { alice: {} }
resources: { note: { path: /n/1 } }
cases:
  - { name: theirs, subjects: [alice], actors: [of-a, of-b, of-c, of-d], resources: [note], actions: [read, write],
      expect: [{ action: read }] }
requests:
  - { name: forged, subject: alice, actor: of-b, forged: true, path: /n/1, expect: { status: 401, reason: bad-signature } }
";
    std::fs::write(folder.join("policy_test.yaml"), tests).unwrap();
    let bytes = std::fs::read(root().join("dist/ambit.wasm")).unwrap();
    let module = Module::compile(&bytes).unwrap();
    let start =
        move |file: &ScenarioFile| Ok(Box::new(Wasmtime::new(&module, file)?) as Box<dyn Engine>);
    let plan = Plan { module: Some(&start), ..Plan::native() };
    let report = suite::run(&folder.join("policy_test.yaml"), &plan);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!((broken(&report).as_str(), failures(&report)), ("", Vec::new()));
}
