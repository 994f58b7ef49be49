//! Rounds in which everybody has a turn, so that what else the machine does falls on all alike.

use crate::contest::{self, Contestant, Decide};
use ambit_engines::questions;
use std::hint::black_box;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};
use wasmtime::Module;

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Turns that each engine has.
    pub(crate) rounds: u64,
    /// How long one turn is, for each of the two ways to ask.
    pub(crate) slice: Duration,
    /// How many rules.
    pub(crate) sizes: Vec<u32>,
    /// How many questions, asked over and over.
    pub(crate) questions: usize,
    /// Single decisions that are timed in a turn, at most.
    pub(crate) singles: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            rounds: 7,
            slice: Duration::from_millis(50),
            sizes: vec![10, 1_000, 10_000],
            questions: 256,
            singles: 2_000,
        }
    }
}

/// One way to ask one engine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    /// Decisions a second, a number a round.
    pub(crate) rates: Vec<f64>,
    /// Single decisions in nanoseconds, with what reading the clock takes.
    pub(crate) nanos: Vec<u64>,
}

/// One engine under a policy.
#[derive(Clone, Debug)]
pub(crate) struct Result {
    pub(crate) name: &'static str,
    pub(crate) says: &'static str,
    pub(crate) rules: u32,
    pub(crate) load: Duration,
    pub(crate) whole: Measured,
    pub(crate) ready: Measured,
}

/// Measures everybody with policies of every size.
///
/// # Errors
/// As [`contest::all`].
pub(crate) fn all(module: &Path, plan: &Plan) -> std::result::Result<Vec<Result>, String> {
    let mut results = Vec::new();
    let module = Module::from_file(&wasmtime::Engine::default(), module)
        .map_err(|error| format!("{}: {error}", module.display()))?;
    for &rules in &plan.sizes {
        eprintln!("engines: {rules} rules");
        let asked = Rc::new(questions(rules, plan.questions));
        let mut engines = contest::all(&module, rules, &asked)?;
        let mut measured: Vec<Result> = engines.iter().map(|one| result(one, rules)).collect();
        let count = engines.len();
        // The first round warms everything up and is not kept.
        for round in 0..=plan.rounds {
            for turn in 0..count {
                let at = (turn + round as usize) % count;
                let (Some(engine), Some(result)) = (engines.get_mut(at), measured.get_mut(at))
                else {
                    continue;
                };
                let whole = turn_of(&mut engine.whole, plan);
                let ready = turn_of(&mut engine.ready, plan);
                if round > 0 {
                    result.whole.take(whole);
                    result.ready.take(ready);
                }
            }
        }
        results.extend(measured);
    }
    Ok(results)
}

fn result(one: &Contestant, rules: u32) -> Result {
    let (whole, ready) = (Measured::default(), Measured::default());
    Result { name: one.name, says: one.says, rules, load: one.load, whole, ready }
}

/// Decisions a second over a slice of time, then single ones.
fn turn_of(decide: &mut Decide, plan: &Plan) -> (f64, Vec<u64>) {
    let (mut decided, mut at, mut many) = (0_u64, 0, 1);
    let begun = Instant::now();
    let rate = loop {
        // Reading the clock each time would be a part of what is measured.
        for _ in 0..many {
            black_box(decide(black_box(at)));
            at = (at + 1) % plan.questions;
            decided += 1;
        }
        many = (many * 2).min(256);
        let took = begun.elapsed();
        if took >= plan.slice {
            break decided as f64 / took.as_secs_f64();
        }
    };
    let begun = Instant::now();
    let mut singles = Vec::with_capacity(plan.singles);
    while singles.len() < plan.singles && begun.elapsed() < plan.slice {
        let before = Instant::now();
        black_box(decide(black_box(at)));
        singles.push(u64::try_from(before.elapsed().as_nanos()).unwrap_or(u64::MAX));
        at = (at + 1) % plan.questions;
    }
    (rate, singles)
}

impl Measured {
    fn take(&mut self, (rate, singles): (f64, Vec<u64>)) {
        self.rates.push(rate);
        self.nanos.extend(singles);
    }

    /// The median of the rounds.
    pub(crate) fn rate(&self) -> f64 {
        let mut rates = self.rates.clone();
        rates.sort_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied().unwrap_or_default()
    }

    /// The time that so many of a hundred decisions stay within, in microseconds.
    pub(crate) fn percentile(&self, of_hundred: usize) -> f64 {
        let mut nanos = self.nanos.clone();
        nanos.sort_unstable();
        let at = (nanos.len() * of_hundred / 100).min(nanos.len().saturating_sub(1));
        nanos.get(at).copied().unwrap_or_default() as f64 / 1_000.0
    }
}
