//! Decisions as they happen: one line a request.

use serde_json::Value;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often, and how many times, a record is looked for.
const WAIT_STEP: Duration = Duration::from_millis(50);
const WAIT_TRIES: u32 = 200;

/// Colours, on a terminal only.
#[derive(Clone, Copy, Debug)]
pub struct Paint(pub bool);

impl Paint {
    /// Text in a colour (an ANSI SGR code).
    #[must_use]
    pub fn colour(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// One record as a line for people.
#[must_use]
pub fn line(record: &Value, paint: Paint) -> String {
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
    let time = record.get("time").and_then(Value::as_i64).unwrap_or_default();
    let seconds = time.div_euclid(1000).rem_euclid(86_400);
    let time = format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let code = match (text("/effect"), text("/reason")) {
        ("allow", _) => "1;32",
        (_, "approval-required") => "1;33",
        _ => "1;31",
    };
    let status = record.pointer("/outcome/status").map_or_else(|| "-".to_owned(), Value::to_string);
    let http = format!("{} {}", text("/http/method"), text("/http/path"));
    format!(
        "{} {} {status:<3} {:<18} {:<34} {:<20} {}",
        paint.colour("2", &time),
        paint.colour(code, &format!("{:<5}", text("/effect"))),
        text("/reason"),
        who(record),
        what(record),
        paint.colour("2", &http),
    )
}

/// Who acted for whom, the outermost actor first.
fn who(record: &Value) -> String {
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str);
    let actors: Vec<&str> = record
        .get("actors")
        .and_then(Value::as_array)
        .map(|actors| actors.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let actors = actors.join(" ← ");
    match (text("/subject/id"), actors.as_str()) {
        (None, "") => "nobody known".to_owned(),
        (None, actors) => actors.to_owned(),
        // The token names a client; which actor of the policy that is was not settled.
        (Some(subject), "") => match text("/client").unwrap_or("-") {
            client if client == subject => format!("{client}? for itself"),
            client => format!("{client}? for {subject}"),
        },
        (Some(subject), actors) if subject == actors => format!("{actors} for itself"),
        (Some(subject), actors) => format!("{actors} for {subject}"),
    }
}

/// Action, resource and its id, where the request maps to them.
fn what(record: &Value) -> String {
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str);
    match (text("/action"), text("/resource/type"), text("/resource/id")) {
        (Some(action), Some(kind), None | Some("")) => format!("{action} {kind}"),
        (Some(action), Some(kind), Some(id)) => format!("{action} {kind} {id}"),
        _ => "-".to_owned(),
    }
}

/// The records that were appended to a file, as they come.
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    read: u64,
}

impl Records {
    /// From the file's end on.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn after(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), read: std::fs::metadata(path)?.len() })
    }

    /// Whole lines that came since the last call.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn newest(&mut self) -> io::Result<Vec<Value>> {
        let mut file = std::fs::File::open(&self.path)?;
        if file.metadata()?.len() < self.read {
            // Another start has emptied it.
            self.read = 0;
        }
        file.seek(SeekFrom::Start(self.read))?;
        let mut new = Vec::new();
        file.read_to_end(&mut new)?;
        let whole =
            new.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
        self.read = self.read.saturating_add(u64::try_from(whole).unwrap_or(u64::MAX));
        let lines = new.get(..whole).unwrap_or_default();
        Ok(lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| {
                serde_json::from_slice(line)
                    .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(line).into_owned()))
            })
            .collect())
    }

    /// The next record; Envoy writes its log with a delay of up to a second.
    ///
    /// # Errors
    /// None comes within ten seconds.
    pub async fn wait(&mut self) -> io::Result<Value> {
        self.wait_until(|_| true).await?.ok_or_else(|| io::Error::other("no record was written"))
    }

    /// The record of that id; others that come before it are passed over.
    ///
    /// # Errors
    /// It does not come within ten seconds.
    pub async fn wait_for(&mut self, id: &str) -> io::Result<Value> {
        self.wait_until(|record| record.get("id").and_then(Value::as_str) == Some(id))
            .await?
            .ok_or_else(|| io::Error::other(format!("no record `{id}` was written")))
    }

    async fn wait_until(&mut self, fits: impl Fn(&Value) -> bool) -> io::Result<Option<Value>> {
        for _ in 0..WAIT_TRIES {
            if let Some(record) = self.newest()?.into_iter().find(&fits) {
                return Ok(Some(record));
            }
            tokio::time::sleep(WAIT_STEP).await;
        }
        Ok(None)
    }
}

/// Prints decisions until the process is told to end.
///
/// # Errors
/// The records cannot be read.
pub async fn follow(path: &Path, paint: Paint) -> io::Result<()> {
    let mut records = Records::after(path)?;
    loop {
        for record in records.newest()? {
            println!("{}", line(&record, paint));
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Write as _;

    const PLAIN: Paint = Paint(false);

    fn shown(record: &Value) -> String {
        line(record, PLAIN).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_line_says_who_did_what_and_what_came_of_it() {
        let record = json!({
            "time": 1_795_522_971_696_i64, "effect": "allow", "reason": "allowed-by-rule",
            "subject": { "id": "alice" }, "actors": ["planner", "searcher"], "action": "read",
            "resource": { "type": "document", "id": "1" },
            "http": { "method": "GET", "path": "/v1/documents/1" }, "outcome": { "status": 200 },
        });
        assert_eq!(
            shown(&record),
            "12:22:51Z allow 200 allowed-by-rule planner ← searcher for alice read document 1 \
             GET /v1/documents/1"
        );
    }

    #[test]
    fn whoever_is_not_known_is_called_so() {
        assert!(shown(&json!({})).contains("nobody known"));
        let unlisted = json!({ "subject": { "id": "alice" }, "client": "web-portal" });
        assert!(shown(&unlisted).contains("web-portal? for alice"));
        let nobody = json!({ "subject": { "id": "service" }, "client": "service" });
        assert!(shown(&nobody).contains("service? for itself"));
        let alone = json!({ "subject": { "id": "indexer" }, "actors": ["indexer"] });
        assert!(shown(&alone).contains("indexer for itself"));
    }

    #[test]
    fn an_allow_a_refusal_and_a_question_have_three_colours() {
        let colour = |effect: &str, reason: &str| {
            let painted = line(&json!({ "effect": effect, "reason": reason }), Paint(true));
            ["1;32m", "1;33m", "1;31m"].into_iter().find(|code| painted.contains(code))
        };
        assert_eq!(colour("allow", "allowed-by-rule"), Some("1;32m"));
        assert_eq!(colour("deny", "approval-required"), Some("1;33m"));
        assert_eq!(colour("deny", "not-allowed"), Some("1;31m"));
    }

    #[test]
    fn records_come_once_and_whole_and_survive_a_new_start() {
        let path = std::env::temp_dir().join(format!("ambit-records-{}.log", std::process::id()));
        std::fs::write(&path, "{\"id\":\"the first\"}\n").unwrap();
        let mut records = Records::after(&path).unwrap();
        let append = |text: &str| {
            let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        append("{\"id\":\"a\"}\n{\"id\":");
        assert_eq!(records.newest().unwrap(), [json!({ "id": "a" })]);
        assert!(records.newest().unwrap().is_empty());
        append("\"b\"}\n");
        assert_eq!(records.newest().unwrap(), [json!({ "id": "b" })]);
        std::fs::write(&path, "{\"id\":\"c\"}\n").unwrap();
        assert_eq!(records.newest().unwrap(), [json!({ "id": "c" })]);
        std::fs::remove_file(&path).unwrap();
    }
}
