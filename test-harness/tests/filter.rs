//! The shipped module where requests meet: many at once on one worker and on several, clients that go
//! away, answers that come late, hosts that hold differently, and a host that breaks at every single
//! call.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit::identity::issue::SigningKey;
use ambit::policy::read::read_yaml;
use ambit_test_harness::proxy_host::{
    Builder, Callout, CalloutAnswer, Exchange, Framing, Gateway, Module, Request, Response,
};
use base64::Engine as _;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::OnceLock;

const NOW: u64 = 1_800_000_000;

fn module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/ambit.wasm");
        let bytes = std::fs::read(path)
            .unwrap_or_else(|_| panic!("dist/ambit.wasm is not there: run `make module`"));
        Module::compile(&bytes).unwrap()
    })
}

/// `/p` needs nothing, `/l` a look-up, `/h` the response, `/a` the body and a person.
const POLICY: &str = include_str!("../../tests/enforced.yaml");

fn key() -> SigningKey {
    SigningKey::es256_from_seed(&[7; 32]).unwrap()
}

fn token(subject: &str) -> String {
    key().sign(
        &json!({ "alg": "ES256", "typ": "at+jwt", "kid": "k1" }),
        &json!({
            "iss": "https://idp.example.com", "sub": subject, "client_id": "bot", "jti": "t",
            "aud": "https://api.example.com", "scope": "*:*", "iat": NOW, "exp": NOW + 300,
        }),
    )
}

fn ask(subject: &str, target: &str) -> Request {
    Request::get(target).header("authorization", format!("Bearer {}", token(subject)))
}

/// A record belongs to whom its id names: `/m/alice-1` to alice.
fn owner(target: &str) -> Response {
    let id = target.rsplit('/').next().unwrap();
    let owner = id.split('-').next().unwrap();
    let body = json!({ "owner": owner, "id": id }).to_string();
    Response::new(200).header("content-type", "application/json").body(body)
}

fn gateway() -> Builder {
    let policy =
        POLICY.replace("JWKS", &format!("{{ inline: {{ keys: [{}] }} }}", key().jwk("k1")));
    Gateway::builder(module())
        .configuration(read_yaml("policy.yaml", &policy).unwrap().to_compiled_json())
        .now(NOW)
        .clusters(|callout: &Callout| CalloutAnswer::Response(owner(&callout.path())))
        .upstream(|seen| owner(&seen.get(":path").unwrap()))
}

fn reason(exchange: &Exchange) -> String {
    let record = exchange.record();
    let reason = record.as_ref().and_then(|record| record.get("reason")).and_then(Value::as_str);
    reason.unwrap_or("no record").to_owned()
}

fn told(exchange: &Exchange) -> String {
    exchange.upstream.as_ref().and_then(|seen| seen.get("ambit")).unwrap_or_default()
}

#[test]
fn requests_that_wait_on_one_worker_are_not_mixed_up() {
    let mut gateway = gateway().clusters(|_| CalloutAnswer::ByHand).build().unwrap();
    let names = ["alice", "bob", "carol", "dave", "erin"];
    // Everybody asks for alice's record, and all wait at the same time.
    let mut open: Vec<_> = names.iter().map(|name| gateway.open(ask(name, "/l/alice-1"))).collect();
    assert!(open.iter().all(|flight| gateway.waiting(flight) == 1));
    // Another request is served meanwhile, and answers come in another order.
    assert_eq!(gateway.send(ask("bob", "/p/1")).status(), 200);
    for flight in open.iter_mut().rev() {
        assert!(gateway.answer(flight, CalloutAnswer::Response(owner("/m/alice-1"))));
    }
    for (name, flight) in names.iter().zip(open) {
        let exchange = gateway.finish(flight);
        let passed = *name == "alice";
        assert_eq!((exchange.status() == 200, exchange.upstream.is_some()), (passed, passed));
        let record = exchange.record().unwrap();
        assert_eq!(record["subject"]["id"], *name, "{record}");
        if passed {
            assert!(told(&exchange).contains("sub=\"alice\""));
        }
    }
}

