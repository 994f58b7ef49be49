//! The core alone: the event loop that a host runs, with nothing around it.

use super::format::{Ask, ScenarioFile, Scripted};
use super::observed::Reached;
use super::{Engine, Observed};
use ambit::enforcement::{
    self, Answer, Callout, CalloutReply, Edits, Enforcement, Event, Ids, Memory, Outcome, Question,
    SignatureVerdict, Step,
};
use ambit::policy::Policy;
use ambit::trace::Trace;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// The seed that `AMBIT_SIGNING_KEY` holds in every engine.
pub(super) const SIGNING_KEY: &str = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk";

/// The core with one scenario file's policy.
#[derive(Debug)]
pub struct Native {
    file: ScenarioFile,
    engine: Rc<enforcement::Engine>,
    /// Whether bodies are told as they arrive, and callouts end last first.
    in_pieces: bool,
    /// Proofs that were used.
    used: RefCell<BTreeSet<[u8; 32]>>,
}

/// What stands for the random bytes of a process.
const SECRET: [u8; 32] = [3; 32];

/// Status, headers, body.
type ClientAnswer = (u16, Vec<(String, String)>, Vec<u8>);

/// What the client and the upstream have of one request.
#[derive(Default)]
struct Messages {
    headers: Vec<(String, Vec<u8>)>,
    trailers: Vec<(String, String)>,
    reached: bool,
    client: Option<ClientAnswer>,
}

impl Native {
    /// Loads the policy.
    ///
    /// # Errors
    /// It does not load.
    pub fn new(file: &ScenarioFile) -> Result<Self, String> {
        let compiled = file.compiled()?;
        let loaded = Policy::load("policy", compiled.as_bytes()).map_err(|e| e.to_string())?;
        let environment = |name: &str| {
            (name == "AMBIT_SIGNING_KEY" || name == file.signing_key)
                .then(|| SIGNING_KEY.to_owned())
        };
        let engine = enforcement::Engine::with(loaded, &environment).map_err(|e| e.to_string())?;
        let (engine, used) = (Rc::new(engine), RefCell::default());
        Ok(Self { file: file.clone(), engine, in_pieces: false, used })
    }

    /// As [`Native::new`]; and bodies are told as they arrive, and callouts end last first.
    ///
    /// # Errors
    /// As there.
    pub fn in_pieces(file: &ScenarioFile) -> Result<Self, String> {
        Ok(Self { in_pieces: true, ..Self::new(file)? })
    }

    fn drive(&self, ask: &Ask, token: Option<&str>, messages: &mut Messages) -> Enforcement {
        let ids = Ids { record: "record-1".to_owned(), boot: "boot-1".into() };
        let mut enforcement = Enforcement::new(Rc::clone(&self.engine), ids);
        messages.headers = [
            (":method", &ask.method),
            (":scheme", &"http".to_owned()),
            (":authority", &ask.host),
            (":path", &ask.path),
        ]
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .to_vec();
        messages.headers.extend(ask.lower_headers(token));
        messages.trailers.clone_from(&ask.trailers);
        let headers: Vec<(&[u8], &[u8])> =
            messages.headers.iter().map(|(n, v)| (n.as_bytes(), v.as_slice())).collect();
        let end = ask.chunks.is_empty() && ask.trailers.is_empty();
        let event = Event::RequestHeaders { headers: &headers, peer: &[], end };
        let mut step = enforcement.on(ask.clock(), event);
        let answer = ask.upstream.as_ref().unwrap_or(&self.file.upstream);
        loop {
            step = match step {
                Step::Ask(question) => {
                    let answer = self.answer(question);
                    enforcement.on(ask.clock(), Event::Answered(answer))
                }
                Step::CheckSignature(check) => {
                    let verdict = match check.verify() {
                        true => SignatureVerdict::Valid,
                        false => SignatureVerdict::Invalid,
                    };
                    enforcement.on_signature(ask.clock(), *check, verdict)
                }
                Step::CallOut(callouts) => self.call_out(&mut enforcement, ask, callouts),
                Step::NeedBody => {
                    self.tell_body(&mut enforcement, ask, &ask.chunks, |bytes, end| {
                        Event::RequestBody { bytes, end }
                    })
                }
                Step::Forward(_, edits) => {
                    messages.forward(&edits);
                    messages.answer(answer);
                    return enforcement;
                }
                Step::ForwardHeld(_, edits) => {
                    messages.forward(&edits);
                    self.respond(&mut enforcement, ask, answer)
                }
                Step::PassResponse => {
                    messages.answer(answer);
                    return enforcement;
                }
                Step::Reply(reply) => {
                    messages.client = Some((reply.status, reply.headers, reply.body));
                    return enforcement;
                }
                Step::HoldResponse | Step::Wait => return enforcement,
            };
        }
    }

    /// What a process without TLS answers.
    fn answer(&self, question: Question) -> Answer {
        match question {
            Question::PeerCertificate => Answer::PeerCertificate(None),
            Question::Secret => Answer::Secret(SECRET),
            Question::FirstUse(proof) => {
                let fresh = self.used.borrow_mut().insert(proof.name);
                Answer::FirstUse(if fresh { Memory::Fresh } else { Memory::Used })
            }
        }
    }

