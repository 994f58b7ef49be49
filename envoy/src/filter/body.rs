//! How much of a held body has arrived, and how much of it the enforcement was told.

use crate::host::HostError;

/// One body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Body {
    size: usize,
    ended: bool,
    wanted: bool,
    told: usize,
    told_end: bool,
}

impl Body {
    /// More of it may have arrived: `size` is all there is now.
    pub(super) fn arrived(&mut self, size: usize, end: bool) -> Result<(), HostError> {
        if size < self.size || (self.ended && size != self.size) {
            return Err(HostError::OutOfStep("a held body that shrinks or goes on after its end"));
        }
        self.size = size;
        self.ended |= end;
        Ok(())
    }

    /// No more will arrive: trailers came.
    pub(super) const fn end(&mut self) {
        self.ended = true;
    }

    /// The enforcement asks for it. Asking again for what it was told whole would wait for ever.
    pub(super) const fn want(&mut self) -> Result<(), HostError> {
        if self.told_end {
            return Err(HostError::OutOfStep("a step asks for a body that was told whole"));
        }
        self.wanted = true;
        Ok(())
    }

    /// What to tell now: the size, and whether that is all of it.
    ///
    /// Telling copies the body from its first byte. So that a body sent byte by byte does not cost
    /// the square of its size, it is told when it has doubled, and when it has ended.
    pub(super) const fn untold(&mut self) -> Option<(usize, bool)> {
        let doubled = self.size > self.told && self.size / 2 >= self.told;
        let ended = self.ended && !self.told_end;
        if !self.wanted || !(doubled || ended) {
            return None;
        }
        self.told = self.size;
        self.told_end = self.ended;
        Some((self.size, self.ended))
    }

    /// Whether all of it has arrived.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Bytes so far.
    pub(super) const fn size(&self) -> usize {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_before_it_is_wanted_and_then_all_that_is_there() {
        let mut body = Body::default();
        body.arrived(7, true).unwrap();
        assert_eq!(body.untold(), None);
        body.want().unwrap();
        assert_eq!(body.untold(), Some((7, true)));
        assert_eq!(body.untold(), None);
        assert!(body.want().is_err());
    }

    #[test]
    fn an_empty_body_is_told_at_its_end() {
        let mut body = Body::default();
        body.want().unwrap();
        body.arrived(0, false).unwrap();
        assert_eq!(body.untold(), None);
        body.end();
        assert_eq!(body.untold(), Some((0, true)));
    }

    #[test]
    fn a_body_sent_byte_by_byte_costs_a_multiple_of_its_size() {
        let mut body = Body::default();
        body.want().unwrap();
        let mut copied = 0;
        for size in 1..=100_000 {
            body.arrived(size, size == 100_000).unwrap();
            copied += body.untold().map_or(0, |(size, _)| size);
        }
        assert!(copied < 400_000, "{copied}");
        assert!(body.told_end);
    }

    #[test]
    fn a_body_that_shrinks_or_goes_on_after_its_end_is_an_error() {
        let mut body = Body::default();
        body.arrived(5, false).unwrap();
        assert!(body.arrived(4, false).is_err());
        body.arrived(5, true).unwrap();
        body.arrived(5, true).unwrap();
        assert!(body.arrived(6, true).is_err());
    }
}
