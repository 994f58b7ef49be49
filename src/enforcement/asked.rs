//! The request's headers, read once.

use super::Header;
use crate::decision::Reason;
use crate::policy::Policy;
use crate::request::bytes::ByteSet;
use crate::request::{credentials, host, path, query};

/// More headers, or more bytes of them, than an honest client sends.
const MAX_HEADERS: usize = 256;
const MAX_BYTES: usize = 98_304;

/// Ways to ask for another method, path or host than the request line's; some upstreams obey them.
const OVERRIDES: [&str; 16] = [
    "x-envoy-original-path",
    "x-forwarded-method",
    "x-forwarded-path",
    "x-forwarded-uri",
    "x-original-path",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-override-url",
    "x-rewrite-uri",
    "x-rewrite-url",
    "x-forwarded-host",
];

/// The caller's credentials: they end at the gateway unless the resource keeps them.
const CREDENTIALS: [&str; 4] = ["authorization", "cookie", "dpop", "proxy-authorization"];

/// Consumed by Ambit, whoever may come after it.
const CONSUMED: [&str; 2] = ["ambit-approval", "ambit-grant"];

/// What Ambit needs of a request's headers.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) method: String,
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    pub(super) host: String,
    /// The canonical path.
    pub(super) path: String,
    /// The query as it came.
    pub(super) query: Option<String>,
    /// Whether the canonical path is spelt otherwise than the client's.
    pub(super) path_changed: bool,
    pub(super) peer: Vec<String>,
    pub(super) presented: Option<Result<String, Reason>>,
    /// Where the token is presented with a proof of possession (RFC 9449 §7.1): the proof, if it
    /// is there.
    pub(super) proof: Option<Option<String>>,
    pub(super) origin: Option<String>,
    pub(super) requested_method: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) if_match: Option<String>,
    pub(super) if_none_match: Option<String>,
    pub(super) if_unmodified_since: Option<String>,
    /// Whether the body is encoded, so that its bytes are not what the upstream reads.
    pub(super) encoded_body: bool,
    /// Whether the body is a form, where a token may hide.
    pub(super) form: bool,
    /// The names of all headers, lower case.
    pub(super) names: Names,
    /// Which of the headers came that carry the caller's credentials.
    pub(super) credentials: Vec<&'static str>,
    /// Which of the headers came that are for Ambit alone.
    pub(super) consumed: Vec<&'static str>,
    /// Names to remove in every mode.
    pub(super) forged: Vec<String>,
    /// Names to remove where a decision binds.
    pub(super) overrides: Vec<String>,
    /// Values of headers that a resource binds in an approval: name, value; `None` where it is no
    /// plain text.
    pub(super) bound: Vec<(String, Option<String>)>,
}

