//! Which code ran: the counters that `-C instrument-coverage` puts in, where it was compiled with it.

/// What has been reached so far: for each counter, the orders of magnitude it has had.
#[derive(Debug, Default)]
pub struct Reached {
    seen: Vec<u8>,
}

impl Reached {
    /// Forgets what ran before.
    pub fn begin() {
        counters::clear();
    }

    /// Takes what ran since; whether any of it is new.
    pub fn take(&mut self) -> bool {
        let mut new = false;
        counters::each(|at, count| {
            if at >= self.seen.len() {
                self.seen.resize(at + 1, 0);
            }
            let bit = order(count);
            if let Some(seen) = self.seen.get_mut(at)
                && *seen & bit == 0
            {
                *seen |= bit;
                new = true;
            }
        });
        new
    }

    /// How many counters have run.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seen.iter().filter(|seen| **seen != 0).count()
    }

    /// Whether anything counts at all.
    #[must_use]
    pub const fn is_guided() -> bool {
        cfg!(ambit_coverage)
    }
}

/// Once, a few times, often, very often.
const fn order(count: u64) -> u8 {
    match count {
        1 => 1,
        2 => 2,
        3 => 4,
        4..=7 => 8,
        8..=15 => 16,
        16..=31 => 32,
        32..=127 => 64,
        _ => 128,
    }
}

#[cfg(ambit_coverage)]
#[expect(unsafe_code, reason = "the counters are a section of this program that only C names")]
mod counters {
    unsafe extern "C" {
        fn __llvm_profile_begin_counters() -> *mut u64;
        fn __llvm_profile_end_counters() -> *mut u64;
    }

    fn bounds() -> (*mut u64, usize) {
        // SAFETY: both are functions of the profiler's runtime that return where the section lies,
        // whose counters are all of 8 bytes.
        unsafe {
            let begin = __llvm_profile_begin_counters();
            let bytes = (__llvm_profile_end_counters() as usize).saturating_sub(begin as usize);
            (begin, bytes / 8)
        }
    }

    pub(super) fn clear() {
        let (begin, count) = bounds();
        // SAFETY: the section is this program's, writable, and nothing else counts meanwhile: a
        // target runs on one thread.
        unsafe { std::ptr::write_bytes(begin, 0, count) }
    }

    pub(super) fn each(mut visit: impl FnMut(usize, u64)) {
        let (begin, count) = bounds();
        for at in 0..count {
            // SAFETY: `at` is within the section. Volatile, for this code is counted too.
            let value = unsafe { begin.add(at).read_volatile() };
            if value != 0 {
                visit(at, value);
            }
        }
    }
}

#[cfg(not(ambit_coverage))]
mod counters {
    pub(super) const fn clear() {}

    pub(super) fn each(_: impl FnMut(usize, u64)) {}
}
