//! Ceilings as lines.

use super::{Mark, Outline};
use ambit::policy::condition::Truth;
use ambit::trace::{Ceiling, CeilingOf, ScopeWord, SubjectSays};

/// One ceiling, with the entries it is made of.
pub(super) fn ceiling(ceiling: &Ceiling) -> Outline {
    let text = match &ceiling.of {
        CeilingOf::Actor(id) => format!("what `{id}` may do at most"),
        CeilingOf::Subject => "what the user may do at most".to_owned(),
        CeilingOf::Token => "what the token's scopes reach".to_owned(),
        CeilingOf::TokenSubtracts => "what the token's `no:` scopes leave".to_owned(),
    };
    let mut aside = scopes(&ceiling.scopes);
    if ceiling.of == CeilingOf::Subject && ceiling.entries.is_empty() {
        aside = "no `subjects`: the token's scopes say it".to_owned();
    }
    if aside.is_empty() && ceiling.within == Truth::Unknown && ceiling.of != CeilingOf::Subject {
        aside = "not recorded".to_owned();
    }
    if ceiling.lifted {
        aside.push_str("; lifted by a grant");
    }
    Outline {
        mark: Mark::of(ceiling.within),
        text,
        aside,
        line: ceiling.place.line,
        under: ceiling.entries.iter().map(entry).collect(),
        ..Outline::default()
    }
}

fn entry(says: &SubjectSays) -> Outline {
    let groups = match &says.groups {
        None => "every user".to_owned(),
        Some(groups) => groups.join(" or "),
    };
    Outline {
        mark: Mark::of(says.applies),
        text: groups,
        aside: scopes(&says.scopes),
        line: says.place.line,
        faint: says.applies == Truth::False,
        ..Outline::default()
    }
}

/// Scopes; those that speak of what is asked stand out.
fn scopes(words: &[ScopeWord]) -> String {
    let words = words.iter().map(|word| match word.speaks {
        true => format!("[{}]", word.text),
        false => word.text.clone(),
    });
    words.collect::<Vec<_>>().join(" ")
}