#[test]
fn a_client_that_goes_away_takes_its_request_with_it() {
    let mut gateway = gateway().clusters(|_| CalloutAnswer::ByHand).build().unwrap();
    for answer in [
        CalloutAnswer::Response(owner("/m/alice-1")),
        CalloutAnswer::Reset,
        CalloutAnswer::late(),
        CalloutAnswer::down(),
    ] {
        let flight = gateway.open(ask("alice", "/l/alice-1"));
        let exchange = gateway.disconnect(flight);
        assert_eq!((exchange.client.is_some(), exchange.upstream.is_some()), (false, false));
        assert_eq!(exchange.record().unwrap()["outcome"]["forwarded"], false);
        // The answer comes when nobody is there, and when another waits.
        let mut other = gateway.open(ask("bob", "/l/bob-2"));
        assert!(gateway.answer_late(answer));
        assert_eq!(gateway.waiting(&other), 1, "another's answer is not this one's");
        assert!(gateway.answer(&mut other, CalloutAnswer::Response(owner("/m/bob-2"))));
        let exchange = gateway.finish(other);
        assert_eq!((exchange.status(), exchange.trapped), (200, false), "{}", reason(&exchange));
        assert!(told(&exchange).contains("sub=\"bob\""), "{}", told(&exchange));
    }
}

#[test]
fn the_end_of_a_body_is_understood_however_it_is_told() {
    let mut digests = Vec::new();
    for framing in [Framing::EndAlone, Framing::EndWithLast] {
        for (chunks, trailer) in
            [(vec!["hello"], false), (vec!["hel", "lo"], false), (vec!["h", "ello"], true)]
        {
            let mut gateway = gateway().framing(framing).build().unwrap();
            let mut request = ask("alice", "/a/1").header(":method", "PUT");
            for chunk in chunks {
                request = request.chunk(chunk);
            }
            if trailer {
                request = request.trailer("ambit-sub", "root");
            }
            let exchange = gateway.send(request);
            assert_eq!((exchange.status(), reason(&exchange).as_str()), (403, "approval-required"));
            let body: Value = serde_json::from_slice(&exchange.client.unwrap().body).unwrap();
            digests.push(body["approval"]["digest"].as_str().unwrap().to_owned());
        }
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);
}

#[test]
fn where_the_host_does_not_hold_headers_a_body_that_decides_never_passes() {
    let mut gateway = gateway().holds_headers(false).build().unwrap();
    for (target, status) in [("/p/1", 200), ("/l/alice-1", 200), ("/h/alice-1", 0)] {
        let exchange = gateway.send(ask("alice", target));
        assert_eq!(exchange.status(), status, "{target}");
    }
    let exchange = gateway.send(ask("alice", "/a/1").header(":method", "PUT").body("x"));
    assert_eq!((exchange.client.is_some(), exchange.upstream.is_some()), (false, false));
    // A look-up before a body that decides nothing: the body comes after the decision.
    let exchange = gateway.send(ask("alice", "/l/alice-1").chunk("a").chunk("b"));
    assert_eq!(exchange.upstream.unwrap().body, b"ab");
}

#[test]
fn a_response_that_decides_is_held_however_it_arrives() {
    let text = json!({ "owner": "alice", "text": "x".repeat(100) }).to_string();
    for framing in [Framing::EndAlone, Framing::EndWithLast] {
        for pieces in [1, 2, 7, 100] {
            for trailer in [false, true] {
                for (subject, status) in [("alice", 200), ("bob", 403)] {
                    let body = text.clone();
                    let answers = gateway().framing(framing).upstream(move |_| {
                        let mut answer =
                            Response::new(200).header("content-type", "application/json");
                        for piece in body.as_bytes().chunks(body.len().div_ceil(pieces)) {
                            answer = answer.chunk(piece);
                        }
                        if trailer { answer.trailer("x-sum", "1") } else { answer }
                    });
                    let exchange = answers.build().unwrap().send(ask(subject, "/h/1"));
                    let client = exchange.client.unwrap();
                    assert_eq!(
                        (client.status, exchange.cut),
                        (status, false),
                        "{pieces} {trailer}"
                    );
                    let whole = client.body == text.as_bytes();
                    assert_eq!(whole, status == 200, "all of it or nothing");
                    assert_eq!(client.trailers.is_empty(), !(trailer && status == 200));
                }
            }
        }
    }
}

