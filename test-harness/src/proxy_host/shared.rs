//! What the workers of one process share: key-value data and metrics.

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
    metrics: Vec<(String, i64)>,
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

    /// Writes where the version allows it.
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

    /// The number of a metric, defined where it is new.
    pub fn metric(&self, name: &str) -> u32 {
        let mut inner = self.lock();
        let found = inner.metrics.iter().position(|(known, _)| known == name);
        let at = found.unwrap_or_else(|| {
            inner.metrics.push((name.to_owned(), 0));
            inner.metrics.len().saturating_sub(1)
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// Changes a metric; false for an unknown one.
    pub fn change(&self, metric: u32, change: impl FnOnce(i64) -> i64) -> bool {
        match self.lock().metrics.get_mut(metric as usize) {
            Some((_, value)) => {
                *value = change(*value);
                true
            }
            None => false,
        }
    }

    /// A metric's value by number.
    #[must_use]
    pub fn read(&self, metric: u32) -> Option<i64> {
        self.lock().metrics.get(metric as usize).map(|(_, value)| *value)
    }

    /// All metrics.
    #[must_use]
    pub fn metrics(&self) -> Vec<(String, i64)> {
        self.lock().metrics.clone()
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
