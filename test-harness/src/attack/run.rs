//! The run: every case against every gateway, each gateway in a thread of its own.

use super::catalogue::{Case, Catalogue, Request};
use super::envoys::{Envoys, Target};
use super::judge::{self, Asker};
use super::report::{Outcome, Summary};
use super::token::Recipe;
use super::upstream::{MARK, Received};
use super::wire::{self, Texts};
use super::world::{self, Keys};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Threads that send to one gateway.
const AT_ONCE: usize = 6;
/// What may still be on its way to the upstream when the last answer came.
const SETTLE: Duration = Duration::from_millis(500);

/// Runs the catalogue of `attacks/` and gives what came of it.
///
/// # Errors
/// The catalogue cannot be read, or the gateways do not start.
pub async fn run(root: &Path) -> io::Result<Summary> {
    let folder = root.join("target/attacks");
    std::fs::create_dir_all(&folder)?;
    let catalogue =
        Catalogue::read(&root.join("test-harness/attacks")).map_err(io::Error::other)?;
    let keys = Keys::new(&folder).map_err(io::Error::other)?;
    let envoys = Envoys::start(root, &folder, &keys).await?;
    let results = std::thread::scope(|scope| {
        let running: Vec<_> = envoys
            .targets
            .iter()
            .map(|target| {
                let (catalogue, keys) = (&catalogue, &keys);
                (target.name, scope.spawn(move || against(target, catalogue, keys)))
            })
            .collect();
        let mut results = BTreeMap::new();
        for (name, thread) in running {
            let outcomes = thread.join().map_err(|_| io::Error::other("a run ended early"))?;
            results.insert(name, outcomes?);
        }
        Ok::<_, io::Error>(results)
    });
    envoys.stop().await;
    Ok(Summary::of(&catalogue, &results?))
}

/// One step, sent.
struct Sent {
    asker: Asker,
    mark: String,
    status: u16,
    received: Vec<Received>,
}

fn against(target: &Target, catalogue: &Catalogue, keys: &Keys) -> io::Result<Vec<Outcome>> {
    let size = catalogue.cases.len().div_ceil(AT_ONCE).max(1);
    let mut sent: Vec<Vec<Sent>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..)
            .step_by(size)
            .zip(catalogue.cases.chunks(size))
            .map(|(first, cases)| {
                scope.spawn(move || {
                    let numbered = (first..).zip(cases);
                    let attempt = |(number, case): (usize, &Case)| {
                        attempt(target, case, number, keys).map_err(|error| {
                            io::Error::new(error.kind(), format!("{}: {error}", case.id))
                        })
                    };
                    numbered.map(attempt).collect::<io::Result<Vec<_>>>()
                })
            })
            .collect();
        let mut all = Vec::new();
        for thread in running {
            all.extend(thread.join().map_err(|_| io::Error::other("a run ended early"))??);
        }
        Ok::<_, io::Error>(all)
    })?;
    std::thread::sleep(SETTLE);
    let stray = collect(target, &mut sent);
    let cases = catalogue.cases.iter().zip(&sent).enumerate();
    Ok(cases
        .map(|(number, (case, steps))| {
            match &case.expect {
                // Whose it was cannot be told, only that it was.
                None if number == 0 => attack(target, steps, &stray),
                None => attack(target, steps, &[]),
                Some(_) => good(target, case, steps),
            }
        })
        .collect())
}

fn attempt(target: &Target, case: &Case, number: usize, keys: &Keys) -> io::Result<Vec<Sent>> {
    let (mut open, mut steps) = (None, Vec::new());
    // A step without a token of its own goes on with the one before.
    let (mut token, mut proof) = (String::new(), String::new());
    for (at, request) in case.steps.iter().enumerate() {
        std::thread::sleep(Duration::from_millis(request.wait));
        if let Some(recipe) = &request.token {
            token = recipe.make(keys).map_err(io::Error::other)?;
        }
        let mark = format!("c{number}.{at}");
        if let Some(recipe) = &request.proof {
            proof = recipe.make(request, &token, keys).map_err(io::Error::other)?;
        }
        let texts = texts(request, target, [&token, &proof], &mark, keys)?;
        // Whoever hangs up on an attack has refused it.
        let status = wire::send(target.port, request, &texts, &mut open).unwrap_or_default();
        let rights = request.may.clone().unwrap_or_else(|| world::rights(&request.caller));
        let asker = Asker { caller: request.caller.clone(), rights };
        steps.push(Sent { asker, mark, status, received: Vec::new() });
    }
    Ok(steps)
}

