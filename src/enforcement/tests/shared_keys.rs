//! Keys that one worker fetches and all use: claims, takeovers, refetches, and garbage in between.

use super::host::{NOW, World, claims, issuer_key, other_key, policy};
use crate::enforcement::{CalloutReply, KeyStep};
use crate::identity::issue::SigningKey;
use crate::time::{Span, Timestamp};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const REFRESH: i64 = 60;

fn at(seconds: i64) -> Timestamp {
    NOW.plus(Span::from_secs(seconds))
}

fn jwks(keys: &[(&str, &SigningKey)]) -> Vec<u8> {
    let keys: Vec<_> = keys.iter().map(|(kid, key)| key.jwk(kid)).collect();
    json!({ "keys": keys }).to_string().into_bytes()
}

fn good() -> Vec<u8> {
    jwks(&[("k", &issuer_key())])
}

/// A worker whose first issuer's keys are fetched.
fn worker() -> World {
    let inline = format!("{{ inline: {{ keys: [{}] }} }}", issuer_key().jwk("k"));
    let remote = "{ remote: { cluster: idp, url: \"https://idp.example.com/k\", \
                  refresh: 1m, keep_stale: 10m } }";
    let text = policy("");
    assert!(text.contains(&inline));
    World::of(&text.replace(&inline, remote))
}

/// What the workers of a process see, and how often the issuer was asked.
#[derive(Default)]
struct Process {
    plan: Option<Vec<u8>>,
    set: Option<Vec<u8>>,
    fetches: usize,
    refetches: usize,
    broken: bool,
}

impl Process {
    /// One tick of one worker; the issuer answers at once, or never.
    fn tick(&mut self, world: &World, seconds: i64, answer: Option<(u16, &[u8])>) {
        let (engine, now) = (&world.engine, at(seconds));
        let plan = self.plan.clone().filter(|_| !self.broken);
        match engine.on_tick(now, 0, plan.as_deref()) {
            KeyStep::Rest => {}
            KeyStep::TakeUp => {
                let _ = engine.on_shared_keys(now, 0, self.set.as_deref());
            }
            KeyStep::Fetch { claim, refetch, .. } => {
                engine.on_keys_claimed(now, 0);
                self.plan = Some(claim);
                self.fetches += 1;
                self.refetches += usize::from(refetch);
                let Some((status, body)) = answer else { return };
                let reply = CalloutReply { status: Some(status), body };
                let news = engine.on_keys_reply(now, 0, reply);
                self.set = news.set.or(self.set.take());
                self.plan = news.plan;
            }
        }
    }
}

fn read(world: &World) -> u16 {
    read_with(world, &issuer_key(), "k")
}

fn read_with(world: &World, key: &SigningKey, kid: &str) -> u16 {
    let header = json!({"alg": key.algorithm(), "typ": "at+jwt", "kid": kid});
    let token = key.sign(&header, &claims(&json!({})));
    let seen = world.ask("GET", "/v1/tickets/7").token(&token).send();
    seen.reply.map_or(200, |reply| reply.status)
}

#[test]
fn one_worker_fetches_and_the_others_take_up_what_it_shares() {
    let (workers, mut process) = ([worker(), worker(), worker()], Process::default());
    for seconds in 0..(10 * REFRESH) {
        for world in &workers {
            process.tick(world, seconds, Some((200, &good())));
            assert_eq!(read(world), 200, "{seconds}");
        }
    }
    assert_eq!(process.fetches, 10);
    // One that starts later asks nobody.
    let late = worker();
    process.tick(&late, 10 * REFRESH - 1, None);
    assert_eq!((read(&late), process.fetches), (200, 10));
}

#[test]
fn a_worker_that_dies_while_it_fetches_holds_nobody_up_for_longer_than_its_claim() {
    let (one, other, mut process) = (worker(), worker(), Process::default());
    process.tick(&one, 0, None);
    drop(one);
    for seconds in 0..10 {
        process.tick(&other, seconds, Some((200, &good())));
        assert_eq!((read(&other), process.fetches), (503, 1));
    }
    process.tick(&other, 10, Some((200, &good())));
    assert_eq!((read(&other), process.fetches), (200, 2));
}

#[test]
fn workers_together_ask_an_issuer_that_is_down_no_more_often_than_one() {
    let (workers, mut process) = ([worker(), worker(), worker()], Process::default());
    for tenth in 0..600 {
        for world in &workers {
            process.tick(world, tenth / 10, Some((503, b"")));
        }
    }
    // After 0, 2, 6, 14 and 30 seconds.
    assert_eq!(process.fetches, 5);
}

#[test]
fn a_key_that_is_not_there_is_fetched_at_once_and_the_caller_told_to_try_again() {
    let (one, other, mut process) = (worker(), worker(), Process::default());
    let new = jwks(&[("k", &issuer_key()), ("next", &other_key())]);
    for world in [&one, &other] {
        process.tick(world, 0, Some((200, &good())));
    }
    process.tick(&one, 1, None);
    assert!(!one.engine.take_hurry());
    assert_eq!(read_with(&one, &other_key(), "next"), 503);
    assert!(one.engine.take_hurry() && !one.engine.take_hurry(), "said once");
    assert_eq!(read(&one), 200, "known keys need not wait");
    process.tick(&one, 1, Some((200, &new)));
    assert_eq!((process.fetches, process.refetches), (2, 1));
    assert_eq!(read_with(&one, &other_key(), "next"), 200);
    process.tick(&other, 2, None);
    assert_eq!(read_with(&other, &other_key(), "next"), 200, "without a fetch of its own");
    assert_eq!(process.fetches, 2);
}

