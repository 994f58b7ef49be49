//! An outline as a tree of text.

use super::outline::{Mark, Outline, plain};
use crate::demo::live::Paint;

/// Draws it, a line each.
pub(super) fn draw(outline: &Outline, paint: Paint) -> String {
    let mut out = String::new();
    let verdict = paint.colour(&format!("1;{}", colour(outline.mark)), &outline.text);
    out.push_str(&format!("{verdict}  {}\n", plain(&outline.aside)));
    for line in &outline.under {
        draw_top(line, paint, &mut out);
    }
    out
}

fn draw_top(line: &Outline, paint: Paint, out: &mut String) {
    if line.mark == Mark::Aside && line.under.is_empty() && !line.faint {
        out.push_str(&format!("{}\n", paint.colour("2", &plain(&line.text))));
        return;
    }
    out.push_str(&format!("{}\n", told(line, paint)));
    draw_under(&line.under, "", paint, out);
}

fn draw_under(lines: &[Outline], indent: &str, paint: Paint, out: &mut String) {
    for (at, line) in lines.iter().enumerate() {
        let last = at.saturating_add(1) == lines.len();
        let (branch, more) = if last { ("└ ", "  ") } else { ("├ ", "│ ") };
        out.push_str(&format!("{indent}{}{}\n", paint.colour("2", branch), told(line, paint)));
        draw_under(&line.under, &format!("{indent}{}", paint.colour("2", more)), paint, out);
    }
}

/// Mark, text and what stands aside.
fn told(line: &Outline, paint: Paint) -> String {
    let mark = paint.colour(colour(line.mark), line.mark.glyph());
    let style = match (line.decides, line.faint) {
        (true, _) => "1",
        (false, true) => "2",
        (false, false) => "0",
    };
    let mut told = format!("{mark} {}", paint.colour(style, &plain(&line.text)));
    if line.line > 0 {
        told.push_str(&paint.colour("2", &format!(":{}", line.line)));
    }
    if !line.aside.is_empty() {
        told.push_str(&format!("  {}", paint.colour("2", &plain(&line.aside))));
    }
    told
}

const fn colour(mark: Mark) -> &'static str {
    match mark {
        Mark::Yes => "32",
        Mark::No => "31",
        Mark::Unknown => "33",
        Mark::Aside => "2",
    }
}
