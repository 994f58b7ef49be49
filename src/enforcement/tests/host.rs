//! A host in memory: it follows the steps, answers look-ups from a script, and keeps what it saw.

use crate::enforcement::{
    Answer as HostAnswer, Callout, CalloutReply, Edits, Enforcement, Engine, Event, Header, Ids,
    Memory, Outcome, ProofUse, Question, Recall, Reply, SignatureVerdict, Step,
};
use crate::identity::issue::SigningKey;
use crate::policy::Policy;
use crate::time::{Span, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

pub(super) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
pub(super) const ISSUER: &str = "https://idp.example.com";
pub(super) const OTHER_ISSUER: &str = "https://other.example.com";
pub(super) const AUDIENCE: &str = "https://api.example.com";
pub(super) const HOST: &str = "api.example.com";
/// The seed of the gateway's own key.
pub(super) const GATEWAY: [u8; 32] = [9; 32];

/// Resources that need nothing, a look-up, the response, an approval; `{approvals}` and `{more}`
/// are filled in.
const POLICY: &str = r#"
apiVersion: ambit/v1
name: test
identity:
  issuers:
    - { issuer: "https://idp.example.com", jwks: { inline: { keys: [{key}] } } }
    - { issuer: "https://other.example.com", jwks: { inline: { keys: [{other_key}] } } }
actors:
  assistant:
    match: { issuer: "https://idp.example.com", client_id: assistant }
    scopes: ["read:*", "write:*", "delete:*"]
  visitor:
    match: { issuer: "https://other.example.com", client_id: assistant }
    scopes: ["read:ticket"]
resources:
  ticket:
    audience: https://api.example.com
    by_scope: [read]
    credentials: keep
    cors_origins: ["https://app.example.com"]
    http: [{ path: "/v1/tickets/{id}" }, { path: /v1/tickets }]
  note:
    audience: https://api.example.com
    by_scope: [read]
    per_record: upstream
    http: [{ path: "/v1/notes/{id}" }, { path: "/v1/notes/{id}/of/{year}" }]
  document:
    audience: https://api.example.com
    attributes:
      owner: { type: string, from: { lookup: { cluster: index, path: "/meta/{id}", pointer: /owner } } }
      open: { type: bool, from: { lookup: { cluster: index, path: "/meta/{id}", pointer: /open } } }
      team: { type: string, from: { lookup: { cluster: index, host: teams.internal, path: "/team/{id}", pointer: /team } } }
    http: [{ path: "/v1/documents/{id}" }, { path: "/v1/reports/{id}", methods: { GET: delete, POST: delete } }]
  letter:
    audience: https://api.example.com
    attributes:
      owner: { type: string, from: { response: /owner } }
      sealed: { type: bool, from: { response: /sealed } }
    http: [{ path: "/v1/letters/{id}" }]
  payment:
    audience: https://api.example.com
    credentials: keep
    understands_approval: true
    headers: [x-tenant]
    http: [{ path: "/v1/payments/{id}" }, { path: /v1/payments }]
rules:
  - { id: notes, effect: allow, actions: [write], resources: [note], approval: none }
  - { id: own-documents, effect: allow, actions: [read, write], resources: [document], when: resource.owner == subject.id && resource.open == true, approval: none }
  - { id: team-reports, effect: allow, actions: [delete], resources: [document], when: resource.owner == subject.id && resource.team == "red", approval: none }
  - { id: own-letters, effect: allow, actions: [read], resources: [letter], when: resource.owner == subject.id }
  - { id: sealed-letters, effect: deny, actions: [read], resources: [letter], when: resource.sealed == true }
  - { id: payments, effect: allow, actions: [write], resources: [payment] }
{more}
"#;

pub(super) fn issuer_key() -> SigningKey {
    SigningKey::ed25519_from_seed(&[1; 32]).unwrap()
}

pub(super) fn other_key() -> SigningKey {
    SigningKey::ed25519_from_seed(&[2; 32]).unwrap()
}

/// The policy above with what follows its rules.
pub(super) fn policy(more: &str) -> String {
    POLICY
        .replace("{key}", &issuer_key().jwk("k").to_string())
        .replace("{other_key}", &other_key().jwk("k").to_string())
        .replace("{more}", more)
}

/// One worker with a loaded policy.
pub(super) struct World {
    pub(super) engine: Rc<Engine>,
    records: Cell<u32>,
    /// Uses of proofs, as far as they fit.
    pub(super) memory: RefCell<BTreeMap<[u8; 32], Timestamp>>,
    /// How many fit; `None` where the host has no memory at all.
    pub(super) room: Cell<Option<usize>>,
    pub(super) secret: Cell<Option<[u8; 32]>>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with("")
    }

    /// The policy of these tests with more sections.
    pub(super) fn with(more: &str) -> Self {
        Self::of(&policy(more))
    }

    pub(super) fn of(text: &str) -> Self {
        let loaded = Policy::load_yaml("policy.yaml", text).unwrap_or_else(|e| panic!("{e}"));
        let secret = |name: &str| (name == "KEY").then(|| URL_SAFE_NO_PAD.encode(GATEWAY));
        let engine = Engine::with(loaded, &secret).unwrap_or_else(|e| panic!("{e}"));
        Self {
            engine: Rc::new(engine),
            records: Cell::new(0),
            memory: RefCell::default(),
            room: Cell::new(Some(1000)),
            secret: Cell::new(Some([3; 32])),
        }
    }

    /// `None` where this host cannot say.
    fn answer(&self, question: Question, certificate: Option<[u8; 32]>) -> Option<HostAnswer> {
        Some(match question {
            Question::Secret => HostAnswer::Secret(self.secret.get()?),
            Question::PeerCertificate => HostAnswer::PeerCertificate(certificate),
            Question::FirstUse(ProofUse { name, until }) => {
                let room = self.room.get()?;
                let mut memory = self.memory.borrow_mut();
                HostAnswer::FirstUse(match memory.contains_key(&name) {
                    true => Memory::Used,
                    false if memory.len() >= room => Memory::Full,
                    false => {
                        memory.insert(name, until);
                        Memory::Fresh
                    }
                })
            }
        })
    }

    pub(super) fn enforcement(&self) -> Enforcement {
        self.records.set(self.records.get() + 1);
        let record = format!("record-{}", self.records.get());
        Enforcement::new(Rc::clone(&self.engine), Ids { record, boot: "boot-1".into() })
    }

    /// A request with alice's token.
    pub(super) fn ask(&self, method: &str, path: &str) -> Ask<'_> {
        self.bare(method, path).header("authorization", &format!("Bearer {}", token(&json!({}))))
    }

    /// A request without a token.
    pub(super) fn bare(&self, method: &str, path: &str) -> Ask<'_> {
        let ask = Ask {
            world: self,
            now: NOW,
            headers: Vec::new(),
            body: Vec::new(),
            body_first: false,
            lookup: Box::new(|callout| panic!("an unexpected look-up: {callout:?}")),
            verdict: None,
            proof_verdict: None,
            certificate: None,
            response: Response::json(r#"{"hello":"world"}"#),
        };
        ask.header(":method", method)
            .header(":scheme", "https")
            .header(":authority", HOST)
            .header(":path", path)
    }
}

