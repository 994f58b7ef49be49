//! `ambit matrix`: who may do what, as a table that is reviewed.

use super::{exit, test};
use ambit_test_harness::matrix::{changes, described, policies, table};
use clap::Args;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is tabled, and what becomes of the table.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Asked {
    /// Policies, or folders that hold them; `policies/`, or where there is none, this folder.
    paths: Vec<PathBuf>,
    /// The reviewed table; `decisions.golden.txt` in the first folder.
    #[arg(long, value_name = "FILE")]
    golden: Option<PathBuf>,
    /// Write the table, for review.
    #[arg(long, conflicts_with = "print")]
    update: bool,
    /// Print the table, and compare nothing.
    #[arg(long)]
    print: bool,
}

const EXAMPLES: &str = "\
Examples:
  ambit matrix                      hold the policies against policies/decisions.golden.txt
  ambit matrix --update             write it; commit it, and every permission that changes is a diff
  ambit matrix --print policy.yaml  one policy's table

Exit codes: 0 nothing changed, 3 a policy does not compile, 4 a permission changed.";

pub(super) fn run(root: &Path, asked: &Asked) -> io::Result<ExitCode> {
    let paths = test::paths(root, &asked.paths);
    let found = match policies(&paths) {
        Ok(found) if found.is_empty() => {
            eprintln!("ambit: no policy there: {}", list(&paths));
            return Ok(ExitCode::from(exit::USAGE));
        }
        Ok(found) => found,
        Err(error) => {
            eprintln!("ambit: {error}");
            return Ok(ExitCode::from(exit::USAGE));
        }
    };
    let golden = asked.golden.clone().unwrap_or_else(|| standard(&paths));
    let table = match named(&found, &golden).and_then(|named| table(&named)) {
        Ok(table) => table,
        Err(errors) => {
            eprintln!("{errors}");
            return Ok(ExitCode::from(exit::DOES_NOT_COMPILE));
        }
    };
    let policies = match found.len() {
        1 => "1 policy".to_owned(),
        several => format!("{several} policies"),
    };
    let mut out = io::stdout().lock();
    if asked.print {
        out.write_all(table.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let place = golden.display();
    if asked.update {
        std::fs::write(&golden, &table)?;
        writeln!(out, "written: {place}, {policies}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let Ok(reviewed) = std::fs::read_to_string(&golden) else {
        writeln!(out, "{place} is not there: `ambit matrix --update` writes it, for review")?;
        return Ok(ExitCode::from(exit::NOT_KEPT));
    };
    if reviewed == table {
        writeln!(out, "{policies} as in {place}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let changed = changes(&reviewed, &table);
    let paint = super::paint();
    write!(out, "{}", described(&changed, &|code, text| paint.colour(code, text)))?;
    let what = match changed.len() {
        0 => "no permission changed, but the file is not as it is written".to_owned(),
        1 => "1 permission changed".to_owned(),
        several => format!("{several} permissions changed"),
    };
    writeln!(out, "{what}; where that is meant, `ambit matrix --update` writes {place}")?;
    Ok(ExitCode::from(exit::NOT_KEPT))
}

fn standard(paths: &[PathBuf]) -> PathBuf {
    let first = paths.first().map_or(Path::new("."), PathBuf::as_path);
    let folder = if first.is_dir() { first } else { first.parent().unwrap_or(first) };
    let golden = folder.join("decisions.golden.txt");
    golden.strip_prefix(".").map(Path::to_owned).unwrap_or(golden)
}

/// The policies' texts, named from the folder of the reviewed table.
fn named(found: &[PathBuf], golden: &Path) -> Result<Vec<(String, String)>, String> {
    let folder = golden.parent().unwrap_or(golden);
    let one = |path: &PathBuf| {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.strip_prefix(folder).unwrap_or(path).display().to_string();
        Ok((name, text))
    };
    found.iter().map(one).collect()
}

fn list(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    names.join(", ")
}
