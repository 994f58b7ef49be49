//! The issuers' keys over time: fetched by one worker for all, refreshed, kept while fresh enough,
//! then closed.
//!
//! The host posts plans and sets where the workers of its process see them, and tells what is
//! posted. What others posted is believed no more than what an issuer answers: a set is read as
//! strictly, and a plan delays nothing for longer than this worker's own would.

mod plan;
mod source;

use super::{Callout, CalloutReply};
use crate::decision::Reason;
use crate::identity::{Issuer, KeySet, KeyState};
use crate::policy::document::Jwks;
use crate::time::{Span, Timestamp};
use source::Source;
use std::rc::Rc;

/// How often the host should wake the keys up.
const TICK: Span = Span::from_secs(1);
/// How often while an issuer has no keys or some worker is fetching them, so that what another one
/// fetches is taken up soon.
const HURRIED_TICK: Span = Span::from_millis(100);

/// What to do about the keys of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyStep {
    /// Nothing.
    Rest,
    /// Another worker fetched a newer set: tell it with [`super::Engine::on_shared_keys`].
    TakeUp,
    /// Post `claim` as the plan unless somebody was faster; then send the callout, say so with
    /// [`super::Engine::on_keys_claimed`], and tell its end with [`super::Engine::on_keys_reply`].
    Fetch {
        /// The request.
        callout: Callout,
        /// The plan to post.
        claim: Vec<u8>,
        /// Whether only a token of an unknown key is the reason.
        refetch: bool,
    },
}

/// What came of a fetch, or of a set that another worker fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyNews {
    /// Whether the set was good.
    pub good: bool,
    /// For the host's log, one line; empty where nothing changed.
    pub line: String,
    /// The set to post for the other workers, before the plan.
    pub set: Option<Vec<u8>>,
    /// The plan to post.
    pub plan: Option<Vec<u8>>,
    /// How many keys are in force.
    pub keys: usize,
}

/// The keys of every issuer, in the policy's order.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) states: Vec<KeyState>,
    sources: Vec<Source>,
    generation: u64,
    /// The time of the last tick.
    now: Timestamp,
    jitter: u64,
    /// Whether a fetch should not wait for the next tick.
    hurry: bool,
}

impl Keys {
    /// Inline keys are there from the start; remote ones are not until the first fetch.
    pub(super) fn new(issuers: &[Issuer], written: &[Jwks]) -> Self {
        let state = |(issuer, jwks): (&Issuer, &Jwks)| match jwks {
            Jwks::Inline(_) => {
                issuer.inline_keys.clone().map_or(KeyState::Unavailable, KeyState::Ready)
            }
            Jwks::Remote { .. } => KeyState::Unavailable,
        };
        let all = || issuers.iter().zip(written);
        Self {
            states: all().map(state).collect(),
            sources: (0..)
                .zip(all())
                .filter_map(|(at, (i, jwks))| Source::of(at, i, jwks))
                .collect(),
            generation: 1,
            now: Timestamp::default(),
            jitter: 0,
            hurry: false,
        }
    }

    pub(super) const fn spread(&mut self, jitter: u64) {
        self.jitter = jitter;
    }

    /// How often to tick; `None` where nothing has to be fetched, ever.
    pub(super) fn tick_every(&self) -> Option<Span> {
        let awaits = |source: &Source| source.good_at.is_none() || source.is_claimed(self.now);
        match (self.sources.is_empty(), self.sources.iter().any(awaits)) {
            (true, _) => None,
            (false, true) => Some(HURRIED_TICK),
            (false, false) => Some(TICK),
        }
    }

    /// Each source: its issuer's name, and the topic of what is posted about it.
    pub(super) fn sources(&self) -> impl Iterator<Item = (usize, &str)> {
        self.sources.iter().map(|source| (source.issuer, source.topic.as_str()))
    }

    /// Whether to tick at once, said once.
    pub(super) const fn take_hurry(&mut self) -> bool {
        std::mem::replace(&mut self.hurry, false)
    }

    /// What to do now about a source, given the plan that is posted. A set that could not be
    /// renewed for too long is closed.
    pub(super) fn tick(&mut self, now: Timestamp, number: u32, posted: Option<&[u8]>) -> KeyStep {
        self.now = now;
        let Some(source) = self.sources.get_mut(number as usize) else { return KeyStep::Rest };
        if source.is_stale(now) {
            source.close();
            if let Some(state) = self.states.get_mut(source.issuer) {
                *state = KeyState::Unavailable;
            }
        }
        source.look(now, posted);
        if source.has_newer(now) {
            return KeyStep::TakeUp;
        }
        if !source.is_due(now) {
            return KeyStep::Rest;
        }
        KeyStep::Fetch {
            callout: source.callout(number),
            claim: source.claim(now).to_bytes(),
            refetch: source.refetches(now),
        }
    }

    /// The fetch is this worker's.
    pub(super) fn claimed(&mut self, now: Timestamp, number: u32) {
        if let Some(source) = self.sources.get_mut(number as usize) {
            source.plan = source.claim(now);
            source.wanted = false;
        }
    }

