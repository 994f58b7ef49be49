//! Query strings and forms: parameters that must not pass, however their names are spelt.
//!
//! Both are forwarded as they came, so a parameter is looked for with the eyes of every reader that
//! may come after: split at `&` and `;`, decoded, case folded, and with the characters that PHP
//! turns into `_`.

/// Parameters that carry a token (RFC 6750 §2.2 and §2.3; the others are its kin).
const TOKENS: [&[u8]; 3] = [b"access_token", b"id_token", b"refresh_token"];

/// Parameters by which frameworks let a request be of another method than its request line's:
/// `_method` in Rails, Laravel, Symfony, Spring and WordPress, the latter on a GET too.
const OVERRIDES: [&[u8]; 4] =
    [b"_method", b"x-http-method", b"x-http-method-override", b"x-method-override"];

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

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = (form_has_token(&bytes), form_overrides_method(&bytes));
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
