//! The command line: what there is, and what each exit code means.

mod attacks;
mod audit;
mod bench;
mod check;
mod completions;
mod demo;
mod examples;
mod exit;
mod explain;
mod log;
mod matrix;
mod module;
mod policy;
mod progress;
mod replay;
#[cfg(feature = "wasm-host")]
mod serve;
mod test;
mod token;

use clap::{Parser, Subcommand};
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Keeps AI agents inside their ambit: write policies, test them, and see them at work.
#[derive(Debug, Parser)]
#[command(name = "ambit", version, about, after_help = EXIT_CODES, after_long_help = FIRST_STEPS)]
pub struct Ambit {
    /// The project's folder, where `policies/` and `dist/` are.
    #[arg(long, global = true, default_value = ".")]
    root: PathBuf,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 something outside failed (a file, a port), 2 usage, 3 a policy does not compile,
4 a test, a promise or a comparison did not hold.";

const FIRST_STEPS: &str = "\
First steps:
  ambit check policy.yaml         is it a policy? every error with its line and what was expected
  ambit test                      does it do what policy_test.yaml says? in the core and in the module
  ambit matrix --update           who may do what, as a table to review and commit
  ambit compile policy.yaml       the JSON that a gateway is given

`ambit COMMAND --help` has examples of each; docs/policy-authoring.md goes from nothing to a tested
policy in ten minutes.

Exit codes: 0 ok, 1 something outside failed (a file, a port), 2 usage, 3 a policy does not compile,
4 a test, a promise or a comparison did not hold.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Send every attack of the catalogue, and every good request, to a real Envoy with Ambit and to
    /// one with its native filters, and print what got through.
    #[command(after_long_help = examples::ATTACKS)]
    Attacks {
        /// Name what got through the native filters too.
        #[arg(long)]
        all: bool,
    },
    /// Read a log of records: single decisions, sums, whether it is whole, and OCSF.
    #[command(subcommand, after_help = examples::AUDIT)]
    Audit(audit::Asked),
    /// Measure Ambit beside Envoy's own filters in one Envoy, and draw what came out.
    #[command(after_long_help = examples::BENCH)]
    Bench(bench::Asked),
    /// Check policies: every error with its line, column and what was expected, and what is suspicious
    /// about those that load.
    #[command(after_long_help = examples::CHECK)]
    Check(check::Asked),
    /// Print what a shell needs to complete `ambit`'s commands and options.
    Completions(completions::Asked),
    /// Print a policy as a gateway is given it: JSON that still names the lines of the YAML.
    #[command(after_long_help = examples::COMPILE)]
    Compile {
        /// A policy in YAML.
        file: PathBuf,
    },
    /// Take the tour against everything that `run` starts, and hold each promise against what the
    /// upstream saw.
    #[command(after_long_help = examples::DEMO)]
    Demo,
    /// Ask what another policy would have answered to the requests of a log of records.
    Replay(replay::Asked),
    /// Say why a policy answers a request as it does: every rule and ceiling, and what each came to.
    Explain(Box<explain::Wish>),
    /// Who may do what: every agent, action and resource of every policy, held against a table that
    /// is reviewed and committed.
    Matrix(matrix::Asked),
    /// Start a development issuer, an upstream and Envoy with Ambit on 127.0.0.1:10000, and show
    /// each decision as it is made.
    #[command(after_long_help = examples::RUN)]
    Run,
    /// Test policies: every request of their suites, through the core and through the shipped module.
    Test(test::Asked),
    /// Serve a policy on this machine without Envoy: the shipped module in wasmtime behind real
    /// sockets, HTTP/1.1 and HTTP/2, records printed one a line. The policy is read anew when its file
    /// changes, or on SIGHUP; one that does not compile changes nothing.
    #[cfg(feature = "wasm-host")]
    #[command(after_long_help = examples::SERVE)]
    Serve(Box<serve::Asked>),
    /// Print a token of the development issuer that `run` started.
    #[command(after_long_help = examples::TOKEN)]
    Token(token::Asked),
}

/// Runs what was asked for.
pub fn run(ambit: &Ambit) -> ExitCode {
    let done = match &ambit.command {
        Command::Attacks { all } => attacks::run(&ambit.root, *all),
        Command::Audit(asked) => audit::run(asked),
        Command::Bench(asked) => bench::run(&ambit.root, asked),
        Command::Check(asked) => check::run(asked),
        Command::Compile { file } => policy::compile(file),
        Command::Completions(asked) => completions::run(asked),
        Command::Demo => demo::take(&ambit.root),
        Command::Replay(asked) => replay::run(asked),
        Command::Explain(wish) => explain::run(wish),
        Command::Matrix(asked) => matrix::run(&ambit.root, asked),
        Command::Run => demo::run(&ambit.root),
        Command::Test(asked) => test::run(&ambit.root, asked),
        #[cfg(feature = "wasm-host")]
        Command::Serve(asked) => serve::run(&ambit.root, asked),
        Command::Token(asked) => token::print(asked),
    };
    match done {
        Ok(code) => code,
        // Whoever read the output has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ambit: {error}");
            ExitCode::from(1)
        }
    }
}

/// Colours on a terminal only, and never where `NO_COLOR` is set.
fn paint() -> ambit_test_harness::demo::live::Paint {
    let wanted = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    ambit_test_harness::demo::live::Paint(wanted)
}
