//! Sans-IO enforcement: an event in, a step out. The caller owns all input and output.
//!
//! ```text
//! RequestHeaders ─▶ token ─▶ [CheckSignature] ─▶ [proof] ─▶ decide ─▶ [CallOut] ─▶ decide ─▶ [NeedBody] ─▶ Forward │ Reply
//!                                                                              └▶ ForwardHeld ─▶ HoldResponse ─▶ PassResponse │ Reply
//! ```

mod asked;
mod body;
mod cache;
mod challenge;
mod engine;
mod event;
mod forward;
mod keys;
mod looking;
pub(crate) mod lookup;
mod mapping;
pub(crate) mod metadata;
mod open;
mod proof;
mod reply;
mod response;
mod secret;
mod used;
#[cfg(feature = "author")]
mod why;
mod written;

pub use asked::is_no_trailer;
pub use cache::Recall;
pub use engine::{Engine, Environment};
pub use event::{
    Answer, Callout, CalloutReply, Edits, Event, Header, HeldPermit, Ids, Memory, Outcome, Permit,
    ProofUse, Question, Reply, SignatureVerdict, Step,
};
pub use keys::{KeyNews, KeyStep};
#[cfg(feature = "author")]
pub(crate) use open::KEYS_PATH;
pub use used::{BucketError, Use};

use crate::decide::{Who, decide};
use crate::decision::{Decision, Effect, Reason};
use crate::identity::{SignatureCheck, VerifiedToken};
use crate::policy::document::{Mode, Tier};
use crate::request::{AccessRequest, AttributeState, Credential, HostAbilities, HttpFacts, Mapped};
use crate::time::Timestamp;
use asked::{Asked, Token};
use body::Body;
use mapping::Route;
use std::rc::Rc;

/// One request, from its first byte to its record.
#[derive(Debug)]
pub struct Enforcement {
    engine: Rc<Engine>,
    ids: Ids,
    phase: Phase,
    asked: Asked,
    who: Presented,
    proving: proof::Proving,
    mapped: Option<Route>,
    attributes: Vec<AttributeState>,
    lookups: Vec<PendingLookup>,
    body: Body,
    decision: Option<Decision>,
    approval: Option<written::Approval>,
    began: Timestamp,
    passed: bool,
    /// The status that was answered in the upstream's place.
    replied: Option<u16>,
}

/// Where the request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Begin,
    CheckingSignature,
    AskingSecret,
    AskingCertificate,
    CheckingProof,
    AskingFirstUse,
    LookingUp,
    AwaitingBody,
    /// Sent to the upstream for good.
    Forwarded,
    /// Sent to the upstream, the response held.
    Held,
    HoldingResponse,
    /// Answered in the upstream's place.
    Replied,
}

/// The credential as far as it is verified, and what waits for its signature.
#[derive(Debug, Default)]
struct Presented {
    token: Option<String>,
    verified: Option<Rc<VerifiedToken>>,
    refused: Option<Reason>,
    generation: u64,
    recall: Option<Recall>,
}

#[derive(Debug)]
struct PendingLookup {
    number: u32,
    places: Vec<usize>,
    answered: bool,
}

impl Enforcement {
    /// For one request.
    #[must_use]
    pub fn new(engine: Rc<Engine>, ids: Ids) -> Self {
        Self {
            engine,
            ids,
            phase: Phase::Begin,
            asked: Asked::default(),
            who: Presented::default(),
            proving: proof::Proving::default(),
            mapped: None,
            attributes: Vec::new(),
            lookups: Vec::new(),
            body: Body::default(),
            decision: None,
            approval: None,
            began: Timestamp::default(),
            passed: false,
            replied: None,
        }
    }

