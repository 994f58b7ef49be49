//! Licences and sources of every dependency, held against `deny.toml`. `make deny` checks the same and
//! advisories, with a tool that takes minutes to build.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use serde_json::Value;
use spdx::{Expression, Licensee, ParseMode};
use std::path::Path;
use std::process::Command;

/// What `deny.toml` allows.
fn allowed(root: &Path) -> Vec<Licensee> {
    let text = std::fs::read_to_string(root.join("deny.toml")).unwrap();
    let licences = text.split_once("\n[licenses]\n").unwrap().1;
    let list = licences.split_once("allow = [").unwrap().1.split_once(']').unwrap().0;
    let names = list.split(',').map(|name| name.trim().trim_matches('"'));
    names.filter(|name| !name.is_empty()).map(|name| Licensee::parse(name).unwrap()).collect()
}

fn accepts(allowed: &[Licensee], licence: &str) -> bool {
    let expression = Expression::parse_mode(licence, ParseMode::LAX)
        .unwrap_or_else(|error| panic!("{licence}: {error}"));
    expression.evaluate(|wanted| allowed.iter().any(|licensee| licensee.satisfies(wanted)))
}

#[test]
fn every_dependency_has_a_licence_that_is_allowed_and_comes_from_a_registry() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let told = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let packages = told["packages"].as_array().unwrap();
    let (own, others): (Vec<&Value>, Vec<&Value>) =
        packages.iter().partition(|package| package["source"].is_null());
    assert!(own.iter().all(|package| package["license"] == "Apache-2.0"));
    assert!(others.len() > 100, "where are they?");
    let allowed = allowed(root);
    for package in others {
        let name = format!("{} {}", package["name"], package["version"]);
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("{name}: no licence"));
        assert!(accepts(&allowed, licence), "{name}: `{licence}` is not in deny.toml");
        let source = package["source"].as_str().unwrap();
        assert!(source.starts_with("registry+"), "{name} comes from {source}");
    }
}

#[test]
fn of_two_licences_one_must_be_allowed_where_one_may_be_chosen_and_both_where_both_hold() {
    let allowed = [Licensee::parse("MIT").unwrap(), Licensee::parse("ISC").unwrap()];
    for good in ["MIT", "MIT OR GPL-3.0-only", "GPL-3.0-only/MIT", "MIT AND ISC"] {
        assert!(accepts(&allowed, good), "{good}");
    }
    for bad in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "Apache-2.0 WITH LLVM-exception"] {
        assert!(!accepts(&allowed, bad), "{bad}");
    }
}
