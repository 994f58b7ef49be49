//! Whatever a client sends and in whatever order a host tells it: no panic, nothing forwarded
//! without a valid token, and what is forwarded is what the record says was decided.

use super::host::{NOW, Upstream, World, borrowed, other_key, policy, signed, token};
use crate::enforcement::{
    CalloutReply, Enforcement, Event, Header, Outcome, SignatureVerdict, Step,
};
use crate::request::host;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// What a host could tell, in any order.
#[derive(Clone, Debug)]
enum Told {
    Body(Vec<u8>, bool),
    Callout(u32, Option<u16>, &'static [u8]),
    Failed,
    /// What the last step asked for.
    Fitting(&'static [u8]),
    Headers,
    Response(&'static [u8], bool),
    ResponseHeaders(&'static str, &'static str),
}

impl Told {
    /// What a host would tell next, the bytes aside.
    const fn fitting(step: &Step) -> Option<Self> {
        Some(match step {
            Step::CallOut(_) => Self::Callout(0, Some(200), b""),
            Step::NeedBody => Self::Body(Vec::new(), true),
            Step::ForwardHeld(..) => Self::ResponseHeaders("200", "application/json"),
            Step::HoldResponse => Self::Response(b"", true),
            // The second of two look-ups.
            Step::Wait => Self::Callout(1, Some(200), b""),
            Step::Ask(_)
            | Step::CheckSignature(_)
            | Step::Forward(..)
            | Step::PassResponse
            | Step::Reply(_) => return None,
        })
    }

    fn with(&self, bytes: &'static [u8]) -> Self {
        match self {
            Self::Callout(number, status, _) => Self::Callout(*number, *status, bytes),
            Self::Body(_, end) => Self::Body(bytes.to_vec(), *end),
            Self::Response(_, end) => Self::Response(bytes, *end),
            other => other.clone(),
        }
    }
}

/// What a client could change about a good request.
#[derive(Clone, Debug)]
enum Change {
    Add(Index, Vec<u8>, Vec<u8>),
    Remove(Index),
    Value(Index, Vec<u8>),
}

const BODIES: [&[u8]; 4] = [
    br#"{"owner":"alice","open":true,"sealed":false,"team":"red"}"#,
    br#"{"owner":"bob","open":true,"sealed":false,"team":"red"}"#,
    b"{",
    b"{}",
];

fn told() -> impl Strategy<Value = Told> {
    let body = || select(BODIES.to_vec());
    let status = prop::option::of(select(vec![200_u16, 404, 500]));
    prop_oneof![
        1 => (prop::collection::vec(any::<u8>(), 0..12), any::<bool>())
            .prop_map(|(bytes, end)| Told::Body(bytes, end)),
        1 => (0_u32..3, status, body()).prop_map(|(number, status, body)| Told::Callout(number, status, body)),
        3 => (0_u32..2, body()).prop_map(|(number, body)| Told::Callout(number, Some(200), body)),
        1 => Just(Told::Failed),
        9 => body().prop_map(Told::Fitting),
        1 => Just(Told::Headers),
        1 => (body(), any::<bool>()).prop_map(|(body, end)| Told::Response(body, end)),
        1 => (select(vec!["200", "404", "206"]), select(vec!["application/json", "text/html"]))
            .prop_map(|(status, kind)| Told::ResponseHeaders(status, kind)),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        "GET",
        "PUT",
        "get",
        "CONNECT",
        "/v1/tickets/7",
        "/v1/%74ickets/7",
        "/v1/letters/7?a=%2f",
        "/v1/../x",
        "//",
        "api.example.com",
        "API.example.com:443",
        "other.example",
        "https",
        "",
        "gzip",
        "application/x-www-form-urlencoded",
        "Bearer a.b.c",
        "a, b",
        "websocket",
    ];
    prop_oneof![
        4 => select(known.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..16),
        1 => "/v1/(tickets|notes)/[a-z%25./;]{0,8}".prop_map(String::into_bytes),
    ]
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        ":method",
        ":path",
        ":authority",
        ":scheme",
        ":protocol",
        "host",
        "authorization",
        "Authorization",
        "ambit",
        "Ambit_Sub",
        "AMBIT-x",
        "ambit-approval",
        "content-type",
        "content-encoding",
        "cookie",
        "x-tenant",
        "X-Tenant",
        "x-http-method",
        "if-match",
        "origin",
        "upgrade",
        "range",
        "x-other",
    ];
    prop_oneof![
        6 => select(known.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), name(), value())
            .prop_map(|(at, name, value)| Change::Add(at, name, value)),
        any::<Index>().prop_map(Change::Remove),
        (any::<Index>(), value()).prop_map(|(at, value)| Change::Value(at, value)),
    ]
}

/// Headers that a good request may carry, with values of any bytes.
fn addition() -> impl Strategy<Value = Change> {
    let names = [
        "ambit",
        "Ambit_Sub",
        "AMBIT-x",
        "cookie",
        "X-Tenant",
        "x-http-method",
        "range",
        "accept",
        "x-other",
    ];
    let any_value = prop::collection::vec(any::<u8>(), 0..16);
    (any::<Index>(), select(names.to_vec()), any_value)
        .prop_map(|(at, name, value)| Change::Add(at, name.as_bytes().to_vec(), value))
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop_oneof![
        3 => prop::collection::vec(addition(), 0..4),
        1 => prop::collection::vec(change(), 1..4),
    ]
}

fn changed(mut headers: Headers, changes: &[Change]) -> Headers {
    for change in changes {
        match change {
            Change::Add(at, name, value) => {
                headers.insert(at.index(headers.len() + 1), (name.clone(), value.clone()));
            }
            Change::Remove(at) if !headers.is_empty() => {
                headers.remove(at.index(headers.len()));
            }
            Change::Value(at, value) if !headers.is_empty() => {
                let at = at.index(headers.len());
                headers[at].1.clone_from(value);
            }
            Change::Remove(_) | Change::Value(..) => {}
        }
    }
    headers
}

fn tell(enforcement: &mut Enforcement, headers: &Headers, told: &Told, end: bool) -> Step {
    let event = match told {
        Told::Body(bytes, end) => Event::RequestBody { bytes, end: *end },
        Told::Callout(callout, status, body) => {
            let reply = CalloutReply { status: *status, body };
            Event::CalloutReply { callout: *callout, reply }
        }
        Told::Failed => Event::HostFailed,
        Told::Fitting(_) | Told::Headers => {
            let headers = borrowed(headers);
            return enforcement
                .on(NOW, Event::RequestHeaders { headers: &headers, peer: &[], end });
        }
        Told::Response(bytes, end) => Event::ResponseBody { bytes, end: *end },
        Told::ResponseHeaders(status, kind) => {
            let headers: [Header<'_>; 2] =
                [(b":status", status.as_bytes()), (b"content-type", kind.as_bytes())];
            return enforcement.on(NOW, Event::ResponseHeaders { headers: &headers, end: false });
        }
    };
    enforcement.on(NOW, event)
}

fn record(enforcement: &Enforcement) -> Value {
    serde_json::from_str(&enforcement.record(Outcome::default())).unwrap()
}

fn begins_with_ambit(name: &[u8]) -> bool {
    name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"ambit"))
}

