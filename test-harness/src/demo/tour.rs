//! The tour: what an agent may do, and what it may not, as data. `make run` prints it as command
//! lines, `make demo` takes it and holds every promise against what the upstream saw.

use super::issuer::{Wanted, token_url};
use super::live::{Paint, Records};
use super::{ports, upstream, web};
use ambit::policy::Policy;
use serde_json::Value;
use std::io;
use std::path::Path;

/// One stop.
struct Stop {
    title: &'static str,
    why: &'static str,
    token: Option<Wanted>,
    method: &'static str,
    target: &'static str,
    headers: &'static [(&'static str, &'static str)],
    status: u16,
    reason: &'static str,
    /// The request line the upstream must see; none where nothing may reach it.
    reaches: Option<&'static str>,
}

fn stop(
    title: &'static str,
    why: &'static str,
    token: Option<Wanted>,
    request: (&'static str, &'static str),
    promise: (u16, &'static str),
) -> Stop {
    let (method, target) = request;
    let (status, reason) = promise;
    Stop { title, why, token, method, target, headers: &[], status, reason, reaches: None }
}

impl Stop {
    fn reaches(self, line: &'static str) -> Self {
        Self { reaches: Some(line), ..self }
    }

    fn with(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }
}

fn stops() -> Vec<Stop> {
    let alice = || Wanted::new("alice", "support-assistant");
    let indexer = || Wanted::new("nightly-indexer", "nightly-indexer");
    vec![
        stop(
            "its user's record",
            "alice owns document 1, and the agent may read for her",
            Some(alice()),
            ("GET", "/v1/documents/1"),
            (200, "allowed-by-rule"),
        )
        .reaches("GET /v1/documents/1"),
        stop(
            "another user's record",
            "document 2 is bob's: the agent may no more than its user",
            Some(alice()),
            ("GET", "/v1/documents/2"),
            (403, "not-allowed"),
        ),
        stop(
            "a record that is not there",
            "answered as the one that is not hers, so that nobody can tell",
            Some(alice()),
            ("GET", "/v1/documents/99"),
            (403, "not-allowed"),
        ),
        stop(
            "a write",
            "a person has to say yes: the answer names the request by its digest",
            Some(alice()),
            ("PUT", "/v1/tickets/7"),
            (403, "approval-required"),
        ),
        stop(
            "a delete",
            "the token says it may, the agent's ceiling does not",
            Some(alice()),
            ("DELETE", "/v1/tickets/7"),
            (403, "beyond-ceiling"),
        ),
        stop(
            "a background agent reads",
            "it works without a user, within its own ceiling",
            Some(indexer()),
            ("GET", "/v1/documents/2"),
            (200, "allowed-by-rule"),
        )
        .reaches("GET /v1/documents/2"),
        stop(
            "a background agent deletes",
            "no:delete always subtracts",
            Some(indexer()),
            ("DELETE", "/v1/documents/2"),
            (403, "beyond-ceiling"),
        ),
        stop(
            "another agent with the user's token",
            "a user's own token in the hands of an agent nobody listed",
            Some(Wanted::new("alice", "shadow-agent")),
            ("GET", "/v1/documents/1"),
            (403, "unknown-actor"),
        ),
        stop(
            "a forged token",
            "signed by somebody else",
            Some(Wanted { forged: true, ..alice() }),
            ("GET", "/v1/documents/1"),
            (401, "bad-signature"),
        ),
        stop(
            "an expired token",
            "it ended ten minutes ago",
            Some(Wanted { age: 1200, ..alice() }),
            ("GET", "/v1/documents/1"),
            (401, "expired"),
        ),
        stop(
            "a long-lived token",
            "a day is longer than this issuer may grant",
            Some(Wanted { lifetime: 86_400, ..alice() }),
            ("GET", "/v1/documents/1"),
            (403, "token-lifetime"),
        ),
        stop(
            "a shared service account",
            "the agent's own token, with no user behind it",
            Some(Wanted::new("support-assistant", "support-assistant")),
            ("GET", "/v1/documents/1"),
            (403, "actor-mode"),
        ),
        stop("no token", "", None, ("GET", "/v1/documents/1"), (401, "no-token")),
        stop(
            "another spelling of a path",
            "decided on and forwarded in its one canonical form",
            Some(alice()),
            ("GET", "/v1/%64ocuments/%31"),
            (200, "allowed-by-rule"),
        )
        .reaches("GET /v1/documents/1"),
        stop(
            "a path that two readers read differently",
            "refused, not repaired",
            Some(alice()),
            ("GET", "/v1/documents/2/..%2f1"),
            (400, "malformed-request"),
        ),
        stop(
            "headers that only Ambit may set",
            "removed; the upstream reads who really asks",
            Some(alice()),
            ("GET", "/v1/documents/3"),
            (200, "allowed-by-rule"),
        )
        .with(&[("ambit", "sub=\"root\""), ("X-HTTP-Method-Override", "DELETE")])
        .reaches("GET /v1/documents/3"),
    ]
}

/// Prints every stop as a command line to paste, with what to expect and why.
pub fn print_commands(paint: Paint) {
    for stop in stops() {
        let promise = format!("{} {}", stop.status, stop.reason);
        let code = if stop.status == 200 { "32" } else { "31" };
        println!("{}  {}", paint.colour("1", stop.title), paint.colour(code, &promise));
        if !stop.why.is_empty() {
            println!("  {}", paint.colour("2", stop.why));
        }
        let mut command = "  curl -s".to_owned();
        if stop.method != "GET" {
            command.push_str(&format!(" -X {}", stop.method));
        }
        if let Some(token) = &stop.token {
            command.push_str(&format!(
                " -H \"Authorization: Bearer $(curl -s '{}')\"",
                token_url(token)
            ));
        }
        for (name, value) in stop.headers {
            command.push_str(&format!(" -H '{name}: {value}'"));
        }
        println!("{command} --path-as-is 'http://127.0.0.1:{}{}'\n", ports::GATEWAY, stop.target);
    }
}

/// Takes the tour against what runs, here or in another process. Whether every promise was kept.
///
/// # Errors
/// A request could not be sent, or no record was written for it.
pub async fn take(root: &Path, paint: Paint) -> io::Result<bool> {
    let mut records = Records::after(&root.join(super::gateway::RECORDS))?;
    upstream::take_seen().await?;
    let mut kept = true;
    println!(
        "{}",
        paint.colour(
            "1",
            &format!("{:<42} {:<5} {:<18} {:<28}", "request", "", "reason", "the upstream saw")
        )
    );
    for stop in stops() {
        let mut headers: Vec<(String, String)> =
            stop.headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        if let Some(token) = &stop.token {
            let url = token_url(token);
            let target = url.find("/token").and_then(|at| url.get(at..)).unwrap_or_default();
            let token = web::send(ports::ISSUER, "GET", target, &[], "").await?;
            let token = String::from_utf8_lossy(token.body()).into_owned();
            headers.push(("authorization".to_owned(), format!("Bearer {token}")));
        }
        let answer = web::send(ports::GATEWAY, stop.method, stop.target, &headers, "").await?;
        let record = records.wait().await?;
        let seen = upstream::take_seen().await?;
        let wrong = broken(&stop, answer.status().as_u16(), answer.body(), &record, &seen);
        let saw = match seen.as_slice() {
            [] => "nothing".to_owned(),
            all => all
                .iter()
                .map(|s| format!("{} {}", s.method, s.target))
                .collect::<Vec<_>>()
                .join(", "),
        };
        let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
        println!(
            "{:<42} {} {:<18} {:<28} {}",
            stop.title,
            paint.effect(text("/effect")),
            text("/reason"),
            saw,
            if wrong.is_empty() { paint.colour("32", "✔") } else { paint.colour("1;31", "✘") },
        );
        for wrong in wrong {
            kept = false;
            println!("    {}", paint.colour("31", &wrong));
        }
    }
    kept &= does_not_load(root, paint)?;
    println!();
    Ok(kept)
}

/// What was promised and not kept, by the answer, the record and the upstream's own log.
fn broken(
    stop: &Stop,
    status: u16,
    body: &[u8],
    record: &Value,
    seen: &[upstream::Seen],
) -> Vec<String> {
    let mut wrong = Vec::new();
    if status != stop.status {
        wrong.push(format!("promised {}, answered {status}", stop.status));
    }
    let reason = record.get("reason").and_then(Value::as_str).unwrap_or("nothing");
    if reason != stop.reason {
        wrong.push(format!("promised {}, recorded {reason}", stop.reason));
    }
    let lines: Vec<String> = seen.iter().map(|s| format!("{} {}", s.method, s.target)).collect();
    if lines != stop.reaches.map(str::to_owned).into_iter().collect::<Vec<_>>() {
        wrong.push(format!("the upstream saw {lines:?}"));
    }
    for seen in seen {
        let told: Vec<&(String, String)> =
            seen.headers.iter().filter(|(name, _)| name.starts_with("ambit")).collect();
        let subject = stop.token.as_ref().map(|token| format!("sub=\"{}\"", token.subject));
        if told.len() != 1 || !subject.is_some_and(|s| told.iter().any(|(_, v)| v.contains(&s))) {
            wrong.push(format!("the upstream was told {told:?}"));
        }
        if seen.header("x-http-method-override").is_some() {
            wrong.push("a method override reached the upstream".to_owned());
        }
        if seen.target.starts_with("/v1/documents") && seen.header("authorization").is_some() {
            wrong.push("the token reached an upstream that it is not for".to_owned());
        }
    }
    if stop.reason == "approval-required" {
        let problem: Value = serde_json::from_slice(body).unwrap_or_default();
        for member in ["digest", "id", "request"] {
            if problem.pointer(&format!("/approval/{member}")).and_then(Value::as_str).is_none() {
                wrong.push(format!("the refusal has no approval.{member}"));
            }
        }
    }
    wrong
}

/// The last stop: a policy in which nobody checks whose record it is.
fn does_not_load(root: &Path, paint: Paint) -> io::Result<bool> {
    let file = "policies/demo/unsafe.yaml";
    let text = std::fs::read_to_string(root.join(file))?;
    let refused = match Policy::load_yaml(file, &text) {
        Err(errors) if errors.to_string().contains("nobody checks whose") => {
            Some(errors.to_string())
        }
        Err(_) | Ok(_) => None,
    };
    let mark =
        if refused.is_some() { paint.colour("32", "✔") } else { paint.colour("1;31", "✘") };
    println!(
        "{:<42} {} {:<18} {:<28} {mark}",
        "a policy that leaves the record unchecked",
        paint.effect("deny"),
        "does not load",
        ""
    );
    println!("    {}", paint.colour("2", refused.as_deref().unwrap_or("it loads")));
    Ok(refused.is_some())
}
