//! Strict compact JWS (RFC 7515 §3.1, §7.1): one way to write a token, and every other refused.

use super::algorithm::Algorithm;
use crate::decision::Reason;
use crate::request::json::{Json, JsonLimits, parse};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// base64url without padding and without stray bits (RFC 7515 §2).
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(false),
);

/// Header members that would change which key is used, or what is signed and how. Each is refused,
/// known or not: an issuer needs none of them (RFC 8725 §3.10, RFC 7797, RFC 7516).
const REFUSED: [&str; 8] = ["jwk", "b64", "crit", "enc", "jku", "x5c", "x5u", "zip"];

const HEADER: JsonLimits = JsonLimits { bytes: 8192, depth: 8, nodes: 128 };
const PAYLOAD_DEPTH: usize = 32;
const PAYLOAD_NODES: usize = 8192;

/// A token taken apart; nothing in it is verified.
#[derive(Debug)]
pub(super) struct Jws<'a> {
    /// What was signed, by what.
    pub(super) signed: Signed<'a>,
    /// The payload: an object.
    pub(super) payload: Json,
}

/// The parts of a compact JWS, its payload unread.
#[derive(Debug)]
pub(super) struct Signed<'a> {
    /// `header.payload`, as it was signed.
    pub(super) message: &'a str,
    /// The payload, decoded.
    pub(super) payload: Vec<u8>,
    /// The signature, still in base64url.
    pub(super) signature: &'a str,
    /// The header.
    pub(super) header: Header,
}

/// What a header says; unknown members mean nothing.
#[derive(Debug)]
pub(super) struct Header {
    /// `alg`; `None` where it is not an algorithm known here, `none` and its spellings included.
    pub(super) algorithm: Option<Algorithm>,
    /// `kid`.
    pub(super) kid: Option<Box<str>>,
    /// `typ`.
    pub(super) token_type: Option<Box<str>>,
    /// `jwk`, which only the header of a proof may have (RFC 9449 §4.2).
    pub(super) jwk: Option<Json>,
}

/// What a compact JWS is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// A proof of possession, which brings its key along.
    Proof,
    /// A token, whose key is its issuer's.
    Token,
}

impl<'a> Jws<'a> {
    /// Takes a token of at most `max` bytes apart.
    ///
    /// # Errors
    /// [`Reason::MalformedToken`], whatever is wrong with it.
    pub(super) fn read(token: &'a str, max: usize) -> Result<Self, Reason> {
        Self::read_as(token, max, Reading::Token)
    }

    /// As [`Jws::read`], of a token or of a proof.
    pub(super) fn read_as(token: &'a str, max: usize, reading: Reading) -> Result<Self, Reason> {
        let read = || {
            let signed = Signed::read(token, max, reading)?;
            let limits = JsonLimits { bytes: max, depth: PAYLOAD_DEPTH, nodes: PAYLOAD_NODES };
            let payload = parse(&signed.payload, limits).ok()?;
            payload.as_object()?;
            Some(Self { signed, payload })
        };
        read().ok_or(Reason::MalformedToken)
    }
}

impl<'a> Signed<'a> {
    /// Takes a token of at most `max` bytes apart; `None` where it is not three full parts of
    /// base64url with a readable header.
    pub(super) fn read(token: &'a str, max: usize, reading: Reading) -> Option<Self> {
        if token.len() > max {
            return None;
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        if signature.is_empty() || !signature.bytes().all(is_base64url) {
            return None;
        }
        let header = Header::read(&parse(&decode(header)?, HEADER).ok()?, reading)?;
        let payload = decode(payload)?;
        Some(Self { message, payload, signature, header })
    }
}

impl Header {
    fn read(header: &Json, reading: Reading) -> Option<Self> {
        header.as_object()?;
        let refused = match (reading, &REFUSED) {
            (Reading::Proof, [_, others @ ..]) => others,
            (Reading::Token, all) => all.as_slice(),
        };
        if refused.iter().any(|name| header.member(name).is_some()) {
            return None;
        }
        Some(Self {
            algorithm: Algorithm::parse(header.member("alg")?.as_str()?),
            kid: optional_text(header, "kid")?,
            token_type: optional_text(header, "typ")?,
            jwk: header.member("jwk").cloned(),
        })
    }
}

/// The outer `None` is a member of a wrong type.
fn optional_text(header: &Json, name: &str) -> Option<Option<Box<str>>> {
    match header.member(name) {
        None => Some(None),
        Some(value) => value.as_str().map(|text| Some(text.into())),
    }
}

/// Decodes base64url that is written in the one way it can be; `None` for anything else.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    (!text.is_empty()).then(|| BASE64URL.decode(text).ok()).flatten()
}

const fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::signing::base64url;

    fn token(header: &str, payload: &str) -> String {
        format!("{}.{}.c2ln", base64url(header.as_bytes()), base64url(payload.as_bytes()))
    }

    fn header_is_read(header: &str) -> bool {
        Jws::read(&token(header, "{}"), 4096).is_ok()
    }

    #[test]
    fn a_plain_header_is_read_and_unknown_members_mean_nothing() {
        let token = token(r#"{"alg":"ES256","typ":"at+jwt","kid":"k","x":[1]}"#, r#"{"iss":"i"}"#);
        let jws = Jws::read(&token, 4096).unwrap();
        assert_eq!(jws.signed.header.algorithm, Some(Algorithm::Es256));
        assert_eq!(jws.signed.header.kid.as_deref(), Some("k"));
        assert_eq!(jws.signed.header.token_type.as_deref(), Some("at+jwt"));
        assert_eq!(jws.payload.member("iss").and_then(Json::as_str), Some("i"));
        assert!(token.starts_with(jws.signed.message) && token.ends_with(jws.signed.signature));
    }

    #[test]
    fn only_three_full_parts_are_a_token() {
        let whole = token(r#"{"alg":"ES256"}"#, "{}");
        assert!(Jws::read(&whole, 4096).is_ok());
        let (header, rest) = whole.split_once('.').unwrap();
        for text in [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            header.to_owned(),
            format!("{header}."),
            format!("{header}..c2ln"),
            format!(".{rest}"),
            format!("{whole}."),
            format!(".{whole}"),
            format!("{whole}.c2ln"),
            format!("{whole}.c2ln.c2ln"),
            format!("{header}.e30."),
            format!(" {whole}"),
            format!("{whole}\n"),
            format!("{whole}="),
            whole.replace('.', "%2E"),
            r#"{"payload":"e30","signatures":[]}"#.to_owned(),
        ] {
            assert!(Jws::read(&text, 4096).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_longer_than_its_bound_is_refused() {
        let token = token(r#"{"alg":"ES256"}"#, "{}");
        assert!(Jws::read(&token, token.len()).is_ok());
        assert!(Jws::read(&token, token.len() - 1).is_err());
    }

    #[test]
    fn base64url_has_one_spelling() {
        assert_eq!(decode("e30").as_deref(), Some(&b"{}"[..]));
        // Stray bits, padding, the other alphabet, white space, an impossible length, nothing.
        for text in ["e31", "e30=", "e3+/", "e3 0", "e30\n", "e", "", "e30.", "é30"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn members_that_choose_keys_or_change_what_is_signed_are_refused() {
        for name in REFUSED {
            for value in ["null", "[]", "\"x\"", "false", "{}"] {
                let header = format!(r#"{{"alg":"ES256","{name}":{value}}}"#);
                assert!(!header_is_read(&header), "{header}");
            }
        }
        // The same name, spelt with an escape.
        assert!(!header_is_read(r#"{"alg":"ES256","\u006awk":{}}"#));
    }

    #[test]
    fn header_members_of_a_wrong_type_are_never_taken_for_absent() {
        for header in [
            "{}",
            "[]",
            "\"x\"",
            "null",
            r#"{"alg":null}"#,
            r#"{"alg":["ES256"]}"#,
            r#"{"alg":256}"#,
            r#"{"ALG":"ES256"}"#,
            r#"{"alg":"ES256","kid":1}"#,
            r#"{"alg":"ES256","kid":null}"#,
            r#"{"alg":"ES256","typ":["at+jwt"]}"#,
            r#"{"alg":"none","alg":"ES256"}"#,
            r#"{"alg":"ES256","\u0061lg":"none"}"#,
            r#"{"alg":"ES256"} "#,
            r#"{"alg":"ES256"}x"#,
            "\u{feff}{\"alg\":\"ES256\"}",
        ] {
            // White space around JSON is JSON.
            assert_eq!(header_is_read(header), header.ends_with("} "), "{header}");
        }
    }

    #[test]
    fn the_payload_is_one_object_without_duplicates() {
        for payload in [
            "",
            "[]",
            "null",
            "\"a.b.c\"",
            r#"{"iss":"a","iss":"b"}"#,
            r#"{"\u0069ss":"a","iss":"b"}"#,
            r#"{"act":{"sub":"a","sub":"b"}}"#,
            r#"{"iss":"a"}{"iss":"b"}"#,
            "\u{feff}{}",
        ] {
            assert!(Jws::read(&token(r#"{"alg":"ES256"}"#, payload), 4096).is_err(), "{payload}");
        }
        let invalid =
            format!("{}.{}.c2ln", base64url(br#"{"alg":"ES256"}"#), base64url(b"{\"a\":\"\xff\"}"));
        assert!(Jws::read(&invalid, 4096).is_err());
    }

    #[test]
    fn no_spelling_of_none_is_an_algorithm() {
        for alg in ["none", "None", "NONE", "nOnE", "", " none", "none\\u0000", "HS256\\u0000"] {
            let text = token(&format!(r#"{{"alg":"{alg}"}}"#), "{}");
            let jws = Jws::read(&text, 4096).unwrap();
            assert_eq!(jws.signed.header.algorithm, None, "{alg}");
        }
    }
}