/// The good token stands in the only `Authorization`.
fn proves_alice(headers: &Headers, good: &str) -> bool {
    let mut found = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"authorization"));
    let first = found.next().is_some_and(|(_, value)| value == format!("Bearer {good}").as_bytes());
    first && found.next().is_none()
}

/// What is forwarded is what was decided on, and says so.
fn agrees(upstream: &Upstream, record: &Value) {
    let http = &record["http"];
    let path = upstream.get(":path").unwrap();
    assert_eq!(path.split('?').next().unwrap(), http["path"]);
    assert_eq!(upstream.get(":method").unwrap(), http["method"].as_str().unwrap());
    let scheme = upstream.get(":scheme").unwrap_or_else(|| "http".to_owned());
    let authority = host::parse(&upstream.get(":authority").unwrap(), &scheme).unwrap();
    assert_eq!(authority, http["host"].as_str().unwrap());
    for gone in ["host", ":protocol", "upgrade", "x-http-method", "ambit-approval"] {
        assert!(!upstream.has(gone), "{gone}");
    }
    let ambit: Vec<_> = upstream.0.iter().filter(|(name, _)| begins_with_ambit(name)).collect();
    assert_eq!(ambit.len(), 1, "{ambit:?}");
    let told = String::from_utf8(ambit[0].1.clone()).unwrap();
    let resource = &record["resource"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    assert!(
        told.starts_with(&format!(
            "id=\"{}\", sub=\"alice\";realm=\"https://idp.example.com\", ",
            text(&record["id"])
        )),
        "{told}"
    );
    let action =
        format!("action=\"{}\", res=\"{}\"", text(&record["action"]), text(&resource["type"]));
    assert!(told.contains(&action), "{told}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_is_forwarded_without_a_valid_token_and_only_what_was_decided(
        (method, path) in select(vec![
            ("GET", "/v1/tickets/7"), ("HEAD", "/v1/notes/%37?q"), ("PUT", "/v1/notes/7"),
            ("GET", "/v1/documents/7"), ("PUT", "/v1/documents/7"), ("POST", "/v1/reports/7"),
            ("GET", "/v1/letters/7"), ("HEAD", "/v1/letters/7"), ("PUT", "/v1/payments/7"),
            ("DELETE", "/v1/payments/7"), ("GET", "/v1/nothing"),
        ]),
        bearer in 0..9_u8,
        verdict in prop::option::weighted(0.08, select(vec![
            SignatureVerdict::Invalid, SignatureVerdict::Unavailable,
        ])),
        remembered in any::<bool>(),
        tag in any::<bool>(),
        changes in changes(),
        first in prop::option::weighted(0.1, told()),
        events in prop::collection::vec(told(), 0..8),
        end in any::<bool>(),
    ) {
        let approvals = if tag { "approvals: { mode: tag, signing_key: { env: KEY } }" } else { "" };
        let world = World::with(approvals);
        let good = token(&json!({}));
        if remembered {
            world.ask("GET", "/v1/tickets/7").send().forwarded();
        }
        let ask = match bearer {
            0 => world.bare(method, path),
            1 => world.ask(method, path).token(&signed(&other_key(), &json!({}))),
            _ => world.ask(method, path),
        };
        let headers = changed(ask.headers, &changes);
        let mut enforcement = world.enforcement();
        let begin = Told::Headers;
        let mut sent = 0;
        let mut checked_well = remembered;
        let mut answered = false;
        let mut fitting = Told::Headers;
        for told in first.iter().chain([&begin]).chain(&events) {
            let told = match told {
                Told::Fitting(bytes) => &fitting.with(bytes),
                told => told,
            };
            let mut step = tell(&mut enforcement, &headers, told, end);
            while let Step::CheckSignature(check) = step {
                let honest = match check.verify() {
                    true => SignatureVerdict::Valid,
                    false => SignatureVerdict::Invalid,
                };
                let said = verdict.unwrap_or(honest);
                checked_well = said == SignatureVerdict::Valid;
                step = enforcement.on_signature(NOW, *check, said);
            }
            let record = record(&enforcement);
            if let Some(next) = Told::fitting(&step) {
                fitting = next;
            }
            match step {
                Step::Forward(_, edits) => {
                    sent += 1;
                    prop_assert!(!answered && proves_alice(&headers, &good) && checked_well);
                    prop_assert_eq!(&record["effect"], &json!("allow"));
                    prop_assert_eq!(&record["outcome"]["forwarded"], &json!(true));
                    agrees(&Upstream::of(&headers, &edits), &record);
                }
                Step::ForwardHeld(_, edits) => {
                    sent += 1;
                    prop_assert!(!answered && proves_alice(&headers, &good) && checked_well);
                    // Not allowed yet: what comes back is still to be looked at.
                    prop_assert_eq!(&record["effect"], &json!("deny"));
                    prop_assert_eq!(&record["http"]["method"], &json!("GET"));
                    agrees(&Upstream::of(&headers, &edits), &record);
                }
                Step::PassResponse => prop_assert!(sent == 1),
                Step::Reply(reply) => {
                    // An answer is the last word, but for a host that could not let go.
                    prop_assert!(!answered);
                    answered = true;
                    let public = reply.details == "ambit_allowed_public";
                    prop_assert_eq!(public, reply.status < 300);
                    prop_assert_eq!(&record["effect"], if public { "allow" } else { "deny" });
                    let text = String::from_utf8_lossy(&reply.body).into_owned();
                    prop_assert!(!text.contains(good.rsplit('.').next().unwrap()));
                }
                Step::CallOut(_) | Step::HoldResponse | Step::NeedBody | Step::Wait => {}
                Step::CheckSignature(_) => prop_assert!(false, "checked above"),
                Step::Ask(_) => prop_assert!(false, "no token here is bound"),
            }
        }
        prop_assert!(sent <= 1);
    }

    #[test]
    fn a_shadow_forwards_whatever_comes_once_and_without_what_was_forged(
        bearer in 0..3_u8,
        changes in prop::collection::vec(change(), 0..6),
        end in any::<bool>(),
    ) {
        let world = World::of(&policy("mode: shadow"));
        let ask = match bearer {
            0 => world.bare("GET", "/v1/letters/7"),
            1 => world.ask("PUT", "/v1/payments/7").token("a.b.c"),
            _ => world.ask("GET", "/v1/documents/%37"),
        };
        let headers = changed(ask.headers, &changes);
        let mut enforcement = world.enforcement();
        let mut step = tell(&mut enforcement, &headers, &Told::Headers, end);
        if let Step::CheckSignature(check) = step {
            step = enforcement.on_signature(NOW, *check, SignatureVerdict::Valid);
        }
        let Step::Forward(_, edits) = step else { panic!("{step:?}") };
        // Names that are no text do not come out of any gateway's parser.
        let wanted: Headers = headers
            .iter()
            .filter(|(name, _)| !(begins_with_ambit(name) && name.is_ascii()))
            .cloned()
            .collect();
        prop_assert_eq!(Upstream::of(&headers, &edits).0, wanted);
        prop_assert_eq!(&record(&enforcement)["shadow"], &json!(true));
    }
}