#[test]
fn a_response_larger_than_the_host_can_hold_shows_nothing() {
    let large = json!({ "owner": "alice", "text": "x".repeat(9000) }).to_string();
    for limit in [100, 4000, 8900] {
        let body = large.clone();
        let answers = gateway().buffer_limit(limit).upstream(move |_| {
            let answer = Response::new(200).header("content-type", "application/json");
            answer.chunk(&body.as_bytes()[..3000]).chunk(&body.as_bytes()[3000..])
        });
        let exchange = answers.build().unwrap().send(ask("alice", "/h/1"));
        let client = exchange.client.unwrap();
        assert!(client.status >= 400 && !client.body.contains(&b'{'), "{}", client.status);
    }
}

/// Headers that a client may not bring to the upstream.
fn forged(request: Request) -> Request {
    request
        .header("ambit", "sub=\"root\"")
        .header("ambit_sub", "root")
        .header("ambit-id", "x")
        .header("x-http-method-override", "DELETE")
}

/// Whatever breaks, what reached the upstream was allowed and carries nothing of the client's that it
/// may not. Returns whether the module trapped.
fn assert_closed(exchange: &Exchange, good: bool, what: &str) -> bool {
    if let Some(seen) = &exchange.upstream {
        assert!(good, "{what}: a request that must be refused reached the upstream");
        let told: Vec<_> = seen.headers.iter().filter(|(name, _)| name == "ambit").collect();
        let text = told.first().map(|(_, value)| String::from_utf8_lossy(value).into_owned());
        let honest = text.is_some_and(|text| text.contains("sub=\"alice\""));
        assert!(honest && told.len() == 1, "{what}: {:?}", seen.headers);
        for name in ["authorization", "ambit_sub", "ambit-id", "x-http-method-override"] {
            assert_eq!(seen.get(name), None, "{what}");
        }
        assert!(!seen.trailers.iter().any(|(name, _)| name.starts_with("ambit")), "{what}");
    }
    if !good {
        assert!(!(200..400).contains(&exchange.status()), "{what}: {}", exchange.status());
    }
    exchange.trapped
}

/// What is asked after each break: requests that may pass, and ones that must not.
fn conversation() -> Vec<(Request, bool)> {
    vec![
        (forged(ask("alice", "/p/1")), true),
        (forged(ask("alice", "/l/alice-1").chunk("a").trailer("ambit-sub", "root")), true),
        (forged(ask("alice", "/h/alice-1")), true),
        (forged(Request::get("/p/1")), false),
        (forged(ask("alice", "/l/bob-1")), false),
        (forged(ask("alice", "/nothing")), false),
        (forged(ask("alice", "/a/1").header(":method", "PUT").body("x")), false),
    ]
}

#[test]
fn a_host_that_breaks_at_any_single_call_opens_nothing() {
    let mut probe = gateway().build().unwrap();
    for (request, good) in conversation() {
        let exchange = probe.send(request);
        assert!(!assert_closed(&exchange, good, "unbroken"));
        assert_eq!(exchange.upstream.is_some(), good, "{}", reason(&exchange));
    }
    // What the SDK wraps with a panic may end the worker, which closes it.
    let fatal = [
        "proxy_http_call",
        "proxy_set_effective_context",
        "random_get",
        "environ_get",
        "environ_sizes_get",
    ];
    let (mut breaks, mut traps) = (0, 0);
    for (import, count) in probe.calls_made() {
        for nth in 0..count {
            for status in [1, 2, 10] {
                let built = gateway().fault_once(&import, nth, status).build();
                // A module that cannot start does not serve.
                let Ok(mut gateway) = built else { continue };
                breaks += 1;
                for (number, (request, good)) in conversation().into_iter().enumerate() {
                    let what = format!("{import} {nth} answers {status}, request {number}");
                    let exchange = gateway.send(request);
                    if assert_closed(&exchange, good, &what) {
                        assert!(
                            fatal.contains(&import.as_str()),
                            "{what}: {:?}",
                            gateway.logs().last()
                        );
                        traps += 1;
                    }
                }
            }
        }
    }
    assert!(breaks > 150, "only {breaks} breaks were tried");
    assert!(traps < breaks, "{traps} traps");
}

