//! What came of a run: a table, JSON, and a picture.

use super::catalogue::{Case, Catalogue};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What came of one case at one gateway.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// The status of the last answer, 0 without one.
    pub(super) status: u16,
    /// How an attack got through, or why a good request did not.
    pub(super) failure: Option<String>,
}

/// What came of the whole run.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    rows: Vec<Row>,
    findings: Vec<Finding>,
}

#[derive(Clone, Debug, Default)]
struct Row {
    class: String,
    good: bool,
    cases: usize,
    failed: BTreeMap<&'static str, usize>,
}

#[derive(Clone, Debug)]
struct Finding {
    gateway: &'static str,
    id: String,
    tries: String,
    status: u16,
    what: String,
}

/// The gateways of the table, and what they are called there.
const COLUMNS: [(&str, &str); 3] =
    [("ambit", "Ambit"), ("ambit_alone", "Ambit, Envoy's defaults"), ("native", "native")];

impl Summary {
    pub(super) fn of(
        catalogue: &Catalogue,
        results: &BTreeMap<&'static str, Vec<Outcome>>,
    ) -> Self {
        let mut summary = Self::default();
        for (number, case) in catalogue.cases.iter().enumerate() {
            for (gateway, outcomes) in results {
                if let Some(outcome) = outcomes.get(number) {
                    summary.take(case, gateway, outcome);
                }
            }
            if let Some(row) = summary.row(case) {
                row.cases = row.cases.saturating_add(1);
            }
        }
        summary.rows.sort_by_key(|row| row.good);
        summary
    }

    fn row(&mut self, case: &Case) -> Option<&mut Row> {
        let good = case.expect.is_some();
        if !self.rows.iter().any(|row| row.class == case.class) {
            self.rows.push(Row { class: case.class.clone(), good, ..Row::default() });
        }
        self.rows.iter_mut().find(|row| row.class == case.class)
    }

    fn take(&mut self, case: &Case, gateway: &'static str, outcome: &Outcome) {
        let Some(what) = &outcome.failure else { return };
        if let Some(row) = self.row(case) {
            let failed = row.failed.entry(gateway).or_default();
            *failed = failed.saturating_add(1);
        }
        self.findings.push(Finding {
            gateway,
            id: case.id.clone(),
            tries: case.tries.clone(),
            status: outcome.status,
            what: what.clone(),
        });
    }

    /// Whether no attack got through Ambit, and every good request did.
    #[must_use]
    pub fn ambit_held(&self) -> bool {
        self.findings.iter().all(|finding| finding.gateway == "native")
    }

    fn total(&self, good: bool, gateway: &str) -> (usize, usize) {
        let rows = self.rows.iter().filter(|row| row.good == good);
        rows.fold((0, 0), |(cases, failed), row| {
            let more = row.failed.get(gateway).copied().unwrap_or(0);
            (cases.saturating_add(row.cases), failed.saturating_add(more))
        })
    }

    /// The table: attacks that got through, good requests that were refused, and each finding at Ambit.
    #[must_use]
    pub fn table(&self) -> String {
        let mut out = String::new();
        let mut line = |class: &str, cases: &str, columns: [String; 3]| {
            let [ambit, alone, native] = columns;
            let _ = writeln!(out, "{class:<22} {cases:>6} {ambit:>8} {alone:>24} {native:>8}");
        };
        line("got through", "cases", COLUMNS.map(|(_, name)| name.to_owned()));
        let numbers = |row: &Row| {
            COLUMNS.map(|(name, _)| row.failed.get(name).copied().unwrap_or(0).to_string())
        };
        for row in self.rows.iter().filter(|row| !row.good) {
            line(&row.class, &row.cases.to_string(), numbers(row));
        }
        let (cases, _) = self.total(false, "ambit");
        let sums = COLUMNS.map(|(name, _)| self.total(false, name).1.to_string());
        line("all attacks", &cases.to_string(), sums);
        let (cases, _) = self.total(true, "ambit");
        let sums = COLUMNS.map(|(name, _)| self.total(true, name).1.to_string());
        line("good, but refused", &cases.to_string(), sums);
        for finding in self.findings.iter().filter(|finding| finding.gateway != "native") {
            let _ = writeln!(out, "{}", finding.line());
        }
        out
    }