/// Claims of alice's token, with changes; `null` takes a claim away.
pub(super) fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "sub": "alice", "aud": AUDIENCE, "client_id": "assistant", "jti": "t1",
        "iat": NOW.secs(), "exp": NOW.secs() + 600,
        "scope": "read:* write:* delete:*",
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

/// Alice's token with changed claims.
pub(super) fn token(changes: &Value) -> String {
    signed(&issuer_key(), changes)
}

pub(super) fn signed(key: &SigningKey, changes: &Value) -> String {
    key.sign(&json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "k"}), &claims(changes))
}

/// How a look-up ends.
#[derive(Clone, Debug)]
pub(super) struct Answer(pub(super) Option<u16>, pub(super) Vec<u8>);

/// What the upstream answers.
#[derive(Clone, Debug)]
pub(super) struct Response {
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<Vec<u8>>,
    /// Whether the stream breaks off before its end.
    pub(super) cut: bool,
}

impl Response {
    pub(super) fn of(status: &str, content_type: &str, body: &[u8]) -> Self {
        let headers = [(":status", status), ("content-type", content_type)];
        Self {
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            body: if body.is_empty() { Vec::new() } else { vec![body.to_vec()] },
            cut: false,
        }
    }

    pub(super) fn json(body: &str) -> Self {
        Self::of("200", "application/json", body.as_bytes())
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// One request in the making.
pub(super) struct Ask<'w> {
    world: &'w World,
    pub(super) now: Timestamp,
    pub(super) headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<Vec<u8>>,
    body_first: bool,
    lookup: Box<dyn Fn(&Callout) -> Answer>,
    verdict: Option<SignatureVerdict>,
    proof_verdict: Option<SignatureVerdict>,
    certificate: Option<[u8; 32]>,
    response: Response,
}

impl Ask<'_> {
    pub(super) fn header(self, name: &str, value: &str) -> Self {
        self.bytes(name.as_bytes(), value.as_bytes())
    }

