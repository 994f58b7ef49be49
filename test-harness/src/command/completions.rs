//! `ambit completions`: what a shell proposes when Tab is pressed.

use clap::{Args, CommandFactory as _, ValueEnum};
use std::io;
use std::process::ExitCode;

/// For which shell.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Asked {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  ambit completions bash > ~/.local/share/bash-completion/completions/ambit
  ambit completions zsh  > \"${fpath[1]}/_ambit\"
  ambit completions fish > ~/.config/fish/completions/ambit.fish";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Fish,
    Zsh,
}

pub(super) fn run(asked: &Asked) -> io::Result<ExitCode> {
    let shell = match asked.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Fish => clap_complete::Shell::Fish,
        Shell::Zsh => clap_complete::Shell::Zsh,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::Ambit::command(), "ambit", &mut script);
    io::Write::write_all(&mut io::stdout().lock(), &script)?;
    Ok(ExitCode::SUCCESS)
}
