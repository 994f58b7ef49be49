//! The issuers' keys over time: fetched, refreshed, kept while fresh enough, then closed.

use super::{Callout, CalloutReply};
use crate::identity::{Issuer, KeySet, KeyState, parse_remote};
use crate::policy::document::Jwks;
use crate::time::{Span, Timestamp};
use std::rc::Rc;

/// How long a fetch may take.
const FETCH_TIMEOUT: Span = Span::from_secs(5);
/// How soon a failed fetch is tried again.
const RETRY: Span = Span::from_secs(2);
/// How often the host should wake the keys up.
pub(super) const TICK: Span = Span::from_secs(1);

/// The keys of every issuer, in the policy's order.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) states: Vec<KeyState>,
    remotes: Vec<Remote>,
    generation: u64,
}

/// One remote set and its fetches.
#[derive(Debug)]
struct Remote {
    issuer: usize,
    cluster: String,
    authority: String,
    path: String,
    refresh: Span,
    keep_stale: Span,
    next_fetch: Timestamp,
    in_flight: bool,
    last_good: Option<Timestamp>,
    last_body: Vec<u8>,
}

impl Keys {
    /// Inline keys are there from the start; remote ones are not until the first fetch.
    pub(super) fn new(issuers: &[Issuer], written: &[Jwks]) -> Self {
        let mut keys = Self { states: Vec::new(), remotes: Vec::new(), generation: 1 };
        for (at, (issuer, jwks)) in issuers.iter().zip(written).enumerate() {
            keys.states.push(match jwks {
                Jwks::Inline(_) => {
                    issuer.inline_keys.clone().map_or(KeyState::Unavailable, KeyState::Ready)
                }
                Jwks::Remote { .. } => KeyState::Unavailable,
            });
            if let Jwks::Remote { cluster, url, refresh, keep_stale } = jwks {
                let (authority, path) = split_url(url);
                keys.remotes.push(Remote {
                    issuer: at,
                    cluster: cluster.clone(),
                    authority,
                    path,
                    refresh: *refresh,
                    keep_stale: *keep_stale,
                    next_fetch: Timestamp::default(),
                    in_flight: false,
                    last_good: None,
                    last_body: Vec::new(),
                });
            }
        }
        keys
    }

    /// Whether anything has to be fetched, ever.
    pub(super) const fn needs_ticks(&self) -> bool {
        !self.remotes.is_empty()
    }

    /// Which sets to fetch now. Sets that could not be renewed for too long are closed.
    pub(super) fn tick(&mut self, now: Timestamp) -> Vec<Callout> {
        let mut fetches = Vec::new();
        for (number, remote) in (0..).zip(&mut self.remotes) {
            // A clock that was set back neither puts off a renewal nor keeps keys any longer.
            let latest = now.plus(remote.refresh).plus(FETCH_TIMEOUT).plus(FETCH_TIMEOUT);
            remote.next_fetch = remote.next_fetch.min(latest);
            remote.last_good = remote.last_good.map(|at| at.min(now));
            if remote.last_good.is_some_and(|at| now.since(at) > remote.keep_stale)
                && let Some(state) = self.states.get_mut(remote.issuer)
            {
                *state = KeyState::Unavailable;
                remote.last_good = None;
                remote.last_body.clear();
            }
            if !remote.in_flight && now >= remote.next_fetch {
                remote.in_flight = true;
                // Should the host never answer, the next try comes all the same.
                remote.next_fetch = now.plus(FETCH_TIMEOUT).plus(FETCH_TIMEOUT);
                fetches.push(Callout {
                    number,
                    cluster: remote.cluster.clone(),
                    authority: remote.authority.clone(),
                    path: remote.path.clone(),
                    timeout: FETCH_TIMEOUT,
                });
            } else if remote.in_flight && now >= remote.next_fetch {
                remote.in_flight = false;
            }
        }
        fetches
    }

    /// A fetch ended. Anything but a good set in a 200 keeps the last good keys.
    pub(super) fn answered(
        &mut self,
        now: Timestamp,
        number: u32,
        reply: CalloutReply<'_>,
        issuers: &[Issuer],
    ) -> String {
        let Some(remote) = self.remotes.get_mut(number as usize) else {
            return "keys: an answer nobody waits for".to_owned();
        };
        remote.in_flight = false;
        let Some(issuer) = issuers.get(remote.issuer) else { return String::new() };
        let parsed = match reply.status {
            // The same bytes are the same keys: what was verified with them stays verified.
            Some(200) if remote.last_good.is_some() && remote.last_body == reply.body => Ok(None),
            Some(200) => parse_remote(reply.body, issuer).map(Some),
            Some(status) => Err(format!("status {status}")),
            None => Err("no answer".to_owned()),
        };
        match parsed {
            Ok(renewed) => {
                remote.last_good = Some(now);
                remote.next_fetch = now.plus(remote.refresh);
                let Some(set) = renewed else { return String::new() };
                let count = set.keys.len();
                remote.last_body = reply.body.to_vec();
                self.generation = self.generation.saturating_add(1);
                if let Some(state) = self.states.get_mut(remote.issuer) {
                    let set = KeySet { generation: self.generation, ..set };
                    *state = KeyState::Ready(Rc::new(set));
                }
                format!("keys of {}: {count} usable", issuer.issuer)
            }
            Err(why) => {
                remote.next_fetch = now.plus(RETRY);
                let left = match remote.last_good {
                    Some(_) => "the last good ones stay",
                    None => "there are none",
                };
                format!("keys of {}: {why}; {left}", issuer.issuer)
            }
        }
    }

    /// Which keys an issuer has now; `None` while it has none.
    pub(super) fn generation(&self, issuer: u32) -> Option<u64> {
        match self.states.get(issuer as usize)? {
            KeyState::Ready(set) => Some(set.generation),
            KeyState::Unavailable => None,
        }
    }
}

/// Host and path of an absolute URL.
fn split_url(url: &str) -> (String, String) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    match rest.split_once('/') {
        Some((host, path)) => (host.to_owned(), format!("/{path}")),
        None => (rest.to_owned(), "/".to_owned()),
    }
}