    /// Takes one event and says what to do next. An event that does not fit the phase closes.
    #[must_use]
    pub fn on(&mut self, now: Timestamp, event: Event<'_>) -> Step {
        match (self.phase, event) {
            (Phase::Begin, Event::RequestHeaders { headers, peer, end }) => {
                self.began = now;
                self.headers(now, headers, peer, end)
            }
            (_, Event::Answered(answer)) => self.answered(now, answer),
            (Phase::LookingUp, Event::CalloutReply { callout, reply }) => {
                self.looked_up(now, callout, reply)
            }
            (Phase::LookingUp, Event::RequestBody { bytes, end }) => {
                // The body may be complete before the callout is; either order decides the same.
                self.take_body(bytes, end);
                Step::Wait
            }
            (Phase::AwaitingBody, Event::RequestBody { bytes, end }) => {
                self.take_body(bytes, end);
                match self.body {
                    Body { too_large: false, complete: false, .. } => Step::NeedBody,
                    // The token may have ended while the body came.
                    Body { .. } => {
                        let decision = self.decide(now);
                        self.with_body(now, decision)
                    }
                }
            }
            (Phase::Held, Event::ResponseHeaders { headers, end }) => {
                self.response_headers(now, headers, end)
            }
            (Phase::HoldingResponse, Event::ResponseBody { bytes, end }) => {
                self.response_body(now, bytes, end)
            }
            // The host could not carry out what was decided: nothing may go on.
            (Phase::Forwarded, Event::HostFailed) => self.refuse(Reason::HostFailure),
            _ => self.out_of_step(),
        }
    }

    /// Tells the outcome of the signature check that [`Step::CheckSignature`] asked for.
    #[must_use]
    pub fn on_signature(
        &mut self,
        now: Timestamp,
        check: SignatureCheck,
        verdict: SignatureVerdict,
    ) -> Step {
        match self.phase {
            Phase::CheckingSignature => {}
            Phase::CheckingProof => return self.proof_checked(now, &check, verdict),
            _ => return self.out_of_step(),
        }
        match verdict {
            SignatureVerdict::Valid => match self.engine.accept(check) {
                Ok(verified) => {
                    let verified = Rc::new(verified);
                    if let Some(token) = &self.who.token {
                        self.engine.remember(token, self.who.generation, Rc::clone(&verified));
                    }
                    self.who.verified = Some(verified);
                }
                Err(reason) => self.who.refused = Some(reason),
            },
            SignatureVerdict::Invalid => self.who.refused = Some(Reason::BadSignature),
            SignatureVerdict::Unavailable => self.who.refused = Some(Reason::HostFailure),
        }
        self.identified(now)
    }

    /// What does not fit the phase closes; where the request is over, it changes nothing.
    fn out_of_step(&mut self) -> Step {
        match self.phase {
            Phase::Forwarded => Step::PassResponse,
            Phase::Replied => Step::Wait,
            Phase::Begin
            | Phase::CheckingSignature
            | Phase::AskingSecret
            | Phase::AskingCertificate
            | Phase::CheckingProof
            | Phase::AskingFirstUse
            | Phase::LookingUp
            | Phase::AwaitingBody
            | Phase::Held
            | Phase::HoldingResponse => self.refuse(Reason::HostFailure),
        }
    }

    /// Whether the response's headers and body must be told.
    #[must_use]
    pub fn wants_response(&self) -> bool {
        self.in_response()
    }

    /// Whether the request was sent, and its answer is held.
    const fn in_response(&self) -> bool {
        matches!(self.phase, Phase::Held | Phase::HoldingResponse)
    }

    /// The decision, once there is one.
    #[must_use]
    pub const fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// Whether the token was remembered from a request before; `None` where none was looked for.
    #[must_use]
    pub const fn recall(&self) -> Option<Recall> {
        self.who.recall
    }

