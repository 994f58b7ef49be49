//! Small grammars: dates, scopes, actions, types, credentials.

use ambit::identity::inside;
use ambit::policy::scope::Scope;
use ambit::policy::value::ValueType;
use ambit::request::{Action, credentials};

/// A date written anew from its number is the same date.
pub(super) fn rfc3339(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Some(time) = inside::timestamp(text) else { return false };
    // The longest offset is a day less a minute.
    let (least, most) = (-62_167_219_200_000 - 86_400_000, 253_402_300_799_999 + 86_400_000);
    assert!((least..=most).contains(&time.millis()), "outside the calendar: {}", time.millis());
    if text.ends_with(['Z', 'z']) {
        let written = date(time.millis());
        let same = text.to_ascii_uppercase();
        let (head, fraction) = same.split_at_checked(19).unwrap_or_default();
        assert_eq!(written.get(..19), Some(head), "another date");
        let digits: String = fraction.chars().filter(char::is_ascii_digit).take(3).collect();
        assert_eq!(written.get(20..23), Some(format!("{digits:0<3}").as_str()), "another fraction");
    }
    true
}

/// Civil date of milliseconds since the epoch, by counting eras of 400 years from a March.
fn date(millis: i64) -> String {
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let (seconds, millis) = (rest / 1000, rest % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}")
}

/// Each line is read as a scope, a type, an action and a credential; what is accepted is written as
/// it was.
pub(super) fn words(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let mut accepted = false;
    for line in text.split('\n') {
        if let Some(scope) = Scope::parse(line) {
            accepted = true;
            let actions: Vec<&str> = scope.actions.iter().map(Action::name).collect();
            let actions = if actions.len() == 4 { "*" } else { actions.first().unwrap_or(&"") };
            let no = if scope.subtracts { "no:" } else { "" };
            let target = scope.target.unwrap_or("*");
            let written = format!("{no}{actions}:{target}");
            assert!(written == line || written == format!("{line}:*"), "{written}");
            assert_eq!(scope.subtracts, Scope::is_meant_to_subtract(line), "subtracts or not");
        } else if line.to_ascii_lowercase().starts_with("no:") {
            assert!(Scope::is_meant_to_subtract(line), "meant to subtract, and not seen");
        }
        if let Some(value_type) = ValueType::parse(line) {
            accepted = true;
            assert_eq!(value_type.to_string(), line);
        }
        if let Some(action) = Action::parse(line) {
            accepted = true;
            assert_eq!(action.name(), line);
        }
        if let Ok(credentials::Presented::Bearer(token) | credentials::Presented::Dpop(token)) =
            credentials::parse(line.as_bytes())
        {
            accepted = true;
            let scheme = line.strip_suffix(token).unwrap_or_default().to_ascii_lowercase();
            assert!(scheme == "bearer " || scheme == "dpop ", "another scheme: {scheme}");
            assert!(!token.contains([' ', ',', '\t']), "more than one credential");
        }
    }
    accepted
}
