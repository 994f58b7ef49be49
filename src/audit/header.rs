//! The `ambit` header to the upstream: a structured-field dictionary (RFC 9651 §3.2).

use crate::request::json::jcs::PLAIN;
use std::fmt::Write as _;

/// What the upstream is told.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The record's id.
    pub record: &'a str,
    /// The subject's realm and id. An empty realm is not told: of a single issuer the id says all.
    pub subject: Option<(&'a str, &'a str)>,
    /// The actors, outermost first.
    pub actors: &'a [&'a str],
    /// Action class.
    pub action: &'a str,
    /// Resource type.
    pub resource: &'a str,
    /// The record's id within the type; empty without one.
    pub resource_id: &'a str,
    /// The policy in force, as [`policy`] writes it.
    pub policy: &'a str,
    /// Where a person's yes is still needed: approval id, digest, and the signed approval request.
    pub approval: Option<(&'a str, &'a str, &'a str)>,
}

/// Writes the header's value. Text of any bytes comes out as one value and cannot end it early.
#[must_use]
pub fn write(told: &Told<'_>) -> String {
    let mut out = String::with_capacity(256);
    out.push_str("id=");
    text(&mut out, told.record);
    if let Some((realm, id)) = told.subject {
        out.push_str(", sub=");
        text(&mut out, id);
        // Two people of two realms may have one id, and an upstream must tell them apart.
        if !realm.is_empty() {
            out.push_str(";realm=");
            text(&mut out, realm);
        }
    }
    if !told.actors.is_empty() {
        out.push_str(", act=(");
        for (at, actor) in told.actors.iter().enumerate() {
            if at > 0 {
                out.push(' ');
            }
            text(&mut out, actor);
        }
        out.push(')');
    }
    if !told.action.is_empty() {
        out.push_str(", action=");
        text(&mut out, told.action);
    }
    if !told.resource.is_empty() {
        out.push_str(", res=");
        text(&mut out, told.resource);
        if !told.resource_id.is_empty() {
            out.push_str(";id=");
            text(&mut out, told.resource_id);
        }
    }
    out.push_str(told.policy);
    if let Some((id, digest, request)) = told.approval {
        out.push_str(", approval=required;id=");
        text(&mut out, id);
        out.push_str(";digest=");
        text(&mut out, digest);
        out.push_str(";request=");
        text(&mut out, request);
    }
    out
}

/// The member `policy` of every header under one policy: `name@hash`.
#[must_use]
pub fn policy(name: &str, hash: &str) -> String {
    let mut out = ", policy=".to_owned();
    text(&mut out, &[name, "@", hash].concat());
    out
}

/// A String where the text is printable ASCII (RFC 9651 §3.3.3), else a Display String (§3.3.8).
fn text(out: &mut String, value: &str) {
    if PLAIN.has_all(value.as_bytes()) {
        out.push('"');
        out.push_str(value);
        out.push('"');
        return;
    }
    if value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        out.push('"');
        for c in value.chars() {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('"');
        return;
    }
    out.push_str("%\"");
    for byte in value.bytes() {
        match byte {
            b'%' | b'"' | 0..=0x1f | 0x7f.. => {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02x}");
            }
            plain => out.push(char::from(plain)),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sfv::{BareItem, Dictionary, ListEntry, Parser};

    fn told<'a>(subject: &'a str, actors: &'a [&'a str], id: &'a str) -> Told<'a> {
        Told {
            record: "r1",
            subject: Some(("realm", subject)),
            actors,
            action: "read",
            resource: "document",
            resource_id: id,
            policy: ", policy=\"demo@hash\"",
            approval: None,
        }
    }

    #[test]
    fn a_policy_is_told_by_name_and_hash() {
        assert_eq!(policy("demo", "hash"), ", policy=\"demo@hash\"");
        assert_eq!(policy("d\"é", "h"), ", policy=%\"d%22%c3%a9@h\"");
    }

    #[test]
    fn an_upstream_reads_who_asks_for_what() {
        assert_eq!(
            write(&told("alice", &["bot"], "7")),
            "id=\"r1\", sub=\"alice\";realm=\"realm\", act=(\"bot\"), action=\"read\", res=\"document\";id=\"7\", \
             policy=\"demo@hash\""
        );
        let one_realm = Told { subject: Some(("", "alice")), ..told("", &[], "7") };
        assert!(write(&one_realm).starts_with("id=\"r1\", sub=\"alice\", action="));
    }

    fn plain(item: &BareItem) -> String {
        match item {
            BareItem::String(text) => text.as_str().to_owned(),
            BareItem::DisplayString(text) => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn whatever_ids_hold_comes_back_and_adds_nothing(subject in ".{0,24}", actor in ".{0,12}", id in ".{0,24}") {
            let value = write(&told(&subject, &[&actor], &id));
            prop_assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{}", value);
            let parsed: Dictionary = Parser::new(&value).parse().unwrap();
            prop_assert_eq!(parsed.len(), 6);
            let item = |name: &str| match parsed.get(name).unwrap() {
                ListEntry::Item(item) => item.clone(),
                ListEntry::InnerList(_) => panic!("a list"),
            };
            prop_assert_eq!(plain(&item("sub").bare_item), subject);
            if !id.is_empty() {
                let res = item("res");
                prop_assert_eq!(plain(res.params.get("id").unwrap()), id);
            }
            match parsed.get("act").unwrap() {
                ListEntry::InnerList(list) => prop_assert_eq!(plain(&list.items[0].bare_item), actor),
                ListEntry::Item(_) => panic!("an item"),
            }
        }
    }
}
