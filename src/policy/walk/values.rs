//! The small readers everything else is made of. Each says what is wrong and goes on.

use crate::policy::error::Problem;
use crate::policy::keys::{ACTIONS, LATER, POLICY, Section, Shape};
use crate::policy::node::{Entry, Kind, Node};
use crate::policy::value::ValueType;
use crate::request::Action;
use crate::time::Span;
use std::collections::BTreeMap;

/// A node and its pointer.
#[derive(Clone, Debug)]
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    pub(super) pointer: String,
}

/// A map whose keys were checked.
pub(super) struct Map<'a> {
    entries: &'a [Entry],
    pointer: String,
}

impl<'a> Map<'a> {
    pub(super) fn get(&self, name: &str) -> Option<At<'a>> {
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        Some(At { node: &entry.value, pointer: self.at(name) })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == name)
    }

    pub(super) fn at(&self, name: &str) -> String {
        join(&self.pointer, name)
    }
}

fn join(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Collects what is wrong.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) problems: Vec<Problem>,
}

impl Walk {
    pub(super) fn error(
        &mut self,
        pointer: &str,
        message: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.problems.push(Problem::error(pointer, message, expected));
    }

    pub(super) fn key_error(
        &mut self,
        pointer: &str,
        message: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.problems.push(Problem::key_error(pointer, message, expected));
    }

    fn mismatch(&mut self, at: &At<'_>, expected: &str) {
        let found = at.node.kind_name();
        self.error(&at.pointer, format!("{found} stands here"), expected);
    }

    /// A map of a section: unknown keys and missing ones are errors.
    pub(super) fn map<'a>(&mut self, at: At<'a>, section: &Section) -> Option<Map<'a>> {
        let Kind::Map(entries) = &at.node.kind else {
            self.mismatch(&at, "a map");
            return None;
        };
        for entry in entries {
            if !section.keys.iter().any(|key| key.name == entry.name) {
                let pointer = join(&at.pointer, &entry.name);
                let (message, expected) = unknown(&entry.name, section);
                self.key_error(&pointer, message, expected);
            }
        }
        for key in section.keys.iter().filter(|key| key.required) {
            if !entries.iter().any(|entry| entry.name == key.name) {
                let message = format!("`{}` is missing", key.name);
                self.error(&at.pointer, message, key.shape.to_string());
            }
        }
        Some(Map { entries, pointer: at.pointer })
    }

    /// As [`Walk::map`], of the section at `path`.
    pub(super) fn map_by_name<'a>(&mut self, at: At<'a>, path: &str) -> Option<Map<'a>> {
        let section = find(&POLICY, path)?;
        self.map(at, section)
    }

    /// The members of a map from names.
    pub(super) fn members<'a>(&mut self, at: At<'a>) -> Vec<(String, At<'a>)> {
        let Kind::Map(entries) = &at.node.kind else {
            self.mismatch(&at, "a map from names");
            return Vec::new();
        };
        let member = |entry: &'a Entry| {
            let pointer = join(&at.pointer, &entry.name);
            (entry.name.clone(), At { node: &entry.value, pointer })
        };
        entries.iter().map(member).collect()
    }

    pub(super) fn list<'a>(&mut self, at: At<'a>) -> Vec<At<'a>> {
        let Kind::List(elements) = &at.node.kind else {
            self.mismatch(&at, "a list");
            return Vec::new();
        };
        let element = |(number, node)| At { node, pointer: format!("{}/{number}", at.pointer) };
        elements.iter().enumerate().map(element).collect()
    }

    pub(super) fn text(&mut self, at: At<'_>) -> Option<String> {
        match &at.node.kind {
            Kind::String(text) if !text.is_empty() => Some(text.clone()),
            Kind::String(_) => {
                self.error(&at.pointer, "an empty text", "a text");
                None
            }
            _ => {
                self.mismatch(&at, "a text");
                None
            }
        }
    }

    pub(super) fn text_of(&mut self, map: &Map<'_>, name: &str) -> Option<String> {
        map.get(name).and_then(|at| self.text(at))
    }

    /// A text or a number, as text: YAML reads `equals: 13` as a number.
    pub(super) fn text_or_number(&mut self, at: At<'_>) -> Option<String> {
        match &at.node.kind {
            Kind::Number(text) => Some(text.clone()),
            Kind::Bool(value) => Some(value.to_string()),
            _ => self.text(at),
        }
    }

    /// A text, or a list of texts.
    pub(super) fn texts(&mut self, at: At<'_>) -> Vec<String> {
        match &at.node.kind {
            Kind::List(_) => self.text_list(at),
            _ => self.text(at).into_iter().collect(),
        }
    }

    pub(super) fn text_list(&mut self, at: At<'_>) -> Vec<String> {
        let elements = self.list(at);
        elements.into_iter().filter_map(|at| self.text(at)).collect()
    }

    pub(super) fn text_map(&mut self, at: At<'_>) -> BTreeMap<String, String> {
        let members = self.members(at);
        members
            .into_iter()
            .filter_map(|(name, at)| self.text_or_number(at).map(|text| (name, text)))
            .collect()
    }

    pub(super) fn truth(&mut self, at: At<'_>) -> Option<bool> {
        match at.node.kind {
            Kind::Bool(value) => Some(value),
            _ => {
                self.mismatch(&at, "`true` or `false`");
                None
            }
        }
    }

    pub(super) fn whole(&mut self, at: At<'_>) -> Option<u64> {
        let number = match &at.node.kind {
            Kind::Number(text) => text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.mismatch(&at, "a whole number");
        }
        number
    }

    /// Bytes: a whole number, or one with a unit.
    pub(super) fn size(&mut self, at: At<'_>) -> Option<u64> {
        let size = match &at.node.kind {
            Kind::Number(text) => text.parse().ok(),
            Kind::String(text) => with_unit(
                text,
                &[("KiB", 1 << 10), ("MiB", 1 << 20), ("KB", 1000), ("MB", 1_000_000), ("B", 1)],
            ),
            _ => None,
        };
        let size = size.filter(|size| *size > 0);
        if size.is_none() {
            self.mismatch(&at, "a size such as `256KiB` or a number of bytes");
        }
        size
    }

    pub(super) fn span(&mut self, at: At<'_>) -> Option<Span> {
        let millis = match &at.node.kind {
            Kind::String(text) => with_unit(
                text,
                &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)],
            ),
            _ => None,
        };
        let millis =
            millis.and_then(|millis| i64::try_from(millis).ok()).filter(|millis| *millis > 0);
        if millis.is_none() {
            self.mismatch(&at, "a length of time such as `30s`, `15m` or `8h`");
        }
        millis.map(Span::from_millis)
    }

    pub(super) fn choice<T: Clone>(&mut self, at: At<'_>, choices: &[(&str, T)]) -> Option<T> {
        let found = match &at.node.kind {
            Kind::String(text) => {
                choices.iter().find(|(name, _)| name == text).map(|(_, value)| value.clone())
            }
            _ => None,
        };
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let message = match &at.node.kind {
                Kind::String(text) => format!("`{text}` is not known here"),
                _ => format!("{} stands here", at.node.kind_name()),
            };
            self.error(&at.pointer, message, one_of(&names));
        }
        found
    }

    pub(super) fn choice_of<T: Clone>(
        &mut self,
        map: &Map<'_>,
        name: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        map.get(name).and_then(|at| self.choice(at, choices))
    }

    pub(super) fn action(&mut self, at: At<'_>) -> Option<Action> {
        let choices: Vec<(&str, Action)> =
            ACTIONS.iter().filter_map(|name| Some((*name, Action::parse(name)?))).collect();
        self.choice(at, &choices)
    }

    pub(super) fn actions(&mut self, at: At<'_>) -> Vec<Action> {
        let elements = self.list(at);
        elements.into_iter().filter_map(|at| self.action(at)).collect()
    }

    /// A type, as text or as YAML's `[string]`.
    pub(super) fn value_type(&mut self, at: At<'_>) -> Option<ValueType> {
        let text = match &at.node.kind {
            Kind::String(text) => Some(text.clone()),
            Kind::List(elements) => match elements.as_slice() {
                [Node { kind: Kind::String(text), .. }] => Some(format!("[{text}]")),
                _ => None,
            },
            _ => None,
        };
        let found = text.as_deref().and_then(ValueType::parse);
        if found.is_none() {
            let message = match &text {
                Some(text) => format!("`{text}` is not a type"),
                None => format!("{} stands here", at.node.kind_name()),
            };
            let expected = "`string`, `int`, `double`, `bool`, `timestamp`, `dyn`, or a list of one: `[string]`";
            self.error(&at.pointer, message, expected);
        }
        found
    }

    pub(super) fn url(&mut self, url: &str, pointer: &str) {
        if let Err(message) = crate::request::host::from_audience(url) {
            self.error(pointer, message, "such as `https://idp.example.com/keys`");
        }
    }
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, factor) =
        units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn one_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [one] => one.clone(),
        _ => format!("one of {}", quoted.join(", ")),
    }
}