    pub(super) fn bytes(mut self, name: &[u8], value: &[u8]) -> Self {
        self.headers.push((name.to_vec(), value.to_vec()));
        self
    }

    /// Sets a header in place of what there is.
    pub(super) fn instead(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(key, _)| key != name.as_bytes());
        self.header(name, value)
    }

    pub(super) fn token(self, token: &str) -> Self {
        self.instead("authorization", &format!("Bearer {token}"))
    }

    pub(super) fn at(mut self, seconds: i64) -> Self {
        self.now = NOW.plus(Span::from_secs(seconds));
        self
    }

    /// The body, in chunks.
    pub(super) fn body(mut self, chunks: &[&[u8]]) -> Self {
        self.body = chunks.iter().map(|chunk| chunk.to_vec()).collect();
        self
    }

    /// The body is complete before a look-up answers.
    pub(super) fn body_first(mut self) -> Self {
        self.body_first = true;
        self
    }

    pub(super) fn lookup(mut self, answer: impl Fn(&Callout) -> Answer + 'static) -> Self {
        self.lookup = Box::new(answer);
        self
    }

    /// Every look-up ends like this.
    pub(super) fn answer(self, status: Option<u16>, body: &[u8]) -> Self {
        let answer = Answer(status, body.to_vec());
        self.lookup(move |_| answer.clone())
    }

    pub(super) fn verdict(mut self, verdict: SignatureVerdict) -> Self {
        self.verdict = Some(verdict);
        self
    }

    /// What comes of the check of a proof's signature.
    pub(super) fn proof_verdict(mut self, verdict: SignatureVerdict) -> Self {
        self.proof_verdict = Some(verdict);
        self
    }

    /// The client's certificate, by its hash.
    pub(super) fn certificate(mut self, hash: [u8; 32]) -> Self {
        self.certificate = Some(hash);
        self
    }

    pub(super) fn upstream(mut self, response: Response) -> Self {
        self.response = response;
        self
    }

    /// Tells the headers to an enforcement.
    pub(super) fn begin(&self, enforcement: &mut Enforcement) -> Step {
        let headers = borrowed(&self.headers);
        let end = self.body.is_empty();
        enforcement.on(self.now, Event::RequestHeaders { headers: &headers, peer: &[], end })
    }

    /// Drives the request to its end.
    pub(super) fn send(self) -> Seen {
        let mut enforcement = self.world.enforcement();
        let mut step = self.begin(&mut enforcement);
        let mut seen = Seen::default();
        let mut waiting: Vec<Callout> = Vec::new();
        let (mut request, mut response) = (Told::of(&self.body), Told::of(&self.response.body));
        for _ in 0..256 {
            step = match step {
                Step::Ask(question) => {
                    seen.questions.push(question);
                    match self.world.answer(question, self.certificate) {
                        Some(answer) => enforcement.on(self.now, Event::Answered(answer)),
                        None => enforcement.on(self.now, Event::HostFailed),
                    }
                }
                Step::CheckSignature(check) if check.is_of_proof() => {
                    seen.proofs += 1;
                    let verdict = self.proof_verdict.unwrap_or(match check.verify() {
                        true => SignatureVerdict::Valid,
                        false => SignatureVerdict::Invalid,
                    });
                    enforcement.on_signature(self.now, *check, verdict)
                }
                Step::CheckSignature(check) => {
                    seen.signatures += 1;
                    let valid = check.verify();
                    let verdict = self.verdict.unwrap_or(match valid {
                        true => SignatureVerdict::Valid,
                        false => SignatureVerdict::Invalid,
                    });
                    enforcement.on_signature(self.now, *check, verdict)
                }
                Step::CallOut(callouts) => {
                    seen.callouts.extend(callouts.iter().cloned());
                    waiting = callouts;
                    Step::Wait
                }
                Step::Wait if self.body_first && request.left() && !waiting.is_empty() => {
                    request.tell(&mut enforcement, self.now)
                }
                Step::Wait if !waiting.is_empty() => {
                    let callout = waiting.remove(0);
                    let Answer(status, body) = (self.lookup)(&callout);
                    let reply = CalloutReply { status, body: &body };
                    let callout = callout.number;
                    enforcement.on(self.now, Event::CalloutReply { callout, reply })
                }
                Step::NeedBody => request.tell(&mut enforcement, self.now),
                Step::Wait | Step::HoldResponse if enforcement.wants_response() => {
                    if !response.left() && self.response.cut {
                        enforcement.on(self.now, Event::HostFailed)
                    } else {
                        let cut = self.response.cut;
                        let (bytes, end) = response.next();
                        let event = Event::ResponseBody { bytes: &bytes, end: end && !cut };
                        enforcement.on(self.now, event)
                    }
                }
                Step::Wait | Step::HoldResponse => panic!("nothing is left to wait for"),
                Step::Forward(_, edits) => {
                    seen.upstream = Some(Upstream::of(&self.headers, &edits));
                    seen.edits = Some(edits);
                    break;
                }
                Step::ForwardHeld(_, edits) => {
                    seen.upstream = Some(Upstream::of(&self.headers, &edits));
                    seen.edits = Some(edits);
                    seen.held = true;
                    let headers: Vec<Header<'_>> = self
                        .response
                        .headers
                        .iter()
                        .map(|(n, v)| (n.as_bytes(), v.as_bytes()))
                        .collect();
                    let end = self.response.body.is_empty();
                    let event = Event::ResponseHeaders { headers: &headers, end };
                    enforcement.on(self.now, event)
                }
                Step::PassResponse => {
                    seen.released = true;
                    break;
                }
                Step::Reply(reply) => {
                    seen.reply = Some(reply);
                    break;
                }
            };
        }
        let status = seen.reply.as_ref().map_or(200, |reply| reply.status);
        let line = enforcement.record(Outcome { status, duration_ms: 1, ..Outcome::default() });
        seen.record = serde_json::from_str(&line).unwrap();
        seen.recall = enforcement.recall();
        assert!(seen.reply.is_some() || seen.upstream.is_some(), "neither answered nor forwarded");
        seen
    }
}

