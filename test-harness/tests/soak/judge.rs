//! Another judge: knows the tokens it gave out, reads requests in the plainest way, and says what may
//! never have been forwarded. On a sample the core alone must have decided alike.

use crate::report::Counts;
use crate::requests::{Good, Requests};
use crate::world;
use ambit::Timestamp;
use ambit::enforcement::{Enforcement, Engine, Event, Ids, SignatureVerdict, Step};
use ambit::policy::Policy;
use ambit_test_harness::proxy_host::{Exchange, Headers, Request};
use std::rc::Rc;

/// One in so many is decided by the core too.
const SAMPLE: u64 = 40;

/// What was sent, as far as a forward depends on it.
pub(crate) struct Sent {
    headers: Headers,
    good: Option<Good>,
    malformed: bool,
    plain: bool,
    ends: bool,
    now: u64,
    owner: Option<Option<String>>,
    pub(crate) left: bool,
}

impl Sent {
    /// A look-up was answered: only the first answer counts.
    pub(crate) fn told(&mut self, owner: Option<String>) {
        self.owner.get_or_insert(owner);
    }

    fn all(&self, wanted: &str) -> Vec<&[u8]> {
        let named = self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map(|(_, value)| value.as_slice()).collect()
    }

    fn only(&self, wanted: &str) -> Option<String> {
        match self.all(wanted).as_slice() {
            [one] => String::from_utf8(one.to_vec()).ok(),
            _ => None,
        }
    }
}

pub(crate) struct Judge {
    engine: Rc<Engine>,
    now: u64,
    looked: u64,
}

impl Judge {
    pub(crate) fn new() -> Self {
        let loaded = Policy::load("policy", world::policy().as_bytes()).unwrap();
        Self {
            engine: Rc::new(Engine::with(loaded, &|_| None).unwrap()),
            now: world::NOW,
            looked: 0,
        }
    }

    pub(crate) const fn now(&self) -> u64 {
        self.now
    }

    pub(crate) const fn pass(&mut self, seconds: u64) {
        self.now += seconds;
    }

    pub(crate) fn sent(&self, request: &Request, requests: &Requests) -> Sent {
        let headers = request.headers.clone();
        let mut named =
            headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let good = match (named.next(), named.next()) {
            (Some((_, value)), None) => requests.issued(value).cloned(),
            _ => None,
        };
        Sent {
            headers,
            good,
            malformed: request.raw_map.is_some(),
            plain: request.raw_map.is_none(),
            ends: request.chunks.is_empty() && request.trailers.is_none(),
            now: self.now,
            owner: None,
            left: false,
        }
    }

    /// Panics where something reached the upstream, or the client, that must not.
    pub(crate) fn look(&mut self, sent: &Sent, exchange: &Exchange, counts: &mut Counts) {
        assert!(!exchange.trapped, "the module trapped: {:?}", sent.headers);
        self.looked += 1;
        let entitled = entitlement(sent);
        counts.authenticated += u64::from(entitled.is_some());
        if let Some(seen) = &exchange.upstream {
            counts.forwarded += 1;
            if let Err(why) = may_pass(sent, entitled, seen, exchange) {
                panic!("forwarded: {why}\n  sent {:?}\n  seen {:?}", sent.headers, seen.headers);
            }
        }
        if sent.plain && self.looked.is_multiple_of(SAMPLE) {
            self.compare(sent, exchange, counts);
        }
    }

    /// The core alone, where it needs nothing but the headers to decide.
    fn compare(&self, sent: &Sent, exchange: &Exchange, counts: &mut Counts) {
        let ids = Ids { record: "r".to_owned(), boot: "b".into() };
        let mut enforcement = Enforcement::new(Rc::clone(&self.engine), ids);
        let headers: Vec<(&[u8], &[u8])> =
            sent.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())).collect();
        let now = Timestamp::from_secs(i64::try_from(sent.now).unwrap());
        let mut step = enforcement
            .on(now, Event::RequestHeaders { headers: &headers, peer: &[], end: sent.ends });
        if let Step::CheckSignature(check) = step {
            let verdict =
                if check.verify() { SignatureVerdict::Valid } else { SignatureVerdict::Invalid };
            step = enforcement.on_signature(now, *check, verdict);
        }
        let agree = match &step {
            Step::Forward(..) => exchange.upstream.is_some(),
            Step::Reply(reply) => {
                exchange.upstream.is_none()
                    && (exchange.client.is_none() || exchange.status() == reply.status)
            }
            _ => return,
        };
        counts.compared += 1;
        assert!(agree, "the core alone says {step:?}, the module {exchange}: {:?}", sent.headers);
    }
}

