//! Query strings and forms: parameters that must not pass, however their names are spelt.
//!
//! Both are forwarded as they came, so a parameter is looked for with the eyes of every reader that
//! may come after: split at `&` and `;`, decoded, case folded, and with the characters that PHP
//! turns into `_`.

/// Parameters that carry a token (RFC 6750 §2.2 and §2.3; the others are its kin).
const TOKENS: [&[u8]; 3] = [b"access_token", b"id_token", b"refresh_token"];

/// Parameters by which frameworks let a request be of another method than its request line's:
/// `_method` in Rails, Laravel, Symfony, Spring and WordPress, the latter on a GET too.
const OVERRIDES: [&[u8]; 5] =
    [b"_method", b"_httpmethod", b"x-http-method", b"x-http-method-override", b"x-method-override"];

/// Whether a query string carries a token, where logs and `Referer` keep it.
#[must_use]
pub fn has_token(query: &str) -> bool {
    form_has_token(query.as_bytes())
}

/// Whether an `application/x-www-form-urlencoded` body carries a token.
#[must_use]
pub fn form_has_token(body: &[u8]) -> bool {
    names_one_of(body, &TOKENS)
}

/// Whether a query string asks for another method: what is decided on would not be what is done.
#[must_use]
pub fn overrides_method(query: &str) -> bool {
    form_overrides_method(query.as_bytes())
}

/// Whether an `application/x-www-form-urlencoded` body asks for another method.
#[must_use]
pub fn form_overrides_method(body: &[u8]) -> bool {
    names_one_of(body, &OVERRIDES)
}

/// Whether a multipart body (RFC 7578 §4.2) has a field that asks for another method. Its boundary
/// is not looked for, for readers differ in what they take for one: any `name` will do.
#[must_use]
pub fn multipart_overrides_method(body: &[u8]) -> bool {
    multipart_names(body, &OVERRIDES)
}

/// Whether a multipart body has a field that carries a token.
#[must_use]
pub fn multipart_has_token(body: &[u8]) -> bool {
    multipart_names(body, &TOKENS)
}

fn multipart_names(body: &[u8], wanted: &[&[u8]]) -> bool {
    let mut rest = body;
    while let Some(at) = rest.windows(4).position(|four| four.eq_ignore_ascii_case(b"name")) {
        rest = rest.get(at.saturating_add(4)..).unwrap_or_default();
        // `name*=charset''text` (RFC 8187 §3.2), quoted, spaced or neither.
        let value = rest.trim_ascii_start();
        let value = value.strip_prefix(b"*").unwrap_or(value).trim_ascii_start();
        let Some(value) = value.strip_prefix(b"=") else { continue };
        let value = value.trim_ascii_start();
        let value = value.strip_prefix(b"\"").or(value.strip_prefix(b"'")).unwrap_or(value);
        let end = value.iter().position(|b| matches!(b, b'"' | b';' | b'\r' | b'\n'));
        let value = value.get(..end.unwrap_or(value.len())).unwrap_or_default();
        let parts = value.rsplit(|byte| *byte == b'\'');
        let mut names = parts.filter(|name| !name.is_empty());
        if names.any(|name| wanted.iter().any(|wanted| is(name, wanted))) {
            return true;
        }
    }
    false
}

fn names_one_of(text: &[u8], wanted: &[&[u8]]) -> bool {
    text.split(|byte| matches!(byte, b'&' | b';')).any(|pair| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        wanted.iter().any(|wanted| is(name, wanted))
    })
}

/// Whether some reader takes the encoded `name` for `wanted`.
fn is(name: &[u8], wanted: &[u8]) -> bool {
    let mut bytes = Decoded(name).skip_while(u8::is_ascii_whitespace);
    let begins = wanted.iter().all(|wanted| {
        bytes.next().is_some_and(|byte| match byte {
            b'.' | b' ' | b'[' => *wanted == b'_',
            other => other.eq_ignore_ascii_case(wanted),
        })
    });
    // `name[]` is the name's list, and some readers stop at NUL or trim.
    begins && bytes.next().is_none_or(|byte| matches!(byte, b'[' | 0) || byte.is_ascii_whitespace())
}

/// The bytes of a form-encoded text (WHATWG URL §5.1): `+` is a space, `%` without two hexadecimal
/// digits is itself.
struct Decoded<'a>(&'a [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = match self.0 {
            [b'%', high, low, rest @ ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, rest),
                _ => (b'%', self.0.get(1..)?),
            },
            [b'+', rest @ ..] => (b' ', rest),
            [byte, rest @ ..] => (*byte, rest),
            [] => return None,
        };
        self.0 = rest;
        Some(byte)
    }
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_is_seen_however_its_name_is_spelt() {
        for query in [
            "access_token=x",
            "a=1&access_token=x",
            "acc%65ss_token=x",
            "ACCESS_TOKEN=x",
            "access_token",
            "a=1;access_token=x",
            "access_token[]=x",
            "access_token%5B0%5D=x",
            "access.token=x",
            "access+token=x",
            "access%20token=x",
            "access[token=x",
            "+access_token=x",
            "access_token%00a=x",
            "access_token+=x",
            "id_token=x",
            "&&refresh_token",
        ] {
            assert!(has_token(query), "{query}");
            assert!(form_has_token(query.as_bytes()), "{query}");
        }
        for query in [
            "",
            "token=x&q=access_token",
            "access_tokens=1",
            "my_access_token=1",
            "access%token=x",
            "%",
            "a=%26access_token=x",
        ] {
            assert!(!has_token(query), "{query}");
        }
    }

    #[test]
    fn another_method_is_seen_however_it_is_asked_for() {
        for query in [
            "_method=DELETE",
            "a=1&_METHOD=put",
            "%5fmethod=x",
            ".method=x",
            "X-HTTP-Method-Override=PUT",
        ] {
            assert!(overrides_method(query), "{query}");
        }
        for query in ["method=DELETE", "a=_method", "payment_method=card", "_methods=1"] {
            assert!(!overrides_method(query), "{query}");
        }
    }

    #[test]
    fn another_method_is_seen_in_a_multipart_body() {
        let body = |name: &str| {
            format!("--x\r\nContent-Disposition: form-data; {name}\r\n\r\nDELETE\r\n--x--\r\n")
        };
        for name in [
            "name=\"_method\"",
            "NAME=_method",
            "name = \"_METHOD\"",
            "name=\"a\"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name='_method'",
            "name*=UTF-8''_method",
            "name*=UTF-8''%5fmethod",
            "filename=\"a\"; name=\"_method[]\"",
        ] {
            assert!(multipart_overrides_method(body(name).as_bytes()), "{name}");
        }
        for name in
            ["name=\"method\"", "name=\"a\"; filename=\"x_method\"", "name=\"payment_method\""]
        {
            assert!(!multipart_overrides_method(body(name).as_bytes()), "{name}");
        }
        assert!(multipart_has_token(body("name=\"access_token\"").as_bytes()));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = (form_has_token(&bytes), form_overrides_method(&bytes));
            let _ = (multipart_has_token(&bytes), multipart_overrides_method(&bytes));
        }

        #[test]
        fn encoding_a_name_hides_nothing(encoded in proptest::collection::vec(any::<bool>(), 12)) {
            let name: String = "access_token".chars().zip(encoded)
                .map(|(c, encode)| if encode { format!("%{:02X}", u32::from(c)) } else { c.into() })
                .collect();
            let query = format!("a=1&{name}=x");
            prop_assert!(has_token(&query));
        }
    }
}
