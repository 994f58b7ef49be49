//! JSON with places.

use super::MAX_DEPTH;
use crate::policy::error::{Place, Problem};
use crate::policy::node::{Entry, Kind, Node};
use crate::request::json::{Build, JsonLimits, Scalar, parse_with};

/// As much as a gateway's control plane delivers.
const LIMITS: JsonLimits = JsonLimits { bytes: 64 << 20, depth: MAX_DEPTH, nodes: 8_000_000 };

pub(super) fn read(bytes: &[u8]) -> Result<Node, (Place, Problem)> {
    let mut tree = Tree { starts: line_starts(bytes), bytes };
    parse_with(bytes, LIMITS, &mut tree).map_err(|(at, error)| {
        let message = format!("this is not JSON: {}", error.what);
        (tree.place(at), Problem::error("", message, "a policy in strict JSON"))
    })
}

struct Tree<'a> {
    /// The byte each line begins at.
    starts: Vec<usize>,
    bytes: &'a [u8],
}

fn line_starts(bytes: &[u8]) -> Vec<usize> {
    let breaks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    std::iter::once(0).chain(breaks.map(|(at, _)| at.saturating_add(1))).collect()
}

impl Tree<'_> {
    fn place(&self, at: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= at);
        let start =
            line.checked_sub(1).and_then(|line| self.starts.get(line)).copied().unwrap_or(0);
        let before = self.bytes.get(start..at).unwrap_or_default();
        // Characters, not bytes: continuation bytes of UTF-8 do not count.
        let column = before.iter().filter(|byte| (**byte & 0xc0) != 0x80).count();
        Place {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1),
        }
    }

    fn node(&self, at: usize, kind: Kind) -> Node {
        Node { kind, place: self.place(at) }
    }
}

impl Build for Tree<'_> {
    type Value = Node;

    fn scalar(&mut self, at: usize, scalar: Scalar<'_>) -> Node {
        let kind = match scalar {
            Scalar::Bool(value) => Kind::Bool(value),
            Scalar::Null => Kind::Null,
            Scalar::Number(text) => Kind::Number(text.to_owned()),
            Scalar::String(text) => Kind::String(text.into_string()),
        };
        self.node(at, kind)
    }

    fn array(&mut self, at: usize, elements: Vec<Node>) -> Node {
        self.node(at, Kind::List(elements))
    }

    fn object(&mut self, at: usize, members: Vec<(usize, Box<str>, Node)>) -> Node {
        let entries = members.into_iter().map(|(at, name, value)| Entry {
            name: name.into_string(),
            place: self.place(at),
            value,
        });
        let entries = entries.collect();
        self.node(at, Kind::Map(entries))
    }
}
