//! The decision: [`decide`], in the order of the rules in `docs/semantics.md`.

mod actor;
mod ceiling;
mod facts;
#[cfg(feature = "author")]
pub mod matrix;
#[cfg(feature = "author")]
pub mod replay;
mod rules;
#[cfg(feature = "author")]
pub mod trace;

use crate::decision::{Decision, Reason};
use crate::identity::{ClientId, Principal, VerifiedToken};
use crate::policy::compiled::{IssuerTerms, Policy, RuleEntry};
use crate::policy::condition::Verdict;
use crate::request::{AccessRequest, Credential};
use crate::time::Timestamp;
use actor::Acting;
use ceiling::{Ceilings, Granted};
use facts::RequestFacts;

/// Whether `request` may pass under `policy` at `now`.
///
/// Infallible and deterministic: every failure is a deny with a reason, and the same arguments
/// give the same decision on every host.
#[must_use]
pub fn decide(policy: &Policy, request: &AccessRequest<'_>, now: Timestamp) -> Decision {
    match decided(policy, request, now) {
        Ok(decision) => decision,
        Err(reason) => Decision::deny(reason),
    }
}

fn decided(
    policy: &Policy,
    request: &AccessRequest<'_>,
    now: Timestamp,
) -> Result<Decision, Reason> {
    let acting = identified(policy, request, now)?;
    judged(policy, request, &acting, now, |_, rule, facts| rules::verdict(rule, facts))
}

/// What is decided once it is settled who acts for whom; `verdict` says of each rule that speaks of
/// the action on the resource whether it speaks of the request.
fn judged(
    policy: &Policy,
    request: &AccessRequest<'_>,
    acting: &Acting<'_>,
    now: Timestamp,
    verdict: impl Fn(u32, &RuleEntry, &RequestFacts<'_>) -> Verdict,
) -> Result<Decision, Reason> {
    let mapped = request.mapped.ok_or(Reason::UnmappedRequest)?;
    let resource = policy.resources.get(mapped.resource as usize).ok_or(Reason::UnmappedRequest)?;
    if !acting.token.audiences.contains(&resource.audience) {
        return Err(Reason::WrongAudience);
    }
    if acting.token.bad_scope {
        return Err(Reason::BadScope);
    }
    let ceilings = Ceilings::of(
        policy,
        acting,
        mapped.action,
        resource.target,
        Granted::now(request.grant, now),
    );
    if !ceilings.within {
        return Err(Reason::BeyondCeiling);
    }
    let decision = rules::apply(policy, request, acting, resource, mapped, now, verdict);
    if ceilings.token_reaches {
        return Ok(decision);
    }
    // More scope helps only where nothing else stands in the way: a client that is told to come
    // back with more must not do so in vain.
    if rules::could_allow(&decision) {
        return Ok(Decision {
            missing_scopes: vec![format!("{}:{}", mapped.action, resource.id)],
            ..Decision::deny(Reason::InsufficientScope)
        });
    }
    Ok(Decision { waits_for: crate::policy::value::Sources::NONE, ..decision })
}

/// Who acts for whom, once everything about the token but its audience is in order.
fn identified<'a>(
    policy: &'a Policy,
    request: &AccessRequest<'a>,
    now: Timestamp,
) -> Result<Acting<'a>, Reason> {
    let token = match request.credential {
        Credential::Missing => return Err(Reason::NoToken),
        Credential::Refused(reason) => return Err(reason),
        Credential::Verified(token) => token,
    };
    let issuer = policy.issuers.get(token.issuer as usize).ok_or(Reason::UnknownIssuer)?;
    check_times(token, issuer, now)?;
    check_sender(token, issuer, request.sender_proved)?;
    if token.client_id == ClientId::Conflict {
        return Err(Reason::ClientConflict);
    }
    if token.principal == Principal::Unclear {
        return Err(Reason::UnclearPrincipal);
    }
    actor::resolve(policy, issuer, token, request.peer)
}

/// Expiry, beginning and lifetime, the issuer's skew allowed for (RFC 7519 §4.1.4 to 4.1.6).
fn check_times(token: &VerifiedToken, issuer: &IssuerTerms, now: Timestamp) -> Result<(), Reason> {
    let skew = issuer.clock_skew;
    if now >= token.expires_at.plus(skew) {
        return Err(Reason::Expired);
    }
    if [token.not_before, token.issued_at].into_iter().flatten().any(|at| now < at.minus(skew)) {
        return Err(Reason::NotYetValid);
    }
    // A token that does not say when it was issued could live for ever.
    let issued = token.issued_at.ok_or(Reason::TokenLifetime)?;
    if token.expires_at < issued || token.expires_at.since(issued) > issuer.max_lifetime {
        return Err(Reason::TokenLifetime);
    }
    Ok(())
}

fn check_sender(
    token: &VerifiedToken,
    issuer: &IssuerTerms,
    sender_proved: bool,
) -> Result<(), Reason> {
    let bound = token.confirmation.is_some();
    if (bound || issuer.sender_required) && !(bound && sender_proved) {
        return Err(Reason::SenderNotProved);
    }
    Ok(())
}

/// Whether the times of a token are in order: nothing need be proved for one whose are not.
#[must_use]
pub(crate) fn is_timely(token: &VerifiedToken, issuer: &IssuerTerms, now: Timestamp) -> bool {
    check_times(token, issuer, now).is_ok()
}

/// Who a request is by and for, for what is written about it; `None` until identity is settled.
///
/// The same steps as [`decide`], so that the record of a refusal names whoever was identified.
#[must_use]
pub(crate) fn who<'a>(
    policy: &'a Policy,
    request: &AccessRequest<'a>,
    now: Timestamp,
) -> Option<Acting<'a>> {
    identified(policy, request, now).ok()
}

pub(crate) use actor::Acting as Who;
