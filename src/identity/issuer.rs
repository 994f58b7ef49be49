//! An issuer as its author wrote it, with its profile's defaults, checked and ready to use.

use super::algorithm::{Algorithm, Family};
use super::claim::{ClaimRule, empty};
use super::jwks::{self, KeySet};
use super::profile::Habits;
use super::requirement::Proof;
use crate::policy::document::{
    self, Absent, Jwks, Requirement, RequirementTest, SenderConstraint, TokenScopes,
};
use crate::policy::error::Problem;
use crate::policy::scope::Scope;
use crate::policy::value::ValueType;
use crate::time::Span;
use std::collections::BTreeMap;
use std::rc::Rc;

mod check;
mod expand;

pub(crate) use check::LARGEST_SKEW;

/// One issuer of tokens, compiled.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Its place in the policy.
    pub index: u32,
    /// The exact `iss`.
    pub issuer: String,
    /// Issuers with one realm name the same people.
    pub realm: String,
    /// How far its clock may be off.
    pub clock_skew: Span,
    /// The longest `exp` - `iat` accepted.
    pub max_lifetime: Span,
    /// The keys that stand in the policy; `None` where they are fetched.
    pub inline_keys: Option<Rc<KeySet>>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) token_types: Vec<String>,
    pub(super) require: Vec<Requirement>,
    pub(super) user: Proof,
    pub(super) own: Proof,
    pub(super) person: Vec<String>,
    pub(super) audiences: BTreeMap<String, String>,
    pub(super) audience_by_client: BTreeMap<String, String>,
    pub(super) scope_claims: Vec<String>,
    pub(super) scope_map: Option<BTreeMap<String, String>>,
    pub(super) token_scopes: TokenScopes,
    pub(super) groups: ClaimRule,
    /// One for each of the policy's claims; `None` where this issuer does not declare it.
    pub(super) claims: Vec<Option<ClaimRule>>,
    // For showing only.
    profile: document::Profile,
    claim_names: Vec<String>,
    sender_constraint: SenderConstraint,
    dpop_nonce: bool,
    may_name_actors_of: Vec<String>,
}

impl Issuer {
    /// Expands `written`, which stands at `pointer`, by its profile. `claims` are the claims of the
    /// whole policy (all issuers', sorted by name, `groups` not among them), which
    /// [`super::VerifiedToken::claims`] follows.
    ///
    /// Whatever is wrong goes to `problems`; the issuer that is returned then must not be used.
    pub fn compile(
        index: u32,
        written: &document::Issuer,
        pointer: &str,
        claims: &[(String, ValueType)],
        problems: &mut Vec<Problem>,
    ) -> Self {
        let habits = Habits::of(written.profile, &written.issuer);
        check::written(written, pointer, problems);
        let algorithms = algorithms(written, habits.algorithms, pointer, problems);
        let inline_keys = match &written.jwks {
            Jwks::Inline(set) => {
                let pointer = format!("{pointer}/jwks/inline");
                Some(Rc::new(jwks::read_inline(
                    set,
                    &algorithms,
                    written.development,
                    &pointer,
                    problems,
                )))
            }
            Jwks::Remote { .. } => None,
        };
        let person = written.person.as_ref();
        let one_list = |list: &Option<Vec<Requirement>>, habit: Proof| match list {
            Some(list) => Proof {
                any_of: list.iter().map(|one| vec![one.clone()]).collect(),
                ignores_case: false,
            },
            None => habit,
        };
        let rules = claims.iter().map(|(name, value_type)| {
            let claim = written.claims.get(name)?;
            let ClaimRule { from, absent, .. } = rule(claim);
            Some(ClaimRule { from, absent, value_type: value_type.clone() })
        });
        Self {
            index,
            issuer: written.issuer.clone(),
            realm: person
                .and_then(|person| person.realm.clone())
                .unwrap_or_else(|| written.issuer.clone()),
            clock_skew: written.clock_skew.unwrap_or(check::DEFAULT_SKEW),
            max_lifetime: written.max_lifetime.unwrap_or(habits.max_lifetime),
            sender_constraint: written.sender_constraint,
            dpop_nonce: written.dpop_nonce,
            may_name_actors_of: written.may_name_actors_of.clone(),
            token_scopes: written.token_scopes,
            inline_keys,
            audiences: written.audiences.clone(),
            audience_by_client: written.audience_by_client.clone(),
            scope_map: written.scope_map.clone(),
            token_types: written
                .token_types
                .clone()
                .unwrap_or_else(|| owned(&habits.token_types))
                .iter()
                .map(|name| normal_type(name))
                .collect(),
            require: written.require.clone().unwrap_or(habits.require),
            user: one_list(&written.user_token, habits.user),
            own: one_list(&written.own_token, habits.own),
            person: person
                .map(|person| person.id.clone())
                .filter(|id| !id.is_empty())
                .unwrap_or_else(|| owned(&habits.person)),
            scope_claims: written
                .scope_claims
                .clone()
                .unwrap_or_else(|| owned(&habits.scope_claims)),
            groups: written.claims.get("groups").map_or(habits.groups, rule),
            claims: rules.collect(),
            claim_names: claims.iter().map(|(name, _)| name.clone()).collect(),
            profile: written.profile,
            algorithms,
        }
    }

