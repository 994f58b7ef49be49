//! What `ambit check` says of a policy that loads: findings, and an auditor's questions, as text and
//! as JSON.

use crate::demo::live::Paint;
use ambit::policy::lint::Finding;
use ambit::policy::lint::checklist::{Answer, Evidence};
use serde_json::{Value, json};

/// One finding as text: what and where, why, and what to do.
#[must_use]
pub fn finding(file: &str, finding: &Finding, paint: Paint) -> String {
    let Finding { code, message, why, fix, .. } = finding;
    let place = match finding.place.line {
        0 => format!("{file}:{}", finding.pointer),
        line => format!("{file}:{line}:{}", finding.place.column),
    };
    let mut told = format!(
        "{place}: {} {} {}\n",
        paint.colour("1;33", "warning:"),
        message,
        paint.colour("2", &format!("[{code}]"))
    );
    for (label, text) in [("why", why), ("fix", fix)] {
        if !text.is_empty() {
            told.push_str(&format!("    {} {text}\n", paint.colour("2", label)));
        }
    }
    told
}

/// A finding as JSON.
#[must_use]
pub fn finding_json(file: &str, finding: &Finding) -> Value {
    json!({
        "file": file,
        "line": finding.place.line,
        "column": finding.place.column,
        "pointer": finding.pointer,
        "severity": "warning",
        "code": finding.code,
        "message": finding.message,
        "why": finding.why,
        "fix": finding.fix,
    })
}

/// The answers as text, each with what makes it so.
#[must_use]
pub fn checklist(file: &str, answers: &[Answer], paint: Paint) -> String {
    let mut told = String::new();
    for answer in answers {
        let word = match answer.yes {
            true => paint.colour("1;32", "yes"),
            false => paint.colour("1;31", "no "),
        };
        told.push_str(&format!("{word}  {}\n", paint.colour("1", answer.question)));
        for evidence in &answer.because {
            let mark = match evidence.speaks_for {
                true => paint.colour("32", "✓"),
                false => paint.colour("31", "✗"),
            };
            let place = paint.colour("2", &place(file, evidence));
            told.push_str(&format!("     {mark} {}{place}\n", evidence.text));
        }
    }
    told
}

fn place(file: &str, evidence: &Evidence) -> String {
    match evidence.place.line {
        0 => String::new(),
        line => format!("  {file}:{line}"),
    }
}

/// The answers as JSON.
#[must_use]
pub fn checklist_json(answers: &[Answer]) -> Value {
    let told = answers.iter().map(|answer| {
        let because = answer.because.iter().map(|evidence| {
            json!({
                "for": evidence.speaks_for,
                "text": evidence.text,
                "pointer": evidence.pointer,
                "line": evidence.place.line,
                "column": evidence.place.column,
            })
        });
        json!({
            "code": answer.code,
            "question": answer.question,
            "yes": answer.yes,
            "because": because.collect::<Vec<_>>(),
        })
    });
    told.collect()
}
