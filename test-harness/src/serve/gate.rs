//! What may come in front of hyper's parser: HTTP/1.1 in its one plain spelling (RFC 9112).
//!
//! hyper takes some of what Envoy refuses: two equal lengths, a length beside `chunked`, bare line
//! feeds, an absolute target, two hosts. The gate reads each head before hyper does, follows the body
//! by the only length it can have, and lets nothing ambiguous through: in its place hyper is given a
//! line that no parser takes, which it answers in its turn with 400.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Envoy's `max_request_headers_kb`.
const HEAD_MOST: usize = 60 << 10;
/// A size line of a chunk, and all trailers.
const CHUNK_LINE_MOST: usize = 1 << 10;
/// What no parser takes for a request.
const REFUSED: &[u8] = b"\0 refused\r\n\r\n";
/// What goes on in no chunked body, at whichever place.
const BROKEN: &[u8] = b"x\r!";
/// The method under which the service is told of a request of HTTP/1.0. The gate lets no other in small
/// letters through.
pub(super) const OLD_METHOD: &str = "old";
const OLD: &[u8] = b"old / HTTP/1.1\r\nhost: old\r\nconnection: close\r\n\r\n";
/// More than hyper takes, and no line ends in it.
const ENDLESS: usize = 4 << 16;

/// Where in a message the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Head,
    Body(u64),
    ChunkSize,
    Chunk(u64),
    /// The line break behind a chunk: how many of its bytes are still to come.
    ChunkEnd(u8),
    Trailers,
    /// Nothing of what follows is passed on.
    Closed,
}

/// Reads along, and passes on what may pass.
#[derive(Debug)]
pub(super) struct Gate {
    place: Place,
    /// The beginning of a head, or of a line of a chunked body.
    held: Vec<u8>,
    passed: Vec<u8>,
    given: usize,
}

impl Default for Gate {
    fn default() -> Self {
        Self { place: Place::Head, held: Vec::new(), passed: Vec::new(), given: 0 }
    }
}

