//! Requests: of the grammar, mutated from good ones, and of no grammar at all.

use crate::world;
use ambit::identity::issue::SigningKey;
use ambit_test_harness::proxy_host::Request;
use serde_json::json;
use std::collections::HashMap;

/// A seeded generator (xorshift).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 20) as usize).checked_rem(end).unwrap_or_default()
    }

    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = self.below(of.len());
        of.get(at).unwrap()
    }

    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.next() as u8).collect()
    }
}

/// A token that entitles, until it expires.
#[derive(Clone, Debug)]
pub(crate) struct Good {
    pub(crate) text: String,
    pub(crate) subject: &'static str,
    /// Whether it reaches beyond `plain`.
    pub(crate) wide: bool,
    pub(crate) expires: u64,
}

#[derive(Debug)]
pub(crate) struct Requests {
    keys: [SigningKey; 4],
    pool: Vec<Good>,
    issued: HashMap<String, Good>,
}

const TOKENS: usize = 240;
const NAMES: [&str; 22] = [
    "accept",
    "ambit",
    "ambit-sub",
    "Ambit_Id",
    "ambit-approval",
    "authorization",
    "content-type",
    "content-length",
    "content-encoding",
    "cookie",
    "dpop",
    "expect",
    "forwarded",
    "host",
    "if-match",
    "origin",
    "transfer-encoding",
    "x-http-method-override",
    "x-original-url",
    "x-forwarded-host",
    "x",
    "te",
];
const VALUES: [&[u8]; 16] = [
    b"",
    b"x",
    b"gzip",
    b"application/json",
    b"application/x-www-form-urlencoded",
    b"a, b",
    b"DELETE",
    b"/p/1",
    b"chunked",
    b"\xe9",
    b"a\0b",
    b"a\r\nambit: x",
    b"Bearer a.b.c",
    b"Basic YTpi",
    b"0",
    b"https://app.example.com",
];
const PATHS: [&str; 24] = [
    "/p/1",
    "/l/1",
    "/h/alice-1",
    "/a/1",
    "/",
    "*",
    "",
    "/p/%31",
    "/p/a%2fb",
    "/p/../a/1",
    "/p/./1",
    "//p/1",
    "/p/1;x",
    "/p/1?access_token=x",
    "/p/1?_method=DELETE",
    "/p/%c3%a9",
    "/p/%c0%af",
    "/P/1",
    "/p/1/",
    "/p/1#x",
    "p/1",
    "/p/%",
    "http://api.example.com/p/1",
    "/.well-known/oauth-protected-resource",
];

impl Requests {
    pub(crate) fn new() -> Self {
        Self { keys: world::keys(), pool: Vec::new(), issued: HashMap::new() }
    }

    /// Bytes that are no policy.
    pub(crate) fn garbage(&mut self, random: &mut Random) -> Vec<u8> {
        let mut policy = world::policy().into_bytes();
        let at = random.below(policy.len());
        policy.truncate(at);
        policy
    }

