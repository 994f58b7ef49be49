//! The `ambit` command as people and pipelines use it: the real program, in folders of its own.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("ambit-command-{}-{name}", std::process::id()));
        // Left over by a run that was stopped.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// With an example policy and its tests, and what examples share.
    fn with(name: &str, example: &str) -> Self {
        let folder = Self::new(name);
        let policies = root().join("policies");
        for file in ["policy.yaml", "policy_test.yaml"] {
            fs::copy(policies.join(example).join(file), folder.0.join(file)).unwrap();
        }
        fs::create_dir_all(folder.0.join("testdata")).unwrap();
        for file in ["subjects.yaml", "resources.yaml"] {
            let shared = policies.join("testdata").join(file);
            fs::copy(shared, folder.0.join("testdata").join(file)).unwrap();
        }
        folder
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.0.join(file)).unwrap();
        assert!(text.contains(from), "{file} has no `{from}`");
        fs::write(self.0.join(file), text.replace(from, to)).unwrap();
    }

    fn ambit(&self, arguments: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_ambit"))
            .current_dir(&self.0)
            .args(arguments)
            .env_remove("NO_COLOR")
            .output()
            .unwrap();
        Ran::of(&output)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of a test in the temporary folder harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    fn says(&self, text: &str) -> bool {
        self.out.contains(text) || self.err.contains(text)
    }
}

fn shipped() -> PathBuf {
    let module = root().join("dist/ambit.wasm");
    assert!(module.is_file(), "dist/ambit.wasm is not there: run `make module`");
    module
}

#[test]
fn without_a_module_the_core_is_tested_and_the_run_fails_unless_that_was_asked_for() {
    let folder = Folder::with("no-module", "read-only-agent");
    let ran = folder.ambit(&["test"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.says("19 checks in 1 suite: 19 ok   in the core"), "{ran:?}");
    assert!(ran.says("nothing was run in the module") && ran.says("make module"), "{ran:?}");
    assert_eq!(folder.ambit(&["test", "--engine", "native"]).code, 0);
    assert_eq!(folder.ambit(&["test", "--engine", "module"]).code, 4);
    assert_eq!(folder.ambit(&["test", "--module", "nowhere.wasm"]).code, 4);
}

#[test]
fn with_the_shipped_module_the_same_suite_holds_in_both_and_in_it_alone() {
    let folder = Folder::with("module", "delegated-agent");
    let module = shipped().display().to_string();
    for engine in ["both", "module"] {
        let ran = folder.ambit(&["test", "--module", &module, "--engine", engine]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.says("36 checks in 1 suite: 36 ok"), "{ran:?}");
    }
    fs::create_dir(folder.0.join("dist")).unwrap();
    fs::copy(shipped(), folder.0.join("dist/ambit.wasm")).unwrap();
    assert_eq!(folder.ambit(&["test"]).code, 0, "beside the project it is found");
    let above = Folder::new("above");
    let tested = folder.0.display().to_string();
    assert_eq!(above.ambit(&["test", &tested]).code, 4, "not beside this folder");
}

/// Lets everything pass and writes no record, but is a filter that Envoy would load.
const OPEN: &str = r#"(module
    (memory (export "memory") 2)
    (global $top (mut i32) (i32.const 1024))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
        (local $at i32)
        (local.set $at (global.get $top))
        (global.set $top (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 8)) (i32.const 0xfff8)))
        (local.get $at))
    (func (export "proxy_on_context_create") (param i32 i32))
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
    (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0)))"#;

