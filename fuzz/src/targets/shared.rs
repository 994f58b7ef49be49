//! What the workers of a process share through the host: plans and sets of keys, and used proofs. Any
//! other plugin of the process, or another version of this one, may have written it.

use super::identity::{NOW, loaded};
use ambit::enforcement::{Engine, KeyStep, Memory, ProofUse, Use};
use ambit::{Span, Timestamp};
use serde_json::Value;

const REMOTE: &str = r#"{ remote: { cluster: idp, url: "https://idp.example.com/keys", refresh: 5m, keep_stale: 1h } }"#;
/// `refresh`, `keep_stale`, and what docs/threat-model.md says of claims, clocks and failures: in
/// milliseconds.
const REFRESH: i64 = 300_000;
const STALE: i64 = 3_600_000;
const CLAIM: i64 = 10_000;
const CLOCKS: i64 = 5_000;
const RETRY_MOST: i64 = 30_000;
const PLAN: usize = 36;

fn engine() -> Engine {
    match Engine::with(loaded(REMOTE), &|_| None) {
        Ok(engine) => engine,
        Err(errors) => panic!("the policy of a target makes no engine: {errors}"),
    }
}

/// When the set was fetched, when the next fetch is due, until when it is claimed, when a token last
/// asked for it; and failures.
fn plan(bytes: &[u8]) -> Option<([i64; 4], u32)> {
    let (times, failures) = bytes.split_last_chunk::<4>().filter(|_| bytes.len() == PLAN)?;
    let times = times.as_chunks::<8>().0.iter().map(|time| i64::from_be_bytes(*time));
    let times: [i64; 4] = times.collect::<Vec<_>>().try_into().ok()?;
    times.iter().all(|time| *time >= 0).then(|| (times, u32::from_be_bytes(*failures)))
}

#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Fetch,
    Rest,
    TakeUp,
}

/// What a worker without keys must do about a plan, by the words of docs/threat-model.md.
fn expected(posted: &[u8], now: i64) -> Expected {
    let Some(([fetched, next, claimed, asked], failures)) = plan(posted) else {
        return Expected::Fetch;
    };
    let late = failures > 0 && next > now + CLOCKS + RETRY_MOST;
    if fetched > now + CLOCKS || asked > now + CLOCKS || claimed > now + CLOCKS + CLAIM || late {
        // From a future: nobody wrote it.
        return Expected::Fetch;
    }
    let next = if failures == 0 { next.min(fetched + REFRESH) } else { next };
    match () {
        () if fetched > 0 && now - fetched <= STALE => Expected::TakeUp,
        () if claimed > now || next > now => Expected::Rest,
        () => Expected::Fetch,
    }
}

fn step(engine: &Engine, posted: &[u8], now: i64) -> (Expected, Vec<u8>) {
    match engine.on_tick(Timestamp::from_millis(now), 0, Some(posted)) {
        KeyStep::Rest => (Expected::Rest, Vec::new()),
        KeyStep::TakeUp => (Expected::TakeUp, Vec::new()),
        KeyStep::Fetch { claim, .. } => (Expected::Fetch, claim),
    }
}

/// A plan of 36 bytes, and the set that follows: nothing that was posted holds a worker up for long,
/// and no set is believed that an issuer's answer would not be.
pub(super) fn keys(bytes: &[u8]) -> bool {
    let (posted, set) = bytes.split_at_checked(PLAN).unwrap_or((bytes, &[]));
    let (now, worker) = (NOW * 1000, engine());
    let (found, claim) = step(&worker, posted, now);
    assert_eq!(found, expected(posted, now), "another step than the plan says");
    match found {
        Expected::Rest => {
            let later = now + CLOCKS + CLAIM + REFRESH;
            let (then, _) = step(&worker, posted, later);
            assert_ne!(then, Expected::Rest, "a plan that holds a worker up for ever");
            false
        }
        Expected::Fetch => {
            let other = engine();
            assert_eq!(step(&other, &claim, now).0, Expected::Rest, "two workers fetch");
            let then = step(&other, &claim, now + CLAIM).0;
            assert_eq!(then, Expected::Fetch, "a claim that does not end");
            false
        }
        Expected::TakeUp => take_up(&worker, posted, set, now),
    }
}