impl Gate {
    /// More bytes have come.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while let (Some(first), true) = (bytes.first(), self.place != Place::Closed) {
            let taken = match self.place {
                Place::Body(left) => self.pass(bytes, left, Place::Body, Place::Head),
                Place::Chunk(left) => self.pass(bytes, left, Place::Chunk, Place::ChunkEnd(2)),
                Place::Head | Place::ChunkSize | Place::Trailers | Place::ChunkEnd(_) => {
                    self.held.push(*first);
                    self.line_grows(*first);
                    1
                }
                Place::Closed => return,
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    /// Passes on what of `left` bytes has come.
    fn pass(&mut self, bytes: &[u8], left: u64, rest: fn(u64) -> Place, then: Place) -> usize {
        let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.passed.extend(bytes.iter().take(taken));
        let left = left.saturating_sub(u64::try_from(taken).unwrap_or(left));
        self.place = if left == 0 { then } else { rest(left) };
        taken
    }

    fn line_grows(&mut self, last: u8) {
        match self.place {
            Place::ChunkEnd(left) => {
                let right = matches!((left, last), (2, b'\r') | (1, b'\n'));
                match (right, left) {
                    (false, _) => self.refuse(),
                    (true, 1) => self.release(Place::ChunkSize),
                    (true, _) => self.place = Place::ChunkEnd(1),
                }
            }
            Place::ChunkSize if last == b'\n' => match chunk_size(&self.held) {
                Some(0) => self.release(Place::Trailers),
                Some(size) => self.release(Place::Chunk(size)),
                None => self.refuse(),
            },
            Place::ChunkSize if self.held.len() > CHUNK_LINE_MOST => self.refuse(),
            Place::Trailers if self.held == b"\r\n" => self.release(Place::Head),
            Place::Trailers if self.held.ends_with(b"\r\n\r\n") => {
                let lines = self.held.strip_suffix(b"\r\n\r\n").unwrap_or_default();
                match fields(lines) {
                    Some(fields) if fields.iter().all(|(name, _)| may_trail(name)) => {
                        self.release(Place::Head);
                    }
                    _ => self.refuse(),
                }
            }
            // Envoy passes over line breaks in front of a request.
            Place::Head if self.held == b"\r\n" || self.held == b"\n" => self.held.clear(),
            Place::Head if self.held.ends_with(b"\r\n\r\n") => match framing(&self.held) {
                Some(Place::Closed) => {
                    self.held.clear();
                    self.passed.extend_from_slice(OLD);
                    self.place = Place::Closed;
                }
                Some(place) => self.release(place),
                None => self.refuse(),
            },
            // A line feed alone ends no line here.
            Place::Head | Place::Trailers if last == b'\n' && !self.held.ends_with(b"\r\n") => {
                self.refuse();
            }
            Place::Head | Place::Trailers if self.held.len() > HEAD_MOST => {
                self.held.clear();
                self.passed.extend_from_slice(b"GET / HTTP/1.1\r\nx: ");
                self.passed.resize(self.passed.len().saturating_add(ENDLESS), b'x');
                self.place = Place::Closed;
            }
            _ => {}
        }
    }

    fn release(&mut self, then: Place) {
        self.passed.append(&mut self.held);
        self.place = then;
    }

    fn refuse(&mut self) {
        // In a body there is no answer left to give but the end.
        let head = self.place == Place::Head;
        self.passed.extend_from_slice(if head { REFUSED } else { BROKEN });
        self.held.clear();
        self.place = Place::Closed;
    }

    /// Hands on what has passed; whether there was something.
    fn give(&mut self, to: &mut ReadBuf<'_>) -> bool {
        let rest = self.passed.get(self.given..).unwrap_or_default();
        let some = rest.get(..to.remaining().min(rest.len())).unwrap_or_default();
        if some.is_empty() {
            self.passed.clear();
            self.given = 0;
            return false;
        }
        to.put_slice(some);
        self.given = self.given.saturating_add(some.len());
        true
    }
}

/// What may not come in trailers, because it would say something about framing or routing.
fn may_trail(name: &[u8]) -> bool {
    !matches!(name, b"content-length" | b"transfer-encoding" | b"host")
}

/// A size in hexadecimal, with an extension that is passed over; the line ends in CRLF.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\r\n")?;
    if line.iter().any(|byte| !matches!(byte, b'\t' | 0x20..=0x7e)) {
        return None;
    }
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii_end();
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    plain.then(|| u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())?
}

/// Where the message goes on behind its head, if there is one reading of it.
fn framing(head: &[u8]) -> Option<Place> {
    let head = head.strip_suffix(b"\r\n\r\n")?;
    let end = head.windows(2).position(|pair| pair == b"\r\n").unwrap_or(head.len());
    let (line, rest) = head.split_at_checked(end)?;
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let plain = !method.is_empty() && method.iter().all(u8::is_ascii_uppercase);
    if words.next().is_some() || !plain || !may_be_asked(target) {
        return None;
    }
    match version {
        b"HTTP/1.1" => {}
        b"HTTP/1.0" => return Some(Place::Closed),
        _ => return None,
    }
    let fields = fields(rest.strip_prefix(b"\r\n").unwrap_or(rest))?;
    let all = |wanted: &[u8]| -> Vec<&[u8]> {
        fields.iter().filter(|(name, _)| name == wanted).map(|(_, value)| *value).collect()
    };
    let hosts = all(b"host");
    if hosts.len() != 1 {
        return None;
    }
    match (all(b"content-length").as_slice(), all(b"transfer-encoding").as_slice()) {
        ([], []) => Some(Place::Head),
        ([length], []) => {
            let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            let length = digits.then(|| std::str::from_utf8(length).ok()?.parse().ok())??;
            Some(if length == 0 { Place::Head } else { Place::Body(length) })
        }
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Some(Place::ChunkSize),
        _ => None,
    }
}

