//! Cases as lines of data.
//!
//! ```text
//! == name
//! expect 400, closed        what the client may see, any of these
//! upstream 1                how many requests may have reached the upstream at most (0 if not said)
//! GET /p/1 HTTP/1.1\r\n     bytes, escaped; `$TOKEN` is a good token, `$GOOD` the head of a good request
//! @pause                    the rest in a segment of its own
//! @each                     all that follows byte by byte
//! @repeat 1000 bytes        bytes that many times
//! @end                      no more will be sent
//! ```
//! A case of HTTP/2 has the line `@h2` first, and its lines are frames (`frames.rs`).

use crate::{frames, outcome};
use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The path that stands for `/p/1`.
    pub(crate) own: String,
    pub(crate) expect: Vec<String>,
    pub(crate) upstream: usize,
    parts: Vec<Part>,
    h2: bool,
}

#[derive(Debug)]
enum Part {
    Bytes(Vec<u8>),
    Pause,
    Each,
    End,
}

pub(crate) fn read(text: &str, first: usize, token: &str) -> Vec<Case> {
    let good = format!(
        "GET /p/1 HTTP/1.1\\r\\nhost: api.example.com\\r\\nauthorization: Bearer {token}\\r\\n"
    );
    let text = text.replace("$GOOD", &good).replace("$TOKEN", token);
    // Each asks for a path of its own, by which it is found at the upstream.
    let mut number = first;
    let mut own = String::new();
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("== ") {
            number += 1;
            own = format!("/p/{number}");
            cases.push(Case {
                name: name.to_owned(),
                own: own.clone(),
                expect: Vec::new(),
                upstream: 0,
                parts: Vec::new(),
                h2: false,
            });
        } else {
            cases.last_mut().unwrap().line(&line.replace("/p/1", &own));
        }
    }
    for case in &cases {
        assert!(!case.expect.is_empty() && !case.parts.is_empty(), "{} says too little", case.name);
    }
    cases
}

impl Case {
    fn line(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "expect" => self.expect = rest.split(", ").map(str::to_owned).collect(),
            "upstream" => self.upstream = rest.parse().unwrap(),
            "@pause" => self.parts.push(Part::Pause),
            "@each" => self.parts.push(Part::Each),
            "@end" => self.parts.push(Part::End),
            "@h2" => {
                self.h2 = true;
                self.parts.push(Part::Bytes(frames::preface()));
            }
            "@repeat" => {
                let (times, what) = rest.split_once(' ').unwrap();
                let piece = if self.h2 { frames::frame(what) } else { unescape(what) };
                self.parts.push(Part::Bytes(piece.repeat(times.parse().unwrap())));
            }
            _ if self.h2 => self.parts.push(Part::Bytes(frames::frame(line))),
            _ => self.parts.push(Part::Bytes(unescape(line))),
        }
    }

    /// Sends it on a connection of its own; what the client saw.
    pub(crate) fn send(&self, port: u16) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut each = false;
        for part in &self.parts {
            // A gateway that has refused may have closed its side.
            let sent = match part {
                Part::Bytes(bytes) if each => {
                    bytes.chunks(1).try_for_each(|byte| stream.write_all(byte))
                }
                Part::Bytes(bytes) => stream.write_all(bytes),
                Part::Pause => {
                    std::thread::sleep(Duration::from_millis(40));
                    Ok(())
                }
                Part::Each => {
                    each = true;
                    Ok(())
                }
                Part::End => stream.shutdown(Shutdown::Write),
            };
            if sent.is_err() {
                break;
            }
        }
        if self.h2 { outcome::of_http2(&mut stream) } else { outcome::of_http1(&mut stream) }
    }
}

/// `\r`, `\n`, `\t`, `\0`, `\\` and `\xNN`.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match rest.next().unwrap() {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'0' => 0,
            b'x' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    out
}