fn take_up(worker: &Engine, posted: &[u8], set: &[u8], now: i64) -> bool {
    let news = worker.on_shared_keys(Timestamp::from_millis(now), 0, Some(set));
    let promised = plan(posted).map(|(times, _)| times).unwrap_or_default();
    if !news.good {
        let (then, _) = step(worker, posted, now);
        assert_eq!(then, Expected::Fetch, "a bad set, and no fetch of one's own");
        return false;
    }
    let Some((at, body)) = set.split_first_chunk::<8>() else {
        panic!("a set of {} bytes was taken", set.len());
    };
    let at = i64::from_be_bytes(*at);
    assert!(at >= promised.first().copied().unwrap_or_default(), "an older set than promised");
    assert!(at <= now + CLOCKS && now - at <= STALE, "a set from another time: {at}");
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    assert!(body.get("keys").is_some_and(Value::is_array), "a set without `keys`");
    assert_eq!((&news.set, &news.plan), (&None, &None), "what was shared is shared again");
    let (then, _) = step(worker, posted, now);
    assert_ne!(then, Expected::TakeUp, "the same set is taken up again");
    news.keys > 0
}

/// The name of a use (32 bytes), until when it counts and what time it is (8 each, in seconds), and
/// the bucket: what counts is never forgotten, nothing counts twice, no bucket grows without end.
pub(super) fn uses(bytes: &[u8]) -> bool {
    let Some((name, rest)) = bytes.split_first_chunk::<32>() else { return false };
    let Some((until, rest)) = rest.split_first_chunk::<8>() else { return false };
    let Some((now, bucket)) = rest.split_first_chunk::<8>() else { return false };
    // As far as dates go (RFC 3339).
    let seconds = |bytes: &[u8; 8]| i64::from_be_bytes(*bytes).clamp(0, 253_402_300_799);
    let (until, now) = (seconds(until), seconds(now));
    let at = Timestamp::from_secs;
    let proof = ProofUse { name: *name, until: at(until) };
    let key = proof.bucket();
    let number: Option<u16> = key.strip_prefix("proofs/").and_then(|text| text.parse().ok());
    assert!(number.is_some_and(|number| number < 1024), "the bucket {key}");
    let sound = bucket.len() % 16 == 0 && bucket.len() <= 4096;
    let Ok(answer) = proof.in_bucket(bucket, at(now)) else {
        assert!(!sound, "a bucket that is one");
        return false;
    };
    assert!(sound, "a bucket that is none");
    let (entries, _) = bucket.as_chunks::<16>();
    let end = |entry: &[u8; 16]| {
        entry.last_chunk::<4>().map_or(0, |end| i64::from(u32::from_be_bytes(*end)))
    };
    let alive: Vec<&[u8; 16]> = entries.iter().filter(|entry| end(entry) > now).collect();
    let short = name.get(2..14).unwrap_or_default();
    let known = alive.iter().any(|entry| entry.starts_with(short));
    match answer {
        Use::Not(Memory::Used) => assert!(known, "used, and nobody did"),
        Use::Not(Memory::Full) => assert!(alive.len() == 256 && !known, "full, and is not"),
        Use::Not(Memory::Fresh) => panic!("fresh, and not remembered"),
        Use::First(changed) => {
            assert!(!known, "the second use of a proof");
            let (kept, rest) = changed.as_chunks::<16>();
            assert!(rest.is_empty() && kept.len() <= 256, "no bucket comes of it");
            assert!(alive.iter().all(|entry| kept.contains(entry)), "what counts was forgotten");
            assert_eq!(kept.len(), alive.len() + 1, "more was added");
            let while_it_counts = proof.in_bucket(&changed, at(until.max(now)));
            if until >= now && until < i64::from(u32::MAX) {
                assert_eq!(while_it_counts, Ok(Use::Not(Memory::Used)), "forgotten too soon");
                let after = proof.in_bucket(&changed, at(until).plus(Span::from_secs(1)));
                assert!(matches!(after, Ok(Use::First(_))), "remembered for too long");
            }
            return true;
        }
    }
    false
}
