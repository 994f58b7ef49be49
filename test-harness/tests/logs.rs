//! `ambit replay` and `ambit audit` as commands, over logs of real records.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit_test_harness::proxy_host::{Gateway, Module, Request, Response};
use ambit_test_harness::scenario::{Native, ScenarioFile};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ambit-logs-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of a test in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn ambit(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_ambit")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// The policy of an example with the test issuer's key, and the records of its suite.
fn tenants() -> (String, Vec<String>) {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs/tenants.yaml");
    let file = ScenarioFile::read(&suite).unwrap();
    let native = Native::new(&file).unwrap();
    let records =
        file.requests.iter().map(|ask| native.record(ask, ask.mint().as_deref())).collect();
    (file.compiled().unwrap(), records)
}

fn edited(policy: &str, edit: impl FnOnce(&mut Value)) -> String {
    let mut policy: Value = serde_json::from_str(policy).unwrap();
    policy.as_object_mut().unwrap().remove("source");
    edit(&mut policy);
    policy.to_string()
}

#[test]
fn replay_shows_exactly_what_an_edit_changes_and_for_whom() {
    let (policy, records) = tenants();
    let folder = Folder::new();
    let log = folder.write("log", &records.join("\n"));
    let old = folder.write("old.json", &policy);
    let new = folder.write(
        "new.json",
        &edited(&policy, |policy| {
            // Whoever may delete nothing under legal hold may now delete nothing at all.
            policy["rules"][2].as_object_mut().unwrap().remove("when");
        }),
    );
    let (code, out, _) =
        ambit(&["replay", &log, "--policy", &new, "--was", &old, "--format", "json"]);
    assert_eq!(code, 0);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        report["counts"],
        json!({ "allows": 0, "denies": 1, "depends": 0, "reason": 0, "same": 6 })
    );
    let change = &report["groups"][0];
    assert_eq!(change["kind"], "denies");
    assert_eq!((&change["actor"], &change["subject"]), (&json!("assistant"), &json!("alice")));
    assert_eq!((&change["action"], &change["resource"]), (&json!("delete"), &json!("document")));
    assert_eq!(change["was"]["rules"][0]["id"], "same-tenant-deletes");
    assert_eq!(change["now"][0]["reason"], "denied");
    assert_eq!(change["now"][0]["rules"][0]["id"], "legal-hold");
    assert_eq!(change["first"]["line"], 4);

    let (code, out, _) =
        ambit(&["replay", &log, "--policy", &new, "--was", &old, "--fail-on-change"]);
    assert_eq!(code, 4);
    assert!(out.contains("1 were allowed and would be refused"), "{out}");
    assert!(out.contains("assistant for alice · delete document"), "{out}");
    let (code, out, _) = ambit(&["replay", &log, "--policy", &old, "--fail-on-change=possible"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("         7  would be decided the same\n"), "{out}");
}

#[test]
fn a_rule_is_named_with_its_line_and_what_a_record_lacks_is_named_too() {
    let (policy, records) = tenants();
    let folder = Folder::new();
    let log = folder.write("log", &records.join("\n"));
    let yaml = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/tenant-isolation/policy.yaml"),
    )
    .unwrap();
    let line = yaml.lines().position(|line| line.contains("legal-hold, effect")).unwrap() + 1;
    let new =
        folder.write("new.yaml", &yaml.replace(", when: '\"legal-hold\" in resource.labels'", ""));
    let old = folder.write("old.json", &policy);
    let (_, out, _) = ambit(&["replay", &log, "--policy", &new, "--was", &old]);
    assert!(out.contains(&format!("deny denied by `legal-hold` ({new}:{line})")), "{out}");
    // Without the policy that was in force, nobody knows how far the token reached.
    let (code, out, _) = ambit(&[
        "replay",
        &log,
        "--policy",
        &old.replace("old", "new").replace("json", "yaml"),
        "--fail-on-change=possible",
    ]);
    assert_eq!(code, 4);
    assert!(
        out.contains(
            "lacks    claim `tenant`, look-up `tenant`, token, token audience, token scopes"
        ),
        "{out}"
    );
    assert!(out.contains("`--was FILE-OR-FOLDER`"), "{out}");
}

