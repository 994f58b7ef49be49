//! What came of it: counts, the curve of memory, and what must hold of both.

use ambit_test_harness::proxy_host::Exchange;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// What may be grown by in the second half of a run: rounding of the allocator.
const GROWTH: usize = 256 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) authenticated: u64,
    pub(crate) forwarded: u64,
    pub(crate) disconnected: u64,
    pub(crate) compared: u64,
    pub(crate) reloads: u64,
    pub(crate) bad_reloads: u64,
    pub(crate) kinds: BTreeMap<&'static str, u64>,
    pub(crate) reasons: BTreeMap<String, u64>,
    pub(crate) statuses: BTreeMap<u16, u64>,
}

impl Counts {
    pub(crate) fn take(&mut self, exchange: &Exchange) {
        let record = exchange.filter_state.iter().rev().find(|(key, _)| key == "ambit_record");
        let reason = record.and_then(|(_, bytes)| reason(bytes)).unwrap_or("no record").to_owned();
        *self.reasons.entry(reason).or_default() += 1;
        *self.statuses.entry(exchange.status()).or_default() += 1;
    }

    pub(crate) fn and(mut self, other: Self) -> Self {
        self.requests += other.requests;
        self.authenticated += other.authenticated;
        self.forwarded += other.forwarded;
        self.disconnected += other.disconnected;
        self.compared += other.compared;
        self.reloads += other.reloads;
        self.bad_reloads += other.bad_reloads;
        for (name, count) in other.kinds {
            *self.kinds.entry(name).or_default() += count;
        }
        for (name, count) in other.reasons {
            *self.reasons.entry(name).or_default() += count;
        }
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self
    }
}

/// The reason in a record, without reading all of it.
fn reason(record: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(record).ok()?;
    let (_, rest) = text.split_once("\"reason\":\"")?;
    rest.split('"').next()
}

/// What one gateway held at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) half: u64,
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) memory: usize,
    pub(crate) streams: usize,
    pub(crate) callouts: usize,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>8.1} s {:>10} requests a gateway {:>7} KiB in two instances {:>3} streams {:>3} callouts",
            self.seconds,
            self.requests,
            self.memory / 1024,
            self.streams,
            self.callouts
        )
    }
}

/// Prints the counts and writes `summary.json` and `soak.svg`.
pub(crate) fn write(counts: &Counts, points: &[Point], seconds: f64, folder: &Path) {
    let share = |count: u64| count as f64 * 100.0 / counts.requests.max(1) as f64;
    println!(
        "{} requests in {seconds:.0} s ({:.0}/s): {:.1} % authenticated, {:.1} % forwarded, {} left, \
         {} decided by the core alike, {} reloads, {} bad ones",
        counts.requests,
        counts.requests as f64 / seconds,
        share(counts.authenticated),
        share(counts.forwarded),
        counts.disconnected,
        counts.compared,
        counts.reloads,
        counts.bad_reloads,
    );
    for (name, count) in &counts.kinds {
        println!("  sent     {name:<28} {count:>10} {:>5.1} %", share(*count));
    }
    for (name, count) in &counts.reasons {
        println!("  decided  {name:<28} {count:>10} {:>5.1} %", share(*count));
    }
    for (status, count) in &counts.statuses {
        println!("  status   {status:<28} {count:>10} {:>5.1} %", share(*count));
    }
    let curve: Vec<_> = points
        .iter()
        .map(|p| json!([p.half, p.requests, p.memory, p.streams, p.callouts]))
        .collect();
    let summary = json!({
        "requests": counts.requests, "seconds": seconds, "authenticated": counts.authenticated,
        "forwarded": counts.forwarded, "disconnected": counts.disconnected,
        "compared": counts.compared, "reloads": counts.reloads, "bad_reloads": counts.bad_reloads,
        "kinds": counts.kinds, "reasons": counts.reasons, "statuses": counts.statuses,
        "curve": curve,
    });
    std::fs::write(folder.join("summary.json"), format!("{summary:#}\n")).unwrap();
    std::fs::write(folder.join("soak.svg"), svg(points)).unwrap();
    println!("{} and summary.json", folder.join("soak.svg").display());
}

/// Memory of both gateways over their requests.
fn svg(points: &[Point]) -> String {
    let most = points.iter().map(|point| point.memory).max().unwrap_or(1).max(1) as f64;
    let last = points.iter().map(|point| point.requests).max().unwrap_or(1).max(1) as f64;
    let line = |half: u64| -> String {
        let place = |point: &Point| {
            let x = 60.0 + 720.0 * point.requests as f64 / last;
            let y = 260.0 - 220.0 * point.memory as f64 / most;
            format!("{x:.1},{y:.1}")
        };
        let mine = points.iter().filter(|point| point.half == half);
        mine.map(place).collect::<Vec<_>>().join(" ")
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 300\" font-family=\"sans-serif\" \
         font-size=\"12\"><rect width=\"800\" height=\"300\" fill=\"white\"/>\
         <text x=\"60\" y=\"24\">Memory of the module, two workers each: {:.1} MiB at most</text>\
         <path d=\"M60 40V260H780\" fill=\"none\" stroke=\"#888\"/>\
         <text x=\"8\" y=\"46\">{:.1} MiB</text><text x=\"40\" y=\"264\">0</text>\
         <text x=\"640\" y=\"280\">{last:.0} requests each</text>\
         <polyline points=\"{}\" fill=\"none\" stroke=\"#06c\"/>\
         <polyline points=\"{}\" fill=\"none\" stroke=\"#c60\"/></svg>\n",
        most / 1_048_576.0,
        most / 1_048_576.0,
        line(0),
        line(1)
    )
}

/// What must hold.
pub(crate) fn hold(counts: &Counts, points: &[Point]) {
    assert!(counts.authenticated * 5 >= counts.requests, "too few were authenticated");
    assert!(counts.forwarded * 20 >= counts.requests, "too few were forwarded");
    assert!(counts.compared * 200 >= counts.requests, "too few were compared");
    for half in [0, 1] {
        let mine: Vec<&Point> = points.iter().filter(|point| point.half == half).collect();
        let (early, late) = mine.split_at(mine.len() / 2);
        let most = |points: &[&Point]| points.iter().map(|point| point.memory).max().unwrap_or(0);
        assert!(
            most(late) <= most(early) + GROWTH,
            "memory grew: {} KiB in the first half, {} KiB in the second",
            most(early) / 1024,
            most(late) / 1024
        );
    }
}
