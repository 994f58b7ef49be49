//! Metrics: global by name, each of one kind.

use super::SharedData;
use crate::proxy_host::state::status;

/// The ABI's kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric. A histogram's value is the one recorded last.
#[derive(Debug)]
pub(super) struct Metric {
    name: String,
    kind: Kind,
    value: i64,
}

impl SharedData {
    /// The number of a metric, defined where it is new; `None` for a kind that is none.
    pub(in crate::proxy_host) fn define_metric(&self, kind: i32, name: &str) -> Option<u32> {
        let kind = match kind {
            0 => Kind::Counter,
            1 => Kind::Gauge,
            2 => Kind::Histogram,
            _ => return None,
        };
        let mut inner = self.lock();
        let known = |metric: &Metric| metric.kind == kind && metric.name == name;
        let at = inner.metrics.iter().position(known).unwrap_or_else(|| {
            inner.metrics.push(Metric { name: name.to_owned(), kind, value: 0 });
            inner.metrics.len().saturating_sub(1)
        });
        u32::try_from(at).ok()
    }

    /// Counters only go up; histograms do not go at all. The error is a status.
    pub(in crate::proxy_host) fn increment(&self, metric: u32, by: i64) -> Result<(), i32> {
        self.with(metric, |metric| {
            if metric.kind == Kind::Histogram || (metric.kind == Kind::Counter && by <= 0) {
                return Err(status::BAD_ARGUMENT);
            }
            metric.value = metric.value.saturating_add(by);
            Ok(())
        })
    }

    /// A counter goes up by what is recorded; the others take it. The error is a status.
    pub(in crate::proxy_host) fn record(&self, metric: u32, value: i64) -> Result<(), i32> {
        self.with(metric, |metric| {
            metric.value = match metric.kind {
                Kind::Counter => metric.value.saturating_add(value),
                Kind::Gauge | Kind::Histogram => value,
            };
            Ok(())
        })
    }

    /// A metric's value; a histogram has none. The error is a status.
    pub(in crate::proxy_host) fn read(&self, metric: u32) -> Result<i64, i32> {
        self.with(metric, |metric| match metric.kind {
            Kind::Counter | Kind::Gauge => Ok(metric.value),
            Kind::Histogram => Err(status::BAD_ARGUMENT),
        })
    }

    fn with<T>(
        &self,
        metric: u32,
        run: impl FnOnce(&mut Metric) -> Result<T, i32>,
    ) -> Result<T, i32> {
        let mut inner = self.lock();
        run(inner.metrics.get_mut(metric as usize).ok_or(status::NOT_FOUND)?)
    }

    /// All metrics, by name.
    #[must_use]
    pub fn metrics(&self) -> Vec<(String, i64)> {
        self.lock().metrics.iter().map(|metric| (metric.name.clone(), metric.value)).collect()
    }
}
