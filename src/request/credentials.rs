//! The credential a request presents (RFC 6750 §2.1, RFC 9449 §7.1).

use crate::decision::Reason;

/// What stands in `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented<'a> {
    /// `Bearer <token>`
    Bearer(&'a str),
    /// `DPoP <token>`
    Dpop(&'a str),
}

/// Reads the value of `Authorization`.
///
/// # Errors
/// `malformed-token` for any other scheme and any other shape: one scheme, one space, one token.
pub fn parse(value: &str) -> Result<Presented<'_>, Reason> {
    let (scheme, token) = value.split_once(' ').ok_or(Reason::MalformedToken)?;
    if token.is_empty() || !token.bytes().all(is_token68) {
        return Err(Reason::MalformedToken);
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(Presented::Bearer(token))
    } else if scheme.eq_ignore_ascii_case("dpop") {
        Ok(Presented::Dpop(token))
    } else {
        Err(Reason::MalformedToken)
    }
}

/// RFC 9110 §11.2.
const fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

/// Whether a query string carries a token (RFC 6750 §2.3); names are compared decoded.
#[must_use]
pub fn in_query(query: &str) -> bool {
    query.split(['&', ';']).any(|pair| {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        let name = super::path::decode(name).replace('+', " ");
        let name = name.trim().to_ascii_lowercase();
        matches!(name.as_str(), "access_token" | "id_token" | "refresh_token")
    })
}

/// Whether a form body carries a token (RFC 6750 §2.2).
#[must_use]
pub fn in_form(body: &[u8]) -> bool {
    in_query(&String::from_utf8_lossy(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_scheme_one_space_one_token() {
        assert_eq!(parse("Bearer a.b.c"), Ok(Presented::Bearer("a.b.c")));
        assert_eq!(parse("dpop a.b.c"), Ok(Presented::Dpop("a.b.c")));
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
            assert_eq!(parse(value), Err(Reason::MalformedToken), "{value}");
        }
    }

    #[test]
    fn a_token_in_the_query_is_seen_however_its_name_is_spelt() {
        for query in [
            "access_token=x",
            "a=1&access_token=x",
            "acc%65ss_token=x",
            "ACCESS_TOKEN=x",
            "access_token",
            "a=1;access_token=x",
        ] {
            assert!(in_query(query), "{query}");
        }
        assert!(!in_query("token=x&q=access_token"));
    }
}
