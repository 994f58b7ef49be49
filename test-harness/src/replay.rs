//! Yesterday's log against tomorrow's policy: what would change, for whom.
//!
//! Each record is answered by [`ambit::replay`]: every way its request can have been that fits the
//! record, decided by the core. What it leaves open is told with what is missing.

mod report;
mod tally;

use crate::recorded::{Effect, Recorded};
use ambit::Timestamp;
use ambit::decision::Reason;
use ambit::policy::document::Tier;
use ambit::policy::{Loaded, Policy};
use ambit::replay::{Answer, Assume, Possible, Replay, Told};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;
pub use tally::{Change, Counts, Kind, Tally};

/// Answers that are kept, for requests that come again.
const KEPT: usize = 20_000;

/// Folders within folders that are looked through for policies.
const DEPTH: usize = 4;

/// A policy to be asked, and those that may have been in force.
#[derive(Debug)]
pub struct Policies {
    /// The policy that is asked.
    pub new: Loaded,
    /// Policies that were in force, by hash.
    pub was: BTreeMap<String, Loaded>,
}

impl Policies {
    /// Loads a policy as its author writes it, or as a gateway is given it.
    ///
    /// # Errors
    /// It cannot be read or does not compile; everything that is wrong with it.
    pub fn load(file: &Path) -> Result<Loaded, String> {
        let name = file.display().to_string();
        let bytes = std::fs::read(file).map_err(|error| format!("{name}: {error}"))?;
        let yaml = file.extension().is_some_and(|kind| kind == "yaml" || kind == "yml");
        let loaded = match (yaml, std::str::from_utf8(&bytes)) {
            (true, Ok(text)) => Policy::load_yaml(&name, text),
            (true, Err(error)) => return Err(format!("{name}: {error}")),
            (false, _) => Policy::load(&name, &bytes),
        };
        loaded.map_err(|errors| errors.to_string())
    }

    /// The policy that is asked, and those in files and folders that may have been in force. In
    /// folders, what is no policy is passed over.
    ///
    /// # Errors
    /// A file that was named cannot be read or does not compile.
    pub fn read(new: &Path, was: &[PathBuf]) -> Result<Self, String> {
        let mut policies = Self { new: Self::load(new)?, was: BTreeMap::new() };
        // Records may have been made by the policy that is asked.
        policies.add(Self::load(new)?);
        for path in was {
            if path.is_dir() {
                for file in files(path, DEPTH) {
                    // Suites and settings lie in the same folders.
                    if let Ok(loaded) = Self::load(&file) {
                        policies.add(loaded);
                    }
                }
            } else {
                policies.add(Self::load(path)?);
            }
        }
        Ok(policies)
    }

    /// Adds one that may have been in force.
    pub fn add(&mut self, loaded: Loaded) {
        self.was.insert(loaded.policy.hash().to_owned(), loaded);
    }
}

fn files(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() && depth > 0 {
            found.extend(files(&path, depth.saturating_sub(1)));
        } else if path.extension().is_some_and(|kind| kind == "yaml" || kind == "json") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What another policy says of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Without a guess.
    pub answer: Answer,
    /// Where the policy that was in force is not at hand and the answer depends: the answer if
    /// tokens, names and audiences count now as they did.
    pub if_alike: Option<Answer>,
}

/// Answers records, one after the other.
#[derive(Debug)]
pub struct Replayer<'a> {
    policies: &'a Policies,
    known: BTreeMap<&'a str, Replay<'a>>,
    /// For records whose policy is not at hand.
    unknown: Replay<'a>,
    kept: HashMap<String, Rc<Said>>,
}

impl<'a> Replayer<'a> {
    /// Of these policies.
    #[must_use]
    pub fn new(policies: &'a Policies) -> Self {
        let known = policies
            .was
            .iter()
            .map(|(hash, was)| (hash.as_str(), Replay::new(&policies.new, Some(was))))
            .collect();
        let unknown = Replay::new(&policies.new, None);
        Self { policies, known, unknown, kept: HashMap::new() }
    }

    /// The policy that is asked.
    #[must_use]
    pub const fn policy(&self) -> &'a Policy {
        &self.policies.new.policy
    }

    /// Whether the policy a record was made under is at hand.
    #[must_use]
    pub fn knows(&self, record: &Recorded) -> bool {
        self.known.contains_key(record.policy.hash.as_str())
    }

    /// A policy that was in force, by its hash.
    #[must_use]
    pub fn was(&self, hash: &str) -> Option<&'a Policy> {
        self.policies.was.get(hash).map(|loaded| &loaded.policy)
    }

    /// What the policy says of a record's request.
    pub fn ask(&mut self, record: &Recorded) -> Rc<Said> {
        let replay = self.known.get(record.policy.hash.as_str()).unwrap_or(&self.unknown);
        let told = told(record);
        let key = key(record, &replay.alike(&told));
        if let Some(said) = self.kept.get(&key) {
            return Rc::clone(said);
        }
        let answer = replay.answer(&told, Assume::Nothing);
        let depends =
            answer.allowed().is_none() && !self.known.contains_key(record.policy.hash.as_str());
        let if_alike = depends.then(|| replay.answer(&told, Assume::Identity));
        let said = Rc::new(Said { answer, if_alike });
        if self.kept.len() >= KEPT {
            self.kept.clear();
        }
        self.kept.insert(key, Rc::clone(&said));
        said
    }
}

/// What an answer depends on. Requests alike in it are answered alike.
fn key(record: &Recorded, alike: &str) -> String {
    let Recorded { effect, reason, rules, policy, subject, actors, client, issuer, .. } = record;
    let Recorded { http, trunc, action, resource, .. } = record;
    // The path counts as far as the core says that it does.
    format!(
        "{alike:?} {effect:?} {reason:?} {rules:?} {:?} {subject:?} {actors:?} {client:?} {issuer:?} \
         {:?} {:?} {} {trunc:?} {action:?} {:?}",
        policy.hash,
        http.method,
        http.host,
        http.query.is_some(),
        resource.kind
    )
}

/// A record as the core is told it.
#[must_use]
pub fn told(record: &Recorded) -> Told<'_> {
    Told {
        time: Timestamp::from_millis(record.time),
        allowed: record.effect == Effect::Allow,
        reason: &record.reason,
        rules: &record.rules,
        subject: record
            .subject
            .as_ref()
            .map(|subject| (subject.realm.as_str(), subject.id.as_str())),
        actors: &record.actors,
        client: &record.client,
        issuer: &record.issuer,
        action: &record.action,
        resource: &record.resource.kind,
        method: &record.http.method,
        host: &record.http.host,
        path: &record.http.path,
        query: record.http.query.as_deref(),
        trunc: &record.trunc,
    }
}

/// Whether what may come of a request is what was recorded.
#[must_use]
pub fn is_as_recorded(possible: &Possible, record: &Recorded) -> bool {
    let tier = match &record.approval {
        Some(approval) => approval.tier.as_str(),
        None => Tier::None.name(),
    };
    // A record names an approval only where it was asked for.
    let asked = matches!(possible.reason, Some(Reason::ApprovalRequired)) && !record.shadow;
    possible.allowed == (record.effect == Effect::Allow)
        && possible.reason.is_some_and(|reason| reason.code() == record.reason)
        && (!asked || possible.tier.name() == tier)
}
