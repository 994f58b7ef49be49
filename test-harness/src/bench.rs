//! Ambit beside Envoy's own filters: one process, one worker, one run after the other, round after
//! round, so that whatever else the machine does meets all of them alike.

mod gateway;
mod report;
mod runs;
mod tokens;

pub use report::{Measured, Module, Summary};

use crate::demo::gateway::{Gateway, Listener, Settings};
use ambit_load::{Outcome, Until};
use gateway::{ADMIN, FIRST};
use runs::{Filters, RUNS, Run, Tokens};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokens::Pool;
use tokio::runtime::Runtime;

/// Connections in every run.
const CONNECTIONS: usize = 16;
/// What a run that has not been measured yet is warmed up with.
const WARM_UP: Duration = Duration::from_millis(300);

/// How long to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Rounds; each run once in each.
    pub rounds: usize,
    /// How long one run takes in one round.
    pub time: Duration,
    /// Requests of one run whose tokens are all new, in one round.
    pub new_tokens: usize,
    /// Only these runs; all where it is empty.
    pub only: Vec<String>,
}

impl Plan {
    fn has(&self, run: &Run) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == run.name)
    }
}

/// Runs everything, telling `progress` what is under way.
///
/// # Errors
/// Envoy does not start, a run has an answer other than 200, or a token that should have been new
/// was not verified.
pub fn measure(
    root: &Path,
    noop: &Path,
    plan: &Plan,
    progress: &mut dyn FnMut(&str),
) -> io::Result<Summary> {
    progress(&format!(
        "signing {} tokens",
        plan.rounds.saturating_mul(plan.new_tokens).saturating_mul(3)
    ));
    let pool = Pool::sign(root, plan.rounds, plan.new_tokens)?;
    let folder = root.join("target/bench");
    std::fs::create_dir_all(&folder)?;
    progress("starting Envoy with 100,000 rules among others");
    let runtime = Runtime::new()?;
    let gateway = runtime.block_on(start(root, noop, &pool, &folder))?;
    let envoy = gateway.pid().ok_or_else(|| io::Error::other("Envoy has ended"))?;
    let mut rounds: BTreeMap<&str, Vec<Round>> = BTreeMap::new();
    for (port, run) in (FIRST..).zip(&RUNS).filter(|(_, run)| run.tokens == Tokens::Few) {
        ambit_load::run(
            at(port),
            &runs::requests(run, &pool, 0),
            CONNECTIONS,
            Until::Time(WARM_UP),
        )?;
    }
    for round in 0..plan.rounds {
        progress(&format!("round {} of {}", round.saturating_add(1), plan.rounds));
        // Each round begins with another run: none always comes after the same one.
        for step in 0..RUNS.len() {
            let number = step.saturating_add(round) % RUNS.len();
            let Some(run) = RUNS.get(number).filter(|run| plan.has(run)) else { continue };
            let port = FIRST.saturating_add(u16::try_from(number).unwrap_or(u16::MAX));
            let before = processor_time(envoy)?;
            let outcome = one(&runtime, run, port, &pool, round, plan.time)?;
            let busy = processor_time(envoy)?.saturating_sub(before);
            rounds.entry(run.name).or_default().push(Round { outcome, busy });
        }
    }
    let module = Module::of(&root.join("dist/ambit.wasm"), load_time(&folder.join("envoy.log"))?)?;
    Ok(Summary::new(RUNS.map(|run| (run.name, run.says)).as_slice(), &rounds, module))
}

/// One run in one round.
#[derive(Debug)]
struct Round {
    outcome: Outcome,
    /// What Envoy's threads worked meanwhile: whatever else the machine does is not in it.
    busy: Duration,
}

/// The time that all threads of a process have spent on a processor.
fn processor_time(process: u32) -> io::Result<Duration> {
    let mut nanos = 0_u64;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread that ends meanwhile is none of Envoy's workers.
        let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        let spent = text.split(' ').next().and_then(|first| first.parse::<u64>().ok());
        nanos = nanos.saturating_add(spent.unwrap_or_default());
    }
    Ok(Duration::from_nanos(nanos))
}

fn one(
    runtime: &Runtime,
    run: &Run,
    port: u16,
    pool: &Pool,
    round: usize,
    time: Duration,
) -> io::Result<Outcome> {
    let requests = runs::requests(run, pool, round);
    let until = match run.tokens {
        Tokens::Few => Until::Time(time),
        Tokens::New(_) => Until::Once,
    };
    let counted = matches!(run.filters, Filters::Ambit { .. });
    let before = if counted { runtime.block_on(verifications())? } else { 0 };
    let outcome = ambit_load::run(at(port), &requests, CONNECTIONS, until)?;
    if outcome.refused > 0 {
        return Err(io::Error::other(format!("{}: {} were refused", run.name, outcome.refused)));
    }
    if counted {
        // The module tells what it counted once a second.
        std::thread::sleep(TOLD_WITHIN);
        let verified = runtime.block_on(verifications())?.saturating_sub(before);
        let asked = outcome.micros.len() as u64;
        let expected = if until_once(until) { verified == asked } else { verified < asked / 100 };
        if !expected {
            return Err(io::Error::other(format!(
                "{}: {verified} signatures verified for {asked} requests",
                run.name
            )));
        }
    }
    Ok(outcome)
}

/// How old the counters on Envoy's page may be.
const TOLD_WITHIN: Duration = Duration::from_millis(1_100);

const fn until_once(until: Until) -> bool {
    matches!(until, Until::Once)
}

async fn start(root: &Path, noop: &Path, pool: &Pool, folder: &Path) -> io::Result<Gateway> {
    let configuration = gateway::configuration(root, noop, pool).map_err(io::Error::other)?;
    let listener = |(port, run): (u16, &Run)| Listener {
        port,
        policy: String::new(),
        records: folder.join(format!("{}.log", run.name)),
    };
    let settings = Settings {
        listeners: (FIRST..).zip(&RUNS).map(listener).collect(),
        admin: ADMIN,
        signing_key: String::new(),
        clusters: Vec::new(),
        module: PathBuf::from(root).join("dist/ambit.wasm"),
        workers: 1,
    };
    Gateway::launch(root, folder, &settings, &configuration).await
}

/// Signatures that Ambit verified since Envoy started.
async fn verifications() -> io::Result<u64> {
    let answer =
        crate::demo::web::send(ADMIN, "GET", "/stats?filter=wasmcustom.ambit", &[], "").await?;
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    let counted = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        name.contains(".signatures.").then(|| value.parse::<u64>().ok())?
    };
    let found: Vec<u64> = text.lines().filter_map(counted).collect();
    match found.is_empty() {
        true => Err(io::Error::other("the module counts no verifications")),
        false => Ok(found.iter().sum()),
    }
}

/// The longest time that one module took for the 100,000 rules, in milliseconds, by its own word.
fn load_time(log: &Path) -> io::Result<u64> {
    let text = std::fs::read_to_string(log)?;
    let took = |line: &str| {
        let rest = line.split_once("policy `bench-100000`")?.1;
        rest.split_once("compiled in ")?.1.split_once(" ms")?.0.parse::<u64>().ok()
    };
    let slowest = text.lines().filter_map(took).max();
    slowest.ok_or_else(|| io::Error::other("the log does not tell how long the rules took"))
}

const fn at(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}
