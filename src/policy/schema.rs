//! The JSON Schema and the policy reference, generated from the table the walker checks against,
//! so that neither can say what the loader does not do.

use super::keys::{POLICY, Section, Shape};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// The JSON Schema (2020-12) of a policy as written, pretty-printed.
#[must_use]
pub fn json_schema() -> String {
    let mut schema = Map::new();
    schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".into(), "Ambit policy".into());
    if let Value::Object(root) = section(&POLICY) {
        schema.extend(root);
    }
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

fn section(section: &Section) -> Value {
    let mut properties = Map::new();
    for key in section.keys {
        let mut schema = shape(&key.shape);
        if let Value::Object(members) = &mut schema {
            let mut doc = key.doc.to_owned();
            if !key.required {
                // Writing to a string cannot fail.
                let _ = write!(doc, " Default: {}.", key.default);
            }
            members.insert("description".into(), doc.into());
        }
        properties.insert(key.name.into(), schema);
    }
    let required: Vec<&str> =
        section.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    json!({
        "type": "object",
        "description": section.doc,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn shape(written: &Shape) -> Value {
    match written {
        Shape::Any => json!({}),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Choice(names) => json!({ "enum": names }),
        Shape::Duration => json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" }),
        Shape::ListOf(inner) => json!({ "type": "array", "items": shape(inner) }),
        Shape::MapOf(inner) => {
            json!({ "type": "object", "additionalProperties": shape(inner) })
        }
        Shape::Of(inner) => section(inner),
        Shape::OneOf(shapes) => json!({ "anyOf": shapes.iter().map(shape).collect::<Vec<_>>() }),
        Shape::Size => json!({
            "anyOf": [
                { "type": "integer", "minimum": 1 },
                { "type": "string", "pattern": "^[0-9]+(KiB|MiB|KB|MB|B)$" },
            ]
        }),
        Shape::Text => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Texts => json!({
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" } },
            ]
        }),
        Shape::Whole => json!({ "type": "integer" }),
    }
}

/// `docs/policy-reference.md`: every key with its shape, default and meaning.
#[must_use]
pub fn policy_reference() -> String {
    let mut text = String::from(
        "# Policy reference\n\n\
         Generated from `src/policy/keys.rs` by `make reference`; a test fails when it is stale. Keys that do not\n\
         stand here are refused. How a policy decides: [semantics.md](semantics.md).\n",
    );
    let mut seen = Vec::new();
    write_section(&POLICY, &mut text, &mut seen);
    text
}

fn write_section(section: &'static Section, text: &mut String, seen: &mut Vec<&'static Section>) {
    if seen.iter().any(|known| std::ptr::eq(*known, section)) {
        return;
    }
    seen.push(section);
    let title = if section.path.is_empty() { "The policy" } else { section.path };
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\n## {title}\n{}\n\n| key | value | default | meaning |\n|---|---|---|---|\n",
        section.doc
    );
    for key in section.keys {
        let default = if key.required { "**required**" } else { key.default };
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            key.name,
            cell(&key.shape.to_string()),
            cell(default),
            cell(key.doc)
        );
    }
    for section in section.keys.iter().flat_map(|key| key.shape.sections()) {
        write_section(section, text, seen);
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
