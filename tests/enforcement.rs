//! The sans-IO enforcement from the outside: what no order of events may lead to.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit::Timestamp;
use ambit::enforcement::{
    CalloutReply, Enforcement, Engine, Event, Ids, Outcome, Recall, Reply, SignatureVerdict, Step,
};
use ambit::identity::issue::SigningKey;
use ambit::policy::Policy;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::rc::Rc;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const SEED: [u8; 32] = [9; 32];

fn key(seed: u8) -> SigningKey {
    SigningKey::ed25519_from_seed(&[seed; 32]).unwrap()
}

fn engine() -> Rc<Engine> {
    let jwks = format!("{{ inline: {{ keys: [{}] }} }}", key(7).jwk("k1"));
    let policy = include_str!("enforced.yaml").replace("JWKS", &jwks)
        + "approvals: { signing_key: { env: KEY } }\n";
    let loaded = Policy::load_yaml("p", &policy).unwrap_or_else(|errors| panic!("{errors}"));
    let environment = |_: &str| Some(URL_SAFE_NO_PAD.encode(SEED));
    Rc::new(Engine::with(loaded, &environment).unwrap())
}

fn token(seed: u8) -> String {
    key(seed).sign(
        &json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "k1" }),
        &json!({
            "iss": "https://idp.example.com", "sub": "alice", "client_id": "bot", "jti": "t",
            "aud": "https://api.example.com", "scope": "*:*", "iat": NOW.secs(), "exp": NOW.secs() + 300,
        }),
    )
}

fn begin(
    engine: &Rc<Engine>,
    method: &str,
    path: &str,
    token: &str,
    end: bool,
) -> (Enforcement, Step) {
    let ids = Ids { record: "r1".to_owned(), boot: "b1".into() };
    let mut enforcement = Enforcement::new(Rc::clone(engine), ids);
    let authorization = format!("Bearer {token}");
    let headers: Vec<(&[u8], &[u8])> = vec![
        (b":method", method.as_bytes()),
        (b":scheme", b"https"),
        (b":authority", b"api.example.com"),
        (b":path", path.as_bytes()),
        (b"authorization", authorization.as_bytes()),
    ];
    let step = enforcement.on(NOW, Event::RequestHeaders { headers: &headers, peer: &[], end });
    (enforcement, step)
}

/// Checks signatures here, until another step comes.
fn checked(enforcement: &mut Enforcement, mut step: Step) -> Step {
    while let Step::CheckSignature(check) = step {
        let verdict =
            if check.verify() { SignatureVerdict::Valid } else { SignatureVerdict::Invalid };
        step = enforcement.on_signature(NOW, *check, verdict);
    }
    step
}

