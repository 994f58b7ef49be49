//! The command line: what there is, and what each exit code means.

mod attacks;
mod bench;
mod demo;
mod policy;
#[cfg(feature = "wasm-host")]
mod serve;
mod token;

use clap::{Parser, Subcommand};
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Keeps AI agents inside their ambit: check policies, and see them at work.
///
/// Exit codes: 0 ok, 1 something failed, 2 usage, 3 a policy does not compile, 4 a promise or a test
/// was not kept.
#[derive(Debug, Parser)]
#[command(name = "ambit", version, about)]
pub struct Ambit {
    /// The project's folder, where `policies/` and `dist/` are.
    #[arg(long, global = true, default_value = ".")]
    root: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send every attack of the catalogue, and every good request, to a real Envoy with Ambit and to
    /// one with its native filters, and print what got through.
    Attacks {
        /// Name what got through the native filters too.
        #[arg(long)]
        all: bool,
    },
    /// Measure Ambit beside Envoy's own filters in one Envoy, and draw what came out.
    Bench(bench::Asked),
    /// Check policies: every error with its line, column and what was expected.
    Check {
        /// Policies in YAML.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Show what each issuer's profile stands for.
        #[arg(long)]
        expand: bool,
    },
    /// Print a policy as a gateway is given it: JSON that still names the lines of the YAML.
    Compile {
        /// A policy in YAML.
        file: PathBuf,
    },
    /// Take the tour against everything that `run` starts, and hold each promise against what the
    /// upstream saw.
    Demo,
    /// Start a development issuer, an upstream and Envoy with Ambit on 127.0.0.1:10000, and show
    /// each decision as it is made.
    Run,
    /// Serve a policy on this machine without Envoy: the shipped module in wasmtime behind real
    /// sockets, HTTP/1.1 and HTTP/2, records printed one a line. The policy is read anew when its file
    /// changes, or on SIGHUP; one that does not compile changes nothing.
    #[cfg(feature = "wasm-host")]
    Serve(Box<serve::Asked>),
    /// Print a token of the development issuer that `run` started.
    Token(token::Asked),
}

/// Runs what was asked for.
pub fn run(ambit: &Ambit) -> ExitCode {
    let done = match &ambit.command {
        Command::Attacks { all } => attacks::run(&ambit.root, *all),
        Command::Bench(asked) => bench::run(&ambit.root, asked),
        Command::Check { files, expand } => policy::check(files, *expand),
        Command::Compile { file } => policy::compile(file),
        Command::Demo => demo::take(&ambit.root),
        Command::Run => demo::run(&ambit.root),
        #[cfg(feature = "wasm-host")]
        Command::Serve(asked) => serve::run(&ambit.root, asked),
        Command::Token(asked) => token::print(asked),
    };
    match done {
        Ok(code) => code,
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
