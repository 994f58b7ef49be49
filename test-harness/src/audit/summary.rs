//! Sums over a log: who did what to what, and what was refused most.

mod page;

use crate::audit::date;
use crate::recorded::{Effect, Recorded};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Kinds of request that are counted apart; further ones are counted together.
const KINDS: usize = 50_000;

/// An hour, in milliseconds.
const HOUR: i64 = 3_600_000;

/// One kind of request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    actor: String,
    action: String,
    resource: String,
    effect: Effect,
    reason: String,
}

/// One row of the summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Who acted.
    pub actor: String,
    /// Action class, or the method of what maps to nothing.
    pub action: String,
    /// Resource type, or `(unmapped)`.
    pub resource: String,
    /// Requests that were allowed.
    pub allowed: u64,
    /// Requests that were refused.
    pub denied: u64,
}

/// What is refused, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Requests.
    pub count: u64,
    /// Reason code.
    pub reason: String,
    /// Who acted.
    pub actor: String,
    /// Action class.
    pub action: String,
    /// Resource type.
    pub resource: String,
}

/// Sums over the records of a log.
#[derive(Debug, Default)]
pub struct Summary {
    records: u64,
    kinds: BTreeMap<Kind, u64>,
    /// Records of kinds beyond those counted apart.
    beyond: u64,
    /// For each hour that has any: allowed, refused.
    hours: BTreeMap<i64, (u64, u64)>,
    shadow: u64,
}

impl Summary {
    /// Adds one record.
    pub fn add(&mut self, record: &Recorded) {
        self.records = self.records.saturating_add(1);
        self.shadow = self.shadow.saturating_add(u64::from(record.shadow));
        let hour = self.hours.entry(record.time.div_euclid(HOUR)).or_default();
        match record.effect {
            Effect::Allow => hour.0 = hour.0.saturating_add(1),
            Effect::Deny => hour.1 = hour.1.saturating_add(1),
        }
        let (action, resource) = match record.resource.kind.as_str() {
            // A path that maps to nothing can be anything a client makes up.
            "" => (record.http.method.clone(), "(unmapped)".to_owned()),
            kind => (record.action.clone(), kind.to_owned()),
        };
        let kind = Kind {
            actor: record.who(),
            action,
            resource,
            effect: record.effect,
            reason: record.reason.clone(),
        };
        if let Some(count) = self.kinds.get_mut(&kind) {
            *count = count.saturating_add(1);
        } else if self.kinds.len() < KINDS {
            self.kinds.insert(kind, 1);
        } else {
            self.beyond = self.beyond.saturating_add(1);
        }
    }

