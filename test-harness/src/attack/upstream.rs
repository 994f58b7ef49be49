//! The upstream: it writes down every request as it came, byte for byte, and answers 200.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The header by which the upstream knows which case a request is from.
pub(super) const MARK: &str = "x-case";

/// One request as it arrived.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    pub(super) method: String,
    pub(super) target: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Vec<(String, Vec<u8>)>,
}

impl Received {
    /// All values of a header; `_` in a name is a `-` to many servers.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let found = self.headers.iter().filter(|(known, _)| known.replace('_', "-") == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    }

    /// Whether two framings are told at once, so that another server could cut it elsewhere.
    pub(super) fn requests_in_body(&self) -> bool {
        let count = |name: &str| self.headers.iter().filter(|(known, _)| known == name).count();
        let encodings = self.all("transfer-encoding");
        (count("content-length") > 0 && !encodings.is_empty())
            || count("content-length") > 1
            || encodings.iter().any(|encoding| encoding != "chunked")
    }
}

/// A running upstream.
#[derive(Clone, Debug, Default)]
pub(super) struct Upstream {
    seen: Arc<Mutex<Vec<Received>>>,
}

impl Upstream {
    /// Listens on 127.0.0.1 until the process ends.
    pub(super) fn start(port: u16) -> io::Result<Self> {
        let upstream = Self::default();
        let seen = Arc::clone(&upstream.seen);
        serve(port, move |received| {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(received.clone());
            (200, "{}".to_owned())
        })?;
        Ok(upstream)
    }

    /// What came since the last time.
    pub(super) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Answers every request with a status and a JSON body.
pub(super) fn serve<F>(port: u16, answer: F) -> io::Result<()>
where
    F: Fn(&Received) -> (u16, String) + Clone + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", port))
        .map_err(|error| io::Error::new(error.kind(), format!("127.0.0.1:{port}: {error}")))?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || {
                // The gateway may hang up whenever it likes.
                let _ = connection(stream, &answer);
            });
        }
    });
    Ok(())
}

fn connection(
    mut stream: TcpStream,
    answer: &impl Fn(&Received) -> (u16, String),
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut bytes, mut piece) = (Vec::new(), vec![0; 65_536]);
    loop {
        while let Some((received, length)) = parse(&bytes) {
            bytes.drain(..length);
            let (status, mut body) = answer(&received);
            let length = body.len();
            if received.method == "HEAD" {
                body.clear();
            }
            let head = format!(
                "HTTP/1.1 {status} Answered\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            );
            stream.write_all(&[head.into_bytes(), body.into_bytes()].concat())?;
        }
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            length => bytes.extend(piece.get(..length).unwrap_or_default()),
        }
    }
}

/// The first request, once it is whole, and its length.
fn parse(bytes: &[u8]) -> Option<(Received, usize)> {
    let end = find(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
    let mut received = Received::default();
    let line = head.split("\r\n").next().unwrap_or_default();
    let mut words = line.split(' ');
    received.method = words.next().unwrap_or_default().to_owned();
    received.target = words.next().unwrap_or_default().to_owned();
    received.headers = fields(bytes.get(line.len()..end)?);
    let body_at = end.checked_add(4)?;
    let rest = bytes.get(body_at..)?;
    let chunked = received.all("transfer-encoding").iter().any(|value| value.contains("chunked"));
    let length = received.all("content-length").first().and_then(|v| v.parse::<usize>().ok());
    let used = match (chunked, length) {
        (true, _) => dechunk(rest, &mut received)?,
        (false, length) => {
            let length = length.unwrap_or(0);
            received.body = rest.get(..length)?.to_vec();
            length
        }
    };
    Some((received, body_at.checked_add(used)?))
}

fn fields(text: &[u8]) -> Vec<(String, Vec<u8>)> {
    let lines = text.split(|byte| *byte == b'\n');
    let read = |line: &[u8]| {
        let at = line.iter().skip(1).position(|byte| *byte == b':')?.checked_add(1)?;
        let name = String::from_utf8_lossy(line.get(..at)?).to_ascii_lowercase();
        let value = line.get(at.checked_add(1)?..)?.trim_ascii().to_vec();
        Some((name.trim().to_owned(), value))
    };
    lines.filter_map(read).collect()
}

fn dechunk(bytes: &[u8], received: &mut Received) -> Option<usize> {
    let mut at = 0_usize;
    loop {
        let rest = bytes.get(at..)?;
        let line = find(rest, b"\r\n")?;
        let size = String::from_utf8_lossy(rest.get(..line)?).into_owned();
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default(), 16).ok()?;
        at = at.checked_add(line)?.checked_add(2)?;
        if size == 0 {
            let rest = bytes.get(at..)?;
            if rest.starts_with(b"\r\n") {
                return at.checked_add(2);
            }
            let end = find(rest, b"\r\n\r\n")?;
            received.trailers = fields(&[b"\n", rest.get(..end)?].concat());
            return at.checked_add(end)?.checked_add(4);
        }
        received.body.extend(bytes.get(at..at.checked_add(size)?)?);
        at = at.checked_add(size)?.checked_add(2)?;
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
