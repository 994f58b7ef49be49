//! Requests with bound tokens: any events in any order, and never one through whose sender did not
//! prove to be the one the token is bound to.

use super::identity::{NOW, engine, token};
use ambit::enforcement::{
    Answer, Enforcement, Event, Ids, Memory, Question, SignatureVerdict, Step,
};
use ambit::identity::SignatureCheck;
use ambit::identity::issue::SigningKey;
use ambit::{Span, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const CERTIFICATE: [u8; 32] = [0xab; 32];
/// Which proofs are good, with `$0`, and for which request.
const GOOD: [(usize, &str); 4] =
    [(0, "GET /p/1"), (1, "GET /p/2"), (3, "HEAD /p/1"), (4, "GET /p/3")];

thread_local! {
    static TEXTS: Option<Texts> = texts();
}

/// Tokens `$0` to `$4`: bound to a key, to a certificate, to nothing, to another key, to something
/// nobody knows. Proofs `%0` to `%7`: [`GOOD`] ones, and ones for another token or time or by another
/// key.
#[derive(Clone)]
struct Texts {
    tokens: Vec<String>,
    proofs: Vec<String>,
}

fn digest(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

fn texts() -> Option<Texts> {
    let (own, other) = (public(8)?, public(9)?);
    let claims = |cnf: Value| {
        let mut claims = json!({
            "iss": "https://idp.example.com", "sub": "alice", "client_id": "bot", "jti": "t",
            "aud": "https://api.example.com", "scope": "*:*", "iat": NOW, "exp": NOW + 300,
        });
        if let (Some(members), false) = (claims.as_object_mut(), cnf.is_null()) {
            members.insert("cnf".to_owned(), cnf);
        }
        token(claims.to_string().as_bytes())
    };
    let bound = |key: &Value| claims(json!({ "jkt": digest(key.to_string().as_bytes()) }));
    let tokens = vec![
        bound(&own),
        claims(json!({ "x5t#S256": URL_SAFE_NO_PAD.encode(CERTIFICATE) })),
        claims(Value::Null),
        bound(&other),
        claims(json!({ "kid": "x" })),
    ];
    let proof = |key: &Value, of: usize, method: &str, path: &str, at: i64, id: &str| {
        let header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": key });
        let payload = json!({
            "jti": id, "htm": method, "htu": format!("https://api.example.com{path}"), "iat": at,
            "ath": digest(tokens.get(of).map_or(&[], |token| token.as_bytes())),
        });
        let parts = [header.to_string(), payload.to_string()].map(|p| URL_SAFE_NO_PAD.encode(p));
        format!("{}.{}", parts.join("."), URL_SAFE_NO_PAD.encode([1; 64]))
    };
    let proofs = vec![
        proof(&own, 0, "GET", "/p/1", NOW, "a"),
        proof(&own, 0, "GET", "/p/2", NOW, "b"),
        proof(&own, 3, "GET", "/p/1", NOW, "c"),
        proof(&own, 0, "HEAD", "/p/1", NOW, "d"),
        proof(&own, 0, "GET", "/p/3", NOW, "e"),
        proof(&own, 0, "GET", "/p/1", NOW - 600, "f"),
        proof(&other, 0, "GET", "/p/1", NOW, "g"),
        proof(&own, 1, "GET", "/p/1", NOW, "h"),
    ];
    Some(Texts { tokens, proofs })
}

fn public(seed: u8) -> Option<Value> {
    let key = SigningKey::ed25519_from_seed(&[seed; 32]).ok()?;
    Some(json!({ "crv": "Ed25519", "kty": "OKP", "x": key.jwk("x").get("x")? }))
}

/// What was told, as far as a sender's proof depends on it.
#[derive(Default)]
struct Told {
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    begun: bool,
    ended: bool,
    seconds: i64,
    /// Whether the token's and the proof's signatures were said to be valid.
    token: bool,
    proof: bool,
    secret: bool,
    fresh: bool,
    certificate: bool,
}

/// One event a line: `h name: value`, `end`, `s verdict`, `a answer` (secret, fresh, used, full, cert,
/// other, none), `t seconds`, `f` (the host failed).
pub(super) fn senders(bytes: &[u8]) -> bool {
    let (Some(engine), Some(texts)) =
        (engine(", sender_constraint: required"), TEXTS.with(Clone::clone))
    else {
        return false;
    };
    let mut enforcement = Enforcement::new(engine, Ids::default());
    let (mut told, mut check, mut question) = (Told::default(), None, None);
    for line in bytes.split(|byte| *byte == b'\n').take(48) {
        let (op, rest) = line.split_at_checked(2).unwrap_or((line, &[]));
        let now = Timestamp::from_secs(NOW).plus(Span::from_secs(told.seconds));
        let step = match op {
            b"h " if !told.begun => {
                told.header(rest, &texts);
                continue;
            }
            b"t " => {
                let seconds: i64 = String::from_utf8_lossy(rest).parse().unwrap_or_default();
                told.seconds += seconds.clamp(0, 1000);
                continue;
            }
            b"en" => {
                told.begun = true;
                let headers: Vec<(&[u8], &[u8])> =
                    told.headers.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
                enforcement
                    .on(now, Event::RequestHeaders { headers: &headers, peer: &[], end: true })
            }
            b"s " => match told.verdict(rest, check.take()) {
                Some((check, verdict)) => enforcement.on_signature(now, check, verdict),
                None => continue,
            },
            b"a " => match told.answer(rest, question.take()) {
                Some(answer) => enforcement.on(now, Event::Answered(answer)),
                None => continue,
            },
            _ if line == b"f" => enforcement.on(now, Event::HostFailed),
            _ => continue,
        };
        match step {
            Step::CheckSignature(asked) => check = Some(*asked),
            Step::Ask(asked) => question = Some(asked),
            Step::Forward(..) => {
                assert!(!told.ended, "forwarded after an end");
                if let Err(missing) = told.proves(&texts) {
                    panic!("forwarded without {missing}");
                }
                return true;
            }
            Step::Reply(reply) => {
                assert!((400..600).contains(&reply.status), "status {}", reply.status);
                told.ended = true;
            }
            other => assert!(told.ended, "no step of such a request: {other:?}"),
        }
    }
    false
}

impl Told {
    fn header(&mut self, line: &[u8], texts: &Texts) {
        let at = line.iter().skip(1).position(|byte| *byte == b':').map_or(line.len(), |at| at + 1);
        let (name, value) = line.split_at(at);
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii_start();
        let mut value = String::from_utf8_lossy(value).into_owned();
        for (mark, all) in [('$', &texts.tokens), ('%', &texts.proofs)] {
            for (number, text) in all.iter().enumerate() {
                value = value.replace(&format!("{mark}{number}"), text);
            }
        }
        self.headers.push((name.to_vec(), value.into_bytes()));
    }

    fn verdict(
        &mut self,
        said: &[u8],
        check: Option<SignatureCheck>,
    ) -> Option<(SignatureCheck, SignatureVerdict)> {
        let check = check?;
        let verdict = match said {
            b"valid" => SignatureVerdict::Valid,
            b"invalid" => SignatureVerdict::Invalid,
            _ => SignatureVerdict::Unavailable,
        };
        let valid = verdict == SignatureVerdict::Valid;
        match check.is_of_proof() {
            true => self.proof |= valid,
            false => self.token |= valid,
        }
        Some((check, verdict))
    }

    /// An answer, to the question that was asked or to another.
    fn answer(&mut self, said: &[u8], asked: Option<Question>) -> Option<Answer> {
        let asked = asked?;
        let use_asked = matches!(asked, Question::FirstUse(_));
        Some(match said {
            b"secret" => {
                self.secret |= asked == Question::Secret;
                Answer::Secret([3; 32])
            }
            b"fresh" => {
                self.fresh |= use_asked;
                Answer::FirstUse(Memory::Fresh)
            }
            b"used" => Answer::FirstUse(Memory::Used),
            b"full" => Answer::FirstUse(Memory::Full),
            b"cert" => {
                self.certificate |= asked == Question::PeerCertificate;
                Answer::PeerCertificate(Some(CERTIFICATE))
            }
            b"other" => Answer::PeerCertificate(Some([0; 32])),
            _ => Answer::PeerCertificate(None),
        })
    }

    fn only(&self, wanted: &str) -> Option<String> {
        let named = |(name, _): &&(Vec<u8>, Vec<u8>)| name.eq_ignore_ascii_case(wanted.as_bytes());
        let all: Vec<_> = self.headers.iter().filter(named).collect();
        let [(_, value)] = all.as_slice() else { return None };
        Some(String::from_utf8_lossy(value).into_owned())
    }

    /// What only the holder of the key or of the certificate could have brought about.
    fn proves(&self, texts: &Texts) -> Result<(), &'static str> {
        let presented = self.only("authorization").ok_or("one credential")?;
        let (scheme, presented) = presented.split_once(' ').ok_or("a scheme")?;
        let is = |number: usize| texts.tokens.get(number).is_some_and(|one| one == presented);
        let line = [":method", ":path"].map(|name| self.only(name).unwrap_or_default()).join(" ");
        let proved = |(number, of): &(usize, &str)| {
            line == *of && self.only("dpop").as_ref() == texts.proofs.get(*number)
        };
        if !self.token {
            return Err("a token with a valid signature");
        }
        if is(1) && scheme.eq_ignore_ascii_case("bearer") {
            return self.certificate.then_some(()).ok_or("the certificate");
        }
        let held = [
            ("a bound token", is(0)),
            ("its scheme", scheme.eq_ignore_ascii_case("dpop")),
            ("a proof for the request", GOOD.iter().any(proved)),
            ("a proof with a valid signature", self.proof),
            ("the secret", self.secret),
            ("a first use", self.fresh),
            // A minute, and the clocks' default for another.
            ("a proof of late", self.seconds <= 120),
        ];
        held.into_iter().find(|(_, holds)| !holds).map_or(Ok(()), |(missing, _)| Err(missing))
    }
}
