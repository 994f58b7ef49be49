//! Tests of claims: what makes a token an access token, and what proves who stands behind it.

use super::claim::{find, says, text_of};
use crate::policy::document::{Requirement, RequirementTest};
use crate::request::json::Json;

/// What proves one thing: any of several lists, all of whose tests pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Proof {
    /// The lists; each has at least one test.
    pub(super) any_of: Vec<Vec<Requirement>>,
    /// Whether claims are compared without regard to case: Keycloak writes user names in lower
    /// case, whatever the case of the client id in them.
    pub(super) ignores_case: bool,
}

impl Proof {
    /// Whether the token proves it.
    pub(super) fn holds(&self, payload: &Json, client_id: Option<&str>) -> bool {
        let token = Token { payload, client_id, ignores_case: self.ignores_case };
        self.any_of.iter().any(|all| !all.is_empty() && all.iter().all(|test| token.passes(test)))
    }
}

/// Whether a token passes every test of a list.
pub(super) fn all_pass(tests: &[Requirement], payload: &Json, client_id: Option<&str>) -> bool {
    let token = Token { payload, client_id, ignores_case: false };
    tests.iter().all(|test| token.passes(test))
}

struct Token<'a> {
    payload: &'a Json,
    client_id: Option<&'a str>,
    ignores_case: bool,
}

impl Token<'_> {
    fn passes(&self, requirement: &Requirement) -> bool {
        requirement.claim.iter().any(|claim| self.claim_passes(claim, &requirement.test))
    }

    fn claim_passes(&self, claim: &str, test: &RequirementTest) -> bool {
        match test {
            RequirementTest::Present(true) => {
                find(self.payload, claim).is_some_and(|value| *value != Json::Null)
            }
            // A null is neither there nor not: it proves nothing either way.
            RequirementTest::Present(false) => find(self.payload, claim).is_none(),
            RequirementTest::Equals(word) => {
                find(self.payload, claim).is_some_and(|value| says(value, word))
            }
            RequirementTest::EqualsClaim { claim: other, prefix, suffix } => {
                self.compare(claim, other, prefix, suffix) == Some(true)
            }
            RequirementTest::DiffersFromClaim { claim: other, prefix, suffix } => {
                self.compare(claim, other, prefix, suffix) == Some(false)
            }
        }
    }

    /// Whether one claim's text is another's between prefix and suffix; `None` where either has no
    /// text, which proves neither that they are the same nor that they differ.
    fn compare(&self, claim: &str, other: &str, prefix: &str, suffix: &str) -> Option<bool> {
        let text = self.text(claim)?;
        let expected = format!("{prefix}{}{suffix}", self.text(other)?);
        Some(if self.ignores_case {
            text.to_lowercase() == expected.to_lowercase()
        } else {
            text == expected
        })
    }

    fn text(&self, claim: &str) -> Option<&str> {
        match claim {
            "client_id" => self.client_id,
            claim => find(self.payload, claim).and_then(text_of),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::json::{JsonLimits, parse};

    fn holds(payload: &str, claim: &str, test: RequirementTest) -> bool {
        let limits = JsonLimits { bytes: 4096, depth: 8, nodes: 64 };
        let payload = parse(payload.as_bytes(), limits).unwrap();
        let requirement = Requirement { claim: vec![claim.to_owned()], test };
        all_pass(&[requirement], &payload, Some("app"))
    }

    fn equals(word: &str) -> RequirementTest {
        RequirementTest::Equals(word.to_owned())
    }

    #[test]
    fn a_word_of_a_string_an_element_of_a_list_a_number_or_a_truth_value_equals() {
        assert!(holds(r#"{"a":"x y"}"#, "a", equals("y")));
        assert!(holds(r#"{"a":"x y"}"#, "a", equals("x y")));
        assert!(holds(r#"{"a":["x","y"]}"#, "a", equals("y")));
        assert!(holds(r#"{"a":13}"#, "a", equals("13")));
        assert!(holds(r#"{"a":true}"#, "a", equals("true")));
        assert!(holds(r#"{"a":{"b":"x"}}"#, "a.b", equals("x")));
        assert!(holds(r#"{"a.b":"x","a":{"b":"y"}}"#, "a.b", equals("x")));
        for payload in
            [r#"{"a":"xy"}"#, r#"{"a":["x y"]}"#, r#"{"a":[["y"]]}"#, r#"{"a":null}"#, "{}"]
        {
            assert!(!holds(payload, "a", equals("y")), "{payload}");
        }
    }

    #[test]
    fn null_is_neither_present_nor_absent() {
        assert!(!holds(r#"{"a":null}"#, "a", RequirementTest::Present(true)));
        assert!(!holds(r#"{"a":null}"#, "a", RequirementTest::Present(false)));
        assert!(holds("{}", "a", RequirementTest::Present(false)));
    }

    #[test]
    fn claims_that_have_no_text_neither_equal_nor_differ() {
        let other = |same: bool| {
            let (claim, prefix, suffix) = ("client_id".to_owned(), "@".to_owned(), "!".to_owned());
            if same {
                RequirementTest::EqualsClaim { claim, prefix, suffix }
            } else {
                RequirementTest::DiffersFromClaim { claim, prefix, suffix }
            }
        };
        assert!(holds(r#"{"a":"@app!"}"#, "a", other(true)));
        assert!(holds(r#"{"a":"app"}"#, "a", other(false)));
        for payload in ["{}", r#"{"a":["app"]}"#, r#"{"a":null}"#] {
            assert!(!holds(payload, "a", other(true)) && !holds(payload, "a", other(false)));
        }
        assert!(!holds(r#"{"a":"@App!"}"#, "a", other(true)));
    }

    #[test]
    fn nothing_proves_itself() {
        let payload = Json::Object(Vec::new());
        assert!(!Proof::default().holds(&payload, None));
        assert!(!Proof { any_of: vec![Vec::new()], ignores_case: false }.holds(&payload, None));
    }
}
