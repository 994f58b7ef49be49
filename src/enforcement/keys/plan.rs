//! When the keys of one source are fetched, as the workers of a process agree on it.
//!
//! A claim is a plan that was posted: who posts it first fetches, and everybody else waits for what
//! comes of it. A claim ends by itself, so that a worker that is gone holds nobody up.

use crate::time::{Span, Timestamp};

/// How long a fetch may take.
pub(super) const FETCH_TIMEOUT: Span = Span::from_secs(5);
/// How long a claim holds: long enough for a fetch and the host that is late to tell.
const CLAIM: Span = Span::from_secs(10);
/// How soon a failed fetch is tried again; twice as long after each further failure.
const RETRY: Span = Span::from_secs(2);
/// The longest that a failed fetch waits.
const RETRY_MOST: Span = Span::from_secs(30);
/// The least time between two fetches that tokens of unknown keys ask for.
const REFETCH: Span = Span::from_secs(30);
/// How far the clock of one worker may be ahead of another's reading of it.
pub(super) const SKEW: Span = Span::from_secs(5);
/// Bytes of a plan that is posted.
const BYTES: usize = 36;

/// What is planned, and what came of it so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// When the newest good set was fetched.
    pub(super) fetched_at: Timestamp,
    /// When the next fetch is due.
    next_at: Timestamp,
    /// Until when somebody is at it.
    claimed_until: Timestamp,
    /// When a token of an unknown key was last a reason to fetch.
    refetched_at: Timestamp,
    /// Fetches that failed since.
    failures: u32,
}

impl Plan {
    /// Whether to fetch now; `wanted` where a token named a key that is not there.
    pub(super) fn is_due(&self, now: Timestamp, wanted: bool) -> bool {
        !self.is_claimed(now) && (now >= self.next_at || (wanted && self.may_refetch(now)))
    }

    /// Whether somebody is fetching.
    pub(super) fn is_claimed(&self, now: Timestamp) -> bool {
        now < self.claimed_until
    }

    /// Whether an unknown key may be a reason to fetch.
    pub(super) fn may_refetch(&self, now: Timestamp) -> bool {
        now >= self.refetched_at.plus(REFETCH)
    }

    /// This plan and `other`, whatever either knows better, and a claim on the fetch.
    pub(super) fn claim(&self, other: &Self, now: Timestamp, wanted: bool) -> Self {
        Self {
            fetched_at: self.fetched_at.max(other.fetched_at),
            next_at: self.next_at.max(other.next_at),
            claimed_until: now.plus(CLAIM),
            refetched_at: match wanted {
                true => now,
                false => self.refetched_at.max(other.refetched_at),
            },
            failures: self.failures.max(other.failures),
        }
    }

    /// After a good fetch: the next up to a tenth sooner than `refresh`, by `jitter`.
    pub(super) fn succeeded(&self, now: Timestamp, refresh: Span, jitter: u64) -> Self {
        Self {
            fetched_at: now,
            next_at: now.plus(sooner(refresh, 10, jitter)),
            claimed_until: Timestamp::default(),
            refetched_at: self.refetched_at,
            failures: 0,
        }
    }

    /// After one that failed: the next up to half sooner than twice the time before, by `jitter`.
    pub(super) fn failed(&self, now: Timestamp, jitter: u64) -> Self {
        let doubled = 1_i64.checked_shl(self.failures.min(16)).unwrap_or(i64::MAX);
        let wait = RETRY.millis().saturating_mul(doubled).min(RETRY_MOST.millis());
        Self {
            next_at: now.plus(sooner(Span::from_millis(wait), 2, jitter)),
            claimed_until: Timestamp::default(),
            failures: self.failures.saturating_add(1),
            ..*self
        }
    }

    /// The plan with nothing in it that waits longer than this policy would; `None` for one from a
    /// future, which only a clock that was set back or somebody else's bytes can bring.
    pub(super) fn within(self, now: Timestamp, refresh: Span) -> Option<Self> {
        let latest = now.plus(SKEW);
        // Only what is fixed ends by itself: a wait that is cut to what is left from now would be
        // cut anew whenever somebody looks.
        let retries_soon = self.failures == 0 || self.next_at <= latest.plus(RETRY_MOST);
        let soon = self.fetched_at <= latest
            && self.refetched_at <= latest
            && self.claimed_until <= latest.plus(CLAIM)
            && retries_soon;
        let next_at = match self.failures {
            0 => self.next_at.min(self.fetched_at.plus(refresh)),
            _ => self.next_at,
        };
        soon.then_some(Self { next_at, ..self })
    }

    /// As it is posted: each number in big-endian bytes.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let times = [self.fetched_at, self.next_at, self.claimed_until, self.refetched_at];
        let mut bytes = Vec::with_capacity(BYTES);
        times.iter().for_each(|time| bytes.extend(time.millis().to_be_bytes()));
        bytes.extend(self.failures.to_be_bytes());
        bytes
    }

    /// Reads what was posted; `None` for anything else.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (fetched_at, rest) = time(bytes)?;
        let (next_at, rest) = time(rest)?;
        let (claimed_until, rest) = time(rest)?;
        let (refetched_at, rest) = time(rest)?;
        let failures = u32::from_be_bytes(rest.try_into().ok()?);
        Some(Self { fetched_at, next_at, claimed_until, refetched_at, failures })
    }
}