#[test]
fn tokens_of_made_up_keys_cannot_make_the_workers_hammer_an_issuer() {
    let (workers, mut process) = ([worker(), worker()], Process::default());
    let mut told = BTreeMap::new();
    for seconds in 0..(5 * REFRESH) {
        for (number, world) in (0..).zip(&workers) {
            process.tick(world, seconds, Some((200, &good())));
            for kid in ["a", "b", "c"] {
                let kid = format!("{kid}{seconds}{number}");
                *told.entry(read_with(world, &other_key(), &kid)).or_insert(0) += 1;
            }
        }
    }
    // By the clock, and at most one more in each half minute.
    assert!(process.fetches - process.refetches <= 5, "{}", process.fetches);
    assert!((1..=10).contains(&process.refetches), "{}", process.refetches);
    assert!(told[&401] > 10 * told[&503], "{told:?}");
    assert!(!told.contains_key(&200));
}

#[test]
fn garbage_where_plan_or_set_should_be_neither_opens_nor_holds_up() {
    let posted = |fetched_at: i64, set: &[u8]| {
        Some([&at(fetched_at).millis().to_be_bytes()[..], set].concat())
    };
    // A real plan, of a worker that fetched at 5.
    let mut honest = Process::default();
    honest.tick(&worker(), 5, Some((200, &good())));
    let plan = honest.plan.unwrap();
    let secret = jwks(&[("k", &SigningKey::secret("HS256", &[3; 32]).unwrap())]);
    let cases: Vec<(Vec<u8>, Option<Vec<u8>>)> = vec![
        (Vec::new(), None),
        (vec![0; 36], None),
        (vec![0x7f; 36], None),
        (vec![0xff; 36], Some(vec![0xff; 36])),
        (b"another format of another version...".to_vec(), None),
        (plan.clone(), None),
        (plan.clone(), Some(Vec::new())),
        (plan.clone(), Some(b"short".to_vec())),
        (plan.clone(), posted(5, &secret)),
        (plan.clone(), posted(0, &good())),
        (plan.clone(), posted(4_000_000_000, &good())),
        (plan.clone(), posted(5, b"{\"keys\":[]}")),
        (plan, posted(5, &vec![b' '; 300_000])),
    ];
    for (number, (plan, set)) in cases.into_iter().enumerate() {
        let mut process = Process { plan: Some(plan), set, ..Process::default() };
        let world = worker();
        process.tick(&world, 6, Some((200, &good())));
        assert!(read(&world) == 503 || process.fetches == 1, "{number}");
        process.tick(&world, 7, Some((200, &good())));
        assert_eq!((read(&world), process.fetches), (200, 1), "{number}");
        // What is shared is good again, for all.
        let other = worker();
        process.tick(&other, 8, None);
        assert_eq!((read(&other), process.fetches), (200, 1), "{number}");
    }
}

#[test]
fn what_is_shared_grows_old_from_when_it_was_fetched_and_not_from_when_it_was_taken_up() {
    let mut process = Process::default();
    process.tick(&worker(), 0, Some((200, &good())));
    let late = worker();
    process.tick(&late, 500, Some((500, b"")));
    assert_eq!(read(&late), 200);
    process.tick(&late, 601, Some((500, b"")));
    assert_eq!(read(&late), 503);
    let later = worker();
    process.tick(&later, 700, Some((500, b"")));
    assert_eq!(read(&later), 503, "too old to be taken up");
}

#[test]
fn where_nothing_can_be_shared_each_worker_fetches_for_itself() {
    let mut process = Process { broken: true, ..Process::default() };
    let workers = [worker(), worker()];
    for seconds in 0..REFRESH {
        for world in &workers {
            process.tick(world, seconds, Some((200, &good())));
            assert_eq!(read(world), 200);
        }
    }
    assert_eq!(process.fetches, 2);
}

#[test]
fn a_clock_that_is_set_back_holds_nothing_up() {
    let (world, mut process) = (worker(), Process::default());
    process.tick(&world, 100_000, Some((200, &good())));
    process.tick(&world, 0, Some((200, &good())));
    assert_eq!((read(&world), process.fetches), (200, 2));
}

#[test]
fn fetches_are_spread_by_what_the_host_gives_and_never_later_than_refresh() {
    let mut times = BTreeSet::new();
    for random in 1..40_u64 {
        let (world, mut process) = (worker(), Process::default());
        world.engine.spread_fetches(random.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut second = 0;
        while process.fetches < 2 {
            second += 1;
            process.tick(&world, second, Some((200, &good())));
        }
        assert!((54..=61).contains(&second), "{second}");
        times.insert(second);
    }
    assert!(times.len() >= 4, "{times:?}");
}

#[test]
fn an_issuer_whose_keys_stand_in_the_policy_is_not_asked() {
    let world = World::new();
    assert_eq!(read_with(&world, &other_key(), "next"), 401);
    assert!(!world.engine.take_hurry() && world.engine.key_sources().is_empty());
}
