//! The request's headers, read once.

use super::Header;
use crate::decision::Reason;
use crate::policy::Policy;
use crate::request::{credentials, host, path, query};

/// More headers, or more bytes of them, than an honest client sends.
const MAX_HEADERS: usize = 256;
const MAX_BYTES: usize = 98_304;

/// What no client may say, sorted: ways to ask for another method, path or host than the request
/// line's, which some upstreams obey, and headers by which proxies tell an upstream who asks and from
/// where. Who asks stands in `ambit` alone. Those that Envoy itself sets before its filters are not
/// among them.
pub(super) const OVERRIDES: [&str; 69] = [
    "cf-access-authenticated-user-email",
    "cf-access-jwt-assertion",
    "cf-connecting-ip",
    "client-ip",
    "fastly-client-ip",
    "forwarded",
    "remote-user",
    "true-client-ip",
    "x-amzn-oidc-accesstoken",
    "x-amzn-oidc-data",
    "x-amzn-oidc-identity",
    "x-auth-request-access-token",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-user",
    "x-authenticated-user",
    "x-authenticated-userid",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-consumer-custom-id",
    "x-consumer-id",
    "x-consumer-username",
    "x-credential-identifier",
    "x-envoy-attempt-count",
    "x-envoy-original-host",
    "x-envoy-original-path",
    "x-envoy-original-url",
    "x-envoy-peer-metadata",
    "x-envoy-peer-metadata-id",
    "x-forwarded-access-token",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-host",
    "x-forwarded-host-override",
    "x-forwarded-method",
    "x-forwarded-path",
    "x-forwarded-preferred-username",
    "x-forwarded-prefix",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-uri",
    "x-forwarded-user",
    "x-goog-authenticated-user-email",
    "x-goog-authenticated-user-id",
    "x-goog-iap-jwt-assertion",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-http-path-override",
    "x-method-override",
    "x-ms-client-principal",
    "x-ms-client-principal-id",
    "x-ms-client-principal-name",
    "x-original-host",
    "x-original-method",
    "x-original-path",
    "x-original-request-uri",
    "x-original-uri",
    "x-original-url",
    "x-override-url",
    "x-real-ip",
    "x-remote-user",
    "x-rewrite-uri",
    "x-rewrite-url",
    "x-user",
    "x-user-id",
    "x-webauth-user",
];

/// Whether a trailer of this name must not reach the upstream: names that only Ambit sets, and what
/// decides on a request, which no trailer may (RFC 9110 §6.5.1).
#[must_use]
pub fn is_no_trailer(name: &[u8]) -> bool {
    let plain = plain_name(name);
    plain.starts_with("ambit")
        || OVERRIDES.binary_search(&plain.as_str()).is_ok()
        || super::forward::CREDENTIALS.contains(&plain.as_str())
}

/// A name as servers read it that take `_` for `-`.
fn plain_name(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_ascii_lowercase().replace('_', "-")
}

/// Whether a name is one that the gateway removes or sets, spelt with `_` so that it would not.
fn is_disguised(text: &str, plain: &str) -> bool {
    text.contains('_')
        && (plain.starts_with("x-envoy-")
            || plain.starts_with("x-forwarded-")
            || super::forward::CREDENTIALS.contains(&plain))
}

/// What Ambit needs of a request's headers.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) scheme: String,
    pub(super) host: String,
    /// The canonical path.
    pub(super) path: String,
    /// The query as it came.
    pub(super) query: Option<String>,
    /// Whether the canonical path is spelt otherwise than the client's.
    pub(super) path_changed: bool,
    pub(super) peer: Vec<String>,
    pub(super) presented: Option<Result<String, Reason>>,
    pub(super) origin: Option<String>,
    pub(super) requested_method: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) if_match: Option<String>,
    pub(super) if_none_match: Option<String>,
    pub(super) if_unmodified_since: Option<String>,
    /// Whether the body is encoded, so that its bytes are not what the upstream reads.
    pub(super) encoded_body: bool,
    /// Whether the body is a form, where a token or another method may hide.
    pub(super) form: Form,
    /// The names of all headers, lower case.
    pub(super) names: Vec<String>,
    /// Names to remove in every mode.
    pub(super) forged: Vec<String>,
    /// Names to remove where a decision binds.
    pub(super) overrides: Vec<String>,
    /// Values of headers that a resource binds in an approval: name, value; `None` where it is no
    /// plain text.
    pub(super) bound: Vec<(String, Option<String>)>,
}

