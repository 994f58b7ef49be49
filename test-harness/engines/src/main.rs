//! `ambit-engines MODULE FOLDER [ROUNDS [MILLISECONDS]]`: measures, prints a table, and writes
//! `engines.svg` and the section `engines` of `summary.json` into the folder.

mod contest;
mod measure;
mod others;
mod report;

use measure::Plan;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("engines: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, folder, numbers @ ..] = arguments.as_slice() else {
        return Err("expected a module and a folder".to_owned());
    };
    let number = |at: usize, otherwise: u64| match numbers.get(at) {
        None => Ok(otherwise),
        Some(text) => text.parse().map_err(|_| format!("`{text}` is no number")),
    };
    let plan = Plan {
        rounds: number(0, 7)?.max(1),
        slice: Duration::from_millis(number(1, 50)?.max(1)),
        ..Plan::default()
    };
    let results = measure::all(Path::new(module), &plan)?;
    print!("{}", report::table(&results));
    report::write(&results, &plan, Path::new(folder)).map_err(|error| error.to_string())
}
