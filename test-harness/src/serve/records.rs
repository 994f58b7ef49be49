//! Where records go: a file, or the standard output, one a line; on a terminal as lines for people.

use crate::demo::live::{Paint, line};
use crate::proxy_host::Exchange;
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Where records are written.
#[derive(Debug)]
pub struct Records {
    file: Option<Mutex<File>>,
    shown: Shown,
}

/// What stands on the standard output.
#[derive(Clone, Copy, Debug)]
pub enum Shown {
    /// Nothing.
    Nothing,
    /// Records, one JSON text a line.
    Records,
    /// A line for people for each.
    Lines(Paint),
}

impl Records {
    /// Appends to a file, if there is one, and shows.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn new(file: Option<&Path>, shown: Shown) -> io::Result<Self> {
        let open = |path: &Path| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            file.map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })
        };
        Ok(Self { file: file.map(open).transpose()?.map(Mutex::new), shown })
    }

    /// Keeps the record of an exchange that is over. As Envoy's access log, one without a record
    /// leaves the line `-`.
    pub(super) fn keep(&self, exchange: &Exchange) {
        let mut found = exchange.filter_state.iter().rev();
        let record = found.find(|(key, _)| key == "ambit_record");
        let record = record.map_or_else(|| b"-".as_slice(), |(_, bytes)| bytes.as_slice());
        let with_end = [record, b"\n"].concat();
        if let Some(file) = &self.file {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = file.write_all(&with_end) {
                eprintln!("ambit: a record was not written: {error}");
            }
        }
        let out = io::stdout();
        // Who reads along may have gone; the file is what is kept.
        let _ = match self.shown {
            Shown::Nothing => Ok(()),
            Shown::Records => out.lock().write_all(&with_end),
            Shown::Lines(paint) => match serde_json::from_slice(record) {
                Ok(record) => writeln!(out.lock(), "{}", line(&told(record, exchange), paint)),
                Err(_) => out.lock().write_all(&with_end),
            },
        };
    }
}

/// For people with the status, which a record leaves to the gateway's own line.
fn told(mut record: Value, exchange: &Exchange) -> Value {
    let outcome = record.get_mut("outcome").and_then(Value::as_object_mut);
    if let Some(outcome) = outcome {
        outcome.entry("status").or_insert_with(|| exchange.status().into());
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy_host::Response;
    use serde_json::json;

    #[test]
    fn people_are_told_the_status_that_the_record_leaves_out_and_no_other() {
        let exchange = Exchange { client: Some(Response::new(200)), ..Exchange::default() };
        let passed = told(json!({ "outcome": { "bytes": 2 } }), &exchange);
        assert_eq!(passed, json!({ "outcome": { "bytes": 2, "status": 200 } }));
        let said = json!({ "outcome": { "status": 403 } });
        assert_eq!(told(said.clone(), &exchange), said);
    }
}
