//! What the tokens of well-known providers look like, as defaults of an issuer's settings.
//!
//! Sources: RFC 9068 §2.2; Keycloak, securing-apps guides; Auth0, access-token profiles; Okta,
//! custom authorization servers; Microsoft Entra, access-token claims and agent token claims;
//! Amazon Cognito, access tokens.

use super::algorithm::Algorithm;
use super::claim::ClaimRule;
use super::requirement::Proof;
use crate::policy::document::{Absent, Profile, Requirement, RequirementTest};
use crate::policy::value::ValueType;
use crate::time::Span;

/// The defaults of one profile.
#[derive(Debug)]
pub(super) struct Habits {
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) token_types: Vec<&'static str>,
    pub(super) require: Vec<Requirement>,
    pub(super) user: Proof,
    pub(super) own: Proof,
    pub(super) person: Vec<&'static str>,
    pub(super) scope_claims: Vec<&'static str>,
    pub(super) groups: ClaimRule,
    pub(super) max_lifetime: Span,
}

impl Habits {
    /// The defaults of `profile` for the issuer called `issuer`.
    pub(super) fn of(profile: Profile, issuer: &str) -> Self {
        match profile {
            Profile::Auth0 => auth0(),
            Profile::Cognito => cognito(),
            Profile::Entra => entra(issuer),
            Profile::Keycloak => keycloak(),
            Profile::Okta => okta(),
            Profile::Rfc9068 => rfc9068(),
        }
    }
}

