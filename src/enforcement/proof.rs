//! What the sender of a bound token still has to prove, once the token is verified: the key of a
//! DPoP proof (RFC 9449) or the certificate of its connection (RFC 8705).
//!
//! ```text
//! token verified ─▶ [Ask(Secret)] ─▶ proof read ─▶ CheckSignature ─▶ [Ask(FirstUse)] ─▶ decide
//!                └▶ Ask(PeerCertificate) ──────────────────────────────────────────────▶ decide
//! ```
//!
//! A token stays verified for as long as it may be remembered; every proof is checked anew.

use super::challenge::Schemes;
use super::event::{Answer, Memory, ProofUse, Question};
use super::{Enforcement, Phase, SignatureVerdict, Step, secret};
use crate::decide::is_timely;
use crate::decision::{Decision, Effect, Reason};
use crate::identity::dpop::{self, Wanted};
use crate::identity::{Confirmation, LARGEST_SKEW, SignatureCheck};
use crate::request::host;
use crate::time::{Span, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How far proving has come.
#[derive(Debug, Default)]
pub(super) struct Proving {
    /// Whether the sender proved to be the one the token is bound to.
    pub(super) done: bool,
    /// What will be remembered once the proof's signature is found valid.
    first_use: Option<ProofUse>,
}

impl Enforcement {
    /// The token was found good or bad. Goes on with the proof it needs, or decides without.
    pub(super) fn identified(&mut self, now: Timestamp) -> Step {
        match self.next_proof(now) {
            Ok(Some(step)) => step,
            Ok(None) => self.settle(now),
            Err(reason) => self.unproved(now, reason),
        }
    }

    /// What the host answered to [`Step::Ask`].
    pub(super) fn answered(&mut self, now: Timestamp, answer: Answer) -> Step {
        match (self.phase, answer) {
            (Phase::AskingSecret, Answer::Secret(secret)) => {
                self.engine.share(secret);
                self.identified(now)
            }
            (Phase::AskingCertificate, Answer::PeerCertificate(hash)) => {
                let hash = hash.map(|hash| URL_SAFE_NO_PAD.encode(hash));
                self.proving.done = match (self.confirmation(), hash) {
                    (Some(Confirmation::Certificate(bound)), Some(hash)) => *bound == hash,
                    _ => false,
                };
                self.settle(now)
            }
            (Phase::AskingFirstUse, Answer::FirstUse(Memory::Fresh)) => self.settle(now),
            (Phase::AskingFirstUse, Answer::FirstUse(Memory::Used)) => {
                self.unproved(now, Reason::ProofReplayed)
            }
            (Phase::AskingFirstUse, Answer::FirstUse(Memory::Full)) => {
                self.unproved(now, Reason::ReplayMemoryFull)
            }
            _ => self.out_of_step(),
        }
    }

    /// What came of the check of the proof's signature.
    pub(super) fn proof_checked(
        &mut self,
        now: Timestamp,
        check: &SignatureCheck,
        verdict: SignatureVerdict,
    ) -> Step {
        match verdict {
            SignatureVerdict::Valid if check.is_of_proof() => {}
            SignatureVerdict::Valid | SignatureVerdict::Unavailable => {
                return self.unproved(now, Reason::HostFailure);
            }
            SignatureVerdict::Invalid => return self.unproved(now, Reason::BadProof),
        }
        let Some(first_use) = self.proving.first_use.take() else {
            return self.out_of_step();
        };
        self.proving.done = true;
        // What is refused whoever sends it is not remembered: only who may pass fills the memory.
        if is_refused(&self.decide(now)) {
            return self.settle(now);
        }
        self.phase = Phase::AskingFirstUse;
        Step::Ask(Question::FirstUse(first_use))
    }

    /// By which schemes the caller may come back.
    pub(super) fn schemes(&self, reason: Reason) -> Schemes {
        let bound = matches!(self.confirmation(), Some(Confirmation::Jkt(_)));
        if self.asked.proof.is_some() || (bound && reason == Reason::SenderNotProved) {
            Schemes::Dpop
        } else if self.engine.policy.issuers.iter().any(|issuer| issuer.sender_required) {
            Schemes::Both
        } else {
            Schemes::Bearer
        }
    }

    /// The nonce that the refusal of a proof without one brings (RFC 9449 §9).
    pub(super) fn nonce(&self, reason: Reason) -> Option<String> {
        let secret = self.engine.shared_secret().filter(|_| reason == Reason::ProofNonce)?;
        Some(secret::nonce(&secret, self.began))
    }

    /// The next step of a proof; `None` where the token and its scheme need none, or where the
    /// token is no good at this time anyway.
    fn next_proof(&mut self, now: Timestamp) -> Result<Option<Step>, Reason> {
        let Some(token) = self.who.verified.clone().filter(|_| self.who.refused.is_none()) else {
            return Ok(None);
        };
        let Some(issuer) = self.engine.policy.issuers.get(token.issuer as usize) else {
            return Ok(None);
        };
        let bound = match (&self.asked.proof, &token.confirmation) {
            (Some(_), Some(Confirmation::Jkt(bound))) => Some(bound),
            (None, Some(Confirmation::Certificate(_))) => None,
            // Presented as what it is not (RFC 9449 §7.1).
            (Some(_), _) => return Err(Reason::SenderNotProved),
            (None, _) => return Ok(None),
        };
        if !is_timely(&token, issuer, now) {
            return Ok(None);
        }
        let Some(bound) = bound else {
            self.phase = Phase::AskingCertificate;
            return Ok(Some(Step::Ask(Question::PeerCertificate)));
        };
        let Some(secret) = self.engine.shared_secret() else {
            self.phase = Phase::AskingSecret;
            return Ok(Some(Step::Ask(Question::Secret)));
        };
        let proof = self.read_proof(bound, issuer.clock_skew, now)?;
        let good = |nonce: &String| secret::is_good_nonce(&secret, nonce, now);
        if issuer.dpop_nonce && !proof.nonce.as_ref().is_some_and(good) {
            return Err(Reason::ProofNonce);
        }
        // For as long as it could count under any policy that may come meanwhile.
        let until = proof.issued_at.plus(dpop::MAX_AGE).plus(LARGEST_SKEW);
        self.proving.first_use = Some(secret::proof_use(&secret, bound, &proof.id, until));
        self.phase = Phase::CheckingProof;
        Ok(Some(Step::CheckSignature(Box::new(proof.check))))
    }

    fn read_proof(
        &self,
        thumbprint: &str,
        skew: Span,
        now: Timestamp,
    ) -> Result<dpop::Proof, Reason> {
        let Some((Some(proof), token)) = &self.asked.proof else {
            return Err(Reason::BadProof);
        };
        let scheme = self.asked.scheme;
        let wanted = Wanted {
            token,
            thumbprint,
            method: &self.asked.method,
            schemes: [scheme, self.scheme_of_audience().unwrap_or(scheme)],
            host: &self.asked.host,
            path: &self.asked.path,
            skew,
        };
        dpop::read(proof, &wanted, now)
    }

    /// The scheme of the resource's audience, where that is on the request's host.
    fn scheme_of_audience(&self) -> Option<&str> {
        let resource = self.mapped.as_ref()?.resource;
        let audience = &self.engine.policy.resources.get(resource as usize)?.audience;
        let (scheme, _) = audience.split_once("://")?;
        let own = host::parse(&self.asked.host, scheme)?;
        host::from_audience(audience).is_ok_and(|host| host == own).then_some(scheme)
    }

    fn confirmation(&self) -> Option<&Confirmation> {
        self.who.verified.as_ref()?.confirmation.as_ref()
    }

    fn unproved(&mut self, now: Timestamp, reason: Reason) -> Step {
        self.proving.done = false;
        self.who.refused = Some(reason);
        self.settle(now)
    }
}

/// Whether nothing that can still become known would let the request pass.
const fn is_refused(decision: &Decision) -> bool {
    matches!(decision.effect, Effect::Deny)
        && !decision.waits_for.lookup
        && !decision.waits_for.response
        && decision.approval.is_none()
}