fn reply(step: Step) -> Reply {
    match step {
        Step::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

#[test]
fn a_verified_token_is_remembered_and_its_times_are_not() {
    let engine = engine();
    let token = token(7);
    let (_, first) = begin(&engine, "GET", "/p/1", &token, true);
    assert!(matches!(first, Step::CheckSignature(_)));
    let (mut enforcement, step) = begin(&engine, "GET", "/p/1", &token, true);
    assert!(matches!(checked(&mut enforcement, step), Step::Forward(..)));
    let (enforcement, again) = begin(&engine, "GET", "/p/1", &token, true);
    assert!(matches!(again, Step::Forward(..)), "{again:?}");
    assert_eq!(enforcement.recall(), Some(Recall::Hit));
    // The same bytes, an hour later.
    let mut late = Enforcement::new(Rc::clone(&engine), Ids::default());
    let authorization = format!("Bearer {token}");
    let headers: Vec<(&[u8], &[u8])> = vec![
        (b":method", b"GET"),
        (b":authority", b"api.example.com"),
        (b":path", b"/p/1"),
        (b"authorization", authorization.as_bytes()),
    ];
    let later = NOW.plus(ambit::Span::from_secs(3600));
    let step = late.on(later, Event::RequestHeaders { headers: &headers, peer: &[], end: true });
    assert_eq!(body(&reply(step))["reason"], "expired");
}

#[test]
fn a_signature_nobody_could_check_closes() {
    let engine = engine();
    for (verdict, status) in
        [(SignatureVerdict::Invalid, 401), (SignatureVerdict::Unavailable, 503)]
    {
        let (mut enforcement, step) = begin(&engine, "GET", "/p/1", &token(7), true);
        let Step::CheckSignature(check) = step else { panic!() };
        let step = enforcement.on_signature(NOW, *check, verdict);
        assert_eq!(reply(step).status, status);
        // And is not remembered.
        let (_, again) = begin(&engine, "GET", "/p/1", &token(7), true);
        assert!(matches!(again, Step::CheckSignature(_)));
    }
}

#[test]
fn the_approval_request_is_signed_by_the_gateway_and_binds_who_asks_for_what() {
    let engine = engine();
    let ask = |text: &'static [u8]| {
        let (mut enforcement, step) = begin(&engine, "PUT", "/a/7", &token(7), false);
        assert!(matches!(checked(&mut enforcement, step), Step::NeedBody));
        body(&reply(enforcement.on(NOW, Event::RequestBody { bytes: text, end: true })))
    };
    let problem = ask(b"hello");
    let approval = &problem["approval"];
    let jws = approval["request"].as_str().unwrap();
    let (message, signature) = jws.rsplit_once('.').unwrap();
    let signed = SigningKey::ed25519_from_seed(&SEED).unwrap().signature(message.as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(signed), signature, "by the gateway's key");
    let payload = message.split_once('.').unwrap().1;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    assert_eq!(claims["digest"], approval["digest"]);
    assert_eq!(claims["subject"], json!({ "realm": "https://idp.example.com", "id": "alice" }));
    assert_eq!((&claims["actors"], &claims["action"]), (&json!(["bot"]), &json!("write")));
    assert_eq!(claims["resource"], json!({ "type": "asked", "id": "7" }));
    assert_eq!(claims["gateway"], json!({ "name": "enforced", "boot": "b1" }));
    assert_eq!(claims["exp"], NOW.secs() + 1800);
    assert_ne!(ask(b"hellp")["approval"]["digest"], approval["digest"]);
    let served = begin(&engine, "GET", "/.well-known/ambit/jwks", "x", true).1;
    let keys = body(&reply(served));
    assert_eq!(
        keys["keys"][0]["x"],
        SigningKey::ed25519_from_seed(&SEED).unwrap().jwk("ambit")["x"]
    );
}

#[test]
fn a_held_answer_that_is_refused_tells_nothing_of_the_record() {
    let engine = engine();
    let refusal = |status: &'static [u8], kind: &'static [u8], text: &'static [u8]| {
        let (mut enforcement, step) = begin(&engine, "GET", "/h/7", &token(7), true);
        assert!(matches!(checked(&mut enforcement, step), Step::ForwardHeld(..)));
        let headers: Vec<(&[u8], &[u8])> = vec![(b":status", status), (b"content-type", kind)];
        let step = enforcement.on(NOW, Event::ResponseHeaders { headers: &headers, end: false });
        match step {
            Step::HoldResponse => {
                reply(enforcement.on(NOW, Event::ResponseBody { bytes: text, end: true }))
            }
            other => reply(other),
        }
    };
    let json_kind = b"application/json";
    let another = refusal(b"200", json_kind, br#"{"owner":"bob"}"#);
    for (status, kind, text) in [
        (&b"404"[..], &json_kind[..], &b"{}"[..]),
        (b"500", json_kind, b"{}"),
        (b"206", json_kind, br#"{"owner":"alice"}"#),
        (b"200", b"text/html", b"<p>"),
        (b"200", json_kind, b"{"),
        (b"200", json_kind, b"{}"),
        (b"304", json_kind, b""),
    ] {
        assert_eq!(refusal(status, kind, text), another);
    }
    // Nor does an ordinary refusal differ.
    let (mut enforcement, step) = begin(&engine, "GET", "/l/7", &token(7), true);
    let Step::CallOut(calls) = checked(&mut enforcement, step) else { panic!() };
    let reply_of = CalloutReply { status: Some(404), body: b"" };
    let step =
        enforcement.on(NOW, Event::CalloutReply { callout: calls[0].number, reply: reply_of });
    assert_eq!(reply(step), another);
}

/// What a confused or hostile host could tell.
#[derive(Clone, Debug)]
enum Told {
    Body(Vec<u8>, bool),
    Callout(u32, Option<u16>, Vec<u8>),
    Failed,
    Headers,
    Response(Vec<u8>),
    ResponseHeaders(u16),
}

fn any_told() -> impl Strategy<Value = Told> {
    let owner = prop::sample::select(vec![
        br#"{"owner":"alice"}"#.to_vec(),
        br#"{"owner":"bob"}"#.to_vec(),
        b"{".to_vec(),
    ]);
    prop_oneof![
        (prop::collection::vec(any::<u8>(), 0..20), any::<bool>())
            .prop_map(|(b, e)| Told::Body(b, e)),
        (0_u32..3, prop::option::of(prop::sample::select(vec![200_u16, 404, 503])), owner.clone())
            .prop_map(|(n, s, b)| Told::Callout(n, s, b)),
        Just(Told::Failed),
        Just(Told::Headers),
        owner.prop_map(Told::Response),
        prop::sample::select(vec![200_u16, 404]).prop_map(Told::ResponseHeaders),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_order_of_events_forwards_without_a_valid_token(
        path in prop::sample::select(vec!["/p/1", "/l/1", "/h/1", "/a/1", "/x"]),
        method in prop::sample::select(vec!["GET", "PUT", "DELETE", "HEAD"]),
        good in any::<bool>(),
        told in prop::collection::vec(any_told(), 0..8),
    ) {
        let engine = engine();
        let (mut enforcement, step) = begin(&engine, method, path, &token(if good { 7 } else { 8 }), false);
        let mut steps = vec![checked(&mut enforcement, step)];
        for one in &told {
            let status;
            let headers: Vec<(&[u8], &[u8])>;
            let event = match one {
                Told::Body(bytes, end) => Event::RequestBody { bytes, end: *end },
                Told::Callout(callout, status, body) => Event::CalloutReply {
                    callout: *callout,
                    reply: CalloutReply { status: *status, body },
                },
                Told::Failed => Event::HostFailed,
                Told::Headers => Event::RequestHeaders { headers: &[], peer: &[], end: true },
                Told::Response(bytes) => Event::ResponseBody { bytes, end: true },
                Told::ResponseHeaders(code) => {
                    status = code.to_string();
                    headers = vec![(b":status", status.as_bytes()), (b"content-type", b"application/json")];
                    Event::ResponseHeaders { headers: &headers, end: false }
                }
            };
            steps.push(enforcement.on(NOW, event));
        }
        let sent = steps.iter().filter(|step| matches!(step, Step::Forward(..) | Step::ForwardHeld(..)));
        let sent = sent.count();
        prop_assert!(sent == 0 || (good && path != "/x" && sent == 1), "{:?} {:?}", told, steps);
        let record: Value = serde_json::from_str(&enforcement.record(Outcome::default())).unwrap();
        if !good {
            prop_assert_eq!(&record["outcome"]["forwarded"], &json!(false));
            prop_assert_eq!(&record["effect"], &json!("deny"));
        }
    }
}
