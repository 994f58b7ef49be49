//! `ambit-fuzz [TARGET…]` explores every target, or these, each in a process of its own, so that a
//! crash or an endless loop is a find like any other. `FUZZ_SECONDS` is how long, each; `FUZZ_SEED`
//! makes a run repeatable. `ambit-fuzz --keep [TARGET…]` takes what was reached into the corpus.

use ambit_fuzz::coverage::Reached;
use ambit_fuzz::explore::{self, Report};
use ambit_fuzz::{Target, corpus, targets};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A target that says nothing for this long hangs.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = PathBuf::from(std::env::var("FUZZ_FOLDER").unwrap_or("target/fuzz".to_owned()));
    match arguments.split_first() {
        Some((first, rest)) if first == "--explore" => one(rest, &folder),
        Some((first, rest)) if first == "--keep" => keep(rest, &folder),
        _ => all(&arguments, &folder),
    }
}

fn chosen(names: &[String]) -> io::Result<Vec<Target>> {
    if let Some(name) = names.iter().find(|name| targets::ALL.iter().all(|one| one.name != **name))
    {
        return Err(io::Error::other(format!("`{name}` is no target")));
    }
    let wanted = |target: &&Target| names.is_empty() || names.iter().any(|n| n == target.name);
    Ok(targets::ALL.iter().filter(wanted).copied().collect())
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Explores one target in this process.
fn one(names: &[String], folder: &Path) -> io::Result<ExitCode> {
    // A panic is reported once, when it was made small.
    std::panic::set_hook(Box::new(|_| {}));
    let time = Duration::from_secs(number("FUZZ_SECONDS", 30));
    let mut found = false;
    for target in chosen(names)? {
        let show = |report: &Report, elapsed: Duration| {
            let each = report.tried / elapsed.as_secs().max(1);
            println!(
                "{:<16} {:>4} s {:>10} tried {:>7}/s {:>4} % accepted {:>5} kept {:>6} reached",
                target.name,
                elapsed.as_secs(),
                report.tried,
                each,
                (report.accepted * 100).checked_div(report.tried).unwrap_or_default(),
                report.kept.len(),
                report.reached
            );
        };
        let report = explore::explore(&target, time, number("FUZZ_SEED", 1), folder, show)?;
        if let Some(find) = report.find {
            found = true;
            println!("FOUND {}: {}\n  {}", target.name, find.message, corpus::escape(&find.input));
        }
    }
    io::stdout().flush()?;
    Ok(if found { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Explores all, as many at a time as there are processors.
fn all(names: &[String], folder: &Path) -> io::Result<ExitCode> {
    println!(
        "{}",
        if Reached::is_guided() {
            "guided by coverage (-C instrument-coverage)"
        } else {
            "not guided: this toolchain cannot instrument for coverage"
        }
    );
    let queue = Arc::new(Mutex::new(chosen(names)?));
    let failed = Arc::new(Mutex::new(Vec::new()));
    let program = std::env::current_exe()?;
    let at_once = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(target) = next(&queue) {
                    let sound = Command::new(&program)
                        .args(["--explore", target.name])
                        .stdout(Stdio::piped())
                        .spawn()
                        .is_ok_and(|child| watch(child, &target, folder));
                    if !sound && let Ok(mut failed) = failed.lock() {
                        failed.push(target.name);
                    }
                }
            });
        }
    });
    let failed = failed.lock().map(|names| names.clone()).unwrap_or_default();
    if failed.is_empty() {
        println!("nothing found");
        return Ok(ExitCode::SUCCESS);
    }
    println!("found something in: {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

fn next(queue: &Mutex<Vec<Target>>) -> Option<Target> {
    let mut queue = queue.lock().ok()?;
    (!queue.is_empty()).then(|| queue.remove(0))
}

/// Repeats what a target's process says; whether it ended well.
fn watch(mut child: Child, target: &Target, folder: &Path) -> bool {
    let Some(output) = child.stdout.take() else { return false };
    let (tell, hear) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    loop {
        match hear.recv_timeout(PATIENCE) {
            Ok(line) => println!("{line}"),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let _ = child.kill();
                break;
            }
        }
    }
    let ended = child.wait().ok();
    match ended.and_then(|status| status.code()) {
        Some(0) => true,
        Some(1) => false,
        // It was killed, or killed itself: what it was trying says by what.
        _ => {
            let trying = std::fs::read(explore::trying(folder, target.name)).unwrap_or_default();
            println!("FOUND {}: crashed or hung\n  {}", target.name, corpus::escape(&trying));
            false
        }
    }
}

/// Takes what was reached beyond the corpus into it: the fewest inputs that reach as much.
fn keep(names: &[String], folder: &Path) -> io::Result<ExitCode> {
    std::panic::set_hook(Box::new(|_| {}));
    for target in chosen(names)? {
        let known = corpus::load(target.name)?;
        let text = std::fs::read_to_string(folder.join(format!("{}.txt", target.name)))?;
        let mut inputs: Vec<Vec<u8>> = text.lines().filter_map(corpus::unescape).collect();
        inputs.retain(|input| input.len() <= 600 && !known.contains(input));
        let mut fewest = explore::fewest(&target, &inputs);
        fewest.truncate(number("FUZZ_KEEP", 60) as usize);
        corpus::append(target.name, "found by mutation", &fewest)?;
        println!("{:<16} {} more", target.name, fewest.len());
    }
    Ok(ExitCode::SUCCESS)
}