#[test]
fn an_access_log_is_read_and_nothing_in_it_is_passed_over() {
    let (policy, records) = tenants();
    let folder = Folder::new();
    let mut lines: Vec<String> = records
        .iter()
        .map(|record| {
            json!({ "time": "t", "peer": "203.0.113.7:1", "decision": record }).to_string()
        })
        .collect();
    lines.insert(2, json!({ "time": "t", "decision": null }).to_string());
    lines.insert(4, "half a li".to_owned());
    let log = folder.write("log", &lines.join("\n"));
    let policy = folder.write("policy.json", &policy);
    let (code, out, err) = ambit(&["replay", &log, "--key", "decision", "--policy", &policy]);
    assert_eq!(code, 1, "a line that cannot be read is a failure");
    assert!(out.contains("7 records against"), "{out}");
    assert!(err.contains("1 lines without a record") && err.contains("line 5: not JSON"), "{err}");
    let (_, out, _) =
        ambit(&["replay", &log, "--key", "decision", "--policy", &policy, "--format", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["skipped"]["first"][0]["line"], 5);
    let (_, out, _) = ambit(&["audit", "ocsf", &log, "--key", "decision", "--source-key", "peer"]);
    let events: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 7);
    assert!(events.iter().all(|event| event["src_endpoint"]["ip"] == "203.0.113.7"));
}

#[test]
fn a_policy_that_does_not_compile_says_so() {
    let folder = Folder::new();
    let log = folder.write("log", "");
    let policy = folder.write("policy.yaml", "apiVersion: ambit/v1\nname: x\nrules: 7\n");
    let (code, _, err) = ambit(&["replay", &log, "--policy", &policy]);
    assert_eq!(code, 3);
    assert!(err.contains("policy.yaml:3"), "{err}");
}

/// Records of the shipped module, with the ids it mints.
fn module_records() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/ambit.wasm");
    let bytes = std::fs::read(path)
        .unwrap_or_else(|_| panic!("dist/ambit.wasm is not there: run `make module`"));
    let module = Module::compile(&bytes).unwrap();
    let mut gateway = Gateway::builder(&module)
        .configuration(tenants().0)
        .upstream(|_| Response::new(200))
        .build()
        .unwrap();
    (0..6)
        .map(|number| {
            let exchange = gateway.send(Request::get(&format!("/v1/documents/{number}")));
            let state = exchange.filter_state.iter().find(|(key, _)| key == "ambit_record");
            String::from_utf8(state.unwrap().1.clone()).unwrap()
        })
        .collect()
}

#[test]
fn the_modules_own_records_are_whole_and_a_lost_one_is_missed() {
    let folder = Folder::new();
    let mut records = module_records();
    let log = folder.write("log", &records.join("\n"));
    let (code, out, _) = ambit(&["audit", "verify", &log]);
    assert_eq!((code, out.ends_with("whole\n")), (0, true), "{out}");
    assert!(out.contains("6 records, 1 boots"), "{out}");
    records.remove(2);
    let log = folder.write("log", &records.join("\n"));
    let (code, out, _) = ambit(&["audit", "verify", &log]);
    assert_eq!(code, 4);
    assert!(out.contains("lost: 1") && out.contains("number 3"), "{out}");
    let (_, out, _) = ambit(&["audit", "verify", &log, "--format", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["whole"], &report["lost"][0]["from"]), (&json!(false), &json!(3)));
}

#[test]
fn records_are_shown_counted_and_drawn() {
    let folder = Folder::new();
    let log = folder.write("log", &tenants().1.join("\n"));
    let (code, out, _) = ambit(&["audit", "show", &log, "--effect", "deny", "--action", "delete"]);
    assert_eq!(code, 0);
    assert_eq!(out.lines().count(), 3, "{out}");
    assert!(
        out.contains("denied")
            && out.contains("assistant for alice")
            && out.contains("[legal-hold]"),
        "{out}"
    );
    let (_, out, _) = ambit(&["audit", "show", &log, "--limit", "1", "--format", "json"]);
    assert_eq!(out.trim_end(), tenants_first(&log));
    let page = folder.0.join("page.html").display().to_string();
    let (_, out, _) = ambit(&["audit", "summary", &log, "--html", &page]);
    assert!(out.contains("7 records") && out.contains("2 allowed, 5 denied"), "{out}");
    assert!(out.contains("refused most:"), "{out}");
    assert!(std::fs::read_to_string(page).unwrap().contains("<svg"));
    let (code, _, err) = ambit(&["audit", "show", &log, "--since", "yesterday"]);
    assert_eq!(code, 2);
    assert!(err.contains("`yesterday` is no time"), "{err}");
}

fn tenants_first(log: &str) -> String {
    std::fs::read_to_string(log).unwrap().lines().next().unwrap().to_owned()
}
