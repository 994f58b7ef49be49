//! Why a policy answers a request as it does: the request is driven from its bytes through the core,
//! with a token made for it, and what the core's trace says is drawn for people.

pub mod asked;
mod curl;
mod drive;
pub mod excerpt;
mod html;
mod instead;
mod keys;
mod mint;
mod outline;
mod said;
mod svg;
mod tree;

pub use asked::{Asked, Attributes, read_request};
pub use drive::{Explained, explain, review};
pub use outline::{Mark, Outline};

use crate::demo::live::Paint;

/// How an explanation is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A tree, in colours on a terminal.
    Tree,
    /// JSON, for programs.
    Json,
    /// A page that needs nothing else.
    Html,
    /// A picture.
    Svg,
}

impl Explained {
    /// The explanation, written.
    #[must_use]
    pub fn write(&self, format: Format, paint: Paint) -> String {
        match format {
            Format::Tree => tree::draw(&self.outline(), paint),
            Format::Json => format!("{:#}\n", said::json(self)),
            Format::Html => html::page(self),
            Format::Svg => svg::picture(&self.outline()),
        }
    }
}
