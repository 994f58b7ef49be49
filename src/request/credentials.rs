//! The credential a request presents (RFC 6750 §2.1, RFC 9449 §7.1).

use super::bytes::ByteSet;
use crate::decision::Reason;

pub use super::query::{form_has_token as in_form, has_token as in_query};

/// What stands in `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented<'a> {
    /// `Bearer <token>`
    Bearer(&'a str),
    /// `DPoP <token>`
    Dpop(&'a str),
}

/// How a credential is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// `Bearer`
    Bearer,
    /// `DPoP`
    Dpop,
}

/// Reads the value of `Authorization`.
///
/// # Errors
/// `malformed-token` for any other scheme and any other shape: one scheme, one space, one token.
pub fn parse(value: &[u8]) -> Result<Presented<'_>, Reason> {
    let (scheme, bytes) = split(value)?;
    let token = token(bytes)?;
    Ok(match scheme {
        Scheme::Bearer => Presented::Bearer(token),
        Scheme::Dpop => Presented::Dpop(token),
    })
}

/// The scheme, and what must be a token: [`token`] says whether it is.
pub(crate) fn split(value: &[u8]) -> Result<(Scheme, &[u8]), Reason> {
    const BAD: Reason = Reason::MalformedToken;
    let space = value.iter().position(|byte| *byte == b' ').ok_or(BAD)?;
    let (scheme, token) = value.split_at_checked(space).ok_or(BAD)?;
    let token = token.get(1..).filter(|token| !token.is_empty()).ok_or(BAD)?;
    if scheme.eq_ignore_ascii_case(b"bearer") {
        Ok((Scheme::Bearer, token))
    } else if scheme.eq_ignore_ascii_case(b"dpop") {
        Ok((Scheme::Dpop, token))
    } else {
        Err(BAD)
    }
}

/// A token's text (RFC 9110 §11.2).
pub(crate) fn token(bytes: &[u8]) -> Result<&str, Reason> {
    let text = if TOKEN68.has_all(bytes) { std::str::from_utf8(bytes).ok() } else { None };
    text.ok_or(Reason::MalformedToken)
}

/// RFC 9110 §11.2.
const TOKEN68: ByteSet = ByteSet::alphanumeric_and(b"-._~+/=");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_scheme_one_space_one_token() {
        assert_eq!(parse(b"Bearer a.b.c"), Ok(Presented::Bearer("a.b.c")));
        assert_eq!(parse(b"dpop a.b.c"), Ok(Presented::Dpop("a.b.c")));
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer  a",
            "Bearer a b",
            "Bearer a,b",
            "Basic YTpi",
            "a.b.c",
            "Bearer\ta",
        ] {
            assert_eq!(parse(value.as_bytes()), Err(Reason::MalformedToken), "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_the_scheme_and_the_token_and_nothing_else(value in "(bearer|DPoP|Basic|BEARER)?[ \t]{0,2}[a-c.,=\"é ]{0,8}") {
            if let Ok(Presented::Bearer(token) | Presented::Dpop(token)) = parse(value.as_bytes()) {
                let scheme = value.strip_suffix(token).unwrap();
                prop_assert!(["bearer ", "dpop "].contains(&scheme.to_ascii_lowercase().as_str()));
                prop_assert!(TOKEN68.has_all(token.as_bytes()));
            }
        }
    }
}
