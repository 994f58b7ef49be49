//! An explanation as a page that needs nothing else.

use super::Explained;
use super::excerpt;
use super::outline::{Mark, Outline, plain};
use std::collections::BTreeMap;

const STYLE: &str = include_str!("explain.css");

pub(super) fn page(explained: &Explained) -> String {
    let outline = explained.outline();
    let (notes, steps): (Vec<&Outline>, Vec<&Outline>) = outline
        .under
        .iter()
        .partition(|line| line.mark == Mark::Aside && line.under.is_empty() && !line.faint);
    let notes: String =
        notes.iter().map(|line| format!("<li>{}</li>\n", escaped(&line.text))).collect();
    let steps: String = steps.iter().map(|line| drawn(line)).collect();
    let verdict = outline.text.to_lowercase();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header class=\"{verdict}\">\n<p class=\"verdict\">{word}</p>\n\
         <div><h1>{request}</h1>\n<p>{because}</p></div>\n</header>\n\
         <main>\n<section>\n<h2>Why</h2>\n<ul class=\"notes\">\n{notes}</ul>\n\
         <ul class=\"steps\">\n{steps}</ul>\n</section>\n\
         <section>\n<h2 class=\"file\">{file}</h2>\n{source}</section>\n</main>\n</body>\n</html>\n",
        title = escaped(&format!("{} {}", outline.text, explained.request)),
        word = escaped(&outline.text),
        request = escaped(&explained.request),
        because = escaped(&outline.aside),
        file = escaped(&explained.policy.file),
        source = source(explained),
    )
}

fn drawn(line: &Outline) -> String {
    let class = match line.mark {
        Mark::Yes => "yes",
        Mark::No => "no",
        Mark::Unknown => "unknown",
        Mark::Aside => "aside",
    };
    let faint = if line.faint { " faint" } else { "" };
    let decides = if line.decides { " decides" } else { "" };
    let mut told = format!(
        "<span class=\"mark\">{}</span> <code>{}</code>",
        line.mark.glyph(),
        escaped(&line.text)
    );
    if line.line > 0 {
        told.push_str(&format!(" <a href=\"#L{0}\">:{0}</a>", line.line));
    }
    if !line.aside.is_empty() {
        told.push_str(&format!(" <span class=\"more\">{}</span>", escaped(&line.aside)));
    }
    if line.under.is_empty() {
        return format!("<li class=\"{class}{faint}{decides}\"><div>{told}</div></li>\n");
    }
    let under: String = line.under.iter().map(drawn).collect();
    // What matters is open; the rest opens at a click.
    let open = if line.faint { "" } else { " open" };
    format!(
        "<li class=\"{class}{faint}{decides}\"><details{open}><summary>{told}</summary>\n<ul>\n{under}</ul>\n\
         </details></li>\n"
    )
}

/// The policy's text, the lines of deciding rules marked.
fn source(explained: &Explained) -> String {
    let mut marked: BTreeMap<u32, &str> = BTreeMap::new();
    for rule in &explained.trace.rules {
        let class = if rule.determines { "decides" } else { "" };
        for (number, _) in excerpt::lines(&explained.policy.text, rule.place.line) {
            let known = marked.entry(number).or_insert(class);
            if rule.determines {
                *known = class;
            }
        }
    }
    let lines: String = (1_u32..)
        .zip(explained.policy.text.lines())
        .map(|(number, text)| {
            let class = marked.get(&number).copied().unwrap_or_default();
            format!("<li id=\"L{number}\" class=\"{class}\"><code>{}</code></li>\n", escaped(text))
        })
        .collect();
    format!("<ol class=\"source\">\n{lines}</ol>\n")
}

/// Text as it may stand in HTML and XML, in an attribute too.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in plain(text).chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