    fn call_out(
        &self,
        enforcement: &mut Enforcement,
        ask: &Ask,
        mut callouts: Vec<Callout>,
    ) -> Step {
        if self.in_pieces {
            callouts.reverse();
        }
        let mut last = Step::Wait;
        for callout in callouts {
            let scripted = self.file.cluster(&callout.cluster, &callout.path);
            let late = scripted
                .is_some_and(|s| i64::try_from(s.delay).unwrap_or(0) > callout.timeout.millis());
            // Envoy answers a dead cluster with 503, as one that hangs up, and a late one with 504.
            let status = match scripted {
                None => 503,
                Some(scripted) if scripted.reset => 503,
                Some(_) if late => 504,
                Some(scripted) => scripted.status,
            };
            let body = scripted.map(|s| s.body.clone()).unwrap_or_default();
            let reply = CalloutReply { status: Some(status), body: body.as_bytes() };
            last =
                enforcement.on(ask.clock(), Event::CalloutReply { callout: callout.number, reply });
        }
        last
    }

    /// A body, whole or as it arrives; its end alone, as HTTP/1.1 has it.
    fn tell_body(
        &self,
        enforcement: &mut Enforcement,
        ask: &Ask,
        chunks: &[String],
        event: impl for<'a> Fn(&'a [u8], bool) -> Event<'a>,
    ) -> Step {
        let mut so_far = Vec::new();
        for chunk in chunks {
            so_far.extend(chunk.as_bytes());
            if self.in_pieces {
                match enforcement.on(ask.clock(), event(&so_far, false)) {
                    Step::Wait | Step::NeedBody | Step::HoldResponse => {}
                    // Refused before its end.
                    step => return step,
                }
            }
        }
        enforcement.on(ask.clock(), event(&so_far, true))
    }

    /// The held response, headers and then body.
    fn respond(&self, enforcement: &mut Enforcement, ask: &Ask, answer: &Scripted) -> Step {
        let headers = response_headers(answer);
        let status = answer.status.to_string();
        let mut all: Vec<(&[u8], &[u8])> = vec![(b":status", status.as_bytes())];
        all.extend(headers.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())));
        let end = answer.body.is_empty() && answer.trailers.is_empty();
        match enforcement.on(ask.clock(), Event::ResponseHeaders { headers: &all, end }) {
            Step::HoldResponse => {
                let middle = answer.body.floor_char_boundary(answer.body.len() / 2);
                let (first, second) = answer.body.split_at(middle);
                let pieces = [first.to_owned(), second.to_owned()];
                self.tell_body(enforcement, ask, &pieces, |bytes, end| Event::ResponseBody {
                    bytes,
                    end,
                })
            }
            other => other,
        }
    }
}

/// The headers of a scripted answer.
pub(super) fn response_headers(answer: &Scripted) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> =
        answer.headers.iter().map(|(n, v)| (n.clone(), v.clone())).collect();
    if !answer.headers.contains_key("content-type") {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    headers
}

impl Messages {
    fn forward(&mut self, edits: &Edits) {
        self.reached = true;
        self.headers.retain(|(name, _)| {
            !edits.remove.iter().any(|gone| gone == name)
                && !edits.set.iter().any(|(set, _)| set == name)
        });
        let set = edits.set.iter().map(|(n, v)| (n.clone().into_owned(), v.clone().into_bytes()));
        self.headers.extend(set);
        if edits.drop_ambit_trailers {
            self.trailers.retain(|(name, _)| !enforcement::is_no_trailer(name.as_bytes()));
        }
    }

    fn answer(&mut self, answer: &Scripted) {
        self.client =
            Some((answer.status, response_headers(answer), answer.body.clone().into_bytes()));
    }
}

impl Engine for Native {
    fn name(&self) -> &'static str {
        if self.in_pieces { "native, in pieces" } else { "native" }
    }

    fn ask(&mut self, ask: &Ask, token: Option<&str>) -> Result<Observed, String> {
        self.ask_why(ask, token).map(|(observed, _)| observed)
    }
}

impl Native {
    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        self.engine.policy()
    }

    /// The record of one request, as it stands in a log.
    #[must_use]
    pub fn record(&self, ask: &Ask, token: Option<&str>) -> String {
        let mut messages = Messages::default();
        let enforcement = self.drive(ask, token, &mut messages);
        let status = messages.client.map(|(status, ..)| status).unwrap_or_default();
        enforcement.record(Outcome { status, ..Outcome::default() })
    }

    /// What comes of one request, and why.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn ask_why(&self, ask: &Ask, token: Option<&str>) -> Result<(Observed, Trace), String> {
        let mut messages = Messages::default();
        let enforcement = self.drive(ask, token, &mut messages);
        let (status, headers, mut body) = messages.client.unwrap_or_default();
        if ask.method == "HEAD" {
            // No gateway sends a body with it.
            body.clear();
        }
        let record = enforcement.record(Outcome { status, ..Outcome::default() });
        let record = serde_json::from_str(&record).map_err(|error| error.to_string())?;
        let text = |name: &str| {
            let found = messages.headers.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
        };
        let upstream = messages.reached.then(|| Reached {
            method: text(":method"),
            path: text(":path"),
            body: ask.chunks.concat(),
            headers: messages
                .headers
                .iter()
                .map(|(n, v)| (n.clone(), String::from_utf8_lossy(v).into_owned()))
                .collect(),
            trailers: messages.trailers.clone(),
        });
        let observed = Observed::new(status, &headers, &body, upstream, Some(&record));
        Ok((observed, enforcement.trace(ask.clock())))
    }
}
