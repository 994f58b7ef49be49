//! What was measured, as a table, a picture, and JSON.

use super::Round;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// One run over all its rounds.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Its name in `summary.json`.
    pub name: &'static str,
    /// What it is.
    pub says: &'static str,
    /// Requests a second in each round.
    pub rates: Vec<f64>,
    /// Half of the requests took at most this long, in milliseconds.
    pub p50_ms: f64,
    /// Of a hundred requests, 99 took at most this long, in milliseconds.
    pub p99_ms: f64,
    /// Microseconds of a processor that Envoy spent on a request, in each round.
    pub busy_us: Vec<f64>,
}

/// The module that was measured.
#[derive(Clone, Copy, Debug)]
pub struct Module {
    bytes: u64,
    gzip_bytes: u64,
    load_ms: u64,
}

/// Everything that was measured.
#[derive(Clone, Debug)]
pub struct Summary {
    runs: Vec<Measured>,
    module: Module,
}

/// A ratio that is promised: what, of which run to which, at least.
struct Promise {
    run: &'static str,
    to: &'static str,
    least: f64,
}

/// What is promised of one run beside another.
const PROMISES: [Promise; 5] = [
    Promise { run: "ambit_cached", to: "native_cached", least: 0.90 },
    Promise { run: "ambit_rs256", to: "native_rs256", least: 1.0 },
    Promise { run: "ambit_es256", to: "native_es256", least: 0.95 },
    Promise { run: "ambit_eddsa", to: "native_eddsa", least: 0.75 },
    Promise { run: "ambit_rules_100000", to: "ambit_rules_10", least: 0.9 },
];
/// Without a filter it must be this much faster, or something else was the limit.
const FREE: Promise = Promise { run: "none", to: "native_cached", least: 1.1 };

impl Module {
    /// Sizes of the file, gzip's as the command makes it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of(file: &Path, load_ms: u64) -> io::Result<Self> {
        let bytes = std::fs::metadata(file)?.len();
        let mut gzip =
            Command::new("gzip").args(["-9", "-c"]).arg(file).stdout(Stdio::piped()).spawn()?;
        let mut packed = Vec::new();
        if let Some(out) = &mut gzip.stdout {
            out.read_to_end(&mut packed)?;
        }
        gzip.wait()?;
        Ok(Self { bytes, gzip_bytes: packed.len() as u64, load_ms })
    }
}

impl Measured {
    fn new(name: &'static str, says: &'static str, rounds: &[Round]) -> Self {
        let micros = rounds.iter().flat_map(|round| &round.outcome.micros);
        let mut micros: Vec<u32> = micros.copied().collect();
        micros.sort_unstable();
        let at = |share: usize| {
            let place = micros.len().saturating_mul(share) / 100;
            micros.get(place).map_or(0.0, |micros| f64::from(*micros) / 1_000.0)
        };
        let rates = rounds.iter().map(|round| round.outcome.rate()).collect();
        let busy = |round: &Round| {
            let requests = round.outcome.micros.len().max(1) as f64;
            round.busy.as_secs_f64() * 1e6 / requests
        };
        let busy_us = rounds.iter().map(busy).collect();
        Self { name, says, rates, p50_ms: at(50), p99_ms: at(99), busy_us }
    }

    /// Requests a second: the median of the rounds.
    #[must_use]
    pub fn rps(&self) -> f64 {
        median(self.rates.clone())
    }
}

impl Summary {
    pub(super) fn new(
        names: &[(&'static str, &'static str)],
        rounds: &BTreeMap<&str, Vec<Round>>,
        module: Module,
    ) -> Self {
        let one = |(name, says): &(&'static str, &'static str)| {
            Measured::new(name, says, rounds.get(name).map_or(&[], Vec::as_slice))
        };
        Self { runs: names.iter().map(one).collect(), module }
    }

    fn run(&self, name: &str) -> Option<&Measured> {
        self.runs.iter().find(|run| run.name == name)
    }

    /// Throughput of one run beside another: the median over the rounds, each of which had both.
    #[must_use]
    pub fn ratio(&self, run: &str, to: &str) -> f64 {
        let (Some(run), Some(to)) = (self.run(run), self.run(to)) else { return 0.0 };
        median(run.rates.iter().zip(&to.rates).map(|(run, to)| run / to.max(1e-9)).collect())
    }