impl Asked {
    /// Reads all headers in one pass.
    ///
    /// # Errors
    /// Why the request is malformed, with what was read so far: what is removed in every mode is
    /// always complete.
    pub(super) fn read(
        headers: &[Header<'_>],
        peer: &[String],
        policy: &Policy,
    ) -> Result<Self, (Box<Self>, Reason)> {
        let mut asked = Self { peer: peer.to_vec(), ..Self::default() };
        let mut one = OneOfEach::default();
        let mut named = true;
        for (name, value) in headers {
            asked.note(name);
            one.take(name, value);
            named &= is_name(name);
        }
        let size = headers.iter().fold(0_usize, |sum, (name, value)| {
            sum.saturating_add(name.len()).saturating_add(value.len())
        });
        let bounded = headers.len() <= MAX_HEADERS && size <= MAX_BYTES;
        match asked.fill(&one, bounded && named, headers, policy) {
            Ok(()) => Ok(asked),
            Err(reason) => Err((Box::new(asked), reason)),
        }
    }

    /// Path and query as they are forwarded.
    pub(super) fn target(&self) -> String {
        match &self.query {
            None => self.path.clone(),
            Some(query) => format!("{}?{query}", self.path),
        }
    }

    /// Keeps a name, and whether it must go: names that only Ambit sets, however they are spelt,
    /// and overrides.
    fn note(&mut self, name: &[u8]) {
        let text = self.names.push(name);
        if let Some(known) = CREDENTIALS.iter().find(|known| **known == text) {
            self.credentials.push(known);
        }
        if text.starts_with("ambit") {
            let plain = text.replace('_', "-");
            match CONSUMED.iter().find(|known| **known == plain) {
                Some(known) if plain == text => self.consumed.push(known),
                _ => self.forged.push(text.to_owned()),
            }
        } else if text.starts_with('x') && OVERRIDES.iter().any(|known| same(text, known)) {
            self.overrides.push(text.to_owned());
        }
    }

    fn fill(
        &mut self,
        one: &OneOfEach<'_>,
        bounded: bool,
        headers: &[Header<'_>],
        policy: &Policy,
    ) -> Result<(), Reason> {
        const BAD: Reason = Reason::MalformedRequest;
        self.method = one.get(Single::Method)?.ok_or(BAD)?.to_owned();
        let token = |b: u8| b.is_ascii_uppercase() || matches!(b, b'-' | b'_');
        if self.method.is_empty() || !self.method.bytes().all(token) || self.method == "CONNECT" {
            self.method.clear();
            return Err(BAD);
        }
        self.scheme = match one.get(Single::Scheme)? {
            None => "http",
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => "http",
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
            Some(_) => return Err(BAD),
        };
        let authority = one.get(Single::Authority)?.ok_or(BAD)?;
        self.host = host::parse(authority, self.scheme).ok_or(BAD)?;
        let target = one.get(Single::Path)?.ok_or(BAD)?;
        let (raw, query) = match target.split_once('?') {
            Some((raw, query)) => (raw, Some(query)),
            None => (target, None),
        };
        let canonical = match path::canonical(raw) {
            Ok(canonical) => canonical,
            Err(reason) => {
                // For the record; nothing is decided on it.
                // What follows a `;` may be a token, and no record holds one.
                raw.split(';').next().unwrap_or_default().clone_into(&mut self.path);
                return Err(reason);
            }
        };
        self.path_changed = canonical != raw;
        self.path = canonical.into_owned();
        if let Some(query) = query {
            // A fragment never travels, and raw bytes beyond ASCII have no agreed meaning.
            if query.bytes().any(|b| !b.is_ascii_graphic() || b == b'#') {
                return Err(BAD);
            }
            self.query = Some(query.to_owned());
            // What was decided on would not be what is done.
            if query::overrides_method(query) {
                return Err(BAD);
            }
        }
        // A second host, a tunnel, or too much: two readers could take these for two requests.
        if !bounded
            || one.present(Single::Host)
            || one.present(Single::Protocol)
            || one.present(Single::Upgrade)
            || one.present(Single::Http2Settings)
        {
            return Err(BAD);
        }
        let proof = one.get(Single::Dpop)?;
        self.presented = match one.only(Single::Authorization)? {
            None => None,
            Some(value) => {
                let read = credentials::parse(value);
                // Some gateways join two headers into one with a comma: two credentials all the same.
                if read.is_err() && plain(value).ok_or(BAD)?.contains(',') {
                    return Err(BAD);
                }
                Some(read.map(|presented| match presented {
                    credentials::Presented::Bearer(token) => token.to_owned(),
                    credentials::Presented::Dpop(token) => {
                        self.proof = Some(proof.map(str::to_owned));
                        token.to_owned()
                    }
                }))
            }
        };
        for consumed in [Single::AmbitApproval, Single::AmbitGrant, Single::ContentLength] {
            one.get(consumed)?;
        }
        let kept = |name: Single| one.get(name).map(|value| value.map(str::to_owned));
        self.origin = kept(Single::Origin)?;
        self.requested_method = kept(Single::RequestedMethod)?;
        self.content_type = kept(Single::ContentType)?;
        self.if_match = kept(Single::IfMatch)?;
        self.if_none_match = kept(Single::IfNoneMatch)?;
        self.if_unmodified_since = kept(Single::IfUnmodifiedSince)?;
        self.encoded_body = one
            .get(Single::ContentEncoding)?
            .is_some_and(|value| !value.eq_ignore_ascii_case("identity"));
        self.form = self.content_type.as_deref().is_some_and(|value| {
            value.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
        });
        if self.query.as_deref().is_some_and(credentials::in_query) {
            return Err(Reason::TokenInUrl);
        }
        self.bind(headers, policy);
        Ok(())
    }

    /// Values of the headers that some resource binds in its approvals; of several, joined as one
    /// (RFC 9110 §5.3).
    fn bind(&mut self, headers: &[Header<'_>], policy: &Policy) {
        for name in &policy.bound_headers {
            let mut values = headers
                .iter()
                .filter(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
                .map(|(_, value)| plain(value))
                .peekable();
            if values.peek().is_some() {
                // Two values that are no text must not become one.
                let joined = values.collect::<Option<Vec<_>>>().map(|values| values.join(", "));
                self.bound.push((name.clone(), joined));
            }
        }
    }
}

/// Lower-case header names in one piece of memory; no name that is used has a line break in it.
#[derive(Debug, Default)]
pub(super) struct Names(String);

impl Names {
    /// Adds one and returns it. What is no text becomes some that is nobody's name.
    fn push(&mut self, name: &[u8]) -> &str {
        if self.0.is_empty() {
            self.0.reserve(512);
        }
        let from = self.0.len();
        match std::str::from_utf8(name) {
            Ok(text) => self.0.push_str(text),
            Err(_) => self.0.push_str(&String::from_utf8_lossy(name)),
        }
        if let Some(added) = self.0.get_mut(from..) {
            added.make_ascii_lowercase();
        }
        let end = self.0.len();
        self.0.push('\n');
        self.0.get(from..end).unwrap_or_default()
    }

    /// All of them, in the order they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_terminator('\n')
    }
}

/// Whether a lower-case name is `known`, where many servers take `_` for `-`.
fn same(name: &str, known: &str) -> bool {
    let dashed = |byte: u8| if byte == b'_' { b'-' } else { byte };
    name.len() == known.len() && name.bytes().map(dashed).eq(known.bytes())
}

/// Headers of which a second one would make the request ambiguous.
#[derive(Clone, Copy)]
enum Single {
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
struct OneOfEach<'a> {
    found: [Option<(&'a [u8], bool)>; Single::COUNT],
}

impl<'a> OneOfEach<'a> {
    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        let single = match name.iter().any(u8::is_ascii_uppercase) {
            false => Single::named(name),
            true => Single::named(&name.to_ascii_lowercase()),
        };
        if let Some(slot) = single.and_then(|single| self.found.get_mut(single as usize)) {
            *slot = Some((value, slot.is_some()));
        }
    }

    fn present(&self, name: Single) -> bool {
        self.slot(name).is_some()
    }

    /// The only value; an error where there are two.
    fn only(&self, name: Single) -> Result<Option<&'a [u8]>, Reason> {
        match self.slot(name) {
            None => Ok(None),
            Some((_, true)) => Err(Reason::MalformedRequest),
            Some((value, false)) => Ok(Some(value)),
        }
    }

    /// The only value; an error where there are two, or where it is no plain text.
    fn get(&self, name: Single) -> Result<Option<&'a str>, Reason> {
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
fn plain(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    (PRINTABLE.has_all(value) || !text.chars().any(char::is_control)).then_some(text)
}

/// What nearly all values are made of.
const PRINTABLE: ByteSet = ByteSet::printable_but(b"");

/// RFC 9110 §5.1, or a pseudo header's (RFC 9113 §8.3). Any other name cannot be removed by name.
fn is_name(name: &[u8]) -> bool {
    let name = name.strip_prefix(b":").unwrap_or(name);
    !name.is_empty() && TOKEN.has_all(name)
}

/// RFC 9110 §5.6.2.
const TOKEN: ByteSet = ByteSet::alphanumeric_and(b"!#$%&'*+-.^_`|~");
