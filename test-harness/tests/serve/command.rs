//! The command itself: what it says, what it ends with, and the signals it hears.

use super::peers::{good, ok, policy, told};
use super::upstream;
use super::world::POLICY;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

fn ambit(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ambit"));
    command.arg("--root").arg(super::world::root()).arg("serve").args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The lines that it says on its standard error.
fn said(child: &mut Child) -> Receiver<String> {
    let (to, lines) = channel();
    let out = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || {
        out.lines().map_while(Result::ok).try_for_each(|line| to.send(line))
    });
    lines
}

fn wait_for(lines: &Receiver<String>, text: &str) -> String {
    loop {
        let line = lines.recv_timeout(Duration::from_secs(60)).unwrap();
        if line.contains(text) {
            return line;
        }
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").arg(name).arg(child.id().to_string()).status().unwrap();
    assert!(sent.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_prints_records_reads_the_policy_anew_and_ends_in_order() {
    let upstream = upstream::serve(false, |_| ok("x")).await;
    let file = policy("command", POLICY);
    let path = file.display().to_string();
    let upstream = format!("http://{upstream}");
    let arguments = [&path, "--upstream", &upstream, "--listen", "127.0.0.1:0", "--workers", "1"];
    let mut child = ambit(&arguments).spawn().unwrap();
    let lines = said(&mut child);
    let line = wait_for(&lines, "http://127.0.0.1:");
    assert!(line.contains("without Envoy"), "it says what it is: {line}");
    let port: u16 =
        line.split("127.0.0.1:").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    assert!(told(port, vec![good("/p/1")]).await.starts_with("HTTP/1.1 200"));
    // A file that does not compile changes nothing; a hang-up reads it anew.
    std::fs::write(&file, "nonsense: true\n").unwrap();
    wait_for(&lines, "the last good policy stays in force");
    assert!(told(port, vec![good("/p/1")]).await.starts_with("HTTP/1.1 200"));
    policy(
        "command",
        &POLICY.replace("by_scope: [read], per_record: upstream", "per_record: upstream"),
    );
    signal(&child, "-HUP");
    wait_for(&lines, "in force anew");
    assert!(told(port, vec![good("/p/1")]).await.starts_with("HTTP/1.1 403"));
    signal(&child, "-INT");
    assert!(child.wait().unwrap().success());
    let mut printed = String::new();
    child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    let records: Vec<serde_json::Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let reasons: Vec<&str> = records.iter().filter_map(|one| one["reason"].as_str()).collect();
    assert_eq!(reasons, ["allowed-by-rule", "allowed-by-rule", "not-allowed"]);
}

#[test]
fn what_cannot_be_served_is_said_before_anything_listens() {
    let bad = policy("command-bad", "nonsense: true\n").display().to_string();
    let good = policy("command-good", POLICY).display().to_string();
    let cases: [(&[&str], i32, &str); 4] = [
        (&[], 2, "no policy"),
        (&[&good], 2, "no upstream"),
        (&[&good, "--upstream", "127.0.0.1:80"], 2, "expected `http://`"),
        (&[&bad, "--upstream", "http://127.0.0.1:80"], 3, "nonsense"),
    ];
    for (arguments, code, text) in cases {
        let ended = ambit(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(code), "{said}");
        assert!(said.contains(text), "{said}");
    }
}
