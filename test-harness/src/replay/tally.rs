//! What came of a whole log, alike with alike.

use super::{Replayer, Said, is_as_recorded};
use crate::recorded::{Effect, Recorded};
use ambit::replay::{Answer, Possible};
use std::collections::{BTreeMap, BTreeSet};

/// Groups that are kept apart; what comes after is counted alone.
const GROUPS: usize = 50_000;

/// What the other policy's answer is, beside what was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It was refused and would be allowed.
    Allows,
    /// It was allowed and would be refused.
    Denies,
    /// It would be decided the same, for another reason or with another approval.
    Reason,
    /// It depends on what the record lacks.
    Depends,
    /// The same.
    Same,
}

impl Kind {
    /// Every kind, what matters most first.
    pub const ALL: [Self; 5] =
        [Self::Allows, Self::Denies, Self::Depends, Self::Reason, Self::Same];

    /// For programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allows => "allows",
            Self::Denies => "denies",
            Self::Reason => "reason",
            Self::Depends => "depends",
            Self::Same => "same",
        }
    }

    /// For people.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Allows => "were refused and would be allowed",
            Self::Denies => "were allowed and would be refused",
            Self::Reason => {
                "would be decided the same for another reason, or with another approval"
            }
            Self::Depends => "depend on what their records lack",
            Self::Same => "would be decided the same",
        }
    }

    /// What an answer is beside what was recorded.
    #[must_use]
    pub fn of(answer: &Answer, record: &Recorded) -> Self {
        let was = record.effect == Effect::Allow;
        match answer.allowed() {
            None => Self::Depends,
            Some(now) if now && !was => Self::Allows,
            Some(now) if !now && was => Self::Denies,
            Some(_) if answer.possible.iter().all(|one| is_as_recorded(one, record)) => Self::Same,
            // What was recorded may still be the reason.
            Some(_) if answer.possible.iter().any(|one| is_as_recorded(one, record)) => Self::Same,
            Some(_) => Self::Reason,
        }
    }
}

/// A rule, with its line where it is known.
pub type Placed = (String, Option<String>);

/// Requests alike, and what would come of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// What kind of change it is.
    pub kind: Kind,
    /// Who acts.
    pub actor: String,
    /// For whom; empty for what would be the same.
    pub subject: String,
    /// Action class, or method.
    pub action: String,
    /// Resource type, or where the request went that means nothing.
    pub resource: String,
    /// Effect, reason and rules as recorded.
    pub was: Outcome,
    /// All that can come of them.
    pub now: BTreeSet<Outcome>,
    /// What the records lack.
    pub lacks: BTreeSet<String>,
    /// Where the old policy is not at hand: what it would be if tokens, names and audiences count as
    /// they did; empty where that settles nothing.
    pub if_alike: BTreeSet<Outcome>,
}

/// One outcome.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Reason code; `token` where a token would be refused for one of several reasons.
    pub reason: String,
    /// The rules that determine it.
    pub rules: Vec<Placed>,
    /// The approval that is asked for; empty without.
    pub approval: String,
}

/// How many, and where one of them stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Records.
    pub count: u64,
    /// The first one's line.
    pub line: u64,
    /// And id.
    pub id: String,
}

/// Sums.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub BTreeMap<Kind, u64>);

impl Counts {
    /// Records of a kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> u64 {
        self.0.get(&kind).copied().unwrap_or_default()
    }
}

/// What came of a log so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// Records.
    pub records: u64,
    /// By kind.
    pub counts: Counts,
    /// Of those that depend, records that would be as they were if tokens, names and audiences count
    /// as they did.
    pub same_if_alike: u64,
    /// Alike with alike.
    pub groups: BTreeMap<Change, Seen>,
    /// Records of groups beyond those kept apart, by kind.
    pub beyond: Counts,
    /// Policies that are not at hand, by hash: name, and records.
    pub unknown: BTreeMap<String, (String, u64)>,
    /// Records of requests that passed whatever was decided.
    pub shadow: u64,
}

