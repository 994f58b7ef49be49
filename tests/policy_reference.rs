//! The generated documents are the ones in `docs/`. `AMBIT_UPDATE=1` (or `make reference`) writes
//! them anew.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit::policy::schema::{json_schema, policy_reference};
use std::fs;
use std::path::Path;

fn check(name: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    if std::env::var_os("AMBIT_UPDATE").is_some() {
        fs::write(&path, generated).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "docs/{name} is stale: run `make reference`");
}

#[test]
fn the_json_schema_is_not_stale() {
    check("policy-schema.json", &json_schema());
}

#[test]
fn the_policy_reference_is_not_stale() {
    check("policy-reference.md", &policy_reference());
}

#[test]
fn every_example_policy_loads_and_names_its_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut read = 0;
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path().join("policy.yaml");
        if !path.is_file() {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        if let Err(errors) = ambit::policy::Policy::load_yaml(&name, &text) {
            panic!("{errors}");
        }
        let schema = "# yaml-language-server: $schema=../../docs/policy-schema.json";
        assert!(text.starts_with(schema), "{name} does not begin with `{schema}`");
        read += 1;
    }
    assert!(read >= 15, "only {read} example policies were found");
}
