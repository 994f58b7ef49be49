//! What a policy would have answered to a request of which only the record is left.
//!
//! A record holds who asked for what and what was decided, and leaves out what is no log's business:
//! the token's scopes and claims, its times, what look-ups said. What it leaves out is not guessed at.
//! Every way it can have been that fits the record, decided by the policy that was in force, is
//! decided again by the other policy, each by [`decide`](crate::decide()) itself; the answer is all
//! that can come of it. With the policy that was in force at hand, a condition that stands in both
//! policies says the same in both, and so on for scopes, groups and the token.
//!
//! What is decided by the bytes of a request alone, before any policy is asked (its headers, a form's
//! fields, the size of a body), is taken over: a request that was malformed is malformed.

mod gates;
mod identity;
mod open;
mod place;
mod side;
mod ties;

use crate::decision::{Effect, Reason};
use crate::policy::Loaded;
use crate::policy::compiled::{CompiledSource, Policy};
use crate::policy::condition::Slot;
use crate::policy::document::Tier;
use crate::policy::routes::Match;
use crate::request::path;
use crate::time::Timestamp;
use identity::Who;
use std::collections::BTreeSet;
use ties::Was;

/// What a record says of its request (`docs/record.md`); what it does not say is empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told<'a> {
    /// When it began.
    pub time: Timestamp,
    /// Whether it was allowed.
    pub allowed: bool,
    /// Reason code.
    pub reason: &'a str,
    /// Ids of the rules that determined it.
    pub rules: &'a [String],
    /// Realm and id of the subject.
    pub subject: Option<(&'a str, &'a str)>,
    /// The actors, outermost first.
    pub actors: &'a [String],
    /// The OAuth client.
    pub client: &'a str,
    /// The token's issuer; empty where no token was verified.
    pub issuer: &'a str,
    /// Action class.
    pub action: &'a str,
    /// Resource type.
    pub resource: &'a str,
    /// Method.
    pub method: &'a str,
    /// Host, lower case.
    pub host: &'a str,
    /// The canonical path.
    pub path: &'a str,
    /// The query, where it was recorded.
    pub query: Option<&'a str>,
    /// Names of members that are not whole.
    pub trunc: &'a [String],
}

/// What is taken over from a record whose policy is not at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assume {
    /// Nothing.
    Nothing,
    /// That token, agents' names, users' ceilings and audiences counted as they would now.
    Identity,
}

/// Two policies, to be compared over the records of one.
#[derive(Debug)]
pub struct Replay<'a> {
    new: &'a Loaded,
    was: Option<Was<'a>>,
    reads: Reads,
}

/// What conditions of either policy read of a request that differs from one to the next.
#[derive(Clone, Copy, Debug)]
struct Reads {
    time: bool,
    path: bool,
}

impl Reads {
    fn of<'p>(policies: impl Iterator<Item = &'p Policy> + Clone) -> Self {
        let reads = |wanted: &dyn Fn(&Policy, Slot) -> bool| {
            policies.clone().any(|policy| {
                let conditions = policy.rules.iter().filter_map(|rule| rule.when.as_ref());
                conditions.flat_map(|when| when.slots()).any(|slot| wanted(policy, *slot))
            })
        };
        let of_path = |policy: &Policy, number: u32| {
            let attributes = policy.resources.iter().flat_map(|resource| &resource.attributes);
            attributes
                .filter(|entry| entry.number == number)
                .any(|entry| matches!(entry.from, CompiledSource::Path(_)))
        };
        Self {
            time: reads(&|_, slot| slot == Slot::RequestTime),
            path: reads(&|policy, slot| match slot {
                Slot::RequestPath | Slot::ResourceId => true,
                Slot::ResourceAttribute(number) => of_path(policy, number),
                _ => false,
            }),
        }
    }
}

/// One thing that can come of a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Possible {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Why; `None` where it is for one of several reasons that the record does not settle.
    pub reason: Option<Reason>,
    /// The rules that determine it.
    pub rules: Vec<u32>,
    /// The approval it asks for.
    pub tier: Tier,
}

