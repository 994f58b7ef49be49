//! Where in a policy a rule stands.

use ambit::policy::node::{Kind, Node};
use ambit::policy::read::read_yaml;

/// A policy's text, with the places of its rules.
#[derive(Clone, Debug)]
pub struct PolicyLines {
    file: String,
    root: Option<Node>,
}

impl PolicyLines {
    /// Of a policy as its author wrote it. One that cannot be read has no lines.
    #[must_use]
    pub fn of(file: &str, text: &str) -> Self {
        let root = read_yaml(file, text).ok().map(|source| source.root);
        Self { file: file.to_owned(), root }
    }

    /// The line a rule begins at; 0 where it is not known.
    #[must_use]
    pub fn line(&self, rule: &str) -> u32 {
        let Some(root) = &self.root else { return 0 };
        let pointer = match rule.strip_prefix("by-scope:").and_then(|rest| rest.split_once(':')) {
            Some((_, resource)) => format!("/resources/{resource}/by_scope"),
            None => match position(root, rule) {
                Some(at) => format!("/rules/{at}"),
                None => return 0,
            },
        };
        root.locate(&pointer, false).line
    }

    /// `file:line`, as terminals and editors follow it.
    #[must_use]
    pub fn place(&self, rule: &str) -> String {
        match self.line(rule) {
            0 => self.file.clone(),
            line => format!("{}:{line}", self.file),
        }
    }
}

fn position(root: &Node, id: &str) -> Option<usize> {
    let Kind::List(rules) = &root.member("rules")?.value.kind else { return None };
    rules.iter().position(|rule| {
        rule.member("id").is_some_and(|entry| entry.value.kind == Kind::String(id.to_owned()))
    })
}
