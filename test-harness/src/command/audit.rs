//! `ambit audit`: what can be read from a log of records.

use super::log::{Format, Log, told};
use ambit_test_harness::audit::summary::Summary;
use ambit_test_harness::audit::verify::Verification;
use ambit_test_harness::audit::{Filter, Pattern, Window, millis, ocsf, show};
use ambit_test_harness::record_log::Content;
use ambit_test_harness::recorded::Effect;
use clap::{Args, Subcommand, ValueEnum};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub(super) enum Asked {
    /// Print the records that are meant, one a line: who, for whom, what, why, and what came of it.
    #[command(after_help = SHOW)]
    Show {
        #[command(flatten)]
        log: Log,
        #[command(flatten)]
        meant: Meant,
        /// Only the first so many.
        #[arg(long)]
        limit: Option<u64>,
        /// `json` prints the records themselves.
        #[arg(long, value_enum, default_value_t = Format::Tree)]
        format: Format,
    },
    /// Count by actor, action, resource and effect, and name what is refused most.
    Summary {
        #[command(flatten)]
        log: Log,
        #[command(flatten)]
        meant: Meant,
        /// How many refusals to name.
        #[arg(long, default_value_t = 10)]
        top: usize,
        /// Write a page with pictures here, too.
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// How the sums are written.
        #[arg(long, value_enum, default_value_t = Format::Tree)]
        format: Format,
    },
    /// Check that the log is whole: every record is read strictly and spelt as the module spells it,
    /// ids are there once, numbers have no gap, times follow them. Exit code 4 where it is not.
    #[command(after_help = VERIFY)]
    Verify {
        #[command(flatten)]
        log: Log,
        /// How the findings are written.
        #[arg(long, value_enum, default_value_t = Format::Tree)]
        format: Format,
    },
    /// Print the records that are meant as OCSF API Activity (class 6003), one event a line; the
    /// whole record stands under `unmapped.ambit`.
    Ocsf {
        #[command(flatten)]
        log: Log,
        #[command(flatten)]
        meant: Meant,
        /// Where in a line of the access log the client's address stands.
        #[arg(long, value_name = "KEY")]
        source_key: Option<String>,
    },
}

const SHOW: &str = "\
Examples:
  ambit audit show access.log --effect deny --since 2026-11-24T08:00:00Z
  ambit audit show access.log --actor 'support-*' --resource document/7
  tail -n 1000 access.log | ambit audit show - --reason beyond-ceiling";

const VERIFY: &str = "\
A record's id counts its worker's requests from 1, so a gap is a record that was lost, or, at the end
of a boot, one of a request that was not over. What no record can tell: whether a line was changed by
somebody who spelt it as the module does, and whether whole boots, or a boot's last records, are gone.";

