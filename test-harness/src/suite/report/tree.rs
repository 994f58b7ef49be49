//! For people.

use super::{Group, Run};
use crate::demo::live::Paint;
use crate::suite::Failure;

/// The widest name of a case that the others are aligned with.
const WIDEST: usize = 72;

/// The run as a tree: suites, cases, what failed, and the counts.
#[must_use]
pub fn tree(run: &Run, paint: Paint) -> String {
    let mut text = String::new();
    let names = run.suites.iter().flat_map(|suite| &suite.groups).map(|it| it.name.chars().count());
    let width = names.filter(|width| *width <= WIDEST).max().unwrap_or_default();
    for suite in run.shown() {
        text.push_str(&format!("{}\n", paint.colour("1", &suite.name)));
        for group in &suite.groups {
            text.push_str(&grouped(group, width, paint));
        }
        if let Some(broken) = &suite.broken {
            text.push_str(&format!("  {}\n", paint.colour("1;31", "not run")));
            for line in broken.text().lines() {
                text.push_str(&format!("    {line}\n"));
            }
        }
    }
    text.push_str(&counts(run, paint));
    text
}

fn grouped(group: &Group, width: usize, paint: Paint) -> String {
    let failed: Vec<&Failure> = group.checks.iter().flat_map(|check| &check.failures).collect();
    let outcome = match (&group.skipped, failed.is_empty()) {
        (_, false) => paint.colour("1;31", "FAILED"),
        (Some(reason), true) => paint.colour("33", &format!("skipped: {reason}")),
        (None, true) => paint.colour("32", "ok"),
    };
    let checks = match group.checks.len() {
        0 => String::new(),
        count => counted(count, "check"),
    };
    let mut text = format!("  {:<width$}  {checks:<9}  {outcome}\n", group.name);
    for failure in failed {
        let name = failure.name.strip_prefix(&format!("{}: ", group.name));
        text.push_str(&format!(
            "    {} ({}){}\n",
            paint.colour("1", name.unwrap_or(&failure.name)),
            failure.request,
            if failure.engine == "native" {
                String::new()
            } else {
                format!(" in {}", failure.engine)
            },
        ));
        for (label, line) in failure.lines() {
            text.push_str(&format!("      {label:<9} {line}\n"));
        }
    }
    text
}

fn counts(run: &Run, paint: Paint) -> String {
    let totals = run.totals();
    let mut text = String::new();
    let passed = totals.checks.saturating_sub(totals.failed);
    let mut parts = vec![format!("{passed} ok")];
    for (count, what) in
        [(totals.failed, "failed"), (totals.skipped, "skipped"), (totals.broken, "not run")]
    {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    let code = if run.held() { "1;32" } else { "1;31" };
    let line = format!(
        "{} in {}: {}",
        counted(totals.checks, "check"),
        counted(run.shown().count(), "suite"),
        parts.join(", ")
    );
    text.push_str(&format!("{}   {}\n", paint.colour(code, &line), run.engines));
    if totals.checks == 0 {
        text.push_str("nothing was asked: an empty run fails\n");
    }
    if !run.filtered && totals.checks > 0 {
        text.push_str(&run.coverage.described());
        if let (Some(wanted), false) = (run.min_coverage, run.covered_enough()) {
            let percent = run.coverage.percent();
            text.push_str(&format!("coverage is {percent:.1} %, and {wanted} % was asked for\n"));
        }
    }
    for line in run.notes.iter().chain(&run.not_run) {
        text.push_str(&format!("{line}\n"));
    }
    text
}

/// `1 check`, `2 checks`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