pub(super) fn borrowed(headers: &[(Vec<u8>, Vec<u8>)]) -> Vec<Header<'_>> {
    headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect()
}

/// A body that is told chunk by chunk, from its first byte each time.
struct Told {
    chunks: Vec<Vec<u8>>,
    told: usize,
}

impl Told {
    fn of(chunks: &[Vec<u8>]) -> Self {
        Self { chunks: chunks.to_vec(), told: 0 }
    }

    fn left(&self) -> bool {
        self.told < self.chunks.len()
    }

    fn next(&mut self) -> (Vec<u8>, bool) {
        assert!(self.left(), "the body was told whole");
        self.told += 1;
        (self.chunks[..self.told].concat(), !self.left())
    }

    fn tell(&mut self, enforcement: &mut Enforcement, now: Timestamp) -> Step {
        let (bytes, end) = self.next();
        enforcement.on(now, Event::RequestBody { bytes: &bytes, end })
    }
}

/// The request's headers as the upstream gets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Upstream(pub(super) Vec<(Vec<u8>, Vec<u8>)>);

impl Upstream {
    pub(super) fn of(sent: &[(Vec<u8>, Vec<u8>)], edits: &Edits) -> Self {
        let mut headers = sent.to_vec();
        let same = |key: &[u8], name: &str| key.eq_ignore_ascii_case(name.as_bytes());
        let came = |name: &str| headers.iter().filter(|(key, _)| same(key, name)).count();
        for name in &edits.remove {
            assert!(came(name) > 0, "`{name}` is removed and never came");
        }
        for (name, _) in &edits.set {
            assert!(edits.remove.contains(name) || came(name) < 2, "`{name}` came twice");
        }
        headers.retain(|(key, _)| !edits.remove.iter().any(|name| same(key, name)));
        for (name, value) in &edits.set {
            headers.retain(|(key, _)| !same(key, name));
            headers.push((name.as_bytes().to_vec(), value.clone().into_bytes()));
        }
        Self(headers)
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        let mut found = self.0.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()));
        let (_, value) = found.next()?;
        assert!(found.next().is_none(), "two of {name}");
        Some(String::from_utf8_lossy(value).into_owned())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// What came of a request.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) upstream: Option<Upstream>,
    pub(super) edits: Option<Edits>,
    /// Whether the response was held.
    pub(super) held: bool,
    /// Whether a held response went on to the client.
    pub(super) released: bool,
    pub(super) reply: Option<Reply>,
    pub(super) record: Value,
    pub(super) signatures: usize,
    pub(super) recall: Option<Recall>,
    pub(super) proofs: usize,
    pub(super) questions: Vec<Question>,
    pub(super) callouts: Vec<Callout>,
}

