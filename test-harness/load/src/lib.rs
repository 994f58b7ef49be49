//! A closed-loop load generator for HTTP/1.1 on this machine: each connection sends its next request
//! when the answer to the last one is there. One thread, no allocation per request, so that the other
//! core is the gateway's.

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long nothing may happen before a run has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// When a run ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// When this much time is over; the requests are sent over and over.
    Time(Duration),
    /// When each request was sent once.
    Once,
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// From the first byte sent to the last byte read.
    pub took: Duration,
    /// Microseconds from sending to answer, one for each request, in order of their answers.
    pub micros: Vec<u32>,
    /// Answers with another status than 200.
    pub refused: usize,
}

impl Outcome {
    /// Requests a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.micros.len() as f64 / self.took.as_secs_f64().max(1e-9)
    }
}

/// Sends `requests` over `connections` kept-alive connections.
///
/// # Errors
/// A connection cannot be made or ends, an answer is not HTTP/1.1 with a `content-length`, or nothing
/// comes for 20 seconds.
pub fn run(
    to: SocketAddr,
    requests: &[Vec<u8>],
    connections: usize,
    until: Until,
) -> io::Result<Outcome> {
    stay_on_last_core()?;
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(connections.saturating_mul(2).max(8));
    let mut open = Vec::with_capacity(connections);
    for number in 0..connections {
        let stream = std::net::TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(number), interest)?;
        open.push(Connection::new(stream));
    }
    let began = Instant::now();
    let mut feed = Feed { requests, next: 0, until, began };
    let mut outcome = Outcome::default();
    outcome.micros.reserve(requests.len().max(65_536));
    let mut busy = 0_usize;
    for connection in &mut open {
        if let Some(request) = feed.next() {
            connection.send(request)?;
            busy = busy.saturating_add(1);
        }
    }
    let mut heard = Instant::now();
    while busy > 0 {
        // Never asleep: waking a sleeper is work of the one that answers, and the slower that is,
        // the more often this would sleep.
        poll.poll(&mut events, Some(Duration::ZERO))?;
        if !events.is_empty() {
            heard = Instant::now();
        } else if heard.elapsed() > PATIENCE {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer for 20 seconds"));
        }
        for event in &events {
            let Some(connection) = open.get_mut(event.token().0) else { continue };
            connection.flush()?;
            while let Some((status, micros)) = connection.receive()? {
                outcome.micros.push(micros);
                outcome.refused = outcome.refused.saturating_add(usize::from(status != 200));
                match feed.next() {
                    Some(request) => connection.send(request)?,
                    None => busy = busy.saturating_sub(1),
                }
            }
        }
    }
    outcome.took = began.elapsed();
    Ok(outcome)
}

/// One that never sleeps belongs on a core of its own, and the scheduler gives the gateway the others.
fn stay_on_last_core() -> io::Result<()> {
    let mut cores = sched_getaffinity(None)?;
    let last = (0..CpuSet::MAX_CPU).rev().find(|core| cores.is_set(*core));
    if let Some(last) = last.filter(|_| cores.count() > 1) {
        cores.clear();
        cores.set(last);
        sched_setaffinity(None, &cores)?;
    }
    Ok(())
}

struct Feed<'a> {
    requests: &'a [Vec<u8>],
    next: usize,
    until: Until,
    began: Instant,
}

impl<'a> Feed<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        match self.until {
            Until::Time(time) if self.began.elapsed() >= time => return None,
            Until::Time(_) if self.next >= self.requests.len() => self.next = 0,
            Until::Time(_) | Until::Once => {}
        }
        let request = self.requests.get(self.next)?;
        self.next = self.next.saturating_add(1);
        Some(request)
    }
}

struct Connection<'a> {
    stream: TcpStream,
    unsent: &'a [u8],
    sent: Instant,
    waiting: bool,
    buffer: Vec<u8>,
    filled: usize,
}

impl<'a> Connection<'a> {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            unsent: &[],
            sent: Instant::now(),
            waiting: false,
            buffer: vec![0; 16 * 1024],
            filled: 0,
        }
    }

    fn send(&mut self, request: &'a [u8]) -> io::Result<()> {
        self.unsent = request;
        self.sent = Instant::now();
        self.waiting = true;
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(self.unsent) {
                Ok(size) => self.unsent = self.unsent.get(size..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The status and time of the answer, once it is there whole.
    fn receive(&mut self) -> io::Result<Option<(u16, u32)>> {
        if !self.waiting {
            return Ok(None);
        }
        loop {
            if let Some((status, size)) = whole(self.buffer.get(..self.filled).unwrap_or_default())?
            {
                if size != self.filled {
                    return Err(io::Error::other("more than one answer to one request"));
                }
                self.filled = 0;
                self.waiting = false;
                let micros = u32::try_from(self.sent.elapsed().as_micros()).unwrap_or(u32::MAX);
                return Ok(Some((status, micros)));
            }
            let Some(room) = self.buffer.get_mut(self.filled..).filter(|room| !room.is_empty())
            else {
                return Err(io::Error::other("an answer larger than 16 KiB"));
            };
            match self.stream.read(room) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(size) => self.filled = self.filled.saturating_add(size),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Status and size of the first answer in `bytes`, once all of it is there.
fn whole(bytes: &[u8]) -> io::Result<Option<(u16, usize)>> {
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = bytes.get(..head).and_then(|head| std::str::from_utf8(head).ok());
    let text = text.ok_or_else(|| io::Error::other("an answer that is not text"))?;
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let length = text.lines().skip(1).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let (Some(status), Some(length)) = (status, length) else {
        return Err(io::Error::other(format!("an answer without status or length: {text}")));
    };
    let size = head.saturating_add(4).saturating_add(length);
    Ok((bytes.len() >= size).then_some((status, size)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn an_answer_is_whole_when_its_last_byte_is_there() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        for cut in 0..answer.len() {
            assert_eq!(whole(&answer[..cut]).unwrap(), None, "cut at {cut}");
        }
        assert_eq!(whole(answer).unwrap(), Some((200, answer.len())));
        assert!(whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn every_request_is_sent_once_and_every_refusal_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().take(2) {
                let mut stream = stream.unwrap();
                std::thread::spawn(move || {
                    let mut byte = [0];
                    while stream.read(&mut byte).unwrap_or(0) == 1 {
                        let status = if byte == *b"y" { 200 } else { 403 };
                        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                        stream.write_all(answer.as_bytes()).unwrap();
                    }
                });
            }
        });
        let requests: Vec<Vec<u8>> = (0..40).map(|n| vec![b"yn"[n % 2]]).collect();
        let outcome = run(to, &requests, 2, Until::Once).unwrap();
        assert_eq!((outcome.micros.len(), outcome.refused), (40, 20));
    }
}
