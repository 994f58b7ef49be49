//! Whole requests: any events in any order, and never a request through that nothing entitles.

use super::identity::{NOW, engine, token};
use ambit::Timestamp;
use ambit::enforcement::{
    CalloutReply, Edits, Enforcement, Engine, Event, Ids, Outcome, SignatureVerdict, Step,
};
use serde_json::{Value, json};
use std::rc::Rc;

thread_local! {
    static ENGINE: Option<Rc<Engine>> = engine("");
    static TOKENS: [String; 6] = tokens();
}

/// What `$0` to `$5` stand for; only the first two entitle to anything.
fn tokens() -> [String; 6] {
    let claims = |subject: &str, scope: &str, audience: &str, expires: i64| {
        let claims = json!({
            "iss": "https://idp.example.com", "sub": subject, "client_id": "bot", "jti": "t",
            "aud": audience, "scope": scope, "iat": NOW, "exp": expires,
        });
        format!("Bearer {}", token(claims.to_string().as_bytes()))
    };
    let api = "https://api.example.com";
    [
        claims("alice", "*:*", api, NOW + 300),
        claims("bob", "read:plain read:looked", api, NOW + 300),
        claims("alice", "*:*", api, NOW - 300),
        claims("alice", "*:*", "https://other.example.com", NOW + 300),
        claims("alice", "no:read *:*", api, NOW + 300),
        "Bearer a.b.c".to_owned(),
    ]
}

/// What was told so far, as far as an entitlement depends on it.
#[derive(Default)]
struct Told {
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    peer: Vec<String>,
    begun: bool,
    /// Whether a signature that was asked for was said to be valid.
    valid: bool,
    asked: bool,
    /// Look-ups that were asked for, and who owns the record by the one that answered.
    callouts: Vec<u32>,
    owner: Option<String>,
    body: Vec<u8>,
    /// Who owns it by the response.
    response_owner: Option<String>,
    json: bool,
    response: Vec<u8>,
    late: bool,
    forwarded: bool,
    passed: bool,
    replied: bool,
}

/// One event a line: `h name: value`, `end` and `go` (headers with and without an end), `s verdict`,
/// `c number status body`, `b` and `e` (body so far, and whole), `r status type`, `x` and `y`
/// (response), `f` (the host failed), `p id`, `t seconds`. Told twice, for the same steps.
pub(super) fn enforcement(bytes: &[u8]) -> bool {
    let Some(engine) = ENGINE.with(Clone::clone) else { return false };
    let (first, forwarded) = tell(&engine, bytes);
    let Some(fresh) = self::engine("") else { return false };
    let (again, _) = tell(&fresh, bytes);
    // A token that is remembered needs no check, and the events meet another phase.
    let checks =
        |steps: &[String]| steps.iter().filter(|s| s.starts_with("CheckSignature")).count();
    if checks(&first) == checks(&again) {
        assert_eq!(first, again, "the same events, other steps");
    }
    forwarded
}

