//! Which requests of the suites are asked.

use crate::scenario::Ask;
use std::str::FromStr;

/// A filter: `text` that the suite's, the case's or the request's name holds, or several
/// `key=value`, separated by `;`, which must all be so.
#[derive(Clone, Debug)]
pub struct Filter(Vec<Test>);

#[derive(Clone, Debug)]
enum Test {
    Holds(String),
    Is(Key, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Action,
    Actor,
    Case,
    Resource,
    Subject,
    Suite,
}

const KEYS: [(&str, Key); 7] = [
    ("action", Key::Action),
    ("actor", Key::Actor),
    ("case", Key::Case),
    ("resource", Key::Resource),
    ("subject", Key::Subject),
    ("suite", Key::Suite),
    ("target", Key::Resource),
];

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let test = |part: &str| match part.split_once('=') {
            None => Ok(Test::Holds(part.to_owned())),
            Some((name, value)) => {
                let names: Vec<&str> = KEYS.iter().map(|(name, _)| *name).collect();
                let key = KEYS.iter().find(|(known, _)| *known == name.trim());
                let (_, key) = key.ok_or_else(|| {
                    format!("`{name}` cannot be filtered by; expected one of {}", names.join(", "))
                })?;
                Ok(Test::Is(*key, value.trim().to_owned()))
            }
        };
        let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
        let tests: Vec<Test> = parts.map(test).collect::<Result<_, String>>()?;
        if tests.is_empty() { Err("expected some text".to_owned()) } else { Ok(Self(tests)) }
    }
}

impl Filter {
    /// Whether a request of a suite is asked.
    #[must_use]
    pub fn takes(&self, suite: &str, ask: &Ask) -> bool {
        self.0.iter().all(|test| match test {
            Test::Holds(text) => suite.contains(text) || ask.name.contains(text),
            Test::Is(key, value) => {
                let cell = ask.cell.as_ref();
                let found = match key {
                    Key::Action => cell.and_then(|cell| cell.action.as_ref()),
                    Key::Actor => ask.actor.as_ref(),
                    Key::Case => Some(cell.map_or(&ask.name, |cell| &cell.case)),
                    Key::Resource => cell.map(|cell| &cell.thing),
                    Key::Subject => ask.subject.as_ref(),
                    Key::Suite => return suite == value,
                };
                found == Some(value)
            }
        })
    }
}
