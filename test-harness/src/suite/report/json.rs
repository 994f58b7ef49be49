//! For programs.

use super::{Check, Run};
use crate::suite::Failure;
use serde_json::{Value, json};

/// The run as JSON.
#[must_use]
pub fn json(run: &Run) -> Value {
    let totals = run.totals();
    let suites: Vec<Value> = run
        .suites
        .iter()
        .map(|suite| {
            let cases: Vec<Value> = suite
                .groups
                .iter()
                .map(|group| {
                    json!({
                        "name": group.name,
                        "skipped": group.skipped,
                        "checks": group.checks.iter().map(check).collect::<Vec<Value>>(),
                    })
                })
                .collect();
            json!({
                "name": suite.name, "file": suite.file, "policy": suite.policy, "cases": cases,
                "not_run": suite.broken.as_ref().map(|broken| broken.text()),
            })
        })
        .collect();
    json!({
        "ok": run.held(),
        "engines": run.engines,
        "checks": totals.checks, "failed": totals.failed, "skipped": totals.skipped,
        "suites_not_run": totals.broken,
        "suites": suites,
        "coverage": if run.filtered { Value::Null } else { run.coverage.json() },
        "not_run": run.not_run,
    })
}

fn check(check: &Check) -> Value {
    let failures: Vec<Value> = check.failures.iter().map(failure).collect();
    json!({ "name": check.name, "ok": check.failures.is_empty(), "failures": failures })
}

fn failure(failure: &Failure) -> Value {
    json!({
        "engine": failure.engine, "request": failure.request, "expected": failure.expected,
        "got": failure.got, "wrong": failure.wrong, "decided": failure.decided,
        "because": failure.because,
    })
}