    fn busy(&self, run: &str) -> f64 {
        self.run(run).map_or(0.0, |run| median(run.busy_us.clone()))
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = format!(
            "{:<20} {:>10} {:>8} {:>8} {:>8}  ratio\n",
            "run", "requests/s", "p50 ms", "p99 ms", "busy us"
        );
        for run in &self.runs {
            let beside = PROMISES.iter().find(|promise| promise.run == run.name);
            let beside = beside.map_or_else(String::new, |promise| self.kept(promise));
            // Writing to a string cannot fail.
            let _ = writeln!(
                table,
                "{:<20} {:>10.0} {:>8.3} {:>8.3} {:>8.1}  {beside}",
                run.name,
                run.rps(),
                run.p50_ms,
                run.p99_ms,
                median(run.busy_us.clone())
            );
        }
        let Module { bytes, gzip_bytes, load_ms } = self.module;
        let _ = write!(
            table,
            "\nmachine: {}\nmodule: {bytes} bytes, {gzip_bytes} packed; 100,000 rules load in {load_ms} ms\n",
            self.kept(&FREE)
        );
        table
    }

    fn kept(&self, promise: &Promise) -> String {
        let ratio = self.ratio(promise.run, promise.to);
        let verdict = if ratio >= promise.least { "kept" } else { "NOT KEPT" };
        let busy = self.busy(promise.to) / self.busy(promise.run).max(1e-9);
        let least = promise.least;
        format!("{ratio:.3} of {} (at least {least:.2}: {verdict}; by work {busy:.3})", promise.to)
    }

    /// Whether the machine left room to see a difference at all.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.ratio(FREE.run, FREE.to) >= FREE.least
    }

    /// `summary.json`.
    #[must_use]
    pub fn json(&self) -> Value {
        let round = |value: f64| (value * 1_000.0).round() / 1_000.0;
        let run = |run: &Measured| {
            let told = json!({
                "rps": round(run.rps()), "p50_ms": round(run.p50_ms), "p99_ms": round(run.p99_ms), "busy_us": round(median(run.busy_us.clone())),
            });
            (run.name.to_owned(), told)
        };
        let runs: Map<String, Value> = self.runs.iter().map(run).collect();
        let ratio = |promise: &Promise| {
            let name = format!("{}/{}", promise.run, promise.to);
            (name, json!(round(self.ratio(promise.run, promise.to))))
        };
        let ratios: Map<String, Value> = PROMISES.iter().chain([&FREE]).map(ratio).collect();
        let Module { bytes, gzip_bytes, load_ms } = self.module;
        json!({
            "runs": runs,
            "ratios": ratios,
            "module": { "bytes": bytes, "gzip_bytes": gzip_bytes, "load_ms": load_ms },
        })
    }

    /// A picture: a bar for each run, Ambit's in another colour than Envoy's own filters.
    #[must_use]
    pub fn svg(&self) -> String {
        const ROW: usize = 26;
        let most = self.runs.iter().map(Measured::rps).fold(1.0, f64::max);
        let height = self.runs.len().saturating_mul(ROW).saturating_add(60);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 {height}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"13\">\
             <rect width=\"900\" height=\"{height}\" fill=\"#fff\"/>\
             <text x=\"16\" y=\"28\" font-size=\"16\">Requests a second through one Envoy worker</text>"
        );
        for (row, run) in self.runs.iter().enumerate() {
            let top = row.saturating_mul(ROW).saturating_add(46);
            let colour = match run.name {
                name if name.starts_with("ambit") => "#2463eb",
                name if name.starts_with("native") => "#9aa4b2",
                _ => "#d5dae1",
            };
            let width = run.rps() / most * 460.0;
            let _ = write!(
                svg,
                "<text x=\"16\" y=\"{}\">{}</text>\
                 <rect x=\"300\" y=\"{top}\" width=\"{width:.1}\" height=\"18\" rx=\"2\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{:.0}</text>",
                top.saturating_add(14),
                run.says,
                308.0 + width,
                top.saturating_add(14),
                run.rps()
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.get(middle.wrapping_sub(1))) {
        (Some(high), Some(low)) if values.len().is_multiple_of(2) => (high + low) / 2.0,
        (Some(one), _) => *one,
        (None, _) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ambit_load::Outcome;
    use std::time::Duration;

    fn outcome(requests: u32, micros: u32) -> Round {
        let micros = vec![micros; requests as usize];
        let outcome = Outcome { took: Duration::from_secs(1), micros, refused: 0 };
        Round { outcome, busy: Duration::from_millis(500) }
    }

    #[test]
    fn a_ratio_is_the_median_of_what_the_rounds_say() {
        let rounds = BTreeMap::from([
            ("none", vec![outcome(120, 10), outcome(300, 10), outcome(120, 10)]),
            ("native_cached", vec![outcome(100, 10), outcome(100, 10), outcome(200, 10)]),
        ]);
        let module = Module { bytes: 1, gzip_bytes: 1, load_ms: 1 };
        let summary = Summary::new(&[("none", ""), ("native_cached", "")], &rounds, module);
        assert!((summary.ratio("none", "native_cached") - 1.2).abs() < 1e-9);
        assert!(summary.counts());
        assert_eq!(summary.json()["runs"]["none"]["rps"], 120.0);
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!((median(Vec::new())).abs() < 1e-9);
    }
}