/// A body whose fields frameworks read as they read a query's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// None.
    #[default]
    None,
    /// `application/x-www-form-urlencoded`
    Encoded,
    /// `multipart/form-data` and its kin.
    Multipart,
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
        let text = String::from_utf8_lossy(name).to_ascii_lowercase();
        let plain = text.replace('_', "-");
        let consumed = matches!(text.as_str(), "ambit-approval" | "ambit-grant");
        if plain.starts_with("ambit") && !consumed {
            self.forged.push(text.clone());
        } else if OVERRIDES.binary_search(&plain.as_str()).is_ok() || is_disguised(&text, &plain) {
            self.overrides.push(text.clone());
        }
        self.names.push(text);
    }

    fn fill(
        &mut self,
        one: &OneOfEach<'_>,
        bounded: bool,
        headers: &[Header<'_>],
        policy: &Policy,
    ) -> Result<(), Reason> {
        const BAD: Reason = Reason::MalformedRequest;
        self.method = one.get(":method")?.ok_or(BAD)?.to_owned();
        let token = |b: u8| b.is_ascii_uppercase() || matches!(b, b'-' | b'_');
        if self.method.is_empty() || !self.method.bytes().all(token) || self.method == "CONNECT" {
            self.method.clear();
            return Err(BAD);
        }
        self.scheme = one.get(":scheme")?.unwrap_or("http").to_ascii_lowercase();
        // Another scheme has other defaults, and an upstream that believes it another origin.
        if !matches!(self.scheme.as_str(), "http" | "https") {
            return Err(BAD);
        }
        let authority = one.get(":authority")?.ok_or(BAD)?;
        self.host = host::parse(authority, &self.scheme).ok_or(BAD)?;
        let target = one.get(":path")?.ok_or(BAD)?;
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
            || one.present("host")
            || one.present(":protocol")
            || one.present("upgrade")
            || one.present("http2-settings")
        {
            return Err(BAD);
        }
        let presented = one.get("authorization")?;
        // Some gateways join two headers into one with a comma: two credentials all the same.
        if presented.is_some_and(|value| value.contains(',')) {
            return Err(BAD);
        }
        self.presented = presented.map(|value| match credentials::parse(value)? {
            credentials::Presented::Bearer(token) | credentials::Presented::Dpop(token) => {
                Ok(token.to_owned())
            }
        });
        for consumed in ["dpop", "ambit-approval", "ambit-grant", "content-length"] {
            one.get(consumed)?;
        }
        let kept = |name: &str| one.get(name).map(|value| value.map(str::to_owned));
        self.origin = kept("origin")?;
        self.requested_method = kept("access-control-request-method")?;
        self.content_type = kept("content-type")?;
        self.if_match = kept("if-match")?;
        self.if_none_match = kept("if-none-match")?;
        self.if_unmodified_since = kept("if-unmodified-since")?;
        self.encoded_body = one
            .get("content-encoding")?
            .is_some_and(|value| !value.eq_ignore_ascii_case("identity"));
        self.form = self.content_type.as_deref().map_or(Form::None, |value| {
            let value = value.trim_start().to_ascii_lowercase();
            if value.starts_with("application/x-www-form-urlencoded") {
                Form::Encoded
            } else if value.starts_with("multipart/") {
                Form::Multipart
            } else {
                Form::None
            }
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
        for name in policy.resources.iter().flat_map(|resource| &resource.headers) {
            if self.bound.iter().any(|(known, _)| known == name) {
                continue;
            }
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

/// Headers of which a second one would make the request ambiguous.
const SINGLE: [&str; 20] = [
    ":authority",
    ":method",
    ":path",
    ":protocol",
    ":scheme",
    "access-control-request-method",
    "ambit-approval",
    "ambit-grant",
    "authorization",
    "content-encoding",
    "content-length",
    "content-type",
    "dpop",
    "host",
    "http2-settings",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "origin",
    "upgrade",
];

/// The values of [`SINGLE`], and how often each came.
#[derive(Default)]
struct OneOfEach<'a> {
    found: [Option<(&'a [u8], bool)>; SINGLE.len()],
}

impl<'a> OneOfEach<'a> {
    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        let place = SINGLE.iter().position(|known| name.eq_ignore_ascii_case(known.as_bytes()));
        if let Some(slot) = place.and_then(|at| self.found.get_mut(at)) {
            *slot = Some((value, slot.is_some()));
        }
    }

    fn present(&self, name: &str) -> bool {
        self.slot(name).is_some()
    }

    /// The only value; an error where there are two, or where it is no plain text.
    fn get(&self, name: &str) -> Result<Option<&'a str>, Reason> {
        match self.slot(name) {
            None => Ok(None),
            Some((_, true)) => Err(Reason::MalformedRequest),
            Some((value, false)) => plain(value).map(Some).ok_or(Reason::MalformedRequest),
        }
    }

    fn slot(&self, name: &str) -> Option<(&'a [u8], bool)> {
        let at = SINGLE.iter().position(|known| *known == name)?;
        self.found.get(at).copied().flatten()
    }
}

/// A header's value as text without controls.
fn plain(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().filter(|text| !text.chars().any(char::is_control))
}

/// RFC 9110 §5.1, or a pseudo header's (RFC 9113 §8.3). Any other name cannot be removed by name.
fn is_name(name: &[u8]) -> bool {
    let name = name.strip_prefix(b":").unwrap_or(name);
    !name.is_empty()
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}
