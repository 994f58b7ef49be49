//! `identity`: issuers, and how their tokens are read.

use super::values::{At, Walk};
use crate::policy::document::{
    Absent, ActorSource, Claim, Identity, Issuer, Jwks, Person, Profile, Requirement,
    RequirementTest, SenderConstraint, TokenScopes,
};
use crate::policy::keys;
use crate::policy::node::Kind;
use crate::policy::read::as_json;
use crate::time::Span;

impl Walk {
    pub(super) fn identity(&mut self, at: At<'_>) -> Identity {
        let Some(map) = self.map_by_name(at, "identity") else { return Identity::default() };
        let sources = [
            ("act", ActorSource::Act),
            ("client_id", ActorSource::ClientId),
            ("mtls", ActorSource::Mtls),
        ];
        let actor_from = map.get("actor_from").map(|at| {
            let pointer = at.pointer.clone();
            let elements = self.list(at);
            let named: Vec<ActorSource> =
                elements.into_iter().filter_map(|at| self.choice(at, &sources)).collect();
            if named.is_empty() {
                self.error(&pointer, "nothing names the actor", "at least one source");
            }
            named
        });
        let issuers = map.get("issuers").map(|at| self.list(at)).unwrap_or_default();
        Identity {
            actor_from: actor_from.unwrap_or_default(),
            issuers: issuers.into_iter().map(|at| self.issuer(at)).collect(),
        }
    }

    fn issuer(&mut self, at: At<'_>) -> Issuer {
        let Some(map) = self.map_by_name(at, "identity.issuers[]") else {
            return Issuer::default();
        };
        let profiles = [
            ("rfc9068", Profile::Rfc9068),
            ("keycloak", Profile::Keycloak),
            ("auth0", Profile::Auth0),
            ("okta", Profile::Okta),
            ("entra", Profile::Entra),
            ("cognito", Profile::Cognito),
        ];
        let scopes = [("claims", TokenScopes::Claims), ("none", TokenScopes::None)];
        let bound = [
            ("honoured", SenderConstraint::Honoured),
            ("required", SenderConstraint::Required),
            ("dpop", SenderConstraint::Dpop),
        ];
        let list = |walk: &mut Self, name| map.get(name).map(|at| walk.requirements(at));
        let texts = |walk: &mut Self, name| map.get(name).map(|at| walk.texts(at));
        let span = |walk: &mut Self, name| map.get(name).and_then(|at| walk.span(at));
        let mut issuer = Issuer {
            issuer: self.text_of(&map, "issuer").unwrap_or_default(),
            profile: self.choice_of(&map, "profile", &profiles).unwrap_or_default(),
            jwks: map.get("jwks").and_then(|at| self.jwks(at)).unwrap_or_default(),
            algorithms: texts(self, "algorithms"),
            token_types: texts(self, "token_types"),
            require: list(self, "require"),
            user_token: list(self, "user_token"),
            own_token: list(self, "own_token"),
            person: map.get("person").map(|at| self.person(at)),
            audiences: map.get("audiences").map(|at| self.text_map(at)).unwrap_or_default(),
            audience_by_client: map
                .get("audience_by_client")
                .map(|at| self.text_map(at))
                .unwrap_or_default(),
            max_lifetime: span(self, "max_lifetime"),
            scope_map: map.get("scope_map").map(|at| self.text_map(at)),
            token_scopes: self.choice_of(&map, "token_scopes", &scopes).unwrap_or_default(),
            may_name_actors_of: texts(self, "may_name_actors_of").unwrap_or_default(),
            clock_skew: span(self, "clock_skew"),
            sender_constraint: self
                .choice_of(&map, "sender_constraint", &bound)
                .unwrap_or_default(),
            development: map.get("development").and_then(|at| self.truth(at)).unwrap_or(false),
            dpop_nonce: map.get("dpop_nonce").and_then(|at| self.truth(at)).unwrap_or_default(),
            ..Issuer::default()
        };
        for (name, at) in map.get("claims").map(|at| self.members(at)).unwrap_or_default() {
            if name == "scopes" {
                issuer.scope_claims = Some(self.texts(at));
            } else if let Some(claim) = self.claim(at) {
                issuer.claims.insert(name, claim);
            }
        }
        issuer
    }