#[test]
fn a_module_that_lets_everything_pass_fails() {
    let folder = Folder::with("open", "read-only-agent");
    fs::write(folder.0.join("open.wasm"), wat::parse_str(OPEN).unwrap()).unwrap();
    let ran = folder.ambit(&["test", "--module", "open.wasm"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(
        ran.says("assistant · delete document (DELETE /v1/documents/7) in wasmtime"),
        "{ran:?}"
    );
    assert!(ran.says("expected  what the core does: deny 403 beyond-ceiling"), "{ran:?}");
    assert!(ran.says("got       none 200 none"), "{ran:?}");
    let ran = folder.ambit(&["test", "--module", "open.wasm", "--engine", "module"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.says("expected  deny 403 beyond-ceiling"), "{ran:?}");
}

/// The shipped module with some text in it changed, as `patched.wasm` of a folder.
fn patch(folder: &Folder, from: &[u8], to: &[u8]) {
    let mut bytes = fs::read(shipped()).unwrap();
    let found: Vec<usize> = bytes
        .windows(from.len())
        .enumerate()
        .filter_map(|(at, window)| (window == from).then_some(at))
        .collect();
    assert!(!found.is_empty(), "the module does not hold {}", String::from_utf8_lossy(from));
    for at in found {
        bytes.splice(at..at + from.len(), to.iter().copied());
    }
    fs::write(folder.0.join("patched.wasm"), bytes).unwrap();
}

#[test]
fn the_shipped_module_with_a_few_bytes_changed_fails() {
    // Another code for one reason: what clients and records say differs.
    let folder = Folder::with("patched", "read-only-agent");
    patch(&folder, b"beyond-ceiling", b"beyond-ceilinG");
    let ran = folder.ambit(&["test", "--module", "patched.wasm"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.says("got       deny 403 beyond-ceilinG"), "{ran:?}");
    // It no longer knows one of the headers that carry credentials: the upstream gets it.
    let folder = Folder::with("leaking", "permission-mirroring");
    let whole = shipped().display().to_string();
    assert_eq!(folder.ambit(&["test", "--module", &whole]).code, 0);
    patch(&folder, b"cookie", b"cookiE");
    let ran = folder.ambit(&["test", "--module", "patched.wasm"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.says("nor does a cookie go on (GET /v1/reports/7) in wasmtime"), "{ran:?}");
    assert!(ran.says("header `cookie` at the upstream: `a=b`, not nothing"), "{ran:?}");
    assert!(ran.says("7 ok, 1 failed"), "{ran:?}");
    // Cut short: it is no module any more.
    let bytes = fs::read(shipped()).unwrap();
    fs::write(folder.0.join("cut.wasm"), bytes.split_at(bytes.len() / 2).0).unwrap();
    let ran = folder.ambit(&["test", "--module", "cut.wasm"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.says("not a WebAssembly module"), "{ran:?}");
}

#[test]
fn a_failure_shows_request_expected_got_the_deciding_rule_and_the_values_that_decided() {
    let folder = Folder::with("failure", "tenant-isolation");
    folder.edit(
        "policy_test.yaml",
        "{ subject: of-acme, rule: same-tenant }",
        "{ subject: of-globex }",
    );
    let ran = folder.ambit(&["test", "--engine", "native"]);
    assert_eq!(ran.code, 3, "two rows speak of one request: {ran:?}");
    folder.edit(
        "policy_test.yaml",
        "      - { subject: of-globex, decision: deny, reason: not-allowed, status: 403 }\n",
        "",
    );
    let ran = folder.ambit(&["test", "--engine", "native"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    for text in [
        "of-globex · assistant · read acmes (GET /v1/documents/acmes)",
        "expected  allow",
        "got       deny 403 not-allowed",
        "decided   no rule",
        "because   `same-tenant`: resource.tenant == subject.tenant is false: resource.tenant = \"acme\", \
         subject.tenant = \"globex\" (policy.yaml:23)",
        "expected  deny, for no row lists it",
        "decided   `same-tenant` (policy.yaml:23)",
        "because   `same-tenant`: resource.tenant == subject.tenant is true",
    ] {
        assert!(ran.says(text), "no `{text}` in\n{}", ran.out);
    }
    assert!(!ran.out.contains('\u{1b}'), "colours where there is no terminal");
}

#[test]
fn a_part_can_be_asked_and_an_empty_run_fails() {
    let folder = Folder::with("filter", "delegated-agent");
    let asked = |filter: &str| folder.ambit(&["test", "--engine", "native", "--filter", filter]);
    let ran = asked("subject=alice;action=write");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.says("3 checks in 1 suite: 3 ok") && !ran.says("decisive"), "{ran:?}");
    assert!(asked("each hand").says("36 checks"));
    let ran = asked("subject=mallory");
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.says("an empty run fails"), "{ran:?}");
    let ran = asked("colour=red");
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.says("`colour` cannot be filtered by"), "{ran:?}");
    let empty = Folder::new("empty");
    assert_eq!(empty.ambit(&["test", "--engine", "native"]).code, 4);
}

#[test]
fn what_is_skipped_is_said_with_its_reason() {
    let folder = Folder::with("skipped", "delegated-agent");
    folder.edit(
        "policy_test.yaml",
        "each hand narrows\n",
        "each hand narrows\n    skip: until the agents are known\n",
    );
    let ran = folder.ambit(&["test", "--engine", "native"]);
    assert_eq!(ran.code, 4, "all that there was is skipped: {ran:?}");
    assert!(ran.says("skipped: until the agents are known"), "{ran:?}");
}

#[test]
fn coverage_names_what_no_test_reaches_and_can_be_asked_for() {
    let folder = Folder::with("coverage", "tenant-isolation");
    let ran = folder.ambit(&["test", "--engine", "native", "--min-coverage", "100"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.says("rules: 3/3 decisive   conditions: 6/6 truths seen"), "{ran:?}");
    folder.edit("policy_test.yaml", "    actions: [delete]\n", "    actions: [write]\n");
    folder.edit("policy_test.yaml", "actions: [read, delete]", "actions: [read]");
    folder.edit(
        "policy_test.yaml",
        "subject: of-acme, resource: acmes, rule: same-tenant-deletes",
        "decision: deny",
    );
    folder.edit("policy_test.yaml", "      - { subject: of-acme, resource: held, decision: deny, reason: denied, rule: legal-hold }\n", "");
    folder.edit("policy_test.yaml", "      - { subject: of-acme, resource: unlabelled, decision: deny, reason: denied, rule: legal-hold }\n", "");
    let ran = folder.ambit(&["test", "--engine", "native"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = folder.ambit(&["test", "--engine", "native", "--min-coverage", "100"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    for text in [
        "never decisive: `same-tenant-deletes` (policy.yaml:24)",
        "never true nor false: `\"legal-hold\" in resource.labels` of `legal-hold` (policy.yaml:25)",
        "permissions: 1/2 asked",
        "never asked: `assistant` delete `document` (policy.yaml)",
        "and 100 % was asked for",
    ] {
        assert!(ran.says(text), "no `{text}` in\n{}", ran.out);
    }
}

#[test]
fn programs_read_the_run_as_json_and_as_junit() {
    let folder = Folder::with("formats", "read-only-agent");
    folder.edit(
        "policy_test.yaml",
        "{ subject: bob, action: read, rule: \"by-scope:read:document\" }",
        "{ subject: bob, action: read, rule: other }",
    );
    let ran = folder.ambit(&["test", "--engine", "native", "--format", "json"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    let run: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(run.pointer("/ok"), Some(&Value::Bool(false)));
    assert_eq!(run.pointer("/failed").map(Value::to_string).as_deref(), Some("2"));
    assert_eq!(run.pointer("/coverage/rules/0/decisive"), Some(&Value::Bool(true)));
    let ran = folder.ambit(&["test", "--engine", "native", "--format", "junit"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(
        ran.says(
            "<testsuites name=\"ambit\" tests=\"19\" failures=\"2\" errors=\"0\" skipped=\"0\">"
        ),
        "{ran:?}"
    );
    assert!(ran.says("expected allow by `other`, got allow 200 allowed-by-rule"), "{ran:?}");
    let opened = ran.out.matches("<testcase").count();
    let closed = ran.out.matches("</testcase>").count();
    assert_eq!((opened, closed), (19, 2), "the passed ones close themselves");
}

#[test]
fn a_policy_or_a_suite_that_cannot_be_read_is_told_apart_from_one_that_fails() {
    let folder = Folder::with("broken", "read-only-agent");
    folder.edit("policy.yaml", "by_scope", "by_scopes");
    let ran = folder.ambit(&["test", "--engine", "native"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.says("policy.yaml:16:5: `by_scopes` is not known here"), "{ran:?}");
    folder.edit("policy.yaml", "by_scopes", "by_scope");
    folder.edit("policy_test.yaml", "subjects: [narrow]", "subjects: [wide]");
    let ran = folder.ambit(&["test", "--engine", "native"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.says("`wide` is not among the file's `subjects`; known are"), "{ran:?}");
    assert_eq!(folder.ambit(&["test", "nowhere"]).code, 2);
    assert_eq!(folder.ambit(&["test", "--engine", "both-of-them"]).code, 2);
    assert_eq!(folder.ambit(&["no-such-command"]).code, 2);
}

#[test]
fn a_permission_that_changes_shows_until_it_is_accepted() {
    let folder = Folder::with("matrix", "read-only-agent");
    let ran = folder.ambit(&["matrix"]);
    assert_eq!(ran.code, 4, "nothing was reviewed yet: {ran:?}");
    assert_eq!(folder.ambit(&["matrix", "--update"]).code, 0);
    assert_eq!(folder.ambit(&["matrix"]).code, 0);
    folder.edit("policy.yaml", "scopes: [\"read:*\"]", "scopes: [\"read:*\", \"delete:document\"]");
    folder.edit("policy.yaml", "by_scope: [read]", "by_scope: [read, delete]");
    let ran = folder.ambit(&["matrix"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    for text in [
        "policy.yaml\n  assistant  document  delete   allows more\n",
        "- deny  beyond the agent's scopes",
        "+ approval presence  by-scope:delete:document",
        "1 permission changed",
    ] {
        assert!(ran.says(text), "no `{text}` in\n{}", ran.out);
    }
    assert_eq!(folder.ambit(&["matrix", "--update"]).code, 0);
    assert_eq!(folder.ambit(&["matrix"]).code, 0);
    folder.edit("policy.yaml", "by_scope", "by_scopes");
    assert_eq!(folder.ambit(&["matrix"]).code, 3);
    assert_eq!(Folder::new("no-policy").ambit(&["matrix"]).code, 2);
}

#[test]
fn the_time_of_a_suite_is_fixed_and_a_case_may_have_its_own() {
    let folder = Folder::with("time", "read-only-agent");
    folder.edit("policy.yaml", "by_scope: [read]", "by_scope: []");
    let rule = "\nrules:\n  - { id: in-january, effect: allow, actions: [read], resources: [document], \
                when: 'request.time < timestamp(\"2026-02-01T00:00:00Z\")' }\n";
    let policy = fs::read_to_string(folder.0.join("policy.yaml")).unwrap();
    fs::write(folder.0.join("policy.yaml"), policy + rule).unwrap();
    let case = |name: &str, now: &str, expect: &str| {
        format!(
            "  - {{ name: {name}, {now} subjects: [alice], actors: [assistant], resources: [document], \
             actions: [read], expect: [{expect}] }}\n"
        )
    };
    let suite = format!(
        "suite: time\nnow: \"2026-01-31T23:59:59Z\"\ncases:\n{}{}",
        case("before", "", "{ rule: in-january }"),
        case("after", "now: \"2026-02-01T00:00:00Z\",", "{ decision: deny, reason: not-allowed }")
    );
    fs::write(folder.0.join("policy_test.yaml"), suite).unwrap();
    let module = shipped().display().to_string();
    let ran = folder.ambit(&["test", "--module", &module, "--min-coverage", "100"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.says("2 checks in 1 suite: 2 ok   in the core and in"), "{ran:?}");
}

/// The commands that a help lists.
fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let names = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let name = line.strip_prefix("  ")?.split(' ').next()?;
        (!name.is_empty() && name != "help").then(|| name.to_owned())
    });
    names.collect()
}

#[test]
fn every_command_teaches_and_shells_can_complete_them() {
    let folder = Folder::new("help");
    let ran = folder.ambit(&["--help"]);
    assert_eq!(ran.code, 0);
    for text in ["First steps:", "Exit codes: 0 ok", "ambit test"] {
        assert!(ran.says(text), "{ran:?}");
    }
    let names = commands(&ran.out);
    assert!(names.len() >= 9, "{names:?}");
    let teaches = |words: &[&str]| {
        let help = folder.ambit(&[words, &["--help"]].concat());
        help.code == 0 && help.says("Examples:")
    };
    let silent: Vec<&String> = names
        .iter()
        .filter(|name| {
            let inner = commands(&folder.ambit(&[name.as_str(), "--help"]).out);
            // Where a command is several, each teaches itself.
            !teaches(&[name.as_str()])
                && (inner.is_empty() || !inner.iter().all(|inner| teaches(&[name, inner])))
        })
        .collect();
    assert!(silent.is_empty(), "no examples in the help of {silent:?}");
    for (shell, text) in
        [("bash", "complete -F _ambit"), ("zsh", "#compdef ambit"), ("fish", "complete -c ambit")]
    {
        let ran = folder.ambit(&["completions", shell]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.says(text), "{ran:?}");
        for name in &names {
            assert!(ran.says(name), "{shell} does not complete `{name}`");
        }
    }
}

#[test]
fn of_a_shared_name_the_nearest_counts() {
    let folder = Folder::with("shared", "read-only-agent");
    let outer = Folder::new("shared-outer");
    let inner = outer.0.join("policies/documents");
    fs::create_dir_all(inner.join("testdata")).unwrap();
    fs::create_dir_all(outer.0.join("policies/testdata")).unwrap();
    fs::copy(folder.0.join("policy.yaml"), inner.join("policy.yaml")).unwrap();
    let subjects = |path: &Path, names: &str| fs::write(path.join("testdata/subjects.yaml"), names);
    subjects(&outer.0.join("policies"), "far: {}\nboth: { scope: none }\nall: { scope: none }\n")
        .unwrap();
    subjects(&inner, "both: {}\nall: { scope: none }\n").unwrap();
    let suite = "
subjects: { all: {} }
resources: { document: { path: /v1/documents/7 } }
cases:
  - { name: shared, subjects: [far, both, all], actors: [assistant], resources: [document], actions: [read],
      expect: [{ decision: allow }] }
";
    fs::write(inner.join("policy_test.yaml"), suite).unwrap();
    let ran = outer.ambit(&["test", "--engine", "native"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.says("3 checks in 1 suite: 3 ok"), "{ran:?}");
    subjects(&inner, "both: [alice]\n").unwrap();
    let ran = outer.ambit(&["test", "--engine", "native"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.says("policies/documents/testdata/subjects.yaml:1:1: invalid type: sequence"),
        "{ran:?}"
    );
}