#[test]
fn workers_on_threads_answer_alike_and_count_together() {
    let mut gateway = gateway().workers(4).build().unwrap();
    let rounds = 12;
    let mine = || (0..rounds).flat_map(|_| conversation()).map(|(request, _)| request).collect();
    let answers = gateway.send_at_once((0..4).map(|_| mine()).collect());
    let wanted: Vec<bool> = conversation().into_iter().map(|(_, good)| good).collect();
    let mut ids = Vec::new();
    for exchanges in &answers {
        assert_eq!(exchanges.len(), rounds * wanted.len());
        for (exchange, good) in exchanges.iter().zip(wanted.iter().cycle()) {
            assert!(!assert_closed(exchange, *good, "on threads"));
            assert_eq!(exchange.upstream.is_some(), *good);
            ids.push(exchange.record().unwrap()["id"].as_str().unwrap().to_owned());
        }
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "no two records have one id");
    gateway.advance(1);
    let metrics = gateway.metrics();
    let counted: i64 =
        metrics.iter().filter(|(name, _)| name.starts_with("ambit")).map(|(_, n)| n).sum();
    assert!(counted >= i64::try_from(all).unwrap(), "{metrics:?}");
}

/// Requests of about `size` bytes that make work.
fn laborious(size: usize) -> Vec<(&'static str, Request)> {
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let get = |target: String| Request::get(&target);
    let bearer =
        |token: String| Request::get("/p/1").header("authorization", format!("Bearer {token}"));
    let members: Vec<String> =
        (0..size / 10).map(|number| format!("\"{number}\":{number}")).collect();
    let wide = encode(&format!("{{{}}}", members.join(",")));
    let deep = encode(&"[".repeat(size / 2));
    let mut many = Request::get("/p/1");
    for number in 0..size / 20 {
        many = many.header(&format!("ambit-{number}"), "x").header("x-dup", "yyyy");
    }
    let put = |body: String| ask("alice", "/a/1").header(":method", "PUT").body(body);
    vec![
        ("segments", get(format!("/p/{}", "a/".repeat(size / 2)))),
        ("escapes", get(format!("/p/{}", "%41".repeat(size / 3)))),
        ("parameters", get(format!("/p/1?{}", "a=1&".repeat(size / 4)))),
        ("escaped parameters", get(format!("/p/1?{}", "%61=1&".repeat(size / 6)))),
        ("a wide token", bearer(format!("{wide}.{wide}.x"))),
        ("a deep token", bearer(format!("{deep}.{deep}.x"))),
        ("a token of dots", bearer(".".repeat(size))),
        ("headers", many),
        ("a host", Request::get("/p/1").header(":authority", "a.".repeat(size / 2))),
        ("a deep body", put("[".repeat(size))),
        ("a body of escapes", put(format!("\"{}", "\\u0041".repeat(size / 6)))),
    ]
}

#[test]
fn the_work_of_a_callback_grows_no_faster_than_what_it_is_given() {
    let mut gateway = gateway().build().unwrap();
    let mut took = |request: Request, what: &str| {
        gateway.take_most_fuel();
        let exchange = gateway.send(request);
        assert!(!exchange.trapped && exchange.upstream.is_none(), "{what}: {exchange}");
        gateway.take_most_fuel()
    };
    for ((what, small), (_, large)) in laborious(4_000).into_iter().zip(laborious(40_000)) {
        let (small, large) = (took(small, what), took(large, what));
        assert!(large < small.saturating_mul(14), "{what}: {small}, of ten times as much {large}");
        // A second holds some billions.
        assert!(large < 60_000_000, "{what}: {large}");
    }
}
