//! The `ambit` command.

mod command;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    command::run(&command::Ambit::parse())
}