    fn headers(
        &mut self,
        now: Timestamp,
        headers: &[Header<'_>],
        peer: &[String],
        end: bool,
    ) -> Step {
        self.body.complete = end;
        let engine = Rc::clone(&self.engine);
        match Asked::read(headers, peer, &engine) {
            Ok(asked) => self.asked = asked,
            Err((asked, reason)) => {
                self.asked = *asked;
                return self.refuse(reason);
            }
        }
        if let Some(reply) = open::answer(&engine, &self.asked) {
            self.decision =
                Some(Decision { effect: Effect::Allow, ..Decision::deny(Reason::AllowedPublic) });
            return self.reply(reply);
        }
        match self.map() {
            Ok(route) => self.mapped = route,
            Err(reason) => return self.refuse(reason),
        }
        match self.present() {
            Some(check) => {
                self.phase = Phase::CheckingSignature;
                Step::CheckSignature(Box::new(check))
            }
            None => self.identified(now),
        }
    }

    /// Finds the token: remembered, refused at sight, or to be checked.
    fn present(&mut self) -> Option<SignatureCheck> {
        let token = match self.asked.presented.take()? {
            Ok(Token::Known(verified)) => {
                self.who.recall = Some(Recall::Hit);
                self.who.verified = Some(verified);
                return None;
            }
            Ok(Token::New(token)) => token,
            Err(reason) => {
                self.who.refused = Some(reason);
                return None;
            }
        };
        self.who.recall = Some(Recall::Miss);
        match self.engine.begin(&token) {
            Ok((check, generation)) => {
                self.who.token = Some(token);
                self.who.generation = generation;
                Some(check)
            }
            Err(reason) => {
                self.who.refused = Some(reason);
                None
            }
        }
    }

    /// Decides with what is known now.
    fn decide(&self, now: Timestamp) -> Decision {
        self.with_request(|request| decide(&self.engine.policy, request, now))
    }

    /// The request as the decision sees it.
    fn with_request<T>(&self, use_it: impl FnOnce(&AccessRequest<'_>) -> T) -> T {
        let credential = match (&self.who.verified, self.who.refused) {
            (_, Some(reason)) => Credential::Refused(reason),
            (Some(verified), None) => Credential::Verified(verified),
            (None, None) => Credential::Missing,
        };
        let request = AccessRequest {
            credential,
            peer: &self.asked.peer,
            sender_proved: self.proving.done,
            mapped: self.mapped.as_ref().map(|route| Mapped {
                resource: route.resource,
                route: route.route,
                action: route.action,
                id: &route.id,
            }),
            attributes: &self.attributes,
            http: HttpFacts {
                method: &self.asked.method,
                host: &self.asked.host,
                path: &self.asked.path,
            },
            approval: Tier::None,
            grant: None,
            // What was sent already can no longer be marked for the upstream.
            host: HostAbilities { tag: self.engine.can_sign() && !self.in_response() },
        };
        use_it(&request)
    }

    /// Who acts for whom, as far as identity was settled, and the ids of all actors.
    fn with_actors<T>(&self, use_it: impl FnOnce(Option<&Who<'_>>, &[&str]) -> T) -> T {
        self.with_request(|request| {
            match crate::decide::who(&self.engine.policy, request, self.began) {
                Some(who) => who.chain.with_ids(|ids| use_it(Some(&who), ids)),
                None => use_it(None, &[]),
            }
        })
    }

    /// Decides, and goes on to whatever the decision still needs.
    fn settle(&mut self, now: Timestamp) -> Step {
        let decision = self.decide(now);
        if self.engine.policy.mode == Mode::Shadow {
            // Shadow holds nothing, so what is not known now stays unknown in the record.
            return self.conclude(decision);
        }
        if decision.waits_for.lookup {
            return self.look_up(now, decision);
        }
        if self.reads_form(&decision) || decision.approval.is_some() {
            // What a person would approve, and what a form asks for, is in the body's own bytes.
            if self.asked.encoded_body {
                return self.refuse(Reason::MalformedRequest);
            }
            if self.body.complete || self.body.too_large {
                return self.with_body(now, decision);
            }
            self.decision = Some(decision);
            self.phase = Phase::AwaitingBody;
            return Step::NeedBody;
        }
        self.go_on(decision)
    }

    fn refuse(&mut self, reason: Reason) -> Step {
        self.conclude(Decision::deny(reason))
    }

    /// The decision is final: forward, or answer in the upstream's place.
    fn conclude(&mut self, decision: Decision) -> Step {
        let shadow = self.engine.policy.mode == Mode::Shadow;
        let in_response = self.in_response();
        let permit = match shadow {
            true => Some(Permit::shadow()),
            false => Permit::mint(&decision),
        };
        let step = match permit {
            Some(_) if in_response => {
                self.phase = Phase::Forwarded;
                Step::PassResponse
            }
            Some(permit) => {
                let edits = match shadow {
                    true => self.shadow_edits(),
                    false => self.edits(&decision),
                };
                self.phase = Phase::Forwarded;
                self.passed = true;
                Step::Forward(permit, edits)
            }
            None => {
                // Whether a rule denies it or none allows it would tell of a record that the
                // caller may not see; that is for the audit record alone.
                let refusal = match in_response && decision.reason == Reason::Denied {
                    true => self.refusal(&Decision::deny(Reason::NotAllowed)),
                    false => self.refusal(&decision),
                };
                self.reply(refusal)
            }
        };
        self.decision = Some(decision);
        step
    }

    fn reply(&mut self, reply: Reply) -> Step {
        self.phase = Phase::Replied;
        self.replied = Some(reply.status);
        Step::Reply(reply)
    }
}

#[cfg(test)]
mod tests;
