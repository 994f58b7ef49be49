//! `ambit check` and `ambit compile`.

use ambit::policy::Policy;
use ambit::policy::read::read_yaml;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exit code for a policy that does not compile.
pub(super) const DOES_NOT_COMPILE: u8 = 3;

pub(super) fn check(files: &[PathBuf], expand: bool) -> io::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for file in files {
        let (name, text) = read(file)?;
        match Policy::load_yaml(&name, &text) {
            Ok(loaded) => {
                for warning in &loaded.warnings {
                    println!("{warning}");
                }
                let rules = loaded.policy.rule_ids().len();
                println!(
                    "{name}: ok: `{}`, {rules} rules, {}",
                    loaded.policy.name(),
                    loaded.policy.hash()
                );
                if expand {
                    for issuer in &loaded.issuers {
                        println!(
                            "{}",
                            issuer.expanded().to_jcs().map_err(|e| io::Error::other(e.what))?
                        );
                    }
                }
            }
            Err(errors) => {
                println!("{errors}");
                code = ExitCode::from(DOES_NOT_COMPILE);
            }
        }
    }
    Ok(code)
}

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

fn read(file: &Path) -> io::Result<(String, String)> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
    Ok((file.display().to_string(), text))
}