/// A key nobody knows: what was meant, perhaps.
fn unknown(name: &str, section: &Section) -> (String, String) {
    if LATER.contains(&name) {
        return (format!("this version does not have `{name}`"), "a policy without it".to_owned());
    }
    let names: Vec<&str> = section.keys.iter().map(|key| key.name).collect();
    let near = crate::policy::condition::nearest(name, names.iter().copied());
    let expected = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => one_of(&names),
    };
    (format!("`{name}` is not known here"), expected)
}

/// The section at `path`, wherever it hangs.
fn find(from: &'static Section, path: &str) -> Option<&'static Section> {
    if from.path == path {
        return Some(from);
    }
    from.keys.iter().flat_map(|key| key.shape.sections()).find_map(|section| find(section, path))
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("any value"),
            Self::Bool => f.write_str("`true` or `false`"),
            Self::Choice(names) => f.write_str(&one_of(names)),
            Self::Duration => f.write_str("a duration"),
            Self::ListOf(inner) => write!(f, "a list of {inner}"),
            Self::MapOf(inner) => write!(f, "a map from names to {inner}"),
            Self::Of(_) => f.write_str("a map"),
            Self::OneOf(shapes) => {
                for (at, shape) in shapes.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", or ")?;
                    }
                    write!(f, "{shape}")?;
                }
                Ok(())
            }
            Self::Size => f.write_str("a size"),
            Self::Text => f.write_str("a text"),
            Self::Texts => f.write_str("a text or a list of texts"),
            Self::Whole => f.write_str("a whole number"),
        }
    }
}