    /// By actor, action and resource, in this order.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        // Kinds that differ in effect and reason alone stand beside each other.
        for (kind, count) in &self.kinds {
            let same = rows.last_mut().filter(|row| {
                (&row.actor, &row.action, &row.resource)
                    == (&kind.actor, &kind.action, &kind.resource)
            });
            let (allowed, denied) = match kind.effect {
                Effect::Allow => (*count, 0),
                Effect::Deny => (0, *count),
            };
            match same {
                Some(row) => {
                    row.allowed = row.allowed.saturating_add(allowed);
                    row.denied = row.denied.saturating_add(denied);
                }
                None => rows.push(Row {
                    actor: kind.actor.clone(),
                    action: kind.action.clone(),
                    resource: kind.resource.clone(),
                    allowed,
                    denied,
                }),
            }
        }
        rows
    }

    /// What is refused most, most first.
    #[must_use]
    pub fn denials(&self) -> Vec<Denial> {
        let denied = self.kinds.iter().filter(|(kind, _)| kind.effect == Effect::Deny);
        let mut denials: Vec<Denial> = denied
            .map(|(kind, count)| Denial {
                count: *count,
                reason: kind.reason.clone(),
                actor: kind.actor.clone(),
                action: kind.action.clone(),
                resource: kind.resource.clone(),
            })
            .collect();
        denials.sort_by_key(|denial| std::cmp::Reverse(denial.count));
        denials
    }

    /// For people; at most `top` denials.
    #[must_use]
    pub fn told(&self, top: usize) -> String {
        use crate::audit::show::tame;
        let mut out = self.caption();
        out.push_str(&format!(
            "\n\n{:>10} {:>10}  {:<28} {:<8} resource\n",
            "allowed", "denied", "actor", "action"
        ));
        for row in self.rows() {
            out.push_str(&format!(
                "{:>10} {:>10}  {:<28} {:<8} {}\n",
                row.allowed,
                row.denied,
                tame(&row.actor),
                tame(&row.action),
                tame(&row.resource)
            ));
        }
        if self.beyond > 0 {
            out.push_str(&format!(
                "{:>10} records of further kinds, not counted apart\n",
                self.beyond
            ));
        }
        let denials = self.denials();
        if !denials.is_empty() {
            out.push_str("\nrefused most:\n");
        }
        for denial in denials.iter().take(top) {
            out.push_str(&format!(
                "{:>10}  {:<22} {:<28} {} {}\n",
                denial.count,
                denial.reason,
                tame(&denial.actor),
                tame(&denial.action),
                tame(&denial.resource)
            ));
        }
        out
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "records": self.records,
            "shadow": self.shadow,
            "not_counted_apart": self.beyond,
            "rows": self.rows().iter().map(|row| json!({
                "actor": row.actor, "action": row.action, "resource": row.resource,
                "allowed": row.allowed, "denied": row.denied,
            })).collect::<Vec<_>>(),
            "denials": self.denials().iter().map(|denial| json!({
                "count": denial.count, "reason": denial.reason, "actor": denial.actor,
                "action": denial.action, "resource": denial.resource,
            })).collect::<Vec<_>>(),
            "hours": self.hours.iter().map(|(hour, (allowed, denied))| json!({
                "from": date(hour.saturating_mul(HOUR)), "allowed": allowed, "denied": denied,
            })).collect::<Vec<_>>(),
        })
    }

    fn caption(&self) -> String {
        let sum = |of: fn(&(u64, u64)) -> u64| {
            self.hours.values().fold(0_u64, |sum, hour| sum.saturating_add(of(hour)))
        };
        let when = match (self.hours.keys().next(), self.hours.keys().next_back()) {
            (Some(first), Some(last)) => format!(
                ", {} to {}",
                date(first.saturating_mul(HOUR)),
                date(last.saturating_add(1).saturating_mul(HOUR))
            ),
            _ => String::new(),
        };
        let shadow = match self.shadow {
            0 => String::new(),
            many => format!(" ({many} in shadow mode, which did not bind)"),
        };
        format!(
            "{} records{when}: {} allowed, {} denied{shadow}",
            self.records,
            sum(|hour| hour.0),
            sum(|hour| hour.1)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::{LINE, Read};

    fn summary() -> Summary {
        let mut summary = Summary::default();
        let allowed = Read::of(LINE).unwrap().record;
        let denied =
            Recorded { effect: Effect::Deny, reason: "denied".to_owned(), ..allowed.clone() };
        let later = Recorded { time: allowed.time + 2 * HOUR, ..denied.clone() };
        let mut unmapped = denied.clone();
        unmapped.resource.kind.clear();
        unmapped.actors = vec!["<script>".to_owned()];
        for record in [&allowed, &allowed, &denied, &later, &unmapped] {
            summary.add(record);
        }
        summary
    }

    #[test]
    fn each_record_counts_once() {
        let summary = summary();
        let rows: Vec<_> = summary
            .rows()
            .into_iter()
            .map(|row| (row.actor, row.resource, row.allowed, row.denied))
            .collect();
        assert_eq!(
            rows,
            [
                ("<script>".to_owned(), "(unmapped)".to_owned(), 0, 1),
                ("bot".to_owned(), "d".to_owned(), 2, 2)
            ]
        );
        assert_eq!(summary.denials().iter().map(|denial| denial.count).collect::<Vec<_>>(), [2, 1]);
        assert!(summary.told(5).starts_with("5 records, 2027-01-15T08:00:00.000Z to 2027-01-15T11:00:00.000Z: 2 allowed, 3 denied\n"), "{}", summary.told(5));
        assert_eq!(summary.json()["hours"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn kinds_without_end_take_no_memory_without_end_and_stay_counted() {
        let mut summary = Summary::default();
        let mut record = Read::of(LINE).unwrap().record;
        for number in 0..KINDS + 3 {
            record.actors = vec![number.to_string()];
            summary.add(&record);
        }
        assert_eq!((summary.kinds.len(), summary.beyond), (KINDS, 3));
        assert!(summary.told(5).contains("3 records of further kinds"));
    }

    #[test]
    fn a_page_holds_every_number_and_no_markup_of_a_value() {
        let page = summary().html();
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
        assert!(page.contains("2 allowed, 3 denied"));
        assert_eq!(page.matches("<svg").count(), 2);
    }
}
