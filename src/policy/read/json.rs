//! JSON with places.

use super::MAX_DEPTH;
use crate::policy::error::{Place, Problem};
use crate::policy::node::{Entry, Kind, Node};
use crate::request::json::{Build, JsonLimits, Scalar, parse_with};

/// As much as a gateway's control plane delivers.
const LIMITS: JsonLimits = JsonLimits { bytes: 64 << 20, depth: MAX_DEPTH, nodes: 8_000_000 };

pub(super) fn read(bytes: &[u8]) -> Result<Node, (Place, Problem)> {
    let mut tree = Tree { marks: marks(bytes), bytes };
    parse_with(bytes, LIMITS, &mut tree).map_err(|(at, error)| {
        let message = format!("this is not JSON: {}", error.what);
        (tree.place(at), Problem::error("", message, "a policy in strict JSON"))
    })
}

/// How far apart marks are, in bytes: a place is at most this far from one. A policy may be one line
/// of megabytes, with a place for each of its values.
const STRIDE: usize = 64;

struct Tree<'a> {
    /// The place of every 64th byte.
    marks: Vec<Place>,
    bytes: &'a [u8],
}

fn marks(bytes: &[u8]) -> Vec<Place> {
    let first = Place { line: 1, column: 1 };
    let each = bytes.chunks(STRIDE).scan(first, |place, chunk| {
        let mark = *place;
        *place = after(mark, chunk);
        Some(mark)
    });
    each.collect()
}

/// The place behind `bytes` that begin at `place`.
fn after(place: Place, bytes: &[u8]) -> Place {
    bytes.iter().fold(place, |Place { line, column }, byte| match byte {
        b'\n' => Place { line: line.saturating_add(1), column: 1 },
        // Characters, not bytes: continuation bytes of UTF-8 do not count.
        0x80..0xc0 => Place { line, column },
        _ => Place { line, column: column.saturating_add(1) },
    })
}

impl Tree<'_> {
    fn place(&self, at: usize) -> Place {
        let at = at.min(self.bytes.len());
        let mark = (at / STRIDE).min(self.marks.len().saturating_sub(1));
        let from = mark.saturating_mul(STRIDE);
        let start = self.marks.get(mark).copied().unwrap_or(Place { line: 1, column: 1 });
        after(start, self.bytes.get(from..at).unwrap_or_default())
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