impl Seen {
    /// What the upstream got; fails where the request was answered.
    #[track_caller]
    pub(super) fn forwarded(&self) -> &Upstream {
        assert!(self.reply.is_none(), "{:?}", self.text());
        assert_eq!(self.record["effect"], "allow", "{}", self.record);
        assert_eq!(self.record["outcome"]["forwarded"], true);
        self.upstream.as_ref().unwrap()
    }

    /// Fails unless the request was answered like this, and nothing else happened to it.
    #[track_caller]
    pub(super) fn refused(&self, status: u16, reason: &str) -> &Reply {
        let reply = self.replied(status, reason);
        assert!(self.upstream.is_none(), "it was forwarded");
        assert_eq!(self.record["outcome"]["forwarded"], false);
        assert_eq!(self.record["reason"], reason);
        reply
    }

    /// Fails unless the client got this refusal.
    #[track_caller]
    pub(super) fn replied(&self, status: u16, reason: &str) -> &Reply {
        let Some(reply) = &self.reply else { panic!("not answered: {}", self.record) };
        let body = self.problem();
        assert_eq!((reply.status, body["reason"].as_str()), (status, Some(reason)), "{body}");
        assert_eq!(body["status"], status);
        assert_eq!(body["decision"], self.record["id"]);
        assert_eq!(reply.details, format!("ambit_{}", reason.replace('-', "_")));
        assert_eq!(self.record["effect"], "deny");
        assert!(!self.released);
        reply
    }

    /// The refusal's body.
    #[track_caller]
    pub(super) fn problem(&self) -> Value {
        serde_json::from_slice(&self.reply.as_ref().unwrap().body).unwrap()
    }

    pub(super) fn text(&self) -> String {
        self.reply
            .as_ref()
            .map(|reply| String::from_utf8_lossy(&reply.body).into_owned())
            .unwrap_or_default()
    }

    pub(super) fn reply_header(&self, name: &str) -> Option<&str> {
        let headers = &self.reply.as_ref()?.headers;
        headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
