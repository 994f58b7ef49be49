//! HTTP/1.1 as bytes on a socket, for what an HTTP library would not send, or not show.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Headers or trailers: names in lower case, values as bytes.
pub type Fields = Vec<(String, Vec<u8>)>;

/// A request or a response, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The request line or the status line.
    pub line: String,
    /// Headers in order, duplicates kept.
    pub headers: Fields,
    /// The body, without its chunks' sizes.
    pub body: Vec<u8>,
    /// What followed the last chunk.
    pub trailers: Fields,
}

impl Message {
    /// The status of a response; 0 of anything else.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
    }

    /// All values of a header, as text.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<String> {
        let found = self.headers.iter().filter(|(known, _)| known == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = format!("{}\r\n", self.line).into_bytes();
        write_fields(&mut out, &self.headers);
        out.extend(b"\r\n");
        out
    }
}

fn write_fields(out: &mut Vec<u8>, fields: &[(String, Vec<u8>)]) {
    for (name, value) in fields {
        out.extend(name.as_bytes());
        out.extend(b": ");
        out.extend(value);
        out.extend(b"\r\n");
    }
}

/// Sends one request, each piece of the body in a segment of its own, and reads the answer to its
/// end, if nothing keeps it waiting for longer than `patience`.
///
/// # Errors
/// The connection fails, or ends before a whole answer came.
pub fn send(
    port: u16,
    line: &str,
    headers: &[(String, Vec<u8>)],
    chunks: &[Vec<u8>],
    trailers: &[(String, Vec<u8>)],
    patience: Duration,
) -> io::Result<Message> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(patience))?;
    let mut head = Message { line: format!("{line} HTTP/1.1"), ..Message::default() };
    head.headers = headers.to_vec();
    head.headers.push(("connection".to_owned(), b"close".to_vec()));
    let chunked = !chunks.is_empty() || !trailers.is_empty();
    if chunked {
        head.headers.push(("transfer-encoding".to_owned(), b"chunked".to_vec()));
    }
    stream.write_all(&head.bytes())?;
    if chunked {
        // A gateway that has refused already may have closed its side; its answer is still read.
        let _ = write_chunks(&mut stream, chunks, trailers);
    }
    let head_only = line.starts_with("HEAD ");
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(answer) = parse(&bytes, head_only) {
            return Ok(answer);
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => {
                return Err(io::Error::other(format!("no whole answer: {} bytes", bytes.len())));
            }
            Ok(length) => bytes.extend(piece.get(..length).unwrap_or_default()),
        }
    }
}

fn write_chunks(
    stream: &mut TcpStream,
    chunks: &[Vec<u8>],
    trailers: &[(String, Vec<u8>)],
) -> io::Result<()> {
    for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
        // A segment of its own.
        thread::sleep(Duration::from_millis(20));
        stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
        stream.write_all(chunk)?;
        stream.write_all(b"\r\n")?;
    }
    thread::sleep(Duration::from_millis(20));
    let mut end = b"0\r\n".to_vec();
    write_fields(&mut end, trailers);
    end.extend(b"\r\n");
    stream.write_all(&end)
}

/// An answer in chunks, as [`serve`] sends it.
#[derive(Clone, Debug, Default)]
pub struct Chunked {
    /// Status line and headers.
    pub head: Message,
    /// The body in the pieces in which it is sent.
    pub chunks: Vec<Vec<u8>>,
    /// Trailers.
    pub trailers: Fields,
}

/// Answers every request on 127.0.0.1 with a function, until the process ends. `None` closes the
/// connection without an answer; a request that ends early is told as far as it came.
///
/// # Errors
/// The port is taken.
pub fn serve<F>(port: u16, answer: F) -> io::Result<()>
where
    F: Fn(Message, bool) -> Option<Chunked> + Clone + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || {
                // A peer that went away needs no answer.
                let _ = exchange(stream, &answer);
            });
        }
    });
    Ok(())
}