    /// The token that an `authorization` header presents, if it was given out.
    pub(crate) fn issued(&self, authorization: &[u8]) -> Option<&Good> {
        let text = std::str::from_utf8(authorization).ok()?;
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| self.issued.get(token)).flatten()
    }

    fn mint(&mut self, random: &mut Random, now: u64) -> Good {
        let at = random.below(self.keys.len());
        let key = self.keys.get(at).unwrap();
        let subject = *random.one(&["alice", "alice", "alice", "bob"]);
        let wide = !random.once_in(4);
        let expires = now + 120 + random.below(600) as u64;
        let text = key.sign(
            &json!({ "alg": key.algorithm(), "typ": "at+jwt", "kid": format!("k{at}") }),
            &json!({
                "iss": "https://idp.example.com", "sub": subject, "client_id": "bot",
                "jti": self.issued.len().to_string(), "aud": "https://api.example.com",
                "scope": if wide { "*:*" } else { "read:plain" }, "iat": now, "exp": expires,
            }),
        );
        let good = Good { text, subject, wide, expires };
        self.issued.insert(good.text.clone(), good.clone());
        good
    }

    /// One of a few hundred, as callers use theirs again and again; now and then a new one.
    fn token(&mut self, random: &mut Random, now: u64) -> Good {
        if self.pool.len() < TOKENS {
            let fresh = self.mint(random, now);
            self.pool.push(fresh.clone());
            return fresh;
        }
        let at = random.below(TOKENS);
        let known = self.pool.get(at).unwrap().clone();
        // Some are used beyond their end.
        let stale = known.expires + 60 < now && !random.once_in(20);
        if stale || random.once_in(400) {
            let fresh = self.mint(random, now);
            if let Some(place) = self.pool.get_mut(at) {
                *place = fresh.clone();
            }
            return fresh;
        }
        known
    }

    pub(crate) fn next(&mut self, random: &mut Random, now: u64) -> (Request, &'static str) {
        match random.below(20) {
            0 => (self.noise(random, now), "noise"),
            1 => (self.broken_map(random, now), "broken map"),
            2..8 => (self.of_grammar(random, now), "grammar"),
            8..14 => (self.mutated(random, now), "mutated"),
            _ => (self.good(random, now), "good"),
        }
    }

    fn good(&mut self, random: &mut Random, now: u64) -> Request {
        let token = self.token(random, now);
        let owner = *random.one(&[token.subject, token.subject, "alice", "bob"]);
        let path = match random.below(5) {
            0..2 => format!("/p/{}", random.below(1000)),
            2 => format!("/l/{owner}-1"),
            3 => format!("/h/{owner}-{}", random.below(9)),
            _ => format!("/a/{}", random.below(100)),
        };
        let method = if path.starts_with("/a") { *random.one(&["PUT", "POST"]) } else { "GET" };
        let scheme = *random.one(&["Bearer", "Bearer", "bearer"]);
        let mut request =
            Request::new(method, &path).header("authorization", format!("{scheme} {}", token.text));
        if method != "GET" || random.once_in(6) {
            request = body(request, random);
        }
        request.callouts_first = random.once_in(2);
        request
    }

    fn of_grammar(&mut self, random: &mut Random, now: u64) -> Request {
        let method = *random.one(&[
            "GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT",
            "get", "X",
        ]);
        let path = (*random.one(&PATHS)).to_owned();
        let mut request = Request::new(method, &path);
        if random.once_in(5) {
            let host = *random.one(&[
                "API.example.com:443",
                "other.example.com",
                "",
                "a b",
                "api.example.com.",
                "[::1]",
            ]);
            request = request.header(":authority", host);
        }
        if !random.once_in(4) {
            let token = self.token(random, now);
            request = request.header("authorization", format!("Bearer {}", token.text));
        }
        for _ in 0..random.below(5) {
            let (name, value) = (*random.one(&NAMES), *random.one(&VALUES));
            request.headers.push((name.to_owned(), value.to_vec()));
        }
        if random.once_in(3) {
            request = body(request, random);
        }
        request
    }

    /// A good request with some of its bytes changed.
    fn mutated(&mut self, random: &mut Random, now: u64) -> Request {
        let mut request = self.good(random, now);
        for _ in 0..=random.below(2) {
            let at = random.below(request.headers.len());
            match random.below(6) {
                0 => drop(request.headers.remove(at)),
                1 => {
                    let twice = request.headers.get(at).unwrap().clone();
                    request.headers.push(twice);
                }
                2 => request
                    .headers
                    .push(((*random.one(&NAMES)).to_owned(), random.one(&VALUES).to_vec())),
                _ => {
                    let (_, value) = request.headers.get_mut(at).unwrap();
                    let place = random.below(value.len() + 1);
                    match (random.below(3), value.get_mut(place)) {
                        (0, Some(byte)) => *byte ^= 1 << random.below(8),
                        (1, Some(_)) => drop(value.remove(place)),
                        _ => value.insert(place, random.next() as u8),
                    }
                }
            }
            if request.headers.is_empty() {
                break;
            }
        }
        request
    }

    fn noise(&mut self, random: &mut Random, now: u64) -> Request {
        let mut request =
            if random.once_in(2) { self.good(random, now) } else { Request::get("/p/1") };
        for _ in 0..random.below(8) {
            let name = String::from_utf8_lossy(&random.bytes(12)).into_owned();
            request.headers.push((name, random.bytes(60)));
        }
        if random.once_in(200) {
            for _ in 0..300 {
                request.headers.push(("x".to_owned(), b"y".to_vec()));
            }
        }
        body(request, random)
    }

    /// The headers of a good request, serialised wrongly.
    fn broken_map(&mut self, random: &mut Random, now: u64) -> Request {
        let mut request = self.good(random, now);
        let mut map = crate::judge::serialised(&request.headers);
        match random.below(4) {
            0 => map.truncate(1 + random.below(map.len() - 1)),
            1 => map.extend(random.bytes(8)),
            2 => {
                let at = random.below(12);
                if let Some(byte) = map.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            _ => map = random.bytes(200),
        }
        if crate::judge::is_malformed(&map) {
            request.raw_map = Some(map);
        }
        request
    }
}

/// In random pieces, now and then with trailers.
fn body(mut request: Request, random: &mut Random) -> Request {
    let texts: [&[u8]; 5] = [b"{}", b"{\"a\":1}", b"access_token=x", b"a=1&b=2", b"\xff\0"];
    let mut bytes = random.one(&texts).to_vec();
    if random.once_in(10) {
        bytes.resize(random.below(20_000), b'x');
    }
    while !bytes.is_empty() {
        let rest = bytes.split_off((1 + random.below(bytes.len())).min(bytes.len()));
        request = request.chunk(&bytes);
        bytes = rest;
    }
    if random.once_in(4) {
        let name = *random.one(&["x-sum", "ambit-sub", "Ambit_Id", ":path", "authorization"]);
        request = request.trailer(name, "root");
    }
    request
}
