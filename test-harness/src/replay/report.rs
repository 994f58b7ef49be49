//! What came of a log, for people and for programs.

use super::tally::{Change, Kind, Outcome, Placed, Seen, Tally};
use crate::audit::show::tame;
use crate::demo::live::Paint;
use ambit::policy::Policy;
use ambit::policy::document::Mode;
use serde_json::{Value, json};
use std::collections::BTreeSet;

impl Tally {
    /// For people; at most `top` groups of each kind.
    #[must_use]
    pub fn told(&self, policy: &Policy, top: usize, paint: Paint) -> String {
        let mut out = format!(
            "{} records against `{}` ({}, {})\n",
            self.records,
            policy.name(),
            policy.file().unwrap_or("policy"),
            policy.hash()
        );
        if policy.mode() == Mode::Shadow {
            out.push_str("  its mode is shadow: it would decide and record, and bind nothing\n");
        }
        if self.shadow > 0 {
            out.push_str(&format!(
                "  {} were made in shadow mode, and bound nothing\n",
                self.shadow
            ));
        }
        for kind in Kind::ALL {
            out.push_str(&format!("{:>10}  {}\n", self.counts.of(kind), kind.says()));
        }
        out.push_str(&self.hint());
        for kind in Kind::ALL {
            let groups = self.of(kind);
            if groups.is_empty() {
                continue;
            }
            let head = format!("\n{} {}", self.counts.of(kind), kind.says());
            out.push_str(&paint.colour("1", &head));
            out.push('\n');
            for (change, seen) in groups.iter().take(top) {
                out.push_str(&block(change, seen, paint));
            }
            let more = groups.len().saturating_sub(top);
            if more > 0 {
                out.push_str(&format!("  and {more} more such groups; `--top` shows more\n"));
            }
            if self.beyond.of(kind) > 0 {
                out.push_str(&format!(
                    "  and {} records of further groups, not kept apart\n",
                    self.beyond.of(kind)
                ));
            }
        }
        out
    }

    /// What would tell more.
    fn hint(&self) -> String {
        if self.unknown.is_empty() || self.counts.of(Kind::Depends) == 0 {
            return String::new();
        }
        let mut out = format!(
            "            {} of them would be decided the same if tokens, agents' names and audiences count as they did.\n\
             \x20           Their policies are not at hand; given with `--was FILE-OR-FOLDER`, they settle it:\n",
            self.same_if_alike
        );
        for (hash, (name, count)) in self.unknown.iter().take(10) {
            out.push_str(&format!("              {hash} `{}`, {count} records\n", tame(name)));
        }
        out
    }

    /// For programs.
    #[must_use]
    pub fn json(&self, policy: &Policy) -> Value {
        let counts = |of: &super::Counts| {
            Kind::ALL
                .iter()
                .map(|kind| (kind.name().to_owned(), json!(of.of(*kind))))
                .collect::<serde_json::Map<_, _>>()
        };
        json!({
            "policy": { "name": policy.name(), "hash": policy.hash(), "file": policy.file() },
            "records": self.records,
            "counts": counts(&self.counts),
            "same_if_alike": self.same_if_alike,
            "not_kept_apart": counts(&self.beyond),
            "policies_not_at_hand": self.unknown.iter().map(|(hash, (name, count))| {
                json!({ "hash": hash, "name": name, "records": count })
            }).collect::<Vec<_>>(),
            "groups": Kind::ALL.iter().flat_map(|kind| self.of(*kind)).map(|(change, seen)| json!({
                "kind": change.kind.name(),
                "count": seen.count,
                "first": { "line": seen.line, "id": seen.id },
                "actor": change.actor,
                "subject": change.subject,
                "action": change.action,
                "resource": change.resource,
                "was": outcome_json(&change.was),
                "now": change.now.iter().map(outcome_json).collect::<Vec<_>>(),
                "lacks": change.lacks,
                "if_alike": change.if_alike.iter().map(outcome_json).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
        })
    }
}

fn block(change: &Change, seen: &Seen, paint: Paint) -> String {
    let who = match change.subject.as_str() {
        "" | "-" => change.actor.clone(),
        subject if subject == change.actor => format!("{subject} for itself"),
        subject => format!("{} for {subject}", change.actor),
    };
    let what = format!("{} {}", change.action, change.resource);
    let mut out = format!("{:>10}  {} · {}\n", seen.count, tame(&who), tame(&what));
    let line = |name: &str, text: &str| format!("            {:<8} {text}\n", name);
    out.push_str(&line("was", &outcome(&change.was, paint)));
    if change.kind == Kind::Same {
        return out;
    }
    out.push_str(&line("would be", &outcomes(&change.now, paint)));
    if !change.lacks.is_empty() {
        let lacks: Vec<&str> = change.lacks.iter().map(String::as_str).collect();
        out.push_str(&line("lacks", &lacks.join(", ")));
    }
    if !change.if_alike.is_empty() {
        let text = format!(
            "{}, if tokens, names and audiences count as they did",
            outcomes(&change.if_alike, paint)
        );
        out.push_str(&line("likely", &text));
    }
    out.push_str(&line(
        "such as",
        &paint.colour("2", &format!("line {}, {}", seen.line, tame(&seen.id))),
    ));
    out
}

/// All that can come of a request: one outcome as it is, of several the rules that may allow it and
/// the reasons for which it may be refused.
fn outcomes(all: &BTreeSet<Outcome>, paint: Paint) -> String {
    let (allows, denies): (Vec<&Outcome>, Vec<&Outcome>) = all.iter().partition(|one| one.allowed);
    let one = |all: &[&Outcome]| match all {
        [] => None,
        [one] => Some(outcome(one, paint)),
        several => {
            let word = if several.iter().all(|one| one.allowed) {
                paint.colour("1;32", "allow")
            } else {
                paint.colour("1;31", "deny")
            };
            let reasons: BTreeSet<&str> = several.iter().map(|one| one.reason.as_str()).collect();
            let reasons: Vec<String> = reasons.into_iter().map(tame).collect();
            let rules: BTreeSet<&Placed> = several.iter().flat_map(|one| &one.rules).collect();
            let rules: Vec<String> = rules.into_iter().map(rule).collect();
            let by = if rules.is_empty() {
                String::new()
            } else {
                format!(", by any of {}", rules.join(", "))
            };
            Some(format!("{word} for any of {}{by}", reasons.join(", ")))
        }
    };
    let both: Vec<String> = [one(&allows), one(&denies)].into_iter().flatten().collect();
    both.join("; or ")
}

fn rule((id, place): &Placed) -> String {
    match place {
        Some(place) => format!("`{}` ({place})", tame(id)),
        None => format!("`{}`", tame(id)),
    }
}

fn outcome(one: &Outcome, paint: Paint) -> String {
    let (word, code) = if one.allowed { ("allow", "1;32") } else { ("deny", "1;31") };
    let mut text = format!("{} {}", paint.colour(code, word), tame(&one.reason));
    if !one.rules.is_empty() {
        let rules: Vec<String> = one.rules.iter().map(rule).collect();
        text.push_str(&format!(" by {}", rules.join(", ")));
    }
    if !one.approval.is_empty() {
        text.push_str(&format!(", approval {}", one.approval));
    }
    text
}

fn outcome_json(one: &Outcome) -> Value {
    json!({
        "effect": if one.allowed { "allow" } else { "deny" },
        "reason": one.reason,
        "rules": one.rules.iter().map(|(id, place)| json!({ "id": id, "place": place })).collect::<Vec<_>>(),
        "approval": one.approval,
    })
}
