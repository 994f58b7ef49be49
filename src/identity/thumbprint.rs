//! The name of a public key: its thumbprint (RFC 7638).

use super::signing::digest;
use crate::request::json::Json;

/// base64url SHA-256 of the members that make the key, in the one order and spelling there is
/// (RFC 7638 §3.2, RFC 8037 §2). `None` for a kind of key that is not public, for a missing member
/// and for a value that would need escapes, which none of a key's does.
pub(super) fn thumbprint(jwk: &Json) -> Option<String> {
    let members: &[&str] = match jwk.member("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let mut text = String::new();
    for name in members {
        let value = jwk.member(name)?.as_str()?;
        if !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            return None;
        }
        let before = if text.is_empty() { '{' } else { ',' };
        text.push(before);
        text.push_str(&["\"", name, "\":\"", value, "\""].concat());
    }
    text.push('}');
    Some(digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::json::{JsonLimits, parse};

    fn of(jwk: &str) -> Option<String> {
        let limits = JsonLimits { bytes: 4096, depth: 4, nodes: 32 };
        thumbprint(&parse(jwk.as_bytes(), limits).unwrap())
    }

    #[test]
    fn the_examples_of_the_standards_have_the_thumbprints_they_say() {
        // RFC 7638 §3.1.
        let rsa = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
        assert_eq!(of(rsa).unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        // RFC 9449 §4.1 and §6.1.
        let ec = r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#;
        assert_eq!(of(ec).unwrap(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        // RFC 8037 §A.3.
        let okp =
            r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        assert_eq!(of(okp).unwrap(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn what_is_no_public_key_has_none() {
        for jwk in [
            "{}",
            r#"{"kty":"oct","k":"AAAA"}"#,
            r#"{"kty":"EC","crv":"P-256","x":"AA"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"A\"A"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":1}"#,
        ] {
            assert_eq!(of(jwk), None, "{jwk}");
        }
    }
}