fn tell(engine: &Rc<Engine>, bytes: &[u8]) -> (Vec<String>, bool) {
    let ids = Ids { record: "record".to_owned(), boot: "boot".into() };
    let mut enforcement = Enforcement::new(Rc::clone(engine), ids);
    let (mut told, mut steps) = (Told::default(), Vec::new());
    let mut now = Timestamp::from_secs(NOW);
    let mut check = None;
    for line in bytes.split(|byte| *byte == b'\n').take(64) {
        let (op, rest) = line.split_at_checked(2).unwrap_or((line, &[]));
        let step = match op {
            b"h " => {
                told.header(rest);
                continue;
            }
            b"p " => {
                told.peer.push(String::from_utf8_lossy(rest).into_owned());
                continue;
            }
            b"t " => {
                let seconds =
                    String::from_utf8_lossy(rest).parse().unwrap_or(0_i64).clamp(0, 100_000);
                told.late |= seconds > 200;
                now = now.plus(ambit::Span::from_secs(seconds));
                continue;
            }
            b"en" | b"go" => {
                let headers: Vec<(&[u8], &[u8])> =
                    told.headers.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
                let event =
                    Event::RequestHeaders { headers: &headers, peer: &told.peer, end: op == b"en" };
                enforcement.on(now, event)
            }
            b"s " => {
                let verdict = match rest {
                    b"valid" => SignatureVerdict::Valid,
                    b"invalid" => SignatureVerdict::Invalid,
                    _ => SignatureVerdict::Unavailable,
                };
                let Some(check) = check.take() else { continue };
                told.valid |= verdict == SignatureVerdict::Valid;
                enforcement.on_signature(now, check, verdict)
            }
            b"c " => {
                let text = String::from_utf8_lossy(rest).into_owned();
                let mut words = text.splitn(3, ' ');
                let number = words.next().and_then(|text| text.parse().ok()).unwrap_or(u32::MAX);
                let status = words.next().and_then(|text| text.parse().ok());
                let body = words.next().unwrap_or_default();
                let event = Event::CalloutReply {
                    callout: number,
                    reply: CalloutReply { status, body: body.as_bytes() },
                };
                if status == Some(200) && told.callouts.contains(&number) && told.owner.is_none() {
                    told.owner = owner(body.as_bytes());
                }
                enforcement.on(now, event)
            }
            b"b " | b"e " => {
                told.body.extend(rest);
                enforcement.on(now, Event::RequestBody { bytes: &told.body, end: op == b"e " })
            }
            b"r " => {
                let text = String::from_utf8_lossy(rest).into_owned();
                let (status, kind) = text.split_once(' ').unwrap_or((&text, ""));
                told.json = status.starts_with('2') && kind == "application/json";
                let headers: [(&[u8], &[u8]); 2] =
                    [(b":status", status.as_bytes()), (b"content-type", kind.as_bytes())];
                enforcement.on(now, Event::ResponseHeaders { headers: &headers, end: false })
            }
            b"x " | b"y " => {
                told.response.extend(rest);
                if op == b"y " {
                    told.response_owner = owner(&told.response);
                }
                enforcement.on(now, Event::ResponseBody { bytes: &told.response, end: op == b"y " })
            }
            _ if line == b"f" => enforcement.on(now, Event::HostFailed),
            _ => continue,
        };
        steps.push(format!("{step:?}"));
        told.take(step, &mut check);
    }
    let record = enforcement.record(Outcome::default());
    assert!(record.len() <= 4096 && serde_json::from_str::<Value>(&record).is_ok(), "{record}");
    (steps, told.forwarded)
}

fn owner(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get("owner")?.as_str().map(str::to_owned)
}

impl Told {
    /// A header that the request will have. Once it was told, no other can come.
    fn header(&mut self, line: &[u8]) {
        if self.begun {
            return;
        }
        let at = line.iter().skip(1).position(|byte| *byte == b':').map_or(line.len(), |at| at + 1);
        let (name, value) = line.split_at(at);
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii_start();
        let value = match value {
            [b'$', digit] => TOKENS.with(|tokens| {
                let at = usize::from(digit.wrapping_sub(b'0'));
                tokens.get(at).map_or_else(|| value.to_vec(), |token| token.as_bytes().to_vec())
            }),
            other => other.to_vec(),
        };
        self.headers.push((name.to_vec(), value));
    }

    fn all(&self, wanted: &str) -> Vec<&[u8]> {
        let named =
            self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
        named.map(|(_, value)| value.as_slice()).collect()
    }

    /// Whose token it is, and which; `None` without exactly one that entitles to anything.
    fn entitled(&self) -> Option<(&'static str, usize)> {
        let presented = self.all("authorization");
        let [one] = presented.as_slice() else { return None };
        TOKENS.with(|tokens| {
            let at = tokens.iter().take(2).position(|token| token.as_bytes() == *one)?;
            Some((if at == 0 { "alice" } else { "bob" }, at))
        })
    }

