//! Looks for inputs that break a target: mutation, kept where it reaches new code.

use super::coverage::Reached;
use super::mutate::{Random, minimise, mutate};
use super::{Target, corpus};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// An input that broke its target.
#[derive(Debug)]
pub struct Find {
    /// The input, made small.
    pub input: Vec<u8>,
    /// What the panic said.
    pub message: String,
}

/// What exploring one target came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Inputs tried.
    pub tried: u64,
    /// Of these, accepted by the parser.
    pub accepted: u64,
    /// Inputs that reach something of their own.
    pub kept: Vec<Vec<u8>>,
    /// Counters reached.
    pub reached: usize,
    /// The first that broke it.
    pub find: Option<Find>,
}

/// The input that is being tried, so that it is known when the process dies of it.
#[must_use]
pub fn trying(folder: &Path, target: &str) -> PathBuf {
    folder.join(format!("{target}.trying"))
}

/// Explores for a while, beginning with the corpus and what `folder` has from before; `show` hears of
/// it about every two seconds. Ends at the first find.
///
/// # Errors
/// The corpus cannot be read, or the folder not written.
pub fn explore(
    target: &Target,
    time: Duration,
    seed: u64,
    folder: &Path,
    mut show: impl FnMut(&Report, Duration),
) -> io::Result<Report> {
    fs::create_dir_all(folder)?;
    let note = File::create(trying(folder, target.name))?;
    let mut seeds = corpus::load(target.name)?;
    seeds.extend(earlier(folder, target.name));
    let (mut reached, mut report) = (Reached::default(), Report::default());
    let mut random = Random::new(seed);
    let (begun, mut shown) = (Instant::now(), Duration::ZERO);
    let mut next_seed = 0;
    let mut kept = BTreeSet::new();
    while begun.elapsed() < time || next_seed < seeds.len() {
        let input = match seeds.get(next_seed) {
            Some(seed) => seed.clone(),
            None => {
                let pool = if report.kept.is_empty() { &seeds } else { &report.kept };
                let parent = random.one(pool).cloned().unwrap_or_default();
                let other = random.one(pool).cloned().unwrap_or_default();
                mutate(&mut random, &parent, &other, target.tokens)
            }
        };
        next_seed = next_seed.saturating_add(1);
        note.set_len(0)?;
        note.write_all_at(&input, 0)?;
        Reached::begin();
        let outcome = attempt(target, &input);
        let new = reached.take();
        report.tried = report.tried.saturating_add(1);
        match outcome {
            Ok(accepted) => report.accepted += u64::from(accepted),
            Err(_) => {
                let input = minimise(&input, |fewer| attempt(target, fewer).is_err());
                let message = attempt(target, &input).err().unwrap_or_default();
                report.find = Some(Find { input, message });
                break;
            }
        }
        // Without coverage the seeds are all that is varied.
        if (new || (!Reached::is_guided() && next_seed <= seeds.len()))
            && kept.insert(input.clone())
        {
            report.kept.push(input);
        }
        let elapsed = begun.elapsed();
        if elapsed.saturating_sub(shown) > Duration::from_secs(2) {
            shown = elapsed;
            report.reached = reached.count();
            show(&report, elapsed);
        }
    }
    report.reached = reached.count();
    show(&report, begun.elapsed());
    let lines: Vec<String> = report.kept.iter().map(|input| corpus::escape(input)).collect();
    fs::write(folder.join(format!("{}.txt", target.name)), lines.join("\n"))?;
    Ok(report)
}

/// What earlier runs kept; nothing where there were none.
fn earlier(folder: &Path, target: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(folder.join(format!("{target}.txt"))).unwrap_or_default();
    text.lines().filter_map(corpus::unescape).collect()
}

/// Runs the target; the panic's message where it panics.
///
/// # Errors
/// It panicked.
pub fn attempt(target: &Target, input: &[u8]) -> Result<bool, String> {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).map_err(|payload| {
        let text = payload.downcast_ref::<String>().cloned();
        text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "it panicked".to_owned())
    })
}

/// The fewest inputs that reach what all of them do, small ones first.
#[must_use]
pub fn fewest(target: &Target, inputs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut sorted = inputs.to_vec();
    sorted.sort_by_key(Vec::len);
    let mut reached = Reached::default();
    sorted.retain(|input| {
        Reached::begin();
        let _ = attempt(target, input);
        reached.take()
    });
    sorted
}
