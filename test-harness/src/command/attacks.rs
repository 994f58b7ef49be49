//! `ambit attacks`.

use ambit_test_harness::attack;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use tokio::runtime::Runtime;

/// Exit code for an attack that got through, or a good request that did not.
const NOT_KEPT: u8 = 4;

pub(super) fn run(root: &Path, all: bool) -> io::Result<ExitCode> {
    let begun = std::time::Instant::now();
    let summary = Runtime::new()?.block_on(attack::run(root))?;
    let folder = root.join("target/attacks");
    let json = serde_json::to_string_pretty(&summary.json())?;
    std::fs::write(folder.join("summary.json"), json + "\n")?;
    std::fs::write(folder.join("summary.svg"), summary.svg())?;
    print!("{}", summary.table());
    if all {
        print!("{}", summary.native_findings());
    }
    println!(
        "{} s; target/attacks/summary.json names every case, summary.svg draws them",
        begun.elapsed().as_secs()
    );
    Ok(if summary.ambit_held() { ExitCode::SUCCESS } else { ExitCode::from(NOT_KEPT) })
}