    fn take(&mut self, step: Step, check: &mut Option<ambit::identity::SignatureCheck>) {
        self.begun = true;
        match step {
            Step::CheckSignature(asked) => {
                assert!(!self.forwarded && !self.replied, "a signature after the end");
                self.asked = true;
                *check = Some(*asked);
            }
            Step::Ask(question) => panic!("no token is bound, and asked is {question:?}"),
            Step::CallOut(callouts) => {
                assert!(!self.forwarded && !self.replied, "a look-up after the end");
                self.callouts.extend(callouts.iter().map(|callout| callout.number));
            }
            Step::Forward(_, edits) => self.forward(&edits, false),
            Step::ForwardHeld(_, edits) => self.forward(&edits, true),
            Step::Reply(reply) => {
                assert!(!self.replied, "two answers");
                assert!(
                    !self.passed || !self.forwarded || reply.status >= 500,
                    "an answer after one passed"
                );
                assert!((200..600).contains(&reply.status), "status {}", reply.status);
                for (name, value) in &reply.headers {
                    assert!(
                        !name.contains(['\r', '\n', ':']) && !value.contains(['\r', '\n', '\0']),
                        "{name}: {value}"
                    );
                }
                self.replied = true;
            }
            Step::PassResponse => {
                let held = self.all(":path").first().is_some_and(|path| path.starts_with(b"/h/"));
                if held && self.forwarded && !self.replied && !self.passed {
                    let (subject, _) = self.entitled().unwrap_or_default();
                    assert!(self.json, "passed what is no JSON");
                    assert_eq!(
                        self.response_owner.as_deref(),
                        Some(subject),
                        "passed another's record"
                    );
                }
                self.passed = true;
            }
            Step::HoldResponse | Step::NeedBody | Step::Wait => {}
        }
    }

    fn forward(&mut self, edits: &Edits, held: bool) {
        assert!(!self.forwarded && !self.replied, "forwarded twice, or after an answer");
        self.forwarded = true;
        self.passed = !held;
        let Some((subject, which)) = self.entitled() else {
            panic!("forwarded without a good token: {:?}", self.headers);
        };
        assert!(self.valid || !self.asked, "forwarded with a signature nobody found valid");
        assert!(!self.late, "forwarded when the token had expired");
        for name in [":method", ":path", ":authority"] {
            assert_eq!(self.all(name).len(), 1, "{name} is not there once");
        }
        let path = self.all(":path").first().map(|path| path.to_vec()).unwrap_or_default();
        let method = self.all(":method").first().map(|method| method.to_vec()).unwrap_or_default();
        let decoded = String::from_utf8_lossy(&path).into_owned();
        let kind = decoded.get(..3).unwrap_or_default();
        // Only the plainest spelling of what may be read; others are allowed where they decode to it.
        if !decoded.contains('%') {
            assert!(matches!(kind, "/p/" | "/l/" | "/h/"), "forwarded {decoded}");
        }
        assert!(matches!(method.as_slice(), b"GET" | b"HEAD"), "forwarded a change");
        if kind == "/l/" {
            assert_eq!(self.owner.as_deref(), Some(subject), "forwarded another's record");
        }
        assert_eq!(held, kind == "/h/", "held or not");
        assert!(!(held && which == 1), "forwarded beyond the token's scopes");
        let sent = self.sent(edits);
        let ambit: Vec<_> =
            sent.iter().filter(|(name, _)| name.replace('_', "-").starts_with("ambit")).collect();
        assert_eq!(ambit.len(), 1, "not exactly one `ambit` header: {ambit:?}");
        for gone in
            ["authorization", "cookie", "proxy-authorization", "dpop", "x-http-method-override"]
        {
            assert!(sent.iter().all(|(name, _)| name != gone), "{gone} was forwarded");
        }
    }

    /// The request's headers as the upstream gets them.
    fn sent(&self, edits: &Edits) -> Vec<(String, Vec<u8>)> {
        let lower = |name: &[u8]| String::from_utf8_lossy(name).to_ascii_lowercase();
        let set: Vec<String> =
            edits.set.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        let mut sent: Vec<(String, Vec<u8>)> = self
            .headers
            .iter()
            .map(|(name, value)| (lower(name), value.clone()))
            .filter(|(name, _)| {
                !edits.remove.iter().any(|gone| gone == name) && !set.contains(name)
            })
            .collect();
        sent.extend(
            edits.set.iter().map(|(n, v)| (n.to_ascii_lowercase(), v.clone().into_bytes())),
        );
        sent
    }
}
