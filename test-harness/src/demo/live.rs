//! Decisions as they happen: one line a request.

use serde_json::Value;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Colours, on a terminal only.
#[derive(Clone, Copy, Debug)]
pub struct Paint(pub bool);

impl Paint {
    /// Text in a colour (an ANSI SGR code).
    #[must_use]
    pub fn colour(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// The effect, green or red.
    #[must_use]
    pub fn effect(self, effect: &str) -> String {
        let code = if effect == "allow" { "1;32" } else { "1;31" };
        self.colour(code, &format!("{effect:<5}"))
    }
}

/// One record as a line for people.
#[must_use]
pub fn line(record: &Value, paint: Paint) -> String {
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
    let actors: Vec<&str> = record
        .get("actors")
        .and_then(Value::as_array)
        .map(|actors| actors.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let who = match (text("/subject/id"), actors.join(" ← ")) {
        ("-", actors) if actors.is_empty() => "nobody known".to_owned(),
        (subject, actors) if actors.is_empty() => format!("{}? for {subject}", text("/client")),
        (subject, actors) if subject == actors => format!("{actors} for itself"),
        (subject, actors) => format!("{actors} for {subject}"),
    };
    let time = record.get("time").and_then(Value::as_i64).unwrap_or_default();
    let seconds = time.div_euclid(1000).rem_euclid(86_400);
    format!(
        "{} {} {:<18} {:<32} {:<6} {} {}",
        paint.colour(
            "2",
            &format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
        ),
        paint.effect(text("/effect")),
        text("/reason"),
        who,
        text("/http/method"),
        text("/http/path"),
        paint.colour(
            "2",
            &record.pointer("/outcome/status").map_or_else(String::new, Value::to_string)
        ),
    )
}

/// The records that were appended to a file, as they come.
#[derive(Debug)]
pub struct Records {
    path: std::path::PathBuf,
    read: usize,
}

impl Records {
    /// From the file's end on.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn after(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), read: std::fs::read(path)?.len() })
    }

    /// Whole lines that came since the last call.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn newest(&mut self) -> io::Result<Vec<Value>> {
        let bytes = std::fs::read(&self.path)?;
        let new = bytes.get(self.read..).unwrap_or_default();
        let whole =
            new.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
        self.read = self.read.saturating_add(whole);
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
        for _ in 0..200 {
            if let Some(record) = self.newest()?.into_iter().next() {
                return Ok(record);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(io::Error::other("no record was written"))
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
