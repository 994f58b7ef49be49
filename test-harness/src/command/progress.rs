//! What long work is at, on a terminal only.

use std::io::{self, IsTerminal as _, Write as _};

/// One line on standard error that says what is being done, and goes when it is done.
#[derive(Debug)]
pub(super) struct Progress {
    terminal: bool,
}

impl Progress {
    /// Shows nothing yet, and nothing ever where standard error is no terminal.
    pub(super) fn new() -> Self {
        Self { terminal: io::stderr().is_terminal() }
    }

    /// Says what is being done now.
    pub(super) fn show(&mut self, what: &str) {
        if self.terminal {
            let short: String = what.chars().take(78).collect();
            // Whoever cannot be shown it loses nothing.
            let _ = write!(io::stderr(), "\r\x1b[K{short}");
            let _ = io::stderr().flush();
        }
    }

    /// Takes the line away.
    pub(super) fn end(&mut self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
            let _ = io::stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}
