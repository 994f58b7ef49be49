//! `ambit replay`.

use super::log::Log;
use clap::Args;
use std::io;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Asked {
    #[command(flatten)]
    log: Log,
}

pub(super) fn run(asked: &Asked) -> io::Result<ExitCode> {
    asked.log.each(|_, _| Ok(()))?;
    Ok(ExitCode::SUCCESS)
}
