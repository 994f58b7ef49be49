//! How suites went, for people and for programs.

mod json;
mod junit;
mod tree;

pub use json::json;
pub use junit::junit;
pub use tree::tree;

use super::{Coverage, Failure};

/// How one suite went.
#[derive(Clone, Debug, Default)]
pub struct SuiteReport {
    /// Its name.
    pub name: String,
    /// Its file.
    pub file: String,
    /// The policy it tests; empty where the suite holds it.
    pub policy: String,
    /// Its cases, and its single requests.
    pub groups: Vec<Group>,
    /// Why it was not run, or not to its end.
    pub broken: Option<Broken>,
    /// What it reached of its policy.
    pub coverage: Coverage,
}

/// Why a suite was not run.
#[derive(Clone, Debug)]
pub enum Broken {
    /// The file cannot be read, is not of the format, or names what there is not.
    Suite(String),
    /// Its policy does not compile.
    Policy(String),
    /// The module does not load the policy.
    Module(String),
}

impl Broken {
    /// What is wrong.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Suite(text) | Self::Policy(text) | Self::Module(text) => text,
        }
    }
}

/// A case of a suite.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// A sentence.
    pub name: String,
    /// Its requests.
    pub checks: Vec<Check>,
    /// Why it was not asked.
    pub skipped: Option<String>,
}

/// One request of a case.
#[derive(Clone, Debug)]
pub struct Check {
    /// As the suite names it.
    pub name: String,
    /// What does not hold, by engine.
    pub failures: Vec<Failure>,
}

/// How all suites went.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// In the order in which they ran.
    pub suites: Vec<SuiteReport>,
    /// What they reached together.
    pub coverage: Coverage,
    /// What was not done that was asked for, a sentence each: it makes the run fail.
    pub not_run: Vec<String>,
    /// What more is to be said.
    pub notes: Vec<String>,
    /// Whether only a part was asked, which makes coverage mean nothing.
    pub filtered: bool,
    /// The engines, as they are shown.
    pub engines: String,
    /// The percentage of rules and branches below which the run fails.
    pub min_coverage: Option<u8>,
}

/// Counts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests that were asked.
    pub checks: usize,
    /// Of these, those that came to something else.
    pub failed: usize,
    /// Cases that were not asked.
    pub skipped: usize,
    /// Suites that were not run.
    pub broken: usize,
    /// Suites whose policy does not compile, or that are not of the format.
    pub unreadable: usize,
}

impl Run {
    /// Adds a suite's report.
    pub fn add(&mut self, report: SuiteReport) {
        self.coverage.merge(&report.coverage);
        self.suites.push(report);
    }

    /// Its suites, but for those of which a filter asks nothing.
    pub fn shown(&self) -> impl Iterator<Item = &SuiteReport> {
        let asked = |suite: &&SuiteReport| {
            !self.filtered || !suite.groups.is_empty() || suite.broken.is_some()
        };
        self.suites.iter().filter(asked)
    }

    /// Its counts.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for suite in &self.suites {
            for group in &suite.groups {
                let failed = group.checks.iter().filter(|check| !check.failures.is_empty()).count();
                totals.checks = totals.checks.saturating_add(group.checks.len());
                totals.failed = totals.failed.saturating_add(failed);
                totals.skipped =
                    totals.skipped.saturating_add(usize::from(group.skipped.is_some()));
            }
            let unreadable = matches!(suite.broken, Some(Broken::Suite(_) | Broken::Policy(_)));
            totals.broken = totals.broken.saturating_add(usize::from(suite.broken.is_some()));
            totals.unreadable = totals.unreadable.saturating_add(usize::from(unreadable));
        }
        totals
    }

    /// Whether everything that was asked for was done, and held.
    #[must_use]
    pub fn held(&self) -> bool {
        let totals = self.totals();
        totals.checks > 0
            && totals.failed == 0
            && totals.broken == 0
            && self.not_run.is_empty()
            && self.covered_enough()
    }

    /// Whether coverage is what was asked for.
    #[must_use]
    pub fn covered_enough(&self) -> bool {
        self.min_coverage.is_none_or(|wanted| self.coverage.percent() >= f64::from(wanted))
    }
}