fn texts(
    request: &Request,
    target: &Target,
    [token, proof]: [&str; 2],
    mark: &str,
    keys: &Keys,
) -> io::Result<Texts> {
    let mut replaced = vec![
        ("{T}", token.to_owned()),
        ("{D}", proof.to_owned()),
        ("{ID}", target.identity.to_owned()),
        ("{CASE}", mark.to_owned()),
    ];
    let all = [&request.path, &request.method].into_iter().chain(&request.raw).chain(&request.auth);
    let headers = request.headers.iter().map(|(_, value)| value);
    let written: String = all.chain(headers).chain(&request.body).cloned().collect();
    for (name, of) in [("{ALICE}", "alice"), ("{BOB}", "bob"), ("{PARTNER}", "partner-alice")] {
        if written.contains(name) {
            replaced.push((name, Recipe::good(of).make(keys).map_err(io::Error::other)?));
        }
    }
    Ok(Texts { replaced, mark: mark.to_owned() })
}

/// Each request that arrived goes to the step whose mark it bears; those without one are left.
fn collect(target: &Target, sent: &mut [Vec<Sent>]) -> Vec<Received> {
    let mut stray = Vec::new();
    for received in target.upstream.take() {
        let marks = received.all(MARK);
        // A folded line may have been joined to it.
        let mark = marks.first().and_then(|mark| mark.split_whitespace().next());
        let step = sent.iter_mut().flatten().find(|step| mark == Some(&step.mark));
        match step {
            Some(step) => step.received.push(received),
            None => stray.push(received),
        }
    }
    stray
}

fn attack(target: &Target, steps: &[Sent], stray: &[Received]) -> Outcome {
    let status = steps.last().map(|step| step.status).unwrap_or_default();
    let marked = steps.iter().flat_map(|step| {
        let judged = move |received| judge::wrong(&step.asker, received, target.identity);
        step.received.iter().filter_map(judged)
    });
    // Nobody sent these but inside another request.
    let unmarked = stray.iter().map(|received| {
        format!("the upstream saw {} {} of its own", received.method, received.target)
    });
    // One request must not become two.
    let twice = steps.iter().filter(|step| step.received.len() > 1).map(|step| {
        format!("the upstream saw {} requests where one was sent", step.received.len())
    });
    Outcome { status, failure: marked.chain(unmarked).chain(twice).next() }
}

fn good(target: &Target, case: &Case, steps: &[Sent]) -> Outcome {
    let status = steps.last().map(|step| step.status).unwrap_or_default();
    let failure = steps.last().zip(case.expect.as_ref()).and_then(|(step, expect)| {
        if !(200..300).contains(&step.status) {
            return Some(format!("the client got {}", step.status));
        }
        let received = match (step.received.as_slice(), expect.answered) {
            ([], true) => return None,
            ([one], false) => one,
            (all, _) => return Some(format!("the upstream saw {} requests", all.len())),
        };
        if let Some(path) = &expect.path
            && *path != received.target
        {
            return Some(format!("the upstream saw {}, not {path}", received.target));
        }
        if let Some(body) = &expect.body
            && body.as_bytes() != received.body
        {
            return Some(format!("the upstream got {} bytes of body", received.body.len()));
        }
        for (name, value) in &expect.headers {
            if !received.all(name).iter().any(|seen| seen.contains(value.as_str())) {
                return Some(format!("the upstream got no `{name}: {value}`"));
            }
        }
        judge::wrong(&step.asker, received, target.identity)
    });
    Outcome { status, failure }
}
