//! Records as a table for people.

use super::date;
use crate::demo::live::Paint;
use crate::recorded::{Effect, Recorded};

/// Names of the columns.
#[must_use]
pub fn head(paint: Paint) -> String {
    let names = format!(
        "{:<24} {:<5} {:<3} {:<20} {:<32} {:<26} rules and request",
        "time", "", "", "reason", "actor for subject", "action resource"
    );
    paint.colour("2", names.trim_end())
}

/// One record as one line.
#[must_use]
pub fn row(record: &Recorded, paint: Paint) -> String {
    let code = match (record.effect, record.reason.as_str()) {
        (Effect::Allow, _) => "1;32",
        (Effect::Deny, "approval-required") => "1;33",
        (Effect::Deny, _) => "1;31",
    };
    let (action, resource) = record.what();
    let what = match record.resource.id.as_str() {
        "" => format!("{action} {resource}"),
        id => format!("{action} {resource} {id}"),
    };
    let who = match record.whom() {
        "-" => record.who(),
        subject if record.actors.first().is_some_and(|actor| actor == subject) => {
            format!("{} for itself", record.who())
        }
        subject => format!("{} for {subject}", record.who()),
    };
    let mut rest = match record.rules.as_slice() {
        [] => String::new(),
        rules => format!("[{}] ", rules.join(", ")),
    };
    if !record.resource.kind.is_empty() {
        rest.push_str(&format!("{} {}", record.http.method, record.http.path));
    }
    if record.shadow {
        rest.push_str(" (shadow: did not bind)");
    }
    if !record.trunc.is_empty() {
        rest.push_str(&format!(" (not whole: {})", record.trunc.join(", ")));
    }
    format!(
        "{} {} {:<3} {:<20} {:<32} {:<26} {}",
        paint.colour("2", &date(record.time)),
        paint.colour(code, &format!("{:<5}", record.effect.name())),
        record.outcome.status.map_or_else(|| "-".to_owned(), |status| status.to_string()),
        record.reason,
        tame(&who),
        tame(&what),
        paint.colour("2", tame(&rest).trim_end()),
    )
}

/// Text without characters that a terminal would obey. Records hold none; a log may hold anything.
#[must_use]
pub fn tame(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' => '\u{fffd}',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::{LINE, Read};

    #[test]
    fn a_row_says_who_for_whom_what_and_why() {
        let record = Read::of(LINE).unwrap().record;
        let row = row(&record, Paint(false));
        assert!(row.starts_with("2027-01-15T08:00:00.000Z allow 200 allowed-by-rule"), "{row}");
        assert!(row.contains("bot for alice") && row.contains("read d 7"), "{row}");
    }

    #[test]
    fn no_value_moves_a_terminals_cursor() {
        let mut record = Read::of(LINE).unwrap().record;
        record.actors = vec!["\u{1b}[2J\u{9b}\r".to_owned()];
        record.resource.id = "\u{202e}7".to_owned();
        assert!(!row(&record, Paint(false)).contains(['\u{1b}', '\u{9b}', '\r', '\u{202e}']));
    }
}
