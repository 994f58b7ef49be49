//! What a development token says, and how it is asked for.

use super::NAME;
use std::io;

/// What an ordinary token lasts, in seconds.
const LIFETIME: i64 = 600;
/// What every token may, unless it is asked for less: ceilings narrow it.
const SCOPE: &str = "read:document read:ticket write:ticket delete:ticket delete:document";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The user, or for an agent's own token the agent.
    pub subject: String,
    /// The OAuth client that asked for it.
    pub agent: String,
    /// Its scopes.
    pub scope: String,
    /// Seconds ago that it was issued.
    pub age: i64,
    /// Seconds from then that it lasts.
    pub lifetime: i64,
    /// `EdDSA`, `ES256` or `RS256`.
    pub algorithm: String,
    /// Whether another key than the issuer's signs it.
    pub forged: bool,
    /// The thumbprint of the key that it is bound to (`cnf.jkt`); empty for none.
    pub bound_to: String,
}

impl Wanted {
    /// A good token of `subject` for `agent`.
    #[must_use]
    pub fn new(subject: &str, agent: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            agent: agent.to_owned(),
            scope: SCOPE.to_owned(),
            age: 0,
            lifetime: LIFETIME,
            algorithm: "EdDSA".to_owned(),
            forged: false,
            bound_to: String::new(),
        }
    }

    /// The user's groups: whom the development issuer knows.
    #[must_use]
    pub fn groups(&self) -> &'static [&'static str] {
        match self.subject.as_str() {
            "alice" | "bob" => &["support"],
            "carol" => &["legal"],
            _ => &[],
        }
    }

    /// From the parameters of a request for a token.
    ///
    /// # Errors
    /// A parameter is unknown, or no number where one is expected.
    pub(super) fn read(parameters: &[(String, String)]) -> Result<Self, String> {
        let find = |name: &str| {
            parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
        };
        let agent = find("agent").unwrap_or("support-assistant");
        let mut wanted = Self::new(find("as").unwrap_or(agent), agent);
        for (name, value) in parameters {
            let number = || value.parse().map_err(|_| format!("`{name}` is a number of seconds"));
            match name.as_str() {
                "as" | "agent" => {}
                "scope" => wanted.scope.clone_from(value),
                "age" => wanted.age = number()?,
                "lifetime" => wanted.lifetime = number()?,
                "alg" => wanted.algorithm.clone_from(value),
                "forged" => wanted.forged = value == "1",
                "jkt" => wanted.bound_to.clone_from(value),
                _ => {
                    return Err(format!(
                        "`{name}` is none of as, agent, scope, age, lifetime, alg, forged, jkt"
                    ));
                }
            }
        }
        Ok(wanted)
    }

    /// Path and query of the request for it.
    #[must_use]
    pub fn target(&self) -> String {
        let fresh = Self::new(&self.subject, &self.agent);
        let mut target = format!("/token?agent={}", encoded(&self.agent));
        let mut add =
            |name: &str, value: &str| target.push_str(&format!("&{name}={}", encoded(value)));
        if self.subject != self.agent {
            add("as", &self.subject);
        }
        if self.scope != fresh.scope {
            add("scope", &self.scope);
        }
        if self.age != fresh.age {
            add("age", &self.age.to_string());
        }
        if self.lifetime != fresh.lifetime {
            add("lifetime", &self.lifetime.to_string());
        }
        if self.algorithm != fresh.algorithm {
            add("alg", &self.algorithm);
        }
        if self.forged {
            add("forged", "1");
        }
        if !self.bound_to.is_empty() {
            add("jkt", &self.bound_to);
        }
        target
    }

    /// Where a command line gets it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{NAME}{}", self.target())
    }

    /// The token, of the running issuer.
    ///
    /// # Errors
    /// No issuer runs, or it has no such token.
    pub async fn fetch(&self) -> io::Result<String> {
        super::fetch(self).await
    }
}

/// A query value: everything but unreserved characters and `:` is percent-encoded, so that it can
/// stand in single quotes in a shell.
fn encoded(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::web;
    use hyper::Request;
    use hyper::body::Bytes;

    #[test]
    fn whatever_is_wanted_is_what_the_issuer_reads() {
        let all = [
            Wanted::new("alice", "support-assistant"),
            Wanted::new("nightly-indexer", "nightly-indexer"),
            Wanted { forged: true, age: -3, lifetime: 86_400, ..Wanted::new("bob", "x") },
            Wanted {
                scope: "read:* no:delete".to_owned(),
                algorithm: "RS256".to_owned(),
                ..Wanted::new("o'neil & söhne+co", "a=b%2f")
            },
            Wanted { scope: String::new(), ..Wanted::new("alice", "x") },
            Wanted { bound_to: "k-_9".to_owned(), ..Wanted::new("alice", "x") },
        ];
        for wanted in all {
            assert!(!wanted.target().contains('\''));
            let asked = Request::builder().uri(wanted.url()).body(Bytes::new()).unwrap();
            assert_eq!(Wanted::read(&web::parameters(&asked)), Ok(wanted));
        }
    }

    #[test]
    fn a_parameter_that_means_nothing_is_refused() {
        let read = |name: &str, value: &str| Wanted::read(&[(name.to_owned(), value.to_owned())]);
        assert!(read("subject", "alice").unwrap_err().contains("`subject` is none of"));
        assert!(read("age", "old").unwrap_err().contains("`age` is a number"));
    }
}
