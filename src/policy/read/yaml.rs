//! YAML 1.2 with places: the core schema's scalars, and none of the features that make one text
//! mean another (anchors, tags, merge keys, several documents).

use super::MAX_DEPTH;
use crate::policy::error::{Place, Problem};
use crate::policy::node::{Entry, Kind, Node};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};

type Failure = (Place, Problem);

pub(super) fn read(text: &str) -> Result<Node, Failure> {
    let mut events = Parser::new_from_str(text);
    let mut root = None;
    let mut documents = 0;
    while let Some(event) = events.next() {
        let (event, span) = event.map_err(|error| scan(&error))?;
        match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(refused(span, "a second document", "one policy in one file"));
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            other => root = Some(node(other, span, &mut events, MAX_DEPTH)?),
        }
    }
    root.ok_or_else(|| {
        (Place { line: 1, column: 1 }, Problem::error("", "the file is empty", "a policy"))
    })
}

fn node<'a>(
    event: Event<'a>,
    span: Span,
    events: &mut Parser<'a, saphyr_parser::StrInput<'a>>,
    depth: usize,
) -> Result<Node, Failure> {
    let depth =
        depth.checked_sub(1).ok_or_else(|| refused(span, "nesting this deep", "64 levels"))?;
    let place = place(span);
    let kind = match event {
        Event::Scalar(text, style, 0, None) => scalar(&text, style),
        Event::SequenceStart(0, None) => {
            let mut elements = Vec::new();
            loop {
                match next(events)? {
                    (Event::SequenceEnd, _) => break Kind::List(elements),
                    (event, span) => elements.push(node(event, span, events, depth)?),
                }
            }
        }
        Event::MappingStart(0, None) => {
            let mut entries: Vec<Entry> = Vec::new();
            loop {
                let (event, span) = match next(events)? {
                    (Event::MappingEnd, _) => break Kind::Map(entries),
                    other => other,
                };
                let Event::Scalar(name, _, 0, None) = event else {
                    return Err(refused(span, "a key that is no plain text", "a name"));
                };
                if name == "<<" {
                    return Err(refused(span, "a merge key", "the members themselves"));
                }
                if entries.iter().any(|entry| entry.name == name) {
                    let message = format!("`{name}` a second time");
                    return Err(refused(span, &message, "each key once"));
                }
                let (event, value_span) = next(events)?;
                let value = node(event, value_span, events, depth)?;
                entries.push(Entry { name: name.into_owned(), place: self::place(span), value });
            }
        }
        Event::Alias(_) => return Err(refused(span, "an alias", "the value itself")),
        Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
            return Err(refused(span, "an anchor or a tag", "the plain value"));
        }
        _ => return Err(refused(span, "an unexpected end", "a value")),
    };
    Ok(Node { kind, place })
}

fn next<'a>(
    events: &mut Parser<'a, saphyr_parser::StrInput<'a>>,
) -> Result<(Event<'a>, Span), Failure> {
    match events.next() {
        Some(Ok(event)) => Ok(event),
        Some(Err(error)) => Err(scan(&error)),
        None => Err((Place::default(), Problem::error("", "the file ends too early", "a value"))),
    }
}

/// The core schema (YAML 1.2.2 §10.3): `yes`, `no` and `on` are text.
fn scalar(text: &str, style: ScalarStyle) -> Kind {
    if style != ScalarStyle::Plain {
        return Kind::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" => Kind::Null,
        "true" => Kind::Bool(true),
        "false" => Kind::Bool(false),
        // Numbers that JSON would read too; everything else is text.
        _ if serde_json::from_str::<serde_json::Number>(text).is_ok() => {
            Kind::Number(text.to_owned())
        }
        _ => Kind::String(text.to_owned()),
    }
}

fn place(span: Span) -> Place {
    Place {
        line: u32::try_from(span.start.line()).unwrap_or(u32::MAX),
        column: u32::try_from(span.start.col()).unwrap_or(u32::MAX).saturating_add(1),
    }
}

fn refused(span: Span, what: &str, expected: &str) -> Failure {
    (place(span), Problem::error("", format!("policies do not have {what}"), expected))
}

fn scan(error: &saphyr_parser::ScanError) -> Failure {
    let marker = error.marker();
    let place = Place {
        line: u32::try_from(marker.line()).unwrap_or(u32::MAX),
        column: u32::try_from(marker.col()).unwrap_or(u32::MAX).saturating_add(1),
    };
    let message = format!("this is not YAML: {}", error.info().to_ascii_lowercase());
    (place, Problem::error("", message, "a policy in YAML"))
}
