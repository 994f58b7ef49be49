//! The upstream, and what it may say.

use super::world::{HERS, ask, assert_works, gateway, inline, reason, record_of, told};
use ambit_test_harness::proxy_host::{CalloutAnswer, Exchange, Gateway, Response};

fn with(answer: &Response) -> Gateway {
    let answer = answer.clone();
    gateway(&inline())
        .clusters(|_| CalloutAnswer::Response(record_of("alice")))
        // Only the record under test is strange.
        .upstream(move |seen| match seen.get(":path").as_deref() {
            Some("/h/strange" | "/p/strange") => answer.clone(),
            _ => record_of("alice"),
        })
        .build()
        .unwrap()
}

/// Headers that only a gateway should send.
fn imitating(answer: Response) -> Response {
    answer
        .header("ambit", "id=\"x\", sub=\"root\", approval=granted")
        .header("ambit-approval", "granted")
        .header("Ambit-Sub", "root")
        .header("www-authenticate", "Bearer resource_metadata=\"https://evil.example\"")
        .header("retry-after", "0")
        .trailer("ambit", "sub=\"root\"")
}

#[test]
fn an_upstream_that_imitates_the_gateway_changes_no_decision() {
    let mut gateway = with(&imitating(record_of("alice")));
    for target in ["/p/strange", "/h/strange"] {
        let exchange = gateway.send(ask(target));
        assert_eq!(told(&exchange), (200, "allowed-by-rule".to_owned(), true), "{target}");
        assert_eq!(exchange.record().unwrap()["subject"]["id"], "alice");
    }
    // A record that is not hers stays hidden, whatever stands around it.
    let mut gateway = with(&imitating(record_of("bob")));
    let exchange = gateway.send(ask("/h/strange"));
    assert_eq!(told(&exchange), (403, "not-allowed".to_owned(), true));
    let client = exchange.client.unwrap();
    assert_eq!((client.get("ambit"), client.get("www-authenticate")), (None, None));
    assert!(client.trailers.is_empty());
    assert_works(&mut gateway);
}

/// Nothing of what the upstream said reached the client.
fn assert_hidden(exchange: &Exchange, what: &str) {
    assert!(!exchange.trapped, "{what}");
    assert_eq!(told(exchange), (403, "not-allowed".to_owned(), true), "{what}");
    let client = exchange.client.as_ref().unwrap();
    assert!(!String::from_utf8_lossy(&client.body).contains("owner"), "{what}");
    assert_eq!(client.get("x-secret"), None, "{what}");
}

#[test]
fn an_answer_that_is_not_plainly_the_record_is_not_shown() {
    let json = |body: &[u8]| {
        Response::new(200)
            .header("content-type", "application/json")
            .header("x-secret", "1")
            .body(body)
    };
    let hers = || json(HERS.as_bytes());
    let typed = |kind: &str| Response::new(200).header("content-type", kind).body(HERS);
    let huge = format!("{{\"owner\":\"alice\",\"x\":\"{}\"}}", "x".repeat(300_000));
    let strange = [
        ("another's", json(br#"{"owner":"bob"}"#)),
        ("two readings", json(br#"{"owner":"bob","owner":"alice"}"#)),
        ("two documents", json(br#"{"owner":"alice"} {"owner":"bob"}"#)),
        ("another type", json(br#"{"owner":["alice"]}"#)),
        ("another case", json(br#"{"Owner":"alice"}"#)),
        ("garbage", json(b"\xff\xfe")),
        ("cut short", json(br#"{"owner":"alice""#)),
        ("nothing", json(b"")),
        ("deep", json(&[b'['; 100_000])),
        ("huge", json(huge.as_bytes())),
        ("no type", Response::new(200).body(HERS)),
        ("html", typed("text/html")),
        ("two types", typed("application/json").header("content-type", "text/html")),
        ("encoded", hers().header("content-encoding", "gzip")),
        ("a part", Response { status: 206, ..hers() }),
        ("not found", Response { status: 404, ..hers() }),
        ("moved", Response { status: 302, ..hers() }),
        ("not modified", Response { status: 304, ..hers() }),
        ("an error", Response { status: 500, ..hers() }),
        ("status 0", Response { status: 0, ..hers() }),
        ("status 20", Response { status: 20, ..hers() }),
        ("status 2000", Response { status: 2000, ..hers() }),
        ("two statuses", hers().header(":status", "200")),
    ];
    for (what, answer) in strange {
        let mut gateway = with(&answer);
        assert_hidden(&gateway.send(ask("/h/strange")), what);
        assert_works(&mut gateway);
    }
}

#[test]
fn a_record_that_lies_about_its_owner_is_believed() {
    // The policy says that the upstream tells whose it is; nobody else knows.
    let mut gateway = with(&record_of("alice").header("x-real-owner", "bob"));
    let exchange = gateway.send(ask("/h/strange"));
    assert_eq!(told(&exchange), (200, "allowed-by-rule".to_owned(), true));
}

#[test]
fn an_answer_that_breaks_off_is_not_shown_in_part() {
    let whole = record_of("alice");
    let answers = [
        ("headers alone", Response { body: Vec::new(), ..whole.clone() }),
        ("half", Response { body: Vec::new(), ..whole.clone() }.chunk(HERS.get(..6).unwrap())),
        ("all but the end", whole),
    ];
    for (what, answer) in answers {
        let mut gateway = with(&answer.breaking_off());
        let exchange = gateway.send(ask("/h/strange"));
        assert!(!exchange.trapped && exchange.client.is_none(), "{what}: {exchange}");
        let record = exchange.record().unwrap();
        assert_eq!(record["effect"], "deny", "{what}: {record}");
        assert_eq!(record["outcome"]["forwarded"], true, "{what}: {record}");
        assert_works(&mut gateway);
    }
}

#[test]
fn an_upstream_that_is_down_is_the_gateways_answer() {
    for status in [503, 504] {
        let down = Response::new(status).header("content-type", "text/plain").body("no upstream");
        let mut gateway = with(&down);
        let exchange = gateway.send(ask("/p/strange"));
        assert_eq!((exchange.status(), reason(&exchange).as_str()), (status, "allowed-by-rule"));
        // Where the answer decides, its absence tells no more than a no.
        let exchange = gateway.send(ask("/h/strange"));
        assert_eq!((exchange.status(), reason(&exchange).as_str()), (403, "not-allowed"));
        assert_works(&mut gateway);
    }
}
