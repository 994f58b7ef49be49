//! JCS (RFC 8785): the one spelling of a JSON value, for digests.

use super::{Json, JsonError};
use crate::request::bytes::ByteSet;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Integers beyond this are not exact in every reader (RFC 8785 §3.2.2.3, RFC 7493 §2.2).
const MAX_EXACT: f64 = 9_007_199_254_740_991.0;

impl Json {
    /// The canonical text.
    ///
    /// # Errors
    /// A number that JCS cannot carry exactly: rounding it would let two values share a digest.
    pub fn to_jcs(&self) -> Result<String, JsonError> {
        let mut out = String::new();
        self.write_jcs(&mut out)?;
        Ok(out)
    }

    fn write_jcs(&self, out: &mut String) -> Result<(), JsonError> {
        match self {
            Self::Array(elements) => {
                out.push('[');
                for (at, element) in elements.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    element.write_jcs(out)?;
                }
                out.push(']');
            }
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Null => out.push_str("null"),
            Self::Number(text) => out.push_str(&number(text)?),
            Self::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                // §3.2.3: by UTF-16 code units.
                sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
                out.push('{');
                for (at, (name, value)) in sorted.into_iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    write_string(name, out);
                    out.push(':');
                    value.write_jcs(out)?;
                }
                out.push('}');
            }
            Self::String(text) => write_string(text, out),
        }
        Ok(())
    }
}

/// What stands for itself, and nearly every text is made of.
pub(crate) const PLAIN: ByteSet = ByteSet::printable_but(b"\"\\");

/// A string as JCS writes it (§3.2.2.2), quotes included.
pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    if PLAIN.has_all(text.as_bytes()) {
        out.push_str(text);
        out.push('"');
        return;
    }
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A number in ECMAScript's form, refused where that form is not the number that was written.
fn number(text: &str) -> Result<String, JsonError> {
    let inexact = || JsonError { what: Cow::Borrowed("a number that cannot be carried exactly") };
    let value: f64 = text.parse().map_err(|_| inexact())?;
    if !value.is_finite() || (value.fract() == 0.0 && value.abs() > MAX_EXACT) {
        return Err(inexact());
    }
    // Not Rust's own: where two shortest texts are equally near, ECMAScript takes the even one.
    let mut buffer = ryu_js::Buffer::new();
    let canonical = buffer.format_finite(value);
    if digits(text) != digits(canonical) {
        return Err(inexact());
    }
    Ok(canonical.to_owned())
}

/// The significant digits of a decimal text and the power of ten of the first.
fn digits(text: &str) -> Option<(String, i64)> {
    let text = text.trim_start_matches('-');
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.len().checked_sub(all.trim_start_matches('0').len())?;
    let significant = all.trim_start_matches('0').trim_end_matches('0').to_owned();
    if significant.is_empty() {
        return Some((significant, 0));
    }
    let exponent: i64 = exponent.trim_start_matches('+').parse().ok()?;
    let place = i64::try_from(whole.len()).ok()?.checked_sub(i64::try_from(leading).ok()?)?;
    Some((significant, place.checked_add(exponent)?))
}

#[cfg(test)]
mod tests {
    use super::{MAX_EXACT, number};
    use crate::request::json::{JsonLimits, parse};
    use proptest::prelude::*;

    fn jcs(text: &str) -> Result<String, ()> {
        parse(text.as_bytes(), JsonLimits::default()).unwrap().to_jcs().map_err(|_| ())
    }

    #[test]
    fn members_are_sorted_by_utf_16_and_strings_escaped_least() {
        // RFC 8785 §3.2.3: the order of these names differs between UTF-8 and UTF-16.
        let text =
            "{\"\\u20ac\":1,\"\\r\":2,\"\\ud83d\\ude00\":3,\"\\ufb33\":4,\"1\":5,\"\\u000f\":6}";
        let expected =
            "{\"\\r\":2,\"\\u000f\":6,\"1\":5,\"\u{20ac}\":1,\"\u{1f600}\":3,\"\u{fb33}\":4}";
        assert_eq!(jcs(text).unwrap(), expected);
    }

    #[test]
    fn numbers_take_ecmascripts_form() {
        for (text, expected) in [
            ("1.0", "1"),
            ("-0", "0"),
            ("1e3", "1000"),
            ("4.50", "4.5"),
            ("2e-3", "0.002"),
            ("1e21", ""),
            ("1E-7", "1e-7"),
            ("0.000001", "0.000001"),
            ("9007199254740991", "9007199254740991"),
            ("1e-27", "1e-27"),
            ("333333333.33333329", "333333333.3333333"),
        ] {
            match jcs(text) {
                Ok(written) => assert!(written == expected, "{text} gave {written}"),
                Err(()) => assert!(expected.is_empty() || text.starts_with("3333"), "{text}"),
            }
        }
    }

    #[test]
    fn numbers_that_would_be_rounded_are_refused() {
        for text in [
            "9007199254740993",
            "12345678901234567890",
            "0.1000000000000000055511151231257827",
            "1e400",
            "1e21",
        ] {
            assert!(jcs(text).is_err(), "{text}");
        }
    }

    #[test]
    fn doubles_are_spelt_as_rfc_8785_appendix_b_lists_them() {
        for (bits, expected) in [
            (0x0000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            // Two texts are equally short and near: the even one.
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            assert_eq!(number(expected).as_deref(), Ok(expected));
            assert_eq!(expected.parse::<f64>().unwrap().to_bits(), bits);
        }
        // Of the same double, and not its spelling.
        for text in ["1424953923781206.3", "1424953923781206.25"] {
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), 0x4314_3ff3_c1cb_0959);
            assert!(number(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_double_has_one_spelling_and_it_reads_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite() && value.abs() <= MAX_EXACT);
            let spelling = ryu_js::Buffer::new().format(value).to_owned();
            prop_assert_eq!(number(&spelling), Ok(spelling.clone()));
            prop_assert_eq!(spelling.parse::<f64>().unwrap(), value);
            // Another spelling of the same decimal comes to the same text.
            prop_assert_eq!(number(&format!("{spelling}{}", if spelling.contains('e') { "" } else { "e0" })), Ok(spelling));
        }

        #[test]
        fn two_texts_share_a_spelling_only_where_they_are_one_number(
            a in "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?(e[+-]?[0-3])?",
            b in "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?(e[+-]?[0-3])?",
        ) {
            let value = |text: &str| text.parse::<f64>().unwrap();
            prop_assert_eq!(jcs(&a).unwrap() == jcs(&b).unwrap(), value(&a) == value(&b));
        }
    }
}
