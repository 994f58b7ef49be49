//! What can be wrong with an issuer's settings, each on its own.

use super::*;

/// How far a clock may be off unless the policy says.
pub(super) const DEFAULT_SKEW: Span = Span::from_secs(30);
/// How far it may be said to be off: more would make short lifetimes pointless.
pub(crate) const LARGEST_SKEW: Span = Span::from_secs(60);

/// Checks everything but algorithms and keys, and what only the whole policy shows: that names of
/// issuers and claims are no two things.
pub(super) fn written(issuer: &document::Issuer, pointer: &str, problems: &mut Vec<Problem>) {
    let mut check = Check { pointer, problems };
    if issuer.issuer.is_empty() || issuer.issuer.chars().any(char::is_control) {
        check.error("/issuer", "an issuer without a name", "the exact `iss` of its tokens");
    }
    check.times(issuer);
    check.token_types(issuer);
    check.tests("/require", issuer.require.as_deref(), true);
    check.tests("/user_token", issuer.user_token.as_deref(), false);
    check.tests("/own_token", issuer.own_token.as_deref(), false);
    if issuer.person.as_ref().is_some_and(|person| person.realm.as_deref() == Some("")) {
        check.error("/person/realm", "a realm without a name", "a name");
    }
    if issuer.scope_claims.as_ref().is_some_and(Vec::is_empty) {
        check.error("/claims/scopes", "no claim to read scopes from", "at least one claim");
    }
    check.scope_map(issuer);
    for (name, claim) in &issuer.claims {
        check.claim(name, claim);
    }
}

struct Check<'a> {
    pointer: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl Check<'_> {
    fn error(&mut self, at: &str, message: impl Into<String>, expected: impl Into<String>) {
        self.problems.push(Problem::error(format!("{}{at}", self.pointer), message, expected));
    }

    fn times(&mut self, issuer: &document::Issuer) {
        let zero = Span::from_secs(0);
        if issuer.clock_skew.is_some_and(|skew| skew < zero || skew > LARGEST_SKEW) {
            self.error("/clock_skew", "a clock may not be this far off", "0s to 60s");
        }
        if issuer.max_lifetime.is_some_and(|lifetime| lifetime <= zero) {
            self.error("/max_lifetime", "no token lives this short", "more than 0s");
        }
    }

    /// `JWT` or no type is what ID tokens say too, so something else must tell them apart.
    fn token_types(&mut self, issuer: &document::Issuer) {
        let Some(types) = &issuer.token_types else {
            return;
        };
        if types.is_empty() {
            self.error("/token_types", "no token type is accepted", "at least one, such as at+jwt");
        }
        let tells_apart = match &issuer.require {
            Some(require) => !require.is_empty(),
            // The standard relies on the type, so its claims tell nothing apart.
            None => issuer.profile != document::Profile::Rfc9068,
        };
        for (at, name) in types.iter().enumerate() {
            if !tells_apart && matches!(normal_type(name).as_str(), "jwt" | "none") {
                self.error(
                    &format!("/token_types/{at}"),
                    format!("`{name}` does not tell access tokens from ID tokens"),
                    "a `require` that does, or a type such as at+jwt",
                );
            }
        }
    }

    fn tests(&mut self, at: &str, tests: Option<&[Requirement]>, may_be_empty: bool) {
        let Some(tests) = tests else { return };
        if tests.is_empty() && !may_be_empty {
            self.error(at, "an empty list proves nothing", "at least one test");
        }
        for (number, test) in tests.iter().enumerate() {
            let at = format!("{at}/{number}");
            let compared = match &test.test {
                RequirementTest::EqualsClaim { claim, .. }
                | RequirementTest::DiffersFromClaim { claim, .. } => Some(claim),
                RequirementTest::Equals(_) | RequirementTest::Present(_) => None,
            };
            if test.claim.is_empty() || test.claim.iter().chain(compared).any(String::is_empty) {
                self.error(&at, "a test of a claim without a name", "the name of a claim");
            }
        }
    }

    fn scope_map(&mut self, issuer: &document::Issuer) {
        for (theirs, ours) in issuer.scope_map.iter().flatten() {
            let at = format!("/scope_map/{}", escaped(theirs));
            if Scope::is_meant_to_subtract(theirs) {
                let message = format!("`{theirs}` subtracts by itself, and cannot be mapped");
                self.error(&at, message, "a scope that does not begin with `no:`");
            }
            if Scope::parse(ours).is_none() {
                let message = format!("`{ours}` is no scope");
                self.error(&at, message, "`[no:]<action>:<type>`, such as read:document");
            }
        }
    }

    fn claim(&mut self, name: &str, claim: &document::Claim) {
        let at = format!("/claims/{}", escaped(name));
        if claim.from.is_empty() || claim.from.iter().any(String::is_empty) {
            self.error(&format!("{at}/from"), "no claim to read from", "at least one claim");
        }
        if claim.absent == Absent::Empty && empty(&claim.value_type).is_none() {
            let message = format!("`{}` has no empty value", claim.value_type);
            self.error(&format!("{at}/absent"), message, "`unknown`, or a list or string type");
        }
    }
}

/// A member name in a JSON pointer (RFC 6901 §3).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
