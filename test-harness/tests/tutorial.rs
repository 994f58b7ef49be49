//! Every command of `docs/policy-authoring.md` and `docs/policy-tests.md`, each page in an empty folder: what
//! it prints is what is shown.
//!
//! In a page, a block ```` ```yaml some/file ```` is a file, ```` ```diff some/file ```` changes one, and the
//! lines of a block ```` ```console ```` that begin with `$` are run. `AMBIT_UPDATE=1` writes what they print.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A part of the page.
enum Part {
    Text(String),
    File { head: String, path: String, text: String },
    Change { head: String, path: String, lines: Vec<String> },
    Commands { head: String, commands: Vec<(String, Vec<String>)> },
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn parts(page: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            parts.push(Part::Text(line.to_owned()));
            continue;
        };
        let inside: Vec<String> =
            lines.by_ref().take_while(|line| *line != "```").map(str::to_owned).collect();
        let head = line.to_owned();
        parts.push(match info.split_once(' ') {
            Some(("yaml", path)) => {
                let text = inside.join("\n") + "\n";
                Part::File { head, path: path.to_owned(), text }
            }
            Some(("diff", path)) => Part::Change { head, path: path.to_owned(), lines: inside },
            None if info == "console" => Part::Commands { head, commands: commands(inside) },
            _ => panic!("a block that is not run: {line}"),
        });
    }
    parts
}

fn commands(lines: Vec<String>) -> Vec<(String, Vec<String>)> {
    let mut commands: Vec<(String, Vec<String>)> = Vec::new();
    for line in lines {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), Vec::new())),
            (None, Some((_, shown))) => shown.push(line),
            (None, None) => panic!("output before any command: {line}"),
        }
    }
    commands
}

/// Puts a change into a file: its lines as they were must stand there once.
fn change(text: &str, lines: &[String]) -> String {
    let of = |left_out: char| -> Vec<&str> {
        let kept = lines.iter().filter(|line| !line.starts_with(left_out));
        kept.map(|line| line.get(1..).unwrap_or_default()).collect()
    };
    let (before, after) = (of('+').join("\n"), of('-').join("\n"));
    assert_eq!(text.matches(&before).count(), 1, "where the change goes:\n{before}\n---\n{text}");
    text.replacen(&before, &after, 1)
}

fn run(command: &str, folder: &Path) -> Vec<String> {
    let binaries = Path::new(env!("CARGO_BIN_EXE_ambit")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{command}")])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", binaries.display()))
        .env("AMBIT", root())
        .env_remove("NO_COLOR")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(str::to_owned).collect()
}

/// Whether a line is what is shown; `…` stands for anything.
fn alike(shown: &str, line: &str) -> bool {
    let mut rest = line;
    let parts: Vec<&str> = shown.split('…').collect();
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return false };
    if parts.len() == 1 {
        return shown == line;
    }
    let Some(after) = rest.strip_prefix(first) else { return false };
    rest = after;
    for middle in parts.iter().skip(1).take(parts.len().saturating_sub(2)) {
        let Some((_, after)) = rest.split_once(middle) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

fn same(shown: &[String], printed: &[String]) -> bool {
    shown.len() == printed.len()
        && shown.iter().zip(printed).all(|(shown, line)| alike(shown, line))
}

#[test]
fn every_command_of_the_tutorial_prints_what_is_shown() {
    assert!(run_page("policy-authoring") >= 15, "few commands were found");
}

#[test]
fn every_command_of_the_reference_of_suites_prints_what_is_shown() {
    assert!(run_page("policy-tests") >= 8, "few commands were found");
}

/// Runs a page's commands, and says how many there are.
fn run_page(name: &str) -> usize {
    let path = root().join(format!("docs/{name}.md"));
    let page = fs::read_to_string(&path).unwrap();
    let folder = std::env::temp_dir().join(format!("ambit-{name}-{}", std::process::id()));
    // Left over by a run that was stopped.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let (mut told, mut wrong, mut count) = (String::new(), Vec::new(), 0);
    for part in parts(&page) {
        match part {
            Part::Text(line) => told.push_str(&(line + "\n")),
            Part::File { head, path, text } => {
                let file = folder.join(path);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, &text).unwrap();
                told.push_str(&format!("{head}\n{text}```\n"));
            }
            Part::Change { head, path, lines } => {
                let file = folder.join(path);
                let text = fs::read_to_string(&file).unwrap();
                fs::write(&file, change(&text, &lines)).unwrap();
                told.push_str(&format!("{head}\n{}\n```\n", lines.join("\n")));
            }
            Part::Commands { head, commands } => {
                told.push_str(&(head + "\n"));
                for (command, shown) in commands {
                    count += 1;
                    let printed = run(&command, &folder);
                    let kept = same(&shown, &printed);
                    if !kept {
                        wrong.push(format!(
                            "$ {command}\nis shown to print\n{}\nand prints\n{}",
                            shown.join("\n"),
                            printed.join("\n")
                        ));
                    }
                    told.push_str(&format!("$ {command}\n"));
                    for line in if kept { &shown } else { &printed } {
                        told.push_str(&format!("{line}\n"));
                    }
                }
                told.push_str("```\n");
            }
        }
    }
    fs::remove_dir_all(&folder).unwrap();
    if std::env::var_os("AMBIT_UPDATE").is_some() {
        fs::write(&path, told).unwrap();
        return count;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(told, page, "the page is read as it is written");
    count
}

#[test]
fn what_differs_is_seen_and_only_what_may_differ_is_not() {
    assert!(alike("rules: …, ok", "rules: 3, ok") && alike("a…b…c", "a--b--c"));
    assert!(!alike("rules: …, ok", "rules: 3, no") && !alike("a", "a ") && !alike("a…b…c", "a--c"));
    assert_eq!(change("a\nb\nc\n", &[" b".into(), "+x".into()]), "a\nb\nx\nc\n");
    assert_eq!(change("a\nb\nc\n", &["-b".into(), "+x".into()]), "a\nx\nc\n");
}
