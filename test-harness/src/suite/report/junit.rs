//! For continuous integration: the JUnit format that most of them read.

use super::Run;
use std::fmt::Write as _;

/// The run as JUnit XML: a test case for each request.
#[must_use]
pub fn junit(run: &Run) -> String {
    let totals = run.totals();
    let failures = totals.failed.saturating_add(run.not_run.len());
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut line = |depth: usize, content: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:1$}{content}", "", depth.saturating_mul(2));
    };
    line(
        0,
        &format!(
            "<testsuites name=\"ambit\" tests=\"{}\" failures=\"{failures}\" errors=\"{}\" skipped=\"{}\">",
            totals.checks, totals.broken, totals.skipped
        ),
    );
    for suite in &run.suites {
        let checks = suite.groups.iter().flat_map(|group| &group.checks);
        let failed = checks.clone().filter(|check| !check.failures.is_empty()).count();
        line(
            1,
            &format!(
                "<testsuite name=\"{}\" file=\"{}\" tests=\"{}\" failures=\"{failed}\" errors=\"{}\">",
                escaped(&suite.name),
                escaped(&suite.file),
                checks.count(),
                u8::from(suite.broken.is_some())
            ),
        );
        for group in &suite.groups {
            let class = format!("{}.{}", suite.name, group.name);
            for check in &group.checks {
                let open = format!(
                    "<testcase classname=\"{}\" name=\"{}\"",
                    escaped(&class),
                    escaped(&check.name)
                );
                if check.failures.is_empty() {
                    line(2, &format!("{open}/>"));
                    continue;
                }
                line(2, &format!("{open}>"));
                for failure in &check.failures {
                    line(
                        3,
                        &format!(
                            "<failure message=\"{}\" type=\"{}\">{}</failure>",
                            escaped(&format!("expected {}, got {}", failure.expected, failure.got)),
                            escaped(&failure.engine),
                            escaped(&failure.to_string())
                        ),
                    );
                }
                line(2, "</testcase>");
            }
            if let Some(reason) = &group.skipped {
                line(
                    2,
                    &format!(
                        "<testcase classname=\"{0}\" name=\"{0}\"><skipped message=\"{1}\"/></testcase>",
                        escaped(&class),
                        escaped(reason)
                    ),
                );
            }
        }
        if let Some(broken) = &suite.broken {
            line(
                2,
                &format!(
                    "<testcase classname=\"{0}\" name=\"{0}\"><error message=\"not run\">{1}</error></testcase>",
                    escaped(&suite.name),
                    escaped(broken.text())
                ),
            );
        }
        line(1, "</testsuite>");
    }
    for reason in &run.not_run {
        line(
            1,
            &format!(
                "<testsuite name=\"ambit\" tests=\"1\" failures=\"1\"><testcase name=\"everything was run\">\
             <failure message=\"{}\"/></testcase></testsuite>",
                escaped(reason)
            ),
        );
    }
    line(0, "</testsuites>");
    text
}

/// Text for an attribute or an element: what XML cannot hold is replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(character),
            control if control.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::report::{Check, Group, SuiteReport};

    #[test]
    fn names_from_suites_never_become_markup() {
        let hostile = "a <b> & \"c\" \u{1b}[31m";
        let group = Group {
            name: hostile.to_owned(),
            checks: vec![Check { name: hostile.to_owned(), failures: Vec::new() }],
            skipped: Some(hostile.to_owned()),
        };
        let mut run = Run { not_run: vec![hostile.to_owned()], ..Run::default() };
        run.add(SuiteReport {
            name: hostile.to_owned(),
            groups: vec![group],
            ..SuiteReport::default()
        });
        let text = junit(&run);
        assert!(
            !text.contains("<b>") && !text.contains('\u{1b}') && !text.contains("& "),
            "{text}"
        );
        assert_eq!(
            text.matches("a &lt;b&gt; &amp; &quot;c&quot; \u{fffd}[31m").count(),
            10,
            "{text}"
        );
    }
}
