//! `ambit compile`, and what other commands need of a policy's file.

use ambit::policy::Policy;
use ambit::policy::read::read_yaml;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

/// Exit code for a policy that does not compile.
pub(super) const DOES_NOT_COMPILE: u8 = 3;

pub(super) fn compile(file: &Path) -> io::Result<ExitCode> {
    let (name, text) = read(file)?;
    let loaded = Policy::load_yaml(&name, &text);
    match loaded.and_then(|_| read_yaml(&name, &text)) {
        Ok(source) => {
            println!("{}", source.to_compiled_json());
            Ok(ExitCode::SUCCESS)
        }
        Err(errors) => {
            eprintln!("{errors}");
            Ok(ExitCode::from(DOES_NOT_COMPILE))
        }
    }
}

pub(super) fn read(file: &Path) -> io::Result<(String, String)> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
    Ok((file.display().to_string(), text))
}

/// Prints, and does not mind a reader that has read enough.
pub(super) fn say(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}
