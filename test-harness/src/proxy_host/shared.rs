//! What the workers of one process share: key-value data, metrics and queues.

mod metrics;
mod queues;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a compare-and-swap value means to the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CasDialect {
    /// 0 always writes, a missing key takes any value, another must match.
    #[default]
    Envoy,
    /// 0 writes only a missing key, another must match.
    Nginx,
}

/// The shared part of a process. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct SharedData {
    inner: Arc<Mutex<Inner>>,
    dialect: CasDialect,
}

#[derive(Debug, Default)]
struct Inner {
    data: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    next_cas: u32,
    metrics: Vec<metrics::Metric>,
    queues: Vec<queues::Queue>,
    /// Why the process has died.
    died: Option<&'static str>,
}

impl SharedData {
    /// Empty, in one dialect.
    #[must_use]
    pub fn new(dialect: CasDialect) -> Self {
        Self { inner: Arc::default(), dialect }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A test that panicked while it held the lock has failed already.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A value and its version.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        self.lock().data.get(key).cloned()
    }

    /// The process dies, with every worker.
    pub(super) fn die(&self, why: &'static str) {
        self.lock().died.get_or_insert(why);
    }

    /// Why the process has died, if it has; it is told once.
    pub(super) fn take_death(&self) -> Option<&'static str> {
        self.lock().died.take()
    }

    /// Replaces every value by what `change` makes of it, as another module that shares the data
    /// could. How many there are.
    pub fn change_all(&self, change: impl Fn(&[u8], &[u8]) -> Vec<u8>) -> usize {
        let mut inner = self.lock();
        let keys: Vec<Vec<u8>> = inner.data.keys().cloned().collect();
        for key in &keys {
            inner.next_cas = inner.next_cas.wrapping_add(1).max(1);
            let version = inner.next_cas;
            if let Some(entry) = inner.data.get_mut(key) {
                *entry = (change(key, &entry.0), version);
            }
        }
        keys.len()
    }

    /// Every key there is.
    #[must_use]
    pub fn keys(&self) -> Vec<Vec<u8>> {
        self.lock().data.keys().cloned().collect()
    }

    /// Writes where the version allows it.
    #[must_use]
    pub fn set(&self, key: &[u8], value: &[u8], cas: u32) -> bool {
        let mut inner = self.lock();
        let current = inner.data.get(key).map(|(_, version)| *version);
        let allowed = match (self.dialect, current) {
            (CasDialect::Envoy, None) => true,
            (CasDialect::Envoy, Some(version)) => cas == 0 || cas == version,
            (CasDialect::Nginx, None) => cas == 0,
            (CasDialect::Nginx, Some(version)) => cas == version,
        };
        if allowed {
            inner.next_cas = inner.next_cas.wrapping_add(1).max(1);
            let version = inner.next_cas;
            inner.data.insert(key.to_vec(), (value.to_vec(), version));
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_of_two_inserts_wins_in_envoys_dialect() {
        let shared = SharedData::default();
        assert!(shared.set(b"k", b"1", u32::MAX), "a missing key takes any version");
        assert!(!shared.set(b"k", b"2", u32::MAX), "and then that version does not match");
        assert!(shared.set(b"k", b"3", 0), "0 always writes");
    }

    #[test]
    fn nginx_writes_a_missing_key_for_0_only() {
        let shared = SharedData::new(CasDialect::Nginx);
        assert!(!shared.set(b"k", b"1", u32::MAX));
        assert!(shared.set(b"k", b"1", 0));
        assert!(!shared.set(b"k", b"2", 0));
    }
}
