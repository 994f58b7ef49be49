//! `ambit bench`: how fast, beside what else there is.

use ambit_test_harness::bench::{self, Plan};
use clap::Args;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// What to measure.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// A filter that does nothing, to compare with.
    #[arg(long, default_value = "dist/noop.wasm")]
    noop: PathBuf,
    /// Rounds; each run once in each.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Milliseconds of one run in one round.
    #[arg(long, default_value_t = 1_000)]
    time: u64,
    /// Requests of one run in one round, where every token is new.
    #[arg(long, default_value_t = 5_000)]
    new_tokens: usize,
    /// Only this run, or these; nothing is written then.
    #[arg(long)]
    only: Vec<String>,
}

pub(super) fn run(root: &Path, asked: &Asked) -> io::Result<ExitCode> {
    let plan = Plan {
        rounds: asked.rounds.max(1),
        time: Duration::from_millis(asked.time.max(1)),
        new_tokens: asked.new_tokens.max(1),
        only: asked.only.clone(),
    };
    let root = root.canonicalize()?;
    let mut progress = |what: &str| eprintln!("bench: {what}");
    let summary = bench::measure(&root, &root.join(&asked.noop), &plan, &mut progress)?;
    if !plan.only.is_empty() {
        write!(io::stdout().lock(), "{}", summary.table())?;
        return Ok(ExitCode::SUCCESS);
    }
    let folder = root.join("target/bench");
    std::fs::write(folder.join("summary.json"), format!("{:#}\n", summary.json()))?;
    std::fs::write(folder.join("summary.svg"), summary.svg())?;
    let mut out = io::stdout().lock();
    write!(out, "{}", summary.table())?;
    writeln!(out, "written: target/bench/summary.json, target/bench/summary.svg")?;
    Ok(match summary.counts() {
        true => ExitCode::SUCCESS,
        false => {
            eprintln!("bench: the machine was the limit; this run does not count");
            ExitCode::from(1)
        }
    })
}
