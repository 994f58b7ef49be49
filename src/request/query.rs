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

/// Whether a `content-type` says that letters are spelt in other bytes than ASCII's (UTF-16, EBCDIC,
/// UTF-7 and the like), so that any bytes may be a field's name.
#[must_use]
pub fn is_respelt(content_type: &str) -> bool {
    const PLAIN: [&str; 7] =
        ["ascii", "iso-8859-1", "latin1", "us-ascii", "utf-8", "utf8", "windows-1252"];
    let lower = content_type.to_ascii_lowercase();
    // Wherever it stands: some readers look for the word alone.
    lower.split("charset").skip(1).any(|rest| {
        let rest = rest.trim_start_matches(['*', ' ', '\t']);
        rest.strip_prefix('=').is_some_and(|value| {
            let value = value.trim_start_matches([' ', '\t', '"', '\'']);
            let end = value.find([';', ',', '"', '\'', ' ', '\t']).unwrap_or(value.len());
            !PLAIN.contains(&value.get(..end).unwrap_or_default())
        })
    })
}

fn multipart_names(body: &[u8], wanted: &[&[u8]]) -> bool {
    let mut rest = body;
    while let Some(at) = rest.windows(4).position(|four| four.eq_ignore_ascii_case(b"name")) {
        let (before, tail) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        let of_file = before.last_chunk::<4>().is_some_and(|it| it.eq_ignore_ascii_case(b"file"));
        rest = tail.get(4..).unwrap_or_default();
        // `name*=charset''text` (RFC 8187 §3.2), quoted, spaced or neither.
        let value = rest.trim_ascii_start();
        let starred = value.strip_prefix(b"*").map(<[u8]>::trim_ascii_start);
        if !of_file && starred.is_some_and(is_piece) {
            return true;
        }
        let value = starred.unwrap_or(value);
        let Some(value) = value.strip_prefix(b"=") else { continue };
        let value = value.trim_ascii_start();
        let value = value.strip_prefix(b"\"").or(value.strip_prefix(b"'")).unwrap_or(value);
        let end = value.iter().position(|b| matches!(b, b'"' | b';' | b'\r' | b'\n'));
        let value = value.get(..end.unwrap_or(value.len())).unwrap_or_default();
        // Letters of mail (RFC 2047 §2), which some readers decode.
        if !of_file && value.trim_ascii_start().starts_with(b"=?") {
            return true;
        }
        // Some readers take a backslash out, and leave what follows it.
        let value: Vec<u8> = value.iter().copied().filter(|byte| *byte != b'\\').collect();
        let parts = value.rsplit(|byte| *byte == b'\'');
        let mut names = parts.filter(|name| !name.is_empty());
        if names.any(|name| wanted.iter().any(|wanted| is(name, wanted))) {
            return true;
        }
    }
    false
}

/// Whether what follows `name*` makes it a name in pieces (RFC 2231 §3), which no client of HTTP sends
/// (RFC 7578 §4.2) and some readers put together.
fn is_piece(rest: &[u8]) -> bool {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = rest.get(digits..).unwrap_or_default();
    let rest = rest.strip_prefix(b"*").unwrap_or(rest).trim_ascii_start();
    digits > 0 && rest.first() == Some(&b'=') && rest.get(1) != Some(&b'=')
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
            "name=\"_\\method\"",
            "name*0=\"_met\"; name*1=\"hod\"",
            "name*0*=UTF-8''%5fmet; name*1=hod",
            "name=\"=?utf-8?B?X21ldGhvZA==?=\"",
        ] {
            assert!(multipart_overrides_method(body(name).as_bytes()), "{name}");
        }
        for name in [
            "name=\"method\"",
            "name=\"a\"; filename=\"x_method\"",
            "name=\"payment_method\"",
            "name=\"a\"; filename*0=\"long\"; filename*1=\"er\"",
            "name=\"a\"; filename=\"=?utf-8?B?eA==?=\"",
            "name=\"a\"\r\n\r\nlet twice = name*2; if name*2 == x",
        ] {
            assert!(!multipart_overrides_method(body(name).as_bytes()), "{name}");
        }
        assert!(multipart_has_token(body("name=\"access_token\"").as_bytes()));
    }

    #[test]
    fn letters_in_other_bytes_than_asciis_are_seen() {
        for odd in [
            "application/x-www-form-urlencoded; charset=utf-16",
            "application/x-www-form-urlencoded;charset=IBM037",
            "multipart/form-data; boundary=x; CHARSET = \"utf-7\"",
            "application/x-www-form-urlencoded charset=utf-32",
            "application/x-www-form-urlencoded; charset=utf-8; charset=utf-16",
            "application/x-www-form-urlencoded; charset*=utf-16",
            "application/x-www-form-urlencoded; charset=",
        ] {
            assert!(is_respelt(odd), "{odd}");
        }
        for plain in [
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded; charset=UTF-8",
            "application/x-www-form-urlencoded;charset=\"utf-8\"",
            "multipart/form-data; boundary=xcharsetx",
            "multipart/form-data; boundary=x; charset=iso-8859-1",
        ] {
            assert!(!is_respelt(plain), "{plain}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = (form_has_token(&bytes), form_overrides_method(&bytes));
            let _ = (multipart_has_token(&bytes), multipart_overrides_method(&bytes));
            let _ = is_respelt(&String::from_utf8_lossy(&bytes));
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