    /// A fetch ended. Anything but a good set in a 200 keeps the last good keys.
    pub(super) fn answered(
        &mut self,
        now: Timestamp,
        number: u32,
        reply: CalloutReply<'_>,
        issuers: &[Issuer],
    ) -> KeyNews {
        let jitter = self.next_jitter();
        let Some(source) = self.sources.get_mut(number as usize) else {
            let line = "keys: an answer nobody waits for".to_owned();
            return KeyNews { line, ..KeyNews::default() };
        };
        let Some(issuer) = issuers.get(source.issuer) else { return KeyNews::default() };
        let read = match reply.status {
            Some(200) => source.read(reply.body, issuer),
            Some(status) => Err(format!("status {status}")),
            None => Err("no answer".to_owned()),
        };
        match read {
            Ok(renewed) => {
                source.plan = source.plan.succeeded(now, source.refresh, jitter);
                let plan = Some(source.plan.to_bytes());
                let set = Some(source::posted(now, reply.body));
                let line = self.install(number, now, reply.body, renewed, issuer);
                KeyNews { good: true, line, set, plan, keys: self.count(number) }
            }
            Err(why) => {
                source.plan = source.plan.failed(now, jitter);
                let plan = Some(source.plan.to_bytes());
                let line = source.complaint(issuer, &why);
                KeyNews { line, plan, keys: self.count(number), ..KeyNews::default() }
            }
        }
    }

    /// The set that another worker fetched, or nothing where it was promised.
    pub(super) fn shared(
        &mut self,
        now: Timestamp,
        number: u32,
        posted: Option<&[u8]>,
        issuers: &[Issuer],
    ) -> KeyNews {
        let Some(source) = self.sources.get_mut(number as usize) else {
            return KeyNews::default();
        };
        let Some(issuer) = issuers.get(source.issuer) else { return KeyNews::default() };
        let taken = source
            .newer_set(now, posted)
            .ok_or_else(|| "what another worker shares is no set".to_owned())
            .and_then(|(at, body)| Ok((at, body, source.read(body, issuer)?)));
        match taken {
            Ok((at, body, renewed)) => {
                source.take_over();
                let line = self.install(number, at, body, renewed, issuer);
                KeyNews { good: true, line, keys: self.count(number), ..KeyNews::default() }
            }
            Err(why) => {
                source.refuse_posted();
                let line = source.complaint(issuer, &why);
                KeyNews { line, keys: self.count(number), ..KeyNews::default() }
            }
        }
    }

    /// No key of an issuer fits a token: the reason to refuse it with. A fetch that may bring the
    /// key is asked for, and while it is to come the caller is to try again, not to sign in again.
    pub(super) fn unknown_key(&mut self, issuer: usize) -> Reason {
        let now = self.now;
        let of = |source: &&mut Source| source.issuer == issuer;
        let Some(source) = self.sources.iter_mut().find(of) else { return Reason::UnknownKey };
        let asked_before = std::mem::replace(&mut source.wanted, true);
        if source.is_due(now) {
            self.hurry |= !asked_before;
            return Reason::IssuerUnavailable;
        }
        match source.is_claimed(now) {
            true => Reason::IssuerUnavailable,
            false => Reason::UnknownKey,
        }
    }

    /// Which keys an issuer has now; `None` while it has none.
    pub(super) fn generation(&self, issuer: u32) -> Option<u64> {
        match self.states.get(issuer as usize)? {
            KeyState::Ready(set) => Some(set.generation),
            KeyState::Unavailable => None,
        }
    }

    /// How many keys of a source are in force.
    pub(super) fn count(&self, number: u32) -> usize {
        let source = self.sources.get(number as usize);
        match source.and_then(|source| self.states.get(source.issuer)) {
            Some(KeyState::Ready(set)) => set.keys.len(),
            Some(KeyState::Unavailable) | None => 0,
        }
    }

    /// Puts a set in force that was fetched `at`; `None` where its bytes are those in force, so that
    /// what was verified with them stays verified.
    fn install(
        &mut self,
        number: u32,
        at: Timestamp,
        body: &[u8],
        renewed: Option<KeySet>,
        issuer: &Issuer,
    ) -> String {
        let Some(source) = self.sources.get_mut(number as usize) else { return String::new() };
        source.good_at = Some(at);
        let Some(set) = renewed else { return String::new() };
        let count = set.keys.len();
        source.body = body.to_vec();
        self.generation = self.generation.saturating_add(1);
        if let Some(state) = self.states.get_mut(source.issuer) {
            *state = KeyState::Ready(Rc::new(KeySet { generation: self.generation, ..set }));
        }
        format!("keys of {}: {count} usable", issuer.issuer)
    }

    /// The next number of a sequence that its first one determines (Marsaglia's xorshift); 0, which
    /// spreads nothing, where that is 0.
    const fn next_jitter(&mut self) -> u64 {
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        self.jitter
    }
}
