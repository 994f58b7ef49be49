//! What differs between two tables.

use std::collections::BTreeMap;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The policy, as the table names it.
    pub policy: String,
    /// Agent, resource, action.
    pub field: [String; 3],
    /// Decision and reason as they were reviewed; `None` where the field is new.
    pub before: Option<(String, String)>,
    /// As they are; `None` where the field is gone.
    pub after: Option<(String, String)>,
}

type Fields = BTreeMap<(String, [String; 3]), (String, String)>;

/// The fields that differ, in order of policy, agent, resource and action.
#[must_use]
pub fn changes(before: &str, after: &str) -> Vec<Change> {
    let (before, after) = (fields(before), fields(after));
    let mut keys: Vec<&(String, [String; 3])> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .filter(|key| before.get(*key) != after.get(*key))
        .map(|key| Change {
            policy: key.0.clone(),
            field: key.1.clone(),
            before: before.get(key).cloned(),
            after: after.get(key).cloned(),
        })
        .collect()
}

/// The fields of a table; names hold no spaces, so columns are words.
fn fields(table: &str) -> Fields {
    let (mut fields, mut policy) = (Fields::new(), String::new());
    for line in table.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            policy = heading.split_once(':').map_or(heading, |(name, _)| name).to_owned();
            continue;
        }
        let mut words = line.split_whitespace();
        if line.starts_with('#') {
            continue;
        }
        if let (Some(actor), Some(resource), Some(action)) =
            (words.next(), words.next(), words.next())
        {
            let key = [actor, resource, action].map(str::to_owned);
            let rest: Vec<&str> = words.collect();
            let rest = rest.join(" ");
            let (decision, why) = decision(&rest);
            fields.insert((policy.clone(), key), (decision, why));
        }
    }
    fields
}

/// `approval presence by-scope:…` is a decision of two words, or with `by tag` of four.
fn decision(rest: &str) -> (String, String) {
    let words: Vec<&str> = rest.split(' ').collect();
    let length = match words.as_slice() {
        ["approval", _, "by", "tag", ..] => 4,
        ["approval", ..] => 2,
        _ => 1,
    };
    let (decision, why) = words.split_at_checked(length).unwrap_or((&words, &[]));
    (decision.join(" "), why.join(" "))
}

impl Change {
    /// Whether it lets through more, or less, as far as that can be told from the decision alone.
    #[must_use]
    pub fn direction(&self) -> &'static str {
        let rank = |side: &Option<(String, String)>| match side {
            None => 0,
            Some((decision, _)) => match decision.split(' ').next() {
                Some("allow") => 3,
                Some("approval") => 2,
                Some("depends") => 1,
                _ => 0,
            },
        };
        match rank(&self.after).cmp(&rank(&self.before)) {
            std::cmp::Ordering::Greater => "allows more",
            std::cmp::Ordering::Less => "allows less",
            std::cmp::Ordering::Equal => "changed",
        }
    }
}

/// The changes for people: what was reviewed, and what is.
#[must_use]
pub fn described(changes: &[Change], colour: &dyn Fn(&str, &str) -> String) -> String {
    let (mut text, mut policy) = (String::new(), None);
    for change in changes {
        if policy != Some(&change.policy) {
            text.push_str(&format!("{}\n", colour("1", &change.policy)));
            policy = Some(&change.policy);
        }
        text.push_str(&format!("  {}   {}\n", change.field.join("  "), change.direction()));
        for (mark, code, side) in [("-", "31", &change.before), ("+", "32", &change.after)] {
            if let Some((decision, why)) = side {
                let line = format!("{mark} {decision}  {why}");
                text.push_str(&format!("    {}\n", colour(code, line.trim_end())));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "# head\n\n## a/policy.yaml: a\nbot  note  read    allow  notes\nbot  note  delete  deny   no rule allows it\n";

    #[test]
    fn a_permission_that_changes_is_one_change_whatever_the_widths_of_columns() {
        let after = BEFORE.replace("deny   no rule", "approval presence  x").replace("  ", "     ");
        let found = changes(BEFORE, &after);
        let [change] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(change.field, ["bot", "note", "delete"]);
        assert_eq!(change.direction(), "allows more");
        assert_eq!(change.after.as_ref().unwrap().0, "approval presence");
        assert_eq!(changes(BEFORE, BEFORE), []);
    }

    #[test]
    fn a_field_that_is_new_or_gone_is_a_change() {
        let fewer: String = BEFORE.lines().take(4).map(|line| format!("{line}\n")).collect();
        assert_eq!(changes(BEFORE, &fewer).first().unwrap().after, None);
        assert_eq!(changes(&fewer, BEFORE).first().unwrap().before, None);
        let text = described(&changes(BEFORE, &fewer), &|_, text| text.to_owned());
        assert!(text.contains("a/policy.yaml\n  bot  note  delete"), "{text}");
        assert!(text.contains("    - deny  no rule allows it"), "{text}");
    }
}