fn exchange(
    mut stream: TcpStream,
    answer: &impl Fn(Message, bool) -> Option<Chunked>,
) -> io::Result<()> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    let (request, whole) = loop {
        if let Some(request) = parse(&bytes, false) {
            break (request, true);
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) if bytes.is_empty() => return Ok(()),
            Ok(0) | Err(_) => {
                let head = parse(&bytes, true).unwrap_or_default();
                break (head, false);
            }
            Ok(length) => bytes.extend(piece.get(..length).unwrap_or_default()),
        }
    };
    let head_only = request.line.starts_with("HEAD ");
    let Some(mut chunked) = answer(request, whole) else { return Ok(()) };
    chunked.head.headers.push(("connection".to_owned(), b"close".to_vec()));
    let bare = chunked.chunks.is_empty() && chunked.trailers.is_empty();
    let body = !(head_only || bare);
    chunked.head.headers.push(match body {
        true => ("transfer-encoding".to_owned(), b"chunked".to_vec()),
        false => ("content-length".to_owned(), b"0".to_vec()),
    });
    stream.set_nodelay(true)?;
    stream.write_all(&chunked.head.bytes())?;
    match body {
        true => write_chunks(&mut stream, &chunked.chunks, &chunked.trailers),
        false => Ok(()),
    }
}

/// The message, once it is whole.
fn parse(bytes: &[u8], head_only: bool) -> Option<Message> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = bytes.get(..end)?;
    let (line, rest) = split(head, b"\r\n").unwrap_or((head, &[]));
    let headers = fields(rest);
    let rest = bytes.get(end.checked_add(4)?..)?;
    let chunked = headers.iter().any(|(n, v)| n == "transfer-encoding" && v == b"chunked");
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| String::from_utf8_lossy(value).parse::<usize>().ok());
    let (body, trailers) = match (head_only, chunked) {
        (true, _) => (Vec::new(), Vec::new()),
        (false, true) => dechunked(rest)?,
        (false, false) => (rest.get(..length.unwrap_or_default())?.to_vec(), Vec::new()),
    };
    let line = String::from_utf8_lossy(line).into_owned();
    Some(Message { line, headers, body, trailers })
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = bytes.windows(at.len()).position(|window| window == at)?;
    Some((bytes.get(..place)?, bytes.get(place.checked_add(at.len())?..)?))
}

fn fields(mut lines: &[u8]) -> Fields {
    let mut fields = Vec::new();
    while !lines.is_empty() {
        let (line, rest) = split(lines, b"\r\n").unwrap_or((lines, &[]));
        if let Some((name, value)) = split(line, b":") {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            fields.push((name, value.trim_ascii().to_vec()));
        }
        lines = rest;
    }
    fields
}

fn dechunked(mut rest: &[u8]) -> Option<(Vec<u8>, Fields)> {
    let mut body = Vec::new();
    loop {
        let (size, after) = split(rest, b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        if size == 0 {
            // An empty line ends the trailers, which may be none.
            if after.starts_with(b"\r\n") {
                return Some((body, Vec::new()));
            }
            let (trailers, _) = split(after, b"\r\n\r\n")?;
            return Some((body, fields(trailers)));
        }
        body.extend(after.get(..size)?);
        rest = after.get(size.checked_add(2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_message_is_read_once_it_is_whole() {
        let bytes = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX: \xe9\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nX-Sum: 1\r\n\r\n";
        for cut in 0..bytes.len() {
            assert_eq!(parse(bytes.get(..cut).unwrap(), false), None, "{cut}");
        }
        let message = parse(bytes, false).unwrap();
        assert_eq!(message.body, b"abc");
        assert_eq!(message.trailers, [("x-sum".to_owned(), b"1".to_vec())]);
        assert_eq!(message.headers.last(), Some(&("x".to_owned(), vec![0xe9])));
    }

    #[test]
    fn a_message_without_a_body_ends_with_its_head() {
        let message = parse(b"HTTP/1.1 204 No Content\r\n\r\n", false).unwrap();
        assert_eq!((message.status(), message.headers.len()), (204, 0));
        assert!(parse(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", false).is_none());
        assert!(parse(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n", true).is_some());
    }
}
