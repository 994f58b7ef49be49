//! An outline as a picture.

use super::html::escaped;
use super::outline::{Mark, Outline};

const LINE: usize = 22;
const LEFT: usize = 24;
const STEP: usize = 22;
/// Letters of a line; longer ones end in `…`.
const MAX_LETTERS: usize = 150;

pub(super) fn picture(outline: &Outline) -> String {
    let mut rows: Vec<(usize, &Outline)> = Vec::new();
    for line in &outline.under {
        gather(line, 0, &mut rows);
    }
    let mut body = String::new();
    let mut widest = 0;
    let mut stems: Vec<usize> = Vec::new();
    for (at, (depth, line)) in rows.iter().enumerate() {
        let y = top(at);
        let x = LEFT.saturating_add(depth.saturating_mul(STEP));
        stems.truncate(*depth);
        if let Some(parent) = stems.last() {
            let (stem, from) = (x.saturating_sub(15), top(*parent).saturating_add(6));
            let level = y.saturating_sub(5);
            body.push_str(&format!(
                "<path class=\"stem\" d=\"M{stem} {from}V{level}H{}\"/>\n",
                x.saturating_sub(4)
            ));
        }
        stems.push(at);
        let (text, aside) = shortened(line);
        if line.decides && *depth > 0 {
            let wide = letters(&text, &aside).saturating_mul(8).saturating_add(40);
            body.push_str(&format!(
                "<rect class=\"glow\" x=\"{}\" y=\"{}\" width=\"{wide}\" height=\"{LINE}\" rx=\"5\"/>\n",
                x.saturating_sub(4),
                y.saturating_sub(16)
            ));
        }
        widest = widest.max(x.saturating_add(letters(&text, &aside).saturating_mul(8)));
        let faint = if line.faint { " faint" } else { "" };
        body.push_str(&format!(
            "<text class=\"{}{faint}\" x=\"{x}\" y=\"{y}\"><tspan class=\"mark\">{}</tspan> <tspan>{}</tspan>",
            class(line.mark),
            if line.mark == Mark::Aside && !line.faint { "" } else { line.mark.glyph() },
            escaped(&text)
        ));
        if !aside.is_empty() {
            body.push_str(&format!("<tspan class=\"more\" dx=\"14\">{}</tspan>", escaped(&aside)));
        }
        body.push_str("</text>\n");
    }
    let (width, height) = (widest.saturating_add(60).max(640), top(rows.len()).saturating_add(10));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\" rx=\"10\"/>\n\
         <rect class=\"badge {badge}\" x=\"20\" y=\"16\" width=\"{wide}\" height=\"30\" rx=\"15\"/>\n\
         <text class=\"verdict\" x=\"36\" y=\"36\">{word}</text>\n\
         <text x=\"{after}\" y=\"36\">{because}</text>\n{body}</svg>\n",
        title = escaped(&format!("{} {}", outline.text, outline.aside)),
        badge = class(outline.mark),
        word = escaped(&outline.text),
        because = escaped(&outline.aside),
        wide = outline.text.len().saturating_mul(10).saturating_add(30),
        after = outline.text.len().saturating_mul(10).saturating_add(66),
    )
}

const STYLE: &str = "text{font:13px ui-monospace,Menlo,Consolas,monospace;fill:#1d2126;white-space:pre}\
    .paper{fill:#fbfaf7}.stem{fill:none;stroke:#cfcabd}.more{fill:#6b7280}.faint{opacity:.55}.glow{fill:#fff0c2}\
    .yes .mark{fill:#18794e}.no .mark{fill:#c62a2f}.unknown .mark{fill:#a15c00}.mark{font-weight:700}\
    .badge.yes{fill:#18794e}.badge.no{fill:#b3261e}.badge.unknown{fill:#8a5a00}.verdict{fill:#fff;font-weight:700}";

/// The baseline of a row.
const fn top(row: usize) -> usize {
    row.saturating_mul(LINE).saturating_add(76)
}

fn gather<'a>(line: &'a Outline, depth: usize, rows: &mut Vec<(usize, &'a Outline)>) {
    rows.push((depth, line));
    for under in &line.under {
        gather(under, depth.saturating_add(1), rows);
    }
}

/// What a row says, the place after the text, cut to a line.
fn shortened(line: &Outline) -> (String, String) {
    let place = if line.line > 0 { format!(":{}", line.line) } else { String::new() };
    let text = cut(&format!("{}{place}", line.text), MAX_LETTERS);
    let left = MAX_LETTERS.saturating_sub(text.chars().count()).max(20);
    (text, cut(&line.aside, left))
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

fn letters(text: &str, aside: &str) -> usize {
    text.chars().count().saturating_add(aside.chars().count()).saturating_add(4)
}

const fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::Yes => "yes",
        Mark::No => "no",
        Mark::Unknown => "unknown",
        Mark::Aside => "aside",
    }
}
