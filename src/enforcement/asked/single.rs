//! Headers of which there may be one, by name.

use crate::decision::Reason;
use crate::request::bytes::ByteSet;

/// Headers of which a second one would make the request ambiguous.
#[derive(Clone, Copy, Debug)]
pub(super) enum Single {
    AmbitApproval,
    AmbitGrant,
    Authority,
    Authorization,
    ContentEncoding,
    ContentLength,
    ContentType,
    Dpop,
    Host,
    Http2Settings,
    IfMatch,
    IfNoneMatch,
    IfUnmodifiedSince,
    Method,
    Origin,
    Path,
    Protocol,
    RequestedMethod,
    Scheme,
    Upgrade,
}

impl Single {
    const COUNT: usize = Self::Upgrade as usize + 1;
}

/// The value of each [`Single`], and whether it came again.
#[derive(Default)]
pub(super) struct OneOfEach<'a> {
    found: [Option<(&'a [u8], bool)>; Single::COUNT],
}

impl<'a> OneOfEach<'a> {
    pub(super) fn take(&mut self, single: Single, value: &'a [u8]) {
        if let Some(slot) = self.found.get_mut(single as usize) {
            *slot = Some((value, slot.is_some()));
        }
    }

    pub(super) fn present(&self, name: Single) -> bool {
        self.slot(name).is_some()
    }

    /// The only value; an error where there are two.
    pub(super) fn only(&self, name: Single) -> Result<Option<&'a [u8]>, Reason> {
        match self.slot(name) {
            None => Ok(None),
            Some((_, true)) => Err(Reason::MalformedRequest),
            Some((value, false)) => Ok(Some(value)),
        }
    }

    /// The only value; an error where there are two, or where it is no plain text.
    pub(super) fn get(&self, name: Single) -> Result<Option<&'a str>, Reason> {
        match self.only(name)? {
            None => Ok(None),
            Some(value) => plain(value).map(Some).ok_or(Reason::MalformedRequest),
        }
    }

    fn slot(&self, name: Single) -> Option<(&'a [u8], bool)> {
        self.found.get(name as usize).copied().flatten()
    }
}

/// A header's value as text without controls.
pub(super) fn plain(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    (PRINTABLE.has_all(value) || !text.chars().any(char::is_control)).then_some(text)
}

/// What nearly all values are made of.
const PRINTABLE: ByteSet = ByteSet::printable_but(b"");