/// Origin form (RFC 9112 section 3.2.1), printable ASCII and no fragment. The asterisk, an authority
/// and a whole URL name things that no policy does.
fn may_be_asked(target: &[u8]) -> bool {
    target.starts_with(b"/")
        && target.iter().all(|byte| matches!(byte, 0x21..=0x7e) && *byte != b'#')
}

type Field<'a> = (Vec<u8>, &'a [u8]);

/// Names in small letters, and values, of whole lines; `None` where a line is not plainly one.
fn fields(lines: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    let mut rest = lines;
    while !rest.is_empty() {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").unwrap_or(rest.len());
        let (line, after) = rest.split_at_checked(end)?;
        rest = after.strip_prefix(b"\r\n").unwrap_or(after);
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let value = value.strip_prefix(b":")?.trim_ascii();
        let plain = value.iter().all(|byte| matches!(byte, b'\t' | 0x20..=0x7e | 0x80..));
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) || !plain {
            return None;
        }
        fields.push((name.to_ascii_lowercase(), value));
    }
    Some(fields)
}

/// RFC 9110 section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// A connection behind the gate.
#[derive(Debug)]
pub(super) struct Gated<S> {
    gate: Gate,
    stream: S,
}

impl<S> Gated<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { gate: Gate::default(), stream }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gated<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if to.remaining() == 0 || this.gate.give(to) {
                return Poll::Ready(Ok(()));
            }
            let mut piece = [0; 8192];
            let mut piece = ReadBuf::new(&mut piece);
            std::task::ready!(Pin::new(&mut this.stream).poll_read(context, &mut piece))?;
            if piece.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.gate.feed(piece.filled());
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gated<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(bytes: &[u8]) -> Vec<u8> {
        let (mut whole, mut single) = (Gate::default(), Gate::default());
        whole.feed(bytes);
        bytes.chunks(1).for_each(|byte| single.feed(byte));
        assert_eq!(whole.passed, single.passed, "pieces make no difference");
        whole.passed
    }

    #[test]
    fn what_is_plain_passes_as_it_came() {
        for text in [
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "POST /x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: Chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\na: b\r\n\r\n",
        ] {
            assert_eq!(passed(text.as_bytes()), text.as_bytes());
        }
    }

    #[test]
    fn what_two_readers_read_differently_does_not_pass() {
        for text in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /#x HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\nhost: a\n\n",
            "GET / HTTP/1.1\r\nhost: a\r\n b: c\r\n\r\n",
            "GET / HTTP/1.1\r\nhost : a\r\n\r\n",
            "GET  / HTTP/1.1\r\nhost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +5\r\n\r\nhello",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        ] {
            assert_eq!(passed(text.as_bytes()), REFUSED, "{text}");
        }
    }

    #[test]
    fn of_an_old_version_the_service_is_told_and_nothing_follows() {
        let text = "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\nGET /b HTTP/1.1\r\nhost: a\r\n\r\n";
        assert_eq!(passed(text.as_bytes()), OLD);
        assert_eq!(passed(b"old / HTTP/1.1\r\nhost: a\r\n\r\n"), REFUSED);
    }

    #[test]
    fn a_bad_chunk_ends_the_connection_and_nothing_behind_it_passes() {
        let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        for body in ["5\nhello\r\n", "0x5\r\nhello\r\n", "5\r\nhelloX", "0\r\nhost: b\r\n\r\n"] {
            let passed =
                passed(format!("{head}{body}GET /b HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes());
            let rest = String::from_utf8_lossy(&passed).into_owned();
            assert!(rest.starts_with(head) && rest.ends_with("x\r!"), "{rest}");
            assert!(!rest.contains("/b"), "{rest}");
        }
    }

    #[test]
    fn a_head_that_is_too_long_never_ends() {
        let passed =
            passed(&[b"GET / HTTP/1.1\r\nhost: a\r\nx: ".as_slice(), &[b'y'; 70_000]].concat());
        assert!(passed.len() > ENDLESS && !passed.ends_with(b"\n"));
        assert!(!passed.contains(&b'y'));
    }
}
