//! The request's headers, read once.

mod known;
mod names;
mod single;

pub use names::is_no_trailer;

use super::{Engine, Header};
use crate::decision::Reason;
use crate::identity::VerifiedToken;
use crate::policy::Policy;
use crate::request::credentials::Scheme;
use crate::request::{credentials, host, path, query};
use names::{Few, Names};
use single::{OneOfEach, Single, plain};
use std::borrow::Cow;
use std::rc::Rc;

/// More headers, or more bytes of them, than an honest client sends.
const MAX_HEADERS: usize = 256;
const MAX_BYTES: usize = 98_304;

/// What Ambit needs of a request's headers.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) method: Cow<'static, str>,
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
    pub(super) presented: Option<Result<Token, Reason>>,
    /// Where the token is presented with a proof of possession (RFC 9449 §7.1): the proof, if it
    /// is there, and the token's text.
    pub(super) proof: Option<(Option<String>, String)>,
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
    pub(super) names: Names,
    /// Which of the headers came that carry the caller's credentials.
    pub(super) credentials: Few,
    /// Which of the headers came that are for Ambit alone.
    pub(super) consumed: Few,
    /// Names to remove in every mode.
    pub(super) forged: Vec<String>,
    /// Names to remove where a decision binds.
    pub(super) overrides: Vec<String>,
    /// Values of headers that a resource binds in an approval: name, value; `None` where it is no
    /// plain text.
    pub(super) bound: Vec<(String, Option<String>)>,
}

/// A token that came.
#[derive(Clone, Debug)]
pub(super) enum Token {
    /// Verified on a request before, by the same bytes.
    Known(Rc<VerifiedToken>),
    /// Not remembered.
    New(String),
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

impl Form {
    /// Of a `content-type`, wherever in it the kind stands: readers differ in what they cut away.
    fn of(content_type: &str) -> Self {
        let value = content_type.to_ascii_lowercase();
        match value.contains("multipart/") {
            true => Self::Multipart,
            false if value.contains("x-www-form-urlencoded") => Self::Encoded,
            false => Self::None,
        }
    }
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
        engine: &Engine,
    ) -> Result<Self, (Box<Self>, Reason)> {
        let mut asked = Self { peer: peer.to_vec(), ..Self::default() };
        let mut one = OneOfEach::default();
        let mut named = true;
        let mut size = 0_usize;
        for (name, value) in headers {
            let noted = asked.note(name);
            if let Some(single) = noted.single {
                one.take(single, value);
            }
            named &= noted.is_name;
            size = size.saturating_add(name.len()).saturating_add(value.len());
        }
        let bounded = headers.len() <= MAX_HEADERS && size <= MAX_BYTES;
        match asked.fill(&one, bounded && named, headers, engine) {
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

    fn fill(
        &mut self,
        one: &OneOfEach<'_>,
        bounded: bool,
        headers: &[Header<'_>],
        engine: &Engine,
    ) -> Result<(), Reason> {
        const BAD: Reason = Reason::MalformedRequest;
        self.method = method(one.get(Single::Method)?.ok_or(BAD)?).ok_or(BAD)?;
        self.scheme = match one.get(Single::Scheme)? {
            None => "http",
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => "http",
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
            // Another scheme has other defaults, and an upstream that believes it another origin.
            Some(_) => return Err(BAD),
        };
        let authority = one.get(Single::Authority)?.ok_or(BAD)?;
        self.host = match engine.policy.routes.has_plain(authority) {
            true => authority.to_owned(),
            false => host::parse(authority, self.scheme).ok_or(BAD)?,
        };
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
                let read = self.present(value, proof, engine);
                // Some gateways join two headers into one with a comma: two credentials all the same.
                if read.is_err() && plain(value).ok_or(BAD)?.contains(',') {
                    return Err(BAD);
                }
                Some(read)
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
        self.form = self.content_type.as_deref().map_or(Form::None, Form::of);
        // Bytes that spell other letters than ours hide a field as compression does.
        self.encoded_body |=
            self.form != Form::None && self.content_type.as_deref().is_some_and(query::is_respelt);
        if self.query.as_deref().is_some_and(credentials::in_query) {
            return Err(Reason::TokenInUrl);
        }
        self.bind(headers, &engine.policy);
        Ok(())
    }

    /// The token, and the proof that came with it. What is remembered byte for byte was read before,
    /// and is not read again.
    fn present(
        &mut self,
        value: &[u8],
        proof: Option<&str>,
        engine: &Engine,
    ) -> Result<Token, Reason> {
        let (scheme, bytes) = credentials::split(value)?;
        let known = engine.recall(bytes);
        if scheme == Scheme::Bearer
            && let Some(verified) = known
        {
            return Ok(Token::Known(verified));
        }
        let token = credentials::token(bytes)?.to_owned();
        if scheme == Scheme::Dpop {
            self.proof = Some((proof.map(str::to_owned), token.clone()));
        }
        Ok(known.map_or(Token::New(token), Token::Known))
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

/// A method that this can decide on: upper case, and no tunnel.
fn method(text: &str) -> Option<Cow<'static, str>> {
    const ORDINARY: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    if let Some(known) = ORDINARY.iter().find(|known| **known == text) {
        return Some(Cow::Borrowed(known));
    }
    let token = |b: u8| b.is_ascii_uppercase() || matches!(b, b'-' | b'_');
    let good = !text.is_empty() && text.bytes().all(token) && text != "CONNECT";
    good.then(|| Cow::Owned(text.to_owned()))
}
