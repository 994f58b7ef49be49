//! Where the keys of one issuer come from, and how it goes.

use super::plan::{FETCH_TIMEOUT, Plan, SKEW, time};
use crate::enforcement::Callout;
use crate::identity::jwks::MAX_BYTES;
use crate::identity::parse_remote;
use crate::identity::{Issuer, KeySet};
use crate::policy::document::Jwks;
use crate::time::{Span, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// One remote set and its fetches.
#[derive(Debug)]
pub(super) struct Source {
    /// The issuer's place in the policy.
    pub(super) issuer: usize,
    /// The same for the same keys, whatever else two policies say.
    pub(super) topic: String,
    pub(super) refresh: Span,
    pub(super) plan: Plan,
    /// Whether a token named a key that is not there.
    pub(super) wanted: bool,
    /// When the set in force was fetched, by whoever fetched it.
    pub(super) good_at: Option<Timestamp>,
    /// Its bytes.
    pub(super) body: Vec<u8>,
    cluster: String,
    authority: String,
    path: String,
    keep_stale: Span,
    /// The plan that was posted when last looked at.
    posted: Option<Plan>,
    /// The fetch whose posted set was no good: what is posted about it counts no more.
    refused: Option<Timestamp>,
}

impl Source {
    /// Of an issuer whose keys are fetched.
    pub(super) fn of(at: usize, issuer: &Issuer, jwks: &Jwks) -> Option<Self> {
        let Jwks::Remote { cluster, url, refresh, keep_stale } = jwks else { return None };
        let (authority, path) = split_url(url);
        Some(Self {
            issuer: at,
            topic: topic(&[&issuer.issuer, cluster, url]),
            refresh: *refresh,
            plan: Plan::default(),
            wanted: false,
            good_at: None,
            body: Vec::new(),
            cluster: cluster.clone(),
            authority,
            path,
            keep_stale: *keep_stale,
            posted: None,
            refused: None,
        })
    }

    /// Whether the set in force was fetched too long ago.
    pub(super) fn is_stale(&self, now: Timestamp) -> bool {
        self.good_at.is_some_and(|at| now.since(at) > self.keep_stale)
    }

    pub(super) fn close(&mut self) {
        self.good_at = None;
        self.body.clear();
    }

    /// Looks at the plan that is posted. One that nobody could have written counts as none.
    pub(super) fn look(&mut self, now: Timestamp, posted: Option<&[u8]>) {
        self.posted = posted
            .and_then(Plan::from_bytes)
            .and_then(|plan| plan.within(now, self.refresh))
            .filter(|plan| self.refused != Some(plan.fetched_at));
        // A clock that was set back must not hold up what was planned before.
        self.plan = self.plan.within(now, self.refresh).unwrap_or_default();
    }

    /// Whether another worker fetched a newer set that is not stale.
    pub(super) fn has_newer(&self, now: Timestamp) -> bool {
        self.posted.is_some_and(|plan| self.is_newer(now, plan.fetched_at))
    }

    fn is_newer(&self, now: Timestamp, at: Timestamp) -> bool {
        at > self.good_at.unwrap_or_default() && now.since(at) <= self.keep_stale
    }

    /// Whether this worker should fetch: by its own plan and by the posted one.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.plan.is_due(now, self.wanted)
            && self.posted.is_none_or(|plan| plan.is_due(now, self.wanted))
    }

    /// Whether somebody is fetching.
    pub(super) fn is_claimed(&self, now: Timestamp) -> bool {
        self.plan.is_claimed(now) || self.posted.is_some_and(|plan| plan.is_claimed(now))
    }

    /// Whether the fetch that is due is due only because it is wanted.
    pub(super) fn refetches(&self, now: Timestamp) -> bool {
        self.wanted
            && !(self.plan.is_due(now, false)
                && self.posted.is_none_or(|plan| plan.is_due(now, false)))
    }

    /// The plan by which this worker fetches.
    pub(super) fn claim(&self, now: Timestamp) -> Plan {
        self.plan.claim(&self.posted.unwrap_or_default(), now, self.refetches(now))
    }

    pub(super) fn callout(&self, number: u32) -> Callout {
        Callout {
            number,
            cluster: self.cluster.clone(),
            authority: self.authority.clone(),
            path: self.path.clone(),
            timeout: FETCH_TIMEOUT,
        }
    }

    /// Reads a set; `None` for the bytes that are in force.
    pub(super) fn read(&self, body: &[u8], issuer: &Issuer) -> Result<Option<KeySet>, String> {
        if self.good_at.is_some() && self.body == body {
            return Ok(None);
        }
        parse_remote(body, issuer).map(Some)
    }

    /// A posted set that is newer than the one in force: when it was fetched, and its bytes.
    pub(super) fn newer_set<'a>(
        &self,
        now: Timestamp,
        posted: Option<&'a [u8]>,
    ) -> Option<(Timestamp, &'a [u8])> {
        let (at, body) = time(posted?)?;
        let promised = self.posted?.fetched_at;
        let in_time = at >= promised && at <= now.plus(SKEW) && self.is_newer(now, at);
        (in_time && body.len() <= MAX_BYTES).then_some((at, body))
    }

    /// Goes on by the posted plan, whose set is in force now.
    pub(super) fn take_over(&mut self) {
        self.plan = self.posted.unwrap_or(self.plan);
        self.wanted = false;
    }

    /// The posted set is no good: this worker fetches for itself.
    pub(super) fn refuse_posted(&mut self) {
        self.refused = self.posted.take().map(|plan| plan.fetched_at);
    }

    pub(super) fn complaint(&self, issuer: &Issuer, why: &str) -> String {
        let left = match self.good_at {
            Some(_) => "the last good ones stay",
            None => "there are none",
        };
        format!("keys of {}: {why}; {left}", issuer.issuer)
    }
}

/// A set as it is posted: when it was fetched, and the bytes that came.
pub(super) fn posted(at: Timestamp, body: &[u8]) -> Vec<u8> {
    [&at.millis().to_be_bytes(), body].concat()
}

/// A name that tells sources apart: a digest of what makes their keys the same.
fn topic(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// Host and path of an absolute URL.
fn split_url(url: &str) -> (String, String) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    match rest.split_once('/') {
        Some((host, path)) => (host.to_owned(), format!("/{path}")),
        None => (rest.to_owned(), "/".to_owned()),
    }
}