    /// Every finding at the native filters, one a line.
    #[must_use]
    pub fn native_findings(&self) -> String {
        let native = self.findings.iter().filter(|finding| finding.gateway == "native");
        native.map(|finding| finding.line() + "\n").collect()
    }

    /// The run as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let column = |name: &str| {
            let ((attacks, through), (good, refused)) =
                (self.total(false, name), self.total(true, name));
            json!({ "attacks": attacks, "through": through, "good": good, "refused": refused })
        };
        let classes: BTreeMap<&str, Value> = self
            .rows
            .iter()
            .map(|row| {
                let counts = COLUMNS
                    .map(|(name, _)| (name, json!(row.failed.get(name).copied().unwrap_or(0))));
                let mut members = json!({ "cases": row.cases, "good": row.good });
                if let Some(members) = members.as_object_mut() {
                    members.extend(counts.map(|(name, count)| (name.to_owned(), count)));
                }
                (row.class.as_str(), members)
            })
            .collect();
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|one| {
                json!({
                    "gateway": one.gateway, "case": one.id, "tries": one.tries,
                    "status": one.status, "what": one.what,
                })
            })
            .collect();
        json!({
            "ambit": column("ambit"),
            "ambit_alone": column("ambit_alone"),
            "native": column("native"),
            "classes": classes,
            "findings": findings,
        })
    }

    /// The run as a picture: for each class what got through the native filters, and Ambit.
    #[must_use]
    pub fn svg(&self) -> String {
        const LEFT: usize = 190;
        const WIDTH: usize = 460;
        let rows: Vec<&Row> = self.rows.iter().filter(|row| !row.good).collect();
        let height = rows.len().saturating_mul(34).saturating_add(96);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 {height}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             <text x=\"16\" y=\"28\" font-size=\"17\" font-weight=\"600\">Attacks that reached the upstream</text>\n\
             <text x=\"16\" y=\"50\" fill=\"#1a7f37\">■ Ambit</text>\
             <text x=\"90\" y=\"50\" fill=\"#9a6700\">■ Envoy's jwt_authn + RBAC, hardened</text>\n"
        );
        let most = rows.iter().map(|row| row.cases).max().unwrap_or(1).max(1);
        for (at, row) in rows.iter().enumerate() {
            let y = at.saturating_mul(34).saturating_add(66);
            let bar = |count: usize| count.saturating_mul(WIDTH) / most;
            let count = |name: &str| row.failed.get(name).copied().unwrap_or(0);
            let (ambit, native) = (count("ambit"), count("native"));
            let _ = writeln!(
                out,
                "<text x=\"16\" y=\"{text}\">{class}</text>\
                 <rect x=\"{LEFT}\" y=\"{y}\" width=\"{all}\" height=\"22\" fill=\"#eaeef2\"/>\
                 <rect x=\"{LEFT}\" y=\"{y}\" width=\"{a}\" height=\"11\" fill=\"#1a7f37\"/>\
                 <rect x=\"{LEFT}\" y=\"{lower}\" width=\"{n}\" height=\"11\" fill=\"#d4a72c\"/>\
                 <text x=\"{right}\" y=\"{text}\">{ambit} / {native} of {cases}</text>",
                text = y.saturating_add(16),
                lower = y.saturating_add(11),
                class = row.class,
                all = bar(row.cases),
                a = bar(ambit),
                n = bar(native),
                right = LEFT.saturating_add(bar(row.cases)).saturating_add(8),
                cases = row.cases,
            );
        }
        let (good, refused) = self.total(true, "ambit");
        let (_, native) = self.total(true, "native");
        let _ = writeln!(
            out,
            "<text x=\"16\" y=\"{}\">Good requests refused, of {good}: Ambit {refused}, native {native}</text>\n</svg>",
            height.saturating_sub(12)
        );
        out
    }
}

impl Finding {
    fn line(&self) -> String {
        let Self { gateway, id, tries, status, what } = self;
        format!("  {gateway}: {id} ({tries}): {what} [{status}]")
    }
}
