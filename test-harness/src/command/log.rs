//! What the commands that read a log of records share: where it is, and how far they are.

use ambit_test_harness::record_log::{Content, RecordLog, Skipped};
use clap::{Args, ValueEnum};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Lines after which progress is told on a terminal, and elsewhere.
const STEPS: (u64, u64) = (20_000, 1_000_000);

/// The log.
#[derive(Debug, Args)]
pub(super) struct Log {
    /// Records one a line, alone or in Envoy's JSON access log; `-` is standard input.
    log: PathBuf,
    /// Where in a line of the access log the record stands, as text or as an object.
    #[arg(long, default_value = "ambit")]
    key: String,
}

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Tree,
    /// For programs.
    Json,
}

impl Log {
    /// Hands every line on; what could not be read is returned.
    pub(super) fn each(
        &self,
        mut take: impl FnMut(u64, &Content) -> io::Result<()>,
    ) -> io::Result<Skipped> {
        let mut log = RecordLog::open(&self.log, &self.key)?;
        let mut skipped = Skipped::default();
        let on_terminal = io::stderr().is_terminal();
        let step = if on_terminal { STEPS.0 } else { STEPS.1 };
        let mut told = false;
        while let Some(line) = log.next_line()? {
            match &line.content {
                Content::Record { .. } => {}
                Content::NoRecord => skipped.without = skipped.without.saturating_add(1),
                Content::Unreadable(why) => skipped.add(line.number, why.clone()),
            }
            take(line.number, &line.content)?;
            if line.number.is_multiple_of(step) {
                let end = if on_terminal { '\r' } else { '\n' };
                eprint!("{} lines, {} MB{end}", line.number, log.bytes() / 1_000_000);
                io::stderr().flush()?;
                told = true;
            }
        }
        if told && on_terminal {
            eprint!("{:40}\r", "");
        }
        Ok(skipped)
    }
}

/// Tells what could not be read. That is a failure: what is not counted must not be taken for what
/// is not there.
pub(super) fn told(skipped: &Skipped) -> ExitCode {
    eprint!("{}", skipped.told());
    if skipped.unreadable > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS }
}
