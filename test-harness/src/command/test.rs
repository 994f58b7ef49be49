//! `ambit test`: suites, through the core and through the shipped module.

use super::{exit, module, progress::Progress};
use ambit_test_harness::suite::report::{self, Run};
use ambit_test_harness::suite::{self, Filter, MORNING, Plan};
use clap::{Args, ValueEnum};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is tested, and how it is told.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Asked {
    /// Suites (`…_test.yaml`), or folders that hold them; `policies/`, or where there is none, this folder.
    paths: Vec<PathBuf>,
    /// What decides: the core in this command, the shipped module in wasmtime, or both, compared.
    #[arg(long, value_enum, default_value_t = Engine::Both)]
    engine: Engine,
    /// The module; `dist/ambit.wasm` or `ambit.wasm`, here or above the suites.
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Ask only some: text that a name holds, or `subject=…;actor=…;action=…;resource=…;case=…;suite=…`.
    #[arg(long, value_name = "FILTER")]
    filter: Option<Filter>,
    /// For people, for programs, or for continuous integration.
    #[arg(long, value_enum, default_value_t = Format::Tree)]
    format: Format,
    /// Fail where less than this percentage was reached: of rules that decide, of conditions' parts seen
    /// true and seen false, and of permissions that are asked for.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_coverage: Option<u8>,
}

const EXAMPLES: &str = "\
Examples:
  ambit test                                       every suite under policies/
  ambit test policies/demo --engine native         one folder, without the module
  ambit test --filter 'subject=alice;action=write' a part of every table
  ambit test --format junit > target/junit.xml     for continuous integration
  ambit test --min-coverage 100                    nothing of a policy is left untested

A suite, beside policy.yaml as policy_test.yaml:
  subjects: { alice: { groups: [support] }, nobody: null }    # null: no token
  resources: { ticket: { path: /v1/tickets/7 } }
  cases:
    - name: who may do what
      subjects: [alice, nobody]
      actors: [assistant]                                     # the policy's own names
      resources: [ticket]
      actions: [read, write, delete]
      expect:
        - { subject: alice, action: read }                    # all else must be refused

Exit codes: 0 all held, 2 usage, 3 a policy or a suite cannot be read, 4 a test failed, nothing was
asked, or the module was not there. docs/policy-authoring.md begins at nothing.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    Native,
    Module,
    Both,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Tree,
    Json,
    Junit,
}

pub(super) fn run(root: &Path, asked: &Asked) -> io::Result<ExitCode> {
    let paths = paths(root, &asked.paths);
    let suites = match suite::suites(&paths) {
        Ok(suites) => suites,
        Err(error) => {
            eprintln!("ambit: {error}");
            return Ok(ExitCode::from(exit::USAGE));
        }
    };
    let mut progress = Progress::new();
    let mut run = Run {
        filtered: asked.filter.is_some(),
        min_coverage: asked.min_coverage,
        ..Run::default()
    };
    let start = match asked.engine {
        Engine::Native => None,
        Engine::Module | Engine::Both => {
            progress.show("compiling the module");
            match module::start(root, &paths, asked.module.as_deref()) {
                Ok(start) => Some(start),
                Err(why) => {
                    run.not_run.push(why);
                    None
                }
            }
        }
    };
    // Where the module is not there, the core is asked nonetheless: that much can be said.
    let native = asked.engine != Engine::Module || start.is_none();
    run.engines = match (&start, native) {
        (None, _) => "in the core".to_owned(),
        (Some(module), true) => format!("in the core and in {}", module.name),
        (Some(module), false) => format!("in {}", module.name),
    };
    let module = start.as_ref().map(|module| &*module.start);
    let plan = Plan { native, module, filter: asked.filter.as_ref(), now: MORNING };
    for (number, file) in (1_usize..).zip(&suites.files) {
        progress.show(&format!("{number}/{} {}", suites.files.len(), file.display()));
        run.add(suite::run(file, &plan));
    }
    progress.end();
    let untested = suites
        .untested
        .iter()
        .map(|policy| format!("no tests: {} (put policy_test.yaml beside it)", policy.display()));
    run.notes.extend(untested);
    told(&run, asked.format)?;
    Ok(match run.totals() {
        _ if run.held() => ExitCode::SUCCESS,
        totals if totals.unreadable > 0 => ExitCode::from(exit::DOES_NOT_COMPILE),
        _ => ExitCode::from(exit::NOT_KEPT),
    })
}

fn told(run: &Run, format: Format) -> io::Result<()> {
    let text = match format {
        Format::Tree => report::tree(run, super::paint()),
        Format::Json => format!("{:#}\n", report::json(run)),
        Format::Junit => report::junit(run),
    };
    io::stdout().lock().write_all(text.as_bytes())
}

/// What was named; else `policies/`; else the folder itself.
pub(super) fn paths(root: &Path, named: &[PathBuf]) -> Vec<PathBuf> {
    let standard = root.join("policies");
    match named {
        [] if standard.is_dir() && root == Path::new(".") => vec![PathBuf::from("policies")],
        [] if standard.is_dir() => vec![standard],
        [] => vec![root.to_owned()],
        named => named.to_vec(),
    }
}
