//! The upstream: a documents API, a tickets API and the documents' index, with a handful of records
//! and a memory of every request that reached it.

use super::web::{self, Answer, Asked};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// How many requests are remembered.
const REMEMBERED: usize = 10_000;

/// The records, and what came.
#[derive(Debug, Default)]
pub struct Upstream {
    seen: Mutex<Vec<Seen>>,
}

/// One request as the upstream read it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Seen {
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Headers, in order.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
}

impl Seen {
    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Upstream {
    /// What came since the last call, the index's look-ups aside.
    #[must_use]
    pub fn take_seen(&self) -> Vec<Seen> {
        self.seen.lock().map(|mut seen| std::mem::take(&mut *seen)).unwrap_or_default()
    }

    fn note(&self, request: &Asked) {
        let headers = request.headers().iter().map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let seen = Seen {
            method: request.method().to_string(),
            target: request.uri().to_string(),
            headers: headers.collect(),
            body: String::from_utf8_lossy(request.body()).into_owned(),
        };
        if let Ok(mut list) = self.seen.lock()
            && list.len() < REMEMBERED
        {
            list.push(seen);
        }
    }
}

/// id, owner, title.
const DOCUMENTS: [(&str, &str, &str); 4] = [
    ("1", "alice", "How we answer on Mondays"),
    ("2", "bob", "Notes for my review"),
    ("3", "alice", "Refunds, a draft"),
    ("4", "carol", "Contract with Acme"),
];

/// id, who wrote, what.
const TICKETS: [(&str, &str, &str); 3] = [
    ("7", "acme", "The invoice is wrong"),
    ("8", "globex", "Please delete my account"),
    ("9", "acme", "The invoice is right after all"),
];

pub(super) async fn serve(upstream: Arc<Upstream>, port: u16) -> io::Result<()> {
    web::serve(port, move |request| {
        if let Some(id) = request.uri().path().strip_prefix("/meta/") {
            return match DOCUMENTS.iter().find(|(known, ..)| *known == id) {
                Some((_, owner, _)) => web::json(200, &json!({ "owner": owner })),
                None => web::json(404, &json!({})),
            };
        }
        upstream.note(&request);
        answer(&request)
    })
    .await
}

/// Serves `/seen`, what came since the last time, so that a tour can hold promises against it, and
/// `/records`, the file that decisions are written to.
pub(super) async fn serve_seen(
    upstream: Arc<Upstream>,
    records: PathBuf,
    port: u16,
) -> io::Result<()> {
    web::serve(port, move |request| match request.uri().path() {
        "/seen" => web::json(200, &json!(upstream.take_seen())),
        "/records" => web::json(200, &json!({ "ambit_records": records })),
        _ => web::plain(404, "/seen or /records\n"),
    })
    .await
}

/// What the running upstream saw since the last time.
pub(super) async fn take_seen() -> io::Result<Vec<Seen>> {
    let answer = web::send(super::ports::SEEN, "GET", "/seen", &[], "").await?;
    serde_json::from_slice(answer.body()).map_err(io::Error::other)
}

/// Where the running gateway's records are.
pub(super) async fn records() -> io::Result<PathBuf> {
    let answer = web::send(super::ports::SEEN, "GET", "/records", &[], "").await?;
    let answer: Value = serde_json::from_slice(answer.body()).map_err(io::Error::other)?;
    match answer.get("ambit_records").and_then(Value::as_str) {
        Some(path) => Ok(PathBuf::from(path)),
        None => Err(io::Error::other("another program answers there")),
    }
}

fn answer(request: &Asked) -> Answer {
    let document = |(id, owner, title): &(&str, &str, &str)| json!({ "id": id, "owner": owner, "title": title });
    let ticket =
        |(id, from, text): &(&str, &str, &str)| json!({ "id": id, "from": from, "text": text });
    let path = request.uri().path();
    let found: Option<Value> = match (path, path.rsplit_once('/')) {
        ("/v1/documents", _) => Some(DOCUMENTS.iter().map(document).collect()),
        ("/v1/tickets", _) => Some(TICKETS.iter().map(ticket).collect()),
        (_, Some(("/v1/documents", id))) => {
            DOCUMENTS.iter().find(|(known, ..)| *known == id).map(document)
        }
        (_, Some(("/v1/tickets", id))) => {
            TICKETS.iter().find(|(known, ..)| *known == id).map(ticket)
        }
        _ => None,
    };
    match (found, request.method().as_str()) {
        (None, _) => web::json(404, &json!({ "error": "no such record" })),
        (Some(record), "GET" | "HEAD") => web::json(200, &record),
        (Some(_), method) => web::json(200, &json!({ "done": method })),
    }
}
