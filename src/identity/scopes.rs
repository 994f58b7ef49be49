//! The scopes of a token: what they allow and what they subtract.

use super::claim::find;
use super::issuer::Issuer;
use crate::decision::Reason;
use crate::policy::document::TokenScopes;
use crate::policy::scope::{Scope, ScopeSet, TargetId};
use crate::request::ActionSet;
use crate::request::json::Json;

/// Which type or tool of the policy a scope's text names.
pub type Resolve<'a> = dyn Fn(&str) -> Option<TargetId> + 'a;

/// What a token's scopes come to.
#[derive(Debug, Default)]
pub(super) struct TokenScope {
    /// Those that count.
    pub(super) set: ScopeSet,
    /// All, as they came.
    pub(super) strings: Vec<String>,
    /// Whether something meant to subtract could not be understood.
    pub(super) bad: bool,
}

impl TokenScope {
    /// Reads the scopes of the issuer's scope claims, all of them united.
    ///
    /// # Errors
    /// A scope claim is neither a string nor a list of strings.
    pub(super) fn read(
        payload: &Json,
        issuer: &Issuer,
        resolve: &Resolve<'_>,
    ) -> Result<Self, Reason> {
        let mut scope = Self::default();
        if issuer.token_scopes == TokenScopes::None {
            scope.set.allow(ActionSet::ALL, None);
        }
        for claim in &issuer.scope_claims {
            match find(payload, claim) {
                None => {}
                // Separated by spaces (RFC 6749 §3.3).
                Some(Json::String(text)) => {
                    for word in text.split(' ').filter(|word| !word.is_empty()) {
                        scope.add(word, issuer, resolve);
                    }
                }
                Some(Json::Array(elements)) => {
                    for element in elements {
                        let word = element.as_str().ok_or(Reason::MalformedToken)?;
                        scope.add(word, issuer, resolve);
                    }
                }
                Some(_) => return Err(Reason::MalformedToken),
            }
        }
        Ok(scope)
    }

    fn add(&mut self, text: &str, issuer: &Issuer, resolve: &Resolve<'_>) {
        self.strings.push(text.to_owned());
        // What subtracts is read first, before any `scope_map`.
        if Scope::is_meant_to_subtract(text) {
            match Scope::parse(text) {
                Some(scope) => self.apply(&scope, resolve),
                None => self.bad = true,
            }
            return;
        }
        if hides_a_subtraction(text) {
            self.bad = true;
        }
        let counts = match &issuer.scope_map {
            Some(map) => map.get(text).map(String::as_str),
            None => Some(text),
        };
        if let Some(scope) = counts.and_then(Scope::parse) {
            self.apply(&scope, resolve);
        }
    }

    /// An unknown type allows nothing; where it should have subtracted, nothing may be allowed.
    fn apply(&mut self, scope: &Scope<'_>, resolve: &Resolve<'_>) {
        let target = match scope.target {
            None => None,
            Some(name) => match resolve(name) {
                Some(target) => Some(target),
                None => {
                    self.bad |= scope.subtracts;
                    return;
                }
            },
        };
        if scope.subtracts {
            self.set.subtract(scope.actions, target);
        } else {
            self.set.allow(scope.actions, target);
        }
    }
}

/// Whether white space or a control character, which no scope may hold (RFC 6749 §3.3), stands
/// before a `no:`, so that another reader would have seen it.
fn hides_a_subtraction(text: &str) -> bool {
    text.split(|c: char| c.is_whitespace() || c.is_control() || !c.is_ascii())
        .any(Scope::is_meant_to_subtract)
}
