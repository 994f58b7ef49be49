//! A table, a picture, and a section of the bench's summary.

use crate::measure::{Plan, Result};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

/// Rows for people.
pub(crate) fn table(results: &[Result]) -> String {
    let mut table = String::new();
    let mut rules = None;
    for one in results {
        if rules.replace(one.rules) != Some(one.rules) {
            let _ = write!(
                table,
                "\n{:<50} {:>12} {:>9} {:>9} {:>14} {:>9} {:>9} {:>9}\n",
                format!("{} rules", one.rules),
                "decisions/s",
                "p50 us",
                "p99 us",
                "input ready/s",
                "p50 us",
                "p99 us",
                "load ms"
            );
        }
        let _ = writeln!(
            table,
            "{:<50} {:>12.0} {:>9.2} {:>9.2} {:>14.0} {:>9.2} {:>9.2} {:>9.1}",
            format!("{} ({})", one.name, one.says),
            one.whole.rate(),
            one.whole.percentile(50),
            one.whole.percentile(99),
            one.ready.rate(),
            one.ready.percentile(50),
            one.ready.percentile(99),
            one.load.as_secs_f64() * 1_000.0
        );
    }
    table.push('\n');
    for (rules, own, other, ratios) in verdicts(results) {
        let [whole, ready] = ratios;
        let faster = if whole > 1.0 && ready > 1.0 { "faster" } else { "NOT FASTER" };
        let _ = writeln!(
            table,
            "{rules:>6} rules: {own} is {faster} than {other}: {whole:.2} times from the question's \
             texts, {ready:.2} times with its input ready"
        );
    }
    table
}

/// For each size and each of Ambit's, each other engine at its best: how many times as many decisions a
/// second Ambit makes, from the question's texts and with the input ready.
fn verdicts(results: &[Result]) -> Vec<(u32, &'static str, &'static str, [f64; 2])> {
    let mut verdicts = Vec::new();
    for own in results.iter().filter(|one| is_own(one)) {
        for family in ["cedar", "regorus", "cel"] {
            let of_family = results.iter().filter(|one| {
                one.rules == own.rules
                    && (one.name == family || one.name.starts_with(&format!("{family}_")))
            });
            let best = of_family.fold([0.0_f64; 2], |[whole, ready], one| {
                [whole.max(one.whole.rate()), ready.max(one.ready.rate())]
            });
            let [whole, ready] = best;
            let ratios = [own.whole.rate() / whole, own.ready.rate() / ready];
            verdicts.push((own.rules, own.name, family, ratios));
        }
    }
    verdicts
}

fn is_own(one: &Result) -> bool {
    one.name.starts_with("ambit")
}

/// Writes the picture and the section `engines` of the summary.
///
/// # Errors
/// The folder cannot be written, or the summary there is no JSON.
pub(crate) fn write(results: &[Result], plan: &Plan, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join("summary.json");
    let mut summary: Map<String, Value> = match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Err(error),
    };
    summary.insert("engines".to_owned(), json(results, plan));
    std::fs::write(&path, format!("{:#}\n", Value::Object(summary)))?;
    std::fs::write(folder.join("engines.svg"), svg(results))?;
    println!("written: the section `engines` of {}, and engines.svg beside it", path.display());
    Ok(())
}

fn json(results: &[Result], plan: &Plan) -> Value {
    let round = |value: f64| (value * 100.0).round() / 100.0;
    let mut sizes = Map::new();
    for one in results {
        let told = json!({
            "decisions_per_s": one.whole.rate().round(),
            "p50_us": round(one.whole.percentile(50)),
            "p99_us": round(one.whole.percentile(99)),
            "ready_decisions_per_s": one.ready.rate().round(),
            "ready_p50_us": round(one.ready.percentile(50)),
            "ready_p99_us": round(one.ready.percentile(99)),
            "load_ms": round(one.load.as_secs_f64() * 1_000.0),
        });
        let size = sizes.entry(one.rules.to_string()).or_insert_with(|| json!({}));
        if let Value::Object(size) = size {
            size.insert(one.name.to_owned(), told);
        }
    }
    let mut ratios = Map::new();
    for (rules, own, other, [whole, ready]) in verdicts(results) {
        let name = format!("{own}/{other} at {rules}");
        ratios.insert(name, json!({ "whole": round(whole), "ready": round(ready) }));
    }
    json!({ "rules": sizes, "ratios": ratios, "questions": plan.questions, "rounds": plan.rounds })
}

/// Bars on a logarithmic scale: decisions a second from the question's texts.
fn svg(results: &[Result]) -> String {
    const ROW: usize = 22;
    let headings = results.windows(2).filter(|two| match two {
        [one, next] => one.rules != next.rules,
        _ => false,
    });
    let rows = results.len() + 2 * (headings.count() + 1);
    let height = rows * ROW + 60;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\
         <rect width=\"900\" height=\"{height}\" fill=\"#fff\"/>\
         <text x=\"16\" y=\"28\" font-size=\"16\">Decisions a second, on a logarithmic scale</text>"
    );
    let (mut top, mut rules) = (46, None);
    for one in results {
        if rules.replace(one.rules) != Some(one.rules) {
            top += ROW;
            let _ = write!(
                svg,
                "<text x=\"16\" y=\"{}\" font-weight=\"600\">{} rules</text>",
                top + 14,
                one.rules
            );
            top += ROW;
        }
        let colour = if is_own(one) { "#2463eb" } else { "#9aa4b2" };
        // From a hundred a second to ten million.
        let width = ((one.whole.rate().max(100.0).log10() - 2.0) / 5.0 * 420.0).min(420.0);
        let _ = write!(
            svg,
            "<text x=\"16\" y=\"{}\">{} ({})</text>\
             <rect x=\"380\" y=\"{top}\" width=\"{width:.1}\" height=\"16\" rx=\"2\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{}\">{:.0}</text>",
            top + 13,
            one.name,
            one.says,
            388.0 + width,
            top + 13,
            one.whole.rate()
        );
        top += ROW;
    }
    svg.push_str("</svg>\n");
    svg
}
