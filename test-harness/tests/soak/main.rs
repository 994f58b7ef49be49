//! Random, mutated and grammar-made requests through the shipped module, two gateways of two workers
//! each: nothing traps, memory stays flat, and what is forwarded is what another judge lets through.
//!
//! `SOAK_REQUESTS` is how many (`make soak`: ten million; else 100,000), `SOAK_SEED` makes a run repeatable.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may fail loudly")]

mod judge;
mod report;
mod requests;
mod world;

use ambit_test_harness::proxy_host::{CalloutAnswer, Exchange, Flight, Gateway, Response};
use judge::{Judge, Sent};
use report::{Counts, Point};
use requests::{Random, Requests};
use std::sync::Mutex;
use std::time::Instant;

/// Requests that may be on their way at once, on both workers of a gateway.
const AT_ONCE: usize = 24;
/// How often the memory is looked at.
const POINTS: u64 = 200;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn whatever_comes_the_module_neither_traps_nor_opens_nor_grows() {
    let all = number("SOAK_REQUESTS", 100_000);
    let seed = number("SOAK_SEED", 1);
    let module = world::module();
    let begun = Instant::now();
    let points = Mutex::new(Vec::new());
    let counts: Vec<Counts> = std::thread::scope(|scope| {
        let run = |half: u64| {
            let (module, points) = (&module, &points);
            scope.spawn(move || {
                let show = |point: Point| {
                    let mut points = points.lock().unwrap();
                    points.push(Point { seconds: begun.elapsed().as_secs_f64(), ..point });
                    if half == 0 && points.len() % 20 == 1 {
                        println!("{}", points.last().unwrap());
                    }
                };
                soak(
                    world::gateway(module),
                    all / 2,
                    seed.wrapping_mul(2).wrapping_add(half),
                    half,
                    show,
                )
            })
        };
        let threads = [run(0), run(1)];
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let points = points.into_inner().unwrap();
    let counts = counts.into_iter().fold(Counts::default(), Counts::and);
    report::write(&counts, &points, begun.elapsed().as_secs_f64(), &world::folder());
    report::hold(&counts, &points);
}

/// One gateway's share.
fn soak(
    mut gateway: Gateway,
    share: u64,
    seed: u64,
    half: u64,
    mut show: impl FnMut(Point),
) -> Counts {
    let mut random = Random::new(seed);
    let mut requests = Requests::new();
    let mut judge = Judge::new();
    let mut counts = Counts::default();
    let mut open: Vec<(Flight, Sent)> = Vec::new();
    let every = (share / POINTS).max(1);
    while counts.requests < share {
        let (request, kind) = requests.next(&mut random, judge.now());
        *counts.kinds.entry(kind).or_default() += 1;
        counts.requests += 1;
        let sent = judge.sent(&request, &requests);
        let flight = gateway.open_at(random.below(2), request);
        open.push((flight, sent));
        // Answers in any order, clients that go away at any moment.
        while open.len() > random.below(AT_ONCE) {
            let place = random.below(open.len());
            let (flight, sent) = open.swap_remove(place);
            let exchange = end(&mut gateway, flight, &mut random, &mut judge, sent, &mut counts);
            counts.take(&exchange);
        }
        while random.once_in(50) && gateway.answer_late(answer(&mut random).0) {}
        if random.once_in(2000) {
            // Time passes for tokens and keys alike.
            let seconds = 1 + random.below(20) as u64;
            gateway.advance(seconds);
            judge.pass(seconds);
        }
        if random.once_in(20_000) {
            counts.reloads += 1;
            assert!(gateway.reconfigure(world::policy()), "a reload failed");
        }
        if random.once_in(50_000) {
            counts.bad_reloads += 1;
            let _ = gateway.reconfigure(requests.garbage(&mut random));
            assert!(gateway.reconfigure(world::policy()), "a good policy after a bad one failed");
        }
        if counts.requests % every == 0 {
            let (memory, streams, callouts) = gateway.held();
            show(Point {
                half,
                requests: counts.requests,
                memory,
                streams,
                callouts,
                seconds: 0.0,
            });
        }
    }
    for (flight, sent) in open {
        let exchange = end(&mut gateway, flight, &mut random, &mut judge, sent, &mut counts);
        counts.take(&exchange);
    }
    while gateway.answer_late(CalloutAnswer::Reset) {}
    let (_, streams, callouts) = gateway.held();
    assert_eq!((streams, callouts), (0, 0), "streams and callouts are left");
    counts
}

/// Sees one request to its end, and has it judged.
fn end(
    gateway: &mut Gateway,
    mut flight: Flight,
    random: &mut Random,
    judge: &mut Judge,
    mut sent: Sent,
    counts: &mut Counts,
) -> Exchange {
    while gateway.waiting(&flight) > 0 {
        if random.once_in(12) {
            counts.disconnected += 1;
            sent.left = true;
            let exchange = gateway.disconnect(flight);
            judge.look(&sent, &exchange, counts);
            return exchange;
        }
        let (answer, owner) = answer(random);
        sent.told(owner);
        gateway.answer(&mut flight, answer);
    }
    let exchange = gateway.finish(flight);
    judge.look(&sent, &exchange, counts);
    exchange
}

/// How a look-up ends, and who owns the record by it.
fn answer(random: &mut Random) -> (CalloutAnswer, Option<String>) {
    let owned = |owner: &str| {
        let body = format!("{{\"owner\":\"{owner}\",\"id\":1}}");
        Response::new(200).header("content-type", "application/json").body(body)
    };
    match random.below(10) {
        0..6 => {
            let owner = *random.one(&["alice", "alice", "bob"]);
            (CalloutAnswer::Response(owned(owner)), Some(owner.to_owned()))
        }
        6 => (CalloutAnswer::Reset, None),
        7 => (CalloutAnswer::down(), None),
        8 => (CalloutAnswer::late(), None),
        _ => {
            let body = *random.one(&["", "{", "[]", "{\"owner\":1}", "{\"owner\":\"alice\"}x"]);
            (CalloutAnswer::Response(Response::new(200).body(body)), None)
        }
    }
}
