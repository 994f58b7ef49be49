//! Edits as the fewest host calls: each costs about a microsecond.

use ambit::enforcement::{Edits, Header};

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change<'a> {
    /// Remove every value of a name.
    Remove(&'a str),
    /// Set the first value of a name, or add it.
    Set(&'a str, &'a str),
}

/// What must be called for `edits` to be true of `present`: nothing for what is true already.
pub(super) fn changes<'a>(edits: &'a Edits, present: &[Header<'_>]) -> Vec<Change<'a>> {
    let values = |name: &str| {
        let name = name.as_bytes().to_vec();
        present.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(&name)).map(|(_, v)| *v)
    };
    let mut changes = Vec::new();
    for name in &edits.remove {
        if values(name).next().is_some() {
            changes.push(Change::Remove(name));
        }
    }
    for (name, value) in &edits.set {
        let removed = edits.remove.iter().any(|gone| gone.eq_ignore_ascii_case(name));
        let mut current = values(name);
        match (current.next(), current.next()) {
            (Some(one), None) if !removed && one == value.as_bytes() => continue,
            // Envoy 1.40 replaces all values by the one; the ABI does not say that a host must.
            (Some(_), Some(_)) if !removed => changes.push(Change::Remove(name)),
            _ => {}
        }
        changes.push(Change::Set(name, value));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits(remove: &[&str], set: &[(&str, &str)]) -> Edits {
        Edits {
            remove: remove.iter().map(|name| (*name).to_owned()).collect(),
            set: set.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            drop_ambit_trailers: false,
        }
    }

    #[test]
    fn only_what_is_there_is_removed_whatever_its_case() {
        let edits = edits(&["authorization", "cookie"], &[]);
        let present: [Header<'_>; 2] = [(b"Authorization", b"x"), (b"accept", b"y")];
        assert_eq!(changes(&edits, &present), [Change::Remove("authorization")]);
    }

    #[test]
    fn a_name_with_several_values_is_removed_before_it_is_set() {
        let edits = edits(&[], &[("ambit", "new")]);
        let present: [Header<'_>; 2] = [(b"ambit", b"a"), (b"ambit", b"b")];
        let wanted = [Change::Remove("ambit"), Change::Set("ambit", "new")];
        assert_eq!(changes(&edits, &present), wanted);
    }

    #[test]
    fn a_removed_name_is_set_even_to_the_value_it_had() {
        let edits = edits(&["ambit"], &[("ambit", "same")]);
        let present: [Header<'_>; 1] = [(b"ambit", b"same")];
        let wanted = [Change::Remove("ambit"), Change::Set("ambit", "same")];
        assert_eq!(changes(&edits, &present), wanted);
    }

    #[test]
    fn a_value_that_is_right_already_costs_no_call() {
        let edits = edits(&[], &[(":path", "/a")]);
        assert_eq!(changes(&edits, &[(b":path", b"/a")]), []);
        assert_eq!(changes(&edits, &[(b":path", b"/b")]), [Change::Set(":path", "/a")]);
    }
}
