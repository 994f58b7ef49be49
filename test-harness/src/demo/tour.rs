//! The tour: what an agent may do, and what it may not. `make run` prints it as command lines,
//! `make demo` takes it and holds every promise against what the upstream saw.

mod promises;
mod stops;

use super::live::{Paint, Records};
use super::{ports, upstream, web};
use ambit::policy::Policy;
use promises::{Outcome, broken};
use serde_json::Value;
use std::io;
use std::path::Path;
use std::time::Duration;
use stops::Stop;

/// How long after the last stop something may still reach the upstream.
const LATE: Duration = Duration::from_millis(300);

/// Prints every stop as a command line to paste, with what to expect and why.
pub fn print_commands(paint: Paint) {
    for stop in stops::all() {
        let promise = format!("{} {}", stop.status, stop.reason);
        println!(
            "{}  {}",
            paint.colour("1", stop.title),
            paint.colour(code(stop.status, stop.reason), &promise)
        );
        println!("  {}", paint.colour("2", stop.why));
        println!("  {}\n", command(&stop));
    }
}

/// The stop as a line for a shell; the token is fetched when it runs, so that it is never too old.
fn command(stop: &Stop) -> String {
    let mut command = "curl -s -w '\\n%{http_code}\\n'".to_owned();
    if stop.method != "GET" {
        command.push_str(&format!(" -X {}", stop.method));
    }
    if let Some(token) = &stop.token {
        let token = format!("$(curl -s '{}')", token.url());
        command.push_str(&format!(" -H \"Authorization: Bearer {token}\""));
    }
    for (name, value) in stop.headers {
        command.push_str(&format!(" -H '{name}: {value}'"));
    }
    if !stop.body.is_empty() {
        command.push_str(&format!(" -d '{}'", stop.body));
    }
    command.push_str(&format!(
        " --path-as-is 'http://127.0.0.1:{}{}'",
        ports::GATEWAY,
        stop.target
    ));
    command
}

fn code(status: u16, reason: &str) -> &'static str {
    match (status, reason) {
        (200, _) => "32",
        (_, "approval-required") => "33",
        _ => "31",
    }
}

/// Takes the tour against what runs, here or in another process. Whether every promise was kept.
///
/// # Errors
/// A request could not be sent, or no record was written for it.
pub async fn take(root: &Path, records: &Path, paint: Paint) -> io::Result<bool> {
    let mut records = Records::after(records)?;
    upstream::take_seen().await?;
    let keys = web::send(ports::GATEWAY, "GET", "/.well-known/ambit/jwks", &[], "").await?;
    let keys: Value = serde_json::from_slice(keys.body()).unwrap_or_default();
    let mut kept = true;
    row(paint, ("what is tried", "request"), ("", "decision"), "reason", "the upstream saw", "");
    for stop in stops::all() {
        let outcome = ask(&stop, &mut records, &keys).await?;
        let wrong = broken(&stop, &outcome);
        kept &= wrong.is_empty();
        print(&stop, &outcome, &wrong, paint);
    }
    kept &= does_not_load(root, paint)?;
    tokio::time::sleep(LATE).await;
    let late = upstream::take_seen().await?;
    if !late.is_empty() {
        kept = false;
        println!("    {}", paint.colour("31", &format!("later the upstream saw {late:?}")));
    }
    println!();
    Ok(kept)
}

async fn ask(stop: &Stop, records: &mut Records, keys: &Value) -> io::Result<Outcome> {
    let mut headers: Vec<(String, String)> =
        stop.headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    if let Some(token) = &stop.token {
        headers.push(("authorization".to_owned(), format!("Bearer {}", token.fetch().await?)));
    }
    let reply = web::send(ports::GATEWAY, stop.method, stop.target, &headers, stop.body).await?;
    let answer: Value = serde_json::from_slice(reply.body()).unwrap_or_default();
    let mut seen = upstream::take_seen().await?;
    let id = Outcome::record_id(&answer, &seen).ok_or_else(|| {
        let text = String::from_utf8_lossy(reply.body());
        io::Error::other(format!("{}: {} names no record: {text}", stop.title, reply.status()))
    })?;
    let record = records.wait_for(&id).await?;
    // The record is written last: what was forwarded in spite of a refusal has arrived by then.
    seen.extend(upstream::take_seen().await?);
    Ok(Outcome { status: reply.status().as_u16(), answer, record, seen, keys: keys.clone() })
}

