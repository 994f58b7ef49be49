//! The spanned tree that YAML, JSON and a protobuf `Struct` all become.

use super::error::Place;

/// A value, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it begins.
    pub place: Place,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `true` or `false`
    Bool(bool),
    /// A list.
    List(Vec<Node>),
    /// Members in the order they were written; no two have one name.
    Map(Vec<Entry>),
    /// Nothing.
    Null,
    /// A number, as it was written.
    Number(String),
    /// Text.
    String(String),
}

/// A member of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Where the name begins.
    pub place: Place,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// The member with this name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.name == name),
            _ => None,
        }
    }

    /// The place a JSON pointer names (RFC 6901): the value's, or with `at_key` its name's; of a
    /// pointer that leads out of the tree, the last place on the way.
    #[must_use]
    pub fn locate(&self, pointer: &str, at_key: bool) -> Place {
        let (mut node, mut place) = (self, self.place);
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            match &node.kind {
                Kind::Map(entries) => {
                    let Some(entry) = entries.iter().find(|entry| entry.name == token) else {
                        return place;
                    };
                    place = if at_key { entry.place } else { entry.value.place };
                    node = &entry.value;
                }
                Kind::List(elements) => {
                    let Some(element) = token.parse().ok().and_then(|at: usize| elements.get(at))
                    else {
                        return place;
                    };
                    place = element.place;
                    node = element;
                }
                _ => return place,
            }
        }
        place
    }

    /// The kind's name, for messages.
    #[must_use]
    pub const fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Bool(_) => "a truth value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Null => "nothing",
            Kind::Number(_) => "a number",
            Kind::String(_) => "text",
        }
    }
}