    fn jwks(&mut self, at: At<'_>) -> Option<Jwks> {
        if at.node.member("remote").is_none() {
            let map = self.map(at, &keys::JWKS_INLINE)?;
            return map.get("inline").map(|at| Jwks::Inline(as_json(at.node)));
        }
        let map = self.map(at, &keys::JWKS_REMOTE)?;
        let map = self.map(map.get("remote")?, &keys::REMOTE)?;
        let span = |walk: &mut Self, name, default| {
            map.get(name).and_then(|at| walk.span(at)).unwrap_or(default)
        };
        let refresh = span(self, "refresh", Span::from_secs(300));
        let keep_stale = span(self, "keep_stale", Span::from_secs(3600));
        let (cluster, url) = (self.text_of(&map, "cluster"), self.text_of(&map, "url"));
        if let Some(url) = &url {
            self.url(url, &map.at("url"));
        }
        Some(Jwks::Remote { cluster: cluster?, url: url?, refresh, keep_stale })
    }

    fn requirements(&mut self, at: At<'_>) -> Vec<Requirement> {
        let elements = self.list(at);
        elements.into_iter().filter_map(|at| self.requirement(at)).collect()
    }

    fn requirement(&mut self, at: At<'_>) -> Option<Requirement> {
        let pointer = at.pointer.clone();
        let map = self.map_by_name(at, "identity.issuers[].require[]")?;
        let claim = map.get("claim").map(|at| self.texts(at)).unwrap_or_default();
        let asked: Vec<&str> = ["present", "equals", "equals_claim", "differs_from_claim"]
            .into_iter()
            .filter(|name| map.has(name))
            .collect();
        let [test] = asked.as_slice() else {
            let expected = "one of `present`, `equals`, `equals_claim`, `differs_from_claim`";
            self.error(&pointer, "a requirement asks one thing", expected);
            return None;
        };
        let at = map.get(test)?;
        let test = match *test {
            "present" => RequirementTest::Present(self.truth(at)?),
            "equals" => RequirementTest::Equals(self.text_or_number(at)?),
            other => {
                let (claim, prefix, suffix) = self.other_claim(at)?;
                match other {
                    "equals_claim" => RequirementTest::EqualsClaim { claim, prefix, suffix },
                    _ => RequirementTest::DiffersFromClaim { claim, prefix, suffix },
                }
            }
        };
        Some(Requirement { claim, test })
    }

    fn other_claim(&mut self, at: At<'_>) -> Option<(String, String, String)> {
        if !matches!(at.node.kind, Kind::Map(_)) {
            return Some((self.text(at)?, String::new(), String::new()));
        }
        let map = self.map(at, &keys::OTHER_CLAIM)?;
        let claim = self.text_of(&map, "claim")?;
        let prefix = self.text_of(&map, "prefix").unwrap_or_default();
        Some((claim, prefix, self.text_of(&map, "suffix").unwrap_or_default()))
    }

    fn person(&mut self, at: At<'_>) -> Person {
        let Some(map) = self.map_by_name(at, "identity.issuers[].person") else {
            return Person::default();
        };
        Person {
            realm: self.text_of(&map, "realm"),
            id: map.get("id").map(|at| self.texts(at)).unwrap_or_default(),
        }
    }

    fn claim(&mut self, at: At<'_>) -> Option<Claim> {
        let map = self.map(at, &keys::CLAIM)?;
        let absent = [("empty", Absent::Empty), ("unknown", Absent::Unknown)];
        let from = map.get("from").map(|at| self.texts(at)).unwrap_or_default();
        let absent = self.choice_of(&map, "absent", &absent).unwrap_or_default();
        let value_type = self.value_type(map.get("type")?)?;
        Some(Claim { from, value_type, absent })
    }
}
