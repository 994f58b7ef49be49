//! Runs suites: every request through every engine, each as expected, and all alike.

use super::because::because;
use super::report::{Broken, Check, Group, SuiteReport};
use super::{Coverage, Failure, Filter, failure};
use crate::scenario::{Ask, Engine, Native, Observed, ReadError, ScenarioFile};
use ambit::Timestamp;
use std::fmt;
use std::path::Path;

/// Starts an engine with a suite's policy.
pub type Start<'a> = dyn Fn(&ScenarioFile) -> Result<Box<dyn Engine>, String> + 'a;

/// How suites are run.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// Whether the core is asked.
    pub native: bool,
    /// How a module is started that is asked too.
    pub module: Option<&'a Start<'a>>,
    /// Which requests are asked.
    pub filter: Option<&'a Filter>,
    /// The time of suites that say none.
    pub now: Timestamp,
}

impl fmt::Debug for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("native", &self.native).finish_non_exhaustive()
    }
}

impl Plan<'_> {
    /// Through the core alone, everything, at nine in the morning of 2026-01-15.
    #[must_use]
    pub const fn native() -> Self {
        Self { native: true, module: None, filter: None, now: MORNING }
    }
}

/// The time of suites that say none: 2026-01-15T09:00:00Z.
pub const MORNING: Timestamp = Timestamp::from_secs(1_768_467_600);

/// Runs one suite. What is wrong with it is in the report.
#[must_use]
pub fn run(path: &Path, plan: &Plan<'_>) -> SuiteReport {
    let mut report = SuiteReport { file: path.display().to_string(), ..SuiteReport::default() };
    report.name.clone_from(&report.file);
    let mut file = match ScenarioFile::read(path) {
        Ok(file) => file,
        Err(ReadError::File(text)) => {
            report.broken = Some(Broken::Suite(text));
            return report;
        }
        Err(ReadError::Policy(text)) => {
            report.broken = Some(Broken::Policy(text));
            return report;
        }
    };
    report.name.clone_from(&file.suite);
    report.policy.clone_from(&file.policy_path);
    for ask in &mut file.requests {
        ask.at = ask.at.or(Some(plan.now));
    }
    match asked(&file, plan, &mut report) {
        Ok(()) => {}
        Err(broken) => report.broken = Some(broken),
    }
    report
}

/// What is asked, the core first.
struct Engines {
    /// Always asked, for it alone can say why.
    native: Native,
    /// Whether what it does counts, and not only why.
    judged: bool,
    module: Option<Box<dyn Engine>>,
}

fn asked(file: &ScenarioFile, plan: &Plan<'_>, report: &mut SuiteReport) -> Result<(), Broken> {
    // For its coverage the policy is loaded here whoever decides.
    let native = Native::new(file).map_err(Broken::Policy)?;
    let mut coverage = Coverage::of(&file.policy_path, native.policy());
    let module = match plan.module {
        None => None,
        Some(start) => {
            let refused =
                |error| Broken::Module(format!("the module does not take the policy: {error}"));
            Some(start(file).map_err(refused)?)
        }
    };
    let mut engines = Engines { native, judged: plan.native, module };
    for ask in &file.requests {
        if plan.filter.is_some_and(|filter| !filter.takes(&file.suite, ask)) {
            continue;
        }
        let case = ask.cell.as_ref().map_or(&ask.name, |cell| &cell.case);
        let group = group(&mut report.groups, case);
        if let Some(reason) = &ask.skip {
            group.skipped = Some(reason.clone());
            continue;
        }
        group.checks.push(check(file, ask, &mut engines, &mut coverage));
    }
    report.coverage = coverage;
    Ok(())
}

fn group<'a>(groups: &'a mut Vec<Group>, case: &str) -> &'a mut Group {
    let at = groups.iter().position(|group| group.name == case);
    let at = at.unwrap_or_else(|| {
        groups.push(Group { name: case.to_owned(), ..Group::default() });
        groups.len().saturating_sub(1)
    });
    #[expect(clippy::indexing_slicing, reason = "it was found, or put there")]
    &mut groups[at]
}

fn check(file: &ScenarioFile, ask: &Ask, engines: &mut Engines, coverage: &mut Coverage) -> Check {
    let token = ask.mint();
    let mut check = Check { name: ask.name.clone(), failures: Vec::new() };
    let name = engines.native.name().to_owned();
    let (first, because) = match engines.native.ask_why(ask, token.as_deref()) {
        Ok((observed, trace)) => {
            coverage.count(&file.policy_path, &observed, &trace);
            (observed, because(&file.policy_path, &trace))
        }
        Err(error) => {
            check.failures.push(unanswered(ask, &name, error));
            return check;
        }
    };
    let failed = |observed: &Observed, engine: String| {
        let failed = failure(file, ask, observed)?;
        Some(Failure { engine, because: because.clone(), ..failed })
    };
    if engines.judged {
        check.failures.extend(failed(&first, name));
    }
    if let Some(module) = &mut engines.module {
        let name = module.name().to_owned();
        match module.ask(ask, token.as_deref()) {
            Ok(observed) if !engines.judged => check.failures.extend(failed(&observed, name)),
            // Where they are alike, what does not hold was told already.
            Ok(observed) if observed == first => {}
            Ok(observed) => check.failures.push(differing(ask, &name, &first, &observed)),
            Err(error) => check.failures.push(unanswered(ask, &name, error)),
        }
    }
    check
}

fn unanswered(ask: &Ask, engine: &str, error: String) -> Failure {
    Failure {
        engine: engine.to_owned(),
        name: ask.name.clone(),
        request: format!("{} {}", ask.method, ask.path),
        expected: "an answer".to_owned(),
        got: error,
        ..Failure::default()
    }
}

fn differing(ask: &Ask, engine: &str, first: &Observed, second: &Observed) -> Failure {
    Failure {
        engine: engine.to_owned(),
        name: ask.name.clone(),
        request: format!("{} {}", ask.method, ask.path),
        expected: format!("what the core does: {}", super::judge::got(first)),
        got: super::judge::got(second),
        wrong: second.differences(first),
        decided: second.rules().iter().map(|rule| format!("`{rule}`")).collect(),
        because: Vec::new(),
    }
}
