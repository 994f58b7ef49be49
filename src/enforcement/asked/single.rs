//! Headers of which there may be one, by name.

use crate::decision::Reason;
use crate::request::bytes::ByteSet;

/// Headers of which a second one would make the request ambiguous.
#[derive(Clone, Copy)]
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

    /// By a name in lower case.
    const fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b":authority" => Self::Authority,
            b":method" => Self::Method,
            b":path" => Self::Path,
            b":protocol" => Self::Protocol,
            b":scheme" => Self::Scheme,
            b"access-control-request-method" => Self::RequestedMethod,
            b"ambit-approval" => Self::AmbitApproval,
            b"ambit-grant" => Self::AmbitGrant,
            b"authorization" => Self::Authorization,
            b"content-encoding" => Self::ContentEncoding,
            b"content-length" => Self::ContentLength,
            b"content-type" => Self::ContentType,
            b"dpop" => Self::Dpop,
            b"host" => Self::Host,
            b"http2-settings" => Self::Http2Settings,
            b"if-match" => Self::IfMatch,
            b"if-none-match" => Self::IfNoneMatch,
            b"if-unmodified-since" => Self::IfUnmodifiedSince,
            b"origin" => Self::Origin,
            b"upgrade" => Self::Upgrade,
            _ => return None,
        })
    }
}

/// The value of each [`Single`], and whether it came again.
#[derive(Default)]
pub(super) struct OneOfEach<'a> {
    found: [Option<(&'a [u8], bool)>; Single::COUNT],
}

impl<'a> OneOfEach<'a> {
    pub(super) fn take(&mut self, name: &[u8], value: &'a [u8]) {
        let single = match name.iter().any(u8::is_ascii_uppercase) {
            false => Single::named(name),
            true => Single::named(&name.to_ascii_lowercase()),
        };
        if let Some(slot) = single.and_then(|single| self.found.get_mut(single as usize)) {
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