/// What can come of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// All that can; one where the record says enough.
    pub possible: BTreeSet<Possible>,
    /// What the record lacks to tell more, where there are several.
    pub missing: BTreeSet<String>,
}

impl Answer {
    /// Whether it is allowed whatever the record leaves out; `None` where that depends.
    #[must_use]
    pub fn allowed(&self) -> Option<bool> {
        let first = self.possible.first()?.allowed;
        self.possible.iter().all(|one| one.allowed == first).then_some(first)
    }

    pub(super) fn deny(&mut self, reason: Option<Reason>) {
        self.possible.insert(Possible {
            allowed: false,
            reason,
            rules: Vec::new(),
            tier: Tier::None,
        });
    }

    /// It may be allowed, by what nobody can tell.
    pub(super) fn allow_perhaps(&mut self) {
        self.possible.insert(Possible {
            allowed: true,
            reason: None,
            rules: Vec::new(),
            tier: Tier::None,
        });
    }

    pub(super) fn lacks(&mut self, what: &str) {
        self.missing.insert(what.to_owned());
    }
}

impl<'a> Replay<'a> {
    /// Of records made under `was`, where that is at hand, against `new`.
    #[must_use]
    pub fn new(new: &'a Loaded, was: Option<&'a Loaded>) -> Self {
        let policies = [Some(new), was].into_iter().flatten().map(|loaded| &loaded.policy);
        Self { new, was: was.map(|was| Was::new(was, new)), reads: Reads::of(policies) }
    }

    /// What can come of the request.
    #[must_use]
    pub fn answer(&self, told: &Told<'_>, assume: Assume) -> Answer {
        let mut answer = Answer::default();
        let recorded = Reason::ALL.iter().copied().find(|reason| reason.code() == told.reason);
        if open::answer(self, told, recorded, &mut answer) {
            return answer;
        }
        match self.who(told, recorded, assume) {
            Who::Refused(reason) => answer.deny(Some(reason)),
            Who::Anybody(reason) => {
                answer.deny(reason);
                answer.deny(None);
                answer.lacks("token");
                match place::place(&self.new.policy, told) {
                    place::Place::Unmapped => answer.deny(Some(Reason::UnmappedRequest)),
                    place::Place::Found { .. } | place::Place::Unknown => answer.allow_perhaps(),
                }
            }
            Who::Someone { chains, may_fail, same } => {
                for reason in may_fail {
                    answer.deny(reason);
                    answer.lacks("token");
                }
                for chain in &chains {
                    self.judge(told, recorded, (chain, same), assume, &mut answer);
                }
            }
        }
        if answer.possible.len() < 2 {
            answer.missing.clear();
        }
        answer
    }

    /// What an answer depends on of time and path: requests that are alike in it, and in all else a
    /// record says, are answered alike.
    #[must_use]
    pub fn alike(&self, told: &Told<'_>) -> String {
        let time = self.reads.time.then_some(told.time);
        let whole = self.reads.path
            || !told.is_whole("http.path")
            || told.path.starts_with("/.well-known/")
            || told.reason == Reason::MalformedRequest.code();
        if whole {
            return format!("{time:?} {}", told.path);
        }
        let decoded = path::decode(told.path);
        let place = |policy: &Policy| match policy.routes.find(told.host, &decoded, told.method) {
            Match::Found { route, .. } => Some(Some(route)),
            Match::TooLong => Some(None),
            Match::Unmapped => None,
        };
        let was = self.was().map(|was| place(was.policy()));
        format!("{time:?} {:?} {was:?}", place(&self.new.policy))
    }

    /// A policy that was in force, where it is at hand.
    fn was(&self) -> Option<&Was<'a>> {
        self.was.as_ref()
    }
}

impl Told<'_> {
    fn is_whole(&self, member: &str) -> bool {
        !self.trunc.iter().any(|name| name == member)
    }

    const fn effect(&self) -> Effect {
        if self.allowed { Effect::Allow } else { Effect::Deny }
    }
}
