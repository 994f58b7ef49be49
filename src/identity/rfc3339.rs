//! Dates as text (RFC 3339 §5.6).

use crate::time::Timestamp;

/// Reads `2026-11-24T13:15:00Z`, with an offset or a fraction too; milliseconds are kept. `None`
/// for anything else, leap seconds included, for which the epoch has no number.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let mut rest = Rest(text);
    let year = rest.digits(4)?;
    rest.one_of("-")?;
    let month = rest.digits(2)?;
    rest.one_of("-")?;
    let day = rest.digits(2)?;
    rest.one_of("Tt")?;
    let hour = rest.digits(2)?;
    rest.one_of(":")?;
    let minute = rest.digits(2)?;
    rest.one_of(":")?;
    let second = rest.digits(2)?;
    let millis = rest.fraction()?;
    let offset = rest.offset()?;
    let in_range = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range || !rest.0.is_empty() {
        return None;
    }
    let minutes = (days_since_epoch(year, month, day) * 24 + hour) * 60 + minute - offset;
    Some(Timestamp::from_millis((minutes * 60 + second) * 1000 + millis))
}

struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        head.bytes().all(|byte| byte.is_ascii_digit()).then(|| head.parse().ok()).flatten()
    }

    fn one_of(&mut self, accepted: &str) -> Option<char> {
        let first = self.0.chars().next().filter(|first| accepted.contains(*first))?;
        self.0 = self.0.get(first.len_utf8()..)?;
        Some(first)
    }

    /// Milliseconds; 0 without a fraction.
    fn fraction(&mut self) -> Option<i64> {
        let Some(tail) = self.0.strip_prefix('.') else {
            return Some(0);
        };
        let len = tail.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, tail) = tail.split_at_checked(len)?;
        self.0 = tail;
        if digits.is_empty() {
            return None;
        }
        let thousandths = digits.bytes().chain(*b"00").take(3);
        Some(thousandths.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
    }

    /// Minutes east of UTC.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.one_of("Zz+-")? {
            '+' => 1,
            '-' => -1,
            _ => return Some(0),
        };
        let hours = self.digits(2)?;
        self.one_of(":")?;
        let minutes = self.digits(2)?;
        (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
    }
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let leap_days_before = |year: i64| {
        let last = year - 1;
        last.div_euclid(4) - last.div_euclid(100) + last.div_euclid(400)
    };
    let years = (year - 1970) * 365 + leap_days_before(year) - leap_days_before(1970);
    let months: i64 = (1..month).map(|earlier| days_in(year, earlier)).sum();
    years + months + day - 1
}

/// Writes an instant in UTC, to the second where it is a whole one; the year is clamped to 0 to 9999.
#[cfg(feature = "author")]
pub(crate) fn format(instant: Timestamp) -> String {
    let earliest = days_since_epoch(0, 1, 1) * 86_400_000;
    let latest = days_since_epoch(10_000, 1, 1) * 86_400_000 - 1;
    let millis = instant.millis().clamp(earliest, latest);
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    // A year that is not later.
    let guess = 1970 + days.div_euclid(if days < 0 { 365 } else { 366 });
    let year = (guess.max(0)..=9999)
        .take_while(|year| days_since_epoch(*year, 1, 1) <= days)
        .last()
        .unwrap_or(0);
    let month = (1..=12).take_while(|month| days_since_epoch(year, *month, 1) <= days).last();
    let month = month.unwrap_or(1);
    let day = days - days_since_epoch(year, month, 1) + 1;
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, fraction) = (rest / 1000 % 60, rest % 1000);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:03}") };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "author")]
    #[test]
    fn what_is_written_is_read_again() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2000-02-29T12:00:00Z",
            "1999-12-31T23:59:59.999Z",
            "2026-11-24T13:15:00.050Z",
            "0000-01-01T00:00:00Z",
            "0001-03-01T00:00:00Z",
            "9999-12-31T23:59:59.999Z",
            "1600-12-31T00:00:00Z",
        ] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
        for day in (-800_000..2_000_000_i64).step_by(101) {
            let instant = Timestamp::from_millis(day.saturating_mul(86_400_000 / 7));
            assert_eq!(parse(&format(instant)), Some(instant), "{day}");
        }
        assert_eq!(format(Timestamp::from_millis(i64::MAX)), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn known_dates_have_their_known_numbers() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("2026-11-24T13:15:00Z", 1_795_526_100_000),
            ("2026-11-24T14:15:00+01:00", 1_795_526_100_000),
            ("2026-11-24t07:45:00.5-05:30", 1_795_526_100_500),
            ("1969-12-31T23:59:59.999z", -1),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999),
        ] {
            assert_eq!(parse(text).map(Timestamp::millis), Some(millis), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "2026-11-24",
            "2026-11-24T13:15Z",
            "2026-11-24T13:15:00",
            "2026-11-24 13:15:00Z",
            "2026-11-24T13:15:00Z ",
            "2026-11-24T13:15:00.Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-11-31T00:00:00Z",
            "2026-11-24T24:00:00Z",
            "2026-11-24T23:59:60Z",
            "2026-11-24T13:15:00+24:00",
            "2026-11-24T13:15:00+0100",
            "+026-11-24T13:15:00Z",
            "２026-11-24T13:15:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
