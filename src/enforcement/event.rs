//! What a host tells the enforcement, and what it is told to do.

use crate::decision::Decision;
use crate::identity::SignatureCheck;
use crate::time::{Span, Timestamp};
use std::borrow::Cow;
use std::rc::Rc;

/// A header as the host read it: name in lower case (or as sent), value as bytes.
pub type Header<'a> = (&'a [u8], &'a [u8]);

/// What happened at the host.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The host answers the question of [`Step::Ask`].
    Answered(Answer),
    /// A callout ended, however it ended.
    CalloutReply {
        /// The number the [`Step::CallOut`] gave it.
        callout: u32,
        /// What came back.
        reply: CalloutReply<'a>,
    },
    /// The host could not do what the last step asked for.
    HostFailed,
    /// The request's body as far as it has arrived, from its first byte.
    RequestBody {
        /// All bytes so far.
        bytes: &'a [u8],
        /// Whether this is all of it: by end of stream, or because trailers came.
        end: bool,
    },
    /// The request's headers, pseudo headers among them.
    RequestHeaders {
        /// All of them, in order, duplicates kept.
        headers: &'a [Header<'a>],
        /// SPIFFE ids and other URI names of the client's verified certificate.
        peer: &'a [String],
        /// Whether no body follows.
        end: bool,
    },
    /// The response's body as far as it has arrived, from its first byte. Only after
    /// [`Step::HoldResponse`].
    ResponseBody {
        /// All bytes so far.
        bytes: &'a [u8],
        /// Whether this is all of it.
        end: bool,
    },
    /// The response's headers. Only after [`Step::ForwardHeld`].
    ResponseHeaders {
        /// All of them.
        headers: &'a [Header<'a>],
        /// Whether no body follows.
        end: bool,
    },
}

/// What a signature check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureVerdict {
    /// The signature is not the key's.
    Invalid,
    /// The host could not say.
    Unavailable,
    /// The signature is the key's.
    Valid,
}

/// How a callout ended.
#[derive(Clone, Copy, Debug)]
pub struct CalloutReply<'a> {
    /// The answer's `:status`; `None` when there was no well-formed answer (reset, overflow).
    pub status: Option<u16>,
    /// The answer's body, whole.
    pub body: &'a [u8],
}

/// What the host must do next. Nothing may reach the upstream but through a [`Permit`].
#[derive(Debug)]
pub enum Step {
    /// Answer this question with [`Event::Answered`], in the same callback if the host can; with
    /// [`Event::HostFailed`] where it cannot.
    Ask(Question),
    /// Send these requests to the named clusters; tell the end of each with
    /// [`Event::CalloutReply`]. Keep the request held.
    CallOut(Vec<Callout>),
    /// Check this signature and hand it back with what it came to
    /// ([`super::Enforcement::on_signature`]), in the same callback if the host can.
    CheckSignature(Box<SignatureCheck>),
    /// Apply the edits and let the request go on.
    Forward(Permit, Edits),
    /// As `Forward`; and hold the response's headers and tell them.
    ForwardHeld(HeldPermit, Edits),
    /// Hold the response's headers and body, and tell the body as it arrives.
    HoldResponse,
    /// Hold the request's headers, and tell the body as it arrives.
    NeedBody,
    /// Let the response go on as it is.
    PassResponse,
    /// Answer with this, and forward nothing (in the response phase: instead of the upstream's).
    Reply(Reply),
    /// Keep holding; another event will come.
    Wait,
}

/// What only the host can tell, and only some requests need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Is this the first use of a proof? Remember it if so, for every worker of the process.
    FirstUse(ProofUse),
    /// Which certificate did the client prove to have, on this very connection?
    PeerCertificate,
    /// 32 random bytes that all workers of the process share, for as long as it lives.
    Secret,
}

/// The use of a proof of possession.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofUse {
    /// Names it; as good as random to anybody but the process, so that nobody chooses where it is
    /// remembered.
    pub name: [u8; 32],
    /// It may be forgotten from then on.
    pub until: Timestamp,
}

/// The host's answer to a [`Question`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Whether it is the first use of the proof.
    FirstUse(Memory),
    /// SHA-256 of the certificate in DER; `None` without one.
    PeerCertificate(Option<[u8; 32]>),
    /// The bytes.
    Secret([u8; 32]),
}

/// What the memory of used proofs says of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// It was not used before, and now is remembered.
    Fresh,
    /// It was not used before, and there is no room to remember it.
    Full,
    /// It was used before.
    Used,
}

/// One request to a cluster of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callout {
    /// Its number within this enforcement.
    pub number: u32,
    /// The gateway's name for the upstream.
    pub cluster: String,
    /// `:authority`.
    pub authority: String,
    /// `:path`. The method is GET.
    pub path: String,
    /// When to give up.
    pub timeout: Span,
}

/// Proof that a decision allowed the request and that this host can honour its obligations.
/// Only the enforcement can make one.
#[derive(Debug)]
pub struct Permit(());

/// Proof that the request may be sent while its response stays held until a second decision.
#[derive(Debug)]
pub struct HeldPermit(());

impl Permit {
    /// Minted from an allow; `None` from anything else.
    pub(super) fn mint(decision: &Decision) -> Option<Self> {
        (decision.effect == crate::decision::Effect::Allow).then_some(Self(()))
    }

    /// In shadow mode every request passes, whatever was decided.
    pub(super) const fn shadow() -> Self {
        Self(())
    }
}

impl HeldPermit {
    /// Minted where only the response can still settle the decision.
    pub(super) fn mint(decision: &Decision) -> Option<Self> {
        (decision.waits_for.response && !decision.waits_for.lookup).then_some(Self(()))
    }
}

/// Changes to the request's headers, applied in this order: removals, then settings. Each is a call
/// at the host, so nothing is changed that is right already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// Names to remove, every value of each. All of them came.
    pub remove: Vec<Cow<'static, str>>,
    /// Names to set to one value. None came more than once, unless it is in `remove` too.
    pub set: Vec<(Cow<'static, str>, String)>,
    /// Whether request trailers that [`super::is_no_trailer`] must be removed when they come.
    pub drop_ambit_trailers: bool,
}

/// An answer in the upstream's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers, `content-type` among them.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// A stable code for the gateway's log (Envoy's response code details): `ambit_<reason>`.
    pub details: String,
}

/// What came of the request, known when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Status sent to the client; 0 when none was. Read only where [`super::Engine::records_outcome`].
    pub status: u16,
    /// Bytes of response body sent.
    pub response_bytes: u64,
    /// Milliseconds from the first byte in to the last byte out. Read only as `status` is.
    pub duration_ms: u64,
    /// Whether the request stayed at the host after all: what let it go could not be carried out.
    pub held_back: bool,
}

/// Ids the host mints for what is written; never part of a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// This request's record, unique.
    pub record: String,
    /// One life of one replay memory: fixed when the worker starts.
    pub boot: Rc<str>,
}
