//! Names that promise less than what they name allows.

use super::{Lint, listed, member};
use crate::policy::document::Effect;
use crate::policy::scope::Scope;
use crate::request::{Action, ActionSet};

/// Words that promise an action, and no other.
const ACTIONS: [(&[&str], Action); 4] = [
    (
        &[
            "read", "reads", "reader", "readers", "reading", "readonly", "view", "views", "viewer",
            "viewers", "list", "search",
        ],
        Action::Read,
    ),
    (
        &[
            "write", "writes", "writer", "writers", "writing", "update", "updates", "edit",
            "edits", "editor", "editors", "create", "creates",
        ],
        Action::Write,
    ),
    (&["delete", "deletes", "deleting", "remove", "removes", "purge"], Action::Delete),
    (&["admin", "admins", "administer", "configure"], Action::Admin),
];

/// Words that promise a condition.
const CONDITIONS: [&str; 13] = [
    "own", "owned", "owner", "owners", "mine", "my", "same", "small", "limited", "office", "hours",
    "members", "internal",
];

impl Lint<'_> {
    pub(super) fn wider_than_names(&mut self) {
        for (at, rule) in self.document.rules.iter().enumerate() {
            if rule.effect != Effect::Allow {
                continue;
            }
            let pointer = format!("/rules/{at}");
            let words = words(&rule.id);
            let beyond = beyond(&words, rule.actions.iter().copied().collect());
            if !beyond.is_empty() {
                self.wider(
                    &member(&pointer, "actions"),
                    format!("`{}` allows more than its name says: {}", rule.id, actions(beyond)),
                    "take the action out, or give the rule a name that says it",
                );
            }
            let named: Vec<String> = self
                .document
                .resources
                .keys()
                .filter(|resource| words.iter().any(|word| is_name_of(word, resource)))
                .cloned()
                .collect();
            let spoken: Vec<&String> = match rule.resources.iter().any(|name| name == "*") {
                true => self.document.resources.keys().collect(),
                false => rule.resources.iter().collect(),
            };
            let others: Vec<&str> = spoken
                .into_iter()
                .filter(|resource| !named.contains(resource))
                .map(String::as_str)
                .collect();
            if !named.is_empty() && !others.is_empty() {
                let message =
                    format!("`{}` allows more than its name says: {} too", rule.id, listed(others));
                let fix = format!(
                    "speak of {} alone, or give the rule a name that says it",
                    listed(named.iter().map(String::as_str))
                );
                self.wider(&member(&pointer, "resources"), message, fix);
            }
            let promised = words.iter().find(|word| CONDITIONS.contains(&word.as_str()));
            if let (Some(word), None) = (promised, &rule.when) {
                let message = format!(
                    "`{}` allows more than its name says: it says `{word}`, and has no condition",
                    rule.id
                );
                self.wider(&pointer, message, "say it in `when`, or give the rule another name");
            }
        }
        self.wider_actors();
    }

    /// `read-only-agent` with a scope to write.
    fn wider_actors(&mut self) {
        let document = self.document;
        for (id, actor) in &document.actors {
            let words = words(id);
            for (at, text) in actor.scopes.iter().enumerate() {
                let Some(scope) = Scope::parse(text).filter(|scope| !scope.subtracts) else {
                    continue;
                };
                let beyond = beyond(&words, scope.actions);
                if beyond.is_empty() {
                    continue;
                }
                self.wider(
                    &format!("{}/scopes/{at}", member("/actors", id)),
                    format!(
                        "`{id}` may do more than its name says: {} by `{text}`",
                        actions(beyond)
                    ),
                    "narrow the scope, or give the agent a name that says it",
                );
            }
        }
    }

    fn wider(&mut self, pointer: &str, message: String, fix: impl Into<String>) {
        let why = "whoever reviews a policy or a record goes by the names in it";
        self.add("wider-than-its-name", pointer, message, why, fix);
    }
}

/// The actions beyond those a name promises; none where it promises none.
fn beyond(words: &[String], actions: ActionSet) -> Vec<Action> {
    let promised: ActionSet = ACTIONS
        .iter()
        .filter(|(known, _)| words.iter().any(|word| known.contains(&word.as_str())))
        .map(|(_, action)| *action)
        .collect();
    if promised.is_empty() {
        return Vec::new();
    }
    actions.iter().filter(|action| !promised.contains(*action)).collect()
}

fn actions(actions: Vec<Action>) -> String {
    listed(actions.into_iter().map(Action::name))
}

fn words(id: &str) -> Vec<String> {
    id.split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

/// The type's name, or its plural.
fn is_name_of(word: &str, resource: &str) -> bool {
    let resource = resource.to_ascii_lowercase();
    word == resource
        || word.strip_suffix('s') == Some(resource.as_str())
        || word.strip_suffix("es") == Some(resource.as_str())
        || word.strip_suffix("ies").is_some_and(|stem| format!("{stem}y") == resource)
}
