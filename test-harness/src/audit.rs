//! What can be read from a log of records: single decisions, sums, whether it is whole, and OCSF.

mod filter;
pub mod ocsf;
pub mod show;
pub mod summary;
pub mod verify;

pub use filter::{Filter, Pattern, Window};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds since the epoch as a date (RFC 3339, UTC, three digits of a second).
#[must_use]
pub fn date(millis: i64) -> String {
    let nanos = i128::from(millis).saturating_mul(1_000_000);
    let Ok(at) = OffsetDateTime::from_unix_timestamp_nanos(nanos) else {
        return format!("{millis} ms");
    };
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

/// A date (RFC 3339, or a day alone), or milliseconds since the epoch.
///
/// # Errors
/// It is neither.
pub fn millis(text: &str) -> Result<i64, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    if let Ok(at) = OffsetDateTime::parse(&whole, &Rfc3339) {
        let millis = at.unix_timestamp_nanos() / 1_000_000;
        return i64::try_from(millis).map_err(|error| error.to_string());
    }
    text.parse().map_err(|_| {
        format!("`{text}` is no time; expected `2026-11-24T08:00:00Z`, `2026-11-24`, or milliseconds since the epoch")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_come_back() {
        for (text, at) in [
            ("2027-01-15T08:00:00.000Z", 1_800_000_000_000),
            ("1969-12-31T23:59:59.999Z", -1),
            ("1970-01-01T00:00:00.000Z", 0),
        ] {
            assert_eq!(date(at), text);
            assert_eq!(millis(text), Ok(at));
        }
        assert_eq!(millis("2027-01-15"), Ok(1_799_971_200_000));
        assert_eq!(millis("1800000000000"), Ok(1_800_000_000_000));
        assert!(millis("yesterday").unwrap_err().contains("expected"));
        assert_eq!(date(i64::MAX), format!("{} ms", i64::MAX));
    }
}
