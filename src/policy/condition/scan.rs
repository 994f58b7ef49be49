//! Bounds a condition before the parser sees it: the parser recurses, and so does the drop of what
//! it makes, and a stack that overflows takes the whole gateway's filter with it.

/// The most brackets inside each other.
const MAX_NESTING: usize = 24;

/// The most operators, members and calls on top of each other, brackets included.
const MAX_DEPTH: u32 = 64;

/// What a token means for the depth of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `)` or `]`
    Close,
    /// A name or a literal: a leaf.
    Leaf,
    /// `(` or `[`
    Open,
    /// `,`, `&&` or `||`: what follows stands beside what came before, not on top of it.
    Separator,
    /// `.`, `!`, a comparison: one more on top.
    Stacked,
}

/// Measures how deep the tree of a text will be at most, token by token.
#[derive(Debug)]
pub(super) struct Depth {
    levels: Vec<Level>,
    too_deep: bool,
}

/// One pair of brackets.
#[derive(Debug, Default)]
struct Level {
    /// Tokens stacked since the last separator.
    stacked: u32,
    /// The deepest bracket closed since the last separator.
    inner: u32,
    /// The deepest run between separators.
    deepest: u32,
}

impl Level {
    fn depth(&self) -> u32 {
        self.deepest.max(self.stacked.saturating_add(self.inner))
    }
}

impl Depth {
    pub(super) fn new() -> Self {
        Self { levels: vec![Level::default()], too_deep: false }
    }

    /// Takes the next token.
    pub(super) fn token(&mut self, shape: Shape) {
        if self.levels.len() > MAX_NESTING {
            self.too_deep = true;
        }
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        match shape {
            Shape::Leaf => {}
            Shape::Stacked => level.stacked = level.stacked.saturating_add(1),
            Shape::Separator => {
                level.deepest = level.depth();
                level.stacked = 0;
                level.inner = 0;
            }
            Shape::Open if self.too_deep => {}
            Shape::Open => {
                level.stacked = level.stacked.saturating_add(1);
                self.levels.push(Level::default());
            }
            // One bracket too many is the parser's to report.
            Shape::Close if self.levels.len() > 1 => {
                let inner = self.levels.pop().map_or(0, |closed| closed.depth());
                if let Some(level) = self.levels.last_mut() {
                    level.inner = level.inner.max(inner);
                }
            }
            Shape::Close => {}
        }
    }

    /// Whether the text stays within the bounds. Brackets left open count as closed at the end.
    pub(super) fn stays_bounded(mut self) -> bool {
        while self.levels.len() > 1 {
            self.token(Shape::Close);
        }
        !self.too_deep && self.levels.iter().all(|level| level.depth() <= MAX_DEPTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounded(text: &str) -> bool {
        let mut depth = Depth::new();
        for byte in text.bytes() {
            depth.token(match byte {
                b'(' => Shape::Open,
                b')' => Shape::Close,
                b'&' => Shape::Separator,
                b'.' => Shape::Stacked,
                _ => Shape::Leaf,
            });
        }
        depth.stays_bounded()
    }

    #[test]
    fn what_stands_side_by_side_is_not_deep() {
        assert!(bounded(&"a.b&".repeat(500)));
        assert!(bounded(&"(a)&".repeat(500)));
    }

    #[test]
    fn what_stands_on_top_of_each_other_is_counted_together() {
        assert!(bounded(&".a".repeat(64)));
        assert!(!bounded(&".a".repeat(65)));
        assert!(bounded(&format!("({}){}", ".a".repeat(31), ".a".repeat(32))));
        assert!(!bounded(&format!("({}){}", ".a".repeat(32), ".a".repeat(32))));
    }

    #[test]
    fn brackets_are_counted_whether_or_not_they_close() {
        assert!(bounded(&format!("{}a{}", "(".repeat(23), ")".repeat(23))));
        assert!(!bounded(&format!("{}a{}", "(".repeat(25), ")".repeat(25))));
        assert!(!bounded(&"(".repeat(4000)));
        assert!(bounded(&")".repeat(4000)));
    }
}
