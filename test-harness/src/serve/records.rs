//! Where records go: a file, or the standard output, one a line; on a terminal as lines for people.

use crate::demo::live::{Paint, line};
use crate::proxy_host::Exchange;
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
                Ok(record) => writeln!(out.lock(), "{}", line(&record, paint)),
                Err(_) => out.lock().write_all(&with_end),
            },
        };
    }
}
