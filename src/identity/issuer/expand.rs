//! An issuer's settings written out, defaults included, as `ambit check --expand` shows them.

use super::*;
use crate::request::json::Json;

impl Issuer {
    /// Every setting as the policy could have written it. Where a proof may be given in several
    /// ways, which only profiles can say, the list of tests becomes a list of such lists.
    #[must_use]
    pub fn expanded(&self) -> Json {
        let mut members = vec![
            ("issuer", text(&self.issuer)),
            ("profile", text(profile_name(self.profile))),
            ("algorithms", texts(self.algorithms.iter().map(|algorithm| algorithm.name()))),
            ("token_types", texts(self.token_types.iter().map(String::as_str))),
            ("require", tests(&self.require)),
            ("user_token", proof(&self.user)),
            ("own_token", proof(&self.own)),
            (
                "person",
                object(vec![
                    ("realm", text(&self.realm)),
                    ("id", texts(self.person.iter().map(String::as_str))),
                ]),
            ),
            ("audiences", map(&self.audiences)),
            ("audience_by_client", map(&self.audience_by_client)),
            ("max_lifetime", span(self.max_lifetime)),
            ("claims", self.expanded_claims()),
        ];
        if let Some(scope_map) = &self.scope_map {
            members.push(("scope_map", map(scope_map)));
        }
        members.extend([
            ("token_scopes", text(token_scopes_name(self.token_scopes))),
            ("may_name_actors_of", texts(self.may_name_actors_of.iter().map(String::as_str))),
            ("clock_skew", span(self.clock_skew)),
            ("sender_constraint", text(sender_constraint_name(self.sender_constraint))),
            ("dpop_nonce", Json::Bool(self.dpop_nonce)),
        ]);
        object(members)
    }

    /// Whether a person's id is the token's `sub`.
    #[cfg(feature = "author")]
    pub(crate) fn person_is_sub(&self) -> bool {
        self.person == ["sub"]
    }

    fn expanded_claims(&self) -> Json {
        let scopes = texts(self.scope_claims.iter().map(String::as_str));
        let mut members = vec![("scopes", scopes), ("groups", claim(&self.groups))];
        for (name, rule) in self.claim_names.iter().zip(&self.claims) {
            if let Some(rule) = rule {
                members.push((name.as_str(), claim(rule)));
            }
        }
        object(members)
    }
}

fn object(members: Vec<(&str, Json)>) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn text(text: &str) -> Json {
    Json::String(text.into())
}

fn texts<'a>(names: impl Iterator<Item = &'a str>) -> Json {
    Json::Array(names.map(text).collect())
}

fn map(map: &BTreeMap<String, String>) -> Json {
    object(map.iter().map(|(name, value)| (name.as_str(), text(value))).collect())
}

fn span(span: Span) -> Json {
    let millis = span.millis();
    text(&match (millis % 60_000, millis % 1000) {
        (0, _) => format!("{}m", millis / 60_000),
        (_, 0) => format!("{}s", millis / 1000),
        _ => format!("{millis}ms"),
    })
}

fn claim(rule: &ClaimRule) -> Json {
    let absent = match rule.absent {
        Absent::Empty => "empty",
        Absent::Unknown => "unknown",
    };
    object(vec![
        ("from", texts(rule.from.iter().map(String::as_str))),
        ("type", text(&rule.value_type.to_string())),
        ("absent", text(absent)),
    ])
}

/// Alternatives as a policy writes them; a list within the list is several that must hold together,
/// which only a profile can say.
fn proof(proof: &Proof) -> Json {
    Json::Array(
        proof
            .any_of
            .iter()
            .map(|list| match list.as_slice() {
                [only] => test(only),
                several => tests(several),
            })
            .collect(),
    )
}

fn tests(list: &[Requirement]) -> Json {
    Json::Array(list.iter().map(test).collect())
}

fn test(requirement: &Requirement) -> Json {
    let claims = match requirement.claim.as_slice() {
        [only] => text(only),
        several => texts(several.iter().map(String::as_str)),
    };
    let mut members = vec![("claim", claims)];
    match &requirement.test {
        RequirementTest::Equals(word) => members.push(("equals", text(word))),
        RequirementTest::EqualsClaim { claim, prefix, suffix } => {
            members.push(("equals_claim", other_claim(claim, prefix, suffix)));
        }
        RequirementTest::DiffersFromClaim { claim, prefix, suffix } => {
            members.push(("differs_from_claim", other_claim(claim, prefix, suffix)));
        }
        RequirementTest::Present(present) => members.push(("present", Json::Bool(*present))),
    }
    object(members)
}

/// Another claim, with what is put around its text where something is.
fn other_claim(claim: &str, prefix: &str, suffix: &str) -> Json {
    if prefix.is_empty() && suffix.is_empty() {
        return text(claim);
    }
    let members = [("claim", claim), ("prefix", prefix), ("suffix", suffix)];
    let said = members.into_iter().filter(|(_, value)| !value.is_empty());
    object(said.map(|(name, value)| (name, text(value))).collect())
}

const fn profile_name(profile: document::Profile) -> &'static str {
    match profile {
        document::Profile::Auth0 => "auth0",
        document::Profile::Cognito => "cognito",
        document::Profile::Entra => "entra",
        document::Profile::Keycloak => "keycloak",
        document::Profile::Okta => "okta",
        document::Profile::Rfc9068 => "rfc9068",
    }
}

const fn token_scopes_name(token_scopes: TokenScopes) -> &'static str {
    match token_scopes {
        TokenScopes::Claims => "claims",
        TokenScopes::None => "none",
    }
}

const fn sender_constraint_name(constraint: SenderConstraint) -> &'static str {
    match constraint {
        SenderConstraint::Honoured => "honoured",
        SenderConstraint::Required => "required",
        SenderConstraint::Dpop => "dpop",
    }
}