impl Tally {
    /// Adds a record, and what the policy says of it.
    pub fn add(&mut self, line: u64, record: &Recorded, said: &Said, replayer: &Replayer<'_>) {
        self.records = self.records.saturating_add(1);
        self.shadow = self.shadow.saturating_add(u64::from(record.shadow));
        if !replayer.knows(record) {
            let entry = self.unknown.entry(record.policy.hash.clone()).or_default();
            *entry = (record.policy.name.clone(), entry.1.saturating_add(1));
        }
        let kind = Kind::of(&said.answer, record);
        add(&mut self.counts, kind);
        let alike = said.if_alike.as_ref().filter(|answer| answer.allowed().is_some());
        if alike.is_some_and(|answer| Kind::of(answer, record) == Kind::Same) {
            self.same_if_alike = self.same_if_alike.saturating_add(1);
        }
        let change = change(kind, record, said, replayer);
        if let Some(seen) = self.groups.get_mut(&change) {
            seen.count = seen.count.saturating_add(1);
        } else if self.groups.len() < GROUPS {
            self.groups.insert(change, Seen { count: 1, line, id: record.id.clone() });
        } else {
            add(&mut self.beyond, kind);
        }
    }

    /// Groups of a kind, those of most records first.
    #[must_use]
    pub fn of(&self, kind: Kind) -> Vec<(&Change, &Seen)> {
        let mut found: Vec<_> =
            self.groups.iter().filter(|(change, _)| change.kind == kind).collect();
        found.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.count));
        found
    }
}

fn add(counts: &mut Counts, kind: Kind) {
    let count = counts.0.entry(kind).or_default();
    *count = count.saturating_add(1);
}

fn change(kind: Kind, record: &Recorded, said: &Said, replayer: &Replayer<'_>) -> Change {
    let (action, resource) = record.what();
    let same = kind == Kind::Same;
    let resource = match record.resource.kind.as_str() {
        // What means nothing can be spelt without end.
        "" if same => "(unmapped)".to_owned(),
        _ => resource,
    };
    let was = Outcome {
        allowed: record.effect == Effect::Allow,
        reason: record.reason.clone(),
        rules: if same { Vec::new() } else { was_rules(record, replayer) },
        approval: record
            .approval
            .as_ref()
            .map(|approval| approval.tier.clone())
            .unwrap_or_default(),
    };
    let outcomes =
        |answer: &Answer| answer.possible.iter().map(|one| outcome(one, replayer)).collect();
    let settled = said.if_alike.as_ref().filter(|answer| answer.allowed().is_some());
    Change {
        kind,
        actor: record.who(),
        subject: if same { String::new() } else { record.whom().to_owned() },
        action,
        resource,
        was,
        now: if same { BTreeSet::new() } else { outcomes(&said.answer) },
        lacks: if kind == Kind::Depends { said.answer.missing.clone() } else { BTreeSet::new() },
        if_alike: settled.map(outcomes).unwrap_or_default(),
    }
}

fn was_rules(record: &Recorded, replayer: &Replayer<'_>) -> Vec<Placed> {
    let policy = replayer.was(&record.policy.hash);
    let place = |id: &str| {
        let policy = policy?;
        let at = policy.rule_ids().position(|known| known == id)?;
        placed(policy, u32::try_from(at).ok()?)
    };
    record.rules.iter().map(|id| (id.clone(), place(id))).collect()
}

fn outcome(one: &Possible, replayer: &Replayer<'_>) -> Outcome {
    let policy = replayer.policy();
    let rule = |number: &u32| {
        (policy.rule_id(*number).unwrap_or_default().to_owned(), placed(policy, *number))
    };
    Outcome {
        allowed: one.allowed,
        reason: one.reason.map_or_else(|| "token".to_owned(), |reason| reason.code().to_owned()),
        rules: one.rules.iter().map(rule).collect(),
        approval: match one.tier {
            ambit::policy::document::Tier::None => String::new(),
            tier => tier.name().to_owned(),
        },
    }
}

/// File and line of a rule.
fn placed(policy: &ambit::policy::Policy, rule: u32) -> Option<String> {
    let place = policy.rule_place(rule);
    (place.line > 0).then(|| format!("{}:{}", policy.file().unwrap_or("policy"), place.line))
}