/// The token, where it is one that was given out, and has not expired.
fn entitlement(sent: &Sent) -> Option<&Good> {
    sent.good.as_ref().filter(|good| !sent.malformed && good.expires + 60 > sent.now)
}

fn may_pass(
    sent: &Sent,
    entitled: Option<&Good>,
    seen: &ambit_test_harness::proxy_host::Seen,
    exchange: &Exchange,
) -> Result<(), &'static str> {
    let entitled = entitled.ok_or("nobody is entitled")?;
    let method = sent.only(":method").ok_or("not one method")?;
    let path = sent.only(":path").ok_or("not one path")?;
    let host = sent.only(":authority").ok_or("not one host")?.to_ascii_lowercase();
    if !matches!(method.as_str(), "GET" | "HEAD") {
        return Err("a change");
    }
    if !matches!(host.as_str(), "api.example.com" | "api.example.com:443") {
        return Err("another host");
    }
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').collect();
    let ["", kind, id] = segments.as_slice() else { return Err("no route") };
    if id.is_empty() || id.contains([';', '\\', '#']) || id.contains("%2") && id.contains("%2f") {
        return Err("an ambiguous path");
    }
    match *kind {
        "p" | "%70" => {}
        "l" | "%6c" | "%6C" => {
            if sent.owner.clone().flatten().as_deref() != Some(entitled.subject) {
                return Err("another's record, by the look-up");
            }
        }
        "h" | "%68" => {
            let told = exchange.client.as_ref().filter(|client| client.status < 300);
            let owner = seen.get(":path").unwrap_or_default();
            let owner = owner.rsplit('/').next().unwrap_or_default();
            let owner = owner.split('-').next().unwrap_or_default().to_owned();
            if told.is_some_and(|client| !client.body.is_empty()) && owner != entitled.subject {
                return Err("another's record was shown");
            }
        }
        _ => return Err("no route"),
    }
    if *kind != "p" && *kind != "%70" && !entitled.wide {
        return Err("beyond the token's scopes");
    }
    if sent.left {
        // The client left while a look-up was on its way.
        return Err("its client was gone");
    }
    let lower = |name: &String| name.to_ascii_lowercase().replace('_', "-");
    let of_ambit: Vec<&(String, Vec<u8>)> =
        seen.headers.iter().filter(|(name, _)| lower(name).starts_with("ambit")).collect();
    match of_ambit.as_slice() {
        [(name, value)] if name == "ambit" => {
            let text = String::from_utf8_lossy(value);
            if !text.contains(&format!("sub=\"{}\"", entitled.subject)) {
                return Err("the `ambit` header names another");
            }
        }
        _ => return Err("not one `ambit` header"),
    }
    let gone = ["authorization", "cookie", "dpop", "x-http-method-override", "x-original-url"];
    if seen.headers.iter().any(|(name, _)| gone.contains(&lower(name).as_str())) {
        return Err("a header that must go");
    }
    if seen.trailers.iter().any(|(name, _)| lower(name).starts_with("ambit")) {
        return Err("an `ambit` trailer");
    }
    Ok(())
}

/// A map as the ABI has it.
pub(crate) fn serialised(headers: &Headers) -> Vec<u8> {
    let mut out = (headers.len() as u32).to_le_bytes().to_vec();
    for (name, value) in headers {
        out.extend((name.len() as u32).to_le_bytes());
        out.extend((value.len() as u32).to_le_bytes());
    }
    for (name, value) in headers {
        out.extend(name.bytes().chain([0]));
        out.extend(value.iter().copied().chain([0]));
    }
    out
}

/// Whether no reader could make headers of it.
pub(crate) fn is_malformed(map: &[u8]) -> bool {
    let number = |at: usize| -> Option<usize> {
        let four: [u8; 4] = map.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(four) as usize)
    };
    let read = || -> Option<()> {
        let count = number(0)?;
        let mut at = 4_usize.checked_add(count.checked_mul(8)?)?;
        for pair in 0..count {
            for size in [number(4 + pair * 8)?, number(8 + pair * 8)?] {
                at = at.checked_add(size)?;
                (*map.get(at)? == 0).then_some(())?;
                at += 1;
            }
        }
        (at == map.len()).then_some(())
    };
    read().is_none()
}