/// A time since the epoch in front of something, and what follows.
pub(super) fn time(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (first, rest) = bytes.split_first_chunk::<8>()?;
    let millis = i64::from_be_bytes(*first);
    (millis >= 0).then(|| (Timestamp::from_millis(millis), rest))
}

/// `span` less up to one `part` of it; the whole of it where `jitter` is 0.
fn sooner(span: Span, part: i64, jitter: u64) -> Span {
    let most = span.millis().checked_div(part).unwrap_or_default().max(0).cast_unsigned();
    let less = jitter.checked_rem(most.saturating_add(1)).unwrap_or_default();
    Span::from_millis(span.millis().saturating_sub(less.cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const REFRESH: Span = Span::from_secs(300);

    fn seconds(from: Timestamp, to: Timestamp) -> i64 {
        to.since(from).secs()
    }

    #[test]
    fn failures_wait_twice_as_long_each_time_up_to_half_a_minute() {
        let mut plan = Plan::default();
        let mut waits = Vec::new();
        for _ in 0..7 {
            plan = plan.failed(NOW, 0);
            waits.push(seconds(NOW, plan.next_at));
        }
        assert_eq!(waits, [2, 4, 8, 16, 30, 30, 30]);
        for _ in 0..100 {
            plan = plan.failed(NOW, u64::MAX);
        }
        assert!((15..=30).contains(&seconds(NOW, plan.next_at)));
        assert_eq!(plan.succeeded(NOW, REFRESH, 0).failed(NOW, 0).next_at, NOW.plus(RETRY));
    }

    #[test]
    fn a_claim_ends_by_itself() {
        let claim = Plan::default().claim(&Plan::default(), NOW, false);
        assert!(claim.is_claimed(NOW) && !claim.is_due(NOW, true));
        assert!(claim.is_due(NOW.plus(CLAIM), false));
    }

    #[test]
    fn unknown_keys_bring_one_fetch_in_half_a_minute() {
        let fresh = Plan::default().succeeded(NOW, REFRESH, 0);
        assert!(!fresh.is_due(NOW, false) && fresh.is_due(NOW, true));
        let again = fresh.claim(&fresh, NOW, true).succeeded(NOW, REFRESH, 0);
        assert!(!again.is_due(NOW.plus(Span::from_secs(29)), true));
        assert!(again.is_due(NOW.plus(REFETCH), true));
    }

    #[test]
    fn a_plan_from_the_future_is_none() {
        let later = NOW.plus(Span::from_secs(60));
        let plan = Plan::default().succeeded(later, REFRESH, 0);
        assert_eq!(plan.within(NOW, REFRESH), None);
        assert_eq!(plan.within(later, REFRESH), Some(plan));
        let claim = Plan::default().claim(&Plan::default(), later, false);
        assert_eq!(claim.within(NOW, REFRESH), None);
    }

    #[test]
    fn a_retry_that_was_planned_by_a_clock_far_ahead_holds_nobody_up() {
        let ahead = Plan::default().failed(NOW.plus(Span::from_secs(7200)), 0);
        assert_eq!(ahead.within(NOW, REFRESH), None);
        let plan = Plan::default().failed(NOW, 0);
        assert_eq!(plan.within(NOW, REFRESH), Some(plan));
    }

    #[test]
    fn a_policy_with_a_shorter_refresh_does_not_wait_for_the_longer_one() {
        let plan = Plan::default().succeeded(NOW, Span::from_secs(86_400), 0);
        let mine = plan.within(NOW, REFRESH).unwrap();
        assert!(mine.is_due(NOW.plus(REFRESH), false));
    }

    proptest! {
        #[test]
        fn bytes_come_back_and_nothing_else_is_a_plan(
            bytes in proptest::collection::vec(any::<u8>(), 0..80)
        ) {
            if let Some(plan) = Plan::from_bytes(&bytes) {
                prop_assert_eq!(plan.to_bytes(), bytes);
            }
        }

        #[test]
        fn whatever_was_posted_no_plan_waits_longer_than_this_policy_would(
            times in proptest::array::uniform4(any::<i64>()), failures: u32, jitter: u64
        ) {
            let [fetched_at, next_at, claimed_until, refetched_at] = times.map(Timestamp::from_millis);
            let plan = Plan { fetched_at, next_at, claimed_until, refetched_at, failures };
            if let Some(plan) = plan.within(NOW, REFRESH) {
                prop_assert!(plan.is_due(NOW.plus(SKEW).plus(REFRESH), false));
            }
            let next = plan.failed(NOW, jitter).next_at.since(NOW);
            prop_assert!(next >= Span::from_secs(1) && next <= RETRY_MOST);
            let next = plan.succeeded(NOW, REFRESH, jitter).next_at.since(NOW);
            prop_assert!(next >= Span::from_secs(270) && next <= REFRESH);
        }
    }
}
