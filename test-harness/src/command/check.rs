//! `ambit check`.

use super::policy::{DOES_NOT_COMPILE, read, say};
use ambit::policy::error::PolicyErrors;
use ambit::policy::lint::checklist::{Gateway, checklist};
use ambit::policy::lint::lint;
use ambit::policy::{Loaded, Policy};
use ambit_test_harness::review;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit code for a warning where warnings were denied, and for an auditor's no.
const NOT_KEPT: u8 = 4;

/// What is checked, and how it is told.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// Policies in YAML.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Show what each issuer's profile stands for.
    #[arg(long)]
    expand: bool,
    /// Fail where there is a warning.
    #[arg(long)]
    deny_warnings: bool,
    /// Answer the five questions an auditor asks, each with the lines of the policy that make it so.
    /// With `--deny-warnings` a no fails.
    #[arg(long)]
    checklist: bool,
    /// The gateway's configuration, to see whether it keeps the records.
    #[arg(long, value_name = "FILE", requires = "checklist")]
    envoy: Option<PathBuf>,
    /// How it is told.
    #[arg(long, default_value = "tree")]
    format: FormatName,
}

/// How findings are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// Text, in colours on a terminal.
    Tree,
    /// JSON, for programs.
    Json,
}

/// What came of all files.
#[derive(Default)]
struct Outcome {
    broken: bool,
    doubted: bool,
    text: String,
    told: Vec<Value>,
}

pub(super) fn run(asked: &Asked) -> io::Result<ExitCode> {
    let gateway = asked.gateway()?;
    let mut outcome = Outcome::default();
    for file in &asked.files {
        let (name, text) = read(file)?;
        match Policy::load_yaml(&name, &text) {
            Ok(loaded) => asked.loaded(&name, &loaded, gateway, &mut outcome)?,
            Err(errors) => {
                outcome.broken = true;
                match asked.format {
                    FormatName::Tree => outcome.text.push_str(&format!("{errors}\n")),
                    FormatName::Json => outcome.told.push(broken(&name, &errors)),
                }
            }
        }
    }
    match asked.format {
        FormatName::Tree => say(&outcome.text)?,
        FormatName::Json => say(&format!("{:#}\n", Value::Array(outcome.told)))?,
    }
    Ok(match (outcome.broken, outcome.doubted && asked.deny_warnings) {
        (true, _) => ExitCode::from(DOES_NOT_COMPILE),
        (false, true) => ExitCode::from(NOT_KEPT),
        (false, false) => ExitCode::SUCCESS,
    })
}

impl Asked {
    fn gateway(&self) -> io::Result<Gateway> {
        let Some(file) = &self.envoy else { return Ok(Gateway::default()) };
        let (_, text) = read(file)?;
        // What is commented out prints nothing.
        let prints = |what: &str| {
            let lines = text.lines();
            lines
                .map(|line| line.split_once('#').map_or(line, |(before, _)| before))
                .any(|line| line.contains(what))
        };
        Ok(Gateway {
            logs_records: Some(prints("FILTER_STATE(wasm.ambit_record")),
            logs_status: Some(prints("%RESPONSE_CODE%")),
        })
    }

    fn loaded(
        &self,
        name: &str,
        loaded: &Loaded,
        gateway: Gateway,
        outcome: &mut Outcome,
    ) -> io::Result<()> {
        let policy = &loaded.policy;
        let paint = super::paint();
        let (findings, answers) = match self.checklist {
            true => (Vec::new(), checklist(policy, gateway)),
            false => (lint(policy), Vec::new()),
        };
        outcome.doubted |= !findings.is_empty() || answers.iter().any(|answer| !answer.yes);
        let rules = policy.rule_ids().len();
        let mut expanded = Vec::new();
        for issuer in loaded.issuers.iter().filter(|_| self.expand) {
            expanded.push(issuer.expanded().to_jcs().map_err(|e| io::Error::other(e.what))?);
        }
        if self.format == FormatName::Json {
            let mut told = json!({
                "file": name, "name": policy.name(), "hash": policy.hash(), "rules": rules, "loads": true,
            });
            if let Value::Object(members) = &mut told {
                let issuers: Result<Vec<Value>, _> =
                    expanded.iter().map(|issuer| serde_json::from_str(issuer)).collect();
                if self.expand {
                    members.insert("issuers".to_owned(), issuers?.into());
                }
                if self.checklist {
                    members.insert("checklist".to_owned(), review::checklist_json(&answers));
                } else {
                    let found = findings.iter().map(|one| review::finding_json(name, one));
                    members.insert("findings".to_owned(), found.collect());
                }
            }
            outcome.told.push(told);
            return Ok(());
        }
        for finding in &findings {
            outcome.text.push_str(&review::finding(name, finding, paint));
        }
        outcome.text.push_str(&review::checklist(name, &answers, paint));
        let doubts = match findings.len() {
            0 => String::new(),
            1 => ", 1 warning".to_owned(),
            many => format!(", {many} warnings"),
        };
        let (policy_name, hash) = (policy.name(), policy.hash());
        outcome
            .text
            .push_str(&format!("{name}: ok: `{policy_name}`, {rules} rules, {hash}{doubts}\n"));
        for issuer in expanded {
            outcome.text.push_str(&format!("{issuer}\n"));
        }
        Ok(())
    }
}

/// Everything wrong with a policy that does not load, as JSON.
fn broken(name: &str, errors: &PolicyErrors) -> Value {
    let errors = errors.0.iter().map(|error| {
        json!({
            "file": error.file,
            "line": error.place.line,
            "column": error.place.column,
            "pointer": error.problem.pointer,
            "severity": "error",
            "message": error.problem.message,
            "expected": error.problem.expected,
        })
    });
    json!({ "file": name, "loads": false, "errors": errors.collect::<Vec<_>>() })
}