/// Which records are meant; `*` stands for any text.
#[derive(Debug, Args)]
pub(super) struct Meant {
    /// Any of the actors, or the client.
    #[arg(long)]
    actor: Option<String>,
    /// The subject's id, or `realm id`.
    #[arg(long)]
    subject: Option<String>,
    /// The resource's type, `type/id`, or the path.
    #[arg(long)]
    resource: Option<String>,
    /// `read`, `write`, `delete` or `admin`.
    #[arg(long)]
    action: Option<String>,
    /// What was decided.
    #[arg(long, value_enum)]
    effect: Option<Decided>,
    /// Reason code.
    #[arg(long)]
    reason: Option<String>,
    /// Id of a rule that determined it.
    #[arg(long)]
    rule: Option<String>,
    /// From this time on: `2026-11-24T08:00:00Z`, `2026-11-24`, or milliseconds since the epoch.
    #[arg(long, value_parser = millis)]
    since: Option<i64>,
    /// Before this time.
    #[arg(long, value_parser = millis)]
    until: Option<i64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Decided {
    Allow,
    Deny,
}

impl Meant {
    pub(super) fn filter(&self) -> Filter {
        let pattern = |text: &Option<String>| text.as_deref().map(Pattern::from);
        Filter {
            actor: pattern(&self.actor),
            subject: pattern(&self.subject),
            resource: pattern(&self.resource),
            action: pattern(&self.action),
            effect: self.effect.map(|effect| match effect {
                Decided::Allow => Effect::Allow,
                Decided::Deny => Effect::Deny,
            }),
            reason: pattern(&self.reason),
            rule: pattern(&self.rule),
            window: Window { since: self.since, until: self.until },
        }
    }
}

pub(super) fn run(asked: &Asked) -> io::Result<ExitCode> {
    match asked {
        Asked::Show { log, meant, limit, format } => show(log, &meant.filter(), *limit, *format),
        Asked::Summary { log, meant, top, html, format } => {
            let (filter, mut summary) = (meant.filter(), Summary::default());
            let skipped = log.each(|_, content| {
                if let Content::Record { read, .. } = content
                    && filter.fits(&read.record)
                {
                    summary.add(&read.record);
                }
                Ok(())
            })?;
            let mut out = io::stdout().lock();
            match format {
                Format::Tree => write!(out, "{}", summary.told(*top))?,
                Format::Json => writeln!(out, "{:#}", summary.json())?,
            }
            if let Some(file) = html {
                std::fs::write(file, summary.html())?;
                eprintln!("written: {}", file.display());
            }
            Ok(told(&skipped))
        }
        Asked::Verify { log, format } => verify(log, *format),
        Asked::Ocsf { log, meant, source_key } => {
            let filter = meant.filter();
            let mut out = BufWriter::new(io::stdout().lock());
            let skipped = log.each(|_, content| {
                let Content::Record { read, around, .. } = content else { return Ok(()) };
                if !filter.fits(&read.record) {
                    return Ok(());
                }
                let line = around.as_deref().zip(source_key.as_deref());
                let source = line.and_then(|(line, key)| line.member(key)?.as_str());
                writeln!(out, "{}", ocsf::event(read, source))
            })?;
            out.flush()?;
            Ok(told(&skipped))
        }
    }
}

fn show(log: &Log, filter: &Filter, limit: Option<u64>, format: Format) -> io::Result<ExitCode> {
    let paint = super::paint();
    let mut out = BufWriter::new(io::stdout().lock());
    if format == Format::Tree {
        writeln!(out, "{}", show::head(paint))?;
    }
    let mut shown: u64 = 0;
    let skipped = log.each(|_, content| {
        let Content::Record { read, .. } = content else { return Ok(()) };
        if !filter.fits(&read.record) || limit.is_some_and(|limit| shown >= limit) {
            return Ok(());
        }
        shown = shown.saturating_add(1);
        match format {
            Format::Tree => writeln!(out, "{}", show::row(&read.record, paint)),
            Format::Json => {
                writeln!(
                    out,
                    "{}",
                    read.json.to_jcs().map_err(|error| io::Error::other(error.what))?
                )
            }
        }
    })?;
    out.flush()?;
    Ok(told(&skipped))
}

fn verify(log: &Log, format: Format) -> io::Result<ExitCode> {
    let mut verification = Verification::default();
    let skipped = log.each(|line, content| {
        match content {
            Content::Record { text, read, .. } => verification.record(line, text.as_deref(), read),
            Content::Unreadable(why) => verification.unreadable(line, why),
            Content::NoRecord => {}
        }
        Ok(())
    })?;
    let mut out = io::stdout().lock();
    match format {
        Format::Tree => {
            write!(out, "{}", verification.told())?;
            if skipped.without > 0 {
                writeln!(out, "{} lines without a record", skipped.without)?;
            }
            let word = if verification.is_whole() { "whole" } else { "not whole" };
            writeln!(out, "{word}")?;
        }
        Format::Json => writeln!(out, "{:#}", verification.json())?,
    }
    Ok(ExitCode::from(if verification.is_whole() { 0 } else { 4 }))
}