/// The standard: every claim it demands, and `sub` is the client's own exactly when it is alone.
fn rfc9068() -> Habits {
    Habits {
        algorithms: vec![Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa],
        token_types: vec!["at+jwt"],
        require: all_present(&["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]),
        user: one(differs("sub", "", "")),
        own: one(same("sub", "", "")),
        person: vec!["sub"],
        scope_claims: vec!["scope"],
        groups: groups("groups", Absent::Unknown),
        max_lifetime: minutes(15),
    }
}

/// Payload `typ` tells access tokens from the rest; a service account is a user whose name is made
/// of the client id, in lower case.
fn keycloak() -> Habits {
    let mut require = all_present(&["exp", "iat", "jti", "sub", "azp"]);
    require.push(equals("typ", "Bearer"));
    let ignoring_case = |proof: Proof| Proof { ignores_case: true, ..proof };
    Habits {
        token_types: vec!["JWT", "at+jwt"],
        require,
        user: ignoring_case(one(differs("preferred_username", "service-account-", ""))),
        own: ignoring_case(one(same("preferred_username", "service-account-", ""))),
        ..common(minutes(15))
    }
}

/// Two dialects: `azp` and header type `JWT`, or RFC 9068's. ID tokens name no client but in `aud`.
fn auth0() -> Habits {
    let mut require = all_present(&["exp", "iat", "sub", "aud"]);
    require.push(any_present(&["azp", "client_id"]));
    Habits {
        token_types: vec!["JWT", "at+jwt"],
        require,
        user: one(differs("sub", "", "@clients")),
        own: Proof {
            any_of: vec![
                vec![same("sub", "", "@clients")],
                vec![equals("gty", "client-credentials")],
            ],
            ignores_case: false,
        },
        ..common(minutes(24 * 60))
    }
}

/// Custom authorization servers; `uid` stands only in users' tokens.
fn okta() -> Habits {
    Habits {
        token_types: vec!["none", "JWT", "at+jwt"],
        require: all_present(&["exp", "iat", "jti", "sub", "aud", "cid", "scp"]),
        user: Proof {
            any_of: vec![vec![present("uid"), differs("sub", "", "")]],
            ignores_case: false,
        },
        own: one(same("sub", "", "")),
        scope_claims: vec!["scp"],
        ..common(minutes(65))
    }
}

/// Version 1 has `appid`, version 2 `azp`; the issuer's name says which it is. `scp` stands only in
/// users' tokens. An agent's own user account (facet 13) has `scp` too, and is no person: it meets
/// both lists, and is refused until the policy says what it is.
fn entra(issuer: &str) -> Habits {
    let version = if issuer.trim_end_matches('/').ends_with("/v2.0") {
        equals("ver", "2.0")
    } else if issuer.starts_with("https://sts.windows.net/") {
        equals("ver", "1.0")
    } else {
        present("ver")
    };
    let mut require = all_present(&["exp", "iat", "aud", "sub", "oid", "tid"]);
    require.push(version);
    require.push(any_present(&["azp", "appid"]));
    require.push(any_present(&["scp", "roles", "idtyp"]));
    Habits {
        token_types: vec!["JWT"],
        require,
        user: one(present("scp")),
        own: Proof {
            any_of: vec![vec![equals("idtyp", "app")], vec![equals("xms_sub_fct", "13")]],
            ignores_case: false,
        },
        person: vec!["tid", "oid"],
        scope_claims: vec!["scp"],
        ..common(minutes(95))
    }
}

/// No header type, and mostly no `aud`: `token_use` tells the kinds apart, and
/// `audience_by_client` says for whom a token is. A user without groups has no claim for them.
fn cognito() -> Habits {
    let mut require = all_present(&["exp", "iat", "jti", "sub", "client_id"]);
    require.push(equals("token_use", "access"));
    Habits {
        token_types: vec!["none", "JWT"],
        require,
        user: Proof {
            any_of: vec![vec![present("username"), differs("sub", "", "")]],
            ignores_case: false,
        },
        own: one(same("sub", "", "")),
        groups: groups("cognito:groups", Absent::Empty),
        ..common(minutes(65))
    }
}

/// What most providers share; the rest is each one's own.
fn common(max_lifetime: Span) -> Habits {
    Habits {
        algorithms: vec![Algorithm::Rs256],
        token_types: Vec::new(),
        require: Vec::new(),
        user: Proof::default(),
        own: Proof::default(),
        person: vec!["sub"],
        scope_claims: vec!["scope"],
        groups: groups("groups", Absent::Unknown),
        max_lifetime,
    }
}

fn groups(from: &str, absent: Absent) -> ClaimRule {
    let value_type = ValueType::List(Box::new(ValueType::String));
    ClaimRule { from: vec![from.to_owned()], value_type, absent }
}

const fn minutes(count: i64) -> Span {
    Span::from_secs(count * 60)
}

fn one(test: Requirement) -> Proof {
    Proof { any_of: vec![vec![test]], ignores_case: false }
}

fn all_present(claims: &[&str]) -> Vec<Requirement> {
    claims.iter().map(|claim| present(claim)).collect()
}

fn present(claim: &str) -> Requirement {
    any_present(&[claim])
}

fn any_present(claims: &[&str]) -> Requirement {
    let claim = claims.iter().map(|claim| (*claim).to_owned()).collect();
    Requirement { claim, test: RequirementTest::Present(true) }
}

fn equals(claim: &str, word: &str) -> Requirement {
    Requirement { claim: vec![claim.to_owned()], test: RequirementTest::Equals(word.to_owned()) }
}

/// The claim is the client id between prefix and suffix.
fn same(claim: &str, prefix: &str, suffix: &str) -> Requirement {
    let test = RequirementTest::EqualsClaim {
        claim: "client_id".to_owned(),
        prefix: prefix.to_owned(),
        suffix: suffix.to_owned(),
    };
    Requirement { claim: vec![claim.to_owned()], test }
}

/// The claim is there, and is not the client id between prefix and suffix.
fn differs(claim: &str, prefix: &str, suffix: &str) -> Requirement {
    let test = RequirementTest::DiffersFromClaim {
        claim: "client_id".to_owned(),
        prefix: prefix.to_owned(),
        suffix: suffix.to_owned(),
    };
    Requirement { claim: vec![claim.to_owned()], test }
}
