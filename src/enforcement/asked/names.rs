//! The names of a request's headers: which came, and which must not go on.

use super::Asked;
use super::known::{Fate, known};
use super::single::Single;
use crate::request::bytes::ByteClasses;
use std::borrow::Cow;

/// What a name turned out to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted {
    /// Where a second one would make the request ambiguous.
    pub(super) single: Option<Single>,
    /// Whether it is a name at all: RFC 9110 §5.1, or a pseudo header's (RFC 9113 §8.3). Any other
    /// cannot be removed by name.
    pub(super) is_name: bool,
}

impl Asked {
    /// Keeps a name, and whether it must go: names that only Ambit sets, however they are spelt,
    /// and overrides.
    pub(super) fn note(&mut self, name: &[u8]) -> Noted {
        let rest = name.strip_prefix(b":").unwrap_or(name);
        let classes = CLASSES.of(rest);
        let text = self.names.push(name, classes & (UPPER | OTHER) == 0);
        let is_name = !rest.is_empty() && classes & OTHER == 0;
        let found = known(text);
        let single = found.and_then(|known| known.single);
        match found {
            Some(known) => match known.fate {
                Fate::Passes => {}
                Fate::Credential => self.credentials.push(known.name),
                Fate::Consumed => self.consumed.push(known.name),
                Fate::Override => self.overrides.push(known.name.to_owned()),
            },
            None if classes & UNDERSCORE != 0 || text.starts_with(b"ambit") => {
                let text = String::from_utf8_lossy(text).into_owned();
                let plain = text.replace('_', "-");
                if plain.starts_with("ambit") {
                    self.forged.push(text);
                } else if is_gateways(&plain) {
                    self.overrides.push(text);
                }
            }
            None => {}
        }
        Noted { single, is_name }
    }
}

/// Whether a trailer of this name must not reach the upstream: names that only Ambit sets, and what
/// decides on a request, which no trailer may (RFC 9110 §6.5.1).
#[must_use]
pub fn is_no_trailer(name: &[u8]) -> bool {
    let plain = String::from_utf8_lossy(name).to_ascii_lowercase().replace('_', "-");
    plain.starts_with("ambit") || is_stopped(&plain)
}

/// Whether it is a name that the gateway removes or sets; spelt with `_` it would do neither.
fn is_gateways(plain: &str) -> bool {
    plain.starts_with("x-envoy-") || plain.starts_with("x-forwarded-") || is_stopped(plain)
}

/// Overrides and credentials.
fn is_stopped(plain: &str) -> bool {
    known(plain.as_bytes())
        .is_some_and(|known| matches!(known.fate, Fate::Override | Fate::Credential))
}

/// A few names, each once.
#[derive(Debug, Default)]
pub(in crate::enforcement) struct Few([Option<&'static str>; 4]);

impl Few {
    fn push(&mut self, name: &'static str) {
        let place = self.0.iter_mut().find(|kept| kept.is_none_or(|kept| kept == name));
        if let Some(place) = place {
            *place = Some(name);
        }
    }

    /// All of them.
    pub(in crate::enforcement) fn iter(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().copied().flatten()
    }
}

/// Lower-case header names in one piece of memory; no name that is used has a line break in it.
#[derive(Debug, Default)]
pub(in crate::enforcement) struct Names(Vec<u8>);

impl Names {
    /// Adds one and returns it. What is no text becomes some that is nobody's name. `as_it_is`:
    /// it is in lower case, and nothing but ASCII.
    fn push(&mut self, name: &[u8], as_it_is: bool) -> &[u8] {
        if self.0.is_empty() {
            self.0.reserve(512);
        }
        let from = self.0.len();
        if as_it_is {
            self.0.extend_from_slice(name);
        } else {
            self.0.extend_from_slice(String::from_utf8_lossy(name).as_bytes());
            if let Some(added) = self.0.get_mut(from..) {
                added.make_ascii_lowercase();
            }
        }
        let end = self.0.len();
        self.0.push(b'\n');
        self.0.get(from..end).unwrap_or_default()
    }

    /// All of them, in the order they came.
    pub(in crate::enforcement) fn iter(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let names = self.0.strip_suffix(b"\n").map(|names| names.split(|byte| *byte == b'\n'));
        names.into_iter().flatten().map(String::from_utf8_lossy)
    }
}

/// Of a name's bytes: upper case, `_`, and what no name may have (RFC 9110 §5.6.2).
const UPPER: u8 = 1;
const UNDERSCORE: u8 = 2;
const OTHER: u8 = 4;
const CLASSES: ByteClasses = ByteClasses::of_names(UPPER, UNDERSCORE, OTHER);

#[cfg(test)]
mod tests {
    use super::super::known::all;
    use super::*;

    #[test]
    fn what_no_client_may_send_is_removed_however_it_is_spelt() {
        for known in all() {
            for spelt in [known.name.to_ascii_uppercase(), known.name.replace('-', "_")] {
                let mut asked = Asked::default();
                asked.note(spelt.as_bytes());
                let lower = spelt.to_ascii_lowercase();
                let removed = [
                    asked.overrides,
                    asked.forged,
                    asked.credentials.iter().map(str::to_owned).collect(),
                ];
                let is_removed = removed.concat() == [lower.as_str()];
                let wanted = matches!(known.fate, Fate::Override | Fate::Credential)
                    || (known.fate == Fate::Consumed && lower.contains('_'));
                assert_eq!(is_removed, wanted, "{spelt}");
            }
        }
    }

    #[test]
    fn names_that_only_ambit_sets_are_forged_however_they_are_spelt() {
        for name in ["ambit", "Ambit-Sub", "ambit_sub", "ambit_approval", "AMBIT_grant"] {
            let mut asked = Asked::default();
            asked.note(name.as_bytes());
            assert_eq!(asked.forged, [name.to_ascii_lowercase()]);
        }
        let mut asked = Asked::default();
        asked.note(b"Ambit-Approval");
        assert!(asked.forged.is_empty());
        assert_eq!(asked.consumed.iter().collect::<Vec<_>>(), ["ambit-approval"]);
    }

    #[test]
    fn there_is_room_for_all_names_of_one_fate() {
        for fate in [Fate::Credential, Fate::Consumed] {
            let mut few = Few::default();
            let names: Vec<_> = all().filter(|k| k.fate == fate).map(|k| k.name).collect();
            names.iter().chain(&names).for_each(|name| few.push(name));
            assert_eq!(few.iter().collect::<Vec<_>>(), names);
        }
    }

    #[test]
    fn names_are_kept_in_lower_case_and_what_is_none_is_told() {
        let mut asked = Asked::default();
        let is_name = |asked: &mut Asked, name: &[u8]| asked.note(name).is_name;
        assert!(is_name(&mut asked, b"X-Some"));
        assert!(is_name(&mut asked, b":path"));
        for bad in [&b""[..], b":", b"a b", b"a:b", b"::a", b"caf\xe9", "é".as_bytes(), b"a\n"] {
            assert!(!is_name(&mut asked, bad), "{bad:?}");
        }
        assert_eq!(asked.names.iter().take(2).collect::<Vec<_>>(), ["x-some", ":path"]);
    }
}
