//! The summary as a page: a bar for each hour, a bar for each actor and resource, and the tables.

use super::{HOUR, Row, Summary};
use crate::audit::date;
use crate::audit::show::tame;
use std::fmt::Write as _;

/// Bars over time at most; hours are put together until they fit.
const BARS: i64 = 96;

/// Rows that are drawn; the table has all.
const DRAWN: usize = 40;

/// Colours of what was allowed and what was refused: told apart without seeing red and green, too.
const ALLOWED: &str = "#2463eb";
const DENIED: &str = "#e4572e";

impl Summary {
    /// A page that needs nothing beside itself.
    #[must_use]
    pub fn html(&self) -> String {
        let mut page = String::from(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Ambit: what agents did</title>\
             <style>body{font:14px system-ui,sans-serif;margin:2rem auto;max-width:60rem;color:#1c2430}\
             table{border-collapse:collapse;width:100%}td,th{padding:.25rem .5rem;text-align:left;border-bottom:1px solid #e3e7ec}\
             .n{text-align:right;font-variant-numeric:tabular-nums}svg{width:100%;height:auto}</style>\n\
             <h1>What agents did</h1>\n",
        );
        let _ = writeln!(page, "<p>{}</p>", escaped(&self.caption()));
        page.push_str(&self.over_time());
        let rows = self.rows();
        page.push_str(&by_actor(&rows));
        page.push_str("<h2>By actor, action and resource</h2>\n<table><tr><th>actor<th>action<th>resource<th class=n>allowed<th class=n>denied\n");
        for row in &rows {
            let _ = writeln!(
                page,
                "<tr><td>{}<td>{}<td>{}<td class=n>{}<td class=n>{}",
                escaped(&row.actor),
                escaped(&row.action),
                escaped(&row.resource),
                row.allowed,
                row.denied
            );
        }
        if self.beyond > 0 {
            let _ = writeln!(
                page,
                "<tr><td colspan=5>{} records of further kinds, not counted apart",
                self.beyond
            );
        }
        page.push_str("</table>\n<h2>Refused most</h2>\n<table><tr><th class=n>requests<th>reason<th>actor<th>action<th>resource\n");
        for denial in self.denials().iter().take(50) {
            let _ = writeln!(
                page,
                "<tr><td class=n>{}<td>{}<td>{}<td>{}<td>{}",
                denial.count,
                escaped(&denial.reason),
                escaped(&denial.actor),
                escaped(&denial.action),
                escaped(&denial.resource)
            );
        }
        page.push_str("</table>\n</html>\n");
        page
    }

    /// Requests over time, refused ones on top.
    fn over_time(&self) -> String {
        let (Some(first), Some(last)) = (self.hours.keys().next(), self.hours.keys().next_back())
        else {
            return String::new();
        };
        let hours = last.saturating_sub(*first).saturating_add(1);
        // As many hours in one bar as it takes.
        let each = hours.saturating_add(BARS - 1).div_euclid(BARS).max(1);
        let mut bars: Vec<(i64, u64, u64)> = Vec::new();
        for (hour, (allowed, denied)) in &self.hours {
            let at = hour.saturating_sub(*first).div_euclid(each);
            match bars.last_mut().filter(|bar| bar.0 == at) {
                Some(bar) => {
                    bar.1 = bar.1.saturating_add(*allowed);
                    bar.2 = bar.2.saturating_add(*denied);
                }
                None => bars.push((at, *allowed, *denied)),
            }
        }
        let most = bars.iter().map(|bar| bar.1.saturating_add(bar.2)).max().unwrap_or(1).max(1);
        let mut svg = String::from(
            "<svg viewBox=\"0 0 960 170\" role=\"img\" aria-label=\"requests over time\" font-size=\"12\">",
        );
        let width = 940.0 / BARS as f64;
        for (at, allowed, denied) in &bars {
            let left = *at as f64 * width + 10.0;
            let tall = |count: u64| count as f64 / most as f64 * 130.0;
            let (low, high) = (tall(*allowed), tall(*denied));
            let from = first.saturating_add(at.saturating_mul(each)).saturating_mul(HOUR);
            let _ = write!(
                svg,
                "<g><title>{} ({each} h): {allowed} allowed, {denied} denied</title>\
                 <rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{low:.1}\" fill=\"{ALLOWED}\"/>\
                 <rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{high:.1}\" fill=\"{DENIED}\"/></g>",
                date(from),
                140.0 - low,
                (width - 1.0).max(1.0),
                140.0 - low - high,
                (width - 1.0).max(1.0),
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"10\" y=\"160\">{}</text><text x=\"950\" y=\"160\" text-anchor=\"end\">at most {most} in a bar of {each} h; \
             <tspan fill=\"{ALLOWED}\">allowed</tspan>, <tspan fill=\"{DENIED}\">denied</tspan></text></svg>",
            date(first.saturating_mul(HOUR))
        );
        svg
    }
}

/// A bar for each actor, action and resource, the busiest first.
fn by_actor(rows: &[Row]) -> String {
    const ROW: usize = 24;
    let all = |row: &Row| row.allowed.saturating_add(row.denied);
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(all(row)));
    rows.truncate(DRAWN);
    let most = rows.first().map_or(1, |row| all(row)).max(1);
    let height = rows.len().saturating_mul(ROW).saturating_add(8);
    let mut svg = format!(
        "<svg viewBox=\"0 0 960 {height}\" role=\"img\" aria-label=\"requests by actor\" font-size=\"13\">"
    );
    for (at, row) in rows.iter().enumerate() {
        let top = at.saturating_mul(ROW).saturating_add(4);
        let long = |count: u64| count as f64 / most as f64 * 480.0;
        let (allowed, denied) = (long(row.allowed), long(row.denied));
        let name = format!("{} · {} {}", row.actor, row.action, row.resource);
        let short: String = name.chars().take(48).collect();
        let _ = write!(
            svg,
            "<g><title>{}: {} allowed, {} denied</title><text x=\"10\" y=\"{}\">{}</text>\
             <rect x=\"380\" y=\"{top}\" width=\"{allowed:.1}\" height=\"18\" fill=\"{ALLOWED}\"/>\
             <rect x=\"{:.1}\" y=\"{top}\" width=\"{denied:.1}\" height=\"18\" fill=\"{DENIED}\"/>\
             <text x=\"{:.1}\" y=\"{}\">{}</text></g>",
            escaped(&name),
            row.allowed,
            row.denied,
            top.saturating_add(14),
            escaped(&short),
            380.0 + allowed,
            386.0 + allowed + denied,
            top.saturating_add(14),
            all(row),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// Text in a page.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in tame(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}