fn print(stop: &Stop, outcome: &Outcome, wrong: &[String], paint: Paint) {
    let saw = match outcome.seen.as_slice() {
        [] => "nothing".to_owned(),
        all => {
            all.iter().map(|s| format!("{} {}", s.method, s.target)).collect::<Vec<_>>().join(", ")
        }
    };
    let text =
        |pointer: &str| outcome.record.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
    row(
        paint,
        (stop.title, &format!("{} {}", stop.method, stop.target)),
        (code(outcome.status, text("/reason")), text("/effect")),
        text("/reason"),
        &saw,
        &mark(paint, wrong.is_empty()),
    );
    if let Some(digest) = outcome.answer.pointer("/approval/digest").and_then(Value::as_str) {
        println!("    {}", paint.colour("2", &format!("to approve: digest {digest}")));
    }
    for wrong in wrong {
        println!("    {}", paint.colour("31", wrong));
    }
}

fn row(
    paint: Paint,
    (title, request): (&str, &str),
    (code, effect): (&str, &str),
    reason: &str,
    saw: &str,
    mark: &str,
) {
    let effect = format!("{effect:<8}");
    let effect = if code.is_empty() { effect } else { paint.colour(code, &effect) };
    println!("{title:<42}{request:<27}{effect} {reason:<18} {saw:<20} {mark}");
}

fn mark(paint: Paint, kept: bool) -> String {
    if kept { paint.colour("32", "✔") } else { paint.colour("1;31", "✘") }
}

/// The last stop: a policy in which nobody checks whose record it is.
fn does_not_load(root: &Path, paint: Paint) -> io::Result<bool> {
    let file = "policies/demo/unsafe.yaml";
    let text = super::gateway::read(root, file)?;
    let refused = Policy::load_yaml(file, &text).err().map(|errors| errors.to_string());
    let kept = refused.as_ref().is_some_and(|errors| errors.contains("nobody checks whose"));
    row(
        paint,
        ("a policy that leaves the record unchecked", file),
        ("31", if refused.is_some() { "deny" } else { "allow" }),
        if refused.is_some() { "does not load" } else { "loads" },
        "",
        &mark(paint, kept),
    );
    println!("    {}", paint.colour("2", refused.as_deref().unwrap_or("it loads")));
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_line_is_what_the_tour_sends() {
        for stop in stops::all() {
            let line = command(&stop);
            // Only quotes that the line itself opens and closes: it is pasted into a shell.
            assert!(line.matches('\'').count().is_multiple_of(2), "{line}");
            assert!(!format!("{}{}", stop.target, stop.body).contains('\''), "{line}");
            assert!(line.contains(&format!("10000{}'", stop.target)), "{line}");
            assert_eq!(line.contains("-X"), stop.method != "GET", "{line}");
            assert_eq!(line.contains("Authorization"), stop.token.is_some(), "{line}");
            assert_eq!(line.contains("-d "), !stop.body.is_empty(), "{line}");
        }
    }

    #[test]
    fn the_tour_tells_the_whole_story() {
        let reasons: Vec<&str> = stops::all().iter().map(|stop| stop.reason).collect();
        for reason in [
            "allowed-by-rule",
            "not-allowed",
            "approval-required",
            "beyond-ceiling",
            "unknown-actor",
            "bad-signature",
            "expired",
            "token-lifetime",
            "actor-mode",
        ] {
            assert!(reasons.contains(&reason), "{reason}");
        }
        for stop in stops::all() {
            assert_eq!(stop.status == 200, stop.reaches.is_some(), "{}", stop.title);
        }
    }
}
