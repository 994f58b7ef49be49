//! Timestamps as text (RFC 3339 §5.6), strictly.

use crate::Timestamp;

/// Reads an RFC 3339 date-time with its offset, such as `2026-11-24T09:30:00.250+01:00`.
///
/// `T` and `Z` in upper case only; years 0000 to 9999; no leap second. What is finer than a
/// millisecond is cut off, towards the past. `None` for everything else.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let mut cursor = Cursor {
        rest: text.as_bytes(),
    };
    let year = cursor.number(4)?;
    cursor.byte(b'-')?;
    let month = cursor.number(2)?;
    cursor.byte(b'-')?;
    let day = cursor.number(2)?;
    cursor.byte(b'T')?;
    let hour = cursor.number(2)?;
    cursor.byte(b':')?;
    let minute = cursor.number(2)?;
    cursor.byte(b':')?;
    let second = cursor.number(2)?;
    let millis = cursor.fraction()?;
    let offset = cursor.offset_minutes()?;
    let is_valid = cursor.rest.is_empty()
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let minutes = (days_since_epoch(year, month, day) * 24 + hour) * 60 + minute - offset;
    is_valid.then(|| Timestamp::from_millis((minutes * 60 + second) * 1000 + millis))
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn byte(&mut self, wanted: u8) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        (*first == wanted).then_some(())
    }

    /// Exactly `digits` digits, four at most.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (head, rest) = self.rest.split_at_checked(digits)?;
        self.rest = rest;
        head.iter().try_fold(0, |number, byte| {
            byte.is_ascii_digit()
                .then(|| number * 10 + i64::from(byte - b'0'))
        })
    }

    /// Milliseconds of an optional fraction of up to nine digits.
    fn fraction(&mut self) -> Option<i64> {
        if self.rest.first() != Some(&b'.') {
            return Some(0);
        }
        self.byte(b'.')?;
        let length = self
            .rest
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (digits, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        let places = digits.iter().zip([100, 10, 1]);
        let millis = places
            .map(|(digit, place)| i64::from(digit - b'0') * place)
            .sum();
        (1..=9).contains(&length).then_some(millis)
    }

    fn offset_minutes(&mut self) -> Option<i64> {
        let (sign, rest) = self.rest.split_first()?;
        self.rest = rest;
        let sign = match sign {
            b'Z' => return Some(0),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours = self.number(2)?;
        self.byte(b':')?;
        let minutes = self.number(2)?;
        (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
    }
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, for years 0 to 9999.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    /// Days from 0000-01-01 to 1970-01-01.
    const EPOCH: i64 = 719_528;
    let leap_days = if year == 0 {
        0
    } else {
        (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 + 1
    };
    let months: i64 = (1..month.min(13))
        .map(|earlier| days_in_month(year, earlier))
        .sum();
    year * 365 + leap_days + months + day - 1 - EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> Option<i64> {
        parse_rfc3339(text).map(Timestamp::millis)
    }

    #[test]
    fn instants_are_read_to_the_millisecond() {
        assert_eq!(millis("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(millis("2000-03-01T00:00:00Z"), Some(951_868_800_000));
        assert_eq!(
            millis("2026-11-24T09:30:00.25+01:00"),
            Some(1_795_509_000_250)
        );
        assert_eq!(millis("1969-12-31T23:59:59.999999Z"), Some(-1));
        assert_eq!(millis("2024-02-29T00:00:00-00:00"), Some(1_709_164_800_000));
        assert_eq!(millis("0000-01-01T00:00:00Z"), Some(-62_167_219_200_000));
        assert_eq!(millis("9999-12-31T23:59:59Z"), Some(253_402_300_799_000));
    }

    #[test]
    fn what_is_not_an_instant_is_refused() {
        for text in [
            "",
            "2026-11-24",
            "2026-11-24T09:30:00",
            "2026-11-24t09:30:00Z",
            "2026-11-24T09:30:00z",
            "2026-11-24 09:30:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567890Z",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00ZZ",
            "+026-01-01T00:00:00Z",
        ] {
            assert_eq!(millis(text), None, "{text}");
        }
    }
}