    /// The scopes that `scope_map` gives, with the issuer's scope that each stands for. Whoever
    /// knows the resource types checks that they are of the policy: in a token, a scope that is
    /// not denies.
    pub fn mapped_scopes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.scope_map.iter().flatten().map(|(theirs, ours)| (theirs.as_str(), ours.as_str()))
    }

    /// Whether a header of this `typ` can be an access token's.
    pub(super) fn accepts_type(&self, token_type: Option<&str>) -> bool {
        match token_type.map(normal_type) {
            None => self.token_types.iter().any(|name| name == "none"),
            // A header that says `none` is not one without a type.
            Some(name) => name != "none" && self.token_types.contains(&name),
        }
    }
}

/// Media types are compared without case, and `application/` may be left out (RFC 7515 §4.1.9).
fn normal_type(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    match name.strip_prefix("application/") {
        Some(rest) if !rest.contains('/') => rest.to_owned(),
        _ => name,
    }
}

fn algorithms(
    written: &document::Issuer,
    habit: Vec<Algorithm>,
    pointer: &str,
    problems: &mut Vec<Problem>,
) -> Vec<Algorithm> {
    let Some(names) = &written.algorithms else {
        return habit;
    };
    let pointer = format!("{pointer}/algorithms");
    let known: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
    let expected = format!("one of {}", known.join(", "));
    let mut algorithms = Vec::new();
    for (at, name) in names.iter().enumerate() {
        match Algorithm::parse(name) {
            Some(algorithm) if algorithms.contains(&algorithm) => {}
            Some(algorithm) => algorithms.push(algorithm),
            None => problems.push(Problem::error(
                format!("{pointer}/{at}"),
                format!("`{name}` is no signature algorithm"),
                &expected,
            )),
        }
    }
    if names.is_empty() {
        problems.push(Problem::error(&pointer, "no algorithm is accepted", expected));
    }
    let shared = algorithms.iter().filter(|one| one.family() == Family::Hmac).count();
    if shared > 0 && shared < algorithms.len() {
        let message = "shared secrets and public keys at one issuer can be taken for each other";
        problems.push(Problem::error(&pointer, message, "either HS* or the others"));
    }
    if shared > 0 && matches!(written.jwks, Jwks::Remote { .. }) {
        let message = "a shared secret cannot be fetched from a key endpoint";
        problems.push(Problem::error(&pointer, message, "public-key algorithms, or inline keys"));
    }
    algorithms
}

fn rule(claim: &document::Claim) -> ClaimRule {
    ClaimRule {
        from: claim.from.clone(),
        value_type: claim.value_type.clone(),
        absent: claim.absent,
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests;
