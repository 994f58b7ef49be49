//! `ambit replay`: yesterday's log against tomorrow's policy.

use super::log::{Format, Log};
use ambit_test_harness::record_log::Content;
use ambit_test_harness::replay::{Kind, Policies, Replayer, Tally};
use clap::{Args, ValueEnum};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// What to ask of which policy.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Asked {
    #[command(flatten)]
    log: Log,
    /// The policy that is asked: YAML, or what `ambit compile` prints.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Policies that were in force when the records were made, or folders with them; each is known
    /// by the hash that records carry. With it, what is the same in both needs no guess.
    #[arg(long, value_name = "FILE-OR-FOLDER")]
    was: Vec<PathBuf>,
    /// Exit with 4 where a decision would change: `certain` where it would for certain, `possible`
    /// also where it depends on what the record lacks.
    #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "certain", value_name = "WHEN")]
    fail_on_change: Option<Change>,
    /// How many groups of each kind to show.
    #[arg(long, default_value_t = 25)]
    top: usize,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t = Format::Tree)]
    format: Format,
}

const HELP: &str = "\
A record leaves out what is no log's business: a token's scopes and claims, what look-ups said. Where
an answer depends on it, it says so, and what is lacking; nothing is guessed.

Examples:
  ambit replay access.log --policy new.yaml --was old.yaml
  ambit replay access.log --policy new.yaml --was policies/ --fail-on-change=possible
  zcat access.log.gz | ambit replay - --policy new.yaml --format json";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Change {
    Certain,
    Possible,
}

pub(super) fn run(asked: &Asked) -> io::Result<ExitCode> {
    let policies = match Policies::read(&asked.policy, &asked.was) {
        Ok(policies) => policies,
        Err(errors) => {
            eprintln!("{errors}");
            return Ok(ExitCode::from(super::policy::DOES_NOT_COMPILE));
        }
    };
    let mut replayer = Replayer::new(&policies);
    let mut tally = Tally::default();
    let skipped = asked.log.each(|line, content| {
        if let Content::Record { read, .. } = content {
            let said = replayer.ask(&read.record);
            tally.add(line, &read.record, &said, &replayer);
        }
        Ok(())
    })?;
    let mut out = io::stdout().lock();
    match asked.format {
        Format::Tree => {
            write!(out, "{}", tally.told(replayer.policy(), asked.top, super::paint()))?;
        }
        Format::Json => {
            let mut told = tally.json(replayer.policy());
            if let Some(members) = told.as_object_mut() {
                members.insert("skipped".to_owned(), skipped.json());
            }
            writeln!(out, "{told:#}")?;
        }
    }
    let unread = super::log::told(&skipped);
    let certain = tally.counts.of(Kind::Allows) > 0 || tally.counts.of(Kind::Denies) > 0;
    let fails = match asked.fail_on_change {
        None => false,
        Some(Change::Certain) => certain,
        Some(Change::Possible) => certain || tally.counts.of(Kind::Depends) > 0,
    };
    Ok(if fails { ExitCode::from(4) } else { unread })
}
